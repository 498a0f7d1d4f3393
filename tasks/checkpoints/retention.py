"""Retention of checkpoints: what a campaign paid for is kept until 30 days after its end."""

import logging
from datetime import datetime, timedelta
from typing import Final

from campaigns.store import Store
from tasks.checkpoints.storage import SealedCheckpoints

log = logging.getLogger("campaigns.retention")

CHECKPOINT_RETENTION: Final = timedelta(days=30)


def forget_ended_campaigns(store: Store, storage: SealedCheckpoints, *, now: datetime) -> int:
    """Delete the checkpoints of campaigns that ended long enough ago, 100 at most; return how many campaigns.

    Killed at any point, the next call goes on: a campaign is marked after its last checkpoint is gone.

    Raises:
        StoreUnavailableError: the rest is left for the next call.
    """
    forgotten = 0
    for campaign in store.campaigns.ended_before(now - CHECKPOINT_RETENTION):
        try:
            storage.delete_campaign_checkpoints(campaign.tenant_id, campaign.campaign_id)
            store.campaigns.forget_checkpoints(campaign.tenant_id, campaign.campaign_id)
        except ValueError:  # a campaign that nobody can read keeps its mark, and not the others' checkpoints
            log.exception("campaign %s cannot be read", campaign.campaign_id)
            continue
        forgotten += 1
    return forgotten
