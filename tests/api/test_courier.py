"""The courier: nobody waits for Prefect longer than it is worth, and a crowd hardly at all."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Event
from typing import Any

import pytest

from api import courier as module
from api.courier import CROWDED_SECONDS, Courier


class SlowPrefect:
    """Every delivery takes until it is let go."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.go_on = Event()
        self.asked = 0
        monkeypatch.setattr(module, "deliver_now", self.deliver)

    def deliver(self, *_: Any, now: datetime) -> None:
        self.asked += 1
        assert now.tzinfo is UTC
        assert self.go_on.wait(30)


def waited(courier: Courier, *, wait: bool = True) -> float:
    began = time.monotonic()
    courier.deliver("fernwood", "campaign_01JZ0K7A3M5T9Y1C4GQVSB8WEX", wait=wait)
    return time.monotonic() - began


def test_a_crowd_waits_for_a_fraction_of_what_one_alone_would(monkeypatch: pytest.MonkeyPatch) -> None:
    prefect, courier = SlowPrefect(monkeypatch), Courier(None, patience_seconds=20)  # type: ignore[arg-type]  # unread
    with ThreadPoolExecutor(6) as people:
        alone = people.submit(waited, courier)
        while not prefect.asked:
            time.sleep(0.001)
        crowd = [people.submit(waited, courier) for _ in range(5)]
        times = [each.result(timeout=15) for each in crowd]
        assert not alone.done()
        prefect.go_on.set()
        alone.result(timeout=15)
    courier.close()

    assert min(times) >= CROWDED_SECONDS


def test_what_is_in_no_hurry_keeps_nobody_from_starting(monkeypatch: pytest.MonkeyPatch) -> None:
    prefect, courier = SlowPrefect(monkeypatch), Courier(None, patience_seconds=0)  # type: ignore[arg-type]  # unread
    for _ in range(20):
        waited(courier, wait=False)

    courier.deliver("fernwood", "campaign_01JZ0K7A3M5T9Y1C4GQVSB8WEX", wait=True)
    deadline = time.monotonic() + 15
    while prefect.asked < 2 and time.monotonic() < deadline:
        time.sleep(0.001)
    asked = prefect.asked
    prefect.go_on.set()
    courier.close()

    assert asked == 2  # one of those in no hurry, and the one that is waited for


def test_a_courier_that_is_slow_again_and_again_is_waited_for_less_and_less(monkeypatch: pytest.MonkeyPatch) -> None:
    prefect, courier = SlowPrefect(monkeypatch), Courier(None, patience_seconds=0.01)  # type: ignore[arg-type]  # unread
    now = 1000.0
    monkeypatch.setattr(module.time, "monotonic", lambda: now)
    pauses = []
    for _ in range(6):
        waited_for = courier._no_wait_until
        courier.deliver("fernwood", "campaign_01JZ0K7A3M5T9Y1C4GQVSB8WEX", wait=True)
        courier.deliver("fernwood", "campaign_01JZ0K7A3M5T9Y1C4GQVSB8WEX", wait=True)  # nobody waits: no change
        assert courier._no_wait_until > waited_for
        pauses.append(courier._no_wait_until - now)
        now = courier._no_wait_until
    prefect.go_on.set()
    courier.close()

    assert pauses == [5, 10, 20, 40, 60, 60]
