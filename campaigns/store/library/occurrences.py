"""Occurrences: a template comes once in each period; the first request wins."""

import builtins
from dataclasses import dataclass
from datetime import datetime

from campaigns.errors import VersionConflictError
from campaigns.model.library.template import Occurrence, OccurrenceStatus
from campaigns.store.items import keys
from campaigns.store.items.documents import Page, item_of, read_page, readable, value_of
from campaigns.store.items.due import positions, read_items
from campaigns.store.tables.table import ABSENT, ConditionFailed, Equals, Item, Put, Repository


@dataclass(frozen=True, slots=True)
class LastClaim:
    """The occurrence of a template that was claimed last; `version` counts the claims."""

    period: str
    n: int
    version: int


class OccurrenceRepository(Repository):
    """Occurrences by template and period. Each change is conditional: of two who claim one, one hears no."""

    def find(self, tenant_id: str, template_id: str, period: str, n: int = 1) -> Occurrence | None:
        """Return what became of a period, as of now; None: nothing yet."""
        item = self._table.get(keys.occurrence(tenant_id, template_id, period, n))
        return value_of(item, Occurrence) if item else None

    def claimed_last(self, tenant_id: str, template_id: str) -> LastClaim | None:
        """Return which occurrence of a template was claimed last, as of now; None: none was."""
        item = self._table.get(keys.occurrence_claimed_last(tenant_id, template_id))
        return LastClaim(item["period"], item["n"], item["version"]) if item else None

    def claim(self, occurrence: Occurrence, *, before: Occurrence | None, last: LastClaim | None) -> Occurrence:
        """Write a claim as `put` does, unless another of the template was claimed since `last` was.

        Raises:
            VersionConflictError: somebody else wrote it, or claimed another.
        """
        place = keys.occurrence_claimed_last(occurrence.tenant_id, occurrence.template_id)
        claimed: Item = {
            **place._asdict(),
            "kind": "occurrence-claimed-last",
            "period": occurrence.period,
            "n": occurrence.n,
            "version": last.version + 1 if last else 1,
        }
        return self._put(occurrence, before, Put(claimed, Equals({"version": last.version}) if last else ABSENT))

    def put(self, occurrence: Occurrence, *, before: Occurrence | None) -> Occurrence:
        """Write an occurrence over what was read before, None: over nothing; return it with its new version.

        Raises:
            VersionConflictError: somebody else wrote it since.
        """
        return self._put(occurrence, before)

    def _put(self, occurrence: Occurrence, before: Occurrence | None, *beside: Put) -> Occurrence:
        changed = occurrence.model_copy(update={"version": before.version + 1 if before else 1})
        condition = Equals({"version": before.version}) if before else ABSENT
        try:
            self._table.write(Put(_item(changed), condition), *beside)
        except ConditionFailed as failed:
            raise VersionConflictError("the occurrence was claimed by somebody else") from failed
        return changed

    def list(self, tenant_id: str, template_id: str, *, limit: int = 50, cursor: str | None = None) -> Page[Occurrence]:
        """Return the occurrences of a template, the latest due first; a new one may take a moment to appear."""
        return read_page(
            self._table,
            "list",
            keys.occurrences_partition(tenant_id, template_id),
            limit=limit,
            cursor=cursor,
            reverse=True,
            read=lambda item: value_of(item, Occurrence),
        )

    def queued(self, *, now: datetime) -> builtins.list[Occurrence]:
        """Return all occurrences, of all tenants, that wait for the one before them, the longest waiting first."""
        found = positions(self._table, keys.QUEUED_OCCURRENCES, high=keys.until(now))
        return readable(read_items(self._table, builtins.list(found)), Occurrence)


def _item(occurrence: Occurrence) -> Item:
    key = keys.occurrence(occurrence.tenant_id, occurrence.template_id, occurrence.period, occurrence.n)
    listed = keys.occurrences_partition(occurrence.tenant_id, occurrence.template_id)
    place = keys.indexed("list", listed, occurrence.scheduled_at, occurrence.id)
    if occurrence.status is OccurrenceStatus.QUEUED:
        place |= keys.indexed("due", keys.QUEUED_OCCURRENCES, occurrence.updated_at, occurrence.id)
    return item_of(key, "occurrence", occurrence, version=occurrence.version, **place)
