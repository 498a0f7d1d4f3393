"""The worker: `python -m deployments.worker` takes flow runs from the work pool and gives each a process of its own.

Prefect's own command ends after some two minutes without its server, and for a few other reasons; then
nobody would start anything any more. This one begins again, until it is told to stop: Ctrl-C or SIGTERM
lets the flow runs under way end first, a second one does not.

`prefect worker start` works on the same work pool: what is different here makes runs begin sooner, and go on sooner
after their process was killed.
"""

import asyncio
import logging
import os
import signal
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import anyio
import anyio.abc
import httpx
from prefect.client.schemas.objects import FlowRun, State, WorkerMetadata
from prefect.client.schemas.responses import WorkerFlowRunResponse
from prefect.logging.loggers import PrefectLogAdapter
from prefect.runner._flow_run_executor import FlowRunExecutionResult, FlowRunExecutorContext
from prefect.runner._process_manager import ProcessHandle
from prefect.settings import PREFECT_API_URL, get_current_settings
from prefect.utilities.processutils import setup_signal_handlers_worker
from prefect.workers.base import BaseWorker
from prefect.workers.process import ProcessJobConfiguration, ProcessVariables, ProcessWorkerResult

from campaigns import correlation, logs
from campaigns.settings import get_settings
from deployments.engine.pool import close
from deployments.warm.listening import listen
from deployments.warm.starting import ForkServer, Starter, story_of
from tasks.engine.server.runs import PROBE_SECONDS, asking_twice, is_answering
from tasks.engine.server.work_pool import WORK_POOL

log = logging.getLogger("prefect.campaigns.worker")  # below Prefect's: shown as its own lines are

PAUSE_SECONDS: Final = 5
STARTING_AT_ONCE: Final = 8
"""Runs that are being started at a time; the others stay in Prefect, where any worker may take them."""


FULL_SECONDS: Final = 0.2
"""With so many, it is asked again after this."""


async def work() -> None:
    """Work for ever; a worker that ended is replaced after a pause."""
    # Here, not before: inside the loop the first signal ends the task, as in Prefect's command.
    setup_signal_handlers_worker(os.getpid(), "the worker", print)
    if get_settings().logs == "json":
        logs.install_beside_prefect()
    heartbeat = int(get_current_settings().worker.heartbeat_seconds)
    fork_server = ForkServer()
    fork_server.begin()
    mine = asyncio.current_task()
    assert mine is not None
    try:
        while True:
            # No limit: a worker with one dies when a run is resumed while its old process still ends (Prefect #16806).
            worker = CampaignWorker(fork_server, WORK_POOL, heartbeat_interval_seconds=heartbeat)
            try:
                await _prefect_answers()
                if await close():
                    log.warning(
                        "the work pool %s is closed now: a run brings no command, folder or variable", WORK_POOL
                    )
                await worker.start()
            except Exception as error:  # whatever ended it: without a worker nothing goes on
                log.warning("the worker ended (%s: %s)", type(error).__name__, error)
            if mine.cancelling():
                raise asyncio.CancelledError  # what went wrong at its end has taken the place of the signal
            log.warning("another worker begins in %d s", PAUSE_SECONDS)
            await anyio.sleep(PAUSE_SECONDS)
    finally:
        fork_server.end()


async def _prefect_answers() -> None:
    """Return when the Prefect server answers, if there is one; a thread outlasts a signal by one question at most."""
    while PREFECT_API_URL.value() and not await asyncio.to_thread(is_answering):
        await anyio.sleep(PROBE_SECONDS / 4)


class ClosedConfiguration(ProcessJobConfiguration):
    """What a flow run may say of its process: nothing.

    Whoever signs in to Prefect may open the work pool again: what comes from there is left alone here.
    """

    def prepare_for_flow_run(self, *given: Any, **named: Any) -> None:
        self.command, self.env, self.working_dir = None, {}, None
        super().prepare_for_flow_run(*given, **named)


class CampaignWorker(BaseWorker[ClosedConfiguration, ProcessVariables, ProcessWorkerResult]):
    """Takes runs from a work pool of processes, and lets the fork server start them."""

    type = "process"
    job_configuration = ClosedConfiguration
    job_configuration_variables = ProcessVariables

    def __init__(self, fork_server: ForkServer, work_pool_name: str, **options: Any) -> None:
        super().__init__(work_pool_name, **options)
        self._fork_server = fork_server
        self._runs: FlowRunExecutorContext | None = None
        self._due = asyncio.Event()
        self._listening: list[asyncio.Task[None]] = []

    @classmethod
    def __dispatch_key__(cls) -> str:
        return "campaigns"  # Prefect's own class stays the one for pools of processes

    async def setup(self) -> None:
        """Begin to watch processes; one client and one connection for events serve all of them."""
        self._watching = AsyncExitStack()
        self._runs = await self._watching.enter_async_context(FlowRunExecutorContext())
        await super().setup()

    async def _initialize_after_sync(self) -> None:
        """Begin to listen as soon as the work pool is known."""
        await super()._initialize_after_sync()
        if self._has_successfully_synced and not self._listening:
            heard = (listen(self.work_pool.id, self._due), self._ask_when_due())
            self._listening = [asyncio.create_task(each) for each in heard]

    async def _ask_when_due(self) -> None:
        """Ask for runs whenever one may have become due; Prefect's own loop asks every few seconds besides."""
        while await self._due.wait():
            self._due.clear()
            try:
                await self.get_and_submit_flow_runs()
            except Exception as error:  # Prefect's loop meets it too, and decides what follows
                log.warning("what is due is asked again later (%s: %s)", type(error).__name__, error)

    async def teardown(self, *exc_info: Any) -> None:
        """End as Prefect's worker does, and then stop watching."""
        for each in self._listening:
            each.cancel()
        self._listening = []
        try:
            await super().teardown(*exc_info)
        finally:
            await self._watching.aclose()

    async def run(
        self,
        flow_run: FlowRun,
        configuration: ClosedConfiguration,
        task_status: anyio.abc.TaskStatus[int] | None = None,
    ) -> ProcessWorkerResult:
        """Execute a run in a process of its own, and report a process that broke, once."""
        assert self._runs is not None
        report = Report()
        starter = Starter(self._fork_server, configuration.env, self._runs.control_channel)
        executor = self._runs.create_executor(flow_run, starter, hook_runner=report, propose_submitting=False)
        result: FlowRunExecutionResult | None = None

        async def execute(*, task_status: anyio.abc.TaskStatus[ProcessHandle]) -> None:
            nonlocal result
            result = await executor.submit(task_status)

        with correlation.bound(story_of(flow_run), run=str(flow_run.id)):
            async with anyio.create_task_group() as group:
                process: ProcessHandle = await group.start(execute)
                report.process = process.pid
                if task_status is not None:
                    task_status.started(process.pid or 0)
        if result is None or result.status_code is None:
            raise RuntimeError("the process of a flow run did not start")
        # What Prefect knows already is not told again: by then the run may have been started anew.
        return ProcessWorkerResult(identifier=str(process.pid), status_code=0 if report.made else result.status_code)

    async def _get_scheduled_flow_runs(self) -> list[WorkerFlowRunResponse]:
        """Ask for runs every few seconds, also while the server is away, and take no more than can be started now.

        Prefect's client tries again after 2, 4, 8, 16 and 32 seconds: half a minute in which a server that is back
        has no worker, and then one that starts everything at once.
        """
        try:
            with asking_twice():
                due = await super()._get_scheduled_flow_runs()
        except (httpx.TransportError, httpx.HTTPStatusError) as error:
            if isinstance(error, httpx.HTTPStatusError) and not error.response.is_server_error:
                raise
            log.warning("the Prefect server does not say what is to run (%s); it is asked again", type(error).__name__)
            return []
        new = [each for each in due if each.flow_run.id not in self._submitting_flow_run_ids]
        room = max(0, STARTING_AT_ONCE - len(self._submitting_flow_run_ids))
        if len(new) > room:
            asyncio.get_running_loop().call_later(FULL_SECONDS, self._due.set)
        return new[:room]

    def get_flow_run_logger(self, flow_run: FlowRun) -> PrefectLogAdapter:
        """Return what tells of a run, each line with the id of its story."""
        known = super().get_flow_run_logger(flow_run)
        return PrefectLogAdapter(known.logger, {**(known.extra or {}), "correlation_id": story_of(flow_run)})

    async def _give_worker_labels_to_flow_run(self, flow_run_id: UUID) -> None:
        """Write no name on a run before it starts; nothing reads that.

        On SQLite the server refuses just this request (503) whenever somebody else writes; the worker asked again for
        two minutes, and then told that the run had crashed.
        """

    async def _worker_metadata(self) -> WorkerMetadata | None:
        """Tell no versions of Prefect's collections: it would import them all, with clients of clouds."""
        return None


class Report:
    """Whether Prefect has heard from us that the process of a run broke; the campaign of such a run goes on at once.

    No flow here has hooks of its own, for which Prefect would import the flow first.
    """

    def __init__(self) -> None:
        self.made = False
        self.process: int | None = None

    async def run_crashed_hooks(self, flow_run: FlowRun, state: State[Any]) -> None:  # noqa: ARG002 - Prefect's names
        self.made = True
        if self.process is not None:
            await anyio.to_thread.run_sync(_recover, flow_run, self.process)

    async def run_cancellation_hooks(self, flow_run: FlowRun, state: State[Any]) -> None: ...


def _recover(flow_run: FlowRun, pid: int) -> None:
    """Free what a dead process held, and let its campaign go on: its worker knows first, and for certain."""
    from campaigns.wiring import get_store
    from tasks.engine.lease import process_of
    from tasks.upkeep.recover import recover_dead

    try:
        recover_dead(get_store(), flow_run, process_of(flow_run.id, pid), now=datetime.now(UTC))
    except Exception as error:  # housekeeping does it, once the lease has run out
        log.warning("the campaign of run %s goes on later (%s: %s)", flow_run.id, type(error).__name__, error)


def main() -> None:
    # Shells start what they put into the background with SIGINT ignored. Prefect turns SIGTERM into SIGINT, which would
    # be lost then, and the worker would never end.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        asyncio.run(work())
    except (KeyboardInterrupt, asyncio.CancelledError):
        print("the worker stopped")


if __name__ == "__main__":
    main()
