"""Approvals in the store: one open round, one decision each, one outcome, and the truth to whoever asks again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from campaigns.approval.expiry import expire
from campaigns.approval.renewing import revoke_link
from campaigns.errors import (
    AlreadyDecidedError,
    ConflictError,
    FaultsError,
    NotFoundError,
    RoundClosedError,
    RoundExpiredError,
    StaleReviewError,
)
from campaigns.model.approval import ApprovalRound, PostDecision
from campaigns.model.campaign import Campaign, Move
from campaigns.model.vocabulary import CampaignStatus, Decision, RoundStatus
from campaigns.rules.approval import gate
from campaigns.rules.approval.gate import Case, Change
from campaigns.rules.approval.reminders import reminders_at
from campaigns.store import OutboxEntry, Store
from tests.store.samples import NOW, OTHER, TENANT, a_campaign, a_decision, a_round, decide, hours

Ask = Callable[[Callable[[], Any]], Any]


@pytest.fixture
def campaign(store: Store) -> Campaign:
    return store.campaigns.create(a_campaign(), actor="api", at=NOW).campaign


def asked(store: Store, campaign: Campaign, n: int = 1, **changes: Any) -> ApprovalRound:
    return store.approvals.open_round(a_round(campaign, n, approvers=3, **changes), actor="flow", at=NOW)


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

    store.campaigns.move(TENANT, campaign.id, Move(CampaignStatus.CANCELLED, "user", "no", NOW))
    with pytest.raises(ConflictError) as refused:
        asked(store, campaign)
    assert refused.value.details == {"currentStatus": "cancelled"}


def test_open_rounds_of_all_tenants_are_found_when_due(store: Store, campaign: Campaign, eventually: Ask) -> None:
    other = store.campaigns.create(a_campaign(OTHER), actor="api", at=NOW).campaign
    soon, later = asked(store, campaign, expires_at=NOW + hours(1)), asked(store, other, expires_at=NOW + hours(2))

    assert eventually(lambda: store.approvals.due(NOW + hours(9)) == [soon, later])
    assert store.approvals.due(NOW) == []
    assert store.approvals.due(NOW + hours(1)) == [soon]

    decide(store, a_decision(soon, at=NOW))
    assert eventually(lambda: store.approvals.due(NOW + hours(9)) == [later])


def test_a_round_is_due_whenever_people_are_to_hear_of_it_and_not_in_between(
    store: Store, campaign: Campaign, eventually: Ask
) -> None:
    round_ = asked(store, campaign, expires_at=NOW + hours(50), reminders=[18])
    zone = campaign.schedule.zone
    (reminder,) = reminders_at(NOW, round_.expires_at, [18], zone)
    moments = sorted({reminder, *(NOW + hours(after) for after in (24, 46, 48))})

    for moment in moments:
        just_before = moment - hours(0.01)
        assert eventually(lambda before=just_before: store.approvals.due(before) == [])
        [due] = store.approvals.due(moment)
        store.approvals.tell(due, zone, now=moment, outbox=[])
    assert eventually(lambda: store.approvals.due(round_.expires_at - hours(0.01)) == [])
    [late] = store.approvals.due(round_.expires_at)
    assert (late.version, late.told_until) == (round_.version, moments[-1])


def test_what_was_told_is_lost_to_no_act_in_between(store: Store, campaign: Campaign) -> None:
    round_ = asked(store, campaign, quorum="all", expires_at=NOW + hours(48))
    decide(store, a_decision(round_, at=NOW))
    entry = OutboxEntry.about("reminder", TENANT, campaign.id, due_at=NOW)

    assert store.approvals.tell(round_, campaign.schedule.zone, now=NOW + hours(25), outbox=[entry]) == 0
    assert entry.id not in {each.id for each in store.outbox.of(TENANT, campaign.id)}
    as_stored = store.approvals.round(TENANT, campaign.id, 1)
    told = [
        store.approvals.tell(as_stored, campaign.schedule.zone, now=NOW + hours(25), outbox=[entry]) for _ in range(2)
    ]
    assert told == [1, 0]


def test_an_act_is_asked_about_what_is_stored_when_it_is_written(store: Store, campaign: Campaign) -> None:
    round_ = asked(store, campaign)
    seen: list[int] = []

    def slow(case: Case) -> Change:
        seen.append(case.round.version)
        if len(seen) == 1:  # somebody else is faster, between the reading and the writing
            revoke_link(store, TENANT, campaign.id, 1, "ap-2", actor="op", reason="left", now=NOW)
        return gate.revoke(case, "ap-1", actor="op", reason="left", now=NOW)

    done = store.approvals.act(TENANT, campaign.id, 1, slow)

    assert seen == [round_.version, round_.version + 1]
    assert [each.revoked for each in done.round.approvers] == [True, True, False]
    assert store.approvals.round(TENANT, campaign.id, 1) == done.round


@pytest.mark.parametrize("what", ["campaign", "round"])
def test_an_act_does_not_outlive_what_its_rule_read(store: Store, campaign: Campaign, what: str) -> None:
    asked(store, campaign)
    seen: list[object] = []

    def slow(case: Case) -> Change:
        seen.append((case.campaign.name, case.latest))
        if len(seen) == 1 and what == "campaign":
            store.campaigns.update(TENANT, campaign.id, {"name": "Renamed"}, actor="user", at=NOW)
        elif len(seen) == 1:
            asked(store, campaign, 2)
        return gate.revoke(case, "ap-1", actor="op", reason="left", now=NOW)

    if what == "round":
        with pytest.raises(RoundClosedError):
            store.approvals.act(TENANT, campaign.id, 1, slow)
        assert seen == [(campaign.name, 1), (campaign.name, 2)]
    else:
        store.approvals.act(TENANT, campaign.id, 1, slow)
        assert seen == [(campaign.name, 1), ("Renamed", 1)]


def test_a_refusal_about_what_has_changed_meanwhile_is_asked_again(store: Store, campaign: Campaign) -> None:
    round_ = asked(store, campaign)
    asked_about: list[int] = []

    def refusing(case: Case) -> Change:
        asked_about.append(case.round.version)
        if len(asked_about) == 1:
            revoke_link(store, TENANT, campaign.id, 1, "ap-2", actor="op", reason="left", now=NOW)
            raise ConflictError("as it was")
        return gate.revoke(case, "ap-1", actor="op", reason="left", now=NOW)

    assert store.approvals.act(TENANT, campaign.id, 1, refusing).round.version == round_.version + 2


# --- decisions --------------------------------------------------------------------------------------


def test_a_decision_is_recorded_audited_and_rings(store: Store, campaign: Campaign) -> None:
    round_ = asked(store, campaign)

    result = decide(store, a_decision(round_))

    assert not result.repeated
    assert (result.round.status, result.round.outcome) == (RoundStatus.DECIDED, Decision.APPROVED)
    assert result.round.decided_at == result.decision.at
    assert store.approvals.round(TENANT, campaign.id, 1) == result.round
    assert store.approvals.decisions(TENANT, campaign.id, 1) == [result.decision]
    entry = store.audit.entries(TENANT, campaign.id)[-1]
    assert (entry.actor, entry.action, entry.round) == ("ap-1", "decided", 1)
    assert entry.details["decidedBy"] == "Ana"
    assert {one.kind for one in store.outbox.of(TENANT, campaign.id)} == {"receipt", "ring", "result"}


def test_the_bell_rings_only_when_the_round_closes(store: Store, campaign: Campaign) -> None:
    round_ = asked(store, campaign, quorum="2")

    first = decide(store, a_decision(round_, "ap-1"))
    assert first.round.status is RoundStatus.PENDING
    assert [one.kind for one in store.outbox.of(TENANT, campaign.id)] == ["receipt"]

    second = decide(store, a_decision(round_, "ap-2"))
    assert second.round.status is RoundStatus.DECIDED
    assert [one.kind for one in store.outbox.of(TENANT, campaign.id)].count("ring") == 1


def test_the_same_attempt_again_is_told_that_it_succeeded(store: Store, campaign: Campaign) -> None:
    round_ = asked(store, campaign)
    decision = a_decision(round_)
    decide(store, decision)

    again = decide(store, decision.model_copy(update={"at": NOW + hours(500)}))

    assert again.repeated
    assert again.decision == decision
    assert len(store.audit.entries(TENANT, campaign.id)) == 3


def test_the_same_approver_saying_the_same_gets_the_same_receipt(store: Store, campaign: Campaign) -> None:
    round_ = asked(store, campaign)
    first = decide(store, a_decision(round_, attempt_id="attempt one"))

    again = decide(store, a_decision(round_, attempt_id="attempt two"))

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
    round_ = asked(store, campaign, quorum="2")
    decide(store, a_decision(round_))

    for attempt in ("second thoughts", a_decision(round_).attempt_id):  # a form of before, filled in differently
        with pytest.raises(AlreadyDecidedError) as refused:
            decide(store, a_decision(round_, attempt_id=attempt, **different))

        assert refused.value.details == {
            "decision": "approved",
            "decidedBy": "Ana",
            "approverId": "ap-1",
            "at": "2027-03-01T10:00:00+00:00",
        }


def test_another_approver_after_the_round_closed_is_told_who_decided(store: Store, campaign: Campaign) -> None:
    round_ = asked(store, campaign)
    decide(store, a_decision(round_))

    with pytest.raises(AlreadyDecidedError) as refused:
        decide(store, a_decision(round_, "ap-2", decided_by="Ben"))

    assert refused.value.details["decidedBy"] == "Ana"


def test_a_decision_at_the_very_end_is_too_late_and_one_before_is_not(store: Store, campaign: Campaign) -> None:
    round_ = asked(store, campaign)
    last_moment = round_.expires_at - hours(1e-9)

    with pytest.raises(RoundExpiredError):
        decide(store, a_decision(round_, at=round_.expires_at))
    assert store.approvals.decisions(TENANT, campaign.id, 1) == []

    assert decide(store, a_decision(round_, at=last_moment)).round.outcome


@pytest.mark.parametrize("stale", [{"digest": "0" * 64}, {"callback_id": "callback-of-another-round"}])
def test_a_decision_about_other_content_is_refused(store: Store, campaign: Campaign, stale: dict[str, Any]) -> None:
    round_ = asked(store, campaign)

    with pytest.raises(StaleReviewError):
        decide(store, a_decision(round_, **stale))

    assert store.approvals.round(TENANT, campaign.id, 1) == round_


def test_a_superseded_and_a_cancelled_round_say_so(store: Store, campaign: Campaign) -> None:
    first, second = asked(store, campaign, 1), asked(store, campaign, 2)

    with pytest.raises(RoundClosedError) as superseded:
        decide(store, a_decision(first))
    assert superseded.value.details == {"supersededBy": 2}

    store.campaigns.move(TENANT, campaign.id, Move(CampaignStatus.CANCELLED, "user", "no", NOW))
    with pytest.raises(RoundClosedError):
        decide(store, a_decision(second))


def test_a_revoked_link_decides_nothing_and_the_others_still_do(store: Store, campaign: Campaign) -> None:
    round_ = asked(store, campaign)
    revoke_link(store, TENANT, campaign.id, 1, "ap-1", actor="operator", now=NOW, reason="left the company")

    with pytest.raises(RoundClosedError):
        decide(store, a_decision(round_, "ap-1"))
    with pytest.raises(FaultsError):
        revoke_link(store, TENANT, campaign.id, 1, "ap-9", actor="operator", now=NOW, reason="typo")

    assert decide(store, a_decision(round_, "ap-2")).round.outcome


def test_somebody_who_was_not_asked_cannot_decide_by_link_but_an_operator_can(store: Store, campaign: Campaign) -> None:
    round_ = asked(store, campaign)

    with pytest.raises(NotFoundError):
        decide(store, a_decision(round_, "ap-9"))

    on_behalf = a_decision(round_, "operator", channel="operator")
    assert decide(store, on_behalf).round.outcome


def test_a_decision_of_another_tenant_finds_no_round(store: Store, campaign: Campaign) -> None:
    round_ = asked(store, campaign)

    with pytest.raises(NotFoundError):
        decide(store, a_decision(round_, tenant_id=OTHER))
    with pytest.raises(NotFoundError):
        store.approvals.round(OTHER, campaign.id, 1)
    assert store.approvals.decisions(OTHER, campaign.id, 1) == []


# --- time-out ---------------------------------------------------------------------------------------


def test_a_round_times_out_once_its_time_is_over_and_not_before(store: Store, campaign: Campaign) -> None:
    round_ = asked(store, campaign)

    assert expire(store, round_, round_.expires_at - hours(1e-9)) is None

    closed = expire(store, round_, round_.expires_at)
    assert closed is not None
    assert (closed.status, closed.outcome) == (RoundStatus.TIMED_OUT, None)
    assert expire(store, round_, round_.expires_at + hours(1)) is None
    assert [one.action for one in store.audit.entries(TENANT, campaign.id)].count("round_timed_out") == 1
    assert sorted(one.kind for one in store.outbox.of(TENANT, campaign.id)) == ["expired", "ring", "tell"]
    with pytest.raises(RoundExpiredError):
        decide(store, a_decision(round_))


def test_a_policy_can_approve_what_timed_out(store: Store, campaign: Campaign) -> None:
    round_ = asked(store, campaign, quorum="2", on_timeout="approve")
    decide(store, a_decision(round_))

    closed = expire(store, round_, round_.expires_at)

    assert closed is not None
    assert (closed.status, closed.outcome) == (RoundStatus.TIMED_OUT, Decision.APPROVED)


def test_a_decision_that_came_first_stands_against_the_time_out(store: Store, campaign: Campaign) -> None:
    round_ = asked(store, campaign)
    decided = decide(store, a_decision(round_)).round

    assert expire(store, round_, round_.expires_at) is None
    assert store.approvals.round(TENANT, campaign.id, 1) == decided
