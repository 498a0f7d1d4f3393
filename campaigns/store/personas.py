"""Personas: changed by version, hidden on deletion, purged later."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from campaigns.errors import ConflictError, NotFoundError, VersionConflictError
from campaigns.model.persona import Persona
from campaigns.store import keys
from campaigns.store.campaigns import CampaignRepository
from campaigns.store.counts import MAX_PERSONAS, one_less, one_more
from campaigns.store.documents import Page, item_of, read_page, value_of
from campaigns.store.outbox import OutboxEntry, outbox_item
from campaigns.store.table import ABSENT, ConditionFailed, Equals, Item, Put, Table
from campaigns.store.transaction import attempts

KEPT_AFTER_DELETION: Final = timedelta(days=30)


class _CountedMeanwhile(Exception):  # it is tried again, and nobody else hears of it
    """Another persona was added or removed since they were counted."""


class PersonaRepository:
    """Personas by tenant. Unknown, foreign, malformed and deleted ids all answer `NotFoundError`."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._campaigns = CampaignRepository(table)

    def create(self, persona: Persona) -> Persona:
        """Write a new persona; one with this id that is there already is a `ConflictError`, unless it is the same."""
        listed = keys.list_partition(persona.tenant_id, "persona")
        for _ in attempts():
            counting = one_more(
                self._table,
                keys.tenant_count(persona.tenant_id, "persona"),
                limit=MAX_PERSONAS,
                what="personas",
                present=lambda: len(self._table.query_index("list", listed)),
            )
            try:
                self._table.write(Put(_item(persona), ABSENT), counting)
            except ConditionFailed as failed:
                if 0 not in failed.failures:
                    continue  # somebody else was counted
                found = failed.failures[0]
                if found is None or value_of(found, Persona) != persona:
                    raise ConflictError("this persona id is taken") from failed
            break
        return persona

    def get(self, tenant_id: str, persona_id: str) -> Persona:
        item = self._table.get(keys.persona(tenant_id, persona_id))
        if item is None or item["deleted"]:
            raise NotFoundError("persona", persona_id)
        return value_of(item, Persona)

    def list(self, tenant_id: str, *, limit: int = 50, cursor: str | None = None) -> Page[Persona]:
        """Return personas in the order they were created, which no update changes."""
        return read_page(
            self._table,
            "list",
            keys.list_partition(tenant_id, "persona"),
            limit=limit,
            cursor=cursor,
            reverse=False,
            read=lambda item: value_of(item, Persona),
        )

    def update(self, persona: Persona, *, expect_version: int, outbox: Sequence[OutboxEntry] = ()) -> Persona:
        """Replace the persona and return it with its new version.

        `outbox`: what follows from the change, or ends with it; written as it is, in the same transaction.

        Raises:
            VersionConflictError: `expect_version` is not the stored version.
        """
        return self._replace(persona, expect_version, outbox)

    def delete(self, tenant_id: str, persona_id: str, *, at: datetime, expect_version: int | None = None) -> None:
        """Hide the persona; it is purged with its examples after 30 days.

        Raises:
            ConflictError: a campaign that may still go on uses it; `details` names the campaigns.
            VersionConflictError: `expect_version` is not the stored version.
        """
        if used := self._campaigns.live_using(tenant_id, persona_id=persona_id):
            raise ConflictError("a campaign that may still go on uses this persona", {"campaigns": used})
        for _ in attempts():
            persona = self.get(tenant_id, persona_id)
            gone = persona.model_copy(update={"is_active": False, "deleted_at": at, "updated_at": at})
            try:
                counting = one_less(self._table, keys.tenant_count(tenant_id, "persona"))
                self._replace(gone, persona.version if expect_version is None else expect_version, counting=counting)
            except _CountedMeanwhile:
                continue
            except VersionConflictError:
                if expect_version is not None:
                    raise
                continue
            return

    def _replace(
        self,
        persona: Persona,
        expect_version: int,
        outbox: Sequence[OutboxEntry] = (),
        counting: Sequence[Put] = (),
    ) -> Persona:
        changed = persona.model_copy(update={"version": expect_version + 1})
        unchanged = Equals({"version": expect_version, "deleted": 0})
        try:
            self._table.write(Put(_item(changed), unchanged), *(Put(outbox_item(entry)) for entry in outbox), *counting)
        except ConditionFailed as failed:
            if 0 not in failed.failures:
                raise _CountedMeanwhile from failed
            found = failed.failures[0]
            if found is None or found["deleted"]:
                raise NotFoundError("persona", persona.id) from failed
            raise VersionConflictError(
                "the persona was changed since it was read", {"currentVersion": found["version"]}
            ) from failed
        return changed


def _item(persona: Persona) -> Item:
    key = keys.persona(persona.tenant_id, persona.id)
    if persona.deleted_at is None:
        place = keys.indexed("list", keys.list_partition(persona.tenant_id, "persona"), persona.created_at, persona.id)
    else:
        place = keys.purged_whole_after(persona.deleted_at + KEPT_AFTER_DELETION, key)
    deleted = persona.deleted_at is not None
    active = int(persona.is_active and not deleted)
    return item_of(key, "persona", persona, version=persona.version, deleted=int(deleted), active=active, **place)
