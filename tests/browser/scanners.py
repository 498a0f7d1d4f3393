"""Mail scanners that run scripts: they open a link in a browser of their own and press what they find first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final

from playwright.sync_api import Browser, Error, Page

from campaigns.model.vocabulary import CampaignStatus
from tests.approvals.scanners import stored
from tests.approvals.scene import ANA, BEN, Scene
from tests.browser.states import second_round_url


def _ran(script: str) -> Callable[[Page], None]:
    def act(page: Page) -> None:
        with page.expect_navigation(timeout=3000):
            page.evaluate(script)

    return act


def _clicks(page: Page) -> None:
    page.locator("button:visible:not(.vh)").first.click(timeout=3000)
    page.wait_for_load_state()


def _presses_enter(page: Page) -> None:
    page.locator("form input:visible:not([form])").first.press("Enter", timeout=3000)
    page.wait_for_load_state()


SCANNERS: Final[Mapping[str, Callable[[Page], None]]] = {
    "clicks the first button that is to be seen": _clicks,
    "clicks the first button of the page": _ran("document.querySelector('button').click()"),
    "submits the first form": _ran("document.forms[0].requestSubmit()"),
    "submits the first form past its buttons": _ran("document.forms[0].submit()"),
    "presses Enter in the first field": _presses_enter,
    "clicks the first button again and again": lambda page: [_clicks(page) for _ in range(4)] and None,
}


def _open(scene: Scene) -> str:
    return scene.stand_up(posts=3).url()


def _many(scene: Scene) -> str:
    return scene.stand_up(posts=25).url()


def _waiting(scene: Scene) -> str:
    scene.stand_up(posts=2, approvers=[ANA.to_wire(), BEN.to_wire()], quorum="all")
    scene.decide(1)
    return scene.url(2)


def _decided(scene: Scene) -> str:
    scene.stand_up(posts=2)
    url = scene.url()
    scene.decide()
    return url


def _cancelled(scene: Scene) -> str:
    url = scene.stand_up(posts=2).url()
    scene.move(CampaignStatus.CANCELLED)
    return url


STATES: Final[Mapping[str, Callable[[Scene], str]]] = {
    "an open review": _open,
    "a review of two pages": _many,
    "a second round": second_round_url,
    "a review that others began": _waiting,
    "a decided review": _decided,
    "a cancelled review": _cancelled,
}


def press(browser: Browser, scene: Scene, state: str, scanner: str) -> tuple[list[tuple[str, str]], int]:
    """Let a scanner loose on a state; return the keys of the store that differ afterwards, and the forms it sent."""
    before_time = scene.clock.now
    scene = scene.another(f"{scanner} {state}")
    url = STATES[state](scene)
    before = stored(scene)
    page = browser.new_context(reduced_motion="reduce").new_page()
    sent: list[str] = []
    page.on("request", lambda request: request.method == "POST" and sent.append(request.url))
    try:
        page.goto(url)
        with suppress(Error):  # there is nothing to press, or it leads nowhere
            SCANNERS[scanner](page)
    finally:
        page.context.close()
        scene.clock.now = before_time
    after = stored(scene)
    return [key for key in {**before, **after} if before.get(key) != after.get(key)], len(sent)
