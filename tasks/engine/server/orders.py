"""What somebody orders in Prefect while a run is at work: its state is looked at, and the order stands.

A run whose state is set to Cancelled, Failed or Completed by hand keeps its process: Prefect tells it nothing.
"""

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from prefect.client.schemas.objects import State
from prefect.exceptions import ObjectNotFound
from prefect.states import Cancelled

from campaigns.build.planning import fail
from campaigns.errors import ConflictError, LeaseLostError
from campaigns.model.campaign import AT_REST
from campaigns.operations.cancelling import cancel
from campaigns.operations.recovery import STOPPED
from campaigns.store import Lease, Store
from tasks.engine.server.answers import PrefectUnavailableError
from tasks.engine.server.run_states import PAUSE_KEY, REPLACED, close_run
from tasks.engine.server.runs import prefect_client

log = logging.getLogger("campaigns.orders")

ACTOR: Final = "build-campaign"
LOOK_SECONDS: Final = 2.0
"""Longest time that an order stays unseen: one request to Prefect in that time, however many posts are written."""


class RunStoppedError(LeaseLostError):
    """Somebody stopped the run in Prefect: nothing more is paid for."""

    def __init__(self, order: str) -> None:
        super().__init__(f"the run was set to {order} in Prefect")
        self.order = order


def order_of(run_id: UUID) -> State[None] | None:
    """Return the state that somebody gave to a run that is at work; None: nobody did, or Prefect does not say."""
    try:
        with prefect_client() as client:
            state = client.read_flow_run(run_id).state
    except (PrefectUnavailableError, ObjectNotFound) as error:
        log.debug("Prefect does not tell the state of the run: %s", error)
        return None
    if state is None or state.is_crashed():
        return None  # a worker, or an automation, believes that we are gone: not an order
    ours = (state.state_details.pause_key or "").startswith(PAUSE_KEY)
    ordered = state.is_final() or state.is_cancelling() or (state.is_paused() and not ours)
    return state if ordered else None


def obey(
    store: Store, order: State[None], *, tenant_id: str, campaign_id: str, run_id: UUID, fence: Callable[[], Lease]
) -> str:
    """Give a campaign at work what the order means for it; return that in one sentence.

    Cancelled: the campaign is cancelled. Failed or Completed: it rests as failed. Suspended: it waits for *Resume*.

    Raises:
        LeaseLostError: another process builds the campaign.
    """
    now = datetime.now(UTC)
    if order.is_paused() or order.name == REPLACED:
        return "Resume lets it go on where it stopped" if order.is_paused() else "another run goes on"
    campaign = store.campaigns.get(tenant_id, campaign_id)
    if campaign.status in AT_REST:
        return f"the campaign is {campaign.status}"
    if order.is_cancelled() or order.is_cancelling():
        try:
            cancel(store, tenant_id, campaign_id, actor=ACTOR, reason="its run was cancelled in Prefect", now=now)
        except ConflictError:
            return "the campaign is decided, and another run gives that effect"
        if order.is_cancelling():
            close_run(run_id, Cancelled(message="The campaign was cancelled"))
        return "the campaign is cancelled"
    message = f"its run was set to {order.name} in Prefect while it was at work"
    fail(store, campaign, code=STOPPED, message=message, retryable=True, now=now, fence=fence())
    return "the campaign rests as failed; retry-campaign lets it go on"
