"""Measures as lines that CloudWatch turns into metrics (Embedded Metric Format): OpenTelemetry exports none."""

import json
import sys
from datetime import datetime
from typing import Any

from campaigns import correlation
from campaigns.telemetry.instruments import NAMESPACE, Measure


def emf(measure: Measure, at: datetime) -> str:
    """Return the measure as one line of JSON. The correlation id is a field beside it, no dimension."""
    about = {
        "Timestamp": int(at.timestamp() * 1000),
        "CloudWatchMetrics": [
            {
                "Namespace": NAMESPACE,
                "Dimensions": [sorted(measure.dimensions)],
                "Metrics": [{"Name": measure.name, "Unit": measure.instrument.unit}],
            }
        ],
    }
    line: dict[str, Any] = {"_aws": about, measure.name: measure.value, **measure.dimensions}
    if (correlation_id := correlation.current.get()) is not None:
        line["correlationId"] = correlation_id
    return json.dumps(line)


def to_stdout(measure: Measure, at: datetime) -> None:
    """Print the measure for CloudWatch's log agent."""
    print(emf(measure, at), file=sys.stdout, flush=True)
