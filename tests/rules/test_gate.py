"""The gate: what may be done to a round as it is stored, and what may not, whoever asks and however it was before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from campaigns.errors import (
    AnswerTakenBackError,
    CampaignError,
    CodeRequiredError,
    ConflictError,
    FaultsError,
    RoundClosedError,
    RoundExpiredError,
    SelfApprovalError,
    StaleReviewError,
    TooLateToUndoError,
)
from campaigns.model.approval import ApprovalRound, ApproverDecision, DecisionRequest, ReviewDraft
from campaigns.model.campaign import AT_REST, Campaign
from campaigns.model.vocabulary import CampaignStatus, Decision, RoundStatus
from campaigns.rules.approval import gate
from campaigns.rules.approval.gate import Case, Change, LinkProof, Voice
from tests.approvals.voices import by_form, by_link, by_operator
from tests.rules.posts import OPENED, a_post, a_round, said
from tests.store.samples import a_campaign

NOW = OPENED + timedelta(hours=1)
OTHER = "f" * 64
REASON = {"actor": "operator:olga", "reason": "left the company", "now": NOW}


def the_campaign(*, status: CampaignStatus = CampaignStatus.AWAITING_REVIEW, **terms: Any) -> Campaign:
    campaign = a_campaign(status=status, requested_by="marta@fernwood.example")
    return campaign.model_copy(update={"approval": campaign.approval.model_copy(update=terms)})


def a_case(*decisions: ApproverDecision, campaign: Campaign | None = None, latest: int = 1, **round_: Any) -> Case:
    return Case(campaign or the_campaign(), a_round(2, **{"approvers": 3, **round_}), list(decisions), latest)


def decide(case: Case, voice: Voice, decision: str = "approved", *, attempt: str = "attempt-1", **more: Any) -> Change:
    request = {"decision": decision, "comments": "" if decision == "approved" else "Because of this.", **more}
    asked = DecisionRequest.model_validate({"callbackId": case.round.callback_id, **request})
    return gate.decide(case, voice, asked, attempt_id=attempt, now=NOW)


# --- decide ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", sorted(AT_REST - {CampaignStatus.CANCELLED}))
def test_nobody_decides_on_a_campaign_that_nothing_follows_from(status: CampaignStatus) -> None:
    case = a_case(campaign=the_campaign(status=status))

    with pytest.raises(RoundClosedError) as refused:
        decide(case, by_link(case.round))

    assert refused.value.details == {"status": str(status)}


def test_every_way_in_is_about_what_was_shown() -> None:
    case = a_case()
    stale = replace(case, round=case.round.model_copy(update={"digest": OTHER, "changed_at": NOW}))
    ways = [by_link(case.round), by_link(case.round, channel="api"), by_form(case.round), by_operator(case.round)]

    for voice in ways:
        assert decide(case, voice).recorded is not None
        with pytest.raises(StaleReviewError) as refused:
            decide(stale, voice)
        assert refused.value.details == {"digest": OTHER}
        assert decide(stale, voice, digest=OTHER).recorded is not None  # the body says what was seen


def test_a_link_of_before_is_about_what_was_there_when_it_was_made() -> None:
    case = a_case()
    changed = case.round.model_copy(update={"digest": OTHER, "changed_at": OPENED + timedelta(minutes=30)})

    def link(at: timedelta) -> Voice:
        jti = case.round.approvers[0].jti
        return Voice("ap-1", "Ana", "api", LinkProof(jti, OPENED + at, case.round.expires_at, None))

    assert decide(case, link(timedelta())).recorded is not None
    with pytest.raises(StaleReviewError):
        decide(replace(case, round=changed), link(timedelta(minutes=29)))
    assert decide(replace(case, round=changed), link(timedelta(minutes=30))).recorded is not None


def test_a_form_of_another_round_decides_nothing() -> None:
    case = a_case()

    with pytest.raises(StaleReviewError):
        decide(case, by_form(case.round.model_copy(update={"n": 2})))


def test_an_approvers_voice_needs_the_code_that_the_campaign_asks_for() -> None:
    case = a_case(campaign=the_campaign(require_otp=True))

    for voice in (by_link(case.round), by_link(case.round, channel="api"), by_form(case.round, approver_id="ap-1")):
        with pytest.raises(CodeRequiredError):
            decide(case, voice)
    assert decide(case, by_link(case.round, code=True)).recorded is not None
    assert decide(case, by_form(case.round)).recorded is not None  # no approver's voice: an operator's


@pytest.mark.parametrize("make", [by_link, by_form, by_operator])
def test_the_requester_decides_in_no_way(make: Callable[..., Voice]) -> None:
    case = a_case(campaign=the_campaign(prevent_self_approval=True))

    with pytest.raises(SelfApprovalError):
        decide(case, make(case.round, name="Marta@Fernwood.example"))


def test_what_is_asked_of_an_open_round_is_asked_of_one_that_was_reopened() -> None:
    """Nothing is skipped because of how the round was when somebody read it: only the case counts."""
    reopened = a_case(campaign=the_campaign(prevent_self_approval=True), version=7)

    with pytest.raises(SelfApprovalError):
        decide(reopened, by_link(reopened.round, 2, name="marta@fernwood.example"))
    with pytest.raises(FaultsError):
        decide(reopened, by_link(reopened.round), posts={a_post(9).id: {"decision": "approved"}})


def test_an_answer_that_was_taken_back_is_used_up() -> None:
    case = replace(a_case(), used_up=True)

    with pytest.raises(AnswerTakenBackError):
        decide(case, by_link(case.round))


def test_an_answer_is_known_by_its_id_whatever_way_it_came() -> None:
    case = a_case()
    for voice in (by_link(case.round), by_form(case.round, approver_id="ap-1"), by_operator(case.round)):
        recorded = decide(case, voice).recorded
        assert recorded is not None
        assert gate.answer_of(recorded) == gate.answer_id(voice, "attempt-1")


# --- undo, draft ----------------------------------------------------------------------------------------


def decided_case(**changes: Any) -> Case:
    """Ana has approved, and may take it back."""
    one = said("approved", by=1).model_copy(update={"at": NOW - timedelta(seconds=10)})
    round_: dict[str, Any] = {
        "quorum": "any", "settle_seconds": 300, "status": RoundStatus.DECIDED, "outcome": Decision.APPROVED,
        "settles_at": NOW + timedelta(seconds=290),
    }  # fmt: skip
    return replace(a_case(one, **round_), **changes)


def test_what_was_said_is_taken_back_while_its_round_is_the_campaigns_current_one() -> None:
    case = decided_case()

    change = gate.undo(case, by_link(case.round), now=NOW)

    assert (change.round.status, change.round.outcome, change.round.settles_at) == (RoundStatus.PENDING, None, None)
    with pytest.raises(TooLateToUndoError):
        gate.undo(replace(case, latest=2), by_link(case.round), now=NOW)
    with pytest.raises(TooLateToUndoError):
        gate.undo(
            replace(case, campaign=the_campaign(status=CampaignStatus.NEEDS_REVISION)), by_link(case.round), now=NOW
        )


def test_whoever_only_has_the_link_takes_nothing_back_and_leaves_no_words() -> None:
    secured = the_campaign(require_otp=True)
    undecided, decided = a_case(campaign=secured), decided_case(campaign=secured)
    words = ReviewDraft(digest=undecided.round.digest, comments="A stranger's words.", saved_at=NOW)

    with pytest.raises(CodeRequiredError):
        gate.undo(decided, by_link(decided.round), now=NOW)
    with pytest.raises(CodeRequiredError):
        gate.draft(undecided, by_link(undecided.round), words, now=NOW)
    assert gate.undo(decided, by_link(decided.round, code=True), now=NOW).taken_back is not None
    assert gate.draft(undecided, by_link(undecided.round, code=True), words, now=NOW).draft == ("ap-1", words)


def test_a_link_that_is_worthless_takes_nothing_back_and_leaves_no_words() -> None:
    case, decided = a_case(), decided_case()
    words = ReviewDraft(digest=case.round.digest, comments="Late words.", saved_at=NOW)
    old = by_link(case.round)
    for change in ({"revoked": True}, {"jti": "another-link-since"}):

        def worthless(case: Case, change: dict[str, Any] = change) -> Case:
            asked = [each.model_copy(update=change) for each in case.round.approvers]
            return replace(case, round=case.round.model_copy(update={"approvers": asked}))

        with pytest.raises(RoundClosedError):
            gate.undo(worthless(decided), old, now=NOW)
        with pytest.raises(RoundClosedError):
            gate.draft(worthless(case), old, words, now=NOW)


def test_a_rejection_that_ends_the_round_alone_stands_when_another_is_taken_back() -> None:
    """The round must not stay open with decisions that are its end."""
    earlier = said("approved", by=1).model_copy(update={"at": NOW - timedelta(seconds=20)})
    ended = said("rejected", by=2).model_copy(update={"at": NOW - timedelta(seconds=10)})
    case = a_case(
        earlier, ended, quorum="all", settle_seconds=300, status=RoundStatus.DECIDED, outcome=Decision.REJECTED,
        settles_at=NOW + timedelta(seconds=290),
    )  # fmt: skip

    change = gate.undo(case, by_link(case.round, 1), now=NOW)

    assert change.taken_back == earlier
    assert (change.round.status, change.round.outcome) == (RoundStatus.DECIDED, Decision.REJECTED)
    assert change.facts[0].details["outcome"] == "rejected"  # whoever reads the trail must know that it stays closed


# --- operators ------------------------------------------------------------------------------------------


def test_a_revocation_completes_the_round_when_everybody_left_has_decided() -> None:
    case = a_case(said("approved", by=2), said("approved", by=3), quorum="all")

    change = gate.revoke(case, "ap-1", **REASON)

    assert [each.revoked for each in change.round.approvers] == [True, False, False]
    assert (change.round.status, change.round.outcome) == (RoundStatus.DECIDED, Decision.APPROVED)
    assert change.facts[0].details == {"approver": "ap-1", "outcome": "approved"}


def test_the_last_who_could_decide_is_not_revoked() -> None:
    case = a_case(approvers=1)

    with pytest.raises(ConflictError, match="nobody would be left"):
        gate.revoke(case, "ap-1", **REASON)


def test_a_replacement_changes_round_and_terms_together() -> None:
    case = a_case()

    change = gate.replace(case, "ap-2", jti="a-new-link-of-it", name="Cleo", email="cleo@example.com", **REASON)

    assert change.round.approvers[1].email == "cleo@example.com"
    assert change.terms is not None
    assert [each.email for each in change.terms.approvers][1] == "cleo@example.com"
    assert change.forgotten == change.unproven == ["ap-2"]  # draft and code were somebody else's
    with pytest.raises(FaultsError):
        gate.replace(
            replace(case, campaign=the_campaign(prevent_self_approval=True)), "ap-2", jti="a-new-link-of-it",
            name="Marta", email="marta@fernwood.example", **REASON,
        )  # fmt: skip


def test_an_extension_names_the_posts_that_are_lost_without_a_decision() -> None:
    posts = [a_post(number) for number in (1, 2)]
    case = a_case(posts={post.id: post.content_hash() for post in posts})
    first = min(post.scheduled_at for post in posts)
    assert all(post.scheduled_at > case.round.expires_at for post in posts)

    harmless = gate.extend(case, case.round.expires_at + timedelta(minutes=1), posts=posts, **REASON)
    late = gate.extend(case, first, posts=posts, **REASON)

    assert "postsDueBefore" not in harmless.facts[0].details
    assert late.facts[0].details["postsDueBefore"] == [post.number for post in posts if post.scheduled_at <= first]


@pytest.mark.parametrize("status", list(CampaignStatus))
def test_the_text_of_a_post_may_be_edited_only_during_the_review(status: CampaignStatus) -> None:
    case = a_case(campaign=the_campaign(status=status))
    if status is CampaignStatus.AWAITING_REVIEW:
        gate.require_undecided(case)
    else:
        with pytest.raises(ConflictError):
            gate.require_undecided(case)


def over(case: Case, **changes: Any) -> Case:
    return replace(case, round=case.round.model_copy(update=changes))


@pytest.mark.parametrize(
    "act",
    [
        lambda case: gate.revoke(case, "ap-1", **REASON),
        lambda case: gate.replace(case, "ap-1", jti="a-new-link-of-it", name="", email="", **REASON),
        lambda case: gate.extend(case, case.round.expires_at + timedelta(hours=1), posts=[], **REASON),
        lambda case: gate.resend(case, **REASON),
        lambda case: gate.require_undecided(case),
        lambda case: decide(case, by_link(case.round)),
        lambda case: decide(case, by_form(case.round)),
        lambda case: decide(case, by_operator(case.round)),
        lambda case: gate.draft(
            case, by_link(case.round), ReviewDraft(digest=case.round.digest, comments="x", saved_at=NOW), now=NOW
        ),
    ],
    ids=["revoke", "replace", "extend", "resend", "edit", "link", "form", "order", "draft"],
)
def test_no_act_touches_a_round_that_is_over_or_not_the_current_one(act: Callable[[Case], Any]) -> None:
    act(a_case())
    for case in (
        replace(a_case(), latest=2),
        over(a_case(), status=RoundStatus.SUPERSEDED, superseded_by=2),
        over(a_case(), status=RoundStatus.CANCELLED),
        over(a_case(), status=RoundStatus.TIMED_OUT),
        over(a_case(said("approved", by=2)), status=RoundStatus.DECIDED, outcome=Decision.APPROVED),
    ):
        with pytest.raises(CampaignError):
            act(case)


def test_no_policy_approves_a_campaign_that_failed() -> None:
    def ended(status: CampaignStatus) -> ApprovalRound:
        case = a_case(campaign=the_campaign(status=status), on_timeout="approve")
        return gate.expire(case, posts=[], actor="housekeeping", now=case.round.expires_at).round

    assert ended(CampaignStatus.AWAITING_REVIEW).outcome is Decision.APPROVED
    assert ended(CampaignStatus.FAILED).outcome is None


def test_a_link_decides_no_longer_than_it_says() -> None:
    """A round that got more time sends new links; the old ones end when they were to."""
    case = over(a_case(), expires_at=NOW + timedelta(days=3))
    old = by_link(case.round)
    ended = Voice(old.approver_id, old.name, "link", replace(old.proof, expires_at=NOW))  # type: ignore[type-var]  # a link's

    with pytest.raises(RoundExpiredError):
        decide(case, ended)


def test_a_round_may_get_as_many_days_as_the_fault_says_and_no_more() -> None:
    case = a_case()
    with pytest.raises(FaultsError) as refused:
        gate.extend(case, NOW + gate.LONGEST_OPEN + timedelta(seconds=1), posts=[], **REASON)
    (fault,) = refused.value.faults
    assert (fault.code, str(gate.LONGEST_OPEN.days) in fault.message) == ("TOO_LATE", True)

    assert gate.extend(case, NOW + gate.LONGEST_OPEN, posts=[], **REASON).round is not None
