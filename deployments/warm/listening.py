"""Hears at once when a run is to start: from Prefect's stream of events, so from whoever made or woke it, anywhere."""

import asyncio
import logging
from typing import Final
from uuid import UUID

from prefect.events.clients import get_events_subscriber
from prefect.events.filters import EventAnyResourceFilter, EventFilter, EventNameFilter

log = logging.getLogger("prefect.campaigns.worker")

PAUSE_SECONDS: Final = 5.0
TO_START: Final = [f"prefect.flow-run.{state}" for state in ("Scheduled", "Resuming", "AwaitingRetry")]
"""The names of states from which a worker starts a run: made, woken, to be tried again."""


async def listen(work_pool_id: UUID, due: asyncio.Event) -> None:
    """Set `due` whenever a run of the work pool may have become due, until it is cancelled.

    What is not heard, because the stream is away or full, is found by the worker's own looks every few seconds.
    """
    wanted = EventFilter(
        event=EventNameFilter(name=TO_START),
        any_resource=EventAnyResourceFilter(id=[f"prefect.work-pool.{work_pool_id}"]),
    )
    while True:
        try:
            async with get_events_subscriber(filter=wanted) as events:
                async for _ in events:
                    due.set()
        except Exception as error:  # the server restarts, the network is away: nothing to tell anybody
            log.debug("the stream of events ended: %r", error)
        await asyncio.sleep(PAUSE_SECONDS)
