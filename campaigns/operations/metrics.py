"""What can be watched: measures drawn from the audit trail, and counts of what no campaign says.

Every audit entry is one log record of `campaigns.audit`, written after its transaction (see
`store.transaction`). The measures are a function of that record alone, so they can be counted again
from the trail. Nothing here ever fails or delays what it watches: what cannot be told is counted.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal
from uuid import uuid4

from campaigns import correlation
from campaigns.model.vocabulary import CampaignStatus, Decision
from campaigns.store import Store

NAMESPACE: Final = "CampaignOrchestration"
AUDIT: Final = "campaigns.audit"
DENIED: Final = "campaigns.denied"

Unit = Literal["Count", "Seconds"]


@dataclass(frozen=True, slots=True)
class Measure:
    """One number for a metric. Dimensions come from closed lists, never an id: ids would make metrics without end."""

    name: str
    value: float
    unit: Unit = "Count"
    dimensions: Mapping[str, str] = field(default_factory=dict)


_STATUSES: Final = frozenset(CampaignStatus)
_OUTCOMES: Final = frozenset(Decision)
_COUNTED: Final[Mapping[str, str]] = {
    "created": "CampaignsCreated",
    "round_opened": "RoundsOpened",
    "round_timed_out": "RoundsTimedOut",
    "run_started_again": "RunsStartedAgain",
}


def measures_of(action: str, *, to_status: str | None = None, outcome: str | None = None) -> list[Measure]:
    """Return what one audit entry adds to the metrics."""
    if action in _COUNTED:
        return [Measure(_COUNTED[action], 1)]
    if action == "moved" and to_status in _STATUSES:
        return [Measure("CampaignsMoved", 1, dimensions={"Status": str(to_status)})]
    if action == "decided":
        decided = [Measure("Decisions", 1)]
        if outcome in _OUTCOMES:
            decided.append(Measure("RoundsDecided", 1, dimensions={"Outcome": str(outcome)}))
        return decided
    return []


def emf(measure: Measure, at: datetime) -> str:
    """Return the measure as a log line that CloudWatch turns into a metric (Embedded Metric Format)."""
    about = {
        "Timestamp": int(at.timestamp() * 1000),
        "CloudWatchMetrics": [
            {
                "Namespace": NAMESPACE,
                "Dimensions": [sorted(measure.dimensions)],
                "Metrics": [{"Name": measure.name, "Unit": measure.unit}],
            }
        ],
    }
    line: dict[str, Any] = {"_aws": about, measure.name: measure.value, **measure.dimensions}
    if (correlation_id := correlation.current.get()) is not None:
        line["correlationId"] = correlation_id
    return json.dumps(line)


Sink = Callable[[Measure, datetime], None]


def to_stdout(measure: Measure, at: datetime) -> None:
    """Print the measure for CloudWatch's log agent."""
    print(emf(measure, at), file=sys.stdout, flush=True)


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
        ):
            try:
                self._sink(measure, datetime.fromtimestamp(record.created, UTC))
            except Exception:  # whatever a sink raises, the work that it watches goes on
                self.lost += 1


# --- signals ------------------------------------------------------------------------------------------

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


def install(store: Store, *, sink: Sink | None) -> Signals:
    """Start watching in this process: measures go to the sink, refusals and throttling to the store's signals.

    A second call takes the place of the first.
    """
    denied, trail = logging.getLogger(DENIED), logging.getLogger(AUDIT)
    for logger in (denied, trail):
        for handler in [one for one in logger.handlers if isinstance(one, Meter | Refusals)]:
            logger.removeHandler(handler)
    signals = Signals(store)
    denied.addHandler(Refusals(signals))
    if sink is not None:
        trail.setLevel(logging.INFO)
        trail.addHandler(Meter(sink))
    return signals
