"""Every page an approver can come to: for everybody, on every screen, in both colour schemes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.approvals.scene import CLA, Scene
from tests.browser.conftest import PHONE, Visitor
from tests.browser.states import STATES, State, reached

NARROW = {"width": 320, "height": 640}
TARGET = 44
"""Points: what a thumb hits."""

SMALL_TARGETS = """
() => [...document.querySelectorAll('a[href], button, summary, input, select, textarea, label.choice')]
    .filter(each => each.checkVisibility() && each.type !== 'hidden' && !each.closest(".text, .vh, .skip"))
    .map(each => [each, each.getBoundingClientRect()])
    .filter(([each, box]) => box.width > 1 && (box.height < TARGET - .5 || box.width < TARGET - .5))
    .filter(([each]) => each.type !== 'checkbox' || (each.closest('label')?.offsetHeight ?? 0) < TARGET)
    .map(([each, box]) => `${each.outerHTML.slice(0, 90)} ${Math.round(box.width)}x${Math.round(box.height)}`)
""".replace("TARGET", str(TARGET))

STICKS_OUT = """
() => [...document.body.querySelectorAll('*')]
    .filter(each => each.checkVisibility() && !each.closest('.vh, .skip, svg'))
    .filter(each => { const box = each.getBoundingClientRect(); return box.right > innerWidth + .5 || box.left < -.5 })
    .map(each => each.outerHTML.slice(0, 90))
"""


@pytest.fixture(scope="module", params=STATES, ids=lambda state: state.name)
def arrived(chromium: Browser, live: Scene, request: pytest.FixtureRequest) -> Iterator[Page]:
    """One state on a phone; the tests of a state share it."""
    state: State = request.param
    context = chromium.new_context(reduced_motion="reduce", **PHONE)
    page = context.new_page()
    reached(page, live, state, "pages")
    yield page
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_accessible(arrived: Page, scheme: str) -> None:
    arrived.emulate_media(color_scheme=scheme)

    found = Axe().run(arrived).response["violations"]

    assert [(each["id"], each["help"], [node["html"] for node in each["nodes"][:3]]) for each in found] == []


def test_a_thumb_hits_everything(arrived: Page) -> None:
    assert arrived.evaluate(SMALL_TARGETS) == []


def test_nothing_scrolls_sideways_at_320_points(arrived: Page) -> None:
    arrived.set_viewport_size(NARROW)

    assert arrived.evaluate("document.documentElement.scrollWidth") == 320
    assert arrived.evaluate(STICKS_OUT) == []


@pytest.mark.parametrize("locale", ["de", "fr", "es"])
def test_every_language_fits_at_320_points(scene: Scene, visitor: Visitor, locale: str) -> None:
    page = visitor({**PHONE, "viewport": NARROW})
    approver = {**CLA.to_wire(), "locale": locale, "timezone": "America/Argentina/Buenos_Aires"}
    page.goto(scene.stand_up(posts=7, approvers=[approver]).url())

    for step in ("review", "send", "receipt"):
        assert page.evaluate("document.documentElement.scrollWidth") == 320, step
        assert page.evaluate(STICKS_OUT) == [], step
        cut = "all => all.filter(each => each.scrollWidth > each.clientWidth + 1).map(each => each.innerText)"
        assert page.locator("button:visible:not(.vh), .choice:visible").evaluate_all(cut) == [], step
        if step == "review":
            page.locator("#p7 .choice.needs_revision").click()
            page.locator("#p7 textarea").fill("…")
            page.locator(".bar .second").click()
            page.locator(".bar .first").click()
            expect(page.locator("#confirm")).to_be_visible()
        elif step == "send":
            page.locator("#comments").fill("?!?")
            page.locator("#confirm").check()
            page.locator(".final .first").click()
            expect(page.locator(".recorded")).to_be_visible()


def test_twenty_posts_weigh_no_more_than_a_hundred_kilobytes(scene: Scene, visitor: Visitor) -> None:
    page = visitor(PHONE)
    url = scene.stand_up(posts=20).url()
    answers = []
    page.on("response", lambda answer: answers.append(answer))

    page.goto(url, wait_until="networkidle")

    weights = {each.url: each.request.sizes()["responseBodySize"] for each in answers if each.status == 200}
    assert page.locator("article.post").count() == 20
    assert len(weights) >= 2
    assert 5_000 < sum(weights.values()) <= 100_000, weights


def test_the_first_page_without_a_style_sheet_still_reads_from_top_to_bottom(scene: Scene, visitor: Visitor) -> None:
    page = visitor(PHONE)
    page.route("**/*.css", lambda route: route.abort())

    page.goto(scene.stand_up(posts=2).url())

    for words in ("Decide by", "The brief", "Post 1 on LinkedIn", "Review and send"):
        expect(page.get_by_text(words).first).to_be_visible()
