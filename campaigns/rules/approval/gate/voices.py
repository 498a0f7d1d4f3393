"""What people say of what they were shown: decide, undo, draft."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from campaigns.errors import (
    AnswerTakenBackError,
    FaultsError,
    NotFoundError,
    StaleReviewError,
    TooLateToUndoError,
)
from campaigns.model.approval import ApprovalRound, ApproverDecision, DecisionRequest, ReviewDraft
from campaigns.model.fact import Fact
from campaigns.model.vocabulary import CampaignStatus, Decision, RoundStatus
from campaigns.rules.approval.decisions import contradictions, decision_faults, outcome_of, undo_until
from campaigns.rules.approval.gate.case import Case, Change, LinkProof, Voice
from campaigns.rules.approval.gate.conditions import (
    already_decided,
    completed,
    outcome_told,
    require_answerable,
    require_code,
    require_current_link,
    require_entitled,
    require_known,
)


def decide(
    case: Case, voice: Voice, request: DecisionRequest, *, attempt_id: str, now: datetime, order: Fact | None = None
) -> Change:
    """Record what somebody says, once; the same again is answered with what stands.

    `order` is the act of an operator that this decision is part of, for the audit.

    Raises:
        AnswerTakenBackError: this very answer was recorded before and taken back.
        AlreadyDecidedError: this voice, or for the whole round others, decided before; who, what and when.
        RoundExpiredError, RoundClosedError: too late, superseded, cancelled, or the link was revoked or replaced.
        StaleReviewError: the decision is about other content than the round shows.
        SelfApprovalError, CodeRequiredError: this voice may not decide, or not in this way.
        FaultsError: what is said cannot be recorded.
        NotFoundError: nobody of this id was asked.
    """
    if case.used_up:
        raise AnswerTakenBackError(
            "this answer was taken back: to decide anew, open the review again (or send another attemptId)",
            {"attemptId": attempt_id},
        )
    require_known(case, voice)
    decision = _decision(case, voice, request, attempt_id, now)
    if (own := case.said_by(voice.approver_id)) is not None:
        require_current_link(case, voice)
        if says_the_same(own, decision):
            return Change(case.round, stands=own)
        raise already_decided(own)  # also an attempt of before with another answer in it
    require_answerable(case, voice, now)
    require_entitled(case, voice)
    if decision.digest != case.round.digest or request.callback_id != case.round.callback_id:
        raise StaleReviewError("the content changed since it was shown", {"digest": case.round.digest})
    if faults := [*decision_faults(case.round, request), *contradictions(case.round, decision)]:
        raise FaultsError(faults)
    after = completed(case.round, [*case.decisions, decision], last=decision, now=now)
    details = {
        "decision": str(decision.decision),
        "decidedBy": decision.decided_by,
        "channel": decision.channel,
        "digest": decision.digest,
        **outcome_told(after),
    }
    fact = Fact(voice.approver_id, "decided", now, round=case.round.n, details=details)
    return Change(after, facts=[fact, *([order] if order else [])], recorded=decision)


def _decision(case: Case, voice: Voice, request: DecisionRequest, attempt_id: str, now: datetime) -> ApproverDecision:
    return ApproverDecision(
        tenant_id=case.round.tenant_id,
        campaign_id=case.round.campaign_id,
        callback_id=case.round.callback_id,
        round=case.round.n,
        approver_id=voice.approver_id,
        decided_by=voice.name,
        decision=request.decision,
        comments=request.comments,
        posts=request.posts,
        digest=request.digest or _digest_shown(case.round, voice),
        channel=voice.channel,
        client=voice.client,
        attempt_id=attempt_id,
        at=now,
    )


def _digest_shown(round_: ApprovalRound, voice: Voice) -> str:
    """Return what the voice was shown, as its proof says.

    A link of before this was kept in links is about the present content unless that is newer than the link.
    """
    proof = voice.proof
    if proof.digest is not None:
        return proof.digest
    known = round_.changed_at is None or not isinstance(proof, LinkProof) or proof.issued_at >= round_.changed_at
    return round_.digest if known else "unknown"


def answer_id(voice: Voice, attempt_id: str) -> str:
    """Return what an answer is known by in its round: links count for themselves, other ways for all."""
    return f"{voice.approver_id}.{attempt_id}" if isinstance(voice.proof, LinkProof) else attempt_id


def answer_of(decision: ApproverDecision) -> str:
    """Return `answer_id` of the answer that a decision was recorded from."""
    by_link = decision.channel in {"link", "api"}
    return f"{decision.approver_id}.{decision.attempt_id}" if by_link else decision.attempt_id


def says_the_same(one: ApproverDecision, other: ApproverDecision) -> bool:
    """Say whether two decisions come to the same, whatever the comments."""

    def said(decision: ApproverDecision) -> tuple[Decision, dict[str, str]]:
        return decision.decision, {post: verdict.decision for post, verdict in decision.posts.items()}

    return said(one) == said(other)


def undo(case: Case, voice: Voice, *, now: datetime, kept: ReviewDraft | None = None) -> Change:
    """Take back what an approver said; the round is open again unless the other decisions complete it alone.

    `kept` becomes the approver's draft, to go on from.

    Raises:
        NotFoundError: this approver has said nothing in this round.
        RoundClosedError: the link was revoked or replaced.
        CodeRequiredError: the campaign asks for a code, and none was shown.
        TooLateToUndoError: it has taken effect, or a newer round was opened.
    """
    said = case.said_by(voice.approver_id)
    if said is None:
        raise NotFoundError("decision", voice.approver_id)
    require_known(case, voice)
    require_current_link(case, voice)
    until = undo_until(case.round, said)
    in_work = case.campaign.status is CampaignStatus.AWAITING_REVIEW and not case.campaign.deleted_at
    if until is None or now >= until or case.latest != case.round.n or not in_work:
        raise TooLateToUndoError(
            f"the decision of {said.decided_by} has taken effect",
            {"decision": str(said.decision), "until": (until or said.at).isoformat()},
        )
    require_code(case, voice)
    rest = [each for each in case.decisions if each is not said]
    outcome = outcome_of(case.round, rest)
    if outcome is None:
        opened: dict[str, Any] = {
            "status": RoundStatus.PENDING, "outcome": None, "decided_at": None, "settles_at": None
        }  # fmt: skip
        after = case.round.model_copy(update=opened)
    else:
        after = case.round.model_copy(update={"outcome": outcome})
    details = {
        "decision": str(said.decision),
        "decidedBy": said.decided_by,
        "decidedAt": said.at.isoformat(timespec="microseconds"),
        **outcome_told(after),
    }
    fact = Fact(voice.approver_id, "undone", now, round=case.round.n, details=details)
    return Change(after, facts=[fact], taken_back=said, draft=(voice.approver_id, kept) if kept else None)


def draft(case: Case, voice: Voice, typed: ReviewDraft, *, now: datetime) -> Change:
    """Keep what an approver has typed and not sent.

    Raises:
        as `decide`; AlreadyDecidedError also when this approver has decided.
        StaleReviewError: it was typed about other content.
    """
    require_known(case, voice)
    if (own := case.said_by(voice.approver_id)) is not None:
        raise already_decided(own)
    require_answerable(case, voice, now)
    require_entitled(case, voice)
    if typed.digest != case.round.digest:
        raise StaleReviewError("the content changed since it was shown", {"digest": case.round.digest})
    return Change(case.round, draft=(voice.approver_id, typed))
