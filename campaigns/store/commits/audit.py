"""The audit trail of a campaign: append-only, every entry chained to the one before by its hash."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from campaigns.model.approval import AuditEntry
from campaigns.model.base import content_hash, derived_id
from campaigns.model.fact import Fact
from campaigns.store.items import keys
from campaigns.store.items.cursors import cursor_of, place_of
from campaigns.store.items.documents import Page, item_of, value_of
from campaigns.store.tables.table import ABSENT, Item, Operation, Put, Repository

_NUMBER: Final = re.compile(r"[1-9][0-9]{0,8}", re.ASCII)
GENESIS: Final = "0" * 64
"""`previous` of a first entry."""


@dataclass(frozen=True, slots=True)
class BrokenLink:
    """Where a trail stops being what was written: the number of the entry, and what is wrong with it."""

    seq: int
    reason: str


class AuditRepository(Repository):
    """Reads the trail. Entries are written by the transaction of what they record (`transaction.commit`)."""

    def entries(
        self, tenant_id: str, campaign_id: str, *, limit: int | None = None, after: int = 0
    ) -> list[AuditEntry]:
        """Return the entries in order; `after` is the number of the entry to go on from."""
        start = keys.audit(tenant_id, campaign_id, after)
        items = self._table.query(start.pk, keys.AUDIT, limit=limit, after=start.sk)
        return [value_of(item, AuditEntry) for item in items]

    def page(self, tenant_id: str, campaign_id: str, *, limit: int, cursor: str | None = None) -> Page[AuditEntry]:
        """Return a page of the entries in order.

        Raises:
            FaultsError: the cursor is not one of this trail.
        """
        listing = ("audit", keys.campaign_partition(tenant_id, campaign_id))
        after = int(place_of(listing, cursor, _NUMBER)[0]) if cursor is not None else 0
        entries = self.entries(tenant_id, campaign_id, limit=limit + 1, after=after)
        found = entries[:limit]
        return Page(found, cursor_of(listing, (str(found[-1].seq),)) if len(entries) > limit else None)

    def verify(self, tenant_id: str, campaign_id: str) -> BrokenLink | None:
        """Return the first entry that is missing, altered, out of order or cut off; None: the trail is whole."""
        # The head first: entries added while we read only make the trail longer than the head says.
        head = self._table.get(keys.audit_head(tenant_id, campaign_id))
        entries = self.entries(tenant_id, campaign_id)
        previous = GENESIS
        for number, entry in enumerate(entries, start=1):
            if entry.seq != number:
                return BrokenLink(number, "missing")
            if (entry.tenant_id, entry.campaign_id) != (tenant_id, campaign_id):
                return BrokenLink(number, "of another campaign")
            if entry.previous != previous:
                return BrokenLink(number, "not chained to the entry before")
            if entry.hash != _hash(entry):
                return BrokenLink(number, "altered")
            if head is not None and head["seq"] == number and head["hash"] != entry.hash:
                return BrokenLink(number, "not the entry the head names")
            previous = entry.hash
        if head is None:
            return BrokenLink(1, "no head") if entries else None
        if head["seq"] > len(entries):
            return BrokenLink(len(entries) + 1, "missing")
        return None


def append_operations(
    tenant_id: str, campaign_id: str, head: Item | None, facts: Sequence[Fact], story: str | None = None
) -> list[Operation]:
    """Return what writes the facts as the next entries after `head`, which remembers the story's correlation id.

    An entry is written only where none is, so the write fails if another writer was there first.
    """
    if not facts:
        return []
    seq, previous = (head["seq"], head["hash"]) if head else (0, GENESIS)
    operations: list[Operation] = []
    for fact in facts:
        seq += 1
        entry = _entry(tenant_id, campaign_id, seq, previous, fact)
        operations.append(Put(item_of(keys.audit(tenant_id, campaign_id, seq), "audit", entry), ABSENT))
        previous = entry.hash
    key = keys.audit_head(tenant_id, campaign_id)
    moved: Item = {**key._asdict(), "kind": "audit-head", "seq": seq, "hash": previous}
    if story is not None:
        moved["correlation"] = story
    return [*operations, Put(moved)]


def _entry(tenant_id: str, campaign_id: str, seq: int, previous: str, fact: Fact) -> AuditEntry:
    entry = AuditEntry(
        id=derived_id("audit", tenant_id, campaign_id, seq),
        tenant_id=tenant_id,
        campaign_id=campaign_id,
        seq=seq,
        at=fact.at,
        actor=fact.actor,
        action=fact.action,
        from_status=fact.from_status,
        to_status=fact.to_status,
        reason=fact.reason,
        round=fact.round,
        details=dict(fact.details),
        previous=previous,
        hash="",
    )
    # Hash what will be read back, not what was given: JSON keeps neither tuples nor nulls.
    entry = AuditEntry.model_validate_json(entry.model_dump_json(by_alias=True, exclude_none=True))
    return entry.model_copy(update={"hash": _hash(entry)})


def _hash(entry: AuditEntry) -> str:
    return content_hash({name: value for name, value in entry.to_wire().items() if name != "hash"})
