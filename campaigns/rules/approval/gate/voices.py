"""What people say of what they were shown: decide, undo, draft."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from campaigns.errors import (
    AnswerTakenBackError,
    Fault,
    FaultsError,
    NotFoundError,
    StaleReviewError,
    TooLateToUndoError,
)
from campaigns.model.approval import ApprovalRound, ApproverDecision, DecisionRequest, ReviewDraft
from campaigns.model.fact import Fact
from campaigns.model.post import Post
from campaigns.model.vocabulary import CampaignStatus, Decision, RoundStatus
from campaigns.rules.approval.decisions import asked_again, contradictions, decision_faults, outcome_of, undo_until
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
from campaigns.rules.approval.gate.words import completing, content_changed, with_revisions
from campaigns.rules.approval.passages import passage_faults
from campaigns.rules.approval.rewriting import MOST_CHANGED, Material, Rewritten, rewritten, taken_back
from campaigns.rules.approval.stages import ended


def decide(
    case: Case,
    voice: Voice,
    request: DecisionRequest,
    *,
    attempt_id: str,
    now: datetime,
    order: Fact | None = None,
    material: Material | None = None,
) -> Change:
    """Record what somebody says, once; the same again is answered with what stands.

    Args:
        order: the act of an operator that this decision is part of, for the audit.
        material: what is needed where the request points at words of posts, or changes them.

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
    own = case.said_by(voice.approver_id)
    if own is not None and (own.attempt_id == attempt_id or not asked_again(case.round, own)):
        require_current_link(case, voice)
        if says_the_same(own, decision):
            return Change(case.round, stands=own)
        raise already_decided(own)  # also an attempt of before with another answer in it
    require_answerable(case, voice, now)
    require_entitled(case, voice)
    if decision.digest != case.round.digest or request.callback_id != case.round.callback_id:
        raise StaleReviewError("the content changed since it was shown", {"digest": case.round.digest})
    terms = case.campaign.approval
    new, posts = Rewritten(), material.posts if material else ()
    if material is not None:
        new = rewritten(material, case.round, request, terms=terms, by=voice.name, now=now)
    shown = with_revisions(case.round, posts, new.changed, now)
    if terms.allow_edits or terms.allow_moves:
        replaced = {post.id: post.revision - 1 for post in new.changed}
        about = {"digest": shown.digest, "words": shown.posts, "replaced": replaced}
        decision = decision.model_copy(update=about)
    decision = decision if own is None else completing(case.round, shown, own, decision)
    faults = [*new.faults, *decision_faults(shown, request), *contradictions(shown, decision)]
    if len(decision.replaced) > MOST_CHANGED >= len(new.changed):
        why = f"changes {len(decision.replaced)} posts with what you changed before, at most {MOST_CHANGED} of yours"
        faults.append(Fault("posts", f"{why} can be taken back together", "TOO_MANY_CHANGES"))
    if faults := [*faults, *passage_faults(request, posts)]:
        raise FaultsError(faults)
    rest = [each for each in case.decisions if each is not own]
    after = completed(shown, [*rest, decision], last=decision, now=now)
    details = {
        "decision": str(decision.decision),
        "decidedBy": decision.decided_by,
        "channel": decision.channel,
        "digest": decision.digest,
        **({"completes": own.at.isoformat(timespec="microseconds")} if own else {}),
        **outcome_told(after),
    }
    fact = Fact(voice.approver_id, "decided", now, round=case.round.n, details=details, since=case.round.opened_at)
    told = [content_changed(case, shown, new.changed, voice, now)] if new.changed else []
    facts = [*told, fact, *([order] if order else [])]
    return Change(after, facts=facts, recorded=decision, completes=own, revisions=new.changed)


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
    """Say whether a recorded decision and another one come to the same, words included, whatever the comments."""

    def said(decision: ApproverDecision) -> tuple[Decision, dict[str, tuple[str, str | None, datetime | None]]]:
        posts = decision.posts.items()
        return decision.decision, {post: (each.decision, each.edit, each.move_to) for post, each in posts}

    if one.first_at is not None:  # the other, sent again, names only what it was asked about
        return said(other)[1].items() <= said(one)[1].items() if other.posts else one.decision is other.decision
    return said(one) == said(other)


def undo(
    case: Case,
    voice: Voice,
    *,
    now: datetime,
    kept: ReviewDraft | None = None,
    material: Material | None = None,
    before: Mapping[str, Post] | None = None,
) -> Change:
    """Take back what an approver said; the round is open again unless the other decisions complete it alone.

    Posts that the decision changed get their words of before, unless they were changed again.

    Args:
        kept: becomes the approver's draft, to go on from.
        material, before: what is needed where the decision changed posts, and the revisions that it replaced.

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
    again = taken_back(said, material, case.round, before or {}, now=now) if material else []
    shown = with_revisions(case.round, material.posts if material else (), again, now)
    outcome = outcome_of(shown, rest)
    if outcome is None:
        opened: dict[str, Any] = {
            "status": RoundStatus.PENDING, "outcome": None, "decided_at": None, "settles_at": None
        }  # fmt: skip
        after = ended(shown, rest, opened)
    else:
        after = ended(shown, rest, {"outcome": outcome})
    details = {
        "decision": str(said.decision),
        "decidedBy": said.decided_by,
        "decidedAt": said.at.isoformat(timespec="microseconds"),
        **outcome_told(after),
    }
    facts = [Fact(voice.approver_id, "undone", now, round=case.round.n, details=details)]
    if again:
        facts.append(content_changed(case, shown, again, voice, now))
    draft_kept = (voice.approver_id, kept) if kept else None
    return Change(after, facts=facts, taken_back=said, draft=draft_kept, revisions=again)


def draft(case: Case, voice: Voice, typed: ReviewDraft, *, now: datetime) -> Change:
    """Keep what an approver has typed and not sent.

    Raises:
        as `decide`; AlreadyDecidedError also when this approver has decided.
        StaleReviewError: it was typed about other content.
    """
    require_known(case, voice)
    if (own := case.said_by(voice.approver_id)) is not None and not asked_again(case.round, own):
        raise already_decided(own)
    require_answerable(case, voice, now)
    require_entitled(case, voice)
    if typed.digest != case.round.digest:
        raise StaleReviewError("the content changed since it was shown", {"digest": case.round.digest})
    return Change(case.round, draft=(voice.approver_id, typed))
