"""Tells Prefect's event stream what became of a campaign, so that automations and people can follow it."""

import logging
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid5

import httpx
from prefect.client.schemas.objects import FlowRun, State
from prefect.events import Event, RelatedResource, Resource, emit_event
from prefect.flows import Flow

from campaigns.model.base import derived_id
from campaigns.model.vocabulary import CampaignStatus
from campaigns.store import OutboxEntry, Store, if_there
from campaigns.wiring import get_store
from tasks.engine.server.runs import prefect_client
from tasks.engine.tags import tag_ended

log = logging.getLogger("campaigns.showing")

_IDS: Final = UUID("6c1f3b0e-3c57-4a39-9f0b-3f6f5f0a7d55")
"""The space of the ids of events from the outbox: Prefect keeps an id once, however often it is told."""
_REFUSED: Final = frozenset({400, 404, 405, 413, 422})


def tell(what: str, tenant_id: str, campaign_id: str, name: str, **facts: Any) -> None:
    """Emit `campaign.<what>` with the campaign as its resource; never fails, and nobody waits for it.

    Args:
        facts: numbers and names, no words of users.
    """
    try:
        emit_event(
            event=f"campaign.{what}",
            resource=_resource(tenant_id, campaign_id, name),
            payload=_payload(tenant_id, campaign_id, facts),
        )
    except Exception as error:
        log.warning("campaign.%s of %s is not told: %s", what, campaign_id, type(error).__name__)


def tell_what_was_recorded(store: Store, entry: OutboxEntry, _now: datetime) -> bool:
    """Deliver an event of the outbox; one that Prefect refuses for good is left out.

    Raises:
        PrefectUnavailableError: it may have been told; the same event again is no second one.
    """
    campaign, what = store.campaigns.get(entry.tenant_id, entry.subject_id, deleted=True), entry.payload["what"]
    place = entry.tenant_id, entry.subject_id
    run = {"prefect.resource.id": f"prefect.flow-run.{campaign.execution_id}", "prefect.resource.role": "flow-run"}
    event = Event(
        id=uuid5(_IDS, entry.id),
        event=f"campaign.{what}",
        occurred=datetime.fromisoformat(entry.payload["at"]),
        resource=Resource(_resource(*place, campaign.name)),
        related=[RelatedResource(run)] if campaign.execution_id else [],
        payload=_payload(*place, entry.payload["facts"]),
    )
    with prefect_client(f"tell of campaign.{what}") as client:
        try:
            client.request("POST", "/events", json=[event.model_dump(mode="json")]).raise_for_status()
        except httpx.HTTPStatusError as error:
            if error.response.status_code not in _REFUSED:
                raise
            log.warning("campaign.%s of %s is not told: %s", what, campaign.id, error.response.status_code)
    return True


def _resource(tenant_id: str, campaign_id: str, name: str) -> dict[str, str]:
    return {
        "prefect.resource.id": f"campaign.{tenant_id}.{campaign_id}",
        "prefect.resource.name": name,
        "campaign.tenant": tenant_id,
        "campaign.id": campaign_id,
    }


def _payload(tenant_id: str, campaign_id: str, facts: dict[str, Any]) -> dict[str, Any]:
    return {"tenantId": tenant_id, "campaignId": campaign_id, **facts}


def tell_failure(flow: Flow[..., Any], flow_run: FlowRun, state: State[Any]) -> None:  # noqa: ARG001 - Prefect's names
    """Tell of a campaign that failed with its run: after `note_failure`, which decides whether it has."""
    tenant_id = flow_run.parameters["tenant_id"]
    campaign_id = flow_run.parameters.get("campaign_id") or derived_id("campaign", flow_run.id)
    if (campaign := if_there(get_store().campaigns.get, tenant_id, campaign_id)) is None:
        return  # its brief was refused
    if campaign.status is CampaignStatus.FAILED and campaign.last_error is not None:
        tell("failed", tenant_id, campaign_id, campaign.name, code=campaign.last_error.code)
        tag_ended(campaign)
