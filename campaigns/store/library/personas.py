"""Personas: changed by version, hidden on deletion, purged later."""

from collections.abc import Sequence
from datetime import datetime

from campaigns.errors import ConflictError
from campaigns.model.library.persona import Persona
from campaigns.store.campaign.campaigns import CampaignRepository
from campaigns.store.commits.outbox import OutboxEntry, outbox_item
from campaigns.store.commits.transaction import contended
from campaigns.store.items import keys
from campaigns.store.items.counts import MAX_PERSONAS
from campaigns.store.items.documents import Page
from campaigns.store.library.shared import add, hide, library_item, listed, live, replace
from campaigns.store.tables.table import Item, Put, Table


class PersonaRepository:
    """Personas by tenant. Unknown, foreign, malformed and deleted ids all answer `NotFoundError`."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._campaigns = CampaignRepository(table)

    def create(self, persona: Persona) -> Persona:
        """Write a new persona; one with this id that is there already is a `ConflictError`, unless it is the same."""
        return add(self._table, persona, _item(persona), limit=MAX_PERSONAS)

    def get(self, tenant_id: str, persona_id: str) -> Persona:
        return live(self._table.get(keys.persona(tenant_id, persona_id)), Persona, "persona", persona_id)

    def list(self, tenant_id: str, *, limit: int = 50, cursor: str | None = None) -> Page[Persona]:
        """Return personas in the order they were created, which no update changes."""
        return listed(self._table, tenant_id, "persona", Persona, limit=limit, cursor=cursor)

    def update(self, persona: Persona, *, expect_version: int, outbox: Sequence[OutboxEntry] = ()) -> Persona:
        """Replace the persona and return it with its new version.

        `outbox`: what follows from the change, or ends with it; written as it is, in the same transaction.

        Raises:
            VersionConflictError: `expect_version` is not the stored version.
        """
        changed = persona.model_copy(update={"version": expect_version + 1})
        return replace(self._table, changed, _item(changed), *(Put(outbox_item(entry)) for entry in outbox))

    @contended
    def delete(self, tenant_id: str, persona_id: str, *, at: datetime, expect_version: int | None = None) -> None:
        """Hide the persona; it is purged with its examples after 30 days.

        Raises:
            ConflictError: a campaign that may still go on uses it; `details` names the campaigns.
            VersionConflictError: `expect_version` is not the stored version.
        """
        if used := self._campaigns.live_using(tenant_id, persona_id=persona_id):
            raise ConflictError("a campaign that may still go on uses this persona", {"campaigns": used})
        last = self.get(tenant_id, persona_id).model_copy(update={"is_active": False})
        hide(self._table, last, _item, at=at, expect_version=expect_version)


def _item(persona: Persona) -> Item:
    active = int(persona.is_active and persona.deleted_at is None)
    return library_item("persona", keys.persona(persona.tenant_id, persona.id), persona, active=active)
