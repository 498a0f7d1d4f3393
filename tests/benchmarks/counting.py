"""A table that counts what DynamoDB would ask to be paid for: units of reading and writing, by its published rules.

A write costs a unit for each KiB begun, twice that in a transaction of several; a reading half a unit for each 4 KiB,
twice that when it is as of now. An index that holds keys costs a unit when an item enters or leaves its place there.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from math import ceil
from typing import Any, Final

from campaigns.store.tables.table import (
    INDEXES,
    Check,
    ConditionFailed,
    Delete,
    Index,
    Item,
    Key,
    Operation,
    Position,
    Put,
    Table,
    item_bytes,
)

DOLLARS_A_MILLION_WRITTEN: Final = 0.625
DOLLARS_A_MILLION_READ: Final = 0.125
"""On demand, us-east-1, since November 2024 (aws.amazon.com/dynamodb/pricing/on-demand)."""
_KEYS_ONLY_BYTES: Final = 400  # the keys of table and index, and 100 bytes of the index itself


class CountingTable:
    """`Table` on another one.

    Attributes:
        counts: requests by kind, units read, units written on the table and its indexes.
        spent: the same units written, by the kind of item: in how many writes, on the table, on its indexes.
    """

    def __init__(self, table: Table) -> None:
        self._table = table
        self.counts: Counter[str] = Counter()
        self.spent: dict[str, Counter[str]] = defaultdict(Counter)

    def get(self, key: Key) -> Item | None:
        found = self._table.get(key)
        self._read("get", [found] if found else [], now=True)
        return found

    def get_many(self, keys: Sequence[Key]) -> dict[Key, Item]:
        found = self._table.get_many(keys)
        self.counts["get_many"] += ceil(len(keys) / 100)
        self.counts["read units"] += sum(ceil(item_bytes(found[key]) / 4096) if key in found else 1 for key in keys)
        return found

    def query(self, pk: str, prefix: str = "", **more: Any) -> list[Item]:
        found = self._table.query(pk, prefix, **more)
        self._read("query", found, now=True)
        return found

    def query_index(self, index: Index, pk: str, **more: Any) -> list[Item]:
        found = self._table.query_index(index, pk, **more)
        self.counts["read units"] += max(1, ceil(len(found) * _KEYS_ONLY_BYTES / 4096)) / 2  # type: ignore[assignment]
        self.counts["read units"] += sum(ceil(item_bytes(item) / 4096) for item in found)
        self.counts["query_index"] += 1
        return found

    def positions(self, index: Index, pk: str, **more: Any) -> list[Position]:
        found = self._table.positions(index, pk, **more)
        self.counts["read units"] += max(1, ceil(len(found) * _KEYS_ONLY_BYTES / 4096)) / 2  # type: ignore[assignment]
        self.counts["positions"] += 1
        return found

    def write(self, *operations: Operation) -> None:
        before = {op.key: self._table.get(op.key) for op in operations}
        kind = "puts" if len(operations) == 1 and isinstance(operations[0], Put) else "transactions"
        times = 1 if kind == "puts" else 2
        self.counts[kind] += 1
        for op in operations:
            units = times * _units(op, before[op.key])
            self.counts["written units"] += units
            self.spent[_kind(op, before[op.key])].update(writes=1, units=units)
        try:
            self._table.write(*operations)
        except ConditionFailed:
            self.counts["refused"] += 1
            raise
        for op in operations:
            if isinstance(op, Put | Delete):
                units = _index_units(before[op.key], op.item if isinstance(op, Put) else None)
                self.counts["index units"] += units
                self.spent[_kind(op, before[op.key])]["index"] += units

    def delete(self, keys: Sequence[Key]) -> None:
        self.counts["deleted"] += len(keys)
        self.counts["written units"] += len(keys)
        for key in keys:
            before = self._table.get(key)
            index = _index_units(before, None)
            self.counts["index units"] += index
            self.spent[before["kind"] if before else "absent"].update(writes=1, units=1, index=index)
        self._table.delete(keys)

    def _read(self, kind: str, found: list[Item], *, now: bool) -> None:
        self.counts[kind] += 1
        units = max(1, ceil(sum(map(item_bytes, found)) / 4096))
        self.counts["read units"] += units if now else units / 2  # type: ignore[assignment]

    @property
    def units(self) -> int:
        """Units written so far, on the table and its indexes."""
        return self.counts["written units"] + self.counts["index units"]

    def bill(self) -> str:
        """Return where the written units went, a line for each kind of item, the dearest first."""
        rows = [(kind, each["writes"], each["units"], each["index"]) for kind, each in self.spent.items()]
        rows.sort(key=lambda row: -(row[2] + row[3]))
        total = ("in all", *(sum(row[column] for row in rows) for column in (1, 2, 3)))
        lines = [f"{kind:<16}{writes:>8}{units:>8}{index:>8}" for kind, writes, units, index in [*rows, total]]
        return "\n".join([f"{'item':<16}{'writes':>8}{'units':>8}{'index':>8}", *lines])

    @property
    def calls(self) -> int:
        """Requests to the table so far."""
        return sum(
            self.counts[kind]
            for kind in ("get", "get_many", "query", "query_index", "positions", "puts", "transactions")
        )

    @property
    def dollars(self) -> float:
        read = self.counts["read units"]
        return (self.units * DOLLARS_A_MILLION_WRITTEN + read * DOLLARS_A_MILLION_READ) / 1e6


def _kind(operation: Operation, before: Item | None) -> str:
    """Return the kind of item that is written, or for a condition alone that it is one."""
    if isinstance(operation, Check):
        return f"check {before['kind']}" if before else "check absent"
    return str(operation.item["kind"] if isinstance(operation, Put) else before["kind"] if before else "absent")


def _units(operation: Operation, before: Item | None) -> int:
    sizes = [item_bytes(before) if before else 0, item_bytes(operation.item) if isinstance(operation, Put) else 0]
    return max(1, ceil(max(sizes) / 1024))


def _index_units(before: Item | None, after: Item | None) -> int:
    places = [
        [(item or {}).get(f"{index}_{part}") for part in ("pk", "sk")] for index in INDEXES for item in (before, after)
    ]
    return sum(
        (old[0] is not None) + (new[0] is not None)
        for old, new in zip(places[::2], places[1::2], strict=True)
        if old != new
    )
