"""Occurrences: a recurring campaign is made once for each date, whoever comes first."""

from __future__ import annotations

from datetime import datetime

from campaigns.store import keys
from campaigns.store.table import ABSENT, ConditionFailed, Item, Put, Table


class OccurrenceRepository:
    """Claims by tenant and key (such as series and date)."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def claim(self, tenant_id: str, key: str, campaign_id: str, *, at: datetime) -> str:
        """Claim the occurrence for a campaign and return the campaign that has it: this one, or who came first."""
        place = keys.occurrence(tenant_id, key)
        claim: Item = {**place._asdict(), "kind": "occurrence", "campaign_id": campaign_id, "at": keys.instant(at)}
        while True:
            try:
                self._table.write(Put(claim, ABSENT))
            except ConditionFailed as failed:
                found = failed.failures[0]
                if found is None:
                    continue
                holder: str = found["campaign_id"]
                return holder
            return campaign_id

    def holder(self, tenant_id: str, key: str) -> str | None:
        """Return the campaign of an occurrence, or None."""
        item = self._table.get(keys.occurrence(tenant_id, key))
        return item["campaign_id"] if item else None
