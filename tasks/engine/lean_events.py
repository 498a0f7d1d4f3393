"""What Prefect's events of steps say of where a step belongs: its flow run, from which everything else is found.

Prefect writes flow, deployment, work pool, queue and each tag into every event of every step, a row for each: more
than half of what a post took in its database. People filter steps by their run, and runs by all the others.
"""

from typing import Final

from prefect.context import FlowRunContext
from prefect.events.related import object_as_related_resource
from prefect.events.schemas.events import Event
from prefect.events.worker import EventsWorker

_OF_A_STEP: Final = "prefect.task-run."
_everything: Final = EventsWorker.attach_related_resources_from_context


async def _attach(worker: EventsWorker, event: Event) -> None:
    context = FlowRunContext.get()
    if not event.event.startswith(_OF_A_STEP) or context is None or context.flow_run is None:
        return await _everything(worker, event)
    event.related.append(object_as_related_resource("flow-run", "flow-run", context.flow_run))
    return None


def keep_events_lean() -> None:
    """Let the steps of this process relate their events to their flow run alone."""
    setattr(EventsWorker, _everything.__name__, _attach)  # Prefect has no setting for it
