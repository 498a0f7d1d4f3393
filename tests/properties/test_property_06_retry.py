"""Property 6: what fails for now is tried again, in bounds; what fails for good is not.

A whole campaign is planned and written by a model that fails by script, on Prefect's own retries; what it was asked,
what was waited and what is stored is held against the policy as it is written: three attempts, after about one second
and about two, each shortened or lengthened by up to half; posts get three more when the rush is over.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import pytest
from hypothesis import event, example, given, settings
from hypothesis import strategies as st

from campaigns.agents.failures import REMEDIES, FailureCode
from campaigns.operations.acts import By
from campaigns.rules.retry import (
    DEADLINE,
    FIRST_DELAY,
    LONGEST_DELAY,
    MAX_ATTEMPTS,
    delay,
    pause_before_retry,
)
from tasks.upkeep import operate
from tests.properties.machine import TENANT, Machine

# --- the whole product --------------------------------------------------------------------------------

FOR_NOW = {"throttled": "THROTTLED", "timeout": "MODEL_TIMEOUT"}
FOR_GOOD = {"refused": "REFUSED"}
CODES = {**FOR_NOW, **FOR_GOOD}
ATTEMPTS = 3
SCRIPT = st.lists(st.sampled_from(["throttled", "throttled", "timeout", "refused", "words"]), max_size=7)


def expected_of(script: list[str], most: int) -> tuple[int, str]:
    """Return how many calls a script comes to when so many are allowed, and what the last one says."""
    for number, answer in enumerate(script[:most], start=1):
        if answer not in FOR_NOW:
            return number, answer
    return (len(script) + 1, "words") if len(script) < most else (most, script[most - 1])


def pauses_of(calls: int) -> list[float]:
    """Return the nominal pauses between so many calls: about 1 s and 2 s in each three attempts."""
    return [float(number % ATTEMPTS) for number in range(1, calls) if number % ATTEMPTS]


@pytest.mark.property(6, "what fails for now is tried again within bounds, what fails for good is not")
@settings(max_examples=100, deadline=None)
@given(plan=SCRIPT.map(lambda script: script[:4]), posts=st.lists(SCRIPT, min_size=1, max_size=2))
@example(plan=[], posts=[["throttled"] * 7])
@example(plan=["timeout", "throttled"], posts=[["timeout", "throttled", "words"], ["refused"]])
@example(plan=["throttled"] * 4, posts=[[]])
@example(plan=["refused"], posts=[[]])
@example(plan=[], posts=[["refused"], ["throttled"] * 5])
def test_attempts_follow_the_kind_of_failure_and_end_in_a_truthful_status(
    machine: Machine, plan: list[str], posts: list[list[str]]
) -> None:
    """**Feature: campaign-orchestration-durable, Property 6: Retry and error handling consistency**

    *For any* workflow step failure, the system should retry according to configured policies, return structured
    error information, and update status appropriately.
    **Validates: Requirements 1.5, 3.4, 4.4, 6.3, 6.5**
    """
    machine.fresh()
    machine.model.script = {("plan", 0): list(plan)} | {
        ("write", number): list(script) for number, script in enumerate(posts, start=1)
    }
    campaign = machine.submit(machine.brief(len(posts)))

    machine.run(campaign)

    plan_calls, plan_end = expected_of(plan, ATTEMPTS)
    asked = Counter((call.task, call.number) for call in machine.model.calls)
    pauses = pauses_of(plan_calls)
    shown = machine.http("GET", f"/campaigns/{campaign}").json()
    assert asked["plan", 0] == plan_calls
    if plan_end != "words":
        assert sum(asked.values()) == plan_calls  # nothing is written without a plan
        assert (shown["status"], shown["lastError"]["code"]) == ("failed", CODES[plan_end])
        ends = {}
    else:
        found = {number: expected_of(script, 2 * ATTEMPTS) for number, script in enumerate(posts, start=1)}
        assert {number: asked["write", number] for number in found} == {n: calls for n, (calls, _) in found.items()}
        pauses += [pause for calls, _ in found.values() for pause in pauses_of(calls)]
        ends = {number: end for number, (_, end) in found.items()}
        stored = machine.http("GET", f"/campaigns/{campaign}/posts").json()["items"]
        assert {post["number"]: post.get("lastError", {}).get("code", "words") for post in stored} == {
            number: CODES.get(end, end) for number, end in ends.items()
        }
        for post in stored:
            assert (post["status"] == "failed") == (ends[post["number"]] != "words")
        usable = "words" in ends.values()
        assert shown["status"] == ("awaiting_review" if usable else "failed")
        assert usable or shown["lastError"]["code"] == "NO_USABLE_POST"
    state = machine.run_state(campaign)
    assert state is not None
    assert state.is_failed() == (shown["status"] == "failed")
    waited = [seconds for seconds in machine.clock.slept if seconds > 0.01]
    assert len(waited) <= len(pauses)
    assert all(seconds <= 3 for seconds in waited)
    # Those of the plan follow each other, and those of one post; of two posts one passes the time of the other.
    exact = pauses if len(posts) == 1 else pauses_of(plan_calls)
    assert len(waited) == len(pauses) or len(posts) > 1
    assert len(waited) >= len(exact)
    assert all(0.5 * nominal - 0.2 <= seconds <= 1.5 * nominal for seconds, nominal in zip(waited, exact, strict=False))
    event(f"{shown['status']}, {len(pauses)} pauses")

    if shown["status"] == "failed":  # and once the cause is gone, an operator's retry leads on
        machine.model.script.clear()
        machine.model.calls.clear()
        by = By("Olga", "the model is back")
        operate.carry_out.fn(TENANT, campaign, lambda store, found, now: operate.retry(store, found, by, now))
        assert machine.settle(campaign) == "awaiting_review"
        again = Counter((call.task, call.number) for call in machine.model.calls)
        assert again == {("write", number): 1 for number in range(1, len(posts) + 1)} | (
            {} if ends else {("plan", 0): 1}
        )
        assert all("content" in post and "lastError" not in post for post in machine.posts(campaign))


# --- the rule, on values ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Call:
    """What one attempt meets: how long it takes, and its failure; None: it succeeds."""

    seconds: float
    failure: FailureCode | None


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
)
LONG = 12
scripts = st.lists(calls, min_size=LONG, max_size=LONG)
jitters = st.lists(st.floats(0, 1), min_size=LONG, max_size=LONG)
SLOW_THROTTLE = Call(0.5, FailureCode.THROTTLED)


@given(script=scripts, chance=jitters, most=st.integers(1, LONG - 1), deadline=st.floats(1, 400))
@example(script=[SLOW_THROTTLE] * LONG, chance=[1.0] * LONG, most=MAX_ATTEMPTS, deadline=DEADLINE)
@example(script=[Call(0.0, FailureCode.REFUSED)] * LONG, chance=[0.0] * LONG, most=MAX_ATTEMPTS, deadline=DEADLINE)
def test_attempts_follow_the_kind_of_failure_and_stay_in_bounds(
    script: list[Call], chance: list[float], most: int, deadline: float
) -> None:
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
        assert nominal / 2 <= pause <= nominal
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
