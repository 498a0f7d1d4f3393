"""What campaigns cost that wait for their approvers: `make bench ARGS="waiting [--json FILE] [--counts 0,1000,20000]"`.

A table is filled with campaigns under review, with rounds of mixed lengths, and counted as DynamoDB counts: one sweep
and one pass of housekeeping while nothing is due; then five of the campaigns have a run that crashed, and 2,000
reminders fall due. Exits with 1 when a sweep makes more table calls than over an empty table, when a crashed run is not
started again, a healthy one is rung, or a reminder is not sent within a minute.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch
from uuid import UUID, uuid4

from campaigns.model.base import derived_id
from campaigns.model.campaign import Campaign, Move
from campaigns.model.vocabulary import CampaignStatus
from campaigns.operations.recovery import RunSeen, RunState
from campaigns.store import Store
from campaigns.store.commits.looks import RARELY, look_at
from campaigns.store.items.campaign_items import campaign_item
from campaigns.store.items.round_state import round_item
from campaigns.store.tables.sqlite import SQLiteTable
from campaigns.store.tables.table import Put, Table
from tasks.upkeep import housekeeping, recover, sweep
from tests.benchmarks.counting import DOLLARS_A_MILLION_READ, CountingTable
from tests.store.samples import a_campaign, a_round

NOW: Final = datetime(2027, 3, 1, 12, 0, tzinfo=UTC)
TENANTS: Final = 50
CRASHED: Final = 5
REMINDED: Final = 2000
_SWEEPS_A_MONTH: Final = 30 * 86400 / 5


class Runs:
    """What Prefect says in this bench: every run waits, but those that crashed. It answers at once."""

    def __init__(self) -> None:
        self.crashed: set[UUID] = set()
        self.asked = self.rung = 0

    def read(self, run_ids: list[UUID], *, now: datetime) -> dict[UUID, RunSeen]:
        self.asked += len(run_ids)
        return {
            each: RunSeen(RunState.CRASHED if each in self.crashed else RunState.PAUSED, now - timedelta(hours=1))
            for each in run_ids
        }

    def ring(self, _: UUID) -> None:
        self.rung += 1


def fill(table: Table, count: int, reminded: int) -> Iterator[Campaign]:
    """Write campaigns that wait, and yield them; their rounds end between a day and four weeks from now."""
    sample = a_campaign()
    for number in range(count):
        tenant = f"tenant-{number % TENANTS}"
        # Those that people hear of in the bench have been open for twelve hours, the others came within the last one.
        opened = NOW - (timedelta(hours=12) if number < reminded else timedelta(minutes=number % 60))
        changes = {
            "id": derived_id("campaign", number), "tenant_id": tenant, "status": CampaignStatus.AWAITING_REVIEW,
            "round": 1, "execution_id": str(uuid4()), "created_at": opened, "updated_at": opened,
        }  # fmt: skip
        campaign = sample.model_copy(update=changes)
        ends = NOW + timedelta(hours=36 + number % 640)
        round_ = a_round(campaign, opened_at=opened, expires_at=ends, callback_id=f"callback-{number:022d}")
        table.write(
            Put(campaign_item(campaign, {"body_hash": "0" * 64})),
            Put(round_item(round_, campaign.schedule.zone)),
            look_at(round_.tenant_id, round_.campaign_id, opened + RARELY),  # as whoever saw its run wait leaves it
        )
        yield campaign


@contextmanager
def without_prefect(runs: Runs) -> Iterator[None]:
    """Answer for Prefect: the bench counts what the store is asked."""
    with ExitStack() as stack:
        for module, name, instead in (
            (recover, "read_runs", runs.read),
            (recover, "ended_since", lambda _: []),
            (recover, "begun_before", lambda _: []),
            (recover, "ring", runs.ring),
            (sweep, "is_answering", lambda: True),
            (sweep, "LESS_OFTEN", (housekeeping.renew, housekeeping.watch_rates)),
        ):
            stack.enter_context(patch.object(module, name, instead))
        stack.enter_context(patch("tasks.upkeep.watch.count_late_runs", lambda **_: 0))
        yield


def counted(table: CountingTable, act: Callable[[], object]) -> dict[str, float]:
    """Do it and return calls, units and seconds."""
    table.counts.clear()
    began = time.perf_counter()
    act()
    seconds = time.perf_counter() - began
    figures = {"tableCalls": table.calls, "readUnits": float(table.counts["read units"]), "writeUnits": table.units}
    return {**figures, "seconds": round(seconds, 3)}


def measure(table: CountingTable, count: int, reminded: int = REMINDED) -> dict[str, Any]:
    store, runs = Store(table), Runs()
    began = time.monotonic()
    broken: dict[UUID, Campaign] = {}
    for number, campaign in enumerate(fill(table, count, reminded)):
        if count >= CRASHED and number % (count // CRASHED) == count // CRASHED // 2 and len(broken) < CRASHED:
            broken[UUID(campaign.execution_id or "")] = campaign
    filled = time.monotonic() - began
    with without_prefect(runs), ExitStack() as stack:
        found: dict[str, Any] = {
            "waiting": count,
            "filledInSeconds": round(filled, 1),
            "sweep": counted(table, lambda: sweep.sweep(store, now=NOW + timedelta(minutes=1))),
            "housekeeping": counted(table, lambda: sweep.sweep(store, now=NOW + timedelta(minutes=1), all_duties=True)),
        }
        # What the outbox holds from here on is counted, not carried.
        for name, duties in (
            ("WITH_PREFECT", (housekeeping.start_again,)),
            ("WITHOUT_PREFECT", (housekeeping.expire_and_remind,)),
        ):
            stack.enter_context(patch.object(sweep, name, duties))
        runs.crashed = set(broken)
        for campaign in broken.values():
            _crash(store, campaign)
        found["crashed"] = len(broken)
        found["startedAgain"] = _started_again(store, broken)
        found["rung"] = runs.rung
        if count >= reminded:
            found["remindedWithinAMinute"] = _reminded(store, list(broken.values()), reminded)
    found["dollarsAMonthForSweeping"] = round(
        found["sweep"]["readUnits"] * _SWEEPS_A_MONTH * DOLLARS_A_MILLION_READ / 1e6, 2
    )
    found["peakMegabytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return found


def _crash(store: Store, campaign: Campaign) -> None:
    """Let its approvers have asked for changes, and its run have crashed while it wrote them."""
    store.campaigns.move(campaign.tenant_id, campaign.id, Move(CampaignStatus.NEEDS_REVISION, "bench", "changes", NOW))


def _started_again(store: Store, broken: dict[UUID, Campaign]) -> int:
    """Sweep for a minute; return for how many of them a run is on its way then."""
    for second in range(0, 61, 5):
        sweep.sweep(store, now=NOW + timedelta(seconds=second))
    return sum(
        any(entry.kind == "restart_run" for entry in store.outbox.of(each.tenant_id, each.id))
        for each in broken.values()
    )


def _reminded(store: Store, broken: list[Campaign], count: int) -> int:
    """Let the first rounds have been open for a day, and sweep for a minute; return of how many people heard then."""
    known = {each.id for each in broken}
    due = {n: campaign_id for n in range(count) if (campaign_id := derived_id("campaign", n)) not in known}
    for second in range(0, 60, 5):
        sweep.sweep(store, now=NOW + timedelta(hours=12, seconds=second))
    heard = (
        any(entry.kind == "still_waiting" for entry in store.outbox.of(f"tenant-{n % TENANTS}", campaign_id))
        for n, campaign_id in due.items()
    )
    return sum(heard) + count - len(due)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--counts", default="0,1000,20000", help="so many waiting campaigns; 100000 takes minutes")
    parser.add_argument("--aws-local", type=int, default=0, metavar="N", help="N on the emulator of DynamoDB too")
    parser.add_argument("--json", metavar="FILE")
    given = parser.parse_args(arguments)
    figures: list[dict[str, Any]] = []
    for count in map(int, given.counts.split(",")):
        with tempfile.TemporaryDirectory() as folder:
            figures.append({"table": "SQLite", **measure(CountingTable(_quick(Path(folder))), count)})
            print(json.dumps(figures[-1]), flush=True)
    if given.aws_local:
        figures.append({"table": "DynamoDB emulator", **_on_the_emulator(given.aws_local)})
        print(json.dumps(figures[-1]), flush=True)
    if given.json:
        Path(given.json).write_text(json.dumps(figures, indent=2) + "\n")
    return int(any(_is_wrong(each, figures[0]) for each in figures))


def _quick(folder: Path) -> SQLiteTable:
    """A table that need not outlive the bench."""
    table = SQLiteTable(folder / "store.db")
    table._open().execute("PRAGMA synchronous = OFF")
    return table


def _on_the_emulator(count: int) -> dict[str, Any]:
    from campaigns.store.tables.dynamodb import DynamoDBTable
    from deployments.local.aws_local import AwsLocal
    from tests.dynamodb_table import create_table

    with AwsLocal() as aws:
        client = aws.session().client("dynamodb", endpoint_url=aws.endpoint_url)
        create_table(client, "bench")
        return measure(CountingTable(DynamoDBTable(client, "bench")), count)


def _is_wrong(found: dict[str, Any], first: dict[str, Any]) -> bool:
    if found["waiting"] >= REMINDED and found["remindedWithinAMinute"] < REMINDED:
        return True
    calls = found["sweep"]["tableCalls"] > first["sweep"]["tableCalls"]
    return calls or found["startedAgain"] < found["crashed"] or found["rung"] > 0


if __name__ == "__main__":
    sys.exit(main())
