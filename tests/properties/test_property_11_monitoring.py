"""Property 11: what is told is what happened, once, whatever fails on the way.

A campaign lives on the machine while somebody watches: the metrics that it prints for CloudWatch, its lines of the log,
its audit trail and `GET /execution` at every turn. What must be seen is listed here by hand from what was done. Stores
do not answer, processes die, what takes the metrics breaks, and others write to the same trail in the same moment.

The meter, the recount and counts over processes alone: `tests/store/test_meter.py`.
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal
from urllib.parse import urlsplit

import pytest
from hypothesis import event, example, given, settings
from hypothesis import strategies as st

from campaigns.store.tables.table import Operation, Put
from deployments.local.mail import newest_link
from tests.api.log_lines import log_lines
from tests.properties.machine import Call, Fault, Machine

STORY = "story-of-this-campaign"
CLICK = "click-of-this-approver"
STEPS = ["save", "plan", "generate", "ask", "wait", "complete"]
End = Literal["approved", "rejected", "timeout", "cancel", "refused"]
ENDS: dict[End, list[str]] = {
    # The statuses after the last "awaiting_review".
    "approved": ["approved", "completed"],
    "rejected": ["rejected"],
    "timeout": ["approval_timeout"],
    "cancel": ["cancelled"],
}
Counts = Counter[tuple[str, str]]
"""How often, by the name of a metric and the value of its dimension ("": none)."""


@dataclass(frozen=True)
class Life:
    """What becomes of a campaign, what fails while it is built, and what happens around a decision."""

    posts: int
    revised: bool
    end: End
    fault: Fault | None = None
    opened: bool = False
    """Somebody opens the link in the moment in which the first decision is written."""
    sink_breaks: int = 0
    """What takes the metrics breaks at each of so many; 0: never."""


lives = st.builds(
    Life,
    posts=st.integers(1, 2),
    revised=st.sampled_from([False, False, True]),
    end=st.sampled_from(["approved", "approved", "rejected", "timeout", "cancel", "refused"]),
    fault=st.none()
    | st.builds(
        Fault, st.just("store"), st.integers(1, 16), st.sampled_from(["away", "lost", "killed before", "killed after"])
    ),
    opened=st.booleans(),
    sink_breaks=st.sampled_from([0, 0, 0, 2, 5]),
)


@dataclass
class Tap:
    """What the process prints: lines for CloudWatch. Some of them break what takes them."""

    breaks: int = 0
    lines: list[dict[str, Any]] = field(default_factory=list)
    lost: int = 0
    seen: int = 0

    def write(self, text: str) -> int:
        if not text.startswith('{"_aws"'):
            return len(text)
        self.seen += 1
        if self.breaks and self.seen % self.breaks == 0:
            self.lost += 1
            raise OSError("nobody takes it")
        self.lines.append(json.loads(text))
        return len(text)

    def flush(self) -> None:
        pass

    def metrics(self) -> list[tuple[str, str, float]]:
        """Return name, value of the dimension, and value of all that was taken."""
        found = []
        for line in self.lines:
            [about] = line["_aws"]["CloudWatchMetrics"]
            [metric], [dimensions] = about["Metrics"], about["Dimensions"]
            assert about["Namespace"] == "CampaignOrchestration"
            found.append((metric["Name"], ",".join(line[each] for each in dimensions), line[metric["Name"]]))
        return found

    def counts(self) -> Counts:
        return Counter((name, dimension) for name, dimension, _ in self.metrics())


@contextmanager
def tapped(breaks: int) -> Iterator[Tap]:
    tap = Tap(breaks)
    with redirect_stdout(tap):
        yield tap


def expected_of(life: Life) -> tuple[list[str], Counts]:
    """Return the statuses in order, and the metrics of a life in which nothing fails."""
    rounds = 0 if life.end == "refused" else 1 + life.revised
    statuses = ["planning", "generating"]
    if life.end == "refused":
        statuses += ["failed"]
    else:
        statuses += ["awaiting_review", "needs_revision", "generating"] * life.revised
        statuses += ["awaiting_review", *ENDS[life.end]]
    decided = life.end in {"approved", "rejected"}
    counts: Counts = Counter()
    counts["CampaignsCreated", ""] = 1
    counts.update(("CampaignsMoved", status) for status in statuses[1:])
    counts["CampaignFailures", "NO_USABLE_POST"] = int(life.end == "refused")
    counts["RoundsOpened", ""] = rounds
    counts["BuildDuration", ""] = min(rounds, 1)
    counts["Decisions", ""] = counts["ApproverResponseTime", ""] = life.revised * bool(rounds) + decided
    counts["RoundsDecided", "needs_revision"] = life.revised * bool(rounds)
    if decided:
        counts["RoundsDecided", life.end] += 1
    counts["RoundsTimedOut", ""] = int(life.end == "timeout")
    counts["ExecutionDuration", ""] = 1
    ended = life.end in {"approved", "rejected", "timeout"}
    kept = Counter(save=1, plan=1, generate=life.posts * max(rounds, 1), ask=rounds, complete=int(ended))
    kept["revise"] = life.revised * bool(rounds)
    for step, times in kept.items():
        counts["CheckpointsKept", step] = counts["WorkflowStepDuration", step] = times
    counts["CheckpointsPerExecution", ""] = int(ended)
    return statuses, +counts


TOLD_ELSEWHERE = {
    # Counted by what they measure, not by how often: below, or in tests/store/test_meter.py.
    "ModelCalls", "TokensUsed", "CostUsd", "ParallelEfficiency", "ConcurrencyInUse", "TelemetryDropped",
    "StepRetries", "StepAttemptsFailed", "RunsStartedAgain",
}  # fmt: skip


@pytest.mark.property(11, "what is told is what happened, once, whatever fails on the way")
@settings(max_examples=100, deadline=None)
@given(life=lives)
@example(Life(2, True, "approved"))
@example(Life(1, False, "rejected", opened=True))
@example(Life(1, False, "timeout"))
@example(Life(2, False, "refused"))
@example(Life(1, False, "cancel", sink_breaks=2))
@example(Life(1, False, "approved", Fault("store", 6, "killed after"), opened=True))
def test_what_is_told_of_a_campaign_is_what_happened_to_it_once(machine: Machine, life: Life) -> None:
    """**Feature: campaign-orchestration-durable, Property 11: Workflow state and monitoring consistency**

    *For any* workflow execution, the system should provide current execution status, emit CloudWatch metrics, log
    structured events with correlation IDs, and provide operational visibility.
    **Validates: Requirements 7.2, 7.3, 7.5, 10.1, 10.2, 10.5**
    """
    machine.fresh()
    if life.end == "refused":
        machine.model.script = {("write", number): ["refused"] for number in range(1, life.posts + 1)}
    with log_lines() as lines, tapped(life.sink_breaks) as tap:
        campaign = machine.submit(machine.brief(life.posts), headers={"X-Correlation-Id": STORY})
        _live(machine, campaign, life)
        logged = [line for line in lines() if line.get("campaign") == campaign]

    statuses, expected = expected_of(life)
    trail = machine.trail(campaign)
    assert [entry["toStatus"] for entry in trail if "toStatus" in entry] == statuses
    assert [entry["seq"] for entry in trail] == list(range(1, len(trail) + 1))
    told = Counter({place: times for place, times in tap.counts().items() if place[0] not in TOLD_ELSEWHERE})
    # Who dies, or never hears that it is done, may leave something untold; nothing else does.
    silent = life.fault is not None and life.fault.kind in {"lost", "killed before", "killed after"}
    assert told <= expected, f"told what did not happen: {told - expected}"
    if not silent:
        assert (expected - told).total() <= tap.lost, f"not told: {expected - told}"
    _values(machine, campaign, tap, exact=not silent and not tap.lost)
    _logs(trail, logged, silent=silent)
    for line in tap.lines:
        assert line.get("correlationId") == STORY, line
    event(f"{life.end}, {life.fault.kind if life.fault else 'nothing fails'}, lost {min(tap.lost, 2)}")


def _live(machine: Machine, campaign: str, life: Life) -> None:
    """Live it, and look at the execution at every turn."""
    shown(machine, campaign, "running", "plan", ["save"])
    views: list[dict[str, Any]] = []
    looking = threading.Lock()

    def look(call: Call) -> None:
        """Look while the first post is written; no other is stored meanwhile."""
        with looking, machine.as_process():
            if call.task == "write" and not views:
                views.append(machine.http("GET", f"/campaigns/{campaign}/execution").json())

    machine.model.gate = look
    machine.run(campaign, *([life.fault] if life.fault else []))
    machine.settle(campaign)
    machine.model.gate = None
    seen_as(views[0], "running", "generate", ["save", "plan"])
    assert views[0]["remaining"][0] == {"step": "generate", "count": life.posts}
    if life.end == "refused":
        shown(machine, campaign, "failed", None, ["save", "plan", "generate"])
        return
    if life.revised:
        waits(machine, campaign, 1)
        with opened(machine, campaign, life.opened):
            assert machine.decide(campaign, "needs_revision", "shorter", correlation=CLICK).status_code == 200
        machine.settle(campaign)
    waits(machine, campaign, 1 + life.revised)
    match life.end:
        case "approved" | "rejected":
            with opened(machine, campaign, life.opened and not life.revised):
                assert machine.decide(campaign, life.end, "read by me", correlation=CLICK).status_code == 200
        case "timeout":
            machine.clock.advance(timedelta(hours=73))
            machine.housekeeping()
        case "cancel":
            told = machine.http("POST", f"/campaigns/{campaign}/cancel", headers={"X-Correlation-Id": CLICK})
            assert told.status_code == 200
    machine.settle(campaign)
    done = STEPS if life.end != "cancel" else ["save", "plan", "generate", "ask"]
    shown(machine, campaign, "completed", None, done)


@contextmanager
def opened(machine: Machine, campaign: str, really: bool) -> Iterator[None]:
    """Let somebody open the newest link in the moment in which the next write is under way."""
    if not really:
        yield
        return
    link = newest_link(machine.home / "mail", campaign)
    assert link is not None
    parts = urlsplit(link)

    def open_it(operations: tuple[Operation, ...]) -> bool:
        if not any(isinstance(each, Put) and each.item.get("kind") == "audit" for each in operations):
            return False
        machine.table.before_write = None
        answer = machine.client.get(f"{parts.path}?{parts.query}", follow_redirects=False)
        assert answer.status_code == 303
        machine.client.cookies.clear()
        return True

    before = _actions(machine, campaign)["opened"]
    machine.table.before_write = open_it
    yield
    assert _actions(machine, campaign)["opened"] == before + 1, "what another wrote in this moment is gone"


def _actions(machine: Machine, campaign: str) -> Counter[str]:
    return Counter(entry["action"] for entry in machine.trail(campaign))


def shown(machine: Machine, campaign: str, status: str, current: str | None, done: list[str]) -> dict[str, Any]:
    """Read the execution and hold it against what must be seen; return it."""
    view: dict[str, Any] = machine.http("GET", f"/campaigns/{campaign}/execution").json()
    assert view["campaignStatus"] == machine.status(campaign)
    seen_as(view, status, current, done)
    return view


def seen_as(view: dict[str, Any], status: str, current: str | None, done: list[str]) -> None:
    assert (view["status"], view.get("currentStep"), view["completedSteps"]) == (status, current, done)
    assert view["correlationId"] == STORY
    ahead = STEPS[STEPS.index(current) :] if current else []
    assert [each["step"] for each in view["remaining"]] == ahead
    taken = Counter(each["stepName"] for each in view["checkpoints"])
    assert {step for step in taken if step not in {"revise", "wait"}} >= set(done) - {"wait"}
    assert all(each["timestamp"] for each in view["checkpoints"])
    assert view["prefect"]["available"] is True
    assert len(view["activeCallbacks"]) == int(status == "waiting_callback")


def waits(machine: Machine, campaign: str, n: int) -> None:
    """The campaign waits for its approver, in round n, and says so."""
    view = shown(machine, campaign, "waiting_callback", "wait", ["save", "plan", "generate", "ask"])
    [callback] = view["activeCallbacks"]
    assert (callback["type"], callback["metadata"]["round"]) == ("approval", n)
    assert callback["metadata"]["approvers"] == [{"name": "Ana Duarte", "decided": False}]
    # A process that dies after it has asked leaves its run as it is until somebody decides, or the next look.
    state = machine.run_state(campaign)
    assert state is not None
    assert view["prefect"]["state"] == state.name


def _values(machine: Machine, campaign: str, tap: Tap, *, exact: bool) -> None:
    """The values that were told are those that follow from what is stored."""
    found = tap.metrics()
    trail = machine.trail(campaign)
    created = datetime.fromisoformat(trail[0]["at"])
    at_rest = {"completed", "rejected", "cancelled", "approval_timeout", "failed"}
    times = {
        "ExecutionDuration": [_took(created, entry) for entry in trail if entry.get("toStatus") in at_rest],
        "BuildDuration": [_took(created, entry) for entry in trail if entry["action"] == "round_opened"][:1],
    }
    for name, expected in times.items():
        said = [value for each, _, value in found if each == name]
        assert said == [pytest.approx(each, abs=1) for each in expected] or (not exact and not said)
    if exact:
        assert sum(value for name, _, value in found if name == "ModelCalls") == len(machine.model.calls)
        kept = [value for name, _, value in found if name == "CheckpointsPerExecution"]
        assert kept in ([], [len(machine.checkpoints(campaign))])


def _took(since: datetime, entry: dict[str, Any]) -> float:
    return (datetime.fromisoformat(entry["at"]) - since) / timedelta(milliseconds=1)


def _logs(trail: list[dict[str, Any]], logged: list[dict[str, Any]], *, silent: bool) -> None:
    """Each entry of the trail has its line, all lines are of this story, and a click has its own id beside it."""
    lines = [line for line in logged if line["logger"] == "campaigns.audit"]
    told = Counter((line["action"], line.get("to_status")) for line in lines)
    happened = Counter((entry["action"], entry.get("toStatus")) for entry in trail)
    assert told <= happened
    assert silent or told == happened
    steps = [line for line in logged if line["logger"] == "campaigns.steps"]
    assert [line for line in [*lines, *steps] if line.get("correlationId") != STORY] == []
    # A request that only looks, such as ours for the execution, is a story of its own.
    rest = {line.get("correlationId") for line in logged if line["logger"] != "campaigns.access"}
    assert rest <= {STORY, None}
    for line in lines:  # what a request did that had an id of its own
        assert line.get("requestId") == (CLICK if line.get("to_status") == "cancelled" else None)
