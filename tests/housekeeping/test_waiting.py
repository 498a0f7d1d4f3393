"""Waiting costs nothing, at any number, and what is due is done: for everybody, by one process at a time."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from campaigns.store import OutboxEntry, Store
from campaigns.store.commits.outbox import outbox_item
from campaigns.store.items.due import OF_ONE_TENANT
from campaigns.store.tables.sqlite import SQLiteTable
from campaigns.store.tables.table import Put
from campaigns.store.upkeep.turns import LASTS
from tasks.upkeep.housekeeping import Group, in_turn
from tests.benchmarks import waiting
from tests.benchmarks.counting import CountingTable
from tests.store.samples import NOW, OTHER, TENANT, a_campaign


@pytest.fixture
def table(tmp_path: Path) -> CountingTable:
    return CountingTable(SQLiteTable(tmp_path / "store.db"))


def test_a_sweep_over_many_that_wait_asks_no_more_than_over_none_and_what_is_due_is_done(tmp_path: Path) -> None:
    def measured(count: int) -> dict[str, Any]:
        quick = waiting._quick(tmp_path / str(count))
        return waiting.measure(CountingTable(quick), count, reminded=50)

    none, many = measured(0), measured(600)

    for of in ("sweep", "housekeeping"):
        assert many[of]["tableCalls"] == none[of]["tableCalls"]
        assert (many[of]["readUnits"], many[of]["writeUnits"]) == (none[of]["readUnits"], none[of]["writeUnits"])
    assert (many["crashed"], many["startedAgain"], many["rung"]) == (5, 5, 0)
    assert many["remindedWithinAMinute"] == 50


def entries(tenant_id: str, count: int, *, after: int) -> list[OutboxEntry]:
    campaign = a_campaign(tenant_id)
    return [
        OutboxEntry.about("result", tenant_id, campaign.id, n, due_at=NOW + timedelta(seconds=after + n))
        for n in range(count)
    ]


def test_one_tenant_who_has_much_to_do_keeps_no_other_from_its_turn(table: CountingTable) -> None:
    store = Store(table)
    many, few = entries(TENANT, 3 * OF_ONE_TENANT, after=0), entries(OTHER, 5, after=5000)
    for start in range(0, len(many), 100):
        table.write(*(Put(outbox_item(entry)) for entry in many[start : start + 100]))
    store.outbox.add(few)
    later = NOW + timedelta(hours=2)

    due = store.outbox.due(later, limit=20)
    assert [entry for entry in due if entry.tenant_id == OTHER] == few
    assert [entry for entry in due if entry.tenant_id == TENANT] == many[:15]
    seen = 0
    while found := store.outbox.due(later):
        assert sum(entry.tenant_id == TENANT for entry in found) <= OF_ONE_TENANT
        for entry in found:
            store.outbox.done(entry, at=later)
        seen += len(found)
    assert seen == len(many) + len(few)


def test_one_does_a_duty_and_the_others_stand_by(table: CountingTable) -> None:
    store = Store(table)
    seconds = timedelta(seconds=1)

    assert store.turns.take("sweeper", owner="one", now=NOW)
    assert not store.turns.take("sweeper", owner="two", now=NOW + LASTS - seconds)
    assert store.turns.take("sender", owner="two", now=NOW)
    table.counts.clear()
    assert store.turns.take("sweeper", owner="one", now=NOW + LASTS / 4 - seconds)
    assert table.counts["puts"] == 0  # that it goes on is written now and then
    assert store.turns.take("sweeper", owner="one", now=NOW + LASTS / 4)
    assert not store.turns.take("sweeper", owner="two", now=NOW + LASTS)
    assert store.turns.take("sweeper", owner="two", now=NOW + 2 * LASTS)  # nothing was heard of it
    assert not store.turns.take("sweeper", owner="one", now=NOW + 2 * LASTS)
    store.turns.give_back("sweeper", owner="one")  # what is not its own
    assert not store.turns.take("sweeper", owner="one", now=NOW + 2 * LASTS)
    store.turns.give_back("sweeper", owner="two")
    assert store.turns.take("sweeper", owner="one", now=NOW + 2 * LASTS)


def test_housekeeping_leaves_to_the_api_what_the_api_does(table: CountingTable) -> None:
    store, done = Store(table), []

    def duty(*_: object) -> dict[str, int]:
        done.append(1)
        return {"done": 1}

    def tried(name: str) -> bool:
        return bool(in_turn(store, name, duty, owner="a run", now=NOW))

    assert store.turns.take(Group.SWEEPER, owner="api", now=NOW)
    assert [tried(name) for name in ("ring and start", "send notices", "tidy up")] == [False, True, True]
    store.turns.give_back(Group.SWEEPER, owner="api")
    assert tried("ring and start")
    assert store.turns.take(Group.SWEEPER, owner="api", now=NOW)  # and leaves it again
    assert len(done) == 3
