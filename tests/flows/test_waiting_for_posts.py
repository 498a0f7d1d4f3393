"""Waiting for posts in the making: nothing interrupts the thread that waits wherever it happens to be."""

import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any, cast
from uuid import uuid4

import pytest
from prefect.futures import PrefectConcurrentFuture, PrefectFutureList
from prefect.states import Completed

from tasks.engine import lease
from tasks.steps import SavedCampaign

CAMPAIGN = SavedCampaign.model_construct(tenant_id="fernwood", id="01CAMPAIGN")


@pytest.fixture
def drafts(monkeypatch: pytest.MonkeyPatch) -> Iterator[PrefectFutureList[Any]]:
    """Six posts, each written for longer than the run waits before it looks for an order."""
    monkeypatch.setitem(lease._HOLDS, CAMPAIGN.ref, cast(lease.Hold, SimpleNamespace(order=None)))
    monkeypatch.setattr(lease, "LOOK_SECONDS", 0.04)

    def write() -> Any:
        time.sleep(0.05)
        return Completed()

    with ThreadPoolExecutor(2) as pool:
        futures = [PrefectConcurrentFuture(uuid4(), pool.submit(write)) for _ in range(6)]
        yield PrefectFutureList(futures)  # type: ignore[abstract]  # as Prefect itself makes it


def test_no_timer_interrupts_the_thread_that_waits(
    drafts: PrefectFutureList[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A signal between taking a lock and noting it leaves the lock taken: the build then waits for ever."""
    set_timers: list[float] = []

    def set_timer(which: int, seconds: float, interval: float = 0.0) -> tuple[float, float]:
        set_timers.append(seconds)
        return (0.0, 0.0)

    monkeypatch.setattr(signal, "setitimer", set_timer)

    lease.require_ordered(CAMPAIGN, drafts)

    assert set_timers == []
    assert all(draft.state.is_completed() for draft in drafts)
