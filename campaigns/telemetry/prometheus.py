"""The tallies as Prometheus reads them: the numbers of all processes, whichever answers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from campaigns.telemetry.instruments import Instrument
from campaigns.telemetry.series import Series

if TYPE_CHECKING:
    from prometheus_client import Metric

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_UNITS: Final = {"Milliseconds": "_milliseconds", "Seconds": "_seconds", "Percent": "_percent"}
_HUMP: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")


def name_of(instrument: Instrument) -> str:
    """Return what Prometheus calls a metric, such as `campaigns_workflow_step_duration_milliseconds`."""
    total = "_total" if instrument.kind == "counter" else ""
    return f"{dotted_name_of(instrument).replace('.', '_')}{_UNITS.get(instrument.unit, '')}{total}"


def dotted_name_of(instrument: Instrument) -> str:
    """Return what OpenTelemetry calls a metric; a collector makes the above of it, with the unit."""
    plain = "_".join(_HUMP.split(instrument.name)).lower().removeprefix("campaigns_")
    return f"campaigns.{plain}"


def exposed(series: Series) -> bytes:
    """Return the totals in Prometheus's text format."""
    from prometheus_client import CollectorRegistry, generate_latest

    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector(series))
    return generate_latest(registry)


class _Collector:
    def __init__(self, series: Series) -> None:
        self._series = series

    def collect(self) -> Iterator[Metric]:
        """Yield a family for each metric, as the library asks for it."""
        from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily

        families: dict[str, CounterMetricFamily | HistogramMetricFamily] = {}
        for instrument, labels, total in self._series:
            name = name_of(instrument)
            if name not in families:
                kind = CounterMetricFamily if instrument.kind == "counter" else HistogramMetricFamily
                families[name] = kind(name, instrument.says, labels=list(instrument.dimensions))
            family, values = families[name], [dict(labels).get(each, "") for each in instrument.dimensions]
            if isinstance(family, CounterMetricFamily):
                family.add_metric(values, total.sum)
                continue
            seen, buckets = 0, []
            bounds = [*(str(float(each)) for each in instrument.bounds), "+Inf"]
            for bound, found in zip(bounds, total.buckets, strict=True):
                seen += found
                buckets.append((bound, seen))
            family.add_metric(values, buckets, total.sum)
        yield from families.values()
