"""What the meter tells of a trail is what the recount finds in it, and signals add up, whatever fails on the way.

Walks through statuses at random, on a store that refuses or loses answers, with sinks that break. A campaign with its
run is property 11's.
"""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import event, given, settings
from hypothesis import strategies as st

from campaigns import correlation
from campaigns.agents.failures import FailureCode
from campaigns.approval.expiry import expire
from campaigns.errors import CampaignError, ConflictError, StoreUnavailableError
from campaigns.model.approval import AuditEntry
from campaigns.model.campaign import AT_REST, TRANSITIONS, Move
from campaigns.model.vocabulary import PLATFORMS, CampaignStatus, Decision
from campaigns.operations.watching.metrics import AUDIT, Meter, Signals
from campaigns.operations.watching.recount import measures_of_trail
from campaigns.store import Store
from campaigns.store.tables.sqlite import SQLiteTable
from campaigns.store.tables.table import Operation
from campaigns.telemetry.emf import emf
from campaigns.telemetry.instruments import BY_NAME, UNCODED, Measure
from campaigns.telemetry.measures import measures_of
from campaigns.telemetry.series import differences, series_of
from tests.store.samples import NOW, TENANT, a_campaign, a_decision, a_round, decide

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
            store.campaigns.move(TENANT, campaign_id, Move(what, "tests", "so", at))
        case "round":
            asked = a_round(campaign, (current.n if current else 0) + 1).model_copy(update={"opened_at": at})
            store.approvals.open_round(asked, actor="tests", at=at)
        case "decide" if current:
            decide(store, a_decision(current, decision=what, comments="because"))
        case "time out" if current:
            expire(store, current, at + timedelta(days=30))


def totals(measures: Sequence[Measure]) -> Counter[tuple[str, str]]:
    counts: Counter[tuple[str, str]] = Counter()
    for measure in measures:
        counts[measure.name, ",".join(measure.dimensions.values())] += 1
    return counts


def recounted(entries: Sequence[AuditEntry], created_at: datetime) -> Counter[tuple[str, str]]:
    return totals([measure for _, measure in measures_of_trail(entries, created_at=created_at)])


@settings(max_examples=100)
@given(steps=STEPS, faults=FAULTS, sink_fails=SINK_FAILS)
def test_what_is_told_is_what_happened_once_whatever_fails(
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
    told, happened = totals(sent), recounted(entries, campaign.created_at)
    assert told <= happened
    if not answers_lost:
        assert sum(happened.values()) == sum(told.values()) + lost
        if not lost:
            trail = [measure for _, measure in measures_of_trail(entries, created_at=campaign.created_at)]
            assert list(differences(series_of(sent), series_of(trail))) == []


def test_the_number_of_metrics_is_bounded_and_no_id_is_a_dimension() -> None:
    actions = [
        "created",
        "moved",
        "decided",
        "round_opened",
        "round_timed_out",
        "run_started_again",
        "undone",
        "opened",
        "",
    ]
    statuses = [*CampaignStatus, None, "acme", "campaign_01JZ0K7A3M5T9Y1C4GQVSB8WEZ"]
    outcomes = [*Decision, None, "fernwood", *PLATFORMS]
    reasons = [*FailureCode, None, "Ana said so", "campaign_01JZ0K7A3M5T9Y1C4GQVSB8WEZ", "acme"]

    metrics = {
        (measure.name, *sorted(measure.dimensions.items()))
        for action in actions
        for status in statuses
        for outcome in outcomes
        for reason in reasons
        for measure in measures_of(action, to_status=status, outcome=outcome, reason=reason, round_=1, took=1000)
    }

    assert len(metrics) <= 40
    known = {*CampaignStatus, *Decision, *FailureCode, UNCODED}
    assert {value for metric in metrics for _, value in metric[1:]} <= known
    for name, *dimensions in metrics:
        assert tuple(key for key, _ in dimensions) == BY_NAME[str(name)].dimensions


COUNTED = st.lists(st.tuples(st.sampled_from(["throttled", "denied"]), st.integers(0, 170)), max_size=40)


@settings(max_examples=100)
@given(events=COUNTED, faults=FAULTS)
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
                store.campaigns.move(TENANT, campaign.id, Move(status, "tests", "so", NOW))
            except ConflictError:
                continue

    assert sent == []
