"""A receiver of OTLP over HTTP on this machine: it reads the protobuf as a collector would."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from campaigns.telemetry.instruments import BY_NAME
from campaigns.telemetry.prometheus import dotted_name_of


class Receiver:
    """Keeps every span, and every point of every metric."""

    def __init__(self) -> None:
        self.spans: list[Any] = []
        self.points: list[tuple[str, dict[str, str], float, int]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.take(self.path, body)
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def take(self, path: str, body: bytes) -> None:
        if path == "/v1/traces":
            traces = ExportTraceServiceRequest.FromString(body)
            self.spans += [span for one in traces.resource_spans for scope in one.scope_spans for span in scope.spans]
            return
        assert path == "/v1/metrics"
        metrics = ExportMetricsServiceRequest.FromString(body)
        for one in metrics.resource_metrics:
            for scope in one.scope_metrics:
                for metric in scope.metrics:
                    self._keep(metric)

    def _keep(self, metric: Any) -> None:
        for point in metric.sum.data_points:
            labels = {each.key: each.value.string_value for each in point.attributes}
            self.points.append((metric.name, labels, point.as_double or point.as_int, 1))
        for point in metric.histogram.data_points:
            labels = {each.key: each.value.string_value for each in point.attributes}
            self.points.append((metric.name, labels, point.sum, point.count))

    def sum_of(self, name: str, **labels: str) -> float:
        """Return the sum of a metric over all that was received, with at least these labels."""
        wanted = dotted_name_of(BY_NAME[name])
        return sum(value for each, has, value, _ in self.points if each == wanted and labels.items() <= has.items())

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()
