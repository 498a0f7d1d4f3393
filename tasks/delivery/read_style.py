"""Starts the flow run that reads a persona's style, and starts it again when it failed."""

import logging
from datetime import datetime
from uuid import UUID

from prefect.states import Crashed

from campaigns.operations.analysis import LONGEST, diagnose, give_up, open_wish
from campaigns.operations.recovery import Remedy, RunState
from campaigns.settings import get_settings
from campaigns.store import OutboxEntry, Store, if_there
from tasks.engine.server.run_states import close_run, read_runs
from tasks.engine.server.runs import start_analysis

log = logging.getLogger("campaigns.operations.analysis")


def read_style(store: Store, entry: OutboxEntry, now: datetime) -> bool | OutboxEntry:
    """Start a run for a wish, or the next one; whether the wish has come to its end, or what it knows since now.

    Raises:
        PrefectUnavailableError: a run may or may not have been started; ask again with the same entry.
    """
    place = entry.tenant_id, entry.subject_id
    if if_there(store.personas.get, *place) is None:
        return True  # deleted: nobody needs its style
    wish = open_wish(store, *place)
    if wish is None or wish.id != entry.id:
        return True
    attempt, broken, run_id = (entry.payload.get(name) for name in ("attempt", "broken", "run"))
    attempt, broken = attempt or 1, broken or 0
    if run_id is not None:
        run = read_runs([UUID(run_id)], now=now)[UUID(run_id)]
        if run.state is RunState.RUNNING and _are_calls_stopped(store, now):
            return False
        diagnosis = diagnose(run, broken=broken, now=now)
        if diagnosis.remedy is Remedy.NOTHING:
            return False
        if not run.is_over:
            close_run(UUID(run_id), Crashed(message=diagnosis.reason))  # nobody must execute it beside the next one
        if diagnosis.remedy is Remedy.QUARANTINE:
            give_up(store, *place, diagnosis.reason, now=now)
            return True
        log.warning("the style of %s is read again: %s", entry.subject_id, diagnosis.reason)
        attempt, broken = attempt + 1, broken + diagnosis.counts
    started = start_analysis(
        get_settings().analysis_deployment,
        tenant_id=entry.tenant_id,
        persona_id=entry.subject_id,
        attempt=f"{entry.id}/{attempt}",
        tags=_tags(entry),
    )
    known = {**entry.payload, "attempt": attempt, "broken": broken, "run": str(started)}
    return entry.model_copy(update={"payload": known})


def _are_calls_stopped(store: Store, now: datetime) -> bool:
    """Whether a run at work may be waiting, however long, because an operator has stopped calls of the model."""
    switch = store.permits.switch()
    return switch is not None and (switch.stopped or now - switch.since < LONGEST)


def _tags(entry: OutboxEntry) -> list[str]:
    tags = [f"tenant:{entry.tenant_id}", f"persona:{entry.subject_id}"]
    if correlation_id := entry.payload.get("correlation"):
        tags.append(f"correlation:{correlation_id}")
    return tags
