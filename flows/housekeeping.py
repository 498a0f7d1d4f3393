"""Housekeeping: nothing waits for ever, nothing is forgotten (process.md section 5).

    python -m flows.housekeeping        once, now; the deployment runs it every minute

Each duty is a task of its own; one that fails does not keep the others from theirs. Runs that found
nothing to do end "Quiet" and are deleted after two hours, as all runs of this flow are.
"""

# No `from __future__ import annotations`: `serve()` hands a flow on without the names that its annotations need.

import sys
from datetime import UTC, datetime

from prefect import flow, runtime, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from campaigns.wiring import get_signals, get_store
from tasks.upkeep.housekeeping import DUTIES, FLOW, Done, in_turn


@task(task_run_name="{duty}", cache_policy=NO_CACHE, persist_result=False)
def do(duty: str) -> Done:
    """Do one duty; what it has done is its result."""
    return in_turn(get_store(), duty, DUTIES[duty], owner=str(runtime.flow_run.id), now=datetime.now(UTC))


@flow(name=FLOW, flow_run_name="housekeeping", persist_result=False)
def housekeeping() -> State[None]:
    """Do every duty once, and say what there was to do."""
    get_signals()
    told: list[str] = []
    broken: list[str] = []
    for duty in DUTIES:
        state = do(duty, return_state=True)
        if not state.is_completed():
            broken.append(f"{duty}: {state.message}")
        elif done := state.result():
            told.append(f"{duty}: {', '.join(f'{name} {value}' for name, value in done.items())}")
    if broken:
        return Failed(message="; ".join([*broken, *told]))
    return Completed(name="Busy" if told else "Quiet", message="; ".join(told) or "Nothing to do")


if __name__ == "__main__":
    ended = housekeeping(return_state=True)
    print(f"{ended.name}: {ended.message}")
    sys.exit(not ended.is_completed())
