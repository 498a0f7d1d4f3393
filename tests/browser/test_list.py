"""The list of an approver in a real browser: from a review to the list, by code, and into another review."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect

from tests.approvals.scene import Scene
from tests.browser.conftest import DESKTOP, PHONE, Visitor
from tests.browser.states import list_before_the_code


@pytest.mark.parametrize("device", [PHONE, DESKTOP], ids=["phone", "desktop"])
@pytest.mark.parametrize("script", [True, False])
def test_from_one_review_to_the_list_and_into_the_next(
    scene: Scene, visitor: Visitor, device: dict[str, Any], script: bool
) -> None:
    page = visitor(device, java_script_enabled=script)
    list_before_the_code(page, scene)
    assert "token" not in page.url
    expect(page.get_by_text("Roastery open day")).to_have_count(0)

    page.locator("#code").fill("000000" if scene.code_of_list() != "000000" else "111111")
    page.locator("button.first").click()
    expect(page.locator("#f-code")).to_contain_text("That is not the code")
    page.locator("#code").fill(scene.code_of_list())
    page.keyboard.press("Enter")

    expect(page.locator("h1")).to_have_text("3 reviews wait for you")
    names = page.locator(".waiting h2").all_inner_texts()
    assert names[0] == "Summer menu"
    assert set(names[1:]) == {"Roastery open day", scene.campaign.name}
    page.locator(".waiting li", has_text="Roastery open day").get_by_role("link").click()
    expect(page.locator("h1")).to_have_text("Roastery open day")
    page.get_by_role("button", name="Approve the rest").click()
    page.locator(".bar .first").click()
    page.locator("#confirm").check()
    page.get_by_role("button", name="Send decision").click()
    expect(page.locator(".recorded")).to_be_visible()
    page.locator(".foot a").click()
    expect(page.locator("h1")).to_be_visible()
