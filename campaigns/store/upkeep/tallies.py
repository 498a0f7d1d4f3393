"""Tallies: what each process counted on a day, in an item of its own, and folded into one of the day once it is done.

No two processes wait for each other, writing a tally again is harmless, and reading all of a day stays cheap.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from campaigns.store.items import keys
from campaigns.store.tables.table import (
    ABSENT,
    Condition,
    ConditionFailed,
    Delete,
    Equals,
    Item,
    Put,
    Repository,
    key_of,
    wrote,
)
from campaigns.telemetry.series import Series

IDLE: Final = timedelta(minutes=10)
"""Time without a write after which a tally is folded into that of its day; a process that lives begins another."""
KEPT_DAYS: Final = 35
"""Days of their own; older ones are folded into one."""
_AT_ONCE: Final = 90  # a transaction has 100 operations
_EVER: Final = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Written:
    """How far a process has come with its tally of a day."""

    day: date
    source: str
    version: int = 0


class TallyRepository(Repository):
    """Counts of all metrics, by day, across tenants and processes."""

    def put(self, place: Written, series: Series, *, now: datetime) -> Written | None:
        """Write a tally over its earlier state; None when that was folded already, so that its counts are kept."""
        key = keys.tally(place.day, place.source)
        item: Item = {
            **key._asdict(), "kind": "tally", "version": place.version + 1,
            "written": keys.instant(now), "body": series.to_json(),
        }  # fmt: skip
        unmoved: Condition = Equals({"version": place.version}) if place.version else ABSENT
        try:
            self._table.write(Put(item, unmoved))
        except ConditionFailed as failed:
            found = failed.failures.get(0)
            if found is None or found["body"] != item["body"]:
                return None
        return Written(place.day, place.source, place.version + 1)

    def all(self) -> Series:
        """Return what was ever counted."""
        return _sum(self._table.query(keys.TALLIES))

    def since(self, day: date) -> Series:
        """Return what was counted on this day and later."""
        return _sum(self._table.query(keys.TALLIES, after=keys.tally(day, "").sk.rstrip("#")))

    def fold(self, now: datetime) -> int:
        """Put together the tallies of processes that are done, and days of long ago; return how many were."""
        items = self._table.query(keys.TALLIES)
        folded = 0
        groups: dict[date, list[Item]] = {}
        oldest = now.date() - timedelta(days=KEPT_DAYS)
        for item in items:
            day = date.fromisoformat(item["sk"].partition("#")[0])
            is_total = item["sk"].endswith("#")
            if day < oldest and day != _EVER and is_total:
                groups.setdefault(_EVER, []).append(item)
            elif not is_total and item["written"] < keys.instant(now - IDLE):
                groups.setdefault(day, []).append(item)
        for day, found in groups.items():
            folded += self._fold_into(day, found[:_AT_ONCE], now)
        return folded

    def _fold_into(self, day: date, found: list[Item], now: datetime) -> int:
        key = keys.tally(day, "")
        before = self._table.get(key)
        series = _sum([*([before] if before else []), *found])
        version = before["version"] if before else 0
        total: Item = {
            **key._asdict(), "kind": "tally", "version": version + 1,
            "written": keys.instant(now), "body": series.to_json(),
        }  # fmt: skip
        unmoved: Condition = Equals({"version": version}) if before else ABSENT
        gone = [Delete(key_of(each), Equals({"version": each["version"]})) for each in found]
        # Else one of them was written meanwhile: next time.
        return len(found) if wrote(self._table, Put(total, unmoved), *gone) else 0


def _sum(items: Iterable[Item]) -> Series:
    series = Series()
    for item in items:
        series.add(Series.from_json(item["body"]))
    return series
