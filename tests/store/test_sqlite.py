"""SQLite: what was acknowledged survives kill -9, and a busy or full disk is an answer, not a crash."""

from __future__ import annotations

import gc
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from campaigns.errors import StoreUnavailableError
from campaigns.store.tables.sqlite import SQLiteTable
from campaigns.store.tables.table import ABSENT, Key, Put

KILLS = 10

WRITER = """
import sys
from campaigns.store.tables.sqlite import SQLiteTable
from campaigns.store.tables.table import ABSENT, Put
table = SQLiteTable(sys.argv[1])
for number in range(10**9):
    name = f"{sys.argv[2]}-{number:09d}"
    table.write(Put({"pk": "p", "sk": f"{name}-1", "text": "x" * 2000}, ABSENT), Put({"pk": "p", "sk": f"{name}-2"}))
    print(name, flush=True)
"""

FILLING_THE_DISK = """
import resource, sys
from campaigns.errors import StoreUnavailableError
from campaigns.store.tables.sqlite import SQLiteTable
from campaigns.store.tables.table import Put
table = SQLiteTable(sys.argv[1])
table.write(Put({"pk": "p", "sk": "first"}))
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, resource.RLIM_INFINITY))
for number in range(1000):
    try:
        large, small = {"pk": "p", "sk": f"{number:04d}-1", "text": "x" * 5000}, {"pk": "p", "sk": f"{number:04d}-2"}
        table.write(Put(large), Put(small))
    except StoreUnavailableError:
        print("full", flush=True)
        break
    print(f"{number:04d}", flush=True)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
table.write(Put({"pk": "p", "sk": "last"}))
print("goes on", flush=True)
"""

FORKING = """
import os, sys
from campaigns.store.tables.sqlite import SQLiteTable
from campaigns.store.tables.table import Put
table = SQLiteTable(sys.argv[1])
table.write(Put({"pk": "p", "sk": "parent"}))
of_parent = table._open()
child = os.fork()
if child == 0:
    assert table._open() is not of_parent
    table.write(Put({"pk": "p", "sk": "child"}))
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
table.write(Put({"pk": "p", "sk": "parent again"}))
print([item["sk"] for item in table.query("p")])
"""

COUNTING = """
import sys
from campaigns.store.tables.sqlite import SQLiteTable
from campaigns.store.tables.table import ConditionFailed, Equals, Key, Put
table = SQLiteTable(sys.argv[1])
sys.stdin.readline()
for _ in range(50):
    while True:
        item = table.get(Key("p", "s"))
        try:
            table.write(Put({**item, "count": item["count"] + 1}, Equals({"count": item["count"]})))
            break
        except ConditionFailed:
            pass
print("done")
"""

RACING = """
import sys
from campaigns.store.tables.sqlite import SQLiteTable
from campaigns.store.tables.table import ABSENT, ConditionFailed, Put
sys.stdin.readline()
try:
    SQLiteTable(sys.argv[1]).write(Put({"pk": "p", "sk": "s", "by": sys.argv[2]}, ABSENT))
    print("won")
except ConditionFailed:
    print("lost")
"""


def healthy(path: Path) -> bool:
    connection = sqlite3.connect(path)
    try:
        return connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    finally:
        connection.close()


def test_what_was_acknowledged_survives_kill_9_and_nothing_is_half_written(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    acknowledged: set[str] = set()
    for kill in range(KILLS):
        command = [sys.executable, "-c", WRITER, str(path), f"run{kill}"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            for _ in range(20 + 7 * kill):
                acknowledged.add(writer.stdout.readline().strip())
            writer.kill()
            acknowledged.update(line.strip() for line in writer.stdout if line.endswith("\n"))

        names = [item["sk"] for item in SQLiteTable(path).query("p")]

        assert {f"{name}-1" for name in acknowledged} <= set(names)
        first, second = ({name[:-2] for name in names if name.endswith(end)} for end in ("-1", "-2"))
        assert first == second
    assert len(acknowledged) >= 20 * KILLS
    assert healthy(path)


def test_a_store_that_another_process_keeps_locked_is_unavailable_and_then_works(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    table = SQLiteTable(path, patience=0.05)
    table.write(Put({"pk": "p", "sk": "1"}))
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    with pytest.raises(StoreUnavailableError, match="locked") as refused:
        table.write(Put({"pk": "p", "sk": "2"}))
    assert refused.value.retryable
    assert [item["sk"] for item in table.query("p")] == ["1"]

    other.execute("ROLLBACK")
    other.close()
    table.write(Put({"pk": "p", "sk": "2"}, ABSENT))
    assert [item["sk"] for item in table.query("p")] == ["1", "2"]


def test_a_writer_of_this_process_that_holds_on_too_long_is_not_waited_for(tmp_path: Path) -> None:
    table = SQLiteTable(tmp_path / "store.db", patience=0.05)
    inside, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with table._transaction():
            inside.set()
            leave.wait(timeout=30)

    holder = threading.Thread(target=hold)
    holder.start()
    inside.wait(timeout=30)
    with pytest.raises(StoreUnavailableError, match="busy"):
        table.write(Put({"pk": "p", "sk": "s"}))
    leave.set()
    holder.join()

    table.write(Put({"pk": "p", "sk": "s"}))


def test_a_full_disk_is_unavailable_loses_nothing_acknowledged_and_heals(tmp_path: Path) -> None:
    path = tmp_path / "store.db"

    done = subprocess.run(
        [sys.executable, "-c", FILLING_THE_DISK, str(path)], capture_output=True, text=True, check=True
    )

    *acknowledged, full, on = done.stdout.split("\n")[:-1]
    assert (full, on) == ("full", "goes on")
    assert len(acknowledged) >= 5
    names = {item["sk"] for item in SQLiteTable(path).query("p")}
    assert names == {"first", "last"} | {f"{name}-{half}" for name in acknowledged for half in (1, 2)}
    assert healthy(path)


def test_a_file_that_cannot_be_opened_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "store.db").mkdir()

    with pytest.raises(StoreUnavailableError):
        SQLiteTable(tmp_path / "store.db", patience=0.05).get(Key("p", "s"))


def test_a_forked_child_has_a_connection_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "store.db"

    done = subprocess.run([sys.executable, "-c", FORKING, str(path)], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "['child', 'parent', 'parent again']"
    assert healthy(path)


def together(program: str, path: Path, count: int) -> list[str]:
    """Let processes run a program at the same moment and return what each printed."""
    running = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(path), str(number)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for number in range(count)
    ]  # fmt: skip
    for process in running:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    return [process.communicate(timeout=60)[0].strip() for process in running]


def test_processes_that_open_a_new_store_together_all_get_in_and_one_wins(tmp_path: Path) -> None:
    results = together(RACING, tmp_path / "store.db", 6)

    assert sorted(results) == ["lost"] * 5 + ["won"]
    stored = SQLiteTable(tmp_path / "store.db").get(Key("p", "s"))
    assert stored is not None
    assert stored["by"] == str(results.index("won"))


def test_processes_that_write_together_wait_for_each_other_and_lose_no_count(tmp_path: Path) -> None:
    table = SQLiteTable(tmp_path / "store.db")
    table.write(Put({"pk": "p", "sk": "s", "count": 0}))

    assert together(COUNTING, tmp_path / "store.db", 4) == ["done"] * 4

    assert table.get(Key("p", "s")) == {"pk": "p", "sk": "s", "count": 200}


def test_a_write_that_breaks_in_the_middle_leaves_nothing(tmp_path: Path) -> None:
    table = SQLiteTable(tmp_path / "store.db")

    with pytest.raises(TypeError):
        table.write(Put({"pk": "p", "sk": "1"}), Put({"pk": "p", "sk": "2", "not json": object()}))

    table.write(Put({"pk": "p", "sk": "3"}))
    assert [item["sk"] for item in table.query("p")] == ["3"]


LEFT_OPEN = """
import json, sys
from campaigns.store.tables import sqlite
from campaigns.store.tables.table import Key
table = sqlite.SQLiteTable(sys.argv[1])
table.get(Key("p", "s"))
json.left_open = sqlite, table  # the names of the module go first, then what is still held here
"""


def test_a_connection_that_outlives_the_modules_is_closed_silently(tmp_path: Path) -> None:
    command = [sys.executable, "-c", LEFT_OPEN, str(tmp_path / "store.db")]

    ended = subprocess.run(command, capture_output=True, text=True, check=True)

    assert ended.stderr == ""


def test_connections_of_ended_threads_are_closed(tmp_path: Path) -> None:
    table = SQLiteTable(tmp_path / "store.db")

    def connections() -> set[sqlite3.Connection]:
        gc.collect()
        return {thing for thing in gc.get_objects() if isinstance(thing, sqlite3.Connection)}

    table.get(Key("p", "s"))
    before = connections()  # other tests' ones too, which may go in the meantime
    for _ in range(20):
        thread = threading.Thread(target=table.get, args=(Key("p", "s"),))
        thread.start()
        thread.join()

    assert connections() - before == set()


def test_a_commit_is_on_the_disk_and_readers_do_not_wait_for_writers(tmp_path: Path) -> None:
    table = SQLiteTable(tmp_path / "store.db")

    database = table._open()

    assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert database.execute("PRAGMA synchronous").fetchone() == (2,)


@pytest.mark.parametrize("before", ["nothing", "a file that others may read"])
def test_only_its_owner_reads_the_store_also_in_a_folder_that_exists(tmp_path: Path, before: str) -> None:
    path = tmp_path / "store.db"
    tmp_path.chmod(0o755)
    if before != "nothing":
        path.touch()
        path.chmod(0o644)

    table = SQLiteTable(path)
    table.write(Put({"pk": "p", "sk": "first"}))

    files = sorted(tmp_path.glob("store.db*"))
    assert [file.name for file in files] == ["store.db", "store.db-shm", "store.db-wal"]
    assert {oct(file.stat().st_mode & 0o777) for file in files} == {"0o600"}
