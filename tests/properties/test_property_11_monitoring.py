"""Property 11: what is told about a campaign is what happened to it, once, whatever fails on the way.

Whole lives, over HTTP and run by the engine: the metrics that every process prints are held against a list made by hand
and against the trail as it lies in the table; so is what `GET /execution` shows at each station.
"""

from __future__ import annotations

import json
import logging
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from datetime import datetime, timedelta
from io import StringIO
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import pytest
from hypothesis import event, example, given, settings
from hypothesis import strategies as st

from campaigns import correlation
from campaigns.approval.expiry import expire
from campaigns.errors import CampaignError, ConflictError, StoreUnavailableError
from campaigns.model.approval import AuditEntry
from campaigns.model.campaign import AT_REST, TRANSITIONS
from campaigns.model.fact import Fact
from campaigns.model.vocabulary import PLATFORMS, CampaignStatus, Decision
from campaigns.operations.metrics import AUDIT, Measure, Meter, Signals, emf, measures_of
from campaigns.store import Store
from campaigns.store.sqlite import SQLiteTable
from campaigns.store.table import Operation, Put
from campaigns.store.transaction import commit
from tests.properties.machine import Fault, Machine
from tests.store.samples import NOW, TENANT, a_campaign, a_decision, a_round, decide

# --- the whole product --------------------------------------------------------------------------------

End = Literal["approved", "rejected", "timeout", "cancel", "refused"]
CORRELATION = "X-Correlation-Id"

# What /execution says of a campaign in each status: its own status, and the step that is under way.
SHOWN = {
    "planning": ("running", "plan"),
    "generating": ("running", "generate"),
    "awaiting_review": ("waiting_callback", "wait"),
    "needs_revision": ("running", "revise"),
    "approved": ("running", "complete"),
    "completed": ("completed", None),
    "rejected": ("completed", None),
    "approval_timeout": ("completed", None),
    "cancelled": ("completed", None),
    "failed": ("failed", None),
}
DONE = {
    "planning": ["save"],
    "awaiting_review": ["save", "plan", "generate", "ask"],
    "completed": ["save", "plan", "generate", "ask", "wait", "complete"],
    "rejected": ["save", "plan", "generate", "ask", "wait", "complete"],
    "approval_timeout": ["save", "plan", "generate", "ask", "wait", "complete"],
    "cancelled": ["save", "plan", "generate", "ask"],
}
# What each entry of a trail adds to the metrics, beside what `Status` and `Outcome` say.
COUNTED = {
    "created": "CampaignsCreated",
    "round_opened": "RoundsOpened",
    "round_timed_out": "RoundsTimedOut",
    "run_started_again": "RunsStartedAgain",
    "moved": "CampaignsMoved",
    "decided": "Decisions",
}


@dataclass(frozen=True)
class Life:
    """How often changes are asked for, how it ends, what goes wrong in the store, and where metrics are printed."""

    revisions: int
    end: End
    faults: tuple[Fault, ...] = ()
    printer_fails: tuple[bool, ...] = (False,)
    race: bool = False


lives = st.builds(
    Life,
    revisions=st.sampled_from([0, 0, 0, 1]),
    end=st.sampled_from(["approved", "rejected", "timeout", "cancel", "refused"]),
    faults=st.lists(
        st.builds(Fault, st.just("store"), st.integers(1, 25), st.sampled_from(["lost", "away", "killed after"])),
        max_size=2,
    ).map(tuple),
    printer_fails=st.sampled_from([(False,), (False,), (False,), (True, False), (False, False, True)]),
    race=st.booleans(),
)


class Printer(StringIO):
    """Where every process prints its metrics; some lines cannot be printed."""

    def __init__(self, fails: Sequence[bool]) -> None:
        super().__init__()
        self._fails = fails
        self.lines: list[dict[str, Any]] = []
        self.lost = 0
        self._number = count()
        self._writing = threading.Lock()

    def write(self, text: str) -> int:
        if not text.startswith("{"):
            return len(text)
        with self._writing:
            if self._fails[next(self._number) % len(self._fails)]:
                self.lost += 1
                raise OSError("nothing can be printed")
            self.lines.append(json.loads(text))
        return len(text)

    def metrics(self) -> Counter[tuple[str, str]]:
        """Return how much was told of each metric, with its dimension."""
        told: Counter[tuple[str, str]] = Counter()
        for line in self.lines:
            [metrics] = line["_aws"]["CloudWatchMetrics"]
            assert metrics["Namespace"] == "CampaignOrchestration"
            [[*dimensions]] = metrics["Dimensions"]
            [metric] = metrics["Metrics"]
            assert metric["Unit"] == "Count"
            told[metric["Name"], ",".join(line[name] for name in dimensions)] += line[metric["Name"]]
        return told


@pytest.mark.property(11, "what is told is what happened, once, whatever fails on the way")
@settings(max_examples=100, deadline=None)
@given(life=lives)
@example(Life(0, "approved"))
@example(Life(1, "rejected"))
@example(Life(0, "timeout", race=True))
@example(Life(0, "cancel", (Fault("store", 4, "killed after"),), (True, False)))
@example(Life(1, "refused", race=True))
def test_what_is_told_of_a_life_is_what_happened_in_it(machine: Machine, life: Life) -> None:
    """**Feature: campaign-orchestration-durable, Property 11: Workflow state and monitoring consistency**

    For any workflow execution, the system should provide current execution status, emit CloudWatch
    metrics, log structured events with correlation IDs, and provide operational visibility.
    """
    machine.fresh()
    printer = Printer(life.printer_fails)
    with redirect_stdout(printer):
        campaign, lost, raced = _live(machine, life, printer)
    trail = machine.trail(campaign)
    _unbroken(trail, raced)
    happened = _recounted(trail)
    if not life.faults:
        assert happened == +_listed(life)
    told = printer.metrics()
    assert told <= happened, "something was told that did not happen, or twice"
    missing = sum((happened - told).values())
    assert printer.lost <= missing <= printer.lost + 3 * lost  # one write is up to three entries of the trail
    event(f"{life.end}, {life.revisions} revisions, {lost} answers lost, {printer.lost} lines lost")


def _live(machine: Machine, life: Life, printer: Printer) -> tuple[str, int, int]:
    """Live it; return the campaign, how many answers of the store were lost, and how many entries came in between."""
    lost, raced = 0, 0
    if life.end == "refused":
        machine.model.script = {("write", 1): ["refused"] * 30}
    request = {"headers": {CORRELATION: "story-the-brief"}}
    answer = machine.http("POST", "/campaigns", json=machine.brief(1), **request)
    assert answer.headers[CORRELATION] == "story-the-brief"
    campaign = str(answer.json()["id"])
    assert {line.get("correlationId") for line in printer.lines} <= {"story-the-brief"}
    run = machine.flow_run(campaign)
    assert run is not None
    assert "correlation:story-the-brief" in run.tags
    _shown(machine, campaign, "planning")

    def between(operations: Sequence[Operation]) -> bool:
        nonlocal raced
        if not any(isinstance(each, Put) and each.item.get("kind") == "audit" for each in operations):
            return False
        raced += 1
        fact = Fact("somebody", "looked", machine.clock.now())
        commit(machine.table.real, TENANT, campaign, [], facts=[fact])
        return True

    machine.table.before_write = between if life.race else None
    process = machine.run(campaign, *life.faults)
    lost += sum(each.kind in {"lost", "killed after"} for each in process.met)
    machine.settle(campaign)
    if life.end == "refused":
        _shown(machine, campaign, "failed")
        return campaign, lost, raced
    for number in range(life.revisions):
        _shown(machine, campaign, "awaiting_review")
        assert machine.decide(campaign, "needs_revision", f"shorter, {number}").status_code == 200
        _shown(machine, campaign, "awaiting_review", "needs_revision")
        machine.settle(campaign)
    _shown(machine, campaign, "awaiting_review")
    before = len(printer.lines)
    match life.end:
        case "approved" | "rejected":
            decided = machine.decide(campaign, life.end, "read by me", correlation="story-the-decision")
            assert decided.status_code == 200
            assert {line.get("correlationId") for line in printer.lines[before:]} <= {"story-the-decision"}
            assert len(printer.lines) > before or printer.lost
        case "timeout":
            machine.clock.advance(timedelta(hours=73))
            machine.housekeeping()
        case "cancel":
            assert machine.http("POST", f"/campaigns/{campaign}/cancel").status_code == 200
    machine.settle(campaign)
    ends = {"approved": "completed", "rejected": "rejected", "timeout": "approval_timeout", "cancel": "cancelled"}
    _shown(machine, campaign, ends[life.end])
    return campaign, lost, raced


def _shown(machine: Machine, campaign: str, *statuses: str) -> None:
    """Hold what people see of the build against what is stored."""
    status = machine.status(campaign)
    assert status in statuses
    seen = machine.http("GET", f"/campaigns/{campaign}/execution").json()
    assert (seen["status"], seen.get("currentStep")) == SHOWN[status]
    assert seen["campaignStatus"] == status
    assert seen["correlationId"] == "story-the-brief"
    assert seen["executionId"] == str(machine.run_id(campaign))
    assert DONE.get(status, seen["completedSteps"]) == seen["completedSteps"]
    assert len(seen["activeCallbacks"]) == (status == "awaiting_review" and statuses == ("awaiting_review",))


def _unbroken(trail: list[dict[str, Any]], raced: int) -> None:
    """Nothing was overwritten: every entry is there, after the one it names, and moves begin where the last ended."""
    assert [entry["seq"] for entry in trail] == list(range(1, len(trail) + 1))
    assert [entry["previous"] for entry in trail[1:]] == [entry["hash"] for entry in trail[:-1]]
    assert sum(entry["action"] == "looked" for entry in trail) == raced
    current = None
    for entry in trail:
        if "toStatus" in entry:
            assert entry.get("fromStatus") == current
            current = entry["toStatus"]


def _recounted(trail: list[dict[str, Any]]) -> Counter[tuple[str, str]]:
    counts: Counter[tuple[str, str]] = Counter()
    for entry in trail:
        if entry["action"] not in COUNTED:
            continue
        counts[COUNTED[entry["action"]], entry["toStatus"] if entry["action"] == "moved" else ""] += 1
        if entry["action"] == "decided" and "outcome" in entry.get("details", {}):
            counts["RoundsDecided", entry["details"]["outcome"]] += 1
    return counts


def _listed(life: Life) -> Counter[tuple[str, str]]:
    """Return the metrics of a life in which nothing fails."""
    counts = Counter({("CampaignsCreated", ""): 1, ("CampaignsMoved", "generating"): 1})
    if life.end == "refused":
        return counts + Counter({("CampaignsMoved", "failed"): 1})
    rounds = 1 + life.revisions
    counts += Counter({("CampaignsMoved", "generating"): life.revisions})
    counts += Counter({("RoundsOpened", ""): rounds, ("CampaignsMoved", "awaiting_review"): rounds})
    again = life.revisions
    counts += Counter(
        {
            ("Decisions", ""): again,
            ("RoundsDecided", "needs_revision"): again,
            ("CampaignsMoved", "needs_revision"): again,
        }
    )
    match life.end:
        case "approved":
            counts += Counter({("CampaignsMoved", "approved"): 1, ("CampaignsMoved", "completed"): 1})
        case "rejected":
            counts += Counter({("CampaignsMoved", "rejected"): 1})
        case "timeout":
            counts += Counter({("RoundsTimedOut", ""): 1, ("CampaignsMoved", "approval_timeout"): 1})
        case "cancel":
            counts += Counter({("CampaignsMoved", "cancelled"): 1})
    if life.end in {"approved", "rejected"}:
        counts += Counter({("Decisions", ""): 1, ("RoundsDecided", life.end): 1})
    return counts


# --- the store and the meter --------------------------------------------------------------------------

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("move"), st.sampled_from(CampaignStatus)),
        st.tuples(st.just("round"), st.none()),
        st.tuples(st.just("decide"), st.sampled_from(Decision)),
        st.tuples(st.just("time out"), st.none()),
    ),
    min_size=1,
    max_size=14,
)
FAULTS = st.lists(st.sampled_from(["", "", "", "refused", "answer lost"]), min_size=1, max_size=14)
SINK_FAILS = st.lists(st.booleans(), min_size=1, max_size=5)


class Shaky(SQLiteTable):
    """Refuses some writes, and loses the answer to others after they happened."""

    fault = ""

    def write(self, *operations: Operation) -> None:
        if self.fault == "refused":
            raise StoreUnavailableError("refused")
        super().write(*operations)
        if self.fault == "answer lost":
            raise StoreUnavailableError("the answer was lost")


@contextmanager
def watched(meter: logging.Handler) -> Iterator[None]:
    trail = logging.getLogger(AUDIT)
    before = trail.level
    trail.setLevel(logging.INFO)
    trail.addHandler(meter)
    try:
        yield
    finally:
        trail.removeHandler(meter)
        trail.setLevel(before)


def play(store: Store, table: Shaky, steps: Sequence[tuple[str, Any]], faults: Sequence[str]) -> str:
    """Do to one campaign whatever the steps say, as far as the store lets it; return its id."""
    campaign = a_campaign()
    store.campaigns.create(campaign, actor="tests", at=NOW)
    at = NOW
    for number, (step, what) in enumerate(steps):
        at += timedelta(minutes=1)
        table.fault = faults[number % len(faults)]
        try:
            _step(store, campaign.id, step, what, at)
        except CampaignError:
            pass
        finally:
            table.fault = ""
    return campaign.id


def _step(store: Store, campaign_id: str, step: str, what: Any, at: datetime) -> None:
    campaign = store.campaigns.get(TENANT, campaign_id)
    current = store.approvals.current_round(TENANT, campaign_id)
    match step:
        case "move":
            store.campaigns.move(TENANT, campaign_id, what, actor="tests", reason="so", at=at)
        case "round":
            store.approvals.open_round(a_round(campaign, (current.n if current else 0) + 1), actor="tests", at=at)
        case "decide" if current:
            decide(store, a_decision(current, decision=what, comments="because"))
        case "time out" if current:
            expire(store, current, at + timedelta(days=30))


def totals(measures: Sequence[Measure]) -> Counter[tuple[str, str]]:
    counts: Counter[tuple[str, str]] = Counter()
    for measure in measures:
        counts[measure.name, ",".join(measure.dimensions.values())] += int(measure.value)
    return counts


def recounted(entries: Sequence[AuditEntry]) -> Counter[tuple[str, str]]:
    return totals(
        [
            measure
            for entry in entries
            for measure in measures_of(entry.action, to_status=entry.to_status, outcome=entry.details.get("outcome"))
        ]
    )


@settings(max_examples=100)
@given(steps=STEPS, faults=FAULTS, sink_fails=SINK_FAILS)
def test_a_dead_sink_and_a_lost_answer_lose_no_more_than_themselves(
    steps: list[tuple[str, Any]], faults: list[str], sink_fails: list[bool]
) -> None:
    sent: list[Measure] = []
    lines: list[dict[str, Any]] = []
    calls = 0

    def sink(measure: Measure, at: datetime) -> None:
        nonlocal calls
        calls += 1
        if sink_fails[calls % len(sink_fails)]:
            raise OSError("the sink is down")
        sent.append(measure)
        lines.append(json.loads(emf(measure, at)))

    meter = Meter(sink)
    token = correlation.current.set("correlation-of-this-test")
    try:
        with TemporaryDirectory() as folder, watched(meter):
            table = Shaky(Path(folder) / "store.db")
            store = Store(table)
            campaign_id = play(store, table, steps, faults)
            _agrees(store, campaign_id, sent, meter.lost, answers_lost="answer lost" in faults)
    finally:
        correlation.current.reset(token)
    for line in lines:
        assert line["correlationId"] == "correlation-of-this-test"
        assert line["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "CampaignOrchestration"
        named = line["_aws"]["CloudWatchMetrics"][0]["Metrics"][0]["Name"]
        assert line[named] >= 0
    event(f"told: {min(len(sent), 8)}, lost: {min(meter.lost, 3)}")


def _agrees(store: Store, campaign_id: str, sent: list[Measure], lost: int, *, answers_lost: bool) -> None:
    campaign = store.campaigns.get(TENANT, campaign_id)
    entries = store.audit.entries(TENANT, campaign_id)
    # One entry for each transition, chained; and the status is a fold of them.
    assert store.audit.verify(TENANT, campaign_id) is None
    status = CampaignStatus(entries[0].to_status)
    for entry in entries:
        if entry.action == "moved":
            assert entry.from_status == status
            assert CampaignStatus(entry.to_status) in TRANSITIONS[status]
            status = CampaignStatus(entry.to_status)
    assert campaign.status == status
    # Nothing is told that did not happen, and nothing twice; only a dead sink or a lost answer tells less.
    told, happened = totals(sent), recounted(entries)
    assert told <= happened
    if not answers_lost:
        assert sum(happened.values()) == sum(told.values()) + lost


def test_the_number_of_metrics_is_bounded_and_no_id_is_a_dimension() -> None:
    actions = ["created", "moved", "decided", "round_opened", "round_timed_out", "run_started_again", "opened", ""]
    statuses = [*CampaignStatus, None, "acme", "campaign_01JZ0K7A3M5T9Y1C4GQVSB8WEZ"]
    outcomes = [*Decision, None, "fernwood", *PLATFORMS]

    metrics = {
        (measure.name, *sorted(measure.dimensions.items()))
        for action in actions
        for status in statuses
        for outcome in outcomes
        for measure in measures_of(action, to_status=status, outcome=outcome)
    }

    assert len(metrics) <= 30
    assert {value for metric in metrics for _, value in metric[1:]} <= {*CampaignStatus, *Decision}


SIGNALS = st.lists(st.tuples(st.sampled_from(["throttled", "denied"]), st.integers(0, 170)), max_size=40)


@settings(max_examples=100)
@given(events=SIGNALS, faults=FAULTS)
def test_signals_add_up_over_processes_and_faults_only_delay_them(
    events: list[tuple[str, int]], faults: list[str]
) -> None:
    with TemporaryDirectory() as folder:
        table = Shaky(Path(folder) / "store.db")
        store = Store(table)
        processes = [Signals(store), Signals(store)]
        for number, (kind, second) in enumerate(sorted(events, key=lambda one: one[1])):
            table.fault = faults[number % len(faults)]
            processes[number % 2].count(kind, now=NOW + timedelta(seconds=second))
        table.fault = ""
        for process in processes:
            process.flush(now=NOW + timedelta(seconds=171))

        assert store.signals.since(NOW) == Counter(kind for kind, _ in events)
        minute = NOW + timedelta(minutes=1)
        assert store.signals.since(minute) == Counter(kind for kind, second in events if second >= 60)


def test_a_conflict_tells_nothing() -> None:
    sent: list[Measure] = []
    with TemporaryDirectory() as folder, watched(Meter(lambda measure, _: sent.append(measure))):
        store = Store(SQLiteTable(Path(folder) / "store.db"))
        campaign = a_campaign(status=CampaignStatus.COMPLETED)
        store.campaigns.create(campaign, actor="tests", at=NOW)
        sent.clear()
        for status in AT_REST:
            try:
                store.campaigns.move(TENANT, campaign.id, status, actor="tests", reason="so", at=NOW)
            except ConflictError:
                continue

    assert sent == []
