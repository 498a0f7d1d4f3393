"""Cancels a campaign: its links stop working at once, its run is ended as soon as Prefect hears of it."""

from datetime import datetime
from typing import Final

from campaigns.model.campaign import Campaign, Move
from campaigns.model.vocabulary import CampaignStatus
from campaigns.store import OutboxEntry, Store

CANCEL_RUN: Final = "cancel_run"


def cancel(
    store: Store,
    tenant_id: str,
    campaign_id: str,
    *,
    actor: str,
    reason: str,
    now: datetime,
    expect_version: int | None = None,
) -> Campaign:
    """Move the campaign to cancelled and close its open round, in one transaction; a cancelled one stays as it is.

    Raises:
        IllegalTransitionError: it is over already.
        AlreadyDecidedError: its approvers have just approved or rejected it.
        VersionConflictError: `expect_version` is not the stored version.
    """
    campaign = store.campaigns.get(tenant_id, campaign_id)
    if campaign.status is CampaignStatus.CANCELLED:
        return campaign
    return store.campaigns.move(
        tenant_id,
        campaign_id,
        Move(CampaignStatus.CANCELLED, actor=actor, reason=reason, at=now),
        expect_version=expect_version,
        outbox=[OutboxEntry.about(CANCEL_RUN, tenant_id, campaign_id, due_at=now)],
    )
