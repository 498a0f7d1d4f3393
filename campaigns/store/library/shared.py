"""What brands, personas and templates have in common: listed as created, hidden when deleted, counted by tenant."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final, TypeVar

from campaigns.errors import ConflictError, NotFoundError, VersionConflictError
from campaigns.model.base import Wire
from campaigns.model.library.brand import Brand
from campaigns.model.library.persona import Persona, WritingExample
from campaigns.model.library.template import Template
from campaigns.store.commits.transaction import contended
from campaigns.store.items import keys
from campaigns.store.items.counts import one_less, one_more
from campaigns.store.items.documents import Page, item_of, read_page, value_of
from campaigns.store.tables.table import ABSENT, ConditionFailed, Delete, Equals, Item, Key, Put, Table, key_of

W = TypeVar("W", bound=Wire)
E = TypeVar("E", Brand, Persona, Template)
R = TypeVar("R", Brand, Persona, Template, WritingExample)

KEPT_AFTER_DELETION: Final = timedelta(days=30)


def live(item: Item | None, model: type[W], kind: str, identifier: str) -> W:
    """Return the value of an item that was looked up.

    Raises:
        NotFoundError: there is none, or it was deleted.
    """
    if item is None or item["deleted"]:
        raise NotFoundError(kind, identifier)
    return value_of(item, model)


def listed(table: Table, tenant_id: str, kind: str, model: type[W], *, limit: int, cursor: str | None) -> Page[W]:
    """Return what a tenant has of a kind, in the order it was created, which no update changes."""
    place = keys.list_partition(tenant_id, kind)
    return read_page(
        table, "list", place, limit=limit, cursor=cursor, reverse=False, read=lambda item: value_of(item, model)
    )


@contended
def add(table: Table, entity: E, item: Item, *, limit: int, named: Item | None = None, beside: Sequence[Put] = ()) -> E:
    """Write a new entity with the name that it reserves, counted, and return it; the same once more is no conflict.

    Raises:
        LimitReachedError: the tenant has `limit` of them.
        ConflictError: the tenant has one of this name (case and spaces aside), or the id is taken.
    """
    kind, place = item["kind"], keys.list_partition(entity.tenant_id, item["kind"])
    new = [Put(each, ABSENT) for each in (item, named) if each is not None]
    counting = one_more(
        table, keys.tenant_count(entity.tenant_id, kind), limit=limit, what=f"{kind}s",
        present=lambda: len(table.query_index("list", place)),
    )  # fmt: skip
    try:
        table.write(*new, counting, *beside)
    except ConditionFailed as failed:
        stored = failed.failures.get(0)
        if stored is not None and value_of(stored, type(entity)) == entity:
            return entity
        if min(failed.failures) >= len(new):
            raise  # somebody else was counted
        raise (ConflictError(f"this {kind} id is taken") if 0 in failed.failures else name_taken(kind)) from failed
    return entity


def replace(table: Table, changed: R, item: Item, *beside: Put, renamed: Sequence[Put | Delete] = ()) -> R:
    """Replace an entity by its next version, moving its reserved name along (`moved`), and return it.

    Raises:
        VersionConflictError: the version before is not the stored one.
        ConflictError: the new name is another one's.
    """
    before = Equals({"version": changed.version - 1, "deleted": 0})
    try:
        table.write(Put(item, before), *renamed, *beside)
    except ConditionFailed as failed:
        if renamed and set(failed.failures) == {1}:
            raise name_taken(item["kind"]) from failed
        raise not_replaced(item["kind"], changed.id, failed) from failed
    return changed


def moved(before: Item, after: Item) -> list[Put | Delete]:
    """Return what reserves a name in place of the one that the entity had."""
    return [Put(after, ABSENT), freed(before)] if key_of(before) != key_of(after) else []


def freed(name: Item) -> Delete:
    """Return what frees a name that an entity reserved, unless it is another one's meanwhile."""
    return Delete(key_of(name), Equals({key: value for key, value in name.items() if key not in Key._fields}))


def hide(
    table: Table, last: E, item: Callable[[E], Item], *name: Item, at: datetime, expect_version: int | None
) -> None:
    """Replace an entity by what is left of it, free its name, and count one less.

    Raises:
        VersionConflictError: `expect_version` is not the stored version.
        ConditionFailed: another writer was faster.
    """
    version = last.version if expect_version is None else expect_version
    left = item(last.model_copy(update={"deleted_at": at, "updated_at": at, "version": version + 1}))
    counting = one_less(table, keys.tenant_count(last.tenant_id, left["kind"]))
    try:
        table.write(Put(left, Equals({"version": version, "deleted": 0})), *map(freed, name), *counting)
    except ConditionFailed as failed:
        if expect_version is not None and 0 in failed.failures:
            raise not_replaced(left["kind"], last.id, failed) from failed
        raise


def name_taken(kind: str) -> ConflictError:
    return ConflictError(f"a {kind} of this name exists", {"field": "name"})


def not_replaced(kind: str, identifier: str, failed: ConditionFailed) -> NotFoundError | VersionConflictError:
    """Return why the first item of a write was not replaced: it is gone, or was changed since it was read."""
    found = failed.failures.get(0)
    if 0 in failed.failures and (found is None or found["deleted"]):
        return NotFoundError(kind, identifier)
    details = {"currentVersion": found["version"]} if found else {}
    return VersionConflictError(f"the {kind} was changed since it was read", details)


def library_item(kind: str, key: Key, entity: Brand | Persona | Template, **attributes: str | int) -> Item:
    """Return the item of an entity: in the list of its tenant, or waiting to be purged with what hangs on it."""
    if entity.deleted_at is None:
        place = keys.indexed("list", keys.list_partition(entity.tenant_id, kind), entity.created_at, entity.id)
    else:
        place = keys.purged_whole_after(entity.deleted_at + KEPT_AFTER_DELETION, key)
    deleted = int(entity.deleted_at is not None)
    return item_of(key, kind, entity, version=entity.version, deleted=deleted, **attributes, **place)
