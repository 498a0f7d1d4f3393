"""What Prefect knows about the run of a campaign: its state and its steps, with links that people can open."""

from datetime import UTC, datetime
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import TaskRun
from prefect.client.schemas.sorting import TaskRunSort
from prefect.exceptions import ObjectNotFound

from tasks.engine.server.answers import RunFacts, StepFacts
from tasks.engine.server.runs import prefect_client

_PAGE = 200
MAX_STEPS = 2000


def run_facts(run_id: UUID, *, ui_url: str | None) -> RunFacts | None:
    """Return what Prefect knows of a run; None: it has no such run (any more).

    Args:
        ui_url: where people open Prefect, such as `http://host/v2`; None: no links.

    Raises:
        PrefectUnavailableError: Prefect did not answer.
    """
    try:
        with prefect_client(f"read run {run_id}") as client:
            run = client.read_flow_run(run_id)
            steps = [_step(task_run, ui_url) for task_run in _task_runs(client, run_id)]
    except ObjectNotFound:
        return None
    state = run.state
    return RunFacts(
        state=state.name or str(state.type.value) if state else "Unknown",
        state_type=str(state.type.value) if state else "UNKNOWN",
        message=state.message if state else None,
        started_at=run.start_time,
        url=f"{ui_url}/runs/flow-run/{run_id}" if ui_url else None,
        steps=sorted(steps, key=lambda step: step.started_at or datetime.max.replace(tzinfo=UTC)),
    )


def _task_runs(client: SyncPrefectClient, run_id: UUID) -> list[TaskRun]:
    found: list[TaskRun] = []
    scope = FlowRunFilter(id=FlowRunFilterId(any_=[run_id]))
    while len(found) < MAX_STEPS:
        page = client.read_task_runs(
            flow_run_filter=scope, sort=TaskRunSort.EXPECTED_START_TIME_ASC, limit=_PAGE, offset=len(found)
        )
        found += page
        if len(page) < _PAGE:
            break
    return found


def _step(run: TaskRun, ui_url: str | None) -> StepFacts:
    state = run.state
    # Names in runs are `<task>-<hash>` only where the task names nothing else; ours all name themselves.
    return StepFacts(
        step=run.name.split(" ", 1)[0],
        name=run.name,
        state=state.name or str(state.type.value) if state else "Unknown",
        state_type=str(state.type.value) if state else "UNKNOWN",
        attempts=max(1, run.run_count),
        started_at=run.start_time or run.expected_start_time,
        ended_at=run.end_time,
        message=state.message if state else None,
        url=f"{ui_url}/runs/task-run/{run.id}" if ui_url else None,
    )
