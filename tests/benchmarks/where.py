"""Where what a campaign takes goes: CPU by the parts of the stack, and what Prefect stores of it, by table."""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Final

import psutil

from deployments.local.stack import LocalStack

TABLES: Final = ("task_run", "task_run_state", "flow_run_state", "events", "event_resources", "artifact", "log")
PRAGMAS: Final = ("page_count", "freelist_count", "page_size")
FLOWS: Final = "flows"
_FORK_SERVER: Final = "deployments.warm.server"


def of_each_part(stack: LocalStack) -> Counter[str]:
    """Return the CPU seconds of each part so far; flow runs that ended stand with the worker, who waited for them."""
    names = {process.pid: name for name, process in stack.processes.items()}
    taken = Counter[str]()
    for process in stack.family():
        try:
            own, others = sum(process.cpu_times()[:2]), sum(process.cpu_times()[2:4])
            known = names.get(process.pid, "fork server" if _is_fork_server(process) else FLOWS)
        except psutil.NoSuchProcess:
            continue
        taken[known] += own
        taken[FLOWS] += others
    return taken


def _is_fork_server(process: psutil.Process) -> bool:
    return _FORK_SERVER in process.cmdline() and not process.name().startswith("flow ")


def rows(stack: LocalStack) -> Counter[str]:
    """Return how many rows each table of Prefect has that grows with what runs."""
    with closing(sqlite3.connect(f"file:{stack.home}/prefect/prefect.db?mode=ro", uri=True)) as database:
        # names of our own list
        return Counter({name: database.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in TABLES})


def bytes_used(path: Path) -> int:
    """Return the bytes of a database's pages in use, also of those that are not in its file yet."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        pages, free, size = (database.execute(f"PRAGMA {name}").fetchone()[0] for name in PRAGMAS)
    return int((pages - free) * size)
