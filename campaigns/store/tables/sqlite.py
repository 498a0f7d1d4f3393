"""The table in one SQLite file: the embedded default. A real database, which survives kill -9."""

import json
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, Unpack

from campaigns.errors import StoreUnavailableError
from campaigns.store.tables.table import (
    INDEXES,
    ConditionFailed,
    Delete,
    Index,
    Item,
    Key,
    Operation,
    Position,
    Put,
    Stretch,
    check_bounds,
    holds,
)

_COLUMNS: Final = ("pk", "sk", *(f"{index}_{part}" for index in INDEXES for part in ("pk", "sk")), "item")
_SCHEMA: Final = [
    f"CREATE TABLE IF NOT EXISTS items ({', '.join(f'{name} TEXT' for name in _COLUMNS)}, PRIMARY KEY (pk, sk))",
    *(
        f"CREATE INDEX IF NOT EXISTS by_{index} ON items ({index}_pk, {index}_sk, pk, sk) WHERE {index}_pk IS NOT NULL"
        for index in INDEXES
    ),
]
_PUT: Final = f"INSERT OR REPLACE INTO items ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})"  # noqa: S608  # names are constants of this file
_GET: Final = "SELECT item FROM items WHERE pk = ? AND sk = ?"
_DELETE: Final = "DELETE FROM items WHERE pk = ? AND sk = ?"


class _Connection:
    """A connection that is closed when its thread ends."""

    def __init__(self, path: Path, patience: float) -> None:
        self.process = os.getpid()
        # Used by one thread only; the check is off because the garbage collector may close it from another.
        self.database = sqlite3.connect(path, timeout=patience, isolation_level=None, check_same_thread=False)

    # Bound here: when the interpreter ends, the names of this module may be gone before the last connection is.
    def __del__(self, process: Callable[[], int] = os.getpid) -> None:
        if hasattr(self, "database") and self.process == process():
            self.database.close()


class SQLiteTable:
    """`Table` on a SQLite file; safe to share between threads and processes of one machine.

    `patience` is how many seconds a caller waits for another's write before `StoreUnavailableError`.
    Not for network drives: write-ahead logging needs shared memory (sqlite.org/wal.html).
    """

    def __init__(self, path: Path | str, *, patience: float = 30.0) -> None:
        self._path = Path(path)
        self._patience = patience
        self._local = threading.local()
        # Waiting writers of this process queue here: SQLite's own waiting polls, and is not fair.
        self._writing = threading.Lock()

    def get(self, key: Key) -> Item | None:
        return _item(self._select(_GET, key))

    def get_many(self, keys: Sequence[Key]) -> dict[Key, Item]:
        return {key: item for key in keys if (item := self.get(key)) is not None}

    def query(
        self, pk: str, prefix: str = "", *, limit: int | None = None, after: str = "", reverse: bool = False
    ) -> list[Item]:
        where, values = "pk = ?", [pk]
        if prefix:
            # Prefixes end in ASCII, so the texts that start with one lie between it and its successor.
            where, values = f"{where} AND sk >= ? AND sk < ?", [*values, prefix, prefix[:-1] + chr(ord(prefix[-1]) + 1)]
        if after:
            where, values = f"{where} AND sk {'<' if reverse else '>'} ?", [*values, after]
        order = "sk DESC" if reverse else "sk"
        rows = self._select(f"SELECT item FROM items WHERE {where} ORDER BY {order} LIMIT ?", (*values, _cap(limit)))  # noqa: S608  # only constants are pasted
        return [json.loads(row[0]) for row in rows]

    def query_index(self, index: Index, pk: str, **part: Unpack[Stretch]) -> list[Item]:
        return [json.loads(row[0]) for row in self._in_index("item", index, pk, part)]

    def positions(self, index: Index, pk: str, **part: Unpack[Stretch]) -> list[Position]:
        return [Position(*row) for row in self._in_index(f"{index}_sk, pk, sk", index, pk, part)]

    def write(self, *operations: Operation) -> None:
        check_bounds(operations)
        with self._transaction() as database:
            failures: dict[int, Item | None] = {}
            for position, operation in enumerate(operations):
                if operation.condition is None:
                    continue
                found = _item(database.execute(_GET, operation.key).fetchall())
                if not holds(operation.condition, found):
                    failures[position] = found
            if failures:
                raise ConditionFailed(failures)
            for operation in operations:
                if isinstance(operation, Put):
                    database.execute(_PUT, _row(operation.item))
                elif isinstance(operation, Delete):
                    database.execute(_DELETE, operation.key)

    def delete(self, keys: Sequence[Key]) -> None:
        if keys:
            with self._transaction() as database:
                database.executemany(_DELETE, keys)

    def _in_index(self, columns: str, index: Index, pk: str, part: Stretch) -> list[tuple[str, ...]]:
        """Return these columns of a part of an index partition, by index sort key."""
        way, beyond = ("DESC", "<") if part.get("reverse") else ("ASC", ">")
        where, values = f"{index}_pk = ?", [pk]
        if (low := part.get("low")) is not None:
            where, values = f"{where} AND {index}_sk >= ?", [*values, low]
        if (high := part.get("high")) is not None:
            where, values = f"{where} AND {index}_sk <= ?", [*values, high]
        if (after := part.get("after")) is not None:
            where, values = f"{where} AND ({index}_sk, pk, sk) {beyond} (?, ?, ?)", [*values, *after]
        return self._select(
            f"SELECT {columns} FROM items WHERE {where} ORDER BY {index}_sk {way}, pk {way}, sk {way} LIMIT ?",  # noqa: S608  # only constants are pasted
            (*values, _cap(part.get("limit"))),
        )

    def _select(self, statement: str, values: Sequence[str | int]) -> list[tuple[str, ...]]:
        with _translated():
            return self._open().execute(statement, values).fetchall()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        if not self._writing.acquire(timeout=self._patience):
            raise StoreUnavailableError("the store is busy")
        try:
            with _translated():
                database = self._open()
                # IMMEDIATE: take the write lock before the first read, or two readers could both pass a condition.
                database.execute("BEGIN IMMEDIATE")
                try:
                    yield database
                    database.execute("COMMIT")
                except BaseException:
                    if database.in_transaction:
                        database.execute("ROLLBACK")
                    raise
        finally:
            self._writing.release()

    def _open(self) -> sqlite3.Connection:
        """Return this thread's connection; a forked child never uses its parent's (sqlite.org/howtocorrupt.html)."""
        held: _Connection | None = getattr(self._local, "held", None)
        if held is None or held.process != os.getpid():
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            _keep_to_owner(self._path)
            held = _Connection(self._path, self._patience)
            _prepare(held.database, self._patience)
            self._local.held = held
        return held.database


def _keep_to_owner(path: Path) -> None:
    """Make the file readable by its owner only; SQLite gives its log and shared memory the same mode."""
    with suppress(OSError):  # whatever it is, SQLite says it better when it opens the file
        # Only a file that is not there is opened: closing one would end the locks that this process has on it.
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        for file in (path, path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")):
            if file.exists() and file.stat().st_mode & 0o077:
                file.chmod(0o600)


def _prepare(database: sqlite3.Connection, patience: float) -> None:
    # The switch to WAL answers "locked" at once when several processes open a new file together.
    end = time.monotonic() + patience
    while True:
        try:
            database.execute("PRAGMA journal_mode = WAL")
            break
        except sqlite3.OperationalError:
            if time.monotonic() > end:
                raise
            time.sleep(0.02)
    # FULL: a commit is on the disk before it is acknowledged, power cut included.
    database.execute("PRAGMA synchronous = FULL")
    for statement in _SCHEMA:
        database.execute(statement)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:  # locked for too long, disk full, I/O error
        raise StoreUnavailableError(f"the store did not answer: {error}") from error


def _item(rows: Sequence[tuple[str, ...]]) -> Item | None:
    return json.loads(rows[0][0]) if rows else None


def _row(item: Item) -> list[Any]:
    return [*(item.get(name) for name in _COLUMNS[:-1]), json.dumps(item, ensure_ascii=False, separators=(",", ":"))]


def _cap(limit: int | None) -> int:
    return -1 if limit is None else limit
