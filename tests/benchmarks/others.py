"""What a campaign is measured beside: asyncio, a journal in SQLite with a commit on disk a call, and stock Prefect."""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
import time
from collections.abc import Callable
from math import ceil
from typing import Final

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.task_runners import ThreadPoolTaskRunner

AT_ONCE: Final = 5
"""Calls at a time, as `prefect.toml` has it."""
Figures = dict[str, float]


def asyncio_alone(posts: int, seconds: float) -> None:
    asyncio.run(_all(posts, seconds, lambda _: None))


def sqlite_journal(posts: int, seconds: float) -> None:
    with tempfile.TemporaryDirectory() as folder:
        journal = sqlite3.connect(f"{folder}/journal.db", isolation_level=None)
        journal.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE done (n, words)")
        asyncio.run(_all(posts, seconds, lambda n: journal.execute("INSERT INTO done VALUES (?, ?)", (n, "x" * 900))))
        journal.close()


async def _all(posts: int, seconds: float, keep: Callable[[int], object]) -> None:
    room = asyncio.Semaphore(AT_ONCE)

    async def one(number: int) -> None:
        async with room:
            await asyncio.sleep(seconds)
            keep(number)

    await asyncio.gather(*(one(number) for number in range(posts)))


@task(cache_policy=NO_CACHE)
def _call(seconds: float) -> str:
    time.sleep(seconds)
    return "x" * 900


@flow(task_runner=ThreadPoolTaskRunner(max_workers=AT_ONCE), log_prints=False)  # type: ignore[arg-type]
def stock_prefect(posts: int, seconds: float) -> None:
    """Call the model N times, as Prefect's documentation does it."""
    _call.map([seconds] * posts).wait()


def other(tell: Callable[[int, float], object], posts: int, seconds: float, served: Callable[[], float]) -> Figures:
    """Time one of the others; `served`: the CPU seconds of the server that it uses."""
    cpu, began = time.process_time() + served(), time.monotonic()
    tell(posts, seconds)
    wall = time.monotonic() - began
    ideal = ceil(posts / AT_ONCE) * seconds
    return {"wall/ideal": wall / ideal, "CPU ms/post": 1000 * (time.process_time() + served() - cpu) / posts}
