"""A comment that points at words of its post: on the page, over JSON, to the writer, and in the next round."""

from __future__ import annotations

import pytest

from campaigns.build.writing import _feedback
from campaigns.errors import FaultsError
from tests.approvals.reader import read, send
from tests.approvals.scene import TENANT, Scene


def second_sentence(scene: Scene, number: int = 2) -> str:
    from campaigns.rules.approval.passages import sentences_of

    return sentences_of(scene.posts()[number - 1])[1]


def test_a_sentence_is_chosen_and_kept_with_the_comment(scene: Scene) -> None:
    scene.stand_up(posts=2)
    browser = scene.browser()
    page = browser.get(scene.url())
    sentence = second_sentence(scene)
    assert sentence in read(page).options["s.2"]

    chosen = {"d_1": "approved", "d_2": "needs_revision", "c_2": "Name the farm.", "s_2": sentence}
    step = send(browser, page, "review", **chosen)
    assert read(step).fields["s.2"] == sentence
    assert f"“{sentence}”: Name the farm." in step.text.replace("&#34;", '"')
    receipt = send(browser, step, "send", confirm="yes")

    assert read(receipt).heading == "Changes requested"
    (decision,) = scene.store.approvals.decisions(TENANT, scene.campaign.id, 1)
    post = scene.posts()[1]
    assert decision.posts[post.id].passage == sentence
    given = _feedback(scene.store, post.model_copy(update={"review": post.review.model_copy(update={"round": 1})}))
    assert given is not None
    assert (given.passage, given.comment) == (sentence, "Name the farm.")


def test_the_next_round_shows_the_words_beside_the_answer(scene: Scene) -> None:
    scene.stand_up(posts=2)
    sentence, post = second_sentence(scene), scene.posts()[1]
    said = {"decision": "needs_revision", "comment": "Name the farm.", "passage": sentence}
    scene.decide(decision="needs_revision", posts={post.id: said})
    scene.clock.pass_(hours=1)
    scene.next_round({2: ("Finca La Loma sends the first bags.", "The farm has its name.")})

    page = scene.browser().get(scene.url()).text

    assert page.index(f"<q>{sentence}</q>") < page.index("Name the farm.") < page.index("The farm has its name.")


def test_what_was_selected_is_kept_in_the_draft_though_it_is_no_sentence(scene: Scene) -> None:
    scene.stand_up(posts=2)
    browser = scene.browser()
    page = browser.get(scene.url())
    half = " ".join(second_sentence(scene).split()[1:4])

    kept = send(browser, page, "save", d_2="needs_revision", c_2="Which ones?", s_2=half)

    assert read(kept).fields["s.2"] == half


def test_words_that_do_not_stand_in_the_post_are_refused_beside_it(scene: Scene) -> None:
    scene.stand_up(posts=2)
    browser = scene.browser()
    page = browser.get(scene.url())

    refused = send(browser, page, "review", d_1="approved", d_2="rejected", c_2="No.", s_2="We never said that.")

    assert refused.status_code == 422
    assert "the words you point at do not stand in it" in refused.text
    assert read(refused).fields["c.2"] == "No."


def test_over_json_they_are_refused_where_the_decision_is_recorded(scene: Scene) -> None:
    scene.stand_up(posts=2)
    post = scene.posts()[0]
    said = {"decision": "needs_revision", "comment": "Name it.", "passage": "We never said that."}

    with pytest.raises(FaultsError) as refused:
        scene.decide(decision="needs_revision", posts={post.id: said})

    assert [(fault.field, fault.code) for fault in refused.value.faults] == [
        (f"posts.{post.id}.passage", "PASSAGE_NOT_FOUND")
    ]
    assert not scene.store.approvals.decisions(TENANT, scene.campaign.id, 1)
    scene.decide(decision="needs_revision", posts={post.id: {**said, "passage": None}})
