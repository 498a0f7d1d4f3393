"""What older versions left behind is found, with what to do about it; what is right has no finding."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from campaigns.build.planning import fail
from campaigns.model.approval import ApprovalRound
from campaigns.model.campaign import Move, PlanSummary
from campaigns.model.post import Review
from campaigns.model.terms.approval_terms import Approver
from campaigns.model.vocabulary import CampaignStatus, ReviewState, RoundStatus
from campaigns.operations.watching.consistency import check
from campaigns.store.items.round_state import round_item
from campaigns.store.tables.table import Put
from tests.approvals.court import Court
from tests.approvals.scene import TENANT

S = CampaignStatus


@pytest.fixture
def court() -> Iterator[Court]:
    court = Court(posts=2)
    planned = {"plan_summary": PlanSummary(total_posts=2)}
    court.truth.campaigns.update(TENANT, court.campaign_id, planned, actor="test", at=court.clock.now)
    court.work()
    yield court
    court.close()


def found(court: Court) -> dict[str, str]:
    """What is found about rounds; nobody delivers the outbox here."""
    return {
        each.code: each.found
        for each in check(court.truth, court.campaign, now=court.clock.now)
        if each.code != "UNDELIVERED"
    }


def put(court: Court, round_: ApprovalRound, **changes: Any) -> None:
    court.truth.table.write(Put(round_item(round_.model_copy(update=changes))))


def test_what_goes_its_way_has_no_finding(court: Court) -> None:
    assert found(court) == {}
    court.click(court.issue(0), "attempt-0001", decision="needs_revision", comments="Shorter, please.")
    court.run_state = "scheduled"
    court.work()
    assert found(court) == {}
    court.click(court.issue(0), "attempt-0002", decision="approved")
    court.run_state = "scheduled"
    court.work()
    assert (court.campaign.status, found(court)) == (S.COMPLETED, {})


def test_a_reopening_that_was_left_half_done(court: Court) -> None:
    first = court.rounds[0]
    court.clock.now = first.expires_at + timedelta(minutes=1)
    court.sweep()
    court.work()
    assert found(court) == {}
    put(court, first, n=2, status=RoundStatus.PENDING, outcome=None, decided_at=None, version=1)

    assert "reopen-campaign" in found(court)["REOPENING_HALF_DONE"]


def test_a_failed_campaign_that_is_still_asked_about_or_was_decided_after_it_failed(court: Court) -> None:
    fail(court.truth, court.campaign, code="QUARANTINED", message="x", retryable=True, now=court.clock.now)
    assert "retry-campaign" in found(court)["ROUND_LEFT_OPEN"]

    later = court.clock.now + timedelta(minutes=5)
    put(court, court.rounds[0], status=RoundStatus.DECIDED, decided_at=later)

    assert "retry-campaign" in found(court)["DECIDED_AFTER_FAILURE"]


def test_a_round_that_is_open_beside_a_later_one(court: Court) -> None:
    put(court, court.rounds[0], n=2)

    assert "round 1 is open" in found(court)["ROUND_LEFT_OPEN"]


def test_a_decision_that_nothing_followed(court: Court) -> None:
    court.click(court.issue(0), "attempt-0001", decision="approved")
    assert "OUTCOME_NOT_APPLIED" not in found(court)

    court.clock.now += timedelta(minutes=16)

    assert "housekeeping" in found(court)["OUTCOME_NOT_APPLIED"]


def test_a_campaign_that_was_not_put_under_review_with_its_round(court: Court) -> None:
    fail(court.truth, court.campaign, code="QUARANTINED", message="x", retryable=True, now=court.clock.now)
    court.truth.campaigns.move(TENANT, court.campaign_id, Move(S.GENERATING, "test", "x", court.clock.now))
    court.clock.now += timedelta(minutes=16)

    assert "Resume" in found(court)["ROUND_WITHOUT_CAMPAIGN"]


def test_posts_that_count_as_approved_although_the_approval_was_taken_back(court: Court) -> None:
    post = court.posts[0]
    court.truth.posts.review(
        TENANT, court.campaign_id, {post.id: Review(state=ReviewState.APPROVED, round=1, by="Ana", at=court.clock.now)}
    )
    put(court, court.rounds[0], status=RoundStatus.SUPERSEDED, superseded_by=2)
    put(court, court.rounds[0], n=2, status=RoundStatus.PENDING, locked=[post.id])

    assert f"posts {post.number}" in found(court)["LOCKED_WITHOUT_APPROVAL"]


def test_terms_that_name_somebody_who_was_replaced(court: Court) -> None:
    asked = court.rounds[0].approvers
    other = asked[0].model_copy(update={"email": "new@example.com", "name": "New"})
    put(court, court.rounds[0], approvers=[other, *asked[1:]])

    assert isinstance(court.campaign.approval.approvers[0], Approver)
    assert "replace-approver" in found(court)["TERMS_NAME_OTHERS"]
