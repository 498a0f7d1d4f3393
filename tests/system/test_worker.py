"""The worker begins again, whatever ended it, until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import os
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar
from uuid import uuid4

import pytest
import yaml
from prefect.client.orchestration import get_client
from prefect.client.schemas.responses import WorkerFlowRunResponse
from prefect.settings import PREFECT_API_URL, temporary_settings

from deployments import worker
from deployments.place import ROOT
from deployments.warm.starting import ForkServer


@pytest.mark.parametrize(
    "fault", [RuntimeError("Service exceeded error threshold."), ExceptionGroup("two", [OSError()]), None]
)
def test_a_worker_that_ended_is_replaced(monkeypatch: pytest.MonkeyPatch, fault: Exception | None) -> None:
    begun: list[str] = []

    class ThirdTimeLucky:
        def __init__(self, _: ForkServer, pool: str, heartbeat_interval_seconds: int) -> None:
            self.pool = pool

        async def start(self) -> None:
            begun.append(self.pool)
            if len(begun) == 3:
                raise asyncio.CancelledError  # a signal, in the end
            if fault is not None:
                raise fault

    monkeypatch.setattr(worker, "CampaignWorker", ThirdTimeLucky)
    monkeypatch.setattr(ForkServer, "begin", lambda _: None)
    monkeypatch.setattr(worker, "PAUSE_SECONDS", 0)
    monkeypatch.setattr(worker, "setup_signal_handlers_worker", lambda *_: None)

    with contextlib.suppress(asyncio.CancelledError):
        asyncio.run(worker.work())

    assert begun == [worker.WORK_POOL] * 3


@pytest.mark.parametrize("fault", [ExceptionGroup("two", [OSError()]), None])
def test_a_worker_that_is_told_to_stop_stops_also_when_its_end_goes_wrong(
    monkeypatch: pytest.MonkeyPatch, fault: Exception | None
) -> None:
    begun: list[asyncio.Event] = []

    class EndsOtherwise:
        def __init__(self, *_: object, **__: object) -> None:
            begun.append(asyncio.Event())

        async def start(self) -> None:
            begun[-1].set()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
            if fault is not None:
                raise fault

    async def stopped() -> None:
        work = asyncio.create_task(worker.work())
        while not (begun and begun[0].is_set()):
            await asyncio.sleep(0.01)
        work.cancel()
        while not (work.done() or len(begun) > 1):
            await asyncio.sleep(0.01)
        assert work.cancelled()

    monkeypatch.setattr(worker, "CampaignWorker", EndsOtherwise)
    monkeypatch.setattr(worker, "is_answering", lambda: True)
    monkeypatch.setattr(worker, "close", _closed_already)
    monkeypatch.setattr(ForkServer, "begin", lambda _: None)
    monkeypatch.setattr(worker, "PAUSE_SECONDS", 0)
    monkeypatch.setattr(worker, "setup_signal_handlers_worker", lambda *_: None)
    asyncio.run(stopped())

    assert len(begun) == 1


async def _closed_already() -> bool:
    return False


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
        asker = worker.CampaignWorker(ForkServer(), worker.WORK_POOL)
        async with get_client() as asker._client:
            return await asker._get_scheduled_flow_runs()

    assert asyncio.run(ask()) == []
    # Not six times in a minute, as Prefect's client does: the worker is soon to ask again.
    assert len(hanging_up) == 2


STARTS = (
    "import os, signal, sys; signal.signal(signal.SIGINT, getattr(signal, sys.argv[1]));"
    " os.execv(sys.executable, [sys.executable, *sys.argv[2:]])"
)


# As from a terminal, and as a shell starts what it puts into the background.
@pytest.mark.parametrize("interrupts", ["SIG_DFL", "SIG_IGN"])
def test_a_worker_that_waits_for_its_server_can_be_stopped(
    hanging_up: list[object], tmp_path: Path, interrupts: str
) -> None:
    env = {**os.environ, "PREFECT_API_URL": str(PREFECT_API_URL.value()), "CAMPAIGNS_HOME": str(tmp_path)}
    with subprocess.Popen(
        [sys.executable, "-c", STARTS, interrupts, "-m", "deployments.worker"],
        cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    ) as waiting:  # fmt: skip
        try:
            while not hanging_up:
                assert waiting.poll() is None
                time.sleep(0.1)
            waiting.terminate()
            told, _ = waiting.communicate(timeout=120)
        finally:
            waiting.kill()

    assert (waiting.returncode, told.splitlines()[-1]) == (0, "the worker stopped"), told


def test_a_worker_begins_no_run_later_for_a_label(hanging_up: list[object]) -> None:
    async def label() -> None:
        starting = worker.CampaignWorker(ForkServer(), worker.WORK_POOL)
        async with get_client() as starting._client:
            await starting._give_worker_labels_to_flow_run(uuid4())

    asyncio.run(label())
    assert hanging_up == []


def test_no_flow_has_hooks_that_the_worker_would_have_to_run() -> None:
    deployments = yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]
    for module, _, name in (each["entrypoint"].partition(":") for each in deployments):
        deployed = getattr(importlib.import_module(module), name)
        assert not deployed.on_crashed_hooks, name
        assert not deployed.on_cancellation_hooks, name
