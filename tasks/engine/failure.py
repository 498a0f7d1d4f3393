"""What becomes of a campaign whose run failed for good: it says so, and why, where its users look."""

import logging
from datetime import UTC, datetime
from typing import Any

from prefect.client.schemas.objects import FlowRun, State
from prefect.flows import Flow

from campaigns.build.planning import fail
from campaigns.errors import CampaignError
from campaigns.model.base import derived_id
from campaigns.model.campaign import AT_REST
from campaigns.store import if_there
from campaigns.wiring import get_store

log = logging.getLogger("campaigns.flow")


def note_failure(flow: Flow[..., Any], flow_run: FlowRun, state: State[Any]) -> None:  # noqa: ARG001 - Prefect's names
    """Move the campaign to `failed` when trying again does not help; a brief that was refused has no campaign.

    What may pass (Prefect or the store away, a model that throttles, a bug that a deploy mends) stays in
    work: housekeeping starts the run again, and fails the campaign when that does not help either.
    """
    error = state.result(raise_on_failure=False)
    if not isinstance(error, CampaignError) or error.retryable:
        # The text of an unexpected error may quote content: people get its kind, operators the run's log.
        log.warning("run %s failed with %s; housekeeping starts it again", flow_run.id, type(error).__name__)
        return
    tenant_id = flow_run.parameters["tenant_id"]
    campaign_id = flow_run.parameters.get("campaign_id") or derived_id("campaign", flow_run.id)
    store = get_store()
    if (campaign := if_there(store.campaigns.get, tenant_id, campaign_id)) is None:
        return
    if campaign.execution_id not in {None, str(flow_run.id)}:
        return  # another run builds it: what this one met says nothing about the campaign
    if campaign.status not in AT_REST:
        code = getattr(error, "reason", None) or error.code
        fail(store, campaign, code=code, message=str(error), retryable=False, now=datetime.now(UTC))
