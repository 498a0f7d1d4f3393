"""What a link leads to: the stored record decides, the token only points at it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from campaigns import correlation
from campaigns.errors import ApprovalLinkError, NotFoundError
from campaigns.keys.links import LinkClaims
from campaigns.keys.stamps import CLOCK_LEEWAY
from campaigns.model.approval import ApprovalRound, ApproverDecision, Channel, RoundApprover
from campaigns.model.campaign import AT_REST, Campaign
from campaigns.model.vocabulary import CampaignStatus, RoundStatus
from campaigns.rules.approval.decisions import asked_again, still_asked
from campaigns.rules.approval.gate import LinkProof, Voice
from campaigns.store import Store


class Standing(StrEnum):
    """How it stands between an approver and a round."""

    OPEN = "open"
    """Not decided yet, or not of posts that were changed since, and still to be decided."""
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
    HALTED = "halted"
    """The campaign has failed, or timed out before: an operator has to let it go on."""
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
    def asked_again(self) -> list[str]:
        """The posts that were changed since this approver decided."""
        return asked_again(self.round, self.own) if self.own else []

    def voice(
        self, channel: Channel, *, name: str | None = None, client: str | None = None, code: bool = False
    ) -> Voice:
        """Return the approver's voice; `code` says that whoever speaks typed the code that was sent to the address."""
        claims = self.claims
        proof = LinkProof(claims.jti, claims.issued_at, claims.expires_at, claims.digest, code)
        return Voice(self.approver.id, name or self.approver.name, channel, proof, client)

    @property
    def waiting(self) -> int:
        """How many of those asked have something to decide."""
        return len(still_asked(self.round, self.decisions))


def invitation(store: Store, claims: LinkClaims, *, now: datetime) -> Invitation:
    """Return how it stands with a verified link.

    Raises:
        ApprovalLinkError: the record knows no such link; the answer is the same as to a forged one.
    """
    try:
        round_ = store.approvals.by_callback(claims.callback_id)
        campaign = store.campaigns.get(*round_.campaign_ref, deleted=True)
    except NotFoundError:
        raise ApprovalLinkError from None
    approver = next((each for each in round_.approvers if each.id == claims.sub), None)
    same = (round_.tenant_id, round_.campaign_id, round_.n) == (claims.tenant_id, claims.campaign_id, claims.round)
    # No link is older than its round, and none outlives it.
    early = claims.issued_at < round_.opened_at - CLOCK_LEEWAY
    late = claims.exp > round_.expires_at.timestamp() + 1
    if approver is None or not same or early or late:
        raise ApprovalLinkError
    correlation.follow(campaign.correlation_id, tenant=campaign.tenant_id, campaign=campaign.id)
    latest = _latest(store, round_)
    found = Invitation(
        claims,
        Standing.OPEN,
        round_,
        approver,
        campaign,
        store.approvals.decisions(*round_.campaign_ref, round_.n),
        latest.n if latest else round_.n,
    )
    return _standing(found, now)


def _latest(store: Store, round_: ApprovalRound) -> ApprovalRound | None:
    """Return the last round; of an approval in stages the last of this one's, for others are asked in the rest."""
    latest = store.approvals.current_round(*round_.campaign_ref)
    if latest is None or latest.stage is None or round_.stage is None or round_.status is RoundStatus.SUPERSEDED:
        return latest
    rounds = store.approvals.rounds(*round_.campaign_ref)
    return [each for each in rounds if each.stage and each.stage.n == round_.stage.n][-1]


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
    if own is not None and not (found.asked_again and round_.status is RoundStatus.PENDING):
        return _at(found, Standing.DECIDED)
    if round_.status is RoundStatus.DECIDED:
        return _at(found, Standing.CLOSED)
    if now >= round_.expires_at:
        return _at(found, Standing.EXPIRED)
    return _at(found, Standing.HALTED if found.campaign.status in AT_REST else Standing.OPEN)


def _at(found: Invitation, standing: Standing) -> Invitation:
    return Invitation(
        found.claims, standing, found.round, found.approver, found.campaign, found.decisions, found.current
    )
