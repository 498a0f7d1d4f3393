"""Strikes everybody while campaigns are told: outages one after the other, and housekeeping killed again and again."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Final

from tasks.upkeep.housekeeping import LONGEST_ROUND
from tests.chaos.arena import Arena, eventually
from tests.chaos.calls import Heal
from tests.chaos.outages import NEVER_SECONDS, Outage, everywhere, faults
from tests.chaos.points import Point
from tests.chaos.story import Story

QUIET_SECONDS: Final = 65.0
"""After an outage every campaign has its time to recover; less when all have."""
BACK_SECONDS: Final = 150.0
"""Housekeeping that was killed is at work again at the next minute or the one after."""
KILLS_OF_HOUSEKEEPING: Final = 10
"""At most, of each kind: it comes once a minute."""


@dataclass
class HousekeepingKill:
    """One kill of housekeeping, and how long it was until it had done its work again; None: it did not come back."""

    point: Point
    fired: bool = False
    back_after: float | None = None
    within: float = BACK_SECONDS


@dataclass
class Conductor:
    """What strikes everybody. `struck` is set when every outage is over; `kills` are those of housekeeping."""

    arena: Arena
    stories: list[Story]
    heals: list[Heal] = field(default_factory=list)
    kills: list[HousekeepingKill] = field(default_factory=list)
    struck: threading.Event = field(default_factory=threading.Event)
    over: threading.Event = field(default_factory=threading.Event)

    def strike(self, outages: Sequence[Outage]) -> None:
        """Strike everybody, again and again, each time when all have recovered from the last time."""
        try:
            self.over.wait(QUIET_SECONDS / 3 if outages else 0)
            for outage in outages:
                if self.over.is_set():
                    return
                begin = time.time()
                with everywhere(self.arena, outage, "everybody"):
                    eventually(partial(self._felt, outage), within=NEVER_SECONDS)
                    time.sleep(outage.seconds)
                self.heals.append((begin, time.time(), outage.name))
                print(f"  {outage.name}: over", flush=True)
                self._quiet(time.time())
        finally:
            self.struck.set()

    def _felt(self, outage: Outage) -> bool:
        return self.over.is_set() or faults(self.arena, outage, "everybody") > 0

    def _quiet(self, healed: float) -> None:
        met = [story for story in self.stories if story.began and not story.ended]
        eventually(
            lambda: self.over.is_set() or all(story.ended or story.came_on_since(healed) for story in met),
            within=QUIET_SECONDS,
        )

    def kill_housekeeping(self, points: Sequence[Point], times: int) -> None:
        """Kill it at each point so many times, each time when it has come back from the last."""
        for number in range(times):
            for point in points:
                if self.over.is_set():
                    return
                self.kills.append(kill := HousekeepingKill(point))
                scenario = f"everybody-{number}"
                self.arena.arm(point.name, scenario, [], call=1, delay=0.0)
                kill.fired = self._comes_to(point.name, scenario)
                if kill.fired:
                    self._wait_for_it(kill, time.time())
                elif self.over.is_set():
                    self.kills.remove(kill)

    def _comes_to(self, point: str, scenario: str) -> bool:
        eventually(lambda: self.over.is_set() or self.arena.fired(point, scenario), within=BACK_SECONDS)
        return self.arena.fired(point, scenario)

    def _wait_for_it(self, kill: HousekeepingKill, at: float) -> None:
        def back() -> bool:
            since = max([at, *(end for begin, end, _ in [*self.heals, *self.arena.stalls] if end > at)])
            kill.back_after = self._done_since(since)
            if self.arena.deaths_since(at - BACK_SECONDS, "worker"):
                # With its worker dies who would report it: its slot is free when the next sweep finds it too old.
                kill.within = BACK_SECONDS + LONGEST_ROUND.total_seconds()
            return kill.back_after is not None

        eventually(back, within=BACK_SECONDS + LONGEST_ROUND.total_seconds(), every=3.0)

    def _done_since(self, at: float) -> float | None:
        wanted = {
            "flows": {"name": {"any_": ["housekeeping"]}},
            "flow_runs": {"state": {"type": {"any_": ["COMPLETED"]}}},
            "sort": "START_TIME_DESC",
            "limit": 10,
        }
        ended = [_stamp(run["end_time"]) for run in self.arena.prefect("POST", "/flow_runs/filter", wanted)]
        return min((end - at for end in ended if end > at), default=None)


def _stamp(text: str) -> float:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
