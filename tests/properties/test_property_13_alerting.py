"""Property 13: alarms go on and off exactly where the rules say, and a throttled model is spared and worked again.

Campaigns and rounds end in the real store, requests are refused by the real application, runs wait on a real Prefect
server; then housekeeping watches. What it must find is counted by hand from what was done here, and what operators
hear is read from the mail they get.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import assume, event, example, given, settings
from hypothesis import strategies as st

from campaigns import wiring
from campaigns.approval.expiry import expire
from campaigns.build.planning import fail
from campaigns.model.campaign import Move
from campaigns.model.vocabulary import CampaignStatus
from campaigns.operations.permits import PERIOD
from campaigns.operations.watching.alarms import (
    BASELINE_LEAST,
    DENIALS,
    FAILURES,
    RULES,
    SLOWNESS,
    TIMEOUTS,
    Reading,
    Rule,
    is_on,
    share,
    slowness,
)
from tests.properties.machine import TENANT, Fault, Machine
from tests.store.samples import a_campaign, a_decision, a_round, decide

# --- the whole product --------------------------------------------------------------------------------

# The alarms of the design: on above so many of so many, off again at or below, and how few cases say nothing.
LINES = {
    "failure_rate": ((5, 100), (4, 100), 10),
    "timeout_rate": ((20, 100), (16, 100), 5),
    "slow_builds": ((3, 2), (5, 4), 5),
    "denied_requests": ((100, 1), (50, 1), 1),
    "undelivered": ((0, 1), (0, 1), 1),
    "late_runs": ((0, 1), (0, 1), 1),
    "tampering": ((0, 1), (0, 1), 1),
    "model_stopped": ((0, 1), (0, 1), 1),
}
MOST_AT_ONCE = 20
"""So many posts are written at once, over all runs, before anything throttled."""
DAY, WEEK = timedelta(days=1), timedelta(days=7)
PAUSES = [0.1, 1.3, 9.7, 25.1, 171.7]
"""Hours that pass; no few of them make a day or a week together, the edges of what is counted."""


@dataclass(frozen=True)
class Ended:
    """So many campaigns end now: failed, with bytes changed, timed out, completed after so long a build."""

    failed: int = 0
    tampered: int = 0
    timed_out: int = 0
    completed: int = 0
    build_minutes: int = 10


@dataclass(frozen=True)
class Denied:
    """So many requests come with a token that is none."""

    requests: int


@dataclass(frozen=True)
class Outage:
    """A brief is accepted, and for an hour Prefect takes nothing; then it does."""


@dataclass(frozen=True)
class NoWorker:
    """A brief is accepted, and no worker is there for so many minutes."""

    minutes: int


@dataclass(frozen=True)
class Throttled:
    """A post is written, and the model asks to be spared."""


@dataclass(frozen=True)
class Pass:
    hours: float


Act = Ended | Denied | Outage | NoWorker | Throttled | Pass
ends = st.builds(
    Ended,
    failed=st.sampled_from([0, 0, 1, 2]),
    tampered=st.sampled_from([0, 0, 0, 0, 1]),
    timed_out=st.sampled_from([0, 0, 1, 2]),
    completed=st.sampled_from([0, 3, 5, 9, 10, 19]),
    build_minutes=st.sampled_from([10, 12, 15, 16, 40]),
)
passes = st.builds(Pass, st.sampled_from(PAUSES))
acts = st.one_of(
    ends,
    ends,
    passes,
    passes,
    st.builds(Denied, st.sampled_from([1, 50, 51, 100, 101])),
    st.builds(Outage),
    st.builds(NoWorker, st.sampled_from([4, 6])),
    st.builds(Throttled),
)


@dataclass
class Ledger:
    """What was done, and what must follow of it."""

    campaigns: list[tuple[datetime, str, timedelta | None]] = field(default_factory=list)
    """When it ended, how, and how long it was built; None: its approvers were never asked."""
    rounds: list[tuple[datetime, bool]] = field(default_factory=list)
    """When it was over, and whether its time ran out."""
    denied: list[datetime] = field(default_factory=list)
    waits_since: datetime | None = None
    """When a run should have begun that no worker takes."""
    stuck: int = 0
    on: dict[str, bool] = field(default_factory=lambda: dict.fromkeys(LINES, False))

    def counted(self, now: datetime) -> dict[str, tuple[Fraction | None, int]]:
        """Return rate and number of cases of each alarm; no rate: there is nothing to compare."""
        lately = [how for at, how, _ in self.campaigns if at > now - DAY]
        asked = [ran_out for at, ran_out in self.rounds if at > now - WEEK]
        fresh = [took for at, _, took in self.campaigns if took and at > now - DAY]
        before = [took for at, _, took in self.campaigns if took and now - DAY - WEEK < at <= now - DAY]
        slow = _mean(fresh) / _mean(before) if fresh and len(before) >= 10 else None
        denied = sum(_minute(now) - at <= timedelta(minutes=5) for at in self.denied)
        late = int(self.waits_since is not None and now - self.waits_since > timedelta(minutes=5))
        failed = sum(how in {"failed", "tampered"} for how in lately)
        return {
            "failure_rate": (Fraction(failed, len(lately)) if lately else None, len(lately)),
            "timeout_rate": (Fraction(sum(asked), len(asked)) if asked else None, len(asked)),
            "slow_builds": (slow, len(fresh)),
            "denied_requests": (Fraction(denied), denied),
            "undelivered": (Fraction(self.stuck), self.stuck),
            "late_runs": (Fraction(late), late),
            "tampering": (Fraction(n := lately.count("tampered")), n),
            "model_stopped": (Fraction(0), 0),  # tests/flows/test_model_stopped.py
        }

    def judge(self, now: datetime) -> dict[str, bool]:
        """Return the alarms that change now, and to what."""
        changes = {}
        for kind, (rate, cases) in self.counted(now).items():
            (on, of), (off, off_of), least = LINES[kind]
            before = self.on[kind]
            if rate is None or cases == 0:
                after = False
            elif cases < least:
                after = before
            else:
                after = rate > (Fraction(off, off_of) if before else Fraction(on, of))
            if after != before:
                changes[kind] = after
            self.on[kind] = after
        return changes


def _mean(spans: list[timedelta]) -> Fraction:
    return Fraction(sum(spans, timedelta()) // timedelta(milliseconds=1), len(spans))


def _minute(at: datetime) -> datetime:
    return at.replace(second=0, microsecond=0)


@pytest.mark.property(13, "an alarm is on exactly while its rule says so")
@settings(max_examples=100, deadline=None)
@given(story=st.lists(acts, min_size=1, max_size=5))
@example(story=[Ended(failed=1, completed=19), Ended(failed=1), Pass(1.3), Ended(completed=19), Pass(25.1)])
@example(story=[Ended(timed_out=1, completed=4), Ended(timed_out=1), Ended(completed=10), Pass(171.7)])
@example(
    story=[Ended(completed=10), Pass(25.1), Ended(completed=5, build_minutes=15), Ended(completed=1, build_minutes=60)]
)
@example(story=[Denied(100), Denied(1), Pass(0.1)])
@example(story=[Denied(101)])
@example(story=[Outage(), Pass(1.3)])
@example(story=[NoWorker(4), NoWorker(6)])
@example(story=[Ended(tampered=1), Pass(25.1)])
@example(story=[Throttled(), Throttled(), Pass(0.1), Pass(0.1)])
def test_operators_hear_of_exactly_what_crosses_a_line_and_a_throttled_model_is_spared(
    machine: Machine, story: list[Act]
) -> None:
    """**Feature: campaign-orchestration-durable, Property 13: Performance and alerting consistency**

    For any workflow error or performance threshold violation, the system should generate alerts with
    troubleshooting context and trigger automated scaling or throttling responses.
    """
    machine.fresh()
    ledger, heard = Ledger(), 0
    for act in story:
        heard += _act(machine, ledger, act)
        heard += watched(machine, ledger)
    event(f"alarms heard: {min(heard, 4)}")


def watched(machine: Machine, ledger: Ledger) -> int:
    """Let housekeeping watch, hold what it does against the ledger, and return how many alarms were told."""
    now, ledger.stuck = machine.clock.now(), _tried_in_vain(machine)
    machine.housekeeping(duties=["watch the rates"], now=now)
    found, changes, told = ledger.counted(now), ledger.judge(now), machine.told_operators()
    subjects = {f"Campaigns: {kind} {'on' if on else 'off'}": kind for kind, on in changes.items()}
    assert sorted(told) == sorted(subjects)
    for subject, words in told.items():
        kind = subjects[subject]
        assert f"cases: {found[kind][1]}" in words, "no figures to look into it with"
        assert ("Over:" in words) != changes[kind]
        assert len(words) > 120 or not changes[kind], "nothing says what to look at"
    assert sum(item["on"] for item in machine.raw.items("alarm")) == sum(ledger.on.values())
    return len(told)


def _act(machine: Machine, ledger: Ledger, act: Act) -> int:
    """Let it happen; housekeeping may watch meanwhile: return how many alarms were told then."""
    match act:
        case Pass(hours):
            machine.clock.advance(timedelta(hours=hours))
        case Ended():
            _end(machine, ledger, act, machine.clock.now())
        case Denied(requests):
            with _in_one_minute(machine) as minute:
                for _ in range(requests):
                    refused = machine.client.get("/campaigns", headers={"Authorization": "Bearer none"})
                    assert refused.status_code == 401
            ledger.denied += [minute] * requests
        case Throttled():
            machine.model.script["write", 1] = ["throttled"]
            before = _limit(machine)
            machine.clock.advance(PERIOD)  # the limit may be moved again
            machine.run(machine.submit())
            # Its thread does that every two seconds, and may have.
            wiring.get_permits()._shares[TENANT]._exchange(machine.clock.now())
            assert _limit(machine) < before
        case NoWorker(minutes):
            campaign = machine.submit()
            run = machine.flow_run(campaign)
            assert run is not None
            ledger.waits_since = run.expected_start_time
            machine.clock.advance(timedelta(minutes=minutes))
            heard = watched(machine, ledger)
            machine.run(campaign)
            ledger.waits_since = None
            return heard
        case Outage():
            return _outage(machine, ledger)
    return 0


@contextmanager
def _in_one_minute(machine: Machine) -> Iterator[datetime]:
    """Do something within a minute that begins now: what is counted by minutes is then counted in this one."""
    now = machine.clock.now()
    machine.clock.advance(_minute(now) + timedelta(minutes=1) - now)
    began = _minute(machine.clock.now())
    yield began
    assume(_minute(machine.clock.now()) == began)


def _outage(machine: Machine, ledger: Ledger) -> int:
    away = [Fault("prefect", nth, "away") for nth in range(1, 100)]
    campaign = machine.submit(faults=away)
    heard = 0
    for _ in range(10):  # every entry is tried after five minutes at the latest
        machine.clock.advance(timedelta(minutes=6))
        machine.housekeeping(*away, duties=["ring and start"])
        heard += watched(machine, ledger)
    assert ledger.stuck > 0
    machine.clock.advance(timedelta(minutes=6))
    machine.housekeeping(duties=["ring and start"])
    machine.run(campaign)
    return heard


def _tried_in_vain(machine: Machine) -> int:
    """Return how many entries of the outbox have been due for more than ten minutes, or were set aside."""
    items = [each for each in machine.raw.items("outbox") if "doneAt" not in each["is"]]
    since = [datetime.fromisoformat(each.get("first_due_at", each["is"]["dueAt"])) for each in items]
    late = [machine.clock.now() - each > timedelta(minutes=10) for each in since]
    return sum("quarantinedAt" in each["is"] or is_late for each, is_late in zip(items, late, strict=True))


def _end(machine: Machine, ledger: Ledger, ends: Ended, now: datetime) -> None:
    store, build = machine.store, timedelta(minutes=ends.build_minutes)
    hows = ["failed"] * ends.failed + ["tampered"] * ends.tampered
    for how in [*hows, *["timed out"] * ends.timed_out, *["completed"] * ends.completed]:
        asked_at = now - timedelta(hours=2)
        campaign = a_campaign(TENANT, created_at=asked_at - build, updated_at=asked_at)
        store.campaigns.create(campaign, actor="tests", at=campaign.created_at)

        def move(*to: str, campaign_id: str = campaign.id) -> None:
            for each in to:
                store.campaigns.move(TENANT, campaign_id, Move(CampaignStatus(each), "tests", "so", now))

        match how:
            case "failed" | "tampered":
                code = "INTEGRITY" if how == "tampered" else "NO_USABLE_POST"
                fail(store, campaign, code=code, message="as it is", retryable=False, now=now)
            case "timed out" | "completed":
                move("generating")
                over = now if how == "timed out" else now + timedelta(hours=70)
                asked = a_round(campaign, opened_at=asked_at, expires_at=over)
                store.approvals.open_round(asked, actor="tests", at=asked_at)
                if how == "timed out":
                    assert expire(store, asked, now) is not None
                    move("approval_timeout")
                else:
                    decide(store, a_decision(asked, at=now))
                    move("approved", "completed")
                ledger.rounds.append((now, how == "timed out"))
        ledger.campaigns.append((now, how, build if how in {"timed out", "completed"} else None))


def _limit(machine: Machine) -> int:
    limit = machine.store.permits.read(machine.clock.now()).limit
    return limit.calls if limit else MOST_AT_ONCE


# --- the rules, on values -----------------------------------------------------------------------------

COUNTS = st.integers(0, 300)


def expected(rule: Rule, reading: Reading, before: bool) -> bool:
    """The rule in other words: cross-multiplied whole numbers, no division."""
    if not reading.cases or not reading.whole:
        return False
    if reading.cases < rule.least:
        return before
    line = rule.back_to if before else rule.above
    return reading.part * line.denominator > reading.whole * line.numerator


@given(
    rule=st.sampled_from(RULES),
    series=st.lists(st.tuples(COUNTS, COUNTS).map(lambda pair: share(min(pair), max(pair))), min_size=1, max_size=30),
)
@example(rule=FAILURES, series=[share(5, 100), share(6, 100), share(5, 100), share(4, 100), share(5, 100)])
@example(rule=TIMEOUTS, series=[share(20, 100), share(21, 100), share(0, 0), share(1, 1)])
def test_an_alarm_is_on_exactly_while_the_rule_says_so(rule: Rule, series: list[Reading]) -> None:
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
