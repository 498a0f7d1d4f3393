"""Property 9: what nobody decides in time ends by its policy, once.

Whole campaigns, with hours of waiting in no time: housekeeping looks again and again, somebody answers at the last
moment or too late, a sweep dies half way. `test_deadline_model.py` has many more orders of deciders and reaper.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

import pytest
from hypothesis import event, example, given, settings
from hypothesis import strategies as st

from tests.properties.machine import Fault, Machine

ANA, BEN = "ana@fernwood.example", "ben@fernwood.example"
HOURS = 48
LOOKS = [12, 23, 24.1, 36, 45.1]
"""Hours after the round was opened at which housekeeping looks; it opens at ten, UTC."""
DUE = ["expire and remind", "send notices"]
"""Duties that look at time. All others are done at the ends, and have nothing to do in between."""
REMINDED = {24: "the day before", 45: "four hours before is six in the morning: at seven"}


@dataclass(frozen=True)
class Wait:
    """One round of approval by Ana and Ben: its terms, what Ana says the day before, and what happens at the end."""

    policy: Literal["reject", "approve", "extend"]
    quorum: Literal["any", "all"]
    said: Literal["nothing", "approved", "needs_revision"] = "nothing"
    end: Literal["in peace", "an answer in time", "an answer too late", "a dead sweep", "both at once"] = "in peace"


waits = st.builds(
    Wait,
    policy=st.sampled_from(["reject", "approve", "extend"]),
    quorum=st.sampled_from(["any", "all", "all"]),
    said=st.sampled_from(["nothing", "nothing", "approved", "needs_revision"]),
    end=st.sampled_from(["in peace", "an answer in time", "an answer too late", "a dead sweep", "both at once"]),
)

ENDS = {
    # What a round comes to that nobody else decided, when Ana said this (none: nothing): status and run.
    ("reject", "nothing"): ("approval_timeout", "Timed out"),
    ("reject", "approved"): ("approval_timeout", "Timed out"),
    ("reject", "needs_revision"): ("approval_timeout", "Timed out"),
    ("approve", "nothing"): ("completed", "Approved"),
    ("approve", "approved"): ("completed", "Approved"),
    ("approve", "needs_revision"): ("awaiting_review", "Suspended"),  # who spoke is heard: written and asked again
    ("extend", "nothing"): ("approval_timeout", "Timed out"),
    ("extend", "approved"): ("approval_timeout", "Timed out"),
    ("extend", "needs_revision"): ("approval_timeout", "Timed out"),
}


@pytest.mark.property(9, "what nobody decides in time ends by its policy, once")
@settings(max_examples=100, deadline=None)
@given(wait=waits)
@example(Wait("reject", "all", "approved"))
@example(Wait("approve", "all", "approved", "a dead sweep"))
@example(Wait("extend", "any", "nothing", "an answer too late"))
@example(Wait("reject", "any", "nothing", "both at once"))
@example(Wait("approve", "all", "needs_revision"))
def test_what_nobody_decides_in_time_ends_by_its_policy_once(machine: Machine, wait: Wait) -> None:
    """**Feature: campaign-orchestration-durable, Property 9: Callback timeout handling**

    *For any* approval callback, the system should handle timeouts according to configured policies when approval
    decisions are not received within timeout periods.
    """
    machine.fresh()
    now = machine.clock.now()
    machine.clock.advance(now.replace(hour=10, minute=0, second=0) + timedelta(days=1) - now)
    approval = {
        "approvers": [{"name": "Ana Duarte", "email": ANA}, {"name": "Ben Okoro", "email": BEN}],
        "quorum": wait.quorum, "expiresInHours": HOURS, "reminders": [24, 4], "onTimeout": wait.policy,
    }  # fmt: skip
    campaign = machine.submit(machine.brief(1, approval=approval))
    assert machine.settle(campaign) == "awaiting_review"
    open_until = _end(machine, campaign)
    silent = {ANA, BEN}

    if wait.said != "nothing":
        _until(machine, open_until - timedelta(hours=HOURS - 20))
        assert _answer(machine, campaign, ANA, wait.said).status_code == 200
        silent -= {ANA}
        if wait.quorum == "any":
            decided = {"approved": "completed", "needs_revision": "awaiting_review"}[wait.said]
            assert machine.settle(campaign) == decided, "one voice is enough"
            _closed_once(machine, campaign, timed_out=0, extended=0)
            event("decided by one")
            return
    _wait_for(machine, campaign, open_until, silent)

    late = _the_end(machine, campaign, wait, open_until)
    if late is not None:
        assert machine.settle(campaign) in late
        _closed_once(machine, campaign, timed_out=0, extended=0)
        event("decided at the last moment")
        return
    if wait.policy == "extend":
        assert machine.status(campaign) == "awaiting_review"
        again = _end(machine, campaign)
        more = again - open_until
        assert timedelta(0) <= more - timedelta(hours=HOURS) < timedelta(minutes=1), "once more the same time"
        _wait_for(machine, campaign, again, silent - _spoke(machine, campaign))
        _until(machine, again + timedelta(seconds=1))
        machine.housekeeping()
    machine.settle(campaign)
    status, run = ENDS[wait.policy, wait.said]
    assert machine.status(campaign) == status
    state = machine.run_state(campaign)
    assert state is not None
    assert state.name == run
    _closed_once(machine, campaign, timed_out=1, extended=int(wait.policy == "extend"))
    machine.housekeeping()
    _closed_once(machine, campaign, timed_out=1, extended=int(wait.policy == "extend"))
    event(f"{wait.policy}, {wait.end}")


def _round(machine: Machine, campaign: str, n: int = 1) -> dict[str, Any]:
    [found] = [each for each in machine.raw.of(campaign, "round") if each["n"] == n]
    return found


def _end(machine: Machine, campaign: str) -> datetime:
    return datetime.fromisoformat(_round(machine, campaign)["expiresAt"])


def _until(machine: Machine, moment: datetime) -> None:
    machine.clock.advance(moment - machine.clock.now())


def _answer(machine: Machine, campaign: str, who: str, said: str) -> Any:
    mail = [each for each in machine.mails(campaign) if who in each.to and each.token][-1]
    why = {} if said == "approved" else {"comments": "Please say it in other words."}
    body = {"decision": said, "callbackId": mail.callback_id, **why}
    return machine.http(
        "POST", f"/campaigns/{campaign}/approve", json=body, headers={"Authorization": f"Bearer {mail.token}"}
    )


def _wait_for(machine: Machine, campaign: str, end: datetime, silent: set[str]) -> None:
    """Let time pass until a minute before the end: nothing ends early, and who is silent is reminded twice."""
    before = _reminders(machine, campaign)
    began = end - timedelta(hours=HOURS)
    for hours in LOOKS:
        if began + timedelta(hours=hours) > machine.clock.now():
            _until(machine, began + timedelta(hours=hours))
        machine.housekeeping(duties=DUE)
        machine.housekeeping(duties=DUE)
    _until(machine, end - timedelta(seconds=30))
    machine.housekeeping()
    assert machine.status(campaign) == "awaiting_review", "ended before its time"
    assert _reminders(machine, campaign) - before == Counter(dict.fromkeys(silent, len(REMINDED)))


def _reminders(machine: Machine, campaign: str) -> Counter[str]:
    """Return how many reminders went to each address."""
    people = {each["id"]: each["email"] for each in _round(machine, campaign)["approvers"]}
    reminders = [each for each in machine.raw.of(campaign, "outbox") if each["kind"] == "reminder"]
    entries = [each for each in reminders if "channel" in each["payload"]]  # one for each way to a person
    assert all("doneAt" in each for each in entries)
    return Counter(people[each["payload"]["approver"]] for each in entries)


def _spoke(machine: Machine, campaign: str) -> set[str]:
    """Return the addresses of those whose decision is kept."""
    people = {each["id"]: each["email"] for each in _round(machine, campaign)["approvers"]}
    return {people[each["approverId"]] for each in machine.raw.of(campaign, "decision") if each["approverId"] in people}


def _the_end(machine: Machine, campaign: str, wait: Wait, end: datetime) -> set[str] | None:
    """Let the time be over; return what the campaign may be then, if somebody decided, or None: nobody did."""
    voices = {"completed"} if wait.said != "needs_revision" else {"awaiting_review"}
    is_enough = wait.quorum == "any" or wait.said != "nothing"  # where all are to decide, Ben is not
    match wait.end:
        case "an answer in time":
            assert _answer(machine, campaign, BEN, "approved").status_code == 200
            if is_enough:
                machine.housekeeping(now=end)
                return voices
        case "an answer too late":
            _until(machine, end + timedelta(seconds=1))
            assert _answer(machine, campaign, BEN, "approved").status_code == 410
        case "a dead sweep":
            _until(machine, end)
            machine.housekeeping(Fault("store", 1, "killed after"))
        case "both at once":
            told: list[int] = []

            def between(_: Any) -> bool:
                machine.table.before_write = None
                told.append(_answer(machine, campaign, BEN, "approved").status_code)
                return True

            machine.table.before_write = between
            machine.housekeeping(duties=DUE[:1], now=end)
            machine.table.before_write = None
            if told == [200] and is_enough:
                return voices
    machine.housekeeping(now=end)  # at the very moment, not one later
    _until(machine, max(end, machine.clock.now()))
    return None


def _closed_once(machine: Machine, campaign: str, *, timed_out: int, extended: int) -> None:
    actions = Counter(entry["action"] for entry in machine.trail(campaign) if entry.get("round") in {1, None})
    assert (actions["round_timed_out"], actions["round_extended"]) == (timed_out, extended)
    closed = _round(machine, campaign)
    assert closed["status"] == ("timed_out" if timed_out else "decided")
