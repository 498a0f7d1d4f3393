"""What state a round is in, as an item and for somebody who decides now."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from campaigns.errors import (
    AlreadyDecidedError,
    ConflictError,
    NotFoundError,
    RoundClosedError,
    RoundExpiredError,
    StaleReviewError,
    TooLateToUndoError,
)
from campaigns.model.approval import ApprovalRound, ApproverDecision
from campaigns.model.campaign import AT_REST, Campaign
from campaigns.model.vocabulary import CampaignStatus, Decision, RoundStatus
from campaigns.store import keys
from campaigns.store.documents import item_of
from campaigns.store.table import Item

# Channels that a person reaches with a link of their own; others act under their own rules.
_WITH_A_LINK: Final = frozenset({"link", "api"})


def round_item(round_: ApprovalRound) -> Item:
    key = keys.round_(round_.tenant_id, round_.campaign_id, round_.n)
    index = {}
    if round_.status is RoundStatus.PENDING:
        index = keys.indexed("due", keys.DUE_ROUNDS, round_.expires_at, round_.round_id)
    elif round_.status in {RoundStatus.DECIDED, RoundStatus.TIMED_OUT} and round_.decided_at is not None:
        index = keys.indexed("due", keys.ENDED_ROUNDS, round_.decided_at, round_.round_id)
    return item_of(key, "round", round_, version=round_.version, status=str(round_.status), **index)


def next_state(current: ApprovalRound, **changes: object) -> ApprovalRound:
    """Return the round after a write; its version orders everything that happens to it."""
    return current.model_copy(update={**changes, "version": current.version + 1})


def require_open(current: ApprovalRound, before: Sequence[ApproverDecision], decision: ApproverDecision) -> None:
    """Refuse a decision that comes too late, about other content, or from somebody who was not asked.

    Raises:
        AlreadyDecidedError, RoundClosedError, RoundExpiredError, StaleReviewError, NotFoundError.
    """
    match current.status:
        case RoundStatus.DECIDED:
            raise already_decided(before[-1]) if before else RoundClosedError("this round is decided")
        case RoundStatus.SUPERSEDED:
            raise RoundClosedError("a newer version was sent", {"supersededBy": current.superseded_by})
        case RoundStatus.CANCELLED:
            raise RoundClosedError("the campaign was cancelled", {"status": str(current.status)})
        case RoundStatus.TIMED_OUT:
            raise expired(current)
        case RoundStatus.PENDING:
            pass
    if decision.at >= current.expires_at:
        raise expired(current)
    if decision.digest != current.digest or decision.callback_id != current.callback_id:
        raise StaleReviewError("the content changed since it was shown", {"digest": current.digest})
    if decision.channel in _WITH_A_LINK:
        asked = next((approver for approver in current.approvers if approver.id == decision.approver_id), None)
        if asked is None:
            raise NotFoundError("approver", decision.approver_id)
        if asked.revoked:
            raise RoundClosedError("this link was revoked", {"revoked": True})


def says_the_same(one: ApproverDecision, other: ApproverDecision) -> bool:
    """Say whether two decisions come to the same, whatever the comments."""

    def said(decision: ApproverDecision) -> tuple[Decision, dict[str, str]]:
        return decision.decision, {post: verdict.decision for post, verdict in decision.posts.items()}

    return said(one) == said(other)


def expired(round_: ApprovalRound) -> RoundExpiredError:
    return RoundExpiredError("the time to decide is over", {"expiresAt": round_.expires_at.isoformat()})


def already_decided(stored: ApproverDecision) -> AlreadyDecidedError:
    return AlreadyDecidedError(
        f"{stored.decided_by} has decided: {stored.decision}",
        {
            "decision": str(stored.decision),
            "decidedBy": stored.decided_by,
            "approverId": stored.approver_id,
            "at": stored.at.isoformat(),
        },
    )


def too_late_to_undo(said: ApproverDecision, until: datetime | None) -> TooLateToUndoError:
    return TooLateToUndoError(
        f"the decision of {said.decided_by} has taken effect",
        {"decision": str(said.decision), "until": (until or said.at).isoformat()},
    )


def require_askable(campaign: Campaign, *, reopens: bool) -> None:
    """Refuse a new round for a campaign that is not at its approvers' turn.

    Raises:
        ConflictError: it is over or failed; only what timed out is reopened, and by nothing but an operator's order.
    """
    timed_out = campaign.status is CampaignStatus.APPROVAL_TIMEOUT
    if timed_out is not reopens or (not timed_out and campaign.status in _DECIDED):
        raise ConflictError(f"the campaign is {campaign.status}", {"currentStatus": str(campaign.status)})


_DECIDED: Final = AT_REST | {CampaignStatus.APPROVED}


def is_put_again(campaign: Campaign, latest: ApprovalRound, *, reopens: bool) -> bool:
    """Whether a campaign that goes on is put under review with the round that it has, not with another one."""
    if latest.status in {RoundStatus.SUPERSEDED, RoundStatus.CANCELLED} or latest.outcome is Decision.NEEDS_REVISION:
        return False
    if reopens:  # the round of a reopening that died half way
        return campaign.status is CampaignStatus.APPROVAL_TIMEOUT and campaign.round < latest.n
    return campaign.status is CampaignStatus.GENERATING
