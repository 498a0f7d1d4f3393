"""The page for approvers who write: without script, everything typed is kept, and what a check blocks is not sent."""

from __future__ import annotations

from api.review.render import script_name
from campaigns.model.vocabulary import Decision, RoundStatus
from tests.approvals.reader import read, send
from tests.approvals.scene import TENANT, TWO, Scene, untouched
from tests.approvals.test_own_words import answer, other_words


def test_there_is_nothing_to_edit_where_the_campaign_does_not_say_so(scene: Scene) -> None:
    page = scene.browser().get(scene.stand_up(posts=2).url())

    assert not [name for name in read(page).fields if name.startswith("e.")]


def test_the_text_is_rewritten_and_approved_in_one_act(scene: Scene) -> None:
    scene.stand_up(posts=2, allow_edits=True)
    browser = scene.browser()
    page = browser.get(scene.url())
    old = scene.posts()[1]
    assert old.content is not None
    assert read(page).fields["e.2"] == old.content.text
    words = other_words(old)

    step = send(browser, page, "review", d_1="approved", d_2="approved", e_2=words.replace("\n", "\r\n"))
    assert read(step).heading == "Your decision, in short"
    assert "In your words" in step.text
    assert "<ins>" in step.text
    receipt = send(browser, step, "send", confirm="yes")

    assert read(receipt).heading == "Approved"
    assert "In your words" in receipt.text
    first, second = scene.posts()
    assert second.content is not None
    assert (second.content.text, second.edited_by, first.revision) == (words, "Ana Ribeiro", 0)
    assert scene.round().status is RoundStatus.DECIDED


def test_what_a_check_blocks_is_422_with_the_finding_beside_the_field(scene: Scene) -> None:
    scene.stand_up(posts=2, allow_edits=True)
    browser = scene.browser()
    page = browser.get(scene.url())
    typed = "Guaranteed to be the freshest coffee you ever had."

    refused = send(browser, page, "review", d_1="approved", c_1="Lovely.", d_2="approved", e_2=typed)

    assert refused.status_code == 422
    found = read(refused)
    assert (found.fields["e.2"], found.fields["c.1"], found.checked["d.2"]) == (typed, "Lovely.", "approved")
    assert "a check blocks your version" in refused.text
    beside = refused.text[refused.text.index('id="k-2"') : refused.text.index('id="h-2"')]
    assert "promises a result" in beside
    assert "of 280 on X" in beside or "280" in beside
    step = send(browser, refused, "review", e_2="Coffee from Huila, roasted this week.")
    assert step.status_code == 200
    # Also where the last step is sent with it.
    again = send(browser, step, "send", confirm="yes", e_2=typed)
    assert again.status_code == 422
    assert scene.posts()[1].revision == 0


def test_an_own_version_is_not_sent_back_to_the_writer(scene: Scene) -> None:
    scene.stand_up(posts=2, allow_edits=True)
    browser = scene.browser()
    page = browser.get(scene.url())

    refused = send(browser, page, "review", d_1="approved", d_2="needs_revision", c_2="No.", e_2="Mine.")

    assert refused.status_code == 422
    assert "Approve it, or put the text back" in refused.text


def test_a_draft_keeps_the_text_and_says_how_it_stands(scene: Scene) -> None:
    scene.stand_up(posts=2, allow_edits=True)
    browser = scene.browser()
    page = browser.get(scene.url())
    words = other_words(scene.posts()[1])

    kept = send(browser, page, "save", e_2=words)

    assert read(kept).fields["e.2"] == words
    assert '<details class="own" open>' in kept.text


def test_an_edit_lets_a_post_be_approved_that_could_not_be(scene: Scene) -> None:
    scene.stand_up(posts=7, allow_edits=True)
    browser = scene.browser()
    page = browser.get(scene.url())
    chosen = {f"d_{post.number}": "approved" for post in scene.posts()}
    assert "approved" in read(page).choices["d.7"]

    as_it_is = send(browser, page, "review", **chosen)
    assert as_it_is.status_code == 422
    edited = send(browser, page, "review", **chosen, e_7="Coffee from Huila, roasted this week.")

    assert edited.status_code == 200


def test_whoever_is_asked_again_sees_what_changed_and_decides_on_that_alone(scene: Scene) -> None:
    scene.stand_up(posts=3, approvers=TWO, quorum="all", allow_edits=True)
    browser = scene.browser()
    page = browser.get(scene.url(2))
    step = send(browser, page, "review", **dict.fromkeys(read(page).choices, "approved"))
    assert read(send(browser, step, "send", confirm="yes")).heading == "Your answer is recorded"
    scene.clock.pass_(minutes=5)
    scene.decide(1, posts=answer(scene, {2: other_words(scene.posts()[1])}))

    page = browser.get(scene.url(2))

    found = read(page)
    assert list(found.choices) == ["d.2"]
    assert found.checked == {}
    assert "1 post was changed after you decided" in page.text
    assert "<ins>" in page.text
    assert page.text.count("You have decided on this post") == 2
    step = send(browser, page, "review", d_2="approved")
    receipt = send(browser, step, "send", confirm="yes")
    assert read(receipt).heading == "Approved"
    assert scene.round().outcome is Decision.APPROVED
    assert len(scene.store.approvals.decisions(TENANT, scene.campaign.id, 1)) == 2


def test_undo_goes_on_with_what_was_typed(scene: Scene) -> None:
    scene.stand_up(posts=2, settle_seconds=600, allow_edits=True)
    browser = scene.browser()
    page = browser.get(scene.url())
    old, words = scene.posts()[1], other_words(scene.posts()[1])
    step = send(browser, page, "review", d_1="approved", d_2="approved", e_2=words)
    receipt = send(browser, step, "send", confirm="yes")

    back = send(browser, receipt, "undo")

    assert read(back).fields["e.2"] == words
    assert scene.posts()[1].content == old.content


def test_a_text_is_checked_as_it_is_typed_and_nothing_is_kept(scene: Scene) -> None:
    scene.stand_up(posts=2, allow_edits=True)
    browser = scene.browser()
    page = browser.get(scene.url())
    proof = read(page).fields["csrf"]
    path = f"/approve/{scene.round().callback_id}/check"

    good = browser.post(path, data={"csrf": proof, "number": "2", "text": "Coffee from Huila."})
    bad = browser.post(path, data={"csrf": proof, "number": "2", "text": "Guaranteed to be fresh."})

    assert (good.status_code, good.headers["x-blocked"], bad.headers["x-blocked"]) == (200, "no", "yes")
    assert "26 of 280" in good.text
    assert "promises a result" in bad.text
    assert browser.post(path, data={"csrf": "x", "number": "2", "text": "Coffee."}).status_code == 403
    assert browser.post(path, data={"csrf": proof, "number": "9", "text": "Coffee."}).status_code == 204
    assert scene.browser().post(path, data={"csrf": proof, "number": "2", "text": "Coffee."}).status_code == 404
    assert untouched(scene)


def test_nothing_is_checked_where_nothing_may_be_edited(scene: Scene) -> None:
    scene.stand_up(posts=2)
    browser = scene.browser()
    proof = read(browser.get(scene.url())).fields["csrf"]

    answer = browser.post(
        f"/approve/{scene.round().callback_id}/check", data={"csrf": proof, "number": "2", "text": "Coffee."}
    )

    assert (answer.status_code, answer.content) == (204, b"")


def test_only_the_review_runs_a_script_and_only_ours(scene: Scene) -> None:
    scene.stand_up(posts=2)
    browser = scene.browser()
    page = browser.get(scene.url())
    step = send(browser, page, "review", d_1="approved", d_2="approved")

    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; connect-src 'self';")
    assert "unsafe" not in policy
    assert "script-src" not in step.headers["content-security-policy"]
    assert browser.get(f"/approve/static/{script_name()}").headers["content-type"].startswith("text/javascript")
