"""Twelve kinds of machines that open links: mail gateways, unfurlers, crawlers, sandboxes that press buttons.

Each gets a campaign of its own and a real HTTP server. Afterwards the whole database is compared: nothing
may differ but `opened` entries of the audit, and drafts, which decide nothing and hold no choice that
nobody made.
"""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx

from tests.approvals.check import Plan, Row
from tests.approvals.reader import PageText
from tests.approvals.scene import Scene
from tests.browser.live import live_scene

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@dataclass
class Visitor:
    """An HTTP client that keeps what it was answered; `base_url` is where the approval page lives."""

    base_url: str
    url: str
    client: httpx.Client
    answers: list[httpx.Response]

    def ask(self, method: str, url: str | None = None, **more: Any) -> httpx.Response:
        answer = self.client.request(method, url or self.url, **more)
        self.answers.append(answer)
        return answer

    def press(self, page: httpx.Response, action: str, **fields: str) -> httpx.Response:
        """Send the form of a page by one of its buttons, as a browser would: only what is filled in or checked."""
        found = PageText(page.text)
        data = {**found.fields, **found.checked, **fields, "action": action}
        return self.ask("POST", str(page.url), data=data, headers={"Origin": self.base_url})


def looks_at_the_head(visitor: Visitor) -> None:
    visitor.ask("HEAD")


def opens_without_cookies(visitor: Visitor) -> None:
    entered = visitor.ask("GET", follow_redirects=False)
    visitor.client.cookies.clear()
    visitor.ask("GET", entered.headers["location"])


def opens_fifty_times(visitor: Visitor) -> None:
    for _ in range(50):
        visitor.ask("GET")


def opens_from_many_places_at_once(visitor: Visitor) -> None:
    def one(number: int) -> list[httpx.Response]:
        agent = {"User-Agent": f"Mozilla/5.0 (compatible; SafeLinks/{number})"}
        with httpx.Client(base_url=visitor.base_url, headers=agent, follow_redirects=True) as client:
            return [client.get(visitor.url), client.get(visitor.url)]

    with ThreadPoolExecutor(8) as pool:
        for answers in pool.map(one, range(8)):
            visitor.answers += answers


def prefetches(visitor: Visitor) -> None:
    for headers in ({"Sec-Purpose": "prefetch;prerender"}, {"Purpose": "prefetch"}, {"X-Moz": "prefetch"}):
        visitor.ask("GET", headers=headers)


def asks_for_a_part(visitor: Visitor) -> None:
    for part in ("bytes=0-0", "bytes=0-1023", "bytes=-1", "bytes=9999999-"):
        visitor.ask("GET", headers={"Range": part, "If-None-Match": "*"})


def asks_what_is_allowed(visitor: Visitor) -> None:
    for method in ("OPTIONS", "TRACE", "PROPFIND", "REPORT", "SEARCH"):
        visitor.ask(method, headers={"Access-Control-Request-Method": "POST", "Origin": "https://evil.example"})


def follows_every_link(visitor: Visitor) -> None:
    """A crawler, which also knows the step that only the form leads to."""
    page = visitor.ask("GET")
    here = str(page.url)
    links = {urljoin(here, link) for link in PageText(page.text).links}
    links |= {f"{here}?step=send", f"{here}?page=2", f"{here}?step=send&confirm=yes&d.1=approved&action=send"}
    for link in sorted(links):
        if urlsplit(link).netloc == urlsplit(here).netloc:
            visitor.ask("GET", link)


def presses_the_first_button(visitor: Visitor) -> None:
    """A sandbox that runs scripts and submits the first form it sees, again and again."""
    page = visitor.ask("GET")
    for _ in range(5):
        buttons = [button for button in PageText(page.text).buttons if not button.startswith("page:")]
        if not buttons:
            return
        page = visitor.press(page, buttons[0])


def presses_every_button(visitor: Visitor) -> None:
    """Walks through all forms by all of their buttons, and fills in nothing."""
    pages = [visitor.ask("GET")]
    for _ in range(4):
        reached = []
        for page in pages:
            for button in sorted(set(PageText(page.text).buttons)):
                answer = visitor.press(page, button)
                if answer.status_code == 200:
                    reached.append(answer)
        pages = reached[:4]


def posts_the_address(visitor: Visitor) -> None:
    """Repeats every address as a POST, with nothing, with what the address says, or with something else."""
    page = str(visitor.ask("GET").url)
    origin = {"Origin": visitor.base_url}
    for url in (visitor.url, page, f"{page}?action=send&confirm=yes&decision=approved&d.1=approved&d.2=approved"):
        visitor.ask("POST", url, headers=origin)
        visitor.ask("POST", url, headers={**FORM, **origin}, content=b"")
        visitor.ask("POST", url, headers={**FORM, **origin}, content=b"action=send&confirm=yes&d.1=approved")
        visitor.ask("POST", url, headers=origin, json={"decision": "approved"})
        visitor.ask("POST", url, headers=origin, files={"action": b"send"})
        visitor.ask("POST", url, headers={**origin, "Content-Type": "text/plain"}, content=b"action=send")
        visitor.ask("POST", url, headers={"Origin": "https://evil.example", **FORM}, content=b"action=send")


def rewrites_the_address(visitor: Visitor) -> None:
    """Gateways that change an address before they try it: none of these is the link, and some still are."""
    url = visitor.url
    for other in (
        url.upper(), url.lower(), url + ".", url + ")", url[:-1], url.replace("token=", "token=%20"), url + "%0d%0a",
        url.replace("&", "&amp;"), url.partition("?")[0], url.replace("?", "?utm_source=mail&"),
        url + "&decision=approved", url.replace("nonce=", "Nonce="), url.replace("/approve/", "/approve//"),
        url + "#approved",
    ):  # fmt: skip
        visitor.ask("GET", other)


PROFILES: Mapping[str, Callable[[Visitor], None]] = {
    profile.__name__: profile
    for profile in (
        looks_at_the_head, opens_without_cookies, opens_fifty_times, opens_from_many_places_at_once, prefetches,
        asks_for_a_part, asks_what_is_allowed, follows_every_link, presses_the_first_button, presses_every_button,
        posts_the_address, rewrites_the_address,
    )
}  # fmt: skip

BLIND = frozenset({"looks_at_the_head", "opens_without_cookies", "asks_what_is_allowed"})
"""Profiles that never come to see the page."""


def stored(scene: Scene) -> dict[tuple[str, str], str]:
    """Return all that the store holds of the campaign, but for its audit and its drafts."""
    with sqlite3.connect(scene.home / "store.db") as database:
        rows = database.execute("SELECT pk, sk, item FROM items").fetchall()
    return {
        (pk, sk): item
        for pk, sk, item in rows
        if scene.campaign.id in f"{pk}{item}" and not sk.startswith(("audit", "draft"))
    }


def scan(scene: Scene, profile: Callable[[Visitor], None]) -> list[httpx.Response]:
    """Let one profile loose on a fresh campaign of the scene.

    Raises:
        AssertionError: something changed, or the profile did not see what it was to see.
    """
    scene.stand_up(posts=3)
    before, audit = stored(scene), scene.audit()
    with httpx.Client(base_url=scene.base_url, follow_redirects=True, timeout=60) as client:
        visitor = Visitor(scene.base_url, scene.url(), client, [])
        profile(visitor)
    if profile is presses_the_first_button:
        assert scene.store.drafts.get(scene.round(), "ap-1") is None, "a draft of choices nobody made"
    with httpx.Client(base_url=scene.base_url, follow_redirects=True, timeout=60) as person:
        opened = PageText(person.get(scene.url()).text)
    assert not opened.checked, f"chosen for the person who comes next: {opened.checked}"
    changed = {key for key in {**before, **stored(scene)} if before.get(key) != stored(scene).get(key)}
    assert not changed, f"changed: {sorted(changed)}"
    entries = scene.store.audit.entries(scene.campaign.tenant_id, scene.campaign.id)[len(audit) :]
    assert all(entry.action == "opened" and entry.details["verified"] is False for entry in entries), entries
    assert any(seen(answer) for answer in visitor.answers) is (profile.__name__ not in BLIND), "the page was not seen"
    return visitor.answers


def seen(answer: httpx.Response) -> bool:
    return answer.status_code == 200 and 'name="csrf"' in answer.text


def scanners(plan: Plan) -> Row:
    """12 scanner profiles over HTTP: no change of state, no 5xx."""
    row, changes = Row("scanners: 12 profiles over HTTP"), 0
    with tempfile.TemporaryDirectory() as home, live_scene(Path(home)) as scene:
        for name, profile in PROFILES.items():
            try:
                answers = scan(scene.another(name), profile)
            except AssertionError as error:
                changes += 1
                row.tried(False, f"{name}: {error}")
                continue
            for answer in answers:
                row.tried(answer.status_code < 500, f"{name}: {answer.request.method} answered {answer.status_code}")
    row.note = f"{len(PROFILES)} profiles, {changes} changes of state"
    return row
