"""Approvers who point, write and move: with a script and without one, on a phone and on a desk."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from campaigns.model.vocabulary import Decision
from tests.approvals.scene import TENANT, Scene
from tests.browser.conftest import DESKTOP, PHONE, Visitor
from tests.browser.test_review import choose, heading, press, send

PLAIN = {"java_script_enabled": False}
DEVICES = pytest.mark.parametrize(
    "device",
    [DESKTOP, PHONE, {**DESKTOP, **PLAIN}, {**PHONE, **PLAIN}],
    ids=["1280", "390", "1280 plain", "390 plain"],
)
SCRIPTED = pytest.mark.parametrize("device", [DESKTOP, PHONE], ids=["1280", "390"])
WORDS = "The first bags from Huila are here on Monday. Come and taste them with us."
TAGS = "\n\n#huila"
BLOCKED = "Guaranteed to be the freshest coffee you ever had."


def to_the_last_step(page: Page) -> None:
    press(page, "Approve the rest")
    page.locator(".bar .first").click()


@DEVICES
def test_a_post_is_rewritten_and_approved_in_one_act(scene: Scene, visitor: Visitor, device: dict[str, Any]) -> None:
    page = visitor(device)
    page.goto(scene.stand_up(posts=3, allow_edits=True).url())
    page.locator("#p2 .own summary").click()
    page.get_by_label("Post 2 in your words").fill(BLOCKED)
    to_the_last_step(page)
    expect(page.locator("#faults")).to_contain_text("a check blocks your version")
    expect(page.locator("#k-2")).to_contain_text("promises a result")
    expect(page.get_by_label("Post 2 in your words")).to_have_value(BLOCKED)
    assert page.locator("#p1 .approved input").is_checked()

    page.get_by_label("Post 2 in your words").fill(WORDS)
    page.locator(".bar .first").click()
    expect(page.locator("main")).to_contain_text("In your words")
    send(page)

    heading(page, "Approved")
    post = scene.posts()[1]
    assert post.content is not None
    assert (post.content.text, post.edited_by) == (WORDS, "Ana Ribeiro")
    assert scene.round().outcome is Decision.APPROVED


@SCRIPTED
def test_a_text_is_counted_and_checked_as_it_is_typed(scene: Scene, visitor: Visitor, device: dict[str, Any]) -> None:
    page = visitor(device)
    page.goto(scene.stand_up(posts=3, allow_edits=True).url())
    page.locator("#p2 .own summary").click()
    field, told = page.get_by_label("Post 2 in your words"), page.locator("#k-2")

    field.fill(BLOCKED)
    expect(told).to_contain_text("promises a result", timeout=15_000)
    expect(field).to_have_attribute("aria-invalid", "")
    field.fill(WORDS)
    expect(told).not_to_contain_text("promises a result", timeout=15_000)
    expect(told).to_contain_text(f"{len(WORDS) + len(TAGS)} of 280")

    assert not scene.store.approvals.decisions(TENANT, scene.campaign.id, 1)
    assert scene.posts()[1].revision == 0


@DEVICES
def test_a_post_is_moved_to_a_moment_that_is_offered(scene: Scene, visitor: Visitor, device: dict[str, Any]) -> None:
    page = visitor(device)
    page.goto(scene.stand_up(posts=3, allow_moves=True).url())
    before = scene.posts()[1]
    page.locator("#p2 .own summary").click()
    page.locator("#p2 [type=datetime-local]").fill("2027-03-26T09:00")
    to_the_last_step(page)
    expect(page.locator("#m-2")).to_contain_text("blackout date")

    page.locator("#p2 [type=datetime-local]").fill("")
    page.locator("#p2 .own select").select_option(index=1)
    page.locator(".bar .first").click()
    expect(page.locator("main")).to_contain_text("Moved to")
    send(page)

    heading(page, "Approved")
    after = next(post for post in scene.posts() if post.id == before.id)
    assert after.scheduled_at != before.scheduled_at


@DEVICES
def test_a_comment_points_at_a_sentence(scene: Scene, visitor: Visitor, device: dict[str, Any]) -> None:
    page = visitor(device)
    page.goto(scene.stand_up(posts=3).url())
    choose(page, 2, "needs_revision", "Name the farm.")
    page.get_by_label("Which words do you mean?").nth(1).select_option(index=2)
    chosen = page.locator("#p2 select").input_value()
    to_the_last_step(page)
    expect(page.locator("main")).to_contain_text(f"“{chosen}”: Name the farm.")
    send(page)

    heading(page, "Changes requested")
    (said,) = scene.store.approvals.decisions(TENANT, scene.campaign.id, 1)
    assert said.posts[scene.posts()[1].id].passage == chosen


SELECT = """
([from, to]) => {
    const text = document.querySelector("#p2 .t-new"), range = document.createRange();
    const node = [...text.childNodes].find(each => each.nodeType === Node.TEXT_NODE && each.length > to);
    range.setStart(node, from);
    range.setEnd(node, to);
    getSelection().removeAllRanges();
    getSelection().addRange(range);
    return range.toString();
}
"""


@SCRIPTED
def test_a_comment_points_at_what_is_selected(scene: Scene, visitor: Visitor, device: dict[str, Any]) -> None:
    page = visitor(device)
    page.goto(scene.stand_up(posts=3).url())
    choose(page, 2, "needs_revision", "Name the farm.")
    words = page.evaluate(SELECT, [4, 20])
    page.locator("#p2").get_by_role("button", name="Use the selected words").click()
    to_the_last_step(page)
    send(page)

    heading(page, "Changes requested")
    (said,) = scene.store.approvals.decisions(TENANT, scene.campaign.id, 1)
    assert said.posts[scene.posts()[1].id].passage == " ".join(words.split())
