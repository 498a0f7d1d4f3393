"""One run of the suite: campaigns told side by side, what strikes everybody, and the table of what came of it."""

from __future__ import annotations

import argparse
import json
import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from tests.chaos.arena import Arena
from tests.chaos.checker import Verdict, recount
from tests.chaos.conductor import KILLS_OF_HOUSEKEEPING, Conductor
from tests.chaos.outages import Outage, faults
from tests.chaos.planning import once_more, stories_of
from tests.chaos.points import Point
from tests.chaos.story import Story
from tests.chaos.table import Row, as_json, row_of

NOTE_SECONDS: Final = 60.0
"""So often the table of the campaigns told so far is written."""


class Run:
    """Everything that is planned, and what has become of it so far: `told`, `verdicts`."""

    def __init__(
        self, arena: Arena, points: Sequence[Point], outages: Sequence[Outage], options: argparse.Namespace
    ) -> None:
        self.arena, self.points, self.outages, self.options = arena, points, outages, options
        seeds = [options.seed + number for number in range(options.seeds)]
        self.waiting = stories_of(points, [each for each in outages if each.phase != "all"], seeds)
        self.planned = len(self.waiting)
        self.told: list[Story] = []
        self.verdicts: list[Verdict] = []
        self.conductor = Conductor(arena, self.told)
        self._began = time.monotonic()
        self._picking = threading.Lock()

    def to_its_end(self) -> list[Row]:
        """Tell every campaign, or as many as there is time for; return the table."""
        housekeeping = [point for point in self.points if point.role == "housekeeping"]
        everybodys = [each for each in self.outages if each.phase == "all"]
        over = threading.Event()
        with ThreadPoolExecutor(self.options.together + 3) as pool:
            conducted = [
                pool.submit(self.conductor.strike, everybodys),
                pool.submit(
                    self.conductor.kill_housekeeping, housekeeping, min(self.options.seeds, KILLS_OF_HOUSEKEEPING)
                ),
            ]
            noted = pool.submit(self._note_until, over)
            for teller in [pool.submit(self._tell) for _ in range(self.options.together)]:
                teller.result()
            if self._is_late():
                self.conductor.over.set()
            for each in conducted:
                each.result()
            over.set()
            noted.result()
        time.sleep(5)  # the last receipts
        rows = self._rows()
        self._note(rows)
        return rows

    def _is_late(self) -> bool:
        return bool(self.options.minutes) and time.monotonic() - self._began > 60 * self.options.minutes

    def _next(self) -> Story | None:
        with self._picking:
            if self._is_late():
                return None
            if self.waiting:
                story = self.waiting.pop(0)
            elif not self.conductor.struck.is_set():  # nobody is left to feel the outages that are still to come
                story = Story(9000 + len(self.told), 0, "approved", [])
            else:
                return None
            story.patience = self.options.patience
            self.told.append(story)
            return story

    def _tell(self) -> None:
        while (story := self._next()) is not None:
            story.tell(self.arena)
            if (again := once_more(story, 5000 + len(self.told))) is not None:
                self.waiting.append(again)
            met = ", ".join([*story.kills, *(each.name for each in story.outages)]) or "bystander"
            state = story.stuck or (f"missed {', '.join(story.missed)}" if story.missed else "ended")
            ended = sum(bool(each.ended) for each in self.told)
            minutes = (time.monotonic() - self._began) / 60
            print(
                f"  {minutes:5.1f} min {ended:3}/{self.planned} {story.tag} {story.ended - story.began:4.0f} s  "
                f"{state:6} {met}",
                flush=True,
            )

    # --- the table ---------------------------------------------------------------------------------

    def _note_until(self, over: threading.Event) -> None:
        while not over.wait(NOTE_SECONDS):
            self._note(self._rows())

    def _note(self, rows: Sequence[Row]) -> None:
        if self.options.json:
            told = {
                "seed": self.options.seed,
                "campaigns": len(self.verdicts),
                "faults": sum(row.injected for row in rows),
                "seconds": round(time.monotonic() - self._began),
                "failed": any(row.failed for row in rows),
            }
            draft = self.options.json.with_suffix(".tmp")
            draft.write_text(json.dumps({**told, "rows": as_json(rows)}, indent=1))
            draft.replace(self.options.json)

    def _rows(self) -> list[Row]:
        ended = [story for story in self.told if story.ended]
        heals = list(self.conductor.heals)
        self.verdicts = recount(self.arena, ended, heals)
        # What was tried once more is one fault, not two.
        begun = Counter(kill for story in ended if not story.again for kill in story.kills)
        rows = []
        for point in self.points:
            if point.role == "housekeeping":
                rows.append(self._housekeeping(point))
                continue
            mine = [verdict for verdict in self.verdicts if point.name in verdict.story.kills]
            injected = sum(self.arena.fired(point.name, verdict.story.tag) for verdict in mine)
            within = point.within or self.options.within
            rows.append(row_of(point.name, begun[point.name], injected, mine, within=within))
        for outage in self.outages:
            if outage.phase == "all":
                struck = [(begin, end) for begin, end, name in heals if name == outage.name]
                mine = [v for v in self.verdicts if any(v.story.began < e and b < v.story.ended for b, e in struck)]
                planned, injected = len(struck), sum(faults(self.arena, outage, "everybody") > 0 for _ in struck)
            else:
                mine = [verdict for verdict in self.verdicts if outage in verdict.story.outages]
                planned = len(mine)
                injected = sum(faults(self.arena, outage, v.story.tag, v.story.name) > 0 for v in mine)
            rows.append(row_of(outage.name, planned, injected, mine, within=self.options.within))
        stalls = [
            end - begin
            for begin, end, _ in self.arena.stalls
            if not any(start - 5 <= begin <= over for start, over, _ in heals)
        ]
        if stalls:
            rows.append(Row("(server stalled by itself)", len(stalls), len(stalls), slowest=max(stalls)))
        return rows

    def _housekeeping(self, point: Point) -> Row:
        kills = [kill for kill in self.conductor.kills if kill.point is point]
        row = Row(point.name, len(kills), sum(kill.fired for kill in kills))
        for kill in kills:
            if not kill.fired:
                row.failed.append("housekeeping did not come to it")
            elif kill.back_after is None or kill.back_after > kill.within:
                row.stuck += 1
                row.failed.append(f"housekeeping did not come back within {kill.within:.0f} s")
            else:
                row.slowest = max(row.slowest or 0.0, kill.back_after)
        return row
