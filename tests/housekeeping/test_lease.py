"""The lease of a build: renewed while work goes on, given up at its end, and lost without a write in between."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from campaigns import wiring
from campaigns.errors import LeaseLostError, StoreUnavailableError
from campaigns.operations.recovery import LEASE_LASTS
from campaigns.patience import patiently
from campaigns.settings import get_settings
from campaigns.store import Lease, Store
from campaigns.store.tables.sqlite import SQLiteTable
from campaigns.store.tables.table import Operation
from deployments.place import ROOT
from tasks.engine.lease import Hold, at_rest, building, clock_of, fence, time_for
from tasks.engine.permits import permit
from tasks.steps import SavedCampaign
from tests.store.samples import NOW, TENANT, a_campaign

CAMPAIGN = SavedCampaign(tenant_id=TENANT, id=a_campaign().id, name="Spring", plan_version="v1")


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    monkeypatch.setenv("CAMPAIGNS_HOME", str(tmp_path))
    get_settings.cache_clear()
    wiring.get_store.cache_clear()
    yield wiring.get_store()
    get_settings.cache_clear()
    wiring.get_store.cache_clear()


def take(store: Store, owner: str, now: datetime) -> Lease:
    return store.leases.acquire(TENANT, CAMPAIGN.id, owner=owner, now=now, ttl=LEASE_LASTS)


def test_only_who_builds_has_a_fence_and_afterwards_the_campaign_is_free(store: Store) -> None:
    with pytest.raises(LeaseLostError):
        fence(CAMPAIGN)

    with building(CAMPAIGN):
        held = fence(CAMPAIGN)
        assert store.leases.last(TENANT, CAMPAIGN.id) == held

    assert store.leases.last(TENANT, CAMPAIGN.id) is None
    with pytest.raises(LeaseLostError):
        fence(CAMPAIGN)


HANGS = """
import sys, threading
from datetime import timedelta
from tasks.engine import lease
from tasks.steps import SavedCampaign

lease.HEARTBEAT, lease.OVERTIME_SECONDS = timedelta(seconds=0.1), 1.0

def never_given_back():
    lock = threading.Lock()
    lock.acquire()
    lock.acquire()

with lease.building(SavedCampaign(tenant_id=sys.argv[1], id=sys.argv[2], name="Spring", plan_version="v1")):
    never_given_back()
"""


def test_a_build_that_hangs_ends_with_its_process_when_its_time_is_over(store: Store) -> None:
    env = {**os.environ, "CAMPAIGNS_BUILD_TIMEOUT_SECONDS": "1"}
    command = [sys.executable, "-c", HANGS, TENANT, CAMPAIGN.id]
    ended = subprocess.run(command, cwd=ROOT, env=env, check=False, timeout=120, capture_output=True, text=True)

    assert ended.returncode == os.EX_SOFTWARE, ended.stderr
    assert "in never_given_back" in ended.stderr  # where it stood
    assert 1 < store.recoveries.worked(TENANT, CAMPAIGN.id).total_seconds() < 60
    left = store.leases.last(TENANT, CAMPAIGN.id)
    assert left is not None
    assert take(store, "another process", left.expires_at).token == left.token + 1


def test_overtime_is_what_one_process_works_after_the_end(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that comes after the end has its own; waiting for people is none."""
    passed = [0.0]
    monkeypatch.setattr("tasks.engine.clock.monotonic", lambda: passed[0])
    store.recoveries.count_work(TENANT, CAMPAIGN.id, timedelta(hours=2))

    with building(CAMPAIGN):
        clock = clock_of(CAMPAIGN)
        assert (clock.overtime(3600), clock.overtime(7260)) == (0, -60)
        passed[0] += 90
        assert (clock.overtime(3600), clock.overtime(7260)) == (90, 30)
        with at_rest(CAMPAIGN):
            passed[0] += 1000
        assert clock.overtime(3600) == 90


def test_the_campaign_is_free_also_after_a_pause_or_a_fault(store: Store) -> None:
    class Pause(BaseException):
        """Prefect leaves a body this way."""

    with pytest.raises(Pause), building(CAMPAIGN):
        raise Pause

    assert store.leases.last(TENANT, CAMPAIGN.id) is None


def test_a_second_process_gives_way_to_one_that_is_at_work(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    other = Hold(store, take(store, "run:other", datetime.now(UTC)))
    # Each look of the newcomer finds the other renewing, as its thread does.
    monkeypatch.setattr("tasks.engine.lease.time.sleep", lambda _: other.beat(datetime.now(UTC)))

    with pytest.raises(LeaseLostError) as refused, building(CAMPAIGN):
        raise AssertionError("two processes build one campaign")

    assert refused.value.details["owner"] == "run:other"


def test_a_predecessor_of_which_nothing_is_heard_is_waited_out(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    lease = take(store, "run:dead", datetime.now(UTC))
    monkeypatch.setattr("tasks.engine.lease.time.sleep", lambda _: store.leases.release(lease))  # its time is over

    with building(CAMPAIGN):
        assert fence(CAMPAIGN).token == 2


def test_a_process_that_was_stopped_asks_before_it_goes_on(store: Store) -> None:
    hold = Hold(store, take(store, "run:stopped", NOW))

    assert hold.fence(NOW + LEASE_LASTS - timedelta(seconds=1)).token == 1
    late = NOW + LEASE_LASTS
    assert hold.fence(late).expires_at == late + LEASE_LASTS  # nobody took over: it holds again

    take(store, "run:next", late + LEASE_LASTS)
    with pytest.raises(LeaseLostError):
        hold.fence(late + LEASE_LASTS)
    with pytest.raises(LeaseLostError):
        hold.fence(NOW)  # lost is lost, whatever the clock says


def test_a_store_that_is_away_costs_no_lease(tmp_path: Path) -> None:
    class Away(SQLiteTable):
        away = False

        def write(self, *operations: Operation) -> None:
            if self.away:
                raise StoreUnavailableError("away")
            super().write(*operations)

    table = Away(tmp_path / "store.db")
    store = Store(table)
    hold = Hold(store, take(store, "run:one", NOW))
    table.away = True

    with pytest.raises(StoreUnavailableError):
        hold.beat(NOW + timedelta(seconds=10))
    assert hold.fence(NOW + timedelta(seconds=11)).token == 1
    table.away = False
    hold.beat(NOW + timedelta(seconds=20))

    assert hold.fence(NOW + timedelta(seconds=21)).expires_at == NOW + timedelta(seconds=20) + LEASE_LASTS


def test_a_store_that_is_away_for_a_moment_does_not_end_the_build(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Losing(SQLiteTable):
        lost = 0

        def write(self, *operations: Operation) -> None:
            super().write(*operations)
            if self.lost < 2:
                self.lost += 1
                raise StoreUnavailableError("the answer was lost")

    monkeypatch.setattr("tasks.engine.lease.get_store", lambda: Store(Losing(tmp_path / "store.db")))

    with building(CAMPAIGN):
        assert store.leases.last(TENANT, CAMPAIGN.id) == fence(CAMPAIGN)


def test_patience_ends() -> None:
    asked = []

    def away() -> None:
        asked.append(1)
        raise StoreUnavailableError("away")

    with pytest.raises(StoreUnavailableError):
        patiently(away, seconds=0.5)
    assert len(asked) > 1


def test_waiting_for_people_in_a_process_that_keeps_its_lease_is_no_work(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr("tasks.engine.clock.monotonic", lambda: now)

    with building(CAMPAIGN):
        now += 20
        with at_rest(CAMPAIGN):
            now += 86_400
        now += 3
        assert time_for(CAMPAIGN, 5000) == 3600 - 23
        assert time_for(CAMPAIGN, 10) == 10

    assert store.recoveries.worked(TENANT, CAMPAIGN.id) == timedelta(seconds=23)


def test_waiting_for_a_permit_is_no_work_unless_another_post_is_written_meanwhile(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr("tasks.engine.clock.monotonic", lambda: now)
    monkeypatch.setenv("CAMPAIGNS_WRITER_LIMIT", "2")
    get_settings.cache_clear()
    may_write = threading.Event()

    def write() -> None:
        with permit(CAMPAIGN):
            assert may_write.wait(60)

    def until_at_work(*, waiting: int, calling: int) -> None:
        clock, deadline = clock_of(CAMPAIGN), time.monotonic() + 60
        while (clock._waiting, clock._calling) != (waiting, calling):
            assert time.monotonic() < deadline
            time.sleep(0.01)

    with building(CAMPAIGN), ThreadPoolExecutor(2) as posts:
        now += 20
        with wiring.get_permits().hold("acme"):
            with wiring.get_permits().hold("acme"):
                futures = [posts.submit(write) for _ in range(2)]
                until_at_work(waiting=2, calling=0)
                now += 10_000
            until_at_work(waiting=1, calling=1)
            now += 30
        until_at_work(waiting=0, calling=2)
        now += 3
        assert time_for(CAMPAIGN, 5000) == 3600 - 53
        may_write.set()
        for each in futures:
            each.result(timeout=60)

    assert store.recoveries.worked(TENANT, CAMPAIGN.id) == timedelta(seconds=53)
