"""One real Chromium and one live scene for all pages; a campaign of its own for each test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.approvals.scene import Scene
from tests.browser.live import launch, live_scene

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
DESKTOP = {"viewport": {"width": 1280, "height": 900}}

Visitor = Callable[..., Page]


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """A machine without Chromium fails here, with what to install."""
    with sync_playwright() as playwright:
        started = launch(playwright)
        yield started
        started.close()


@pytest.fixture(scope="package")
def live(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with live_scene(tmp_path_factory.mktemp("live")) as scene:
        yield scene


@pytest.fixture
def scene(live: Scene, request: pytest.FixtureRequest) -> Iterator[Scene]:
    """A campaign that nobody else looks at; time goes back afterwards."""
    before = live.clock.now
    yield live.another(request.node.nodeid)
    live.clock.now = before


@pytest.fixture
def visitor(chromium: Browser) -> Iterator[Visitor]:
    """Somebody with a browser of their own: cookies, size and settings are nobody else's."""
    contexts: list[BrowserContext] = []

    def somebody(device: dict[str, Any] = DESKTOP, **settings: Any) -> Page:
        context = chromium.new_context(**{"reduced_motion": "reduce", **device, **settings})
        contexts.append(context)
        return context.new_page()

    yield somebody
    for context in contexts:
        context.close()
