"""Moments that the machines of properties 8 and 9 found worth a test of their own."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from campaigns.approval.expiry import expire_due
from campaigns.model.vocabulary import CampaignStatus, Decision, ReviewState, RoundStatus
from tests.approvals.court import Court


@pytest.fixture
def court() -> Iterator[Court]:
    made = Court(quorum="all", on_timeout="approve")
    made.work()
    yield made
    made.close()


def test_a_process_that_died_after_noting_the_verdicts_goes_on_where_it_was(court: Court) -> None:
    for who in (0, 1):
        sent = court.issue(who)
        assert sent is not None
        court.click(sent, f"attempt-{who}", decision="approved")
    court.table.fail("killed before", after=3, only_writes=True)  # claim, lease, verdicts; the campaign is not moved on

    court.sweep()
    approved = {post.review.state for post in court.posts}
    stays = court.campaign.status
    court.settle()

    assert (approved, stays) == ({ReviewState.APPROVED}, CampaignStatus.AWAITING_REVIEW)

    assert court.table.faults["killed before"] == 1
    assert court.campaign.status is CampaignStatus.COMPLETED


def test_words_that_were_changed_behind_an_approval_are_not_handed_over(court: Court) -> None:
    for who in (0, 1):
        sent = court.issue(who)
        assert sent is not None
        court.click(sent, f"attempt-{who}", decision="approved")
    post = court.posts[0]
    assert post.content is not None
    words = post.content.model_copy(update={"text": "Words that nobody approved."})
    court.store.posts.save_revision(post.model_copy(update={"content": words, "revision": post.revision + 1}))

    court.settle()

    assert court.handed_over == []
    assert court.campaign.status is CampaignStatus.FAILED
    assert court.campaign.last_error is not None
    assert court.campaign.last_error.code == "INTEGRITY"


def test_the_policy_hears_who_objected_while_the_reaper_was_writing(court: Court) -> None:
    sent, gate = court.issue(0), court.open
    assert sent is not None
    assert gate is not None
    court.clock.now = gate.expires_at - timedelta(seconds=1)
    court.table.between = lambda: court.click(sent, "attempt-late", decision="needs_revision", comments="Shorter.")

    expire_due(court.store, now=gate.expires_at)

    ended = court.rounds[0]
    assert court.acks[0].told == "recorded"
    assert (ended.status, ended.outcome) == (RoundStatus.TIMED_OUT, Decision.NEEDS_REVISION)
