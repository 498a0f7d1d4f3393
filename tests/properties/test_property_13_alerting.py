"""Property 13: alarms go on and off exactly where the rules say, and a throttled model is spared and worked again."""

from __future__ import annotations

from fractions import Fraction
from math import ceil

import pytest
from hypothesis import event, example, given
from hypothesis import strategies as st

from campaigns.operations.alarms import (
    BASELINE_LEAST,
    DENIALS,
    FAILURES,
    RULES,
    SLOWNESS,
    TIMEOUTS,
    Reading,
    Rule,
    is_on,
    next_limit,
    share,
    slowness,
)

COUNTS = st.integers(0, 300)


def expected(rule: Rule, reading: Reading, before: bool) -> bool:
    """The rule in other words: cross-multiplied whole numbers, no division."""
    if not reading.cases or not reading.whole:
        return False
    if reading.cases < rule.least:
        return before
    line = rule.back_to if before else rule.above
    return reading.part * line.denominator > reading.whole * line.numerator


@pytest.mark.property(13, "an alarm is on exactly while its rule says so")
@given(
    rule=st.sampled_from(RULES),
    series=st.lists(st.tuples(COUNTS, COUNTS).map(lambda pair: share(min(pair), max(pair))), min_size=1, max_size=30),
)
@example(rule=FAILURES, series=[share(5, 100), share(6, 100), share(5, 100), share(4, 100), share(5, 100)])
@example(rule=TIMEOUTS, series=[share(20, 100), share(21, 100), share(0, 0), share(1, 1)])
def test_an_alarm_is_on_exactly_while_the_rule_says_so(rule: Rule, series: list[Reading]) -> None:
    """**Feature: campaign-orchestration-durable, Property 13: Performance and alerting consistency**

    For any workflow error or performance threshold violation, the system should generate alerts with
    troubleshooting context and trigger automated scaling or throttling responses.
    """
    on, changes = False, 0
    for reading in series:
        after = is_on(rule, reading, before=on)

        assert after == expected(rule, reading, on)
        changes += after != on
        on = after
    event(f"changes: {min(changes, 3)}")
    assert rule.says
    assert rule.advice


@pytest.mark.parametrize("rule", [FAILURES, TIMEOUTS], ids=lambda rule: rule.kind)
@given(whole=st.integers(1, 10_000))
def test_exactly_at_the_threshold_nothing_is_raised_and_one_more_is(rule: Rule, whole: int) -> None:
    at = whole * rule.above.numerator // rule.above.denominator
    enough = whole >= rule.least

    assert not is_on(rule, share(at, whole), before=False)
    assert is_on(rule, share(at + 1, whole), before=False) == enough
    back = whole * rule.back_to.numerator // rule.back_to.denominator
    assert is_on(rule, share(back, whole), before=True) == (not enough)
    assert is_on(rule, share(back + 1, whole), before=True)


def test_nothing_speaks_for_an_alarm_when_there_are_no_cases() -> None:
    for rule in RULES:
        assert not is_on(rule, Reading(0, 0, 0), before=True)
        assert not is_on(rule, Reading(0, 1, 0), before=True)


def test_the_thresholds_are_those_of_the_design() -> None:
    assert (FAILURES.above, TIMEOUTS.above, SLOWNESS.above) == (Fraction(5, 100), Fraction(1, 5), Fraction(3, 2))
    assert is_on(DENIALS, Reading(101, 1, 101), before=False)
    assert not is_on(DENIALS, Reading(100, 1, 100), before=False)


TIMES = st.integers(1, 10**7)


@given(recent=st.lists(TIMES, max_size=40), baseline=st.lists(TIMES, max_size=40))
def test_slowness_compares_means_and_needs_a_baseline(recent: list[int], baseline: list[int]) -> None:
    reading = slowness(recent, baseline)

    if not recent or len(baseline) < BASELINE_LEAST:
        assert reading.cases == 0
    else:
        assert reading.rate == Fraction(sum(recent), len(recent)) / Fraction(sum(baseline), len(baseline))
        slow = sum(recent) * len(baseline) * 2 > sum(baseline) * len(recent) * 3
        assert is_on(SLOWNESS, reading, before=False) == (slow and len(recent) >= SLOWNESS.least)


@given(
    most=st.integers(1, 1000),
    minutes=st.lists(st.booleans(), max_size=60),
    start=st.integers(0, 2000),
)
def test_a_throttled_model_is_spared_by_half_and_worked_again_when_quiet(
    most: int, minutes: list[bool], start: int
) -> None:
    limit, quiet = start, 0
    for throttled in minutes:
        before, quiet = limit, 0 if throttled else quiet + 1
        limit = next_limit(limit, most=most, throttled_now=throttled, throttled_lately=quiet <= 5)

        assert 1 <= limit <= most
        if throttled:
            assert limit <= max(1, before // 2)
        elif quiet <= 5:
            assert limit <= max(1, before)
        else:
            assert limit == most or limit > before
    for _ in range(most + 11):
        limit = next_limit(limit, most=most, throttled_now=False, throttled_lately=False)
    assert limit == most
    assert ceil((most - 1) / max(1, most // 10)) <= 19 or most <= 19  # back at most within twenty minutes
