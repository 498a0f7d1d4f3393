"""The month as a picture in a real browser: a grid where there is room, a list where there is none, and on paper."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from api.auth.identity import SCOPES, mint
from campaigns import wiring
from campaigns.model.vocabulary import PLATFORMS
from tests.approvals.scene import ANA, CLA, TENANT, Scene
from tests.browser.conftest import DESKTOP, PHONE, Visitor
from tests.browser.test_pages import NARROW, STICKS_OUT

PAPER: dict[str, Any] = {"viewport": {"width": 794, "height": 1123}}


def violations(page: Page) -> list[tuple[str, list[str]]]:
    found = Axe().run(page).response["violations"]
    return [(each["id"], [node["html"] for node in each["nodes"][:3]]) for each in found]


def days_of(scene: Scene) -> dict[str, int]:
    """Return how many posts each local day has."""
    zone, days = scene.campaign.schedule.zone, dict[str, int]()
    for post in scene.posts():
        day = post.scheduled_at.astimezone(zone).date().isoformat()
        days[day] = days.get(day, 0) + 1
    return days


def drawn(page: Page) -> dict[str, int]:
    """Return how many posts a grid shows on each day that has any."""
    return dict(
        page.locator(".month td:has(li)").evaluate_all(
            "all => all.map(day => [day.querySelector('time').dateTime, "
            "[...day.querySelectorAll('li')].filter(each => each.checkVisibility()).length])"
        )
    )


@pytest.mark.parametrize("script", [True, False])
def test_a_wide_screen_shows_a_grid_whose_posts_lead_to_their_cards(
    scene: Scene, visitor: Visitor, script: bool
) -> None:
    page = visitor(DESKTOP, java_script_enabled=script)
    page.goto(scene.stand_up().url())

    expect(page.locator(".months summary")).to_be_visible()
    expect(page.locator(".days")).to_be_hidden()
    if script:
        assert drawn(page) == days_of(scene)
        assert page.evaluate(STICKS_OUT) == []
    page.locator(".month a").nth(2).click()
    assert page.url.endswith("#p3")
    expect(page.locator("#p3")).to_be_in_viewport()


def test_the_grid_follows_the_filters_and_is_accessible_in_both_schemes(scene: Scene, visitor: Visitor) -> None:
    page = visitor(DESKTOP)
    page.goto(scene.stand_up(approvers=[CLA.to_wire()]).url())

    expect(page.locator(".month th abbr").first).to_have_attribute("title", "Montag")
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        assert violations(page) == []
    whole = sum(drawn(page).values())
    page.locator(f".filters .f-on-{PLATFORMS.index('linkedin')}").check()
    shown = sum(drawn(page).values())
    assert shown == sum(post.platform == "linkedin" for post in scene.posts()) < whole
    page.locator(".filters .f-by-0").check()
    first = scene.campaign.participants.persona_ids[0]
    assert sum(drawn(page).values()) == sum(post.persona_id == first for post in scene.posts())


def test_posts_of_other_pages_are_in_the_grid_and_choices_go_along(scene: Scene, visitor: Visitor) -> None:
    page = visitor(DESKTOP)
    page.goto(scene.stand_up(posts=45).url())
    assert sum(drawn(page).values()) == 45
    page.locator("#p2 .approved input").check()

    page.locator(".month button").last.click()

    expect(page.locator("#p45")).to_be_visible()
    assert page.locator('[name="d.2"]').get_attribute("value") == "approved"


def test_a_phone_shows_the_agenda_and_no_grid(scene: Scene, visitor: Visitor) -> None:
    page = visitor(PHONE)
    page.goto(scene.stand_up().url())

    expect(page.locator(".months")).to_be_hidden()
    page.locator(".days summary").click()
    expect(page.locator(".days a").first).to_be_visible()


def test_on_paper_the_grid_is_there_and_nothing_to_press(scene: Scene, visitor: Visitor) -> None:
    page = visitor(PAPER)
    page.goto(scene.stand_up().url())
    page.emulate_media(media="print")

    assert drawn(page) == days_of(scene)
    expect(page.locator(".months")).to_be_visible()
    expect(page.locator(".bar")).to_be_hidden()
    assert page.evaluate(STICKS_OUT) == []


def team(page: Page, scene: Scene, locale: str = "en") -> None:
    """Open the page of the team, as a program that shows it would."""
    token = mint(
        wiring.get_api_ring(), tenant_id=TENANT, subject="t", scopes=SCOPES, ttl=timedelta(hours=1),
        now=datetime.now(UTC),
    )  # fmt: skip
    page.context.set_extra_http_headers({"Authorization": f"Bearer {token}", "Accept-Language": locale})
    answer = page.goto(f"{scene.base_url}/campaigns/{scene.campaign.id}/calendar")
    assert answer is not None
    assert answer.status == 200


@pytest.mark.parametrize("locale", ["en", "de", "fr", "es"])
def test_the_page_of_the_team_is_a_grid_a_list_and_a_sheet_of_paper(
    scene: Scene, visitor: Visitor, locale: str
) -> None:
    page = visitor(DESKTOP)
    scene.stand_up(approvers=[ANA.to_wire()])
    team(page, scene, locale)

    assert drawn(page) == days_of(scene)
    heads = page.locator(".month thead").first
    expect(heads).to_be_visible()
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        assert violations(page) == []
    page.set_viewport_size(NARROW)  # type: ignore[arg-type]
    assert drawn(page) == days_of(scene)
    expect(heads).to_be_hidden()
    expect(page.locator(".month td:not(:has(li))").first).to_be_hidden()
    assert page.evaluate("document.documentElement.scrollWidth") == 320
    assert page.evaluate(STICKS_OUT) == []
    assert violations(page) == []
    page.set_viewport_size(PAPER["viewport"])
    page.emulate_media(media="print")
    expect(heads).to_be_visible()
    assert page.evaluate(STICKS_OUT) == []
