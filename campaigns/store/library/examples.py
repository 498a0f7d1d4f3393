"""Writing examples: what a persona wrote before, at most 50 pieces, whose words go at once when deleted."""

from datetime import datetime, timedelta
from typing import Final

from campaigns.errors import ConflictError, LimitReachedError
from campaigns.model.library.persona import MAX_EXAMPLES, WritingExample
from campaigns.store.commits.transaction import contended
from campaigns.store.items import keys
from campaigns.store.items.documents import item_of, value_of
from campaigns.store.library.personas import PersonaRepository
from campaigns.store.library.shared import live, replace
from campaigns.store.tables.table import ABSENT, Check, Equals, Item, Put, Table

KEPT_AFTER_DELETION: Final = timedelta(days=7)


class ExampleRepository:
    """What a persona wrote, at most 50 pieces."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._personas = PersonaRepository(table)

    @contended
    def add(self, example: WritingExample) -> WritingExample:
        """Write a new example.

        Raises:
            NotFoundError: the persona is unknown or deleted.
            ConflictError: the persona is not active.
            LimitReachedError: it has `MAX_EXAMPLES` already.
        """
        tenant_id, persona_id = example.tenant_id, example.persona_id
        stored = self._table.get(keys.example(tenant_id, persona_id, example.id))
        if stored is not None:
            if value_of(stored, WritingExample) != example:
                raise ConflictError("this example id is taken")
            return example
        if not self._personas.get(tenant_id, persona_id).is_active:
            raise ConflictError("the persona is not active")
        count, counting = self._counted(tenant_id, persona_id, 1)
        if count > MAX_EXAMPLES:
            raise LimitReachedError("examples of this persona", MAX_EXAMPLES)
        active = Check(keys.persona(tenant_id, persona_id), Equals({"active": 1}))
        self._table.write(Put(_item(example), ABSENT), active, counting)
        return example

    def get(self, tenant_id: str, persona_id: str, example_id: str) -> WritingExample:
        found = self._table.get(keys.example(tenant_id, persona_id, example_id))
        return live(found, WritingExample, "example", example_id)

    def list(self, tenant_id: str, persona_id: str, *, limit: int = MAX_EXAMPLES) -> list[WritingExample]:
        """Return the newest examples first.

        Raises:
            NotFoundError: the persona is unknown or deleted.
        """
        self._personas.get(tenant_id, persona_id)
        items = self._table.query(keys.persona(tenant_id, persona_id).pk, keys.EXAMPLES)
        found = [value_of(item, WritingExample) for item in items if not item["deleted"]]
        return sorted(found, key=lambda example: (example.created_at, example.id), reverse=True)[:limit]

    def update(self, example: WritingExample, *, expect_version: int) -> WritingExample:
        """Replace the example and return it with its new version.

        Raises:
            VersionConflictError: `expect_version` is not the stored version.
        """
        changed = example.model_copy(update={"version": expect_version + 1})
        return replace(self._table, changed, _item(changed))

    @contended
    def delete(self, tenant_id: str, persona_id: str, example_id: str, *, at: datetime) -> None:
        """Remove the words at once; the row is purged after 7 days."""
        example = self.get(tenant_id, persona_id, example_id)
        gone = example.model_copy(update={"text": "", "notes": None, "deleted_at": at, "version": example.version + 1})
        _, counting = self._counted(tenant_id, persona_id, -1)
        unchanged = Equals({"version": example.version, "deleted": 0})
        self._table.write(Put(_item(gone), unchanged), counting)

    def _counted(self, tenant_id: str, persona_id: str, step: int) -> tuple[int, Put]:
        """Return the number of examples after a step, and the write that makes it so."""
        key = keys.example_count(tenant_id, persona_id)
        item = self._table.get(key)
        count = (item["count"] if item else 0) + step
        counted: Item = {**key._asdict(), "kind": "example-count", "count": count}
        return count, Put(counted, Equals({"count": item["count"]}) if item else ABSENT)


def _item(example: WritingExample) -> Item:
    key = keys.example(example.tenant_id, example.persona_id, example.id)
    place = {}
    if example.deleted_at is not None:
        place = keys.purged_after(example.deleted_at + KEPT_AFTER_DELETION, key)
    return item_of(
        key, "example", example, version=example.version, deleted=int(example.deleted_at is not None), **place
    )
