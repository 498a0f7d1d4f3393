"""Approvals in the store: one open round, one decision each, one outcome, and the truth to whoever asks again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from campaigns.errors import (
    AlreadyDecidedError,
    ConflictError,
    NotFoundError,
    RoundClosedError,
    RoundExpiredError,
    StaleReviewError,
    VersionConflictError,
)
from campaigns.model.approval import ApprovalRound, ApproverDecision, PostDecision
from campaigns.model.campaign import Campaign
from campaigns.model.vocabulary import CampaignStatus, Decision, RoundStatus
from campaigns.store import Fact, OutboxEntry, Store
from tests.store.samples import NOW, OTHER, TENANT, a_campaign, a_decision, a_round, hours

Ask = Callable[[Callable[[], Any]], Any]


@pytest.fixture
def campaign(store: Store) -> Campaign:
    return store.campaigns.create(a_campaign(), actor="api", at=NOW).campaign


def asked(store: Store, campaign: Campaign, n: int = 1, **changes: Any) -> ApprovalRound:
    return store.approvals.open_round(a_round(campaign, n, approvers=3, **changes), actor="flow", at=NOW)


def first_decides(_: ApprovalRound, decisions: Sequence[ApproverDecision]) -> Decision | None:
    return decisions[0].decision


def two_decide(_: ApprovalRound, decisions: Sequence[ApproverDecision]) -> Decision | None:
    return decisions[0].decision if len(decisions) == 2 else None


# --- rounds -----------------------------------------------------------------------------------------


def test_a_round_is_found_by_number_by_callback_and_as_the_current_one(store: Store, campaign: Campaign) -> None:
    assert store.approvals.current_round(TENANT, campaign.id) is None

    round_ = asked(store, campaign)

    assert store.approvals.round(TENANT, campaign.id, 1) == round_
    assert store.approvals.by_callback(round_.callback_id) == round_
    assert store.approvals.current_round(TENANT, campaign.id) == round_
    assert store.audit.entries(TENANT, campaign.id)[-1].details == {"digest": round_.digest}


@pytest.mark.parametrize("callback", ["", "short", "x" * 30, "@callback#" + "x" * 30, "é" * 30, "x" * 5000])
def test_a_callback_that_is_none_is_unknown_and_is_not_repeated(store: Store, callback: str) -> None:
    with pytest.raises(NotFoundError) as refused:
        store.approvals.by_callback(callback)

    assert str(refused.value) == "no approval of this link"


def test_opening_a_round_again_returns_it_as_it_was_asked(store: Store, campaign: Campaign) -> None:
    first = asked(store, campaign)
    notice = OutboxEntry.about("notify", TENANT, campaign.id, 1, due_at=NOW)

    again = store.approvals.open_round(
        a_round(campaign, 1, callback_id="another-callback-id-of-a-retry"), actor="flow", at=NOW, outbox=[notice]
    )

    assert again == first
    assert store.outbox.of(TENANT, campaign.id) == []
    with pytest.raises(NotFoundError):
        store.approvals.by_callback("another-callback-id-of-a-retry")


def test_a_new_round_supersedes_the_open_one(store: Store, campaign: Campaign) -> None:
    asked(store, campaign, 1)
    second = asked(store, campaign, 2)

    first = store.approvals.round(TENANT, campaign.id, 1)
    assert (first.status, first.superseded_by) == (RoundStatus.SUPERSEDED, 2)
    assert store.approvals.current_round(TENANT, campaign.id) == second
    assert store.approvals.rounds(TENANT, campaign.id) == [first, second]


def test_rounds_are_numbered_without_gaps(store: Store, campaign: Campaign) -> None:
    with pytest.raises(ConflictError):
        asked(store, campaign, 2)


def test_the_tenth_round_comes_after_the_ninth(store: Store, campaign: Campaign) -> None:
    for n in range(1, 12):
        asked(store, campaign, n)

    current = store.approvals.current_round(TENANT, campaign.id)
    assert current is not None
    assert current.n == 11


def test_a_callback_id_is_used_once(store: Store, campaign: Campaign) -> None:
    taken = asked(store, campaign).callback_id
    other = store.campaigns.create(a_campaign(OTHER), actor="api", at=NOW).campaign

    with pytest.raises(ConflictError):
        asked(store, other, callback_id=taken)
    assert store.approvals.current_round(OTHER, other.id) is None


def test_no_round_opens_for_a_campaign_that_is_unknown_or_over(store: Store, campaign: Campaign) -> None:
    with pytest.raises(NotFoundError):
        asked(store, a_campaign())

    store.campaigns.move(TENANT, campaign.id, CampaignStatus.CANCELLED, actor="user", reason="no", at=NOW)
    with pytest.raises(ConflictError) as refused:
        asked(store, campaign)
    assert refused.value.details == {"currentStatus": "cancelled"}


def test_open_rounds_of_all_tenants_are_found_when_due(store: Store, campaign: Campaign, eventually: Ask) -> None:
    other = store.campaigns.create(a_campaign(OTHER), actor="api", at=NOW).campaign
    soon, later = asked(store, campaign, expires_at=NOW + hours(1)), asked(store, other, expires_at=NOW + hours(2))

    assert eventually(lambda: store.approvals.pending() == [soon, later])
    assert store.approvals.due(NOW) == []
    assert store.approvals.due(NOW + hours(1)) == [soon]
    assert store.approvals.due(NOW + hours(9)) == [soon, later]

    store.approvals.decide(a_decision(soon, at=NOW), rule=first_decides)
    assert eventually(lambda: store.approvals.due(NOW + hours(9)) == [later])


def test_an_open_round_can_be_changed_by_version_only(store: Store, campaign: Campaign) -> None:
    round_ = asked(store, campaign)
    reminded = round_.model_copy(update={"reminders": [72]})

    stored = store.approvals.update(reminded, expect_version=1, fact=Fact("housekeeping", "reminded", NOW, round=1))

    assert (stored.version, stored.reminders) == (2, [72])
    with pytest.raises(VersionConflictError):
        store.approvals.update(reminded, expect_version=1)
    store.approvals.decide(a_decision(round_), rule=first_decides)
    with pytest.raises(RoundClosedError):
        store.approvals.update(stored, expect_version=3)


# --- decisions --------------------------------------------------------------------------------------


def test_a_decision_is_recorded_audited_and_rings(store: Store, campaign: Campaign) -> None:
    round_ = asked(store, campaign)
    notice = OutboxEntry.about("tell_owner", TENANT, campaign.id, 1, due_at=NOW)
    bell = OutboxEntry.about("ring", TENANT, campaign.id, 1, due_at=NOW)

    result = store.approvals.decide(a_decision(round_), rule=first_decides, outbox=[notice], doorbell=[bell])

    assert not result.repeated
    assert (result.round.status, result.round.outcome) == (RoundStatus.DECIDED, Decision.APPROVED)
    assert result.round.decided_at == result.decision.at
    assert store.approvals.round(TENANT, campaign.id, 1) == result.round
    assert store.approvals.decisions(TENANT, campaign.id, 1) == [result.decision]
    entry = store.audit.entries(TENANT, campaign.id)[-1]
    assert (entry.actor, entry.action, entry.round) == ("ap-1", "decided", 1)
    assert entry.details["decidedBy"] == "Ana"
    assert {one.kind for one in store.outbox.of(TENANT, campaign.id)} == {"tell_owner", "ring"}


def test_the_bell_rings_only_when_the_round_closes(store: Store, campaign: Campaign) -> None:
    round_ = asked(store, campaign)
    bell = OutboxEntry.about("ring", TENANT, campaign.id, 1, due_at=NOW)

    first = store.approvals.decide(a_decision(round_, "ap-1"), rule=two_decide, doorbell=[bell])
    assert first.round.status is RoundStatus.PENDING
    assert store.outbox.of(TENANT, campaign.id) == []

    second = store.approvals.decide(a_decision(round_, "ap-2"), rule=two_decide, doorbell=[bell])
    assert second.round.status is RoundStatus.DECIDED
    assert store.outbox.of(TENANT, campaign.id) == [bell]


def test_the_rule_sees_every_decision_by_time(store: Store, campaign: Campaign) -> None:
    round_ = asked(store, campaign)
    seen: list[list[str]] = []

    def watch(_: ApprovalRound, decisions: Sequence[ApproverDecision]) -> None:
        seen.append([decision.approver_id for decision in decisions])

    for approver, at in (("ap-2", NOW + hours(2)), ("ap-1", NOW + hours(1)), ("ap-3", NOW + hours(3))):
        store.approvals.decide(a_decision(round_, approver, at=at), rule=watch)

    assert seen == [["ap-2"], ["ap-1", "ap-2"], ["ap-1", "ap-2", "ap-3"]]


def test_the_same_attempt_again_is_told_that_it_succeeded(store: Store, campaign: Campaign) -> None:
    round_ = asked(store, campaign)
    decision = a_decision(round_)
    store.approvals.decide(decision, rule=first_decides)

    again = store.approvals.decide(decision.model_copy(update={"at": NOW + hours(500)}), rule=first_decides)

    assert again.repeated
    assert again.decision == decision
    assert len(store.audit.entries(TENANT, campaign.id)) == 3


def test_the_same_approver_saying_the_same_gets_the_same_receipt(store: Store, campaign: Campaign) -> None:
    round_ = asked(store, campaign)
    first = store.approvals.decide(a_decision(round_, attempt_id="attempt one"), rule=first_decides)

    again = store.approvals.decide(a_decision(round_, attempt_id="attempt two"), rule=first_decides)

    assert (again.repeated, again.decision) == (True, first.decision)


@pytest.mark.parametrize(
    "different",
    [
        {"decision": Decision.REJECTED},
        {"posts": {"post_01JZ0K6V9Q4R8XW2B7NDHTM3CE": PostDecision(decision="rejected")}},
    ],
)
def test_another_decision_after_the_first_is_refused_with_who_what_and_when(
    store: Store, campaign: Campaign, different: dict[str, Any]
) -> None:
    round_ = asked(store, campaign)
    store.approvals.decide(a_decision(round_), rule=two_decide)

    for attempt in ("second thoughts", a_decision(round_).attempt_id):  # a form of before, filled in differently
        with pytest.raises(AlreadyDecidedError) as refused:
            store.approvals.decide(a_decision(round_, attempt_id=attempt, **different), rule=two_decide)

        assert refused.value.details == {
            "decision": "approved",
            "decidedBy": "Ana",
            "approverId": "ap-1",
            "at": "2027-03-01T10:00:00+00:00",
        }


def test_another_approver_after_the_round_closed_is_told_who_decided(store: Store, campaign: Campaign) -> None:
    round_ = asked(store, campaign)
    store.approvals.decide(a_decision(round_), rule=first_decides)

    with pytest.raises(AlreadyDecidedError) as refused:
        store.approvals.decide(a_decision(round_, "ap-2", decided_by="Ben"), rule=first_decides)

    assert refused.value.details["decidedBy"] == "Ana"


def test_a_decision_at_the_very_end_is_too_late_and_one_before_is_not(store: Store, campaign: Campaign) -> None:
    round_ = asked(store, campaign)
    last_moment = round_.expires_at - hours(1e-9)

    with pytest.raises(RoundExpiredError):
        store.approvals.decide(a_decision(round_, at=round_.expires_at), rule=first_decides)
    assert store.approvals.decisions(TENANT, campaign.id, 1) == []

    assert store.approvals.decide(a_decision(round_, at=last_moment), rule=first_decides).round.outcome


@pytest.mark.parametrize("stale", [{"digest": "0" * 64}, {"callback_id": "callback-of-another-round"}])
def test_a_decision_about_other_content_is_refused(store: Store, campaign: Campaign, stale: dict[str, Any]) -> None:
    round_ = asked(store, campaign)

    with pytest.raises(StaleReviewError):
        store.approvals.decide(a_decision(round_, **stale), rule=first_decides)

    assert store.approvals.round(TENANT, campaign.id, 1) == round_


def test_a_superseded_and_a_cancelled_round_say_so(store: Store, campaign: Campaign) -> None:
    first, second = asked(store, campaign, 1), asked(store, campaign, 2)

    with pytest.raises(RoundClosedError) as superseded:
        store.approvals.decide(a_decision(first), rule=first_decides)
    assert superseded.value.details == {"supersededBy": 2}

    store.campaigns.move(TENANT, campaign.id, CampaignStatus.CANCELLED, actor="user", reason="no", at=NOW)
    with pytest.raises(RoundClosedError):
        store.approvals.decide(a_decision(second), rule=first_decides)


def test_a_revoked_link_decides_nothing_and_the_others_still_do(store: Store, campaign: Campaign) -> None:
    round_ = asked(store, campaign)
    store.approvals.revoke(TENANT, campaign.id, 1, "ap-1", actor="operator", at=NOW, reason="left the company")

    with pytest.raises(RoundClosedError):
        store.approvals.decide(a_decision(round_, "ap-1"), rule=first_decides)
    with pytest.raises(NotFoundError):
        store.approvals.revoke(TENANT, campaign.id, 1, "ap-9", actor="operator", at=NOW, reason="typo")

    assert store.approvals.decide(a_decision(round_, "ap-2"), rule=first_decides).round.outcome


def test_somebody_who_was_not_asked_cannot_decide_by_link_but_an_operator_can(store: Store, campaign: Campaign) -> None:
    round_ = asked(store, campaign)

    with pytest.raises(NotFoundError):
        store.approvals.decide(a_decision(round_, "ap-9"), rule=first_decides)

    on_behalf = a_decision(round_, "operator", channel="operator")
    assert store.approvals.decide(on_behalf, rule=first_decides).round.outcome


def test_a_decision_of_another_tenant_finds_no_round(store: Store, campaign: Campaign) -> None:
    round_ = asked(store, campaign)

    with pytest.raises(NotFoundError):
        store.approvals.decide(a_decision(round_, tenant_id=OTHER), rule=first_decides)
    with pytest.raises(NotFoundError):
        store.approvals.round(OTHER, campaign.id, 1)
    assert store.approvals.decisions(OTHER, campaign.id, 1) == []


# --- time-out ---------------------------------------------------------------------------------------


def test_a_round_times_out_once_its_time_is_over_and_not_before(store: Store, campaign: Campaign) -> None:
    round_ = asked(store, campaign)

    with pytest.raises(ConflictError):
        store.approvals.time_out(TENANT, campaign.id, 1, at=round_.expires_at - hours(1e-9))

    bell = OutboxEntry.about("ring", TENANT, campaign.id, 1, due_at=NOW)
    closed = store.approvals.time_out(TENANT, campaign.id, 1, at=round_.expires_at, outbox=[bell])
    assert (closed.status, closed.outcome) == (RoundStatus.TIMED_OUT, None)
    assert store.approvals.time_out(TENANT, campaign.id, 1, at=round_.expires_at + hours(1)) == closed
    assert [one.action for one in store.audit.entries(TENANT, campaign.id)].count("round_timed_out") == 1
    with pytest.raises(RoundExpiredError):
        store.approvals.decide(a_decision(round_), rule=first_decides)


def test_a_policy_can_approve_what_timed_out(store: Store, campaign: Campaign) -> None:
    round_ = asked(store, campaign)
    store.approvals.decide(a_decision(round_), rule=two_decide)
    seen: list[str] = []

    def policy(_: ApprovalRound, decisions: Sequence[ApproverDecision]) -> Decision:
        seen.extend(each.approver_id for each in decisions)
        return Decision.APPROVED

    closed = store.approvals.time_out(TENANT, campaign.id, 1, at=round_.expires_at, rule=policy)

    assert (closed.status, closed.outcome, seen) == (RoundStatus.TIMED_OUT, Decision.APPROVED, ["ap-1"])


def test_a_decision_that_came_first_stands_against_the_time_out(store: Store, campaign: Campaign) -> None:
    round_ = asked(store, campaign)
    decided = store.approvals.decide(a_decision(round_), rule=first_decides).round

    assert store.approvals.time_out(TENANT, campaign.id, 1, at=round_.expires_at) == decided
