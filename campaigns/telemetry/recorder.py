"""Where measures go in this process: every sink gets each once; one that fails loses only its own number."""

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime

from campaigns import correlation
from campaigns.telemetry.instruments import Measure

Sink = Callable[[Measure, datetime], None]


class Recorder:
    """Hands measures to sinks by name, and counts what one did not take."""

    def __init__(self) -> None:
        self._sinks: dict[str, Sink] = {}
        self._dropped: Counter[str] = Counter()
        self._counting = threading.Lock()

    def use(self, sinks: Mapping[str, Sink]) -> None:
        """Hand what is recorded from now on to these sinks."""
        self._sinks = dict(sinks)

    @property
    def dropped(self) -> Mapping[str, int]:
        """How many measures each sink did not take, in this process."""
        return dict(self._dropped)

    def record(self, measures: Iterable[Measure], at: datetime | None = None) -> None:
        """Give each measure to every sink; never raises, and waits for no network."""
        moment = at or datetime.now(UTC)
        for measure in measures:
            for name, sink in self._sinks.items():
                try:
                    sink(measure, moment)
                except Exception:  # whatever a sink raises, the work that it watches goes on
                    self.drop(name, 1)

    def drop(self, name: str, count: int) -> None:
        """Count what a sink did not take; the other sinks are told."""
        with self._counting:
            self._dropped[name] += count
        told = Measure("TelemetryDropped", count, {"Sink": name})
        for other, sink in self._sinks.items():
            if other != name:
                try:
                    sink(told, datetime.now(UTC))
                except Exception:
                    with self._counting:
                        self._dropped[other] += 1


def by_tenant(sink: Sink) -> Sink:
    """Return the sink with the tenant of each measure as a dimension."""

    def told(measure: Measure, at: datetime) -> None:
        whose = str(correlation.fields().get("tenant", "none"))
        sink(Measure(measure.name, measure.value, {**measure.dimensions, "TenantId": whose}), at)

    return told


recorder = Recorder()
"""The one of this process."""
