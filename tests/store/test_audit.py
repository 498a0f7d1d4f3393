"""The audit trail: whole, in order, and a break in it is found."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from campaigns.model.approval import AuditEntry
from campaigns.model.base import content_hash
from campaigns.model.campaign import Campaign
from campaigns.store import Fact, Store
from campaigns.store.commits.audit import GENESIS
from campaigns.store.items import keys
from campaigns.store.items.documents import value_of
from campaigns.store.tables.table import Delete, Item, Put, Table
from tests.store.samples import NOW, OTHER, TENANT, a_campaign, hours


@pytest.fixture
def campaign(store: Store) -> Campaign:
    """A campaign with five entries."""
    campaign = store.campaigns.create(a_campaign(), actor="api", at=NOW).campaign
    for number in range(2, 6):
        odd = {"number": number, "none": None, "tuple": (1, 2), "text": "é 漢", "float": 0.1}
        store.record(TENANT, campaign.id, Fact("somebody", "noted", NOW + hours(number), details=odd))
    return campaign


def test_a_trail_is_numbered_chained_and_whole(store: Store, campaign: Campaign) -> None:
    entries = store.audit.entries(TENANT, campaign.id)

    assert [entry.seq for entry in entries] == [1, 2, 3, 4, 5]
    assert [entry.previous for entry in entries] == [GENESIS, *(entry.hash for entry in entries[:-1])]
    assert len({entry.id for entry in entries}) == 5
    assert store.audit.verify(TENANT, campaign.id) is None


def test_a_trail_is_read_in_parts(store: Store, campaign: Campaign) -> None:
    entries = store.audit.entries(TENANT, campaign.id)

    assert store.audit.entries(TENANT, campaign.id, limit=2) == entries[:2]
    assert store.audit.entries(TENANT, campaign.id, limit=2, after=2) == entries[2:4]
    assert store.audit.entries(TENANT, campaign.id, after=5) == []


def test_a_campaign_without_a_trail_has_nothing_to_verify(store: Store) -> None:
    assert store.audit.verify(TENANT, a_campaign().id) is None
    assert store.audit.entries(OTHER, a_campaign().id) == []


def entry_item(table: Table, campaign: Campaign, seq: int) -> Item:
    item = table.get(keys.audit(TENANT, campaign.id, seq))
    assert item is not None
    return item


def altered(table: Table, campaign: Campaign, seq: int, **changes: object) -> None:
    item = entry_item(table, campaign, seq)
    table.write(Put({**item, "body": json.dumps({**json.loads(item["body"]), **changes})}))


def rewritten(table: Table, campaign: Campaign) -> None:
    entry = value_of(entry_item(table, campaign, 3), AuditEntry).model_copy(update={"actor": "somebody else"})
    wire = {name: value for name, value in entry.to_wire().items() if name != "hash"}
    altered(table, campaign, 3, actor=entry.actor, hash=content_hash(wire))


def removed(table: Table, campaign: Campaign, seq: int) -> None:
    table.write(Delete(keys.audit(TENANT, campaign.id, seq)))


def swapped(table: Table, campaign: Campaign, one: int, other: int) -> None:
    first, second = entry_item(table, campaign, one), entry_item(table, campaign, other)
    table.write(Put({**first, "body": second["body"]}), Put({**second, "body": first["body"]}))


def cut_with_its_head(table: Table, campaign: Campaign) -> None:
    head = table.get(keys.audit_head(TENANT, campaign.id))
    assert head is not None
    table.write(Put({**head, "seq": 4, "hash": "0" * 64}), Delete(keys.audit(TENANT, campaign.id, 5)))


@pytest.mark.parametrize(
    ("tamper", "broken"),
    [
        (lambda table, campaign: altered(table, campaign, 3, reason="another reason"), 3),
        (lambda table, campaign: altered(table, campaign, 3, actor="somebody else"), 3),
        (lambda table, campaign: altered(table, campaign, 3, hash="0" * 64), 3),
        (lambda table, campaign: altered(table, campaign, 1, previous="1" * 64), 1),
        (lambda table, campaign: altered(table, campaign, 2, tenantId="rival"), 2),
        (lambda table, campaign: removed(table, campaign, 3), 3),
        (lambda table, campaign: removed(table, campaign, 1), 1),
        (lambda table, campaign: removed(table, campaign, 5), 5),
        (lambda table, campaign: swapped(table, campaign, 2, 4), 2),
        (rewritten, 4),
        (cut_with_its_head, 4),
        (lambda table, campaign: table.write(Delete(keys.audit_head(TENANT, campaign.id))), 1),
    ],
    ids=[
        "a reason", "an actor", "a hash", "a genesis", "a tenant", "one in between removed", "the first removed",
        "the last removed", "two swapped", "one rewritten with a hash that fits", "the end and the head",
        "the head removed",
    ],
)  # fmt: skip
def test_tampering_is_found_where_it_happened(
    store: Store, campaign: Campaign, tamper: Callable[[Table, Campaign], None], broken: int
) -> None:
    tamper(store.table, campaign)

    found = store.audit.verify(TENANT, campaign.id)

    assert found is not None
    assert found.seq == broken
