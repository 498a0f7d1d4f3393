"""Runs that the worker starts: forked from a process that has everything, watched, and ended when they are to end."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from prefect import flow
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.objects import FlowRun, State
from prefect.settings import PREFECT_API_URL, PREFECT_WORKER_QUERY_SECONDS, temporary_settings
from prefect.states import Cancelling, Completed, Scheduled

from deployments import worker
from deployments.place import ROOT
from deployments.warm import server, starting
from deployments.warm.starting import ForkServer
from tests.system import unlucky

PATIENCE_SECONDS = 180


@flow(persist_result=False)
def tells_how() -> State[None]:
    """Say how its process was started, and where."""
    said = " ".join(sys.orig_argv), f"in {Path.cwd()}", f"told {sorted(_told())}", f"asks {PREFECT_API_URL.value()}"
    return Completed(message=", ".join(said))


@flow(persist_result=False)
def lasts() -> None:
    """Take longer than any test."""
    time.sleep(PATIENCE_SECONDS)


@flow(persist_result=False)
def leaves_a_mark() -> None:
    """Tell the test that a process has begun this run."""
    with Path(os.environ["TESTS_MARKS"]).open("a") as marks:
        marks.write(f"{os.getpid()}\n")


def _children() -> set[int]:
    """Return the processes that are ours to wait for, also those that have ended."""
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            if int(stat.read_text().rpartition(")")[2].split()[1]) == os.getpid():
                found.add(int(stat.parent.name))
    return found


def _told() -> set[str]:
    return {name for name in os.environ if name.startswith("TESTS_")}


class Bench:
    """A worker on a pool of its own, and the runs that are given to it."""

    def __init__(self, client: PrefectClient, pool: str) -> None:
        self.client = client
        self.pool = pool

    async def start(self, name: str) -> FlowRun:
        flow_id = await self.client.create_flow_from_name(name)
        deployment = await self.client.create_deployment(
            flow_id, f"{name} {uuid4().hex[:6]}", work_pool_name=self.pool, path=str(ROOT),
            entrypoint=f"tests.system.test_warm:{name}",
        )  # fmt: skip
        return await self.client.create_flow_run_from_deployment(deployment)

    async def ends(self, run: FlowRun) -> State[Any]:
        return await self._until(run, lambda found: found.state is not None and found.state.is_final())

    async def process(self, run: FlowRun) -> int:
        async def seen() -> FlowRun:
            return await self.client.read_flow_run(run.id)

        await self._until(run, lambda found: found.state is not None and found.state.is_running())
        while not (found := await seen()).infrastructure_pid:
            await asyncio.sleep(0.1)
        return int(found.infrastructure_pid)

    async def _until(self, run: FlowRun, good: Callable[[FlowRun], bool]) -> State[Any]:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not good(found := await self.client.read_flow_run(run.id)):
            assert time.monotonic() < deadline, found.state
            await asyncio.sleep(0.1)
        assert found.state is not None
        return found.state


@asynccontextmanager
async def working(fork_server: ForkServer, looks_every: float) -> AsyncIterator[Bench]:
    async with get_client() as client:
        pool = await client.create_work_pool(WorkPoolCreate(name=f"warm-{uuid4().hex[:6]}", type="process"))
        with temporary_settings({PREFECT_WORKER_QUERY_SECONDS: looks_every}):
            starting = worker.CampaignWorker(fork_server, pool.name)
            at_work = asyncio.create_task(starting.start(printer=lambda _: None))
            try:
                yield Bench(client, pool.name)
            finally:
                at_work.cancel()
                with suppress(asyncio.CancelledError):
                    await at_work
                fork_server.end()


def run(what: Callable[[ForkServer, Bench], Awaitable[None]], *, looks_every: float = 0.3) -> None:
    async def tried() -> None:
        fork_server = ForkServer()
        async with working(fork_server, looks_every) as bench:
            await what(fork_server, bench)

    asyncio.run(tried())


pytestmark = pytest.mark.usefixtures("prefect_server")


def test_a_run_is_forked_with_the_environment_of_its_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    async def tried(_: ForkServer, bench: Bench) -> None:
        first = await bench.ends(await bench.start("tells_how"))
        monkeypatch.setenv("TESTS_LATER", "known to the worker after its fork server began")
        second = await bench.ends(await bench.start("tells_how"))
        assert first.message is not None
        assert second.message is not None
        assert server.__name__ in first.message
        assert f", in {ROOT}, told " in first.message
        assert "TESTS_LATER" not in first.message
        assert "TESTS_LATER" in second.message
        assert first.message.endswith(f"asks {PREFECT_API_URL.value()}")

    run(tried)


def test_a_run_begins_in_a_fresh_interpreter_when_nothing_can_be_forked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "__name__", "tests.no_such_module")

    async def tried(_: ForkServer, bench: Bench) -> None:
        for _run in range(2):
            state = await bench.ends(await bench.start("tells_how"))
            assert state.is_completed()
            assert f"{sys.executable} -m prefect.engine, in {ROOT}" in str(state.message)

    run(tried)


def test_a_fork_server_with_old_code_is_replaced() -> None:
    changed = ROOT / "flows" / "__init__.py"
    before = changed.stat()

    async def tried(fork_server: ForkServer, bench: Bench) -> None:
        await bench.ends(await bench.start("tells_how"))
        first = fork_server.process_id
        await bench.ends(await bench.start("tells_how"))
        assert fork_server.process_id == first
        try:
            os.utime(changed)
            state = await bench.ends(await bench.start("tells_how"))
        finally:
            os.utime(changed, ns=(before.st_atime_ns, before.st_mtime_ns))
        assert state.is_completed()
        assert server.__name__ in str(state.message)
        assert fork_server.process_id != first

    run(tried)


def test_a_fork_server_that_died_is_replaced_and_its_runs_live_on() -> None:
    async def tried(fork_server: ForkServer, bench: Bench) -> None:
        lasting = await bench.start("lasts")
        process = await bench.process(lasting)
        assert fork_server.process_id is not None
        os.kill(fork_server.process_id, signal.SIGKILL)
        assert (await bench.ends(await bench.start("tells_how"))).is_completed()
        assert Path(f"/proc/{process}/comm").read_text() == f"flow {lasting.id}"[:15] + "\n"
        os.kill(process, signal.SIGKILL)
        assert "status code: -9" in str((await bench.ends(lasting)).message)

    run(tried)


@pytest.mark.parametrize("happens", ["late", "killed"])
def test_a_run_is_begun_once_whatever_becomes_of_the_answer(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, happens: str
) -> None:
    monkeypatch.setattr(server, "__name__", unlucky.__name__)
    monkeypatch.setattr(starting, "ANSWER_SECONDS", 1.0)
    monkeypatch.setenv("TESTS_HAPPENS", happens)
    monkeypatch.setenv("TESTS_MARKS", str(tmp_path / "marks"))
    before = _children()

    async def tried(fork_server: ForkServer, bench: Bench) -> None:
        state = await bench.ends(await bench.start("leaves_a_mark"))
        assert state.is_completed()
        await asyncio.sleep(unlucky.LATE_SECONDS)  # what was forked would have begun by now
        assert len((tmp_path / "marks").read_text().split()) == 1
        assert fork_server.process_id is None

    run(tried)
    assert _children() <= before


def test_a_process_that_was_killed_is_reported_once() -> None:
    async def tried(_: ForkServer, bench: Bench) -> None:
        lasting = await bench.start("lasts")
        os.kill(await bench.process(lasting), signal.SIGKILL)
        assert (await bench.ends(lasting)).is_crashed()
        await bench.client.set_flow_run_state(lasting.id, Scheduled(name="AwaitingRetry"), force=True)
        await bench.process(lasting)
        states = await bench.client.read_flow_run_states(lasting.id)
        assert [state.name for state in states if state.is_crashed()] == ["Crashed"]

    run(tried)


def test_a_run_that_is_cancelled_ends_with_its_process() -> None:
    async def tried(_: ForkServer, bench: Bench) -> None:
        lasting = await bench.start("lasts")
        process = await bench.process(lasting)
        await bench.client.set_flow_run_state(lasting.id, Cancelling())
        assert (await bench.ends(lasting)).is_cancelled()
        while Path(f"/proc/{process}").exists():
            await asyncio.sleep(0.1)

    run(tried)


def test_a_run_that_is_made_or_woken_is_heard_of_at_once() -> None:
    async def tried(_: ForkServer, bench: Bench) -> None:
        await asyncio.sleep(1)  # past the only look of its own
        made = await bench.start("tells_how")
        await bench.ends(made)
        await bench.client.set_flow_run_state(made.id, Scheduled(name="AwaitingRetry"), force=True)
        deadline = time.monotonic() + PATIENCE_SECONDS
        states: list[State[Any]] = []
        while [state.name for state in states].count("Completed") < 2:
            assert time.monotonic() < deadline, states
            await asyncio.sleep(0.2)
            states = await bench.client.read_flow_run_states(made.id)

    run(tried, looks_every=3600)


def test_no_more_runs_are_started_at_once_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "STARTING_AT_ONCE", 1)

    async def tried(_: ForkServer, bench: Bench) -> None:
        runs = [await bench.start("tells_how") for _ in range(4)]
        ends = [await bench.ends(each) for each in runs]
        assert all(end.is_completed() for end in ends)

    run(tried, looks_every=3600)
