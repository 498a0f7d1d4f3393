"""What this process counts, written into the store behind the work: every few seconds, and at the end."""

import atexit
import logging
import threading
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Final
from uuid import uuid4

from campaigns.store import Store
from campaigns.store.upkeep.tallies import Written
from campaigns.telemetry.instruments import Measure
from campaigns.telemetry.series import Series

log = logging.getLogger("campaigns.tally")

_EVERY_SECONDS: Final = 2.0
_LAST_WORD_SECONDS: Final = 3.0


@dataclass
class _Day:
    """What was counted on a day: `kept` is in the store, `going` was sent there without an answer, `waiting` was not.

    What got no answer is sent again as it was: so the store knows its own write.
    """

    place: Written
    kept: Series = field(default_factory=Series)
    going: Series = field(default_factory=Series)
    waiting: Series = field(default_factory=Series)


class Tally:
    """A sink that counts, and writes its counts when nobody waits for it. A store that is away gets them later."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._days: dict[date, _Day] = {}
        self._changing, self._writing = threading.Lock(), threading.Lock()
        self._there_is_more, self._over = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None

    def __call__(self, measure: Measure, at: datetime) -> None:
        """Count one measure on its day (UTC)."""
        with self._changing:
            self._day(at.astimezone(UTC).date()).waiting.count(measure)
            if self._thread is None and not self._over.is_set():
                self._thread = threading.Thread(target=self._write_on, name="tally", daemon=True)
                self._thread.start()
                atexit.register(self.close)
        self._there_is_more.set()

    def flush(self) -> bool:
        """Write what waits; False: the store did not take it, and it waits on."""
        with self._writing:
            try:
                for day in list(self._days.values()):
                    self._flush(day)
            except Exception as error:  # whatever the store raises, what was counted waits on
                log.debug("tally not written: %s", type(error).__name__)
                return False
        return True

    def close(self) -> None:
        """Write the last counts, as long as an exiting process may take for that."""
        atexit.unregister(self.close)
        self._over.set()
        self._there_is_more.set()
        last = threading.Thread(target=self.flush, daemon=True)
        last.start()
        last.join(_LAST_WORD_SECONDS)

    def _flush(self, day: _Day) -> None:
        while True:
            with self._changing:
                if not day.going:
                    day.going, day.waiting = day.waiting, Series()
            if not day.going:
                return
            whole = Series()
            whole.add(day.kept)
            whole.add(day.going)
            written = self.store.tallies.put(day.place, whole, now=datetime.now(UTC))
            if written is None:  # what was kept before counts in the total of its day
                day.place, day.kept = Written(day.place.day, uuid4().hex), Series()
                continue
            day.place, day.kept, day.going = written, whole, Series()

    def _write_on(self) -> None:
        while not self._over.is_set():
            self._there_is_more.wait()
            self._there_is_more.clear()
            if self._over.wait(_EVERY_SECONDS):
                return
            if not self.flush():
                self._there_is_more.set()

    def _day(self, day: date) -> _Day:
        if day not in self._days:
            self._days[day] = _Day(Written(day, uuid4().hex))
        return self._days[day]
