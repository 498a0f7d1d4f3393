"""When operators are told: pure rules on counts.

A rate is compared exactly, never as a float: 5 of 100 is not above 5 %. An alarm needs evidence: fewer
than `least` cases raise nothing, and an alarm that is on goes off at a lower rate than it came on at,
so that a rate at the threshold does not flutter.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction
from typing import Final


@dataclass(frozen=True, slots=True)
class Rule:
    """An alarm: on above `above`, off at or below `back_to`; both are fractions of `least` cases or more."""

    kind: str
    above: Fraction
    back_to: Fraction
    least: int
    window: timedelta
    says: str
    advice: str


FAILURES: Final = Rule(
    "failure_rate", Fraction(5, 100), Fraction(4, 100), 10, timedelta(hours=24),
    "more than 5 % of the campaigns that ended in the last 24 hours failed",
    "Open the failed campaigns (status failed) and read lastError; the runbook goes on from its code.",
)  # fmt: skip
TIMEOUTS: Final = Rule(
    "timeout_rate", Fraction(20, 100), Fraction(16, 100), 5, timedelta(days=7),
    "more than 20 % of the approvals of the last 7 days ended because nobody decided in time",
    "Check that the notices arrive (outbox, mail), and whether the time to decide is long enough.",
)  # fmt: skip
SLOWNESS: Final = Rule(
    "slow_builds", Fraction(3, 2), Fraction(5, 4), 5, timedelta(hours=24),
    "campaigns take more than 50 % longer to build than in the week before",
    "Look at the model's latency and throttling, then at the workers' load and the writer's concurrency limit.",
)  # fmt: skip
DENIALS: Final = Rule(
    "denied_requests", Fraction(100), Fraction(50), 1, timedelta(minutes=5),
    "more than 100 requests in 5 minutes were refused for want of a valid token or link",
    "Find the network in the log `campaigns.denied`; block it, or rotate the key that it seems to try.",
)  # fmt: skip
UNDELIVERED: Final = Rule(
    "undelivered", Fraction(0), Fraction(0), 1, timedelta(minutes=15),
    "something in the outbox could not be delivered for more than 10 minutes, or was set aside",
    "Run verify-consistency for the tenant: it names the entries and the last error of each.",
)  # fmt: skip
LATE_RUNS: Final = Rule(
    "late_runs", Fraction(0), Fraction(0), 1, timedelta(minutes=5),
    "campaigns have waited for more than 5 minutes for a worker",
    "Look whether a worker lives (prefect work-pool inspect campaigns), and whether the pool is paused or full.",
)  # fmt: skip
TAMPERING: Final = Rule(
    "tampering", Fraction(0), Fraction(0), 1, timedelta(hours=24),
    "a campaign failed because what is stored is not what was approved, or is another tenant's",
    "Nothing went out. Run verify-consistency for the tenant, and find out who can write to the table.",
)  # fmt: skip
MODEL_STOPPED: Final = Rule(
    "model_stopped", Fraction(0), Fraction(0), 1, timedelta(hours=1),
    "calls of the model have been stopped by an operator for more than an hour, and all builds wait",
    "python -m deployments.commands.model says who stopped them and why; resume-model lets them go on.",
)  # fmt: skip
RULES: Final = (FAILURES, TIMEOUTS, SLOWNESS, DENIALS, UNDELIVERED, LATE_RUNS, TAMPERING, MODEL_STOPPED)

UNDELIVERED_AFTER: Final = timedelta(minutes=10)
"""An entry of the outbox that is due for longer is stuck, not late. Counted from when it was first due: in an outage
each of many entries is tried seldom."""

BASELINE_WINDOW: Final = timedelta(days=7)
BASELINE_LEAST: Final = 10


@dataclass(frozen=True, slots=True)
class Reading:
    """What was counted: `part` of `whole`; `cases` is how many cases that stands on."""

    part: int
    whole: int
    cases: int

    @property
    def rate(self) -> Fraction:
        return Fraction(self.part, self.whole)


def is_on(rule: Rule, reading: Reading, *, before: bool) -> bool:
    """Return whether the alarm is on after this reading.

    With too few cases the alarm stays as it is; with none at all, nothing speaks for it any more.
    """
    if reading.cases == 0 or reading.whole == 0:
        return False
    if reading.cases < rule.least:
        return before
    return reading.rate > (rule.back_to if before else rule.above)


def share(part: int, whole: int) -> Reading:
    """Return the reading of so many cases among all of them."""
    return Reading(part, whole, whole)


def any_of(count: int) -> Reading:
    """Return the reading of what should not be there at all."""
    return Reading(count, 1, count)


def slowness(recent: Sequence[int], baseline: Sequence[int]) -> Reading:
    """Return how the mean of recent durations compares with that of the time before; in whole milliseconds."""
    if len(baseline) < BASELINE_LEAST or not recent:
        return Reading(0, 0, 0)
    return Reading(sum(recent) * len(baseline), sum(baseline) * len(recent), len(recent))
