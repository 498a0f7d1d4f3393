"""What can be watched: measures drawn from the audit trail, and counts of what no campaign says.

Every audit entry is one log record of `campaigns.audit`, written after its transaction (see
`store.commits.transaction`). What such a record measures is a function of it alone (`telemetry.measures`), so it
can be counted again from the trail. Nothing here ever fails or delays what it watches: what cannot be told is counted.
"""

import logging
import threading
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import uuid4

from campaigns import correlation
from campaigns.operations.watching.tally import Tally
from campaigns.store import Store
from campaigns.telemetry.measures import measures_of
from campaigns.telemetry.recorder import Sink, recorder

AUDIT: Final = "campaigns.audit"
DENIED: Final = "campaigns.denied"


class Meter(logging.Handler):
    """Turns every record of the audit log into its measures. A sink that fails loses only its own number."""

    def __init__(self, sink: Sink) -> None:
        super().__init__()
        self._sink = sink
        self.lost = 0

    def emit(self, record: logging.LogRecord) -> None:
        for measure in measures_of(
            getattr(record, "action", ""),
            to_status=getattr(record, "to_status", None),
            outcome=getattr(record, "outcome", None),
            reason=getattr(record, "code", None),
            round_=getattr(record, "round", None),
            took=getattr(record, "milliseconds", None),
        ):
            try:
                story, tenant = getattr(record, "correlation_id", None), getattr(record, "tenant_id", None)
                with correlation.bound(story, tenant=tenant):
                    self._sink(measure, datetime.fromtimestamp(record.created, UTC))
            except Exception:  # whatever a sink raises, the work that it watches goes on
                self.lost += 1


THROTTLED: Final = "throttled"
REFUSED: Final = "denied"
_AT_MOST_EVERY: Final = timedelta(seconds=1)
_MINUTES_KEPT: Final = 3


class Signals:
    """Counts by kind and minute, for this process; writes a count at most once a second, and never fails."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._source = uuid4().hex[:16]
        self._counts: dict[tuple[str, datetime], int] = {}
        self._written: dict[tuple[str, datetime], tuple[int, datetime]] = {}
        self._changing = threading.Lock()
        self.lost = 0

    def count(self, kind: str, *, now: datetime) -> None:
        """Count one more of this kind."""
        place = kind, now.replace(second=0, microsecond=0)
        with self._changing:
            self._counts[place] = self._counts.get(place, 0) + 1
            written = self._written.get(place)
            if written is not None and now - written[1] < _AT_MOST_EVERY:
                return
        self.flush(now=now)

    def flush(self, *, now: datetime) -> None:
        """Write the counts that are not written yet; what cannot be written now goes with the next ones."""
        with self._changing:
            waiting = [(place, n) for place, n in self._counts.items() if self._written.get(place, (0,))[0] != n]
            for place, _ in waiting:
                self._written[place] = (self._written.get(place, (0, now))[0], now)
        for (kind, minute), count in waiting:
            try:
                self._store.signals.put(kind, minute, self._source, count)
            except Exception:  # counting must never stop what is counted
                self.lost += 1
                continue
            with self._changing:
                self._written[kind, minute] = (count, now)
        self._forget(now)

    def _forget(self, now: datetime) -> None:
        oldest = now - timedelta(minutes=_MINUTES_KEPT)
        with self._changing:
            for place in [place for place in self._counts if place[1] < oldest]:
                del self._counts[place]
                self._written.pop(place, None)


class Refusals(logging.Handler):
    """Counts requests that were refused for want of a valid token, link or scope."""

    def __init__(self, signals: Signals) -> None:
        super().__init__()
        self._signals = signals

    def emit(self, record: logging.LogRecord) -> None:
        if getattr(record, "status", 0) in {401, 403, 404}:
            self._signals.count(REFUSED, now=datetime.fromtimestamp(record.created, UTC))


def install(store: Store, *, sinks: Mapping[str, Sink]) -> Signals:
    """Start watching in this process: measures go to the store's tallies and to the sinks, refusals to its signals.

    A second call takes the place of the first.
    """
    denied, trail = logging.getLogger(DENIED), logging.getLogger(AUDIT)
    for logger in (denied, trail):
        for handler in [one for one in logger.handlers if isinstance(one, Meter | Refusals)]:
            logger.removeHandler(handler)
    signals = Signals(store)
    denied.addHandler(Refusals(signals))
    recorder.use({"tally": _tally_of(store), **sinks})
    trail.setLevel(logging.INFO)
    trail.addHandler(Meter(lambda measure, at: recorder.record([measure], at)))
    return signals


def _tally_of(store: Store) -> Tally:
    global _tally  # noqa: PLW0603 - the one of this process
    if _tally is None or _tally.store is not store:
        if _tally is not None:
            _tally.close()
        _tally = Tally(store)
    return _tally


_tally: Tally | None = None


def flush() -> bool:
    """Write what this process counted by now, and return whether the store took it."""
    return _tally is None or _tally.flush()
