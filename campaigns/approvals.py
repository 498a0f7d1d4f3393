"""Approval rounds: asked once, decided once, applied once (design.md section 6).

Every act here may be repeated: what is stored first stands. Nothing here knows who called, over HTTP,
from the Prefect form or by policy; the store's conditions make them equal.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from campaigns.errors import Fault, FaultsError, SelfApprovalError
from campaigns.model.approval import ApprovalRound, ApproverDecision, Channel, DecisionRequest, RoundApprover
from campaigns.model.campaign import Campaign
from campaigns.model.vocabulary import CampaignStatus, RoundStatus
from campaigns.notice_kinds import NOTE, RECEIPT, RESULT, personal, to_the_team
from campaigns.rules.decisions import campaign_decision, decision_faults, outcome_of, undo_until, verdict_of
from campaigns.store import Fact, OutboxEntry, Store
from campaigns.store.approvals import Decided

ACTOR: Final = "build-campaign"
POLICY: Final = "policy"
RING: Final = "ring"
UNDO_LEEWAY: Final = timedelta(seconds=5)
"""The run's clock and the API's differ: what can no longer be taken back takes effect that much later."""
MAX_COMMENT_BYTES: Final = 200_000
"""All comments of one answer together, in UTF-8: a decision is one item, and an item has 400 KB."""


class Outcome(StrEnum):
    """What a round came to."""

    APPROVED = "approved"
    REJECTED = "rejected"
    NEEDS_REVISION = "needs_revision"
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"


# --- decide -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Voice:
    """Who decides, by which way, and from where (a fingerprint, never an address)."""

    approver_id: str
    name: str
    channel: Channel
    client: str | None = None


def decide(
    store: Store, round_: ApprovalRound, voice: Voice, request: DecisionRequest, *, attempt_id: str, now: datetime
) -> Decided:
    """Record what one approver says, and close the round when that completes its quorum.

    Raises:
        FaultsError: a post that the round does not show, one that cannot be approved as it is, no reason given.
        SelfApprovalError: the requester may not decide.
        AlreadyDecidedError, RoundExpiredError, RoundClosedError, StaleReviewError: nothing was recorded.
    """
    decision = ApproverDecision(
        tenant_id=round_.tenant_id,
        campaign_id=round_.campaign_id,
        callback_id=round_.callback_id,
        round=round_.n,
        approver_id=voice.approver_id,
        decided_by=voice.name,
        decision=request.decision,
        comments=request.comments,
        posts=request.posts,
        digest=request.digest or round_.digest,
        channel=voice.channel,
        client=voice.client,
        attempt_id=attempt_id,
        at=now,
    )
    # A repeated or late answer is told what is stored, not what is wrong with it.
    if round_.status is RoundStatus.PENDING and now < round_.expires_at and decision.digest == round_.digest:
        _require_allowed(store, round_, voice)
        if faults := [*decision_faults(round_, request), *_contradiction(round_, decision), *_too_much(request)]:
            raise FaultsError(faults)
    receipts = []
    if any(approver.id == voice.approver_id for approver in round_.approvers):
        receipts = [personal(RECEIPT, round_, voice.approver_id, round_.version, now, due_at=now)]
    return store.approvals.decide(
        decision, rule=outcome_of, outbox=receipts, doorbell=closing_entries(round_, decision)
    )


def closing_entries(round_: ApprovalRound, last: ApproverDecision) -> list[OutboxEntry]:
    """Return what follows when a decision closes a round and can no longer be taken back.

    The run is woken, and the people who run the campaign are told. A decision that is given again after
    it was taken back is another fact.
    """
    until, fact = undo_until(round_, last), (round_.version, last.at)
    due = last.at if until is None else until + UNDO_LEEWAY
    bell = OutboxEntry.about(
        RING, round_.tenant_id, round_.campaign_id, round_.n, *fact, due_at=due, payload={"round": round_.n}
    )
    return [bell, to_the_team(RESULT, round_, *fact, due_at=due)]


def undo(store: Store, round_: ApprovalRound, approver_id: str, *, now: datetime) -> ApprovalRound:
    """Take back what an approver said, and return the round, which is open again.

    Raises:
        NotFoundError: this approver has said nothing.
        TooLateToUndoError: it has taken effect.
    """
    return store.approvals.undo(
        round_.tenant_id, round_.campaign_id, round_.n, approver_id, doorbell=(RING, RESULT), at=now
    )


def _require_allowed(store: Store, round_: ApprovalRound, voice: Voice) -> None:
    campaign = store.campaigns.get(round_.tenant_id, round_.campaign_id)
    asked = next((each for each in round_.approvers if each.id == voice.approver_id), None)
    names = [voice.name, *([asked.email, asked.name] if asked else [])]
    if campaign.approval.prevent_self_approval and is_requester(campaign, *names):
        raise SelfApprovalError("whoever asked for the campaign may not decide on it")


def may_decide(campaign: Campaign, approver: RoundApprover) -> bool:
    """Whether this approver may decide: not the requester, where the campaign forbids that."""
    return not (campaign.approval.prevent_self_approval and is_requester(campaign, approver.email, approver.name))


def is_requester(campaign: Campaign, *names: str) -> bool:
    """Whether one of these names or addresses is whoever asked for the campaign."""
    requester = (campaign.requested_by or "").strip().casefold()
    return bool(requester) and requester in {name.strip().casefold() for name in names}


def _contradiction(round_: ApprovalRound, decision: ApproverDecision) -> list[Fault]:
    derived = campaign_decision(verdict_of(round_, decision, post_id) for post_id in round_.posts)
    if derived is None or derived is decision.decision:
        return []
    message = f"says {decision.decision}, but what is said of the posts comes to {derived}"
    return [Fault("decision", message, "DECISION_CONTRADICTS_POSTS")]


def _too_much(request: DecisionRequest) -> list[Fault]:
    size = len(request.comments.encode()) + sum(len(each.comment.encode()) for each in request.posts.values())
    if size <= MAX_COMMENT_BYTES:
        return []
    return [Fault("comments", f"all comments together have {size} bytes, at most {MAX_COMMENT_BYTES}", "TOO_LONG")]


def outcome(store: Store, tenant_id: str, campaign_id: str, n: int, *, now: datetime) -> Outcome | None:
    """Return what round n came to, or None while it is open or a decision may still be taken back."""
    round_ = store.approvals.round(tenant_id, campaign_id, n)
    if is_settling(round_, now):
        return None
    match round_.status:
        case RoundStatus.PENDING:
            return None
        case RoundStatus.CANCELLED | RoundStatus.SUPERSEDED:
            return Outcome.CANCELLED
        case RoundStatus.TIMED_OUT | RoundStatus.DECIDED:
            return Outcome(round_.outcome) if round_.outcome else Outcome.TIMED_OUT


def is_settling(round_: ApprovalRound, now: datetime) -> bool:
    """Whether the round is decided and the decision may still be taken back."""
    return round_.settles_at is not None and now < round_.settles_at + UNDO_LEEWAY


def round_to_ask(store: Store, tenant_id: str, campaign_id: str) -> int:
    """Return the number of the round that a run starts with: the latest, or the next after one closed for nothing."""
    latest = store.approvals.current_round(tenant_id, campaign_id)
    if latest is None:
        return 1
    over = latest.status in {RoundStatus.SUPERSEDED, RoundStatus.CANCELLED}
    if over and store.campaigns.get(tenant_id, campaign_id).status is CampaignStatus.GENERATING:
        return latest.n + 1
    return latest.n


# --- what else happens to an open round -------------------------------------------------------------


def note_opened(
    store: Store, round_: ApprovalRound, approver_id: str, *, client: str, prefetch: bool, now: datetime
) -> None:
    """Note that a link was opened: by whom is not known, mail scanners open links too."""
    details = {"verified": False, "prefetch": prefetch, "client": client}
    fact = Fact(approver_id, "opened", now, round=round_.n, details=details)
    store.record(round_.tenant_id, round_.campaign_id, fact)


def leave_note(store: Store, round_: ApprovalRound, approver_id: str, text: str, *, now: datetime) -> None:
    """Hand on a comment that came too late to decide anything: to the audit, and to the people who run the campaign."""
    fact = Fact(approver_id, "commented", now, round=round_.n, details={"comment": text[:5000], "late": True})
    store.record(round_.tenant_id, round_.campaign_id, fact)
    store.outbox.add([to_the_team(NOTE, round_, approver_id, now.isoformat(), due_at=now, approver=approver_id)])
