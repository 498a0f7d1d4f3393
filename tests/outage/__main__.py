"""The outage exercise: `make outage [ARGS="--pictures docs/status --svg docs/outage.svg"]`.

The whole product as processes: the model throttles, then the Prefect server is killed, then the store refuses every
call. At each moment `/status` is opened by a browser with Prefect's name and password, and asked with a token; it must
say what is away and nothing else. The limit of model calls must fall and rise, the alarms that are due must go on and
off, and every campaign must come through. Prints a line for each check and ends with 1 when one of them is not so.
"""

from __future__ import annotations

import argparse
import io
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Collection
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

from campaigns.store import Store
from campaigns.store.tables.sqlite import SQLiteTable
from deployments.local.approver import decide_by_link
from deployments.local.mail import newest_link
from deployments.local.stack import ROOT
from tasks.upkeep.alerts import heartbeats
from tests.benchmarks.picture import Panel, drawn
from tests.benchmarks.throttle import brief
from tests.browser.live import launch
from tests.chaos.arena import Arena, eventually
from tests.chaos.outages import Outage, everywhere

EVERY: Final = 0.5
MOST: Final = 8
"""Calls at once while nothing throttles: the limit that the processes begin with."""
SILENT_SECONDS: Final = 75.0
"""Longer than the pause between two heartbeats of the watcher."""
PATIENCE: Final = 240.0


@dataclass
class Sampler:
    """Reads twice a second how the model is worked, past the processes."""

    arena: Arena
    away: dict[str, bool] = field(default_factory=lambda: dict.fromkeys(("model throttles", "Prefect", "store"), False))
    at: list[float] = field(default_factory=list)
    limit: list[int] = field(default_factory=list)
    held: list[int] = field(default_factory=list)
    calls: list[tuple[int, int]] = field(default_factory=list)
    was_away: dict[str, list[int]] = field(default_factory=dict)
    over: threading.Event = field(default_factory=threading.Event)

    def keep(self) -> None:
        store, began = Store(SQLiteTable(self.arena.home / "store.db")), time.monotonic()
        while not self.over.wait(EVERY):
            model = store.permits.read(datetime.now(UTC))
            self.at.append(time.monotonic() - began)
            self.limit.append(model.limit.calls if model.limit else MOST)
            self.held.append(sum(use.holds for use in model.uses))
            total = len(self.arena.model.requests)
            refused = self.arena.model.refused
            self.calls.append((total - refused, refused))
            for name, is_away in self.away.items():
                self.was_away.setdefault(name, []).append(int(is_away))

    def picture(self) -> str:
        step = round(5 / EVERY)
        rates = {
            name: [(now - then) / 5 for then, now in zip([0] * step + counts, counts, strict=False)]
            for name, counts in (("answered", [a for a, _ in self.calls]), ("refused", [b for _, b in self.calls]))
        }
        return drawn(
            "The outage exercise",
            self.at,
            [
                Panel("calls at once", {"limit": self.limit, "permits held": self.held}),
                Panel("calls a second", rates),
                Panel("away: 1", self.was_away),
            ],
        )


class Exercise:
    """What is checked, and what came of it."""

    def __init__(self, arena: Arena, browser: Browser, pictures: Path | None) -> None:
        self.arena = arena
        self.client = arena.client()
        self.browser = browser
        self.pictures = pictures
        self.wrong: list[str] = []

    def check(self, what: str, true: object) -> None:
        print(f"{'ok   ' if true else 'WRONG'}  {what}", flush=True)
        if not true:
            self.wrong.append(what)

    def soon(self, what: str, true: Callable[[], object], within: float = PATIENCE) -> Any:
        found = eventually(true, within=within)
        self.check(what, found)
        return found

    def submit(self, name: str, weeks: int = 1) -> str:
        self.arena.model.know(name)
        answer = self.client.post("/campaigns", json=brief(weeks, name))
        self.check(f"POST /campaigns is taken: {name}", answer.status_code == 202)
        return str(answer.json()["id"])

    def is_at(self, campaign_id: str, *statuses: str) -> Callable[[], bool]:
        return lambda: self.client.get(f"/campaigns/{campaign_id}").json().get("status") in statuses

    def approve(self, campaign_id: str) -> None:
        link = eventually(lambda: newest_link(self.arena.home / "mail", campaign_id), within=60)
        self.check(f"{campaign_id} is approved by its link", link and decide_by_link(link, "approved") == "Approved")

    def status(
        self, moment: str, away: frozenset[str], waits: Collection[str] = (), builds: Collection[str] = ()
    ) -> None:
        """See that the status names exactly what is away, and takes a campaign for what it is; keep its picture."""

        def told() -> dict[str, Any] | None:
            found: dict[str, Any] = self.client.get("/status").json()
            parts = {
                part
                for part, how in found.get("checks", {"store": "silent"}).items()
                if part in {"store", "prefect"} and how != "ok"
            }
            return found if parts == away else None

        found = self.soon(f"{moment}: /status says away: {', '.join(sorted(away)) or 'nothing'}", told, within=30)
        if found is None:
            return
        if "store" in away:
            self.check(f"{moment}: /status makes nothing up", "rates" not in found and not found["waiting"])
        else:
            for what, wanted in (("waiting", waits), ("building", builds)):
                there = {each["campaignId"] for each in found[what]}
                self.check(f"{moment}: /status has all that is {what}", there.issuperset(wanted))
        self._photographed(moment, found)

    def _photographed(self, moment: str, found: dict[str, Any]) -> None:
        with self.browser.new_context(
            viewport={"width": 1280, "height": 760},
            http_credentials={"username": "campaigns", "password": self.arena.stack.password},
        ) as context:
            page = context.new_page()
            answer = page.goto(f"{self.arena.stack.api_url}/status")
            heading = page.locator("h1").inner_text()
            shown = all((name in heading) == (found["checks"][name.lower()] != "ok") for name in ("Store", "Prefect"))
            self.check(f"{moment}: a browser signs in and reads: {heading}", answer and answer.status == 200 and shown)
            if self.pictures is not None:
                self.pictures.mkdir(parents=True, exist_ok=True)
                picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
                path = self.pictures / f"{moment.replace(' ', '-')}.png"
                picture.quantize(64, dither=Image.Dither.NONE).save(path, optimize=True)

    def later(self, first: int, last: int) -> str:
        """Let minutes pass for outbox and alarms; return what was said of alarms."""
        done = subprocess.run(
            [sys.executable, "-m", "tests.outage.later", str(first), str(last)],
            cwd=ROOT, env=self.arena.stack.env, capture_output=True, text=True, check=False,
        )  # fmt: skip
        self.check("minutes pass", done.returncode == 0)
        return done.stderr

    def heartbeats(self) -> int:
        """Return how often it was said that somebody watches."""
        text = "".join(path.read_text(errors="replace") for path in self.arena.stack.logs.glob("*.log"))
        return text.count(heartbeats.name)


def exercise(on: Exercise, sampler: Sampler) -> None:
    arena, model = on.arena, on.arena.model
    waiting = on.submit("Before the outages")
    on.soon("it waits for approval", on.is_at(waiting, "awaiting_review"))
    on.status("1 before", frozenset(), waits={waiting})

    many = [on.submit(f"Under throttling {n}", weeks=10) for n in (1, 2)]
    for each in many:  # a plan is tried three times within seconds, and then its campaign has failed
        on.soon("it is planned", on.is_at(each, "generating"))
    sampler.away["model throttles"], model.throttle = True, 0.5
    on.soon("the limit falls", lambda: min(sampler.limit) < MOST)
    on.status("2 the model throttles", frozenset(), waits={waiting}, builds=many)
    fell = len(sampler.limit)
    sampler.away["model throttles"], model.throttle = False, 0.0
    for each in many:
        on.soon("all its posts are written", on.is_at(each, "awaiting_review"), within=2 * PATIENCE)
    on.check("the limit rises again", max(sampler.limit[fell:]) > min(sampler.limit))

    sampler.away["Prefect"] = True
    with arena.server_down():
        started = on.submit("While Prefect is away")
        on.status("3 Prefect is away", frozenset({"prefect"}), waits={waiting, *many}, builds={started})
        on.approve(waiting)
        on.soon("a campaign is completed without Prefect", on.is_at(waiting, "completed"), within=60)
        on.check("the alarm `undelivered` goes on", "alert undelivered on" in on.later(0, 14))
    sampler.away["Prefect"] = False
    on.check("the alarm `undelivered` goes off", "alert undelivered on" not in on.later(15, 30))
    on.soon("what was taken meanwhile is built", on.is_at(started, "awaiting_review"))

    sampler.away["store"] = True
    with everywhere(arena, Outage("store", "refuse", "all"), "exercise"):
        on.status("4 the store is away", frozenset({"store"}))
        refused = on.client.get(f"/campaigns/{started}")
        ready = on.client.get("/readyz")
        on.check("requests are told to try again", (refused.status_code, ready.status_code) == (503, 503))
        before = on.heartbeats()
        time.sleep(SILENT_SECONDS)
        on.check("nobody says that the alarms are watched", on.heartbeats() == before)
    sampler.away["store"] = False
    on.soon("the alarms are watched again", lambda: on.heartbeats() > before, within=90)
    for each in (*many, started):
        on.approve(each)
    for each in (*many, started):
        on.soon("it is completed", on.is_at(each, "completed"))
    on.status("5 after", frozenset())


def main() -> int:
    parser = argparse.ArgumentParser(prog="make outage", description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--pictures", type=Path, metavar="FOLDER", help="the status at each moment, as PNG")
    parser.add_argument("--svg", type=Path, metavar="FILE", help="the limit over time")
    parser.add_argument("--json", type=Path, metavar="FILE", help="what was sampled")
    given = parser.parse_args()
    with ExitStack() as held:
        home = Path(held.enter_context(tempfile.TemporaryDirectory(prefix="outage-")))
        arena = Arena(home, answer_seconds=1.0, settings={"CAMPAIGNS_WRITER_LIMIT": str(MOST)})
        held.enter_context(arena)
        browser = launch(held.enter_context(sync_playwright()))
        held.callback(browser.close)
        sampler = Sampler(arena)
        sampling = threading.Thread(target=sampler.keep, daemon=True)
        sampling.start()
        on = Exercise(arena, browser, given.pictures)
        exercise(on, sampler)
        sampler.over.set()
        sampling.join()
        if given.svg:
            given.svg.write_text(sampler.picture())
        if given.json:
            given.json.write_text(json.dumps({"at": sampler.at, "limit": sampler.limit, "away": sampler.was_away}))
    said = f"{len(on.wrong)} checks failed" if on.wrong else "every check holds"
    lowest = min(sampler.limit)
    print(f"{said}; the limit: {MOST}, then {lowest}, then {max(sampler.limit[sampler.limit.index(lowest) :])}")
    return int(bool(on.wrong))


if __name__ == "__main__":
    sys.exit(main())
