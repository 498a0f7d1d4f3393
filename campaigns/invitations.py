"""What a link leads to: the stored record decides, the token only points at it (experience.md A.3)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from campaigns.errors import ApprovalLinkError, GoneError, NotFoundError, RoundClosedError, RoundExpiredError
from campaigns.links import CLOCK_LEEWAY, LinkClaims
from campaigns.model.approval import ApprovalRound, ApproverDecision, RoundApprover
from campaigns.model.campaign import Campaign
from campaigns.model.vocabulary import CampaignStatus, RoundStatus
from campaigns.store import Store


class Standing(StrEnum):
    """How it stands between an approver and a round."""

    OPEN = "open"
    """Not decided yet, and still to be decided."""
    DECIDED = "decided"
    """This approver has decided; the round may still wait for others."""
    CLOSED = "closed"
    """Others have decided."""
    NEWER = "newer"
    """A newer round was sent."""
    REPLACED = "replaced"
    """A newer link of the same round was sent to this approver."""
    EXPIRED = "expired"
    """The time of the round, or of this link, is over."""
    REVOKED = "revoked"
    CANCELLED = "cancelled"


LIVE: Final = frozenset({Standing.OPEN, Standing.DECIDED, Standing.CLOSED})
"""The content of the campaign may be shown."""


@dataclass(frozen=True, slots=True)
class Invitation:
    """A verified link, and what the store has to it. `current` is the number of the latest round."""

    claims: LinkClaims
    standing: Standing
    round: ApprovalRound
    approver: RoundApprover
    campaign: Campaign
    decisions: list[ApproverDecision]
    current: int

    @property
    def own(self) -> ApproverDecision | None:
        """Return what this approver said in the round, or None."""
        return next((each for each in self.decisions if each.approver_id == self.approver.id), None)

    @property
    def waiting(self) -> int:
        """How many of those asked have not said anything yet."""
        decided = {each.approver_id for each in self.decisions}
        return sum(approver.id not in decided and not approver.revoked for approver in self.round.approvers)


def invitation(store: Store, claims: LinkClaims, *, now: datetime) -> Invitation:
    """Return how it stands with a verified link.

    Raises:
        ApprovalLinkError: the record knows no such link; the answer is the same as to a forged one.
    """
    try:
        round_ = store.approvals.by_callback(claims.callback_id)
        campaign = store.campaigns.get(round_.tenant_id, round_.campaign_id, deleted=True)
    except NotFoundError:
        raise ApprovalLinkError from None
    approver = next((each for each in round_.approvers if each.id == claims.sub), None)
    same = (round_.tenant_id, round_.campaign_id, round_.n) == (claims.tenant_id, claims.campaign_id, claims.round)
    # No link is older than its round, and none outlives it.
    early = claims.issued_at < round_.opened_at - CLOCK_LEEWAY
    late = claims.exp > round_.expires_at.timestamp() + 1
    if approver is None or not same or early or late:
        raise ApprovalLinkError
    latest = store.approvals.current_round(round_.tenant_id, round_.campaign_id)
    found = Invitation(
        claims,
        Standing.OPEN,
        round_,
        approver,
        campaign,
        store.approvals.decisions(round_.tenant_id, round_.campaign_id, round_.n),
        latest.n if latest else round_.n,
    )
    return _standing(found, now)


def _standing(found: Invitation, now: datetime) -> Invitation:
    round_, own = found.round, found.own
    if found.approver.revoked:
        return _at(found, Standing.REVOKED)
    if found.campaign.deleted_at or CampaignStatus.CANCELLED in {found.campaign.status, str(round_.status)}:
        return _at(found, Standing.CANCELLED)
    if found.current > round_.n or round_.status is RoundStatus.SUPERSEDED:
        return _at(found, Standing.NEWER)
    if found.approver.jti != found.claims.jti:
        return _at(found, Standing.REPLACED)
    if found.claims.expired(now) or round_.status is RoundStatus.TIMED_OUT:
        return _at(found, Standing.EXPIRED)
    if own is not None:
        return _at(found, Standing.DECIDED)
    if round_.status is RoundStatus.DECIDED:
        return _at(found, Standing.CLOSED)
    return _at(found, Standing.EXPIRED if now >= round_.expires_at else Standing.OPEN)


def _at(found: Invitation, standing: Standing) -> Invitation:
    return Invitation(
        found.claims, standing, found.round, found.approver, found.campaign, found.decisions, found.current
    )


def require_answerable(found: Invitation) -> None:
    """Raise why this link can decide nothing any more; what the store knows better is left to the store.

    Somebody who has decided may ask again at any time: the answer to the first attempt may have been lost.

    Raises:
        RoundExpiredError: the time is over.
        RoundClosedError: a newer round or link was sent, it was revoked, or the campaign was cancelled.
    """
    if found.own is not None and found.standing is not Standing.REVOKED:
        return
    reasons: dict[Standing, GoneError] = {
        Standing.EXPIRED: RoundExpiredError(
            "the time to decide is over", {"expiresAt": found.claims.expires_at.isoformat()}
        ),
        Standing.NEWER: RoundClosedError("a newer version was sent", {"supersededBy": found.current}),
        Standing.REPLACED: RoundClosedError("a newer link was sent", {"replaced": True}),
        Standing.REVOKED: RoundClosedError("this link was revoked", {"revoked": True}),
        Standing.CANCELLED: RoundClosedError("the campaign was cancelled", {"status": "cancelled"}),
    }
    if found.standing in reasons:
        raise reasons[found.standing]
