"""The rates of the design, drawn from what was counted: for the status page, and for whoever compares."""

from campaigns.model.base import Maybe, Wire
from campaigns.telemetry.instruments import BY_NAME
from campaigns.telemetry.series import Series

_ENDED = ("completed", "rejected", "approval_timeout", "failed")
_MEDIAN, _LATE = 0.5, 0.95


class Rates(Wire):
    """Shares from 0 to 1; one of which nothing was counted is missing. Medians and 95 % are estimates from buckets."""

    ended: int
    success_rate: Maybe[float] = None
    approval_rate: Maybe[float] = None
    timeout_rate: Maybe[float] = None
    step_completion_rate: Maybe[float] = None
    retries: int
    checkpoints_per_execution: Maybe[float] = None
    execution_milliseconds: Maybe[float] = None
    response_seconds_median: Maybe[float] = None
    response_seconds_p95: Maybe[float] = None
    parallel_efficiency: Maybe[float] = None
    concurrency_in_use: Maybe[float] = None
    tokens: int
    cost_usd: float


def rates_of(series: Series) -> Rates:
    """Return the rates of what was counted."""
    moved = {status: series.of("CampaignsMoved", Status=status).sum for status in _ENDED}
    ended = sum(moved.values())
    decided, timed_out = series.of("RoundsDecided").sum, series.of("RoundsTimedOut").sum
    kept, failed = series.of("CheckpointsKept").sum, series.of("StepAttemptsFailed").sum
    answers, bounds = series.of("ApproverResponseTime"), BY_NAME["ApproverResponseTime"].bounds
    return Rates(
        ended=int(ended),
        success_rate=_share(ended - moved["failed"], ended),
        approval_rate=_share(series.of("RoundsDecided", Outcome="approved").sum, decided),
        timeout_rate=_share(timed_out, decided + timed_out),
        step_completion_rate=_share(kept, kept + failed),
        retries=int(series.of("StepRetries").sum),
        checkpoints_per_execution=_mean(series, "CheckpointsPerExecution"),
        execution_milliseconds=_mean(series, "ExecutionDuration"),
        response_seconds_median=answers.quantile(_MEDIAN, bounds),
        response_seconds_p95=answers.quantile(_LATE, bounds),
        parallel_efficiency=_mean(series, "ParallelEfficiency"),
        concurrency_in_use=_mean(series, "ConcurrencyInUse"),
        tokens=int(series.of("TokensUsed").sum),
        cost_usd=round(series.of("CostUsd").sum, 6),
    )


def _share(part: float, whole: float) -> float | None:
    return round(part / whole, 4) if whole else None


def _mean(series: Series, name: str) -> float | None:
    total = series.of(name)
    return round(total.sum / total.count, 2) if total.count else None
