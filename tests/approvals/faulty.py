"""A table that fails on purpose: down, answer lost, killed; and that lets somebody in between read and write."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Literal, Unpack

from hypothesis import strategies as st

from campaigns.errors import StoreUnavailableError
from campaigns.store.tables.table import ConditionFailed, Index, Item, Key, Operation, Position, Stretch, Table

Fault = Literal["down", "lost", "killed before", "killed after"]
FAULTS: tuple[Fault, ...] = ("down", "lost", "killed before", "killed after")
Trouble = tuple[Fault, int, bool]
TROUBLE: st.SearchStrategy[Trouble | None] = (
    st.none()
    | st.tuples(st.sampled_from(FAULTS), st.integers(0, 2), st.just(True))
    | st.tuples(st.sampled_from(FAULTS), st.integers(0, 12), st.just(False))
)
"""What happens to an act: nothing, or a fault at one of its writes, or at one of its accesses of any kind."""


class Killed(BaseException):
    """The process is gone: nothing of ours runs any more, `except Exception` neither."""


class FaultyTable:
    """A real table whose next accesses go wrong as told. `faults` counts those that did."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self.pending: Fault | None = None
        self.skip = 0
        self.only_writes = False
        self.between: Callable[[], None] | None = None
        self.writes = 0
        self.faults: Counter[str] = Counter()

    def fail(self, fault: Fault, *, after: int = 0, only_writes: bool = False) -> None:
        """Make an access (or a write) fail: the next one, or the one after so many."""
        self.pending, self.skip, self.only_writes = fault, after, only_writes

    def trouble(self, trouble: Trouble | None) -> None:
        """Make an access fail as the machines wish; None: go on as before."""
        if trouble is not None:
            fault, after, only_writes = trouble
            self.fail(fault, after=after, only_writes=only_writes)

    def heal(self) -> None:
        self.pending = self.between = None

    def get(self, key: Key) -> Item | None:
        self._before_read()
        return self._table.get(key)

    def get_many(self, keys: Sequence[Key]) -> dict[Key, Item]:
        self._before_read()
        return self._table.get_many(keys)

    def query(
        self, pk: str, prefix: str = "", *, limit: int | None = None, after: str = "", reverse: bool = False
    ) -> list[Item]:
        self._before_read()
        return self._table.query(pk, prefix, limit=limit, after=after, reverse=reverse)

    def query_index(self, index: Index, pk: str, **part: Unpack[Stretch]) -> list[Item]:
        self._before_read()
        return self._table.query_index(index, pk, **part)

    def positions(self, index: Index, pk: str, **part: Unpack[Stretch]) -> list[Position]:
        self._before_read()
        return self._table.positions(index, pk, **part)

    def write(self, *operations: Operation) -> None:
        if self.between is not None:
            meanwhile, self.between = self.between, None
            meanwhile()
        fault = self._due()
        if fault == "down":
            raise StoreUnavailableError("down")
        if fault == "killed before":
            raise Killed
        try:
            self._table.write(*operations)
            self.writes += 1
        except ConditionFailed:
            if fault is None:
                raise  # else the refusal is lost on the way, as an agreement would be
        if fault == "lost":
            raise StoreUnavailableError("the answer was lost")
        if fault == "killed after":
            raise Killed

    def delete(self, keys: Sequence[Key]) -> None:
        self._table.delete(keys)
        self.writes += 1

    def _before_read(self) -> None:
        fault = None if self.only_writes else self._due()
        if fault in {"down", "lost"}:
            raise StoreUnavailableError("down")
        if fault is not None:
            raise Killed

    def _due(self) -> Fault | None:
        if self.pending is None:
            return None
        if self.skip > 0:
            self.skip -= 1
            return None
        fault, self.pending = self.pending, None
        self.faults[fault] += 1
        return fault
