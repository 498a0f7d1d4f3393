"""What housekeeping keeps: recoveries, signals and alarms."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from campaigns.store import Fact, OutboxEntry, Recovery, Store
from campaigns.store.upkeep.signals import Alarm
from tests.store.samples import NOW, TENANT, a_campaign, hours

MINUTE = timedelta(minutes=1)


def test_a_recovery_is_counted_once_whoever_sees_it(store: Store) -> None:
    campaign = a_campaign()
    store.campaigns.create(campaign, actor="tests", at=NOW)
    first = Recovery(TENANT, campaign.id, mark="planning", attempts=1, total=1, at=NOW, reason="crashed")
    bell = OutboxEntry.about("restart", TENANT, campaign.id, 1, due_at=NOW)
    fact = Fact("housekeeping", "restarted", NOW, reason="crashed")

    assert store.recoveries.last(TENANT, campaign.id) is None
    assert store.recoveries.begin(first, before=None, fact=fact, outbox=[bell])
    assert not store.recoveries.begin(first, before=None, fact=fact, outbox=[bell])
    second = replace(first, attempts=2, total=2)
    assert store.recoveries.begin(second, before=first, fact=fact)
    assert not store.recoveries.begin(second, before=first, fact=fact)

    assert store.recoveries.last(TENANT, campaign.id) == second
    assert [entry.action for entry in store.audit.entries(TENANT, campaign.id)] == ["created", "restarted", "restarted"]
    assert store.outbox.of(TENANT, campaign.id) == [bell]


def test_an_expired_lease_still_tells_who_held_it_until_it_is_given_up(store: Store) -> None:
    campaign = a_campaign()
    lease = store.leases.acquire(TENANT, campaign.id, owner="one", now=NOW, ttl=hours(1))

    assert store.leases.current(TENANT, campaign.id, now=NOW + hours(2)) is None
    assert store.leases.last(TENANT, campaign.id) == lease
    store.leases.release(lease)
    assert store.leases.last(TENANT, campaign.id) is None


def test_counts_of_all_processes_add_up_and_a_repeated_write_counts_once(store: Store) -> None:
    for source, count in (("a1", 2), ("b2", 3), ("a1", 4)):
        store.signals.put("throttled", NOW, source, count)
    store.signals.put("throttled", NOW - 5 * MINUTE, "a1", 7)
    store.signals.put("denied", NOW + MINUTE, "a1", 1)

    assert store.signals.since(NOW) == {"throttled": 7, "denied": 1}
    assert store.signals.since(NOW - 5 * MINUTE) == {"throttled": 14, "denied": 1}
    assert store.signals.since(NOW + 2 * MINUTE) == {}


def test_an_alarm_is_turned_by_one_of_those_who_want_to(store: Store) -> None:
    on = Alarm("failure_rate", on=True, since=NOW, changes=1)

    assert store.signals.alarm("failure_rate") is None
    assert store.signals.turn(on, before=None)
    assert not store.signals.turn(on, before=None)
    assert store.signals.turn(Alarm("failure_rate", on=False, since=NOW + MINUTE, changes=2), before=on)

    stored = store.signals.alarm("failure_rate")
    assert stored is not None
    assert not stored.on
