"""Permits over processes: a limit that holds, tenants that get their share, a model that heals, a switch."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from campaigns.agents.failures import FailureCode, agent_error
from campaigns.errors import AgentError, LeaseLostError, StoreUnavailableError
from campaigns.operations.permits import Permits
from campaigns.store import Store
from campaigns.store.tables.sqlite import SQLiteTable
from campaigns.store.upkeep.permits import Use
from tests.benchmarks.counting import CountingTable

# A process that calls for a tenant: a call takes a tenth of a second, and says when it began and ended. Its clock is
# some seconds before that of the others.
PROCESS = """
import datetime as real, json, sys, threading, time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from campaigns.operations import permits as room
from campaigns.operations.permits import Permits
from campaigns.store import Store
from campaigns.store.tables.sqlite import SQLiteTable

tenant, posts, most = sys.argv[2], int(sys.argv[3]), int(sys.argv[4])

class ahead(real.datetime):
    @classmethod
    def now(cls, tz=None):
        return real.datetime.now(tz) + real.timedelta(seconds=float(sys.argv[5]))

room.datetime = ahead
permits = Permits(Store(SQLiteTable(Path(sys.argv[1]))), most=most)

def call(_):
    asked = time.time()
    with permits.hold(tenant):
        began = time.time()
        time.sleep(0.1)
        return asked, began, time.time()

print("ready", flush=True)
sys.stdin.readline()
with ThreadPoolExecutor(5) as pool:
    print(json.dumps(list(pool.map(call, range(posts)))))
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    Store(SQLiteTable(tmp_path / "store.db"))
    return tmp_path / "store.db"


@contextmanager
def process(path: Path, tenant: str, posts: int, most: int, ahead: float = 0) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", PROCESS, str(path), tenant, str(posts), str(most), str(ahead)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == "ready\n"
        try:
            yield running
        finally:
            running.kill()


def go(running: subprocess.Popen[str]) -> None:
    assert running.stdin is not None
    running.stdin.write("go\n")
    running.stdin.flush()


def calls(running: subprocess.Popen[str]) -> list[Any]:
    assert running.stdout is not None
    found: list[Any] = json.loads(running.stdout.readline())
    return found


@pytest.mark.parametrize("ahead", [0, 9.9])
def test_processes_keep_one_limit_and_a_tenant_with_few_posts_is_not_kept_waiting(path: Path, ahead: float) -> None:
    with (
        process(path, "acme", 150, 4, ahead) as first,
        process(path, "acme", 150, 4) as second,
        process(path, "fernwood", 5, 4) as small,
    ):
        go(first)
        go(second)
        time.sleep(2.5)  # the tenant with many posts has all permits by now
        go(small)
        theirs = calls(small)
        others = calls(first) + calls(second)

    spans = [(began, ended) for _, began, ended in theirs + others]
    busiest = max(sum(began <= at < ended for began, ended in spans) for at, _ in spans)
    assert busiest == 4
    assert max(ended for *_, ended in theirs) < max(ended for *_, ended in others), "it came last of all"
    whole = max(ended for *_, ended in others) - min(began for began, _ in spans)
    assert max(began - asked for asked, began, _ in theirs) < whole / 2  # a busy machine is slow to all of them


def test_what_a_killed_process_held_is_free_after_its_silence(path: Path) -> None:
    with process(path, "acme", 10_000, 2) as killed:
        go(killed)
        time.sleep(1.0)
        killed.kill()
        killed.wait()
    permits = Permits(Store(SQLiteTable(path)), most=2)
    began = time.monotonic()

    with permits.hold("fernwood"):
        waited = time.monotonic() - began

    assert 15 < waited < 60  # ten seconds, and ten more by which its clock may have been behind


def test_the_limit_falls_while_the_model_throttles_and_rises_by_itself(path: Path) -> None:
    store = Store(SQLiteTable(path))
    permits, throttles, seen = Permits(store, most=8), threading.Event(), list[int]()
    throttles.set()
    over = threading.Event()

    def call() -> None:
        while not over.is_set():
            try:
                with permits.hold("fernwood"):
                    time.sleep(0.05)
                    if throttles.is_set():
                        raise agent_error(FailureCode.THROTTLED)
            except AgentError:
                continue

    threads = [threading.Thread(target=call) for _ in range(8)]
    for thread in threads:
        thread.start()
    try:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and not (throttles.is_set() is False and seen[-1] == 8):
            limit = store.permits.read(datetime.now(UTC)).limit
            seen.append(limit.calls if limit else 8)
            if seen[-1] <= 2:
                throttles.clear()
            time.sleep(0.1)
    finally:
        over.set()
        for thread in threads:
            thread.join()
    changes = [after for before, after in zip([0, *seen], seen, strict=False) if after != before]
    # A machine with much to do may see a step late, and the next one with it; the way is the same.
    fall, rise = changes[: changes.index(min(changes)) + 1], changes[changes.index(min(changes)) :]
    assert fall[0] == rise[-1] == 8
    assert min(changes) <= 2
    assert all(after <= before // 2 for before, after in pairwise(fall))
    assert rise == sorted(rise)
    assert len(rise) >= 4


def test_while_calls_are_stopped_the_work_waits_and_goes_on_when_they_are_resumed(path: Path) -> None:
    store = Store(SQLiteTable(path))
    permits, now = Permits(store, most=4), datetime.now(UTC)
    store.permits.turn(stopped=True, by="operator:Ana", reason="the bill explodes", now=now)
    called = threading.Event()

    def call() -> None:
        with permits.hold("fernwood"):
            called.set()

    thread = threading.Thread(target=call)
    thread.start()
    assert not called.wait(3)

    store.permits.turn(stopped=False, by="operator:Ana", reason="it was a test", now=now)

    assert called.wait(5)
    thread.join()


def test_who_waits_hears_that_it_need_not_any_more(path: Path) -> None:
    store = Store(SQLiteTable(path))
    store.permits.turn(stopped=True, by="operator:Ana", reason="the bill explodes", now=datetime.now(UTC))

    def still() -> None:
        raise LeaseLostError("another process builds this campaign")

    with pytest.raises(LeaseLostError), Permits(store, most=4).hold("fernwood", still=still):
        raise AssertionError


class StillWaitingError(Exception):
    """It was waited for, and looked at, several times."""


def gives_up_waiting() -> Callable[[], None]:
    looks = iter(range(4))

    def still() -> None:
        if next(looks, None) is None:
            raise StillWaitingError

    return still


@pytest.mark.parametrize("tenant", ["fernwood", "acme"])
@pytest.mark.parametrize("elsewhere", [False, True], ids=["this process", "another process"])
def test_nobody_asks_a_model_that_said_when_to_ask_again(path: Path, tenant: str, *, elsewhere: bool) -> None:
    permits = Permits(Store(SQLiteTable(path)), most=8)
    other = Permits(Store(SQLiteTable(path)), most=8) if elsewhere else permits
    asked = agent_error(FailureCode.THROTTLED, retryAfterSeconds=60.0)

    with pytest.raises(AgentError), permits.hold("fernwood"):
        raise asked

    with permits_keep_speaking(permits):
        if elsewhere:
            heard(Store(SQLiteTable(path)))
        with pytest.raises(StillWaitingError), other.hold(tenant, still=gives_up_waiting()):
            raise AssertionError


def heard(store: Store) -> None:
    """Wait until a process has told the others that the model rests."""
    deadline = time.monotonic() + 60
    while not any(use.rests_until for use in store.permits.read(datetime.now(UTC)).uses):
        assert time.monotonic() < deadline
        time.sleep(0.02)


@contextmanager
def permits_keep_speaking(permits: Permits) -> Iterator[None]:
    """Have a process wait for the model in the block, as one does whose post is to be tried again."""
    over = threading.Event()

    def still() -> None:
        if over.is_set():
            raise StillWaitingError

    def wait() -> None:
        with suppress(StillWaitingError), permits.hold("fernwood", still=still):
            pass

    thread = threading.Thread(target=wait)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@pytest.mark.parametrize("seconds", [0.5, 3600.0], ids=["what it said", "the bound"])
def test_the_model_is_asked_again_when_it_may_be(path: Path, monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    monkeypatch.setattr("campaigns.operations.permits.LONGEST_REST", timedelta(seconds=2))
    permits, began = Permits(Store(SQLiteTable(path)), most=8), datetime.now(UTC)
    with pytest.raises(AgentError), permits.hold("fernwood"):
        raise agent_error(FailureCode.THROTTLED, retryAfterSeconds=seconds)

    with permits.hold("fernwood"):
        waited = datetime.now(UTC) - began

    assert waited >= timedelta(seconds=min(seconds, 2))


def test_who_ends_its_word_leaves_that_of_who_begins_anew(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("campaigns.operations.permits._IDLE_SECONDS", 0.2)
    store = Store(SQLiteTable(path))
    leaves, may_leave, left = threading.Event(), threading.Event(), threading.Event()
    leave = store.permits.leave

    def late(owner: str) -> None:
        leaves.set()
        assert may_leave.wait(30)
        leave(owner)
        left.set()

    monkeypatch.setattr(store.permits, "leave", late)
    permits = Permits(store, most=4)
    with permits.hold("fernwood"):
        pass
    assert leaves.wait(30)

    with permits.hold("fernwood"):
        may_leave.set()
        assert left.wait(30)
        [use] = store.permits.read(datetime.now(UTC)).uses

    assert use.holds == 1


def test_who_cannot_speak_begins_no_call_once_the_others_may_have_taken_its_permits(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("campaigns.operations.permits.SILENCE", 2)
    store = Store(SQLiteTable(path))
    permits, calls = Permits(store, most=4), list[float]()

    def unheard(_: Use) -> None:
        raise StoreUnavailableError("the table is away")

    def still() -> None:
        raise LeaseLostError("it waits")

    with permits.hold("fernwood"):
        pass
    monkeypatch.setattr(store.permits, "tell", unheard)
    deadline = time.monotonic() + 30
    with suppress(LeaseLostError):
        while time.monotonic() < deadline:
            with permits.hold("fernwood", still=still):
                calls.append(time.monotonic())
                time.sleep(0.01)

    assert calls[-1] - calls[0] < 8, "its word was over"


def test_a_call_costs_nothing_in_the_store(tmp_path: Path) -> None:
    table = CountingTable(SQLiteTable(tmp_path / "store.db"))
    permits = Permits(Store(table), most=4)
    with permits.hold("fernwood"):
        table.counts.clear()

    began = time.monotonic()
    for _ in range(1000):
        with permits.hold("fernwood"):
            pass
    spoken = 1 + (time.monotonic() - began) * 4

    assert table.calls <= 4 * spoken
