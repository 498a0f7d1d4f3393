"""A review as approvers do it: with a mouse, a thumb, a keyboard, no script, twice, at once and too late."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from campaigns.model.vocabulary import RoundStatus
from tests.approvals.scene import ANA, BEN, CLA, TENANT, Scene
from tests.browser.conftest import DESKTOP, PHONE, Visitor
from tests.browser.states import second_round_url

TWO = [ANA.to_wire(), BEN.to_wire()]


def heading(page: Page, text: str) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_text(text)


def choose(page: Page, number: int, verdict: str, comment: str = "") -> None:
    """Press a choice where people press it: on its words."""
    page.locator(f"#p{number} .choice.{verdict}").click()
    if comment:
        page.locator(f"#p{number} textarea").fill(comment)


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name).first.click()


def send(page: Page, *, comments: str = "") -> None:
    if comments:
        page.get_by_label("A word on the whole campaign").fill(comments)
    page.get_by_label("I have looked at the posts").check()
    press(page, "Send decision")


def decided(scene: Scene) -> dict[int, tuple[str, str]]:
    """Return decision and comment by the number of the post, of the one decision there is."""
    (said,) = scene.store.approvals.decisions(TENANT, scene.campaign.id, scene.round().n)
    return {
        post.number: (said.posts[post.id].decision, said.posts[post.id].comment)
        for post in scene.posts()
        if post.id in said.posts
    }


# --- the whole way ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "device", [DESKTOP, PHONE, {**PHONE, "java_script_enabled": False}], ids=["1280", "390", "plain"]
)
def test_a_whole_review_from_the_link_to_the_receipt(scene: Scene, visitor: Visitor, device: dict[str, Any]) -> None:
    page = visitor(device)
    page.goto(scene.stand_up().url())

    expect(page.locator(".progress")).to_contain_text("of 12 decided")
    assert page.locator("main input:checked:not([form])").count() == 0
    page.get_by_text("The brief", exact=True).click()
    expect(page.get_by_text("Must be said")).to_be_visible()
    page.locator(".filters label", has_text="With findings").click()
    assert page.locator(".post:visible").count() == 2
    page.locator(".filters label", has_text="All").click()

    page.locator(".filters label", has_text="Ines Carvalho").click()
    expect(page.locator("#p1")).to_be_visible()
    expect(page.locator("#p3")).to_be_hidden()
    page.locator(".filters label", has_text="All").click()

    expect(page.locator("#p7 textarea")).to_be_hidden()
    choose(page, 7, "needs_revision")
    page.locator("#p7 .reasons label", has_text="Tone").click()
    page.locator("#p7 textarea").fill("No promises, please.")
    choose(page, 4, "rejected", "We do not talk about loans.")
    press(page, "Approve the rest")
    expect(page.get_by_role("status")).to_contain_text("10 posts are marked")
    press(page, "Review and send")

    heading(page, "Your decision, in short")
    for line in ("Approve 10 posts", "Ask for changes to 1 post", "Reject 1 post"):
        expect(page.get_by_role("heading", name=line)).to_be_visible()
    expect(page.get_by_label("Your name")).to_have_value("Ana Ribeiro")
    assert scene.round().status is RoundStatus.PENDING
    send(page, comments="Lovely work otherwise.")

    heading(page, "Changes requested")
    said = decided(scene)
    assert (said[7], said[4]) == (
        ("needs_revision", "Tone: No promises, please."),
        ("rejected", "We do not talk about loans."),
    )
    assert [number for number in said if said[number] == ("approved", "")] == [1, 2, 3, 5, 6, 8, 9, 10, 11, 12]
    receipt = page.locator("main").inner_text()
    for line in ("10 posts approved", "1 post rejected", "Lovely work otherwise.", "Mon, 8 Mar 2027, 10:30 WET (UTC)"):
        assert line in receipt
    page.reload()
    assert page.locator("main").inner_text() == receipt


def test_a_whole_review_with_the_keyboard_alone(scene: Scene, visitor: Visitor) -> None:
    page = visitor(PHONE)
    page.goto(scene.stand_up(posts=3).url())

    def tab_to(selector: str) -> None:
        for _ in range(40):
            page.keyboard.press("Tab")
            covered = page.evaluate(
                """() => {
                    const seen = document.activeElement, bar = document.querySelector('.bar')
                    if (!bar || bar.contains(seen)) return false
                    return seen.getBoundingClientRect().bottom > bar.getBoundingClientRect().top + 1
                        && seen.getBoundingClientRect().height < 400
                }"""
            )
            assert not covered, page.evaluate("document.activeElement.outerHTML.slice(0, 200)")
            if page.evaluate("place => document.activeElement.matches(place)", selector):
                return
        raise AssertionError(f"no way to {selector} with Tab")

    tab_to(".skip")
    page.keyboard.press("Enter")
    for number in (1, 2):
        tab_to(f"#p{number} .choices input")
        page.keyboard.press("Space")
    tab_to("#p3 .choices input")
    page.keyboard.press("Space")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    tab_to("#p3 .reasons input")
    page.keyboard.press("Space")
    tab_to("#p3 textarea")
    page.keyboard.type("Not this one.")
    tab_to(".bar button.first")
    page.keyboard.press("Enter")
    heading(page, "Your decision, in short")
    tab_to("#confirm")
    page.keyboard.press("Space")
    tab_to("button.first")
    page.keyboard.press("Enter")

    heading(page, "Approved")
    assert decided(scene) == {1: ("approved", ""), 2: ("approved", ""), 3: ("rejected", "Tone: Not this one.")}


def test_the_bar_counts_posts_that_a_filter_hides(scene: Scene, visitor: Visitor) -> None:
    page = visitor()
    page.goto(scene.stand_up().url())
    counters = [page.locator(".progress"), page.locator(".left")]
    for number in (1, 2, 7):
        choose(page, number, "needs_revision")
    before = [each.screenshot() for each in counters]

    page.locator(".filters label", has_text="Instagram").click()

    assert page.locator(".post:visible").count() == 4
    assert page.locator(".day > h2:visible").count() == 4
    assert [each.screenshot() for each in counters] == before  # a counter of a style sheet is only to be seen
    choose(page, 3, "approved")
    assert all(each.screenshot() != old for each, old in zip(counters, before, strict=True))


def test_enter_in_the_name_does_not_send_without_the_confirmation(scene: Scene, visitor: Visitor) -> None:
    page = visitor()
    page.goto(scene.stand_up(posts=2).url())
    press(page, "Approve the rest")
    press(page, "Review and send")

    page.get_by_label("Your name").press("Enter")

    expect(page.get_by_role("alert")).to_contain_text("Tick the box")
    assert scene.round().status is RoundStatus.PENDING


def test_the_token_is_neither_in_the_address_nor_sent_to_anybody(scene: Scene, visitor: Visitor) -> None:
    page = visitor()
    link = scene.stand_up(posts=2).link()
    asked = []
    page.on("request", lambda request: asked.append((request.url, request.headers.get("referer", ""))))

    page.goto(link.url(scene.base_url))
    page.reload()

    assert page.url == f"{scene.base_url}/approve/{link.callback_id}"
    assert link.token not in page.content()
    assert {re.match(r"https?://[^/]+", url)[0] for url, _ in asked} == {scene.base_url}
    assert [url for url, referer in asked if "token=" in referer] == []
    assert page.evaluate("document.cookie") == ""


# --- two in one browser -------------------------------------------------------------------------------


def test_two_approvers_in_one_browser_do_not_disturb_each_other(scene: Scene, visitor: Visitor) -> None:
    ana = visitor()
    ana.goto(scene.stand_up(posts=2, approvers=TWO, quorum="all", collect_all=True).url(1))
    ben = ana.context.new_page()
    ben.goto(scene.url(2))
    choose(ben, 1, "rejected", "Ben says no.")

    for number in (1, 2):
        choose(ana, number, "rejected", f"Ana's word on {number}.")
    press(ana, "Review and send")
    send(ana)

    heading(ana, "Your answer is recorded")
    (said,) = scene.store.approvals.decisions(TENANT, scene.campaign.id, 1)
    assert said.approver_id == "ap-1"
    assert {each.comment for each in said.posts.values()} == {"Ana's word on 1.", "Ana's word on 2."}

    choose(ben, 2, "approved")
    press(ben, "Review and send")
    expect(ben.get_by_text("Ben says no.")).to_be_visible()
    ana.reload()
    heading(ana, "Your answer is recorded")
    assert "as=ap-2" in ben.url


# --- missing things -----------------------------------------------------------------------------------


def test_what_is_missing_takes_the_focus_and_keeps_what_was_typed(scene: Scene, visitor: Visitor) -> None:
    page = visitor(PHONE)
    page.goto(scene.stand_up(posts=3).url())
    choose(page, 1, "needs_revision", "Warmer, please <3")

    with page.expect_response(lambda answer: answer.request.method == "POST") as answered:
        press(page, "Review and send")

    assert answered.value.status == 422
    expect(page.locator("#faults")).to_be_focused()
    expect(page.locator("#p1 .needs_revision input")).to_be_checked()
    expect(page.locator("#p1 textarea")).to_have_value("Warmer, please <3")
    page.get_by_role("link", name="Post 2:").click()
    expect(page.locator("#v-2")).to_be_in_viewport()
    expect(page.locator("#p2 .fault")).to_contain_text("approve it, ask for changes or reject it")


def test_a_rejection_without_a_word_is_asked_for_one(scene: Scene, visitor: Visitor) -> None:
    page = visitor()
    page.goto(scene.stand_up(posts=2).url())
    choose(page, 1, "rejected")
    choose(page, 2, "approved")
    press(page, "Review and send")
    page.get_by_label("Your name").fill("Ana R.")

    with page.expect_response(lambda answer: answer.request.method == "POST") as answered:
        send(page)

    assert answered.value.status == 422
    expect(page.locator("#faults")).to_be_focused()
    expect(page.get_by_label("Your name")).to_have_value("Ana R.")
    expect(page.get_by_label("I have looked at the posts")).to_be_checked()
    page.get_by_role("link", name=re.compile("has no reason of its own")).click()
    expect(page.locator("#comments")).to_be_focused()
    page.keyboard.type("Not this season.")
    press(page, "Send decision")
    heading(page, "Approved")
    assert decided(scene)[1] == ("rejected", "")


# --- back, twice, at once, too late -------------------------------------------------------------------


def test_the_back_button_keeps_the_choices_and_decides_nothing_twice(scene: Scene, visitor: Visitor) -> None:
    page = visitor()
    page.goto(scene.stand_up(posts=2).url())
    choose(page, 1, "approved")
    choose(page, 2, "rejected", "Not ours.")
    press(page, "Review and send")
    heading(page, "Your decision, in short")

    page.go_back()
    expect(page.locator("#p1 .approved input")).to_be_checked()
    expect(page.locator("#p2 textarea")).to_have_value("Not ours.")
    press(page, "Review and send")
    send(page)
    heading(page, "Approved")
    page.go_back()

    heading(page, "Approved")
    assert scene.audit().count("decided") == 1


def test_pressing_twice_is_one_decision(scene: Scene, visitor: Visitor) -> None:
    page = visitor()
    page.goto(scene.stand_up(posts=2).url())
    press(page, "Approve the rest")
    press(page, "Review and send")
    page.get_by_label("I have looked at the posts").check()

    page.get_by_role("button", name="Send decision").dblclick()

    heading(page, "Approved")
    assert scene.audit().count("decided") == 1


def test_of_two_approvers_at_once_one_decides_and_the_other_keeps_every_word(scene: Scene, visitor: Visitor) -> None:
    scene.stand_up(posts=2, approvers=TWO)
    pages = [visitor(), visitor(PHONE)]
    for number, page in enumerate(pages, start=1):
        page.goto(scene.url(number))
        choose(page, 1, "approved")
        choose(page, 2, "rejected", f"Reason {number}")
        press(page, "Review and send")
        page.get_by_label("I have looked at the posts").check()

    for page in pages:
        page.get_by_role("button", name="Send decision").click(no_wait_after=True)
    for page in pages:
        expect(page.get_by_role("heading", level=1)).to_have_text(re.compile("^(Approved|Somebody was faster)$"))

    headings = [page.get_by_role("heading", level=1).inner_text() for page in pages]
    late = headings.index("Somebody was faster")
    assert sorted(headings) == ["Approved", "Somebody was faster"]
    expect(pages[late].locator("main")).to_contain_text(f"Reason {late + 1}")
    expect(pages[late].locator("main")).to_contain_text("approved this on")
    assert scene.audit().count("decided") == 1


def test_a_page_that_got_stale_shows_the_difference_and_keeps_the_choices(scene: Scene, visitor: Visitor) -> None:
    page = visitor(PHONE)
    page.goto(scene.stand_up(posts=2).url())
    choose(page, 1, "rejected", "Not ours.")
    choose(page, 2, "approved")
    post = scene.posts()[1]
    assert post.content is not None
    scene.edit(post.number, post.content.text.replace("next week", "on Monday"))

    with page.expect_response(lambda answer: answer.request.method == "POST") as answered:
        press(page, "Review and send")

    assert answered.value.status == 409
    expect(page.get_by_role("status")).to_contain_text("1 post changed while you were reading")
    expect(page.locator("#p2 del")).to_contain_text("next week")
    expect(page.locator("#p2 ins")).to_contain_text("on Monday")
    expect(page.locator("#p1 textarea")).to_have_value("Not ours.")
    expect(page.locator("#p2 .approved input")).to_be_checked()
    assert scene.store.approvals.decisions(TENANT, scene.campaign.id, 1) == []
    press(page, "Review and send")
    send(page)
    heading(page, "Approved")


# --- the next round -----------------------------------------------------------------------------------


def test_a_second_round_shows_what_changed_and_what_the_writer_answered(scene: Scene, visitor: Visitor) -> None:
    page = visitor(PHONE)
    page.goto(second_round_url(scene))

    changes = page.locator(".changes")
    expect(changes).to_contain_text("What changed since your last review")
    expect(changes).to_contain_text("4 posts are unchanged and stay approved")
    changes.get_by_role("link", name="Post 2").click()
    card = page.locator("#p2")
    expect(card).to_be_in_viewport()
    expect(card.locator(".said")).to_contain_text("Too long for X, and please name the farm.")
    expect(card.locator(".said")).to_contain_text("Named the farm, and cut the tasting notes.")
    expect(card.locator("del").first).to_contain_text("next week")
    for view, shown in (("Before", "t-old"), ("New text", "t-new"), ("Changes", "t-changes")):
        card.locator(".views label", has_text=view).click()
        assert card.locator(".text:visible").evaluate_all("all => all.map(each => each.className)") == [f"text {shown}"]
    assert page.locator(".verdict").count() == 2
    expect(page.locator("#p1")).to_contain_text("Approved by Ana Ribeiro in round 1. It stays exactly as it is.")
    locked = scene.posts()[0].content_hash()
    press(page, "Approve the rest")
    press(page, "Review and send")
    expect(page.locator(".summary")).to_contain_text("4 posts stay approved from before")
    send(page)

    heading(page, "Approved")
    assert decided(scene) == {2: ("approved", ""), 4: ("approved", "")}
    assert scene.posts()[0].content_hash() == locked


# --- whoever reads ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "lang", "button"),
    [
        ({"locale": "fr-FR"}, "fr", "Vérifier et envoyer"),
        ({"locale": "es-ES"}, "es", "Revisar y enviar"),
        ({"locale": "pt-BR"}, "en", "Review and send"),
    ],
    ids=["fr", "es", "other"],
)
def test_the_page_speaks_as_the_browser_of_its_reader(
    scene: Scene, visitor: Visitor, settings: dict[str, Any], lang: str, button: str
) -> None:
    page = visitor(**settings)
    page.goto(scene.stand_up(posts=2, approvers=[{"name": "R", "email": "r@example.com"}]).url())

    expect(page.locator("html")).to_have_attribute("lang", lang)
    expect(page.locator(".bar").get_by_role("button", name=button)).to_be_visible()
    assert page.locator("#p1 .text").evaluate("text => [text.lang, text.dir]") == ["en", "auto"]


def test_an_approvers_own_language_and_zone_come_before_the_browsers(scene: Scene, visitor: Visitor) -> None:
    page = visitor(locale="fr-FR")
    page.goto(scene.stand_up(posts=2, approvers=[CLA.to_wire()]).url())

    expect(page.locator("html")).to_have_attribute("lang", "de")
    expect(page.locator(".due")).to_contain_text("Fr., 12. März 2027, 11:30 CET (UTC+1) · 10:30 in Lissabon")
    expect(page.locator("#p1 .when")).to_contain_text("09:20 WET (UTC) · 10:20 in Berlin")
