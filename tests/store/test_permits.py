"""How hard the model is worked, in the store: each process has its word, one of all changes the limit."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from campaigns.rules.permits import Demand
from campaigns.store import Store
from campaigns.store.upkeep.permits import Use

NOW = datetime(2027, 3, 1, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def use(owner: str = "a1", tenant: str = "fernwood", wants: int = 5) -> Use:
    demand = Demand(owner, tenant, wants, NOW)
    return Use(demand, holds=2, answered=7, refused=3, version=4, until=NOW + 10 * SECOND)


def test_a_process_is_heard_until_it_leaves_or_is_silent(store: Store) -> None:
    store.permits.tell(use())
    store.permits.tell(other := replace(use("b2", "acme"), rests_until=NOW + 30 * SECOND))
    store.permits.tell(again := replace(use(), holds=1))

    assert store.permits.read(NOW).uses == [again, other]
    # Whoever reads may have a clock that is ten seconds before that of who wrote.
    assert store.permits.read(NOW + 19.9 * SECOND).uses == [again, other]
    assert store.permits.read(NOW + 20 * SECOND).uses == []
    store.permits.leave("b2")
    assert store.permits.read(NOW).uses == [again]
    assert store.permits.read(NOW + timedelta(hours=2)).uses == []
    assert store.permits.read(NOW).uses == [], "what a killed process has left stays for ever"


def test_of_all_who_change_the_limit_one_does(store: Store) -> None:
    assert store.permits.read(NOW).limit is None
    first = store.permits.change(10, before=None, now=NOW)

    assert store.permits.change(9, before=None, now=NOW) is None
    assert first is not None
    assert store.permits.read(NOW).limit == first
    second = store.permits.change(5, before=first, now=NOW)
    assert second is not None
    assert (second.calls, second.version) == (5, 2)
    assert store.permits.change(7, before=first, now=NOW) is None
    assert store.permits.read(NOW).limit == second


def test_the_switch_says_who_turned_it_and_keeps_its_past(store: Store) -> None:
    assert not store.permits.read(NOW).stopped
    assert store.permits.turn(stopped=False, by="operator:Ana", reason="all is well", now=NOW) is None

    stopped = store.permits.turn(stopped=True, by="operator:Ana", reason="the bill explodes", now=NOW)
    assert store.permits.read(NOW).stopped
    assert store.permits.turn(stopped=True, by="operator:Ben", reason="me too", now=NOW) is None
    resumed = store.permits.turn(stopped=False, by="operator:Ben", reason="it was a test", now=NOW + SECOND)

    assert not store.permits.read(NOW).stopped
    assert store.permits.turned() == [stopped, resumed]
    assert store.permits.switch() == resumed
    assert resumed is not None
    assert (resumed.by, resumed.reason, resumed.since) == ("operator:Ben", "it was a test", NOW + SECOND)
