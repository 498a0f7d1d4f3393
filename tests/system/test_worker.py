"""The worker begins again, whatever ended it, until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import importlib

import pytest
import yaml
from prefect import flow
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.objects import FlowRun
from prefect.states import Crashed, Running, Scheduled
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
