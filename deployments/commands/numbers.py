"""The numbers that the design asks for: as they were counted, beside what the stored items come to."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from campaigns.operations.watching.rates import Rates, rates_of
from campaigns.telemetry.instruments import BY_NAME
from campaigns.telemetry.series import Series


class Number(NamedTuple):
    """One number: its name with its unit, as counted, as stored; None: there is none."""

    name: str
    counted: float | None
    stored: float | None


def numbers(counted: Series, stored: Series) -> list[Number]:
    """Return every number of the design, the ones with a dimension once for each value that was seen.

    Failed attempts stand in no item, so of the stored ones those count that a completed step had before.
    """
    both = (rates_of(counted), rates_of(stored))

    def rate(name: str, field: str) -> Number:
        first, second = (getattr(each, field) for each in both)
        return Number(name, first, second)

    return [
        rate("execution duration, ms", "execution_milliseconds"),
        rate("success rate", "success_rate"),
        rate("checkpoints per execution", "checkpoints_per_execution"),
        Number("step completion", both[0].step_completion_rate, _completed(both[1], stored)),
        *_means("WorkflowStepDuration", "StepName", "step duration of {}, ms", counted, stored),
        rate("retries", "retries"),
        *_sums("CampaignFailures", "Code", "failures by code {}", counted, stored),
        rate("approval rate", "approval_rate"),
        rate("time-out rate", "timeout_rate"),
        rate("response time, median, s", "response_seconds_median"),
        rate("response time, 95 %, s", "response_seconds_p95"),
        rate("parallel efficiency, %", "parallel_efficiency"),
        rate("concurrency in use", "concurrency_in_use"),
        rate("tokens", "tokens"),
        rate("cost, US dollars", "cost_usd"),
    ]


def table(found: Sequence[Number]) -> str:
    """Return the numbers as lines; those that differ say so."""
    lines = [f"{'number':<36}{'counted':>16}{'stored':>16}"]
    for each in found:
        end = "" if is_same(each) else "  differs"
        lines.append(f"{each.name:<36}{_said(each.counted):>16}{_said(each.stored):>16}{end}")
    return "\n".join(lines)


def is_same(number: Number) -> bool:
    """Whether both are the same to a millionth, or both missing."""
    one, other = number.counted, number.stored
    if one is None or other is None:
        return one is other
    return abs(one - other) <= 1e-6 * max(1.0, abs(one), abs(other))


def _said(value: float | None) -> str:
    return "none" if value is None else f"{value:,.6g}" if value < 1 else f"{value:,.2f}".removesuffix(".00")


def _completed(rates: Rates, stored: Series) -> float | None:
    kept = stored.of("CheckpointsKept").sum
    return round(kept / (kept + rates.retries), 4) if kept else None


def _means(metric: str, label: str, name: str, *both: Series) -> Iterator[Number]:
    for value in _values(metric, label, *both):
        totals = [series.of(metric, **{label: value}) for series in both]
        first, second = (round(each.sum / each.count, 2) if each.count else None for each in totals)
        yield Number(name.format(value), first, second)


def _sums(metric: str, label: str, name: str, *both: Series) -> Iterator[Number]:
    values = _values(metric, label, *both)
    for value in values:
        first, second = (series.of(metric, **{label: value}).sum for series in both)
        yield Number(name.format(value), first, second)
    if not values:
        yield Number(name.format("(none)"), 0, 0)


def _values(metric: str, label: str, *both: Series) -> list[str]:
    """Return the values that a dimension of a metric has, in either."""
    assert label in BY_NAME[metric].dimensions
    return sorted({dict(labels)[label] for series in both for each, labels, _ in series if each.name == metric})
