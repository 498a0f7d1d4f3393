"""What is counted: the list of metrics, whether the counts are what is stored, and dashboards made from the list.

python -m deployments.commands.metrics                     every metric, its unit and dimensions
python -m deployments.commands.metrics --check             counted again from what is stored; says where they differ
python -m deployments.commands.metrics --table             each number of the design, counted beside stored
python -m deployments.commands.metrics --dashboards        writes the dashboards of CloudWatch and Grafana anew
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from statistics import median, quantiles
from typing import TextIO

from campaigns.model.campaign import Campaign
from campaigns.operations.watching.recount import recounted
from campaigns.settings import get_settings
from campaigns.store import Store, if_there
from campaigns.telemetry.instruments import INSTRUMENTS, Measure
from campaigns.telemetry.series import differences, series_of
from campaigns.wiring import get_store
from deployments.commands.boards import write_boards
from deployments.commands.numbers import is_same, numbers, table
from tasks.checkpoints.storage import configured_storage

_CHECKED_DAYS = 7


def main(arguments: Sequence[str] | None = None, *, now: datetime | None = None, out: TextIO = sys.stdout) -> int:
    """Do what is asked for; return 1 when counts and what is stored differ."""
    parser = argparse.ArgumentParser(
        prog="python -m deployments.commands.metrics", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--check", action="store_true", help="count again from what is stored")
    parser.add_argument("--table", action="store_true", help="the numbers of the design, counted beside stored")
    parser.add_argument("--since", type=date.fromisoformat, help=f"first day (UTC); else {_CHECKED_DAYS} days ago")
    parser.add_argument("--dashboards", action="store_true", help="write the dashboards anew")
    given = parser.parse_args(arguments)
    if given.dashboards:
        write_boards()
        return 0
    if not (given.check or given.table):
        for each in INSTRUMENTS:
            print(f"{each.name:<26}{each.unit:<14}{', '.join(each.dimensions):<16}{each.says}", file=out)
        return 0
    moment = now or datetime.now(UTC)
    since = given.since or (moment - timedelta(days=_CHECKED_DAYS)).date()
    return (_table if given.table else _check)(get_store(), since, out)


def _table(store: Store, since: date, out: TextIO) -> int:
    found = numbers(store.tallies.since(since), series_of(_again(store, list(_campaigns(store, since)), since)))
    print(table(found), file=out)
    return int(not all(is_same(each) for each in found))


def _again(store: Store, campaigns: Sequence[Campaign], since: date) -> list[Measure]:
    """Return what the stored items of these campaigns add to the metrics from that day on."""
    storage = configured_storage(get_settings())
    receipts = {each.id: storage.receipts(each.tenant_id, each.id) for each in campaigns}
    return [measure for _, stored in recounted(store, campaigns, receipts) for day, measure in stored if day >= since]


def _check(store: Store, since: date, out: TextIO) -> int:
    counted = store.tallies.since(since)
    campaigns = list(_campaigns(store, since))
    again = _again(store, campaigns, since)
    not_stored = {each.name for each in INSTRUMENTS if not each.recounted}
    found = [each for each in differences(counted, series_of(again)) if each[0] not in not_stored]
    for name, labels, told, stored in found:
        where = f"{name}{''.join(f' {key}={value}' for key, value in labels.items())}"
        print(f"{where}: counted {told.count} (sum {told.sum:g}), stored {stored.count} (sum {stored.sum:g})", file=out)
    answers = sorted(each.value for each in again if each.name == "ApproverResponseTime")
    if answers:
        late = quantiles(answers, n=20, method="inclusive")[-1] if len(answers) > 1 else answers[0]
        print(f"approvers answered within {median(answers):.0f} s (median), {late:.0f} s (95 %)", file=out)
    said = f"{len(found)} metrics differ" if found else "counted and stored agree"
    print(f"{said}: {len(campaigns)} campaigns since {since}", file=out)
    return 1 if found else 0


def _campaigns(store: Store, since: date) -> Iterator[Campaign]:
    """Yield what may have been counted since that day: campaigns in work, and those that came to rest since.

    One that was deleted meanwhile is not among them.
    """
    seen: set[str] = set()
    for each in store.campaigns.in_work():
        seen.add(each.id)
        yield each
    for ended in store.campaigns.ended_since(datetime(since.year, since.month, since.day, tzinfo=UTC)):
        place = ended.tenant_id, ended.campaign_id
        if ended.campaign_id not in seen and (found := if_there(store.campaigns.get, *place)) is not None:
            yield found


if __name__ == "__main__":
    sys.exit(main())
