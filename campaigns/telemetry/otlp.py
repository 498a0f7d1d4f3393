"""Metrics and spans by OTLP over HTTP, where an endpoint is set: the only module that imports OpenTelemetry's SDK.

Everything leaves behind the work, by threads of the SDK; a receiver that is down costs nothing but what it misses,
which is counted. Numbers are sent as deltas: flow processes live for seconds, and sums of each would be series
without end.
"""

import atexit
import random
import threading
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.metrics import Counter, Histogram, Meter
from opentelemetry.sdk.metrics import Counter as OtelCounter
from opentelemetry.sdk.metrics import Histogram as OtelHistogram
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    MetricExportResult,
    MetricsData,
    PeriodicExportingMetricReader,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult
from opentelemetry.sdk.trace.id_generator import IdGenerator

from campaigns.telemetry import spans
from campaigns.telemetry.instruments import INSTRUMENTS, Instrument, Measure
from campaigns.telemetry.prometheus import dotted_name_of
from campaigns.telemetry.recorder import recorder

_SECONDS: Final = 2.0
"""For one export, and for the last one of a process that ends."""
_EVERY_MILLISECONDS: Final = 10_000
_UNITS: Final = {"Milliseconds": "ms", "Seconds": "s", "Percent": "%", "Count": "1", "None": "1"}


class _StoryIds(IdGenerator):
    """Ids that follow from the story where others must be able to say them, random ones else."""

    def generate_span_id(self) -> int:
        return spans.span_id() or random.getrandbits(64) or 1

    def generate_trace_id(self) -> int:
        return spans.trace_id() or random.getrandbits(128) or 1


class _CountedMetrics(OTLPMetricExporter):
    def export(
        self, metrics_data: MetricsData, timeout_millis: float | None = 10_000, **more: Any
    ) -> MetricExportResult:
        try:
            result = super().export(metrics_data, timeout_millis, **more)
        except Exception:
            result = MetricExportResult.FAILURE
        if result is not MetricExportResult.SUCCESS:
            points = [
                point
                for resource in metrics_data.resource_metrics
                for scope in resource.scope_metrics
                for metric in scope.metrics
                for point in metric.data.data_points
            ]
            recorder.drop("otlp", len(points))
        return result


class _CountedSpans(OTLPSpanExporter):
    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        try:
            result = super().export(spans)
        except Exception:
            result = SpanExportResult.FAILURE
        if result is not SpanExportResult.SUCCESS:
            recorder.drop("otlp", len(spans))
        return result


class Otlp:
    """The way out by OTLP: a sink for measures, and what makes spans."""

    def __init__(self, endpoint: str) -> None:
        resource = Resource.create({"service.name": "campaign-orchestration"})
        delta = dict.fromkeys((OtelCounter, OtelHistogram), AggregationTemporality.DELTA)
        base = endpoint.rstrip("/")
        exporter = _CountedMetrics(
            endpoint=f"{base}/v1/metrics",
            timeout=_SECONDS,
            preferred_temporality=delta,  # type: ignore[arg-type]
        )
        reader = PeriodicExportingMetricReader(exporter, export_interval_millis=_EVERY_MILLISECONDS)
        self._meters = MeterProvider([reader], resource=resource, shutdown_on_exit=False)
        self._tracers = TracerProvider(id_generator=_StoryIds(), resource=resource, shutdown_on_exit=False)
        self._tracers.add_span_processor(
            BatchSpanProcessor(
                _CountedSpans(endpoint=f"{base}/v1/traces", timeout=_SECONDS), schedule_delay_millis=2000
            )
        )
        meter = self._meters.get_meter("campaigns")
        self._instruments = {each.name: self._made(meter, each) for each in INSTRUMENTS}
        spans.use(self._tracers.get_tracer("campaigns"))
        atexit.register(self.close)

    def __call__(self, measure: Measure, _at: datetime) -> None:
        """Count one measure; it leaves with the next export."""
        instrument = self._instruments[measure.name]
        if isinstance(instrument, Counter):
            instrument.add(measure.value, dict(measure.dimensions))
        else:
            instrument.record(measure.value, dict(measure.dimensions))

    @staticmethod
    def _made(meter: Meter, each: Instrument) -> Counter | Histogram:
        named = dotted_name_of(each), _UNITS[each.unit], each.says
        if each.kind == "counter":
            return meter.create_counter(*named)
        return meter.create_histogram(*named, explicit_bucket_boundaries_advisory=list(each.bounds))

    def close(self) -> None:
        """Send what waits, as long as an exiting process may take for that."""
        atexit.unregister(self.close)
        spans.use(None)
        last = threading.Thread(target=self._shut_down, daemon=True)
        last.start()
        last.join(2 * _SECONDS)

    def _shut_down(self) -> None:
        self._tracers.shutdown()
        self._meters.shutdown(timeout_millis=_SECONDS * 1000)
