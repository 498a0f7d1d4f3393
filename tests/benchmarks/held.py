"""What a campaign costs that waits for its approvers: `python -m tests.benchmarks.held [--campaigns 100]`.

A real Prefect server and a real API process whose sweeper looks after all of them. The runs are executed
one after the other in this process, from the first line until they suspend, as a worker's processes do.
Nothing is gated on the figures but the promise: who waits holds no process and no thread.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sqlite3
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import psutil
from prefect.client.orchestration import get_client
from prefect.exceptions import Pause
from prefect.flow_engine import run_flow
from prefect.settings import (
    PREFECT_API_AUTH_STRING,
    PREFECT_API_URL,
    PREFECT_DEFAULT_RESULT_STORAGE_BLOCK,
    PREFECT_HOME,
    temporary_settings,
)
from prefect.states import Pending

from api.auth.identity import SCOPES, mint
from campaigns.keys.keyring import KeyRing
from campaigns.store import Store
from campaigns.store.tables.sqlite import SQLiteTable
from campaigns.wiring import get_store
from deployments.local.stack import LocalStack, seed
from flows.build_campaign import build_campaign
from tasks.upkeep.housekeeping import DUTIES
from tests.flows.conftest import sample_brief

TENANT = "fernwood"
WATCHED_SECONDS = 60


@contextmanager
def standing(home: Path) -> Iterator[LocalStack]:
    """A Prefect server and an API with the samples, and this process as their worker; no worker process."""
    stack = LocalStack(home)
    stack.logs.mkdir(parents=True, exist_ok=True)
    try:
        stack.start_server()
        stack.run("blocks", "-m", "deployments.engine.blocks")
        os.environ.update(stack.env)
        # Prefect has read the environment already, when it was imported.
        ours = {
            PREFECT_API_URL: stack.env["PREFECT_API_URL"],
            PREFECT_API_AUTH_STRING: stack.env["PREFECT_API_AUTH_STRING"],
            PREFECT_DEFAULT_RESULT_STORAGE_BLOCK: stack.env["PREFECT_DEFAULT_RESULT_STORAGE_BLOCK"],
            PREFECT_HOME: stack.env["PREFECT_HOME"],
        }
        with temporary_settings(ours):
            build_campaign.to_deployment(name="build-campaign").apply()
            stack.start_api()
            stack.wait_for(stack.is_api_up, "api", "the API")
            seed(stack.env, TENANT)
            yield stack
    finally:
        stack.stop()


def build_until_it_waits(stack: LocalStack, brief: dict[str, Any]) -> str:
    """Submit a brief and execute its run until it suspends; return the campaign id."""
    ring = KeyRing.parse(stack.env["CAMPAIGNS_API_KEYS"])
    token = mint(ring, tenant_id=TENANT, subject="bench", scopes=SCOPES, ttl=timedelta(hours=1), now=datetime.now(UTC))
    answer = httpx.post(
        f"{stack.api_url}/campaigns", json=brief, headers={"Authorization": f"Bearer {token}"}, timeout=60
    ).raise_for_status()
    run_id = UUID(answer.json()["executionId"])
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(run_id, Pending())
        run = client.read_flow_run(run_id)
    try:
        run_flow(build_campaign, flow_run=run, parameters=run.parameters, return_type="state")
    except Pause:
        return str(answer.json()["id"])
    raise AssertionError("the run did not suspend")


def store_size(home: Path) -> Counter[str]:
    with sqlite3.connect(home / "store.db") as database:
        rows, size = database.execute("SELECT COUNT(*), SUM(LENGTH(CAST(item AS BLOB))) FROM items").fetchone()
    files = [path for path in (home / "checkpoints").rglob("*") if path.is_file()]
    return Counter(
        {
            "store rows": rows,
            "store bytes": size,
            "checkpoint files": len(files),
            "checkpoint bytes": sum(path.stat().st_size for path in files),
        }
    )


def prefect_size(home: Path) -> Counter[str]:
    """Rows of every table of Prefect that grows, and the bytes of its database."""
    path = home / "prefect" / "prefect.db"
    with sqlite3.connect(path) as database:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        sizes = Counter({f"prefect {t}": database.execute(f'SELECT COUNT(*) FROM "{t}"').fetchone()[0] for t in tables})
        pages, page = (database.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size"))
    sizes["prefect bytes"] = pages * page
    return sizes


def cpu_seconds(stack: LocalStack) -> dict[str, float]:
    """CPU seconds so far of each part, its children included."""
    used = {}
    for name, child in stack.processes.items():
        top = psutil.Process(child.pid)
        times = [process.cpu_times() for process in (top, *top.children(recursive=True))]
        used[name] = sum(each.user + each.system for each in times)
    return used


def quiet_minute(stack: LocalStack) -> dict[str, float]:
    """Return the CPU seconds each part uses in a minute in which nobody does anything."""
    before = cpu_seconds(stack)
    time.sleep(WATCHED_SECONDS)
    return {name: round((used - before[name]) * 60 / WATCHED_SECONDS, 2) for name, used in cpu_seconds(stack).items()}


def round_of_housekeeping() -> dict[str, float]:
    """Return the milliseconds of each duty, and the CPU of all together."""
    took: dict[str, float] = {}
    cpu = time.process_time()
    for name, duty in DUTIES.items():
        began = time.perf_counter()
        duty(get_store(), datetime.now(UTC))
        took[name] = round(1000 * (time.perf_counter() - began), 1)
    took["CPU of all"] = round(1000 * (time.process_time() - cpu), 1)
    return took


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--campaigns", type=int, default=100)
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args(arguments)
    logging.getLogger("prefect").setLevel(logging.WARNING)
    with tempfile.TemporaryDirectory(prefix="waiting-") as home, standing(Path(home)) as stack:
        figures = measure(stack, Path(home), options.campaigns)
    text = json.dumps(figures, indent=2)
    print(text)
    if options.json:
        Path(options.json).write_text(text + "\n")
    kept = figures["processesHeld"] or figures["threadsHeld"]
    return 1 if kept else 0


def measure(stack: LocalStack, home: Path, count: int) -> dict[str, Any]:
    brief = sample_brief("conference-talks.json")
    first = build_until_it_waits(stack, brief)  # the first of a process opens clients, pools and caches
    print(f"first campaign {first} waits", flush=True)
    idle, one_round = quiet_minute(stack), round_of_housekeeping()
    threads, processes = threading.active_count(), len(stack.family())
    before = store_size(home) + prefect_size(home)
    began = time.monotonic()
    for n in range(count):
        build_until_it_waits(stack, {**brief, "name": f"{brief['name']} {n}"})
        if n % 10 == 9:
            print(f"{n + 1} wait, {(time.monotonic() - began) / (n + 1):.1f} s each", flush=True)
    grown = store_size(home) + prefect_size(home)
    grown.subtract(before)
    busy, full_round = quiet_minute(stack), round_of_housekeeping()
    return {
        "campaignsWaiting": count,
        "postsEach": len(_posts(home, first)),
        "processesHeld": len(stack.family()) - processes,
        "threadsHeld": max(0, threading.active_count() - threads),
        "perWaitingCampaign": {name: round(n / count, 1) for name, n in sorted(grown.items()) if n > 0.05 * count},
        "cpuSecondsInAMinute": {
            f"{name}, {n} waiting": used[name] for n, used in ((1, idle), (count + 1, busy)) for name in used
        },
        "housekeepingRoundMs": {"1 waiting": one_round, f"{count + 1} waiting": full_round},
    }


def _posts(home: Path, campaign_id: str) -> list[object]:
    return list(Store(SQLiteTable(home / "store.db")).posts.list(TENANT, campaign_id))


if __name__ == "__main__":
    sys.exit(main())
