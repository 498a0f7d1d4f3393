"""How quick the API is on this machine: `python -m tests.benchmarks.api`. Prints figures; nothing is gated on them.

    start     POST /campaigns, 20 a second, each sent on its beat whatever became of the one before
    decide    POST /campaigns/{id}/approve, 8 connections, one decision each, as fast as they go

A real API process on SQLite, with a real Prefect server beside it unless --no-prefect; the client runs on
the same machine and takes its share of it. Decisions are sent by wrk when it is installed (Debian: wrk).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from api.schemas.examples import BRIEF
from campaigns.build.submission import Submission, submit
from campaigns.keys.keyring import KeyRing
from campaigns.keys.links import LinkSigner
from campaigns.model.base import new_id
from campaigns.model.campaign import Move
from campaigns.model.post import Post, PostContent
from campaigns.model.terms.approval_terms import Approver
from campaigns.model.vocabulary import CampaignStatus, PostStatus
from campaigns.store import Store
from campaigns.store.tables.sqlite import SQLiteTable
from deployments.local.stack import LocalStack
from tests.api.check import TENANT, served, token_of

LUA = """
local work = {}
for line in io.lines("%s") do table.insert(work, line) end
local at = 0
request = function()
  at = at + 1
  if at > #work then wrk.thread:stop(); at = #work end
  local path, token, body = work[at]:match("^(%%S+) (%%S+) (.*)$")
  return wrk.format("POST", path, {["Authorization"]="Bearer "..token, ["Content-Type"]="application/json"}, body)
end
done = function(summary, latency, requests)
  io.write(string.format('{"requests":%%d,"errors":%%d,"p50":%%f,"p99":%%f,"max":%%f}\\n',
    summary.requests,
    summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.timeout,
    latency:percentile(50)/1000, latency:percentile(99)/1000, latency.max/1000))
end
"""


@dataclass(frozen=True)
class Served:
    """A running API, its settings and its store."""

    url: str
    env: Mapping[str, str]
    store: Store


@contextmanager
def with_prefect(home: Path) -> Iterator[Served]:
    """The API with a real Prefect server, and no worker: runs are made and wait."""
    stack = LocalStack(home, extra_env={"CAMPAIGNS_START_PATIENCE_SECONDS": "1", **_no_limits()})
    try:
        stack.logs.mkdir(parents=True)
        stack.start_server()
        stack.start_api()
        _run(stack.env, "-m", "prefect", "work-pool", "create", "campaigns", "--type", "process")
        _run(stack.env, "-m", "prefect", "--no-prompt", "deploy", "--all")
        stack.wait_for(stack.is_api_up, "api", "the API")
        yield Served(stack.api_url, stack.env, Store(SQLiteTable(home / "store.db")))
    finally:
        stack.stop()


@contextmanager
def without_prefect(home: Path) -> Iterator[Served]:
    with served(home) as (url, env):
        yield Served(url, env, Store(SQLiteTable(home / "store.db")))


def _no_limits() -> dict[str, str]:
    bounds = ("REQUESTS_PER_MINUTE", "REQUESTS_BURST", "TENANT_BACKLOG", "BACKLOG")
    return {f"CAMPAIGNS_{name}": "100000" for name in bounds}


def _run(env: Mapping[str, str], *arguments: str) -> None:
    subprocess.run([sys.executable, *arguments], env=dict(env), check=True, capture_output=True)


# --- start --------------------------------------------------------------------------------------------


async def start(served_: Served, *, rate: float, seconds: float) -> dict[str, Any]:
    """Send briefs on a beat and return what was measured."""
    headers = {"Authorization": f"Bearer {token_of(served_.env)}"}
    taken: list[float] = []
    statuses: Counter[int] = Counter()
    named = 0

    async with httpx.AsyncClient(base_url=served_.url, headers=headers, timeout=60) as client:

        async def one(number: int, begin: float) -> None:
            nonlocal named
            await asyncio.sleep(max(0.0, begin + number / rate - time.perf_counter()))
            due = begin + number / rate
            answer = await client.post("/campaigns", json={**BRIEF, "name": f"number {number}"})
            # From its beat, not from when we got round to it: a client that waits is waiting time too.
            taken.append((time.perf_counter() - due) * 1000)
            statuses[answer.status_code] += 1
            named += "executionId" in answer.json()

        for warm in range(5):
            await client.post("/campaigns", json={**BRIEF, "name": f"warm {warm}"})
        begin = time.perf_counter() + 0.1
        await asyncio.gather(*(one(number, begin) for number in range(int(rate * seconds))))
    return {"rate": rate, "requests": len(taken), "statuses": dict(statuses), "with run": named, **_figures(taken)}


def _figures(milliseconds: list[float]) -> dict[str, float]:
    cuts = statistics.quantiles(milliseconds, n=100, method="inclusive")
    return {"p50": round(cuts[49], 1), "p99": round(cuts[98], 1), "max": round(max(milliseconds), 1)}


# --- decide -------------------------------------------------------------------------------------------


def asked(served_: Served, count: int) -> list[tuple[str, str, str]]:
    """Store campaigns that wait for one approver each; return path, token and body of each decision."""
    store, now = served_.store, datetime.now(UTC)
    signer = LinkSigner(KeyRing.parse(served_.env["CAMPAIGNS_APPROVAL_KEYS"]))
    work = []
    for number in range(count):
        campaign = submit(
            store, {**BRIEF, "name": f"decide {number}"}, Submission(TENANT, new_id("campaign"), "bench"), now=now
        ).campaign
        store.posts.put_planned([_post(campaign.id, campaign.participants.persona_ids[0], now)])
        store.campaigns.move(TENANT, campaign.id, Move(CampaignStatus.GENERATING, "bench", "plan stored", now))
        from campaigns.approval.opening import open_round

        approver = Approver(name="Ana", email="ana@fernwood.example")
        round_ = open_round(store, TENANT, campaign.id, 1, default_approver=approver, now=now)
        link = signer.sign(round_, round_.approvers[0], now=now)
        body = json.dumps({"decision": "approved", "callbackId": round_.callback_id})
        work.append((f"/campaigns/{campaign.id}/approve", link.token, body))
    return work


def _post(campaign_id: str, persona_id: str, now: datetime) -> Post:
    return Post(
        id=new_id("post"),
        tenant_id=TENANT,
        campaign_id=campaign_id,
        number=1,
        persona_id=persona_id,
        platform="linkedin",
        scheduled_at=now + timedelta(days=30),
        topic="A topic",
        intent="announce",
        content=PostContent(text="The first bags arrive in the second week.", generated_at=now),
        status=PostStatus.COMPLETED,
        created_at=now,
        updated_at=now,
    )


def decide_with_wrk(served_: Served, work: list[tuple[str, str, str]], home: Path) -> dict[str, Any]:
    lines, script = home / "work.txt", home / "decide.lua"
    lines.write_text("\n".join(" ".join(each) for each in work) + "\n")
    script.write_text(LUA % lines)
    done = subprocess.run(
        ["wrk", "-t1", "-c8", "-d60s", "--timeout", "30s", "-s", str(script), served_.url],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    found = json.loads(next(line for line in done.stdout.splitlines() if line.startswith("{")))
    return {
        "client": "wrk", "requests": found["requests"], "errors": found["errors"],
        "a second": rate_of(served_, work),  # wrk counts its whole two minutes
        "p50": round(found["p50"], 1), "p99": round(found["p99"], 1), "max": round(found["max"], 1),
    }  # fmt: skip


async def decide_with_asyncio(served_: Served, work: list[tuple[str, str, str]]) -> dict[str, Any]:
    waiting = list(reversed(work))
    taken: list[float] = []
    statuses: Counter[int] = Counter()

    async with httpx.AsyncClient(base_url=served_.url, timeout=60) as client:

        async def worker() -> None:
            while waiting:
                path, token, body = waiting.pop()
                headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
                begin = time.perf_counter()
                answer = await client.post(path, content=body, headers=headers)
                taken.append((time.perf_counter() - begin) * 1000)
                statuses[answer.status_code] += 1

        begin = time.perf_counter()
        await asyncio.gather(*(worker() for _ in range(8)))
        seconds = time.perf_counter() - begin
    return {
        "client": "asyncio", "requests": len(taken), "statuses": dict(statuses),
        "a second": round(len(taken) / seconds, 1), **_figures(taken),
    }  # fmt: skip


def rate_of(served_: Served, work: list[tuple[str, str, str]]) -> float:
    """Return how many decisions a second were recorded, by the times in the store."""
    ids = [path.split("/")[2] for path, _, _ in work]
    times = sorted(said.at for id_ in ids for said in served_.store.approvals.decisions(TENANT, id_, 1))
    return round((len(times) - 1) / (times[-1] - times[0]).total_seconds(), 1)


def decided(served_: Served, work: list[tuple[str, str, str]]) -> int:
    """Return how many decisions are really in the store."""
    ids = [path.split("/")[2] for path, _, _ in work]
    return sum(len(served_.store.approvals.decisions(TENANT, campaign_id, 1)) for campaign_id in ids)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.api", description=__doc__.split("\n")[0])
    parser.add_argument("--rate", type=float, default=20)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--decisions", type=int, default=600)
    parser.add_argument("--no-prefect", action="store_true")
    parser.add_argument("--no-wrk", action="store_true")
    options = parser.parse_args()
    opened = without_prefect if options.no_prefect else with_prefect
    load = os.getloadavg()
    print(f"{os.cpu_count()} cores, load {load[0]:.1f}; Prefect {'away' if options.no_prefect else 'beside'}")
    with tempfile.TemporaryDirectory() as folder, opened(Path(folder)) as served_:
        _run(served_.env, "-m", "deployments.commands.seed", "--tenant", TENANT)
        print("start ", asyncio.run(start(served_, rate=options.rate, seconds=options.seconds)), flush=True)
        work = asked(served_, options.decisions)
        if shutil.which("wrk") and not options.no_wrk:
            figures = decide_with_wrk(served_, work, Path(folder))
        else:
            figures = asyncio.run(decide_with_asyncio(served_, work))
        print("decide", figures, f"stored {decided(served_, work)} of {len(work)}", flush=True)
    print(f"load at the end {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
