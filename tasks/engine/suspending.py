"""Suspends a run with words that say what it waits for: Prefect's own function takes none.

    suspend(form, key=…, seconds=…, message="Waiting for 2 of 3 until …, round 2")

What follows is what `prefect.flow_runs.suspend_flow_run` does for the current run (3.8.8), with a message in the state.
"""

from uuid import UUID

from prefect import runtime
from prefect._flow_run_suspension import mark_flow_run_suspension_requested
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State
from prefect.exceptions import Abort, Pause
from prefect.input import RunInput, keyset_from_paused_state
from prefect.states import Suspended
from prefect.utilities.engine import propose_state_sync


def suspend(form: type[RunInput], *, key: str, seconds: int, message: str) -> None:
    """Suspend this run until somebody answers the form; returns only if this pause was answered before.

    Raises:
        Pause: it is suspended, and this process is to end.
        RuntimeError: Prefect does not let it.
    """
    run_id = UUID(str(runtime.flow_run.id))
    wanted: State[None] = Suspended(timeout_seconds=seconds, pause_key=key, message=message)
    keyset = keyset_from_paused_state(wanted)
    wanted.state_details.run_input_keyset = {str(name): key for name, key in keyset.items()}
    with get_client(sync_client=True) as client:
        try:
            state = propose_state_sync(client=client, state=wanted, flow_run_id=run_id)
        except Abort as error:
            raise RuntimeError(f"Flow run cannot be suspended: {error}") from error
        if state.is_running():
            return
        if not state.is_paused():
            raise RuntimeError(f"Flow run cannot be suspended. Received unexpected state from API: {state}")
        form.save(keyset)
    mark_flow_run_suspension_requested(run_id, state)
    raise Pause(state=state)
