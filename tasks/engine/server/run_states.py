"""Flow runs in bulk, for housekeeping: what Prefect says of them, started again, or given the end they should have."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterName,
    FlowRunFilter,
    FlowRunFilterEndTime,
    FlowRunFilterExpectedStartTime,
    FlowRunFilterId,
    FlowRunFilterNextScheduledStartTime,
    FlowRunFilterStartTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.exceptions import ObjectNotFound
from prefect.states import Completed, Scheduled

from campaigns.model.base import derived_id
from campaigns.operations.recovery import RunSeen, RunState
from campaigns.settings import get_settings
from tasks.engine.server.runs import prefect_client

PAUSE_KEY: Final = "approval-"
"""Begins the key of every pause of ours; one that an operator makes has another, or none."""
REPLACED: Final = "Replaced"
"""How a run ends whose campaign got another."""

OUTAGES: Final = (
    "StoreUnavailableError",
    "NewerReleaseError",
    "CheckpointUnavailable",
    "ConnectError",
    "ConnectTimeout",
    "ReadTimeout",
    # Its worker died: the process ends at its next line of output, which nobody reads any more.
    "aborted by Python system exit call",
)
"""What says, in the message of a run's last state, that something it needs was away."""

_AT_ONCE: Final = 200  # Prefect's PREFECT_API_DEFAULT_LIMIT: more are not answered


def read_runs(run_ids: Sequence[UUID], *, now: datetime) -> dict[UUID, RunSeen]:
    """Return what Prefect says of each run; one that it does not know is `MISSING`.

    Raises:
        PrefectUnavailableError: nothing is known about any of them.
    """
    seen = {run_id: RunSeen(RunState.MISSING, now) for run_id in run_ids}
    with prefect_client() as client:
        for start in range(0, len(run_ids), _AT_ONCE):
            wanted = FlowRunFilter(id=FlowRunFilterId(any_=list(run_ids[start : start + _AT_ONCE])))
            for run in client.read_flow_runs(flow_run_filter=wanted, limit=_AT_ONCE):
                seen[run.id] = _seen(run, now)
    return seen


def ended_since(moment: datetime) -> list[tuple[str, str]]:
    """Return tenant and campaign of every run that broke, or was cancelled, after this moment; each once.

    Raises:
        PrefectUnavailableError: nobody knows.
    """
    ended = FlowRunFilter(
        state=state_of(StateType.FAILED, StateType.CRASHED, StateType.CANCELLED),
        end_time=FlowRunFilterEndTime(after_=moment),
    )
    return list(dict.fromkeys(campaign_of(run) for run in builds(ended)))


def begun_before(moment: datetime) -> list[tuple[str, str]]:
    """Return tenant and campaign of every run that has been going on, or with a worker, since before this moment; once.

    Raises:
        PrefectUnavailableError: nobody knows.
    """
    going_on = FlowRunFilter(state=state_of(StateType.PENDING, StateType.RUNNING))
    begun = (run for run in builds(going_on) if run.state is not None and run.state.timestamp < moment)
    return list(dict.fromkeys(campaign_of(run) for run in begun))


def builds(wanted: FlowRunFilter) -> list[FlowRun]:
    """Return all runs of campaigns that a filter finds.

    Raises:
        PrefectUnavailableError: nobody knows.
    """
    found: list[FlowRun] = []
    with prefect_client() as client:
        while len(page := client.read_flow_runs(
            deployment_filter=_ours(), flow_run_filter=wanted, sort=FlowRunSort.ID_DESC,
            limit=_AT_ONCE, offset=len(found),
        )) == _AT_ONCE:  # fmt: skip
            found += page
    return [*found, *page]


def _ours() -> DeploymentFilter:
    return DeploymentFilter(name=DeploymentFilterName(any_=[get_settings().deployment.partition("/")[2]]))


def campaign_of(run: FlowRun) -> tuple[str, str]:
    """Return tenant and campaign of a run; one that was started from a form names no campaign, and made its own."""
    campaign_id = run.parameters.get("campaign_id") or derived_id("campaign", run.id)
    return str(run.parameters.get("tenant_id", "")), str(campaign_id)


def count_late_runs(*, before: datetime) -> int:
    """Return how many runs of campaigns should have begun before then and have not; no more than 200 of a kind count.

    They wait for a worker, or workers take them again and again and never begin them.

    Raises:
        PrefectUnavailableError: nobody knows.
    """
    waiting = FlowRunFilter(
        state=state_of(StateType.SCHEDULED),
        next_scheduled_start_time=FlowRunFilterNextScheduledStartTime(before_=before),
    )
    never_begun = FlowRunFilter(
        state=state_of(StateType.SCHEDULED, StateType.PENDING),
        start_time=FlowRunFilterStartTime(is_null_=True),
        expected_start_time=FlowRunFilterExpectedStartTime(before_=before),
    )
    with prefect_client() as client:
        late = {
            run.id
            for wanted in (waiting, never_begun)
            for run in client.read_flow_runs(deployment_filter=_ours(), flow_run_filter=wanted, limit=_AT_ONCE)
        }
    return len(late)


def state_of(*kinds: StateType) -> FlowRunFilterState:
    return FlowRunFilterState(type=FlowRunFilterStateType(any_=list(kinds)))


def restart_run(run_id: UUID, reason: str) -> None:
    """Let a worker execute a run again; one that is about to run, or waits for a person, is left alone.

    Raises:
        PrefectUnavailableError: the run may or may not start; ask again.
    """
    with prefect_client() as client, suppress(ObjectNotFound):  # the next look finds it missing
        run = client.read_flow_run(run_id)
        if run.state is None or not (run.state.is_scheduled() or run.state.is_paused()):
            state: State[None] = Scheduled(name="AwaitingRetry", message=f"Started again: {reason}")
            client.set_flow_run_state(run_id, state, force=True)


def close_run(run_id: UUID, end: State[None]) -> None:
    """Give a run that nobody executes the end that its campaign has.

    Raises:
        PrefectUnavailableError: it may or may not have it; ask again.
    """
    with prefect_client() as client, suppress(ObjectNotFound):
        client.set_flow_run_state(run_id, end, force=True)


def retire_run(run_id: UUID, *, successor: UUID) -> None:
    """End a run whose campaign another one builds from now on; one that has ended stays as it is.

    Raises:
        PrefectUnavailableError: it may or may not have ended; ask again.
    """
    with prefect_client() as client, suppress(ObjectNotFound):
        run = client.read_flow_run(run_id)
        if run.state is None or not run.state.is_final():
            end: State[None] = Completed(name=REPLACED, message=f"Run {successor} builds the campaign now")
            client.set_flow_run_state(run_id, end, force=True)


def _seen(run: FlowRun, now: datetime) -> RunSeen:
    if run.state is None:
        return RunSeen(RunState.PENDING, run.created or now)
    return RunSeen(
        state=RunState(run.state.type.value),
        since=run.state.timestamp,
        in_process=run.state.name == "Paused",
        by_hand=run.state.is_paused() and not (run.state.state_details.pause_key or "").startswith(PAUSE_KEY),
        restartable=run.deployment_id is not None,
        taken=run.state.is_pending() and run.state.name == "Pending",  # "Submitting": its process is being started
        to_start=timedelta(seconds=get_settings().run_start(run.work_pool_name)),
        outage=any(kind in (run.state.message or "") for kind in OUTAGES),
    )
