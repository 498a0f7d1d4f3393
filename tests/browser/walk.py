"""A campaign in three stages on the real product, walked as three people: `make walk`, with pictures.

The stack is that of `make demo`: Prefect server, worker and API as processes. An editor reads on a desk, legal on a
desk whose browser runs no script, the client on a phone. Legal rewrites a post, so the editor is asked again about
that one; the client moves one, so both are. Before anybody opens a link, machines that read mail have tried it.
"""

from __future__ import annotations

import argparse
import email
import email.policy
import re
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any, Final

import httpx
from playwright.sync_api import Browser, BrowserContext, Error, Page, expect, sync_playwright

from api.auth.identity import SCOPES, mint
from campaigns.keys.keyring import KeyRing
from campaigns.rules.freshen import moved_ahead
from deployments.local.stack import LocalStack, seed
from tests.approvals.scanners import PROFILES, Visitor
from tests.browser.live import launch
from tests.browser.scanners import SCANNERS
from tests.browser.screenshots import keep
from tests.samples import sample

TENANT: Final = "fernwood"
PATIENCE: Final = 180
SLOW: Final = 30_000
"""Milliseconds that a page may take on a busy machine."""
DESKTOP: Final[dict[str, Any]] = {"viewport": {"width": 1280, "height": 900}}
PHONE: Final[dict[str, Any]] = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
EDITOR, LEGAL, CLIENT = "Ana Ribeiro", "Ben Okafor", "Clara Weiss"
ADDRESS: Final = {EDITOR: "ana@agency.example", LEGAL: "ben@legal.example", CLIENT: "clara@client.example"}
FOR_LEGAL: Final = "Lovely. Legal, please look at what we promise."
FROM_LEGAL: Final = "Said more carefully in one post. The rest is fine."
DECIDED: Final = ("campaign", "post", "revision", "round", "decision", "used-answer")
"""What is stored of an approval; all else is the audit, drafts, and what the motor keeps for itself."""
_LINK: Final = re.compile(r"https?://[^\s\"'<>]+")


class WalkError(RuntimeError):
    """The walk could not go on; the message says where it was."""


@dataclass
class Walk:
    """What a walker has at hand, and what was seen on the way."""

    stack: LocalStack
    team: httpx.Client
    browser: Browser
    folder: Path | None
    campaign_id: str = ""
    seen: list[str] = field(default_factory=list)
    read: set[Path] = field(default_factory=set)
    networks: int = 0
    shown: int = 0
    """How many pictures there are of earlier moments."""

    def say(self, text: str) -> None:
        self.seen.append(text)
        print(text, flush=True)

    def campaign(self) -> dict[str, Any]:
        return dict(self.team.get(f"/campaigns/{self.campaign_id}").raise_for_status().json())

    def posts(self) -> list[dict[str, Any]]:
        return list(self.team.get(f"/campaigns/{self.campaign_id}/posts").raise_for_status().json()["items"])

    def eventually(self, what: str, read: Callable[[], Any]) -> Any:
        """Wait until something is there.

        Raises:
            WalkError: it was not within the patience of the walk, or a process died.
        """
        deadline = time.monotonic() + PATIENCE
        while not (found := read()):
            if time.monotonic() > deadline or self.stack.dead():
                raise WalkError(f"waited for {what}; {self.campaign().get('status')}\n{self.stack.tail('worker')}")
            time.sleep(0.3)
        return found

    def mail_to(self, person: str) -> EmailMessage:
        """Return the next mail about this campaign to a person that asks for a decision."""
        return self.eventually(f"a mail to {person}", lambda: next(self._unread(person), None))

    def _unread(self, person: str) -> Iterator[EmailMessage]:
        mails = sorted(
            (self.stack.home / "mail").glob(f"*{self.campaign_id}*.eml"), key=lambda each: each.stat().st_mtime
        )
        for path in mails:
            if path in self.read:
                continue
            message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
            assert isinstance(message, EmailMessage)
            if ADDRESS[person] in str(message["To"]):
                self.read.add(path)
                if any("/approve/" in link for link in links_of(message)):
                    yield message

    def sits_down(self, device: dict[str, Any], **settings: Any) -> BrowserContext:
        return self.browser.new_context(
            reduced_motion="reduce", locale="en-GB", extra_http_headers=self.elsewhere(), **device, **settings
        )

    def elsewhere(self) -> dict[str, str]:
        """Return what says that a request comes from a network of its own, as a proxy would."""
        self.networks += 1
        return {"X-Forwarded-For": f"100.64.{self.networks}.1"}

    def picture(self, page: Page, name: str, look: str = "") -> None:
        """Keep what one sees, in light and dark, numbered in the order of the walk."""
        self.shown += 1
        if self.folder is not None:
            for scheme in ("light", "dark"):
                page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
                width = page.viewport_size["width"] if page.viewport_size else 0
                keep(page, self.folder / f"walk-{self.shown}-{name}{'-dark' * (scheme == 'dark')}-{width}.png", look)
            page.emulate_media(color_scheme="light")


def links_of(message: EmailMessage) -> list[str]:
    """Return every address that a mail holds, in its text and in its HTML."""
    parts = [part.get_content() for part in message.walk() if part.get_content_maintype() == "text"]
    return list(
        dict.fromkeys(link.rstrip(".,)").replace("&amp;", "&") for part in parts for link in _LINK.findall(part))
    )


def staged_brief() -> dict[str, Any]:
    """Return the sample brief of one week for an editor, legal and the client."""
    brief: dict[str, Any] = moved_ahead(sample("spring-harvest.json"), datetime.now(UTC).date() + timedelta(days=14))
    start = datetime.fromisoformat(brief["schedule"]["startDate"])
    brief["schedule"] |= {"endDate": f"{start + timedelta(days=11):%Y-%m-%d}"}
    stages = [("Editor", EDITOR), ("Legal", LEGAL), ("Client", CLIENT)]
    brief["approval"] = {
        "allowEdits": True,
        "allowMoves": True,
        "stages": [
            {"name": name, "approvers": [{"name": who, "email": ADDRESS[who]}], "expiresInHours": 24}
            for name, who in stages
        ],
    }
    return brief


def whole_walk(walk: Walk) -> None:
    """Go from the brief to the calendar."""
    answer = walk.team.post("/campaigns", json=staged_brief())
    if answer.status_code != 202:
        raise WalkError(f"POST /campaigns answered {answer.status_code}: {answer.text}")
    walk.campaign_id = answer.json()["id"]
    walk.say(f"campaign {walk.campaign_id}, run {answer.json()['executionId']}")
    the_editor_approves(walk, scanned(walk, EDITOR))
    legal_rewrites_a_post(walk, scanned(walk, LEGAL))
    is_asked_again(walk, scanned(walk, EDITOR), EDITOR, PHONE)
    the_client_moves_a_post(walk, scanned(walk, CLIENT))
    is_asked_again(walk, scanned(walk, EDITOR), EDITOR, PHONE)
    is_asked_again(walk, scanned(walk, LEGAL), LEGAL, DESKTOP, script=False)
    the_calendar_is_there(walk)


# --- machines that read mail --------------------------------------------------------------------------


def scanned(walk: Walk, person: str) -> str:
    """Let every machine loose on every link of the next mail to a person; return the link of the review."""
    links = links_of(walk.mail_to(person))
    before = decided(walk)
    for link in links:
        for profile in PROFILES.values():
            with httpx.Client(
                base_url=walk.stack.api_url, headers=walk.elsewhere(), follow_redirects=True, timeout=60
            ) as client:
                profile(Visitor(walk.stack.api_url, link, client, []))
    review = next(link for link in links if "/approve/" in link)
    for press in SCANNERS.values():
        with walk.sits_down(DESKTOP) as context, suppress(Error):  # there is nothing to press, or it leads nowhere
            page = context.new_page()
            page.goto(review)
            press(page)
    after = decided(walk)
    changed = [key for key in {**before, **after} if before.get(key) != after.get(key)]
    if changed:
        raise WalkError(f"machines on the links of {person} changed {changed}")
    walk.say(
        f"{person}: {len(links)} links, {len(PROFILES)} kinds of machines and {len(SCANNERS)} browsers decide nothing"
    )
    return review


def decided(walk: Walk) -> dict[str, str]:
    """Return all that is stored of the campaign, but for its audit and drafts, and what the motor keeps for itself."""
    with sqlite3.connect(walk.stack.home / "store.db") as database:
        rows = database.execute("SELECT sk, item FROM items WHERE pk LIKE ?", (f"%{walk.campaign_id}%",)).fetchall()
    return {
        sk: item for sk, item in rows if sk.startswith(("campaign", "post", "revision", "round", "decision", "used"))
    }


# --- three people -------------------------------------------------------------------------------------


def the_editor_approves(walk: Walk, link: str) -> None:
    """On a desk, with a script: everything is fine, and legal is told what to look at."""
    with walk.sits_down(DESKTOP) as context:
        page = context.new_page()
        page.goto(link)
        expect(page.locator(".stages [aria-current=step]")).to_contain_text("1 of 3: Editor")
        walk.picture(page, "editor")
        everything_else_is_fine(page)
        send(page, FOR_LEGAL)
        expect(page.locator("main")).to_contain_text(f"Legal ({LEGAL})")
        walk.picture(page, "editor-receipt")
    walk.say(f"{EDITOR} approved")


def legal_rewrites_a_post(walk: Walk, link: str) -> None:
    """On a desk, without a script: one post is said in other words."""
    with walk.sits_down(DESKTOP, java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(link)
        expect(page.locator(".stages [aria-current=step]")).to_contain_text("2 of 3: Legal")
        expect(page.locator(".stages")).to_contain_text(FOR_LEGAL)
        number = first_free(page)
        post = page.locator(f"#p{number}")
        post.locator(".own summary").first.click()
        own = page.get_by_label(f"Post {number} in your words")
        own.fill(reworded(own.input_value()))
        walk.picture(page, "legal", f"#v-{number}")
        everything_else_is_fine(page)
        expect(page.locator("main")).to_contain_text("In your words")
        walk.picture(page, "legal-summary")
        send(page, FROM_LEGAL)
        walk.picture(page, "legal-receipt")
    post_now = next(each for each in walk.posts() if each["number"] == number)
    assert "with care" in post_now["content"]["text"], post_now
    walk.say(f"{LEGAL} rewrote post {number} and approved")


def reworded(text: str) -> str:
    """Return a text with another last sentence."""
    return f"{text.rstrip()} Picked with care."


def is_asked_again(walk: Walk, link: str, person: str, device: dict[str, Any], *, script: bool = True) -> None:
    """About one post that somebody after them has changed; the others stay approved."""
    with walk.sits_down(device, java_script_enabled=script) as context:
        page = context.new_page()
        page.goto(link)
        assert page.locator("fieldset.verdict").count() == 1
        walk.picture(page, "asked-again")
        page.locator("fieldset.verdict .approved input").check(force=True)
        walk.picture(page, "asked-again-post", ".post:not(.locked)")
        page.locator(".bar .first").click()
        expect(page.locator("#confirm")).to_be_visible()
        send(page)
    walk.say(f"{person} approved what was changed")


def the_client_moves_a_post(walk: Walk, link: str) -> None:
    """On a phone, with a script: a post goes out at another time."""
    before = {post["id"]: post["scheduledAt"] for post in walk.posts()}
    with walk.sits_down(PHONE) as context:
        page = context.new_page()
        page.goto(link)
        expect(page.locator(".stages [aria-current=step]")).to_contain_text("3 of 3: Client")
        walk.picture(page, "client", ".stages")
        number = first_free(page)
        post = page.locator(f"#p{number}")
        post.locator(".own summary").last.click()
        post.locator(".own select").select_option(index=1)
        walk.picture(page, "client-moves", f"#v-{number}")
        everything_else_is_fine(page)
        expect(page.locator("main")).to_contain_text("Moved to")
        send(page, "")
        expect(page.locator("main")).to_contain_text("First it goes back to Editor")
        walk.picture(page, "client-receipt")
    moved = [post["number"] for post in walk.posts() if before[post["id"]] != post["scheduledAt"]]
    assert moved == [number] or len(moved) == 1, moved
    walk.say(f"{CLIENT} moved post {number} and approved")


def the_calendar_is_there(walk: Walk) -> None:
    campaign = walk.eventually("the end of the campaign", lambda: (c := walk.campaign())["status"] == "completed" and c)
    posts = walk.posts()
    assert {post["review"]["state"] for post in posts} == {"approved"}, posts
    walk.say(f"campaign {campaign['status']}, {len(posts)} posts approved")


def first_free(page: Page) -> int:
    """Return the number of the first post that this person may approve."""
    legend = page.locator("fieldset.verdict:has(.approved)").first.get_attribute("id") or ""
    return int(legend.removeprefix("v-"))


def everything_else_is_fine(page: Page) -> None:
    page.get_by_role("button", name="Approve the rest").click()
    expect(page.get_by_role("status")).to_contain_text("Nothing has been sent yet")
    page.locator(".bar .first").click()
    expect(page.locator("#confirm")).to_be_visible()


def send(page: Page, comments: str = "") -> None:
    page.locator("#comments").fill(comments)
    page.locator("#confirm").check()
    page.get_by_role("button", name="Send decision").click()
    expect(page.locator(".recorded")).to_be_visible()


# --- the stack ----------------------------------------------------------------------------------------


def walked(home: Path, folder: Path | None) -> Walk:
    """Walk once on a stack of its own; return what was seen.

    Raises:
        WalkError: it did not get to its end.
        AssertionError: a page, the store or the calendar is not as it has to be.
    """
    expect.set_options(timeout=SLOW)
    with LocalStack(home).start() as stack, sync_playwright() as playwright:
        seed(stack.env, TENANT)
        ring = KeyRing.parse(stack.env["CAMPAIGNS_API_KEYS"])
        token = mint(
            ring, tenant_id=TENANT, subject="walk", scopes=SCOPES, ttl=timedelta(hours=1), now=datetime.now(UTC)
        )
        browser = launch(playwright)
        with httpx.Client(base_url=stack.api_url, headers={"Authorization": f"Bearer {token}"}, timeout=60) as team:
            walk = Walk(stack, team, browser, folder)
            whole_walk(walk)
        browser.close()
        return walk


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("folder", nargs="?", type=Path, help="where pictures are kept; none without")
    folder: Path | None = parser.parse_args().folder
    with tempfile.TemporaryDirectory() as home:
        walked(Path(home), folder)


if __name__ == "__main__":
    sys.exit(main())
