"""Property 6: what fails for now is tried again, in bounds; what fails for good is not."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import event, example, given
from hypothesis import strategies as st

from campaigns.agents.failures import REMEDIES, FailureCode
from campaigns.rules.retry import (
    DEADLINE,
    FIRST_DELAY,
    LONGEST_DELAY,
    MAX_ATTEMPTS,
    delay,
    pause_before_retry,
)


@dataclass(frozen=True)
class Call:
    """What one attempt meets: how long it takes, and its failure; None: it succeeds."""

    seconds: float
    failure: FailureCode | None
    retry_after: float | None = None


@dataclass(frozen=True)
class Trace:
    """What came of a script: the attempts made, the pauses between them, the time at the start of the last one."""

    attempts: int
    pauses: list[float]
    last_start: float
    succeeded: bool


def run(script: list[Call], jitters: list[float], *, max_attempts: int, deadline: float) -> Trace:
    """Work through a script as a task does, on a clock that only this function moves."""
    now, pauses = 0.0, []
    for attempt, call in enumerate(script, start=1):
        started = now
        now += call.seconds
        if call.failure is None:
            return Trace(attempt, pauses, started, succeeded=True)
        pause = pause_before_retry(
            attempt,
            retryable=REMEDIES[call.failure].retryable,
            jitter=jitters[attempt - 1],
            elapsed=now,
            retry_after=call.retry_after,
            max_attempts=max_attempts,
            deadline=deadline,
        )
        if pause is None:
            return Trace(attempt, pauses, started, succeeded=False)
        pauses.append(pause)
        now += pause
    raise AssertionError("the script was too short: more attempts were made than allowed")


TRANSIENT = [code for code in FailureCode if REMEDIES[code].retryable]
# Mostly transient: a script that ends at its first call says little.
failures = st.one_of(st.sampled_from(TRANSIENT), st.sampled_from(TRANSIENT), st.none(), st.sampled_from(FailureCode))
calls = st.builds(
    Call,
    seconds=st.floats(0, 200),
    failure=failures,
    retry_after=st.one_of(st.none(), st.floats(0, 3600)),
)
LONG = 12
scripts = st.lists(calls, min_size=LONG, max_size=LONG)
jitters = st.lists(st.floats(0, 1), min_size=LONG, max_size=LONG)
SLOW_THROTTLE = Call(0.5, FailureCode.THROTTLED, retry_after=7.0)


@pytest.mark.property(6, "what fails for now is tried again within bounds, what fails for good is not")
@given(script=scripts, chance=jitters, most=st.integers(1, LONG - 1), deadline=st.floats(1, 400))
@example(script=[SLOW_THROTTLE] * LONG, chance=[1.0] * LONG, most=MAX_ATTEMPTS, deadline=DEADLINE)
@example(script=[Call(0.0, FailureCode.REFUSED)] * LONG, chance=[0.0] * LONG, most=MAX_ATTEMPTS, deadline=DEADLINE)
def test_attempts_follow_the_kind_of_failure_and_stay_in_bounds(
    script: list[Call], chance: list[float], most: int, deadline: float
) -> None:
    """**Feature: campaign-orchestration-durable, Property 6: Retry and error handling consistency**

    *For any* agent failure the system retries by policy when the failure is transient, never when it
    is permanent, with growing jittered delays, and ends in a truthful status.
    **Validates: Requirements 3.4, 4.4, 6.5**
    """
    trace = run(script, chance, max_attempts=most, deadline=deadline)

    stops = [
        number
        for number, call in enumerate(script, start=1)
        if call.failure is None or not REMEDIES[call.failure].retryable
    ]
    needed = min([*stops, most])
    assert trace.attempts <= needed
    assert trace.succeeded == (script[trace.attempts - 1].failure is None)
    assert len(trace.pauses) == trace.attempts - 1
    for number, pause in enumerate(trace.pauses, start=1):
        nominal = min(FIRST_DELAY * 2 ** (number - 1), LONGEST_DELAY)
        asked = min(script[number - 1].retry_after or 0.0, LONGEST_DELAY)
        assert max(nominal / 2, asked) <= pause <= max(nominal, asked)
    if trace.attempts > 1:
        assert trace.last_start < deadline
    if trace.attempts < needed:  # then only the deadline can have stopped it
        last = script[trace.attempts - 1]
        assert trace.last_start + last.seconds + LONGEST_DELAY >= deadline
    event("succeeded" if trace.succeeded else "gave up")
    event(f"attempts {min(trace.attempts, 4)}")


@given(attempt=st.integers(1, 10_000), jitter=st.floats(0, 1))
def test_a_delay_is_never_longer_than_thirty_seconds_nor_shorter_than_half_its_step(
    attempt: int, jitter: float
) -> None:
    pause = delay(attempt, jitter)

    assert 0.5 * min(2.0 ** min(attempt - 1, 30), 30.0) <= pause <= min(2.0 ** min(attempt - 1, 30), 30.0)


@given(attempt=st.integers(1, 6), one=st.floats(0, 1), other=st.floats(0, 1))
def test_posts_that_failed_together_do_not_come_back_together(attempt: int, one: float, other: float) -> None:
    assert (delay(attempt, one) < delay(attempt, other)) == (0.5 + 0.5 * one < 0.5 + 0.5 * other)


@pytest.mark.parametrize("code", FailureCode, ids=str)
def test_every_failure_has_a_remedy_in_words(code: FailureCode) -> None:
    remedy = REMEDIES[code]

    assert remedy.meaning.endswith(".")
    assert remedy.action.endswith(".")


def test_exactly_what_may_pass_is_retried() -> None:
    retried = {code for code in FailureCode if REMEDIES[code].retryable}

    assert retried == {"THROTTLED", "MODEL_TIMEOUT", "MODEL_UNAVAILABLE", "INSUFFICIENT_EXAMPLES", "AGENT_ERROR"}


def test_the_original_policy_is_three_attempts_from_one_second_doubling_to_thirty() -> None:
    assert MAX_ATTEMPTS == 3
    assert [delay(attempt, 1.0) for attempt in range(1, 8)] == [1, 2, 4, 8, 16, 30, 30]
