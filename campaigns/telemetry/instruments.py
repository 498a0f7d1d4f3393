"""The one list of metrics: what is counted, under which name, in which unit, and by which closed dimensions.

Dashboards, `/metrics`, OTLP and the recount are made from this list; a measure that is not in it is refused.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

NAMESPACE: Final = "CampaignOrchestration"

Unit = Literal["Count", "Milliseconds", "Seconds", "Percent", "None"]
"""CloudWatch's words."""
_Kind = Literal["counter", "histogram"]

_MILLISECONDS: Final = (
    5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 120_000, 300_000, 600_000, 3_600_000,
)  # fmt: skip
_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_HUMAN_SECONDS: Final = (
    1, 5, 15, 30, _MINUTE, 2 * _MINUTE, 5 * _MINUTE, 10 * _MINUTE, 30 * _MINUTE, _HOUR, 2 * _HOUR, 4 * _HOUR,
    8 * _HOUR, 16 * _HOUR, _DAY, 2 * _DAY, 3 * _DAY, 5 * _DAY, 7 * _DAY, 14 * _DAY,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Instrument:
    """One metric.

    Args:
        bounds: upper bounds of the buckets of a histogram, in its unit.
        recounted: whether the same number follows from what is stored (`operations.watching.recount`).
    """

    name: str
    kind: _Kind
    unit: Unit
    says: str
    dimensions: tuple[str, ...] = ()
    bounds: tuple[float, ...] = ()
    recounted: bool = True


def _counter(name: str, says: str, *dimensions: str, unit: Unit = "Count", recounted: bool = True) -> Instrument:
    return Instrument(name, "counter", unit, says, dimensions, recounted=recounted)


def _histogram(name: str, unit: Unit, bounds: tuple[float, ...], says: str, *dimensions: str) -> Instrument:
    return Instrument(name, "histogram", unit, says, dimensions, bounds)


INSTRUMENTS: Final = (
    # --- executions
    _counter("CampaignsCreated", "Campaigns that were stored"),
    _counter("CampaignsMoved", "Campaigns that came to a status; success rate: 1 - failed / all that ended", "Status"),
    _counter("CampaignFailures", "Campaigns that failed, by the code of their lastError", "Code"),
    _histogram(
        "ExecutionDuration", "Milliseconds", tuple(1000 * each for each in _HUMAN_SECONDS),
        "From a campaign's creation until it comes to rest, waiting for people included",
    ),
    _histogram(
        "BuildDuration", "Milliseconds", _MILLISECONDS, "From a campaign's creation until its first round is opened"
    ),
    _histogram(
        "CheckpointsPerExecution", "Count", (5, 10, 15, 20, 30, 50, 100, 200, 500),
        "Checkpoints of a campaign when its last step is kept",
    ),
    _counter("RunsStartedAgain", "Runs that housekeeping started again"),
    # --- steps
    _counter("CheckpointsKept", "Steps that were completed: their result is kept", "StepName"),
    _histogram(
        "WorkflowStepDuration", "Milliseconds", _MILLISECONDS, "The attempt at a step that completed it", "StepName"
    ),
    _counter("StepRetries", "Attempts at completed steps beyond the first", "StepName"),
    _counter(
        "StepAttemptsFailed", "Attempts at steps that raised, by the error's code", "StepName", "Code", recounted=False
    ),
    # --- approvals
    _counter("RoundsOpened", "Approval rounds that were opened"),
    _counter("RoundsDecided", "Approval rounds that were decided; approval rate: approved / all decided", "Outcome"),
    _counter("RoundsTimedOut", "Approval rounds that ran out of time; rate: timed out / (decided + timed out)"),
    _counter("Decisions", "Decisions of approvers"),
    _counter("DecisionsUndone", "Decisions that were taken back"),
    _histogram("ApproverResponseTime", "Seconds", _HUMAN_SECONDS, "From the opening of a round to a decision in it"),
    # --- performance
    _histogram(
        "ParallelEfficiency", "Percent", (10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 100),
        "Of a map of posts: the time that it would take at best, of the time that it took",
    ),
    _histogram(
        "ConcurrencyInUse", "Count", (1, 2, 3, 5, 10, 20, 50, 100), "Of a map of posts: the most written at once"
    ),
    # --- money
    _counter("ModelCalls", "Calls of a model"),
    _counter("TokensUsed", "Tokens of models", "Direction"),
    _counter("CostUsd", "US dollars that models cost", unit="None"),
    # --- telemetry itself
    _counter("TelemetryDropped", "Measures and spans that a sink did not take", "Sink", recounted=False),
)  # fmt: skip

BY_NAME: Final[Mapping[str, Instrument]] = {each.name: each for each in INSTRUMENTS}


@dataclass(frozen=True, slots=True)
class Measure:
    """One number for a metric. Dimensions come from closed lists, never an id: ids would make metrics without end."""

    name: str
    value: float
    dimensions: Mapping[str, str] = field(default_factory=dict)

    @property
    def instrument(self) -> Instrument:
        return BY_NAME[self.name]


UNCODED: Final = "OTHER"
_CODE: Final = re.compile(r"[A-Z][A-Z_]{2,39}", re.ASCII)


def code_of(text: str | None) -> str:
    """Return the code as a dimension: what is not spelled as one, such as a sentence of an operator, is `OTHER`."""
    return text if text is not None and _CODE.fullmatch(text) else UNCODED
