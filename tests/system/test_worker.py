"""The worker begins again, whatever ended it, until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import socketserver
import sys
import threading
from collections.abc import Iterator
from typing import ClassVar
from uuid import uuid4

import pytest
import yaml
from prefect import flow
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.responses import WorkerFlowRunResponse
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import Crashed, Running, Scheduled
from prefect.workers import process
from prefect.workers.process import ProcessWorker

from deployments import worker
from deployments.stack import ROOT


@pytest.mark.parametrize(
    "fault", [RuntimeError("Service exceeded error threshold."), ExceptionGroup("two", [OSError()]), None]
)
def test_a_worker_that_ended_is_replaced(monkeypatch: pytest.MonkeyPatch, fault: Exception | None) -> None:
    begun: list[str] = []

    class ThirdTimeLucky:
        def __init__(self, work_pool_name: str, heartbeat_interval_seconds: int) -> None:
            self.pool = work_pool_name

        async def _propose_crashed_state(self, *_: object) -> None: ...

        async def _get_scheduled_flow_runs(self) -> None: ...

        async def start(self) -> None:
            begun.append(self.pool)
            if len(begun) == 3:
                raise asyncio.CancelledError  # a signal, in the end
            if fault is not None:
                raise fault

    monkeypatch.setattr(worker, "ProcessWorker", ThirdTimeLucky)
    monkeypatch.setattr(worker, "PAUSE_SECONDS", 0)
    monkeypatch.setattr(worker, "setup_signal_handlers_worker", lambda *_: None)

    with contextlib.suppress(asyncio.CancelledError):
        asyncio.run(worker.work())

    assert begun == [worker.WORK_POOL] * 3


class HangsUp(socketserver.BaseRequestHandler):
    """A server that is going down: it takes the connection and says nothing."""

    asked: ClassVar[list[object]] = []

    def handle(self) -> None:
        if self.request.recv(4096):
            self.asked.append(self.client_address)


@pytest.fixture
def hanging_up() -> Iterator[list[object]]:
    """Prefect's server is going down; what it was asked is listed."""
    HangsUp.asked.clear()
    with socketserver.TCPServer(("127.0.0.1", 0), HangsUp) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with temporary_settings({PREFECT_API_URL: f"http://127.0.0.1:{server.server_address[1]}/api"}):
            yield HangsUp.asked
        server.shutdown()


def test_a_worker_without_its_server_goes_on_asking(hanging_up: list[object]) -> None:
    async def ask() -> list[WorkerFlowRunResponse]:
        asker = ProcessWorker(work_pool_name=worker.WORK_POOL)
        worker.ask_on(asker)
        async with get_client() as asker._client:
            return await asker._get_scheduled_flow_runs()

    assert asyncio.run(ask()) == []
    # Not six times in a minute, as Prefect's client does: the worker is soon to ask again.
    assert len(hanging_up) == 2


def test_a_worker_begins_no_run_later_for_a_label(hanging_up: list[object]) -> None:
    async def label() -> None:
        starting = ProcessWorker(work_pool_name=worker.WORK_POOL)
        worker.label_nothing(starting)
        async with get_client() as starting._client:
            await starting._give_worker_labels_to_flow_run(uuid4())

    asyncio.run(label())
    assert hanging_up == []


def test_a_run_begins_in_the_process_that_the_worker_starts(
    prefect_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[dict[str, object]] = []

    class Starter:
        def __init__(self, **given: object) -> None:
            started.append(given)

        async def start(self, *_: object, **__: object) -> None:
            raise RuntimeError  # seen enough

    async def run() -> None:
        starting = ProcessWorker(work_pool_name=worker.WORK_POOL)
        worker.begin_at_once(starting)
        flow_run = FlowRun(flow_id=uuid4())
        configuration = starting.job_configuration()
        configuration.prepare_for_flow_run(flow_run)
        await starting.run(flow_run, configuration)

    monkeypatch.setattr(process, "EngineCommandStarter", process.EngineCommandStarter)  # put back afterwards
    monkeypatch.setattr(worker, "EngineCommandStarter", Starter)
    with contextlib.suppress(Exception):
        asyncio.run(run())

    assert [(each["command"], each["isolate_process_group"]) for each in started] == [
        (f"{sys.executable} -m prefect.engine", True)
    ]


def test_no_flow_has_hooks_that_the_worker_would_have_to_run() -> None:
    deployments = yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]
    for module, _, name in (each["entrypoint"].partition(":") for each in deployments):
        deployed = getattr(importlib.import_module(module), name)
        assert not deployed.on_crashed_hooks, name
        assert not deployed.on_cancellation_hooks, name


@flow
def killed() -> None:
    """Never runs: its states are set."""


async def reported(client: PrefectClient, run: FlowRun) -> str:
    """Let the worker report the process of a run as it does after tidying up; return what the run is then."""
    reporter = ProcessWorker(work_pool_name=worker.WORK_POOL)
    worker.report_once(reporter)
    await reporter._propose_crashed_state(run, "exited with status code -9", client)
    state = (await client.read_flow_run(run.id)).state
    assert state is not None
    return state.name


async def both() -> tuple[str, str]:
    async with get_client() as client:
        told, untold = [await client.create_flow_run(killed) for _ in range(2)]
        for run in (told, untold):
            await client.set_flow_run_state(run.id, Running())
        await client.set_flow_run_state(told.id, Crashed(message="by the runner"))
        await client.set_flow_run_state(told.id, Scheduled(name="AwaitingRetry"), force=True)
        return await reported(client, told), await reported(client, untold)


def test_a_process_that_died_is_reported_once(prefect_server: str) -> None:
    assert asyncio.run(both()) == ("AwaitingRetry", "Crashed")
