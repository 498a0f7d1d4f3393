"""One table of flat items: what the store asks of a database, and what both implementations promise.

An item is a dict of `pk`, `sk` and attributes that are text or whole numbers; documents travel as JSON
text in `body`. An index is sparse: an item stands in index `x` while it has `x_pk` and `x_sk`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple, Protocol, TypedDict, Unpack

from campaigns.errors import ItemTooLargeError

Item = dict[str, Any]
Index = Literal["list", "status", "brand", "due"]
INDEXES: Final[tuple[Index, ...]] = ("list", "status", "brand", "due")

# DynamoDB's quotas, kept by every implementation so that what works on one works on all
# (Amazon DynamoDB Developer Guide, "Service, account, and table quotas").
MAX_ITEM_BYTES: Final = 400 * 1024
MAX_OPERATIONS: Final = 100
MAX_WRITE_BYTES: Final = 4 * 1024 * 1024
# What a table may write beside an item, to know its own write again.
_MARK_BYTES: Final = 64


class Key(NamedTuple):
    """Where an item lies."""

    pk: str
    sk: str


class Position(NamedTuple):
    """Where a listing by index stopped: the index sort key, then the item's own key."""

    index_sk: str
    pk: str
    sk: str


class Stretch(TypedDict, total=False):
    """Which part of an index partition is listed: sort keys from `low` to `high`, both among them, after a position."""

    low: str | None
    high: str | None
    after: Position | None
    limit: int | None
    reverse: bool


@dataclass(frozen=True, slots=True)
class Absent:
    """There is no item at this key."""


@dataclass(frozen=True, slots=True)
class Equals:
    """There is an item, and these attributes have these values."""

    attributes: Mapping[str, str | int] = field(default_factory=dict)


Condition = Absent | Equals
ABSENT: Final = Absent()


@dataclass(frozen=True, slots=True)
class Put:
    """Write the whole item."""

    item: Item
    condition: Condition | None = None

    @property
    def key(self) -> Key:
        return key_of(self.item)


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove the item; an absent one is no error without a condition."""

    key: Key
    condition: Condition | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """Write nothing; the whole write fails unless the condition holds."""

    key: Key
    condition: Condition


Operation = Put | Delete | Check


class ConditionFailed(Exception):  # an answer of the table, not a fault: repositories turn it into one
    """Nothing was written. `failures` holds the position of each failed condition and the item found there."""

    def __init__(self, failures: Mapping[int, Item | None]) -> None:
        super().__init__(failures)
        self.failures = dict(failures)

    def __str__(self) -> str:
        return f"conditions failed at {sorted(self.failures)}"


class Table(Protocol):
    """A database of items. Every method raises `StoreUnavailableError` when it cannot answer."""

    def get(self, key: Key) -> Item | None:
        """Return the item as of now (strongly consistent)."""

    def get_many(self, keys: Sequence[Key]) -> dict[Key, Item]:
        """Return the items that are there, each as of now; not all of one moment."""

    def query(
        self, pk: str, prefix: str = "", *, limit: int | None = None, after: str = "", reverse: bool = False
    ) -> list[Item]:
        """Return the items of a partition by sort key, as of now.

        `after` is the sort key to go on from; it begins with `prefix`, whether an item lies there or not.
        """

    def query_index(self, index: Index, pk: str, **part: Unpack[Stretch]) -> list[Item]:
        """Return the items of an index partition by index sort key; may lag a little."""

    def positions(self, index: Index, pk: str, **part: Unpack[Stretch]) -> list[Position]:
        """Return where the items of an index partition lie, as `query_index` would list them."""

    def write(self, *operations: Operation) -> None:
        """Do all operations or none, on distinct keys; an answer that got lost on the way counts as ours.

        Raises:
            ConditionFailed: a condition does not hold.
            ItemTooLargeError: an item, or all of them together, above the bounds.
            ValueError: no or too many operations, or a key named twice.
        """

    def delete(self, keys: Sequence[Key]) -> None:
        """Remove any number of items, not atomically; absent ones are no error."""


def key_of(item: Item) -> Key:
    return Key(item["pk"], item["sk"])


def position_of(item: Item, index: Index) -> Position:
    """Return where a listing by this index goes on after the item."""
    return Position(item[f"{index}_sk"], item["pk"], item["sk"])


def item_bytes(item: Item) -> int:
    """Return an upper bound of the size as DynamoDB counts it: names and values in UTF-8."""
    return _MARK_BYTES + sum(len(name.encode()) + len(str(value).encode()) for name, value in item.items())


class Repository:
    """One subject in a table: what its classes are made with."""

    def __init__(self, table: Table) -> None:
        self._table = table


def wrote(table: Table, *operations: Operation) -> bool:
    """Write, and return whether every condition held; otherwise nothing was written."""
    try:
        table.write(*operations)
    except ConditionFailed:
        return False
    return True


def check_bounds(operations: Sequence[Operation]) -> None:
    """Refuse what no implementation could write; called before the first byte is sent.

    Raises:
        ItemTooLargeError, ValueError: see `Table.write`.
    """
    if not 1 <= len(operations) <= MAX_OPERATIONS:
        raise ValueError(f"a write takes 1 to {MAX_OPERATIONS} operations, not {len(operations)}")
    if len({operation.key for operation in operations}) != len(operations):
        raise ValueError("a write names a key twice")
    total = 0
    for operation in operations:
        if isinstance(operation, Put):
            size = item_bytes(operation.item)
            if size > MAX_ITEM_BYTES:
                raise ItemTooLargeError(operation.item.get("kind", "item"), size, MAX_ITEM_BYTES)
            total += size
    if total > MAX_WRITE_BYTES:
        raise ItemTooLargeError("write", total, MAX_WRITE_BYTES)


def holds(condition: Condition | None, found: Item | None) -> bool:
    """Say whether the condition holds for the item found (None: absent)."""
    match condition:
        case None:
            return True
        case Absent():
            return found is None
        case Equals(attributes):
            return found is not None and all(found.get(name) == value for name, value in attributes.items())
