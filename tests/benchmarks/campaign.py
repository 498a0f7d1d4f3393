"""How fast a campaign is beside others, in one run: `make bench ARGS="campaign [--posts 12,100] [--json FILE]"`.

Each line is printed as soon as it is known. One workload for all: N calls of a model that takes L seconds, at most K at
a time. Beside the product, which also plans, checks, seals and asks a person, stand the floor (asyncio), a journal in
SQLite with a commit on disk for each call, and Prefect as documented, in a warm process on the same server. Ratios come
first: wall time by ⌈N/K⌉ · L, which a busy machine changes least. Medians of `--times`. Nothing fails on a figure.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from math import ceil
from pathlib import Path
from statistics import median
from typing import Any, Final
from uuid import uuid4

import httpx
import psutil
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, PREFECT_HOME, temporary_settings

from api.auth.identity import SCOPES, mint
from campaigns.keys.keyring import KeyRing
from campaigns.rules.merge.defaults import MOST_POSTS_EVER
from deployments.local.approver import decide_by_link
from deployments.local.fake_bedrock import FakeBedrock
from deployments.local.fake_bedrock_script import Behaviour
from deployments.local.mail import newest_link
from deployments.local.stack import LocalStack, seed
from tasks.forms.approval_input import LOOK_AGAIN
from tests.benchmarks.others import AT_ONCE, Figures, asyncio_alone, other, sqlite_journal, stock_prefect
from tests.benchmarks.where import bytes_used, of_each_part, rows
from tests.flows.conftest import TENANT, sample_brief

MODEL: Final = "bedrock:us.anthropic.claude-sonnet-4-5-20250929-v1:0"
CASES: Final = ((12, 0.5), (100, 0.5), (12, 0.05), (100, 0.05), (200, 0.05), (500, 0.05))
"""Posts, and the seconds that the model takes, unless others are asked for."""
Case = tuple[int, float]
LOOKS: Final = 100
"""How often a campaign is looked at in its ideal time: a look costs the API milliseconds of CPU, which count."""
PATIENCE_SECONDS: Final = 300
NAMED_SECONDS: Final = 0.5
CROWD: Final = 20


class TimedModel(FakeBedrock):
    """The stand-in for the model, which notes when it was called."""

    def __init__(self) -> None:
        super().__init__()
        self.called: list[float] = []

    def enter(self, model: str, body: dict[str, Any]) -> Behaviour:
        self.called.append(time.monotonic())
        return super().enter(model, body)


# --- the product -----------------------------------------------------------------------------------


class Product:
    """A local stack and who uses it."""

    def __init__(self, stack: LocalStack, model: TimedModel, *, profile: bool = False) -> None:
        self.stack, self.model, self.profile = stack, model, profile
        ring = KeyRing.parse(stack.env["CAMPAIGNS_API_KEYS"])
        named = {"tenant_id": TENANT, "subject": "bench", "scopes": SCOPES, "ttl": timedelta(hours=2)}
        token = mint(ring, now=datetime.now(UTC), **named)  # type: ignore[arg-type]
        self.api = httpx.Client(base_url=stack.api_url, headers={"Authorization": f"Bearer {token}"}, timeout=60)
        auth = ("campaigns", stack.password)
        self.prefect = httpx.Client(base_url=f"{stack.prefect_url}/api", auth=auth, timeout=60)

    def campaign(self, posts: int, seconds: float, *, kill: bool = False) -> Figures:
        """Tell one campaign from POST to the end of its run; with `kill`, its process is killed at its third call."""
        self.model.seconds, self.model.called = seconds, []
        parts, stored = of_each_part(self.stack), rows(self.stack)
        size, began = self.size(), time.monotonic()
        made = self.api.post("/campaigns", json=a_brief(posts)).raise_for_status().json()
        place, figures = f"/campaigns/{made['id']}", Figures()
        if kill:
            figures["kill to first call s"] = self._killed(place)
        told = self._until(place, "awaiting_review", look_seconds=max(0.05, ceil(posts / AT_ONCE) * seconds / LOOKS))
        written = int(told["planSummary"]["totalPosts"])
        ideal = ceil(written / AT_ONCE) * seconds
        figures["posts"] = written
        figures["wall/ideal"] = (time.monotonic() - began) / ideal
        figures["map/ideal"] = (self.model.called[-1] + seconds - self.model.called[1]) / ideal
        figures["POST to first call s"] = self.model.called[0] - began
        while not (link := newest_link(self.stack.home / "mail", made["id"])):
            time.sleep(0.02)
        apart = of_each_part(self.stack), rows(self.stack), self.size()
        figures["replay s"] = self._replayed(place)
        parts += of_each_part(self.stack) - apart[0]
        stored += rows(self.stack) - apart[1]
        size += self.size() - apart[2]
        clicked = time.monotonic()
        decide_by_link(link, "approved")
        self._until(place, "completed", look_seconds=0.01)
        figures["click to completed s"] = time.monotonic() - clicked
        while self._run(place)["state_type"] != "COMPLETED":
            time.sleep(0.05)
        figures["click to run ended s"] = time.monotonic() - clicked
        time.sleep(2)  # the server writes the last events
        took = of_each_part(self.stack) - parts
        figures["CPU ms/post"] = 1000 * took.total() / written
        figures["KB/post"] = (self.size() - size) / 1024 / written
        if self.profile:
            figures |= {f"CPU ms/post of {part}": 1000 * seconds / written for part, seconds in took.items()}
            figures |= {f"{table}/post": count / written for table, count in (rows(self.stack) - stored).items()}
        return figures

    def at_once(self, campaigns: int, posts: int, seconds: float) -> Figures:
        """Start campaigns at once, and tell how they are answered and when the model is first called."""
        self.model.seconds, self.model.called = seconds, []
        began = time.monotonic()
        with ThreadPoolExecutor(campaigns) as crowd:
            answers = list(crowd.map(self._started, [posts] * campaigns))
        for made, _ in answers:
            self._until(f"/campaigns/{made['id']}", "awaiting_review", look_seconds=0.1)
        named = sum("executionId" in made and took <= NAMED_SECONDS for made, took in answers)
        return {
            "median to 202 s": median(took for _, took in answers),
            "longest to 202 s": max(took for _, took in answers),
            f"name their run within {NAMED_SECONDS:g} s %": 100 * named / campaigns,
            "first call s": self.model.called[0] - began,
            "all written s": time.monotonic() - began,
        }

    def _started(self, posts: int) -> tuple[dict[str, Any], float]:
        began = time.monotonic()
        made = self.api.post("/campaigns", json=a_brief(posts)).raise_for_status().json()
        return made, time.monotonic() - began

    def _replayed(self, place: str) -> float:
        """Wake a run that waits; return the seconds until it waits again, from its first line, as Prefect has it."""
        run_id = self._run(place)["id"]
        while self._run(place)["state_type"] != "PAUSED":
            time.sleep(0.05)
        known = len(self._states(run_id))
        while not self._woken(run_id):
            time.sleep(0.1)
        while not (states := self._states(run_id)[known:]) or states[-1]["type"] != "PAUSED":
            time.sleep(0.1)
        began = next(state["timestamp"] for state in states if state["type"] == "RUNNING")
        return (datetime.fromisoformat(states[-1]["timestamp"]) - datetime.fromisoformat(began)).total_seconds()

    def _killed(self, place: str) -> float:
        while len(self.model.called) < 3:
            time.sleep(0.01)
        pid = int(self._run(place)["infrastructure_pid"])
        os.kill(pid, signal.SIGKILL)
        killed = time.monotonic()
        time.sleep(0.1)  # what was on its way has arrived
        asked = len(self.model.called)
        while len(self.model.called) == asked:
            time.sleep(0.01)
        return self.model.called[asked] - killed

    def _woken(self, run_id: str) -> bool:
        """Wake a run with nothing decided; not yet while SQLite is locked, or the form of the pause is being saved."""
        answer = self.prefect.post(f"/flow_runs/{run_id}/resume", json={"run_input": LOOK_AGAIN})
        return answer.is_success and answer.json()["status"] == "ACCEPT"

    def _run(self, place: str) -> dict[str, Any]:
        run_id = self.api.get(place).json()["executionId"]
        return dict(self.prefect.get(f"/flow_runs/{run_id}").raise_for_status().json())

    def _states(self, run_id: str) -> list[dict[str, Any]]:
        """Return the states of a run, oldest first."""
        told = self.prefect.get("/flow_run_states/", params={"flow_run_id": run_id}).raise_for_status().json()
        return sorted(told, key=lambda state: str(state["timestamp"]))

    def _until(self, place: str, status: str, *, look_seconds: float) -> dict[str, Any]:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (told := self.api.get(place).json())["status"] != status:
            if time.monotonic() > deadline or told["status"] == "failed":
                raise SystemExit(f"{place} is {told['status']}: {told.get('lastError')}")
            time.sleep(look_seconds)
        return dict(told)

    def size(self) -> int:
        """Return the bytes of both databases."""
        return sum(bytes_used(path) for path in self.stack.home.rglob("*.db"))

    def idle(self, seconds: float) -> Figures:
        """Return how much of a core the stack takes with nothing to do, in percent."""
        before = of_each_part(self.stack)
        time.sleep(seconds)
        took = of_each_part(self.stack) - before
        figures = {"idle % of a core": 100 * took.total() / seconds}
        if self.profile:
            figures |= {f"idle % of {part}": 100 * cpu / seconds for part, cpu in took.items()}
        return figures


def a_brief(posts: int) -> dict[str, Any]:
    """Return a brief of about so many posts and no more, that is no other's."""
    brief = sample_brief()
    brief["schedule"] |= {"allowedDaysOfWeek": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "blackoutDates": []}
    start = datetime.fromisoformat(brief["schedule"]["startDate"])
    weeks = max(1, ceil(posts / 35))
    brief["schedule"]["endDate"] = f"{start + timedelta(days=7 * weeks - 1):%Y-%m-%d}"
    a_week = posts // weeks
    a_day = ceil(a_week / 6)
    brief["cadenceOverrides"] = {"minPostsPerWeek": a_week, "maxPostsPerWeek": a_week, "maxPostsPerDay": a_day}
    return {**brief, "metadata": {"source": "api", "externalRef": f"bench-{uuid4()}"}}


@contextmanager
def product(home: Path, started: Figures, *, profile: bool = False) -> Iterator[Product]:
    with TimedModel() as model:
        settings = {
            "CAMPAIGNS_MODEL": MODEL, "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": model.url, "AWS_ACCESS_KEY_ID": "bench",
            "AWS_SECRET_ACCESS_KEY": "bench", "AWS_DEFAULT_REGION": "us-east-1",
            "CAMPAIGNS_MOST_POSTS": str(MOST_POSTS_EVER),
        }  # fmt: skip
        stack = LocalStack(home, extra_env=settings)
        began = time.monotonic()
        with stack.start():
            started["start of the stack s"] = time.monotonic() - began
            seed(stack.env, TENANT)
            started["CPU s of the start"] = of_each_part(stack).total()
            yield Product(stack, model, profile=profile)


# --- the table -------------------------------------------------------------------------------------


def measure(cases: Sequence[Case], times: int, *, profile: bool = False) -> Iterator[tuple[str, Figures]]:
    """Yield the medians of each engine and case, by name, as soon as they are known."""
    started: Figures = {}
    with tempfile.TemporaryDirectory() as home, product(Path(home), started, profile=profile) as ours:
        yield "start of the stack", started
        env = ours.stack.env
        settings = {
            PREFECT_API_URL: env["PREFECT_API_URL"],
            PREFECT_API_AUTH_STRING: env["PREFECT_API_AUTH_STRING"],
            PREFECT_HOME: env["PREFECT_HOME"],
        }
        server = psutil.Process(ours.stack.processes["server"].pid)

        def served() -> float:
            return float(sum(server.cpu_times()[:2]))

        for posts, seconds in cases:
            own = _medians(partial(ours.campaign, posts, seconds), times)
            size = int(own["posts"])
            case = f"N={size} L={seconds:g}"
            yield f"campaign {case}", own
            for engine in (asyncio_alone, sqlite_journal):
                yield f"{engine.__name__} {case}", _medians(partial(other, engine, size, seconds, float), times)
            with temporary_settings(settings):
                yield f"stock_prefect {case}", _medians(partial(other, stock_prefect, size, seconds, served), times)
        posts, seconds = cases[0]
        yield "just after that", ours.campaign(posts, seconds)
        yield "killed", _medians(lambda: ours.campaign(posts, max(seconds, 0.5), kill=True), times)
        yield f"{CROWD} at once", _medians(lambda: ours.at_once(CROWD, posts, seconds), times)
        yield "idle", ours.idle(60)


def _medians(tell: Callable[[], Figures], times: int) -> Figures:
    told = [tell() for _ in range(times)]
    return {name: round(median(each[name] for each in told), 3) for name in told[0]}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog='make bench ARGS="campaign …"', description=__doc__.split("\n")[0])
    parser.add_argument("--posts", help="sizes of campaigns, with commas, instead of the usual cases")
    parser.add_argument("--latency", type=float, default=0.5, help="with --posts: seconds that the model takes")
    parser.add_argument("--times", type=int, default=3, help="medians of so many")
    parser.add_argument("--profile", action="store_true", help="also: CPU by part, and rows in Prefect by table")
    parser.add_argument("--json", metavar="FILE", help="write the table there, as it grows")
    options = parser.parse_args(arguments)
    cases = [(int(each), options.latency) for each in options.posts.split(",")] if options.posts else CASES
    table: dict[str, Figures] = {}
    for name, figures in measure(cases, options.times, profile=options.profile):
        table[name] = figures
        print(f"{name:28}", "  ".join(f"{what} {figure:g}" for what, figure in figures.items()), flush=True)
        if options.json:
            Path(options.json).write_text(json.dumps(table, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
