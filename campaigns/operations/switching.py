"""The switch that stops new calls of the model: who turned it and why is kept, and builds wait until it is turned back.

A post or a plan that was begun is written to its end, its repairs included. What waits uses up neither its attempts
nor the time of its build, and goes on where it waits.
"""

import logging
from datetime import datetime

from campaigns.errors import ConflictError
from campaigns.operations.acts import By
from campaigns.store import Store

log = logging.getLogger("campaigns.operations.acts")


def stop_calls(store: Store, by: By, now: datetime) -> str:
    """Let no plan, post or style be begun, of any tenant, and say so.

    Raises:
        ConflictError: calls are stopped already; the message says by whom.
    """
    _turn(store, by, now, stopped=True)
    return "no call of the model is begun any more: what is under way ends within minutes, all else waits"


def resume_calls(store: Store, by: By, now: datetime) -> str:
    """Let what waits go on, and say so.

    Raises:
        ConflictError: nothing is stopped.
    """
    _turn(store, by, now, stopped=False)
    return "calls of the model begin again: what waited goes on within seconds"


def _turn(store: Store, by: By, now: datetime, *, stopped: bool) -> None:
    if store.permits.turn(stopped=stopped, by=by.actor, reason=by.reason, now=now) is None:
        switch = store.permits.switch()
        who = f" by {switch.by} since {switch.since:%Y-%m-%d %H:%M} UTC: {switch.reason}" if switch and stopped else ""
        raise ConflictError(f"calls of the model are {'stopped already' if stopped else 'not stopped'}{who}")
    log.warning("calls of the model %s by %s: %s", "stopped" if stopped else "resumed", by.actor, by.reason)
