"""Housekeeping: nothing waits for ever, nothing is forgotten (process.md section 5).

    python -m flows.housekeeping        once, now; the deployment runs it every minute

A duty that fails does not keep the others from theirs. None is a task: ten task runs a minute, of which the state of
the run tells all, are a good part of what an idle Prefect server does. Runs that found nothing to do end "Quiet" and
are deleted after two hours, as all runs of this flow are.
"""

# No `from __future__ import annotations`: `serve()` hands a flow on without the names that its annotations need.

import sys
from datetime import UTC, datetime

from prefect import flow, get_run_logger, runtime
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from campaigns.wiring import get_signals, get_store
from tasks.engine.telling import telling
from tasks.upkeep.housekeeping import DUTIES, FLOW, in_turn


@flow(name=FLOW, flow_run_name="housekeeping", persist_result=False)
def housekeeping() -> State[None]:
    """Do every duty once, and say what there was to do."""
    with telling():
        return _all_duties()


def _all_duties() -> State[None]:
    get_signals()
    told: list[str] = []
    broken: list[str] = []
    store, owner = get_store(), str(runtime.flow_run.id)
    for name, duty in DUTIES.items():
        try:
            done = in_turn(store, name, duty, owner=owner, now=datetime.now(UTC))
        except Exception as error:  # whatever it is: the other duties are not to wait for a person
            get_run_logger().exception("%s broke", name)
            broken.append(f"{name}: {type(error).__name__}: {error}")
            continue
        if done:
            told.append(f"{name}: {', '.join(f'{what} {count}' for what, count in done.items())}")
    if broken:
        return Failed(message="; ".join([*broken, *told]))
    return Completed(name="Busy" if told else "Quiet", message="; ".join(told) or "Nothing to do")


if __name__ == "__main__":
    ended = housekeeping(return_state=True)
    print(f"{ended.name}: {ended.message}")
    sys.exit(not ended.is_completed())
