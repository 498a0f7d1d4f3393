"""The worker: `python -m deployments.worker` takes flow runs from the work pool and gives each a process of its own.

Prefect's own command ends after some two minutes without its server, and for a few other reasons; then
nobody would start anything any more. This one begins again, until it is told to stop: Ctrl-C or SIGTERM
lets the flow runs under way end first, a second one does not.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from functools import partial
from typing import Any, Final
from uuid import UUID

import anyio
import httpx
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.responses import WorkerFlowRunResponse
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError
from prefect.runner._hook_runner import HookRunner
from prefect.runner._starter_engine import EngineCommandStarter
from prefect.settings import get_current_settings
from prefect.utilities.processutils import setup_signal_handlers_worker
from prefect.workers import process
from prefect.workers.process import ProcessJobConfiguration, ProcessWorker

from deployments.pool import close
from tasks.engine.runs import asking_twice
from tasks.engine.work_pool import WORK_POOL

log = logging.getLogger("prefect.campaigns.worker")  # below Prefect's: shown as its own lines are

PAUSE_SECONDS: Final = 5
ASKED_TIMES: Final = 3


async def work() -> None:
    """Work for ever; a worker that ended is replaced after a pause."""
    # Here, not before: inside the loop the first signal ends the task, as in Prefect's command.
    setup_signal_handlers_worker(os.getpid(), "the worker", print)
    heartbeat = int(get_current_settings().worker.heartbeat_seconds)
    run_no_hooks()
    while True:
        # No limit: a worker with one dies when a run is resumed while its old process still ends (Prefect #16806).
        worker = ProcessWorker(work_pool_name=WORK_POOL, heartbeat_interval_seconds=heartbeat)
        report_once(worker)
        ask_on(worker)
        begin_at_once(worker)
        label_nothing(worker)
        try:
            if await close():
                log.warning("the work pool %s is closed now: a run brings no command, environment or folder", WORK_POOL)
            await worker.start()
        except Exception as error:  # whatever ended it: without a worker nothing goes on
            log.warning("the worker ended (%s: %s); another begins in %d s", type(error).__name__, error, PAUSE_SECONDS)
        await anyio.sleep(PAUSE_SECONDS)


class EngineAtOnce(ProcessJobConfiguration):
    """Starts a flow run in the process that executes it.

    Prefect begins with a process that prepares a folder for the run, with all of Prefect imported, and then becomes
    the engine, which imports it again. Ours begin in a folder that is there.

    Whoever signs in to Prefect may open the work pool again: what comes from there is left alone here.
    """

    def prepare_for_flow_run(self, *given: Any, **named: Any) -> None:
        self.command, self.env, self.working_dir = None, {}, None
        super().prepare_for_flow_run(*given, **named)
        self._command_configured = True  # as if `python -m prefect.engine` stood in the work pool


def begin_at_once(worker: ProcessWorker) -> None:
    """Let the worker start the engine itself, out of reach of a Ctrl-C in the worker's terminal."""
    worker.job_configuration = EngineAtOnce
    starter = partial(EngineCommandStarter, isolate_process_group=sys.platform != "win32")
    setattr(process, "EngineCommandStarter", starter)  # noqa: B010 - see `run_no_hooks`


def label_nothing(worker: ProcessWorker) -> None:
    """Keep a worker from writing its name on each run before it starts it; nothing reads that.

    On SQLite the server refuses just this request (503) whenever somebody else writes; the worker asked again for two
    minutes, and then told that the run had crashed.
    """

    async def nothing(flow_run_id: UUID) -> None: ...

    worker._give_worker_labels_to_flow_run = nothing  # type: ignore[method-assign]  # see `report_once`


def run_no_hooks() -> None:
    """Keep the worker from loading the flow of each process that died, to look for hooks that no flow here has.

    The worker's work on a dead run ends only after that: half a minute later on a busy machine.
    """

    async def nothing(runner: HookRunner, *_: object) -> None: ...

    for name in ("run_crashed_hooks", "run_cancellation_hooks"):
        setattr(HookRunner, name, nothing)  # of the class: Prefect makes one for each run itself


def report_once(worker: ProcessWorker) -> None:
    """Keep a worker from reporting a dead process a second time.

    Its runner reports a process that ended badly at once; the worker does it again when it has tidied up. By then
    the run may have been started again, and would be crashed for nothing.
    """
    report = worker._propose_crashed_state

    async def once(flow_run: FlowRun, message: str, client: PrefectClient | None = None) -> None:
        if not await _is_reported(flow_run, client or worker.client):
            await report(flow_run, message, client)

    worker._propose_crashed_state = once  # type: ignore[method-assign]  # a subclass would replace Prefect's own type


def ask_on(worker: ProcessWorker) -> None:
    """Keep a worker asking for runs every few seconds while its server is away.

    Prefect's client tries again after 2, 4, 8, 16 and 32 seconds: half a minute in which a server that is back has no
    worker, and then one that starts everything at once.
    """
    ask = worker._get_scheduled_flow_runs

    async def asked() -> list[WorkerFlowRunResponse]:
        try:
            with asking_twice():
                return await ask()
        except (httpx.TransportError, httpx.HTTPStatusError) as error:
            if isinstance(error, httpx.HTTPStatusError) and not error.response.is_server_error:
                raise
            log.warning("the Prefect server does not say what is to run (%s); it is asked again", type(error).__name__)
            return []

    worker._get_scheduled_flow_runs = asked  # type: ignore[method-assign]  # see `report_once`


async def _is_reported(flow_run: FlowRun, client: PrefectClient) -> bool:
    """Whether the run has crashed since it was handed to this worker."""
    if flow_run.state is None:
        return False
    for attempt in range(1, ASKED_TIMES + 1):
        try:
            states = await client.read_flow_run_states(flow_run.id)
        except (httpx.HTTPError, PrefectHTTPStatusError, ObjectNotFound) as error:
            log.warning("cannot read the states of run %s: %s", flow_run.id, error)
            await anyio.sleep(attempt)
        else:
            return any(state.is_crashed() and state.timestamp > flow_run.state.timestamp for state in states)
    return False  # better twice than never


def main() -> None:
    try:
        asyncio.run(work())
    except (KeyboardInterrupt, asyncio.CancelledError):
        print("the worker stopped")


if __name__ == "__main__":
    main()
