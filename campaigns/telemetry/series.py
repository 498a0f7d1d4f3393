"""Totals of measures: what a process has counted, and what all have, in one form that adds up."""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from campaigns.telemetry.instruments import BY_NAME, Instrument, Measure

Labels = tuple[tuple[str, str], ...]


@dataclass(slots=True)
class Total:
    """How many measures, their sum, and for a histogram how many lie in each bucket; the last one has no bound."""

    count: int = 0
    sum: float = 0.0
    buckets: list[int] = field(default_factory=list)

    def add(self, other: Total) -> None:
        self.count += other.count
        self.sum += other.sum
        self.buckets = [
            (self.buckets[at] if at < len(self.buckets) else 0) + (other.buckets[at] if at < len(other.buckets) else 0)
            for at in range(max(len(self.buckets), len(other.buckets)))
        ]

    def quantile(self, share: float, bounds: tuple[float, ...]) -> float | None:
        """Return about where this share of the measures lies below, as Prometheus estimates it; None: there are none.

        What lies above all bounds counts as the last one.
        """
        rank, seen = share * self.count, 0
        for at, found in enumerate(self.buckets):
            if found and seen + found >= rank:
                if at >= len(bounds):
                    return bounds[-1]
                lower = bounds[at - 1] if at else 0.0
                return lower + (bounds[at] - lower) * (rank - seen) / found
            seen += found
        return None


class Series:
    """Totals by metric and dimensions."""

    def __init__(self) -> None:
        self._totals: dict[tuple[str, Labels], Total] = {}

    def __bool__(self) -> bool:
        return bool(self._totals)

    def __iter__(self) -> Iterator[tuple[Instrument, Labels, Total]]:
        for (name, labels), total in sorted(self._totals.items(), key=lambda one: one[0]):
            if name in BY_NAME:  # another version may count what this one does not know
                yield BY_NAME[name], labels, total

    def count(self, measure: Measure) -> None:
        """Add one measure."""
        bounds = measure.instrument.bounds
        buckets = [0] * (len(bounds) + 1) if bounds else []
        if buckets:
            buckets[bisect_left(bounds, measure.value)] = 1
        self._add(measure.name, tuple(sorted(measure.dimensions.items())), Total(1, measure.value, buckets))

    def add(self, other: Series) -> None:
        """Add all that another one holds."""
        for (name, labels), total in other._totals.items():
            self._add(name, labels, total)

    def of(self, name: str, **labels: str) -> Total:
        """Return the total of a metric over all dimensions, or those that have these."""
        found = Total()
        for (each, has), total in self._totals.items():
            if each == name and labels.items() <= dict(has).items():
                found.add(total)
        return found

    def _add(self, name: str, labels: Labels, total: Total) -> None:
        self._totals.setdefault((name, labels), Total()).add(total)

    def to_json(self) -> str:
        """Return it as text; see `from_json`."""
        totals = self._totals.items()
        return json.dumps([[name, dict(labels), one.count, one.sum, one.buckets] for (name, labels), one in totals])

    @classmethod
    def from_json(cls, text: str) -> Series:
        series = cls()
        for name, labels, count, sum_, buckets in json.loads(text):
            series._add(name, tuple(sorted(labels.items())), Total(count, sum_, buckets))
        return series


def series_of(measures: Iterable[Measure]) -> Series:
    """Return the totals of these measures."""
    series = Series()
    for measure in measures:
        series.count(measure)
    return series


def differences(one: Series, other: Series) -> Iterator[tuple[str, Mapping[str, str], Total, Total]]:
    """Yield each metric with dimensions of which two totals do not hold the same; sums to a millionth."""
    places = sorted({*one._totals, *other._totals})
    for name, labels in places:
        first, second = one._totals.get((name, labels), Total()), other._totals.get((name, labels), Total())
        close = abs(first.sum - second.sum) <= 1e-6 * max(1.0, abs(first.sum), abs(second.sum))
        if first.count != second.count or not close:
            yield name, dict(labels), first, second
