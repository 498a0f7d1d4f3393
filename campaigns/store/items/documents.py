"""Values of the model as items of the table and back, and the pages of a listing."""

import logging
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, Generic, ParamSpec, TypeVar

from pydantic import ValidationError

from campaigns.errors import NewerReleaseError, NotFoundError
from campaigns.model.base import STORED, Wire
from campaigns.store.items.cursors import cursor_of, place_of
from campaigns.store.tables.table import Index, Item, Key, Position, Table, position_of

W = TypeVar("W", bound=Wire)
T = TypeVar("T")
P = ParamSpec("P")

log = logging.getLogger("campaigns.store")

# No longer than a sort key of DynamoDB may be.
_KEY: Final = re.compile(r"[\x21-\x7e]{1,512}")


def item_of(key: Key, kind: str, value: Wire, **attributes: str | int) -> Item:
    """Return the item of a value: the document in `body`, beside it what conditions and indexes need."""
    body = value.model_dump_json(by_alias=True, exclude_none=True)
    return {"pk": key.pk, "sk": key.sk, "kind": kind, "body": body, **attributes}


def value_of(item: Item, model: type[W]) -> W:
    """Return the value of an item.

    Raises:
        NewerReleaseError: it has fields that nobody knows here: to read it without them would lose them.
        ValidationError: it is damaged.
    """
    try:
        return model.model_validate_json(item["body"], context=STORED)
    except ValidationError as error:
        unknown = [each["loc"] for each in error.errors(include_input=False) if each["type"] == "extra_forbidden"]
        if not unknown:
            raise
        fields = tuple(sorted({".".join(map(str, loc)) for loc in unknown}))
        raise NewerReleaseError(item.get("kind", model.__name__), fields) from None


def if_there(read: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
    """Return what a repository reads; None: there is none, or it was deleted."""
    try:
        return read(*args, **kwargs)
    except NotFoundError:
        return None


def readable(items: Iterable[Item], model: type[W]) -> list[W]:
    """Return the values of items of many tenants; one that cannot be read is told of, and keeps no other from its turn.

    A damaged item, or one of a newer version while a deploy is half done.
    """
    values: list[W] = []
    for item in items:
        try:
            values.append(value_of(item, model))
        except (ValidationError, NewerReleaseError) as error:
            place = item["pk"], item["sk"]
            log.error("left out, cannot be read: pk %s, sk %s: %s", *place, _faults(error))  # noqa: TRY400 - a trace shows the item
    return values


def _faults(error: ValidationError | NewerReleaseError) -> str:
    if isinstance(error, NewerReleaseError):
        return ", ".join(error.fields)
    return ", ".join(sorted({".".join(map(str, fault["loc"])) or fault["type"] for fault in error.errors()}))


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A part of a listing; `cursor` leads to the next part, None: this was the last."""

    items: list[T]
    cursor: str | None = None


def read_page(
    table: Table,
    index: Index,
    pk: str,
    *,
    limit: int,
    cursor: str | None,
    reverse: bool,
    read: Callable[[Item], T | None],
    narrowed: str = "",
    low: str | None = None,
    high: str | None = None,
) -> Page[T]:
    """Return up to `limit` values of an index partition; `read` returns None for what is not wanted.

    Args:
        narrowed: names what `read` leaves out, when that differs between listings of one partition.
        low, high: the lowest and the highest index sort key of the listing; none: all of the partition.

    Raises:
        FaultsError: the cursor is not one of this listing (code `CURSOR_INVALID`).
    """
    found: list[tuple[T, Position]] = []
    listing = (index, pk, narrowed, *((low or "", high or "") if low or high else ()))
    after = Position(*place_of(listing, cursor, _KEY, _KEY, _KEY)) if cursor is not None else None
    while len(found) <= limit:
        items = table.query_index(index, pk, low=low, high=high, limit=limit + 1, after=after, reverse=reverse)
        for item in items:
            value = read(item)
            if value is not None:
                found.append((value, position_of(item, index)))
        if len(items) <= limit:
            break
        after = position_of(items[-1], index)
    more = len(found) > limit
    values = [value for value, _ in found[:limit]]
    return Page(values, cursor_of(listing, found[limit - 1][1]) if more else None)
