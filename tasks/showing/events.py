"""Tells Prefect's event stream what became of a campaign, so that automations and people can follow it."""

from __future__ import annotations

import logging
from typing import Any

from prefect.events import emit_event

log = logging.getLogger("campaigns.showing")


def tell(what: str, tenant_id: str, campaign_id: str, name: str, **facts: Any) -> None:
    """Emit `campaign.<what>` with the campaign as its resource; never fails, and nobody waits for it.

    Args:
        facts: numbers and names, no words of users.
    """
    try:
        emit_event(
            event=f"campaign.{what}",
            resource={
                "prefect.resource.id": f"campaign.{tenant_id}.{campaign_id}",
                "prefect.resource.name": name,
                "campaign.tenant": tenant_id,
                "campaign.id": campaign_id,
            },
            payload={"tenantId": tenant_id, "campaignId": campaign_id, **facts},
        )
    except Exception as error:
        log.warning("campaign.%s of %s is not told: %s", what, campaign_id, type(error).__name__)
