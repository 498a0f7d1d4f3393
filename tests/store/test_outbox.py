"""Outbox and idempotency records: what is said once, and done at least once."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from campaigns import correlation
from campaigns.errors import IdempotencyMismatchError, VersionConflictError
from campaigns.model.campaign import Campaign
from campaigns.store import Fact, IdempotencyRecord, OutboxEntry, Store
from campaigns.store.commits.outbox import outbox_item
from campaigns.store.items import keys
from campaigns.store.tables.table import Put
from tests.store.samples import NOW, OTHER, TENANT, a_campaign, hours

Ask = Callable[[Callable[[], Any]], Any]


@pytest.fixture
def campaign(store: Store) -> Campaign:
    return store.campaigns.create(a_campaign(), actor="api", at=NOW).campaign


def an_entry(campaign: Campaign, *fact: object, due_at: float = 0) -> OutboxEntry:
    return OutboxEntry.about("ring", campaign.tenant_id, campaign.id, *fact, due_at=NOW + hours(due_at))


def test_the_same_fact_has_the_same_id_and_enqueues_once(store: Store, campaign: Campaign) -> None:
    entry, later = an_entry(campaign, 1), an_entry(campaign, 1, due_at=5)
    assert entry.id == later.id
    assert len({entry.id, an_entry(campaign, 2).id, an_entry(a_campaign(), 1).id}) == 3

    store.outbox.add([entry])
    store.outbox.add([later])

    assert store.outbox.of(TENANT, campaign.id) == [entry]


def test_due_entries_of_all_tenants_come_by_time(store: Store, campaign: Campaign, eventually: Ask) -> None:
    other = a_campaign(OTHER)
    entries = [an_entry(campaign, 1, due_at=3), an_entry(other, 1, due_at=1), an_entry(campaign, 2, due_at=2)]
    store.outbox.add(entries)

    assert eventually(lambda: store.outbox.due(NOW + hours(9)) == [entries[1], entries[2], entries[0]])
    assert store.outbox.due(NOW + hours(2)) == [entries[1], entries[2]]
    assert store.outbox.due(NOW + hours(9), limit=1) == [entries[1]]
    assert store.outbox.due(NOW) == []


def test_a_claimed_entry_is_not_due_for_others_until_then(store: Store, campaign: Campaign, eventually: Ask) -> None:
    entry = an_entry(campaign, 1)
    store.outbox.add([entry])

    claimed = store.outbox.claim(entry, until=NOW + hours(1))

    assert claimed is not None
    assert store.outbox.claim(entry, until=NOW + hours(2)) is None
    assert eventually(lambda: store.outbox.due(NOW) == [])
    assert store.outbox.due(NOW + hours(1)) == [claimed]


def test_a_claim_moves_no_entry_in_time_and_putting_off_does(store: Store, campaign: Campaign) -> None:
    claimed, put_off = an_entry(campaign, 1), an_entry(campaign, 2)
    store.outbox.add([claimed, put_off])

    first = store.outbox.claim(claimed, until=NOW + hours(1))
    assert _stands_at(store, claimed) == keys.instant(NOW)
    assert first is not None
    store.outbox.claim(first, until=NOW + hours(2))  # whoever had it has died
    assert _stands_at(store, claimed) == keys.instant(NOW + hours(1))

    store.outbox.put_off(put_off, until=NOW + hours(3))
    assert _stands_at(store, put_off) == keys.instant(NOW + hours(3))


def _stands_at(store: Store, entry: OutboxEntry) -> str:
    item = store.table.get(keys.outbox(entry.tenant_id, entry.subject_id, entry.id))
    assert item is not None
    return str(item["due_sk"]).partition("#")[0]


def test_a_failed_attempt_is_counted_and_tried_again_later(store: Store, campaign: Campaign) -> None:
    entry = an_entry(campaign, 1)
    store.outbox.add([entry])

    retried = store.outbox.retry(entry, at=NOW + hours(1), error="503 " + "x" * 9000)

    assert retried is not None
    assert (retried.attempts, retried.due_at, len(retried.last_error or "")) == (1, NOW + hours(1), 500)
    assert store.outbox.of(TENANT, campaign.id) == [retried]
    assert store.outbox.retry(entry, at=NOW + hours(2), error="late") is None


def test_an_entry_that_cannot_be_read_keeps_no_other_from_its_turn(
    store: Store, campaign: Campaign, eventually: Ask, caplog: pytest.LogCaptureFixture
) -> None:
    damaged, sound = an_entry(campaign, 1), an_entry(campaign, 2, due_at=1)
    item = {**outbox_item(damaged), "body": '{"attempts": -1}'}
    store.table.write(Put(item))
    store.outbox.add([sound])

    assert eventually(lambda: store.outbox.due(NOW + hours(9)) == [sound])
    assert item["sk"] in caplog.text
    assert "attempts" in caplog.text


def test_a_delivered_entry_is_never_due_again(store: Store, campaign: Campaign, eventually: Ask) -> None:
    entry = an_entry(campaign, 1)
    store.outbox.add([entry])

    store.outbox.done(entry, at=NOW)
    store.outbox.add([entry])

    assert eventually(lambda: store.outbox.due(NOW + hours(999)) == [])
    assert store.outbox.retry(entry, at=NOW, error="no") is None
    assert store.outbox.claim(entry, until=NOW) is None
    assert [one.done_at for one in store.outbox.of(TENANT, campaign.id)] == [NOW]


def test_a_quarantined_entry_is_kept_with_its_reason_until_it_is_put_back(
    store: Store, campaign: Campaign, eventually: Ask
) -> None:
    entry = an_entry(campaign, 1).model_copy(update={"failures": 5})
    store.outbox.add([entry])

    aside = store.outbox.quarantine(entry, at=NOW + hours(1), error="no such kind")

    assert aside is not None
    assert (aside.is_open, aside.is_quarantined, aside.attempts, aside.last_error) == (False, True, 1, "no such kind")
    assert eventually(lambda: store.outbox.due(NOW + hours(999)) == [])
    assert eventually(lambda: store.outbox.quarantined(since=NOW) == [aside])
    assert store.outbox.quarantined(since=NOW + hours(1)) == []
    assert store.outbox.of(TENANT, campaign.id) == [aside]
    assert store.outbox.claim(entry, until=NOW + hours(2)) is None
    assert store.outbox.retry(entry, at=NOW + hours(2), error="late") is None

    fact = Fact("operator:olga", "outbox_redelivered", NOW)
    store.redeliver([aside], fact=fact, at=NOW + hours(3))

    [back] = store.outbox.of(TENANT, campaign.id)
    assert (back.is_open, back.attempts, back.failures) == (True, 0, 0)
    with pytest.raises(VersionConflictError):
        store.redeliver([aside], fact=fact, at=NOW + hours(4))
    assert [each.action for each in store.audit.entries(TENANT, campaign.id)].count("outbox_redelivered") == 1
    assert eventually(lambda: store.outbox.due(NOW + hours(3)) == [back])
    assert eventually(lambda: store.outbox.quarantined(since=NOW) == [])


def test_a_transaction_whose_fact_was_enqueued_before_still_happens(store: Store) -> None:
    campaign = a_campaign()
    entry, fresh = an_entry(campaign, 1), an_entry(campaign, 2)
    store.outbox.add([entry])

    assert store.campaigns.create(
        campaign, actor="api", at=NOW, outbox=[an_entry(campaign, 1, due_at=7), fresh]
    ).created

    assert sorted(store.outbox.of(TENANT, campaign.id), key=lambda one: one.id) == sorted(
        [entry, fresh], key=lambda one: one.id
    )


# --- idempotency -----------------------------------------------------------------------------------------


def test_the_first_release_can_read_every_entry(store: Store, campaign: Campaign) -> None:
    """It refuses a document with fields that it does not know, and what stands beside one it overlooks."""
    entry = an_entry(campaign, 1).model_copy(update={"correlation_id": "story-0815"})
    store.outbox.add([entry])
    claimed = store.outbox.claim(entry, until=NOW + hours(1))
    assert claimed is not None
    store.outbox.retry(claimed, at=NOW + hours(2), error="away")

    (item,) = store.table.query(keys.subject_partition(TENANT, campaign.id), keys.OUTBOX)
    known = {"id", "kind", "tenantId", "subjectId", "payload", "dueAt", "attempts", "failures", "lastError"}
    assert set(json.loads(item["body"])) <= known
    (stored,) = store.outbox.of(TENANT, campaign.id)
    assert (stored.due_since, stored.correlation_id) == (NOW, "story-0815")
    assert store.outbox.due(NOW + hours(3)) == [stored]


def test_what_follows_from_a_write_belongs_to_the_story_of_its_campaign(store: Store) -> None:
    with correlation.bound("story-0815"):
        campaign = store.campaigns.create(a_campaign(), actor="api", at=NOW).campaign
    found, own = an_entry(campaign, 1), an_entry(campaign, 2).model_copy(update={"correlation_id": "story-4711"})

    store.record(TENANT, campaign.id, Fact("housekeeping", "noted", NOW), outbox=[found, own])

    stored = {each.id: each.correlation_id for each in store.outbox.of(TENANT, campaign.id)}
    assert (stored[found.id], stored[own.id]) == ("story-0815", "story-4711")


def test_the_first_answer_under_a_key_is_given_again(store: Store) -> None:
    first = IdempotencyRecord("key", "print", {"answer": [1, "é"]}, NOW + hours(1))
    second = IdempotencyRecord("key", "print", {"answer": 2}, NOW + hours(9))

    assert store.idempotency.get(TENANT, "key", now=NOW) is None
    assert store.idempotency.put(TENANT, first, now=NOW) == first
    assert store.idempotency.put(TENANT, second, now=NOW) == first
    assert store.idempotency.get(TENANT, "key", now=NOW) == first
    assert store.idempotency.get(OTHER, "key", now=NOW) is None
    with pytest.raises(IdempotencyMismatchError):
        store.idempotency.put(TENANT, IdempotencyRecord("key", "other", {}, NOW + hours(9)), now=NOW)


def test_an_expired_record_counts_as_none_although_it_still_lies_there(store: Store) -> None:
    old = IdempotencyRecord("key", "print", {}, NOW + hours(1))
    new = IdempotencyRecord("key", "other", {}, NOW + hours(9))
    store.idempotency.put(TENANT, old, now=NOW)

    assert store.idempotency.get(TENANT, "key", now=NOW + hours(1)) is None
    assert store.idempotency.put(TENANT, new, now=NOW + hours(1)) == new


@pytest.mark.parametrize("key", ["", "a" * 5000, "x#y", "\ud800", "\0", "../.."])
def test_any_text_is_a_key(store: Store, key: str) -> None:
    record = IdempotencyRecord(key, "print", {}, NOW + hours(1))

    store.idempotency.put(TENANT, record, now=NOW)

    assert store.idempotency.get(TENANT, key, now=NOW) == record
