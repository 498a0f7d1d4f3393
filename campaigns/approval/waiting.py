"""What waits for one approver, over all campaigns of a tenant: every open round in which this address is asked."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from campaigns.approval.invitations import Invitation, Standing, invitation
from campaigns.errors import ApprovalLinkError, NotFoundError
from campaigns.keys.links import ApprovalLink, LinkSigner
from campaigns.keys.lists import ListClaims
from campaigns.model.approval import ApprovalRound, RoundApprover
from campaigns.model.vocabulary import CampaignStatus, RoundStatus
from campaigns.rules.approval.identities import folded
from campaigns.store import Store

MOST_IN_REVIEW: Final = 500
"""Campaigns in review that are looked at, the newest of the tenant."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A round that waits for the approver, and the approver's own link to it."""

    found: Invitation
    link: ApprovalLink


def holder_of(store: Store, claims: ListClaims) -> tuple[ApprovalRound, RoundApprover]:
    """Return the round and the approver that a list is named by.

    Raises:
        ApprovalLinkError: there is none, or the approver's link of that round was withdrawn.
    """
    try:
        store.campaigns.get(claims.tenant_id, claims.campaign_id)
        round_ = store.approvals.round(claims.tenant_id, claims.campaign_id, claims.round)
    except NotFoundError:
        raise ApprovalLinkError from None
    approver = next((each for each in round_.approvers if each.id == claims.approver_id), None)
    if approver is None or approver.revoked:
        raise ApprovalLinkError
    return round_, approver


def waiting_for(store: Store, links: LinkSigner, tenant_id: str, email: str, *, now: datetime) -> list[Waiting]:
    """Return the rounds that wait for the approver of this address, the one that ends first first."""
    asked, found = folded(email), list[Waiting]()
    for round_ in _open_rounds(store, tenant_id):
        approver = next((each for each in round_.approvers if folded(each.email) == asked and not each.revoked), None)
        if approver is None:
            continue
        link = links.sign(round_, approver, now=now)
        try:
            stands = invitation(store, links.verify(link.token, now=now), now=now)
        except ApprovalLinkError:  # it was replaced in this moment
            continue
        if stands.standing is Standing.OPEN:
            found.append(Waiting(stands, link))
    return sorted(found, key=lambda each: (each.found.round.expires_at, each.found.campaign.id))


def _open_rounds(store: Store, tenant_id: str) -> list[ApprovalRound]:
    found: list[ApprovalRound] = []
    seen, cursor = 0, ""
    while seen < MOST_IN_REVIEW:
        page = store.campaigns.list(tenant_id, status=CampaignStatus.AWAITING_REVIEW, limit=100, cursor=cursor or None)
        for campaign in page.items:
            current = store.approvals.current_round(tenant_id, campaign.id)
            if current is not None and current.status is RoundStatus.PENDING:
                found.append(current)
        seen += len(page.items)
        if page.cursor is None:
            break
        cursor = page.cursor
    return found
