"""A post that falls due while others of its campaign are still in review: it does not go out late."""

from __future__ import annotations

from datetime import timedelta

import pytest

from campaigns.approval.outcomes import apply, approved_posts, conclude
from campaigns.approval.rounds import Outcome
from campaigns.model.vocabulary import ReviewState
from tests.approvals.scene import TENANT, Scene
from tests.approvals.test_protocol import set_policy, verdicts
from tests.approvals.test_stages import stage

WORDS = {2: ("Other words, as you wished.", "Said it in other words.")}


def asked_again(scene: Scene) -> None:
    """Approve posts 1 and 3, and ask about the second one again, half an hour before the first one is due."""
    scene.decide(decision="needs_revision", posts=verdicts(scene, p2="needs_revision"))
    scene.clock.now = scene.posts()[0].scheduled_at - timedelta(minutes=30)
    scene.next_round(WORDS)
    assert {post.number for post in scene.posts() if post.id in scene.round().locked} == {1, 3}


def completed(scene: Scene) -> dict[int, ReviewState]:
    apply(scene.store, TENANT, scene.campaign.id, scene.round().n, Outcome.APPROVED, now=scene.clock.now)
    posts = scene.posts()
    assert approved_posts(posts) == [post for post in posts if post.review.state is ReviewState.APPROVED]
    return {post.number: post.review.state for post in posts}


@pytest.mark.parametrize(("minutes", "first"), [(29, ReviewState.APPROVED), (30, ReviewState.EXPIRED)])
def test_a_post_that_is_due_before_the_round_about_others_ends_is_not_handed_over_late(
    scene: Scene, minutes: int, first: ReviewState
) -> None:
    scene.stand_up(posts=3)
    asked_again(scene)
    scene.clock.pass_(minutes=minutes)
    page = scene.browser().get(scene.url()).text

    scene.decide()

    assert ("Its time has come and gone" in page) is (first is ReviewState.EXPIRED)
    assert completed(scene) == {1: first, 2: ReviewState.APPROVED, 3: ReviewState.APPROVED}


def test_it_stays_locked_while_more_changes_are_asked_for(scene: Scene) -> None:
    scene.stand_up(posts=3)
    asked_again(scene)
    scene.clock.pass_(hours=1)
    scene.decide(decision="needs_revision", posts=verdicts(scene, p2="needs_revision"))

    scene.next_round(WORDS)
    locked = scene.round().locked
    scene.decide()

    assert {post.number for post in scene.posts() if post.id in locked} == {1, 3}
    assert completed(scene)[1] is ReviewState.EXPIRED


def test_a_rejection_of_everything_rejects_it(scene: Scene) -> None:
    scene.stand_up(posts=3)
    asked_again(scene)
    scene.clock.pass_(hours=1)
    scene.decide(decision="rejected", comments="Not this month.")

    apply(scene.store, TENANT, scene.campaign.id, 2, Outcome.REJECTED, now=scene.clock.now)

    assert {post.review.state for post in scene.posts()} == {ReviewState.REJECTED}


def test_what_the_policy_of_the_brand_lets_pass_does_not_go_out_late(scene: Scene) -> None:
    scene.prepare(posts=3)
    set_policy(scene, "auto_approve")
    scene.clock.now = scene.posts()[0].scheduled_at + timedelta(minutes=1)

    scene.ask(1)

    assert completed(scene) == {1: ReviewState.EXPIRED, 2: ReviewState.APPROVED, 3: ReviewState.APPROVED}


def test_a_post_that_all_stages_had_approved_does_not_go_out_late(scene: Scene) -> None:
    scene.stand_up(posts=3, stages=[stage("Editor"), stage("Client")])
    scene.decide()
    conclude(scene.store, scene.store.campaigns.get(TENANT, scene.campaign.id), now=scene.clock.now)
    asked_again(scene)
    scene.clock.pass_(hours=1)
    scene.decide()
    conclude(scene.store, scene.store.campaigns.get(TENANT, scene.campaign.id), now=scene.clock.now)
    assert (scene.round().n, scene.round().stage is not None) == (4, True)

    scene.decide()

    assert completed(scene) == {1: ReviewState.EXPIRED, 2: ReviewState.APPROVED, 3: ReviewState.APPROVED}
