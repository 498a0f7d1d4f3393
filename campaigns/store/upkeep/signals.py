"""Signals and alarms: what housekeeping counts that no campaign says, and which alarms are on.

Every process counts for itself, minute by minute, in items of its own: writing a count again is harmless,
and no two processes ever wait for each other.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from campaigns.store.items import keys
from campaigns.store.tables.table import ABSENT, Condition, Equals, Item, Put, Repository, wrote

SIGNAL_KEPT: Final = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class Alarm:
    """Whether an alarm is on, and since when it is as it is. `changes` counts how often it changed."""

    kind: str
    on: bool
    since: datetime
    changes: int


class SignalRepository(Repository):
    """Counts by kind and minute across tenants, and the alarms drawn from them."""

    def put(self, kind: str, minute: datetime, source: str, count: int) -> None:
        """Say that `source` has counted so many in the minute that starts then; the last word counts."""
        key = keys.signal(minute, kind, source)
        purge = keys.purged_after(minute + SIGNAL_KEPT, key)
        self._table.write(Put({**key._asdict(), "kind": "signal", "signal": kind, "count": count, **purge}))

    def since(self, minute: datetime) -> Counter[str]:
        """Return how many of each kind were counted in the minutes from this one on."""
        counts: Counter[str] = Counter()
        for item in self._table.query(keys.SIGNALS, after=keys.instant(minute)):
            counts[item["signal"]] += item["count"]
        return counts

    def alarm(self, kind: str) -> Alarm | None:
        """Return the alarm as it is, or None when it was never on."""
        item = self._table.get(keys.alarm(kind))
        return Alarm(kind, bool(item["on"]), datetime.fromisoformat(item["since"]), item["changes"]) if item else None

    def turn(self, alarm: Alarm, *, before: Alarm | None) -> bool:
        """Change an alarm; False: somebody else was faster, and says so in our place."""
        item: Item = {
            **keys.alarm(alarm.kind)._asdict(),
            "kind": "alarm",
            "on": int(alarm.on),
            "since": keys.instant(alarm.since),
            "changes": alarm.changes,
        }
        unmoved: Condition = ABSENT if before is None else Equals({"changes": before.changes})
        return wrote(self._table, Put(item, unmoved))
