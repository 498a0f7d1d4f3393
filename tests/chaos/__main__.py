"""Kills and outages on real processes, recounted afterwards: `make chaos ARGS="--points 25 --seeds 2"`.

Prints one table and the seed of every failure. Ends with 1 when anything was lost, changed, doubled, asked for
nothing or stuck, when a campaign took too long, or when fewer faults were injected than planned.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path

import psutil

from tests.chaos.arena import Arena
from tests.chaos.outages import OUTAGES, Outage
from tests.chaos.points import BY_NAME, POINTS, Point
from tests.chaos.run import Run
from tests.chaos.table import printed
from tests.system.databases import postgres

LONG_SEEDS = 40


def main() -> int:
    options = _options()
    home = Path(tempfile.mkdtemp(prefix="chaos-"))
    began = time.monotonic()
    with (
        postgres() if options.postgres else nullcontext("") as database,
        Arena(
            home,
            template=options.template,
            settings={"PREFECT_SERVER_DATABASE_CONNECTION_URL": database} if database else {},
        ) as arena,
    ):
        signal.signal(signal.SIGTERM, lambda *_: _end(arena))
        signal.signal(signal.SIGINT, lambda *_: _end(arena))
        run = Run(arena, _points(options.points), _outages(options.outages), options)
        print(f"{len(run.waiting)} campaigns, {options.together} at a time; everything is up in {home}", flush=True)
        rows = run.to_its_end()
    print(printed(rows))
    failed = any(row.failed for row in rows)
    faults_met = sum(row.injected for row in rows if not row.name.startswith("("))
    print(f"\n{len(run.told)} campaigns, {faults_met} faults, {sum(v.repeated for v in run.verdicts)} calls", end=" ")
    print(f"repeated, {time.monotonic() - began:.0f} s")
    if failed:
        print(f"logs, store and effects: {home}\nagain: make chaos ARGS='--seed {options.seed} …'")
    else:
        shutil.rmtree(home, ignore_errors=True)
    return int(failed)


def _end(arena: Arena) -> None:
    """Leave at once and without a process behind: the campaigns under way would take minutes."""
    arena.stack.stop()
    for each in psutil.Process().children():  # PostgreSQL
        each.terminate()
    os._exit(130)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__.split("\n")[0])
    parser.add_argument("--points", default="25", help="how many kill points, all, or their names with commas")
    parser.add_argument("--seeds", type=int, default=2, help="how often each point")
    parser.add_argument("--seed", type=int, default=1, help="the first seed")
    parser.add_argument("--outages", default="all", help="all, none, or their names with commas")
    parser.add_argument("--long", action="store_true", help=f"each point {LONG_SEEDS} times at least")
    parser.add_argument("--minutes", type=float, default=0.0, help="begin no campaign after that; 0: all are told")
    parser.add_argument("--together", type=int, default=8, help="campaigns under way at one time")
    parser.add_argument("--within", type=float, default=60.0, help="seconds from healing until past the gate")
    parser.add_argument("--patience", type=float, default=240.0, help="seconds until a campaign counts as stuck")
    parser.add_argument("--json", type=Path, help="write the table there, also while it grows")
    parser.add_argument("--postgres", action="store_true", help="Prefect's database on PostgreSQL, not in a file")
    parser.add_argument("--template", type=Path, help="a migrated Prefect database, made when missing; saves 20 s")
    options = parser.parse_args()
    if options.long:
        options.seeds = max(LONG_SEEDS, options.seeds)
    return options


def _points(wanted: str) -> list[Point]:
    if wanted == "all":
        return list(POINTS)
    if wanted.isdigit():
        return sorted(POINTS, key=lambda point: point.extra)[: int(wanted)]
    return [BY_NAME[name] for name in wanted.split(",")]


def _outages(wanted: str) -> list[Outage]:
    if wanted in {"all", "none"}:
        return list(OUTAGES) if wanted == "all" else []
    by_name = {outage.name: outage for outage in OUTAGES}
    return [by_name[name] for name in wanted.split(",")]


if __name__ == "__main__":
    sys.exit(main())
