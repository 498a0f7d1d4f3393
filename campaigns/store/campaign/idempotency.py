"""Idempotency records: the answer to a request with a key, given again to its repetitions."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from campaigns.errors import IdempotencyMismatchError
from campaigns.store.items import keys
from campaigns.store.tables.table import ABSENT, Condition, Equals, Item, Put, Repository, wrote


@dataclass(frozen=True, slots=True)
class IdempotencyRecord:
    """What was asked under a key (`fingerprint`: a hash of the request), what was answered, until when it is kept."""

    key: str
    fingerprint: str
    answer: Mapping[str, Any]
    expires_at: datetime
    campaign_id: str | None = None


class IdempotencyRepository(Repository):
    """Records by tenant and key."""

    def get(self, tenant_id: str, key: str, *, now: datetime) -> IdempotencyRecord | None:
        """Return the record, or None when there is none or its time is over."""
        item = self._table.get(keys.idempotency(tenant_id, key))
        if item is None or item["expires_at"] <= keys.instant(now):
            return None
        return _record(key, item)

    def put(self, tenant_id: str, record: IdempotencyRecord, *, now: datetime) -> IdempotencyRecord:
        """Keep the record and return it, or the one that was there first for the same request.

        Raises:
            IdempotencyMismatchError: the key was used with another request.
        """
        while True:
            found = self.get(tenant_id, record.key, now=now)
            if found is not None:
                if found.fingerprint != record.fingerprint:
                    raise IdempotencyMismatchError("this idempotency key was used with another request")
                return found
            unused = self.unused(tenant_id, record.key, now=now)
            if wrote(self._table, Put(idempotency_item(tenant_id, record), unused)):
                return record

    def unused(self, tenant_id: str, key: str, *, now: datetime) -> Condition:
        """Return the condition for writing a record: none is there, or still the same one whose time is over."""
        item = self._table.get(keys.idempotency(tenant_id, key))
        if item is None or item["expires_at"] > keys.instant(now):
            return ABSENT
        return Equals({"expires_at": item["expires_at"]})


def idempotency_item(tenant_id: str, record: IdempotencyRecord, *, campaign_id: str | None = None) -> Item:
    key = keys.idempotency(tenant_id, record.key)
    return {
        **key._asdict(),
        "kind": "idempotency",
        "fingerprint": record.fingerprint,
        "answer": json.dumps(record.answer, ensure_ascii=False, allow_nan=False),
        "expires_at": keys.instant(record.expires_at),
        "campaign_id": campaign_id or record.campaign_id or "",
        **keys.purged_after(record.expires_at, key),
    }


def _record(key: str, item: Item) -> IdempotencyRecord:
    return IdempotencyRecord(
        key,
        item["fingerprint"],
        json.loads(item["answer"]),
        datetime.fromisoformat(item["expires_at"]),
        item["campaign_id"] or None,
    )
