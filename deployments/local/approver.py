"""Decides through an approval link as a person would: open, fill in the forms, send, read the receipt."""

from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

import httpx


class LinkRefusedError(RuntimeError):
    """The page did not take the decision."""


class _Page(HTMLParser):
    """The first form of a page with its fields, and the heading."""

    def __init__(self) -> None:
        super().__init__()
        self.action: str | None = None
        self.fields: dict[str, str] = {}
        self.choices: dict[str, list[str]] = {}
        self.boxes: dict[str, str] = {}
        self.buttons: list[str] = []
        self.heading = ""
        self._inside = False
        self._in_heading = False
        self._textarea: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        if tag == "h1":
            self._in_heading = True
        if tag == "form" and self.action is None:
            self.action, self._inside = attributes.get("action", ""), True
        if not self._inside or "form" in attributes:
            return
        name, value = attributes.get("name", ""), attributes.get("value", "")
        if tag == "input" and attributes.get("type") == "radio":
            self.choices.setdefault(name, []).append(value)
        elif tag == "input" and attributes.get("type") == "checkbox":
            if "required" in attributes:
                self.boxes[name] = value
        elif tag == "input" and name:
            self.fields[name] = value
        elif tag == "textarea" and name:
            self.fields[name] = ""
            self._textarea = name
        elif tag == "button" and name == "action":
            self.buttons.append(value)

    def handle_endtag(self, tag: str) -> None:
        if tag == "h1":
            self._in_heading = False
        if tag == "form":
            self._inside = False
        if tag == "textarea":
            self._textarea = None

    def handle_data(self, data: str) -> None:
        if self._in_heading:
            self.heading += data
        if self._textarea:
            self.fields[self._textarea] += data

    def filled(self, decision: str, comment: str) -> dict[str, str]:
        """Return the form with the same decision on every post, ready to go on."""
        fields = {**self.fields, **self.boxes}
        for name, values in self.choices.items():
            fields[name] = decision if decision in values else "rejected"
        if "comments" in fields and comment:
            fields["comments"] = comment
        nexts = [value for value in self.buttons if value.startswith("page:")]
        page = int(fields.get("page", "1"))
        on = next((value for value in nexts if int(value[5:]) > page), None)
        fields["action"] = "send" if "send" in self.buttons else on or "review"
        return fields


def decide_by_link(link: str, decision: str, *, comment: str = "", browser: httpx.Client | None = None) -> str:
    """Decide for the whole campaign, the same for every post, and return the heading of the receipt.

    Args:
        link: the approval link as it was sent.
        decision: approved, rejected or needs_revision.
        comment: needed to reject or to ask for changes.
        browser: keeps the cookies; a fresh one when not given.

    Raises:
        LinkRefusedError: the page did not lead to a receipt; the message holds what it said.
    """
    if browser is None:
        with httpx.Client(timeout=30) as fresh:
            return decide_by_link(link, decision, comment=comment, browser=fresh)
    answer = browser.get(link, follow_redirects=True)
    for _ in range(30):  # the pages of the review, 25 of 500 posts, its summary, the receipt
        page = _Page()
        page.feed(answer.text)
        if not answer.is_success:
            raise LinkRefusedError(f"{answer.status_code}: {page.heading.strip() or answer.text[:200]}")
        if page.action is None:
            return page.heading.strip()
        target = urljoin(str(answer.url), page.action)
        origin = "{0.scheme}://{0.netloc}".format(urlsplit(target))
        fields = page.filled(decision, comment)
        answer = browser.post(target, data=fields, headers={"Origin": origin}, follow_redirects=True)
    raise LinkRefusedError("the form came back; the decision was not taken")
