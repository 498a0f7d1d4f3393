"""Two approvers of one round in one browser: neither disturbs the other, whatever was opened or sent in between."""

from __future__ import annotations

import pytest

from tests.approvals.reader import read, send
from tests.approvals.scene import TENANT, TWO, Scene


def said(scene: Scene) -> dict[str, tuple[str, str]]:
    """Return decision and comment by the approver."""
    decisions = scene.store.approvals.decisions(TENANT, scene.campaign.id, 1)
    return {each.approver_id: (str(each.decision), each.comments) for each in decisions}


def test_the_page_opened_first_is_sent_as_its_approver(scene: Scene) -> None:
    scene.stand_up(posts=2, approvers=TWO, quorum="all")
    browser = scene.browser()
    ana = browser.get(scene.url(1))
    browser.get(scene.url(2))

    step = send(browser, ana, "review", d_1="rejected", d_2="rejected", c_1="Not ours.", c_2="Nor this.")
    send(browser, step, "send", confirm="yes", comments="From Ana.")

    assert said(scene) == {"ap-1": ("rejected", "From Ana.")}


def test_each_sends_a_decision_of_the_own(scene: Scene) -> None:
    scene.stand_up(posts=2, approvers=TWO, quorum="all")
    browser = scene.browser()
    ana, ben = browser.get(scene.url(1)), browser.get(scene.url(2))

    for page, word in ((ana, "From Ana."), (ben, "From Ben.")):
        step = send(browser, page, "review", d_1="approved", d_2="approved")
        send(browser, step, "send", confirm="yes", comments=word)

    assert said(scene) == {"ap-1": ("approved", "From Ana."), "ap-2": ("approved", "From Ben.")}


def test_both_take_turns_and_each_finds_the_own_draft(scene: Scene) -> None:
    scene.stand_up(posts=2, approvers=TWO, quorum="all")
    browser = scene.browser()
    ana, ben = browser.get(scene.url(1)), browser.get(scene.url(2))

    ana = send(browser, ana, "save", d_1="approved", c_1="Ana's word")
    ben = send(browser, ben, "save", d_1="rejected", c_1="Ben's word")
    ana_again, ben_again = browser.get(str(ana.url)), browser.get(str(ben.url))

    assert read(ana_again).fields["c.1"] == "Ana's word"
    assert read(ana_again).checked["d.1"] == "approved"
    assert read(ben_again).fields["c.1"] == "Ben's word"
    assert read(ben_again).checked["d.1"] == "rejected"


def test_the_second_keeps_the_own_page_through_every_step_to_the_receipt(scene: Scene) -> None:
    scene.stand_up(posts=25, approvers=TWO, quorum="all", settleSeconds=600)
    browser = scene.browser()
    browser.get(scene.url(1))
    page = browser.get(scene.url(2))
    chosen = {f"d.{post.number}": "approved" for post in scene.posts()}

    second = send(browser, page, "page:2", **chosen)
    assert read(second).fields["csrf"]
    step = send(browser, second, "review", **chosen)
    receipt = send(browser, step, "send", confirm="yes", comments="From Ben.")
    undone = send(browser, receipt, "undo")

    assert list(said(scene)) == []
    assert undone.status_code == 200
    assert "as=ap-2" in str(undone.url)


@pytest.mark.parametrize("format_", ["csv", "ics"])
def test_the_second_takes_the_posts_along(scene: Scene, format_: str) -> None:
    scene.stand_up(posts=2, approvers=TWO, quorum="all")
    browser = scene.browser()
    browser.get(scene.url(1))
    page = browser.get(scene.url(2))

    assert f"/posts.{format_}?as=ap-2" in page.text
    assert browser.get(f"{page.url.path}/posts.{format_}?as=ap-2").status_code == 200


def test_a_label_opens_nothing_that_the_browser_does_not_hold(scene: Scene) -> None:
    scene.stand_up(posts=2, approvers=TWO, quorum="all")
    browser = scene.browser()
    ana = browser.get(scene.url(1))

    asked = send(browser, browser.get(f"{ana.url.path}?as=ap-2"), "review", d_1="approved", d_2="approved")
    send(browser, asked, "send", confirm="yes")

    assert list(said(scene)) == ["ap-1"]
    assert scene.browser().get(f"{ana.url.path}?as=ap-1").status_code == 404


def test_words_of_a_form_that_is_refused_are_shown_again(scene: Scene) -> None:
    scene.stand_up(posts=2)
    browser = scene.browser()
    page = browser.get(scene.url())

    typed = {"d_1": "rejected", "c_1": "Too <b>long</b>.", "comments": "All in all: no."}
    answer = send(browser, page, "review", csrf="1.k1.0", **typed)

    assert answer.status_code == 403
    assert "Too &lt;b&gt;long&lt;/b&gt;." in answer.text
    assert "All in all: no." in answer.text
