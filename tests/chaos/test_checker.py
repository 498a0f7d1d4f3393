"""The recount sees what it is there for; a suite whose oracles are blind passes always."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from tests.chaos.calls import Calls, Heal, count_calls
from tests.chaos.checker import Verdict, _calls, _decisions, _notices, _pauses, _posts, _recovery
from tests.chaos.orders import Order
from tests.chaos.outages import OUTAGES
from tests.chaos.planning import once_more, stories_of
from tests.chaos.points import BY_NAME, POINTS
from tests.chaos.story import Acknowledged, Story
from tests.chaos.table import row_of
from tests.checkpoints.steps import steps

CAMPAIGN = "campaign_00000000000000000000000000"
POST = "post_00000000000000000000000000"


@pytest.fixture
def story() -> Story:
    told = Story(1, 1, "approved", ["plan:in"], posts=1, campaign_id=CAMPAIGN, began=100.0, ended=300.0)
    told.shown = {1: {POST: "What was shown."}}
    told.receipts = [Acknowledged(1, "approved", "Approved", 200.0)]
    told.stations = [(101.0, "accepted"), (160.0, "round 1"), (200.0, "decided 1"), (215.0, "end")]
    return told


@pytest.fixture
def items() -> dict[str, Any]:
    words = {"content": {"text": "What was shown."}}
    return {
        f"post#{POST}": dict(words),
        f"revision#{POST}#000000000": dict(words),
        "round#000000001": {"outcome": "approved"},
        "decision#000000001#ap-1": {"decision": "approved"},
    }


def stored(words: str) -> dict[str, Any]:
    return {"kind": "stored", "at": 150.0, "pid": 1, "campaign": CAMPAIGN, "post": POST, "revision": 0, "words": words}


def sent(kind: str, at: float = 155.0) -> dict[str, Any]:
    return {"kind": "sent", "at": at, "pid": 1, "name": f"{CAMPAIGN}-r1-ap-1-{kind}-abc123", "message": kind}


POST_CALL = f"{CAMPAIGN}/{POST}/0"


def asked(at: float, pid: int = 1, name: str = POST_CALL) -> dict[str, Any]:
    return {"kind": "asked", "at": at, "pid": pid, "campaign": CAMPAIGN, "name": name}


def answered(at: float, pid: int = 1, *, success: bool = True) -> dict[str, Any]:
    return {**asked(at, pid), "kind": "answered", "success": success}


def called(at: float, pid: int = 1) -> dict[str, Any]:
    return {**asked(at, pid), "kind": "called"}


def killed(at: float, pid: int = 1) -> dict[str, Any]:
    return {"kind": "killed", "at": at, "pid": pid, "role": "flow", "point": "plan:in"}


def fault(at: float, pid: int = 1) -> dict[str, Any]:
    return {"kind": "fault", "at": at, "pid": pid, "campaign": None}


def test_nothing_is_found_where_nothing_happened(story: Story, items: dict[str, Any]) -> None:
    verdict = Verdict(story)
    _posts(story, items, [stored("What was shown.")], verdict)
    _decisions(story, items, verdict)
    _notices(story, items, [sent("review_request"), sent("receipt"), sent("result")], verdict)
    assert verdict.faults == []


def test_a_post_that_is_gone_or_without_words_is_lost(story: Story, items: dict[str, Any]) -> None:
    verdict = Verdict(story)
    items[f"post#{POST}"] = {}
    del items[f"revision#{POST}#000000000"]
    _posts(story, items, [stored("What was shown.")], verdict)
    assert len(verdict.lost) == 3
    assert len(verdict.changed) == 1


def test_a_post_that_is_not_what_was_shown_or_stored_is_changed(story: Story, items: dict[str, Any]) -> None:
    verdict = Verdict(story)
    items[f"post#{POST}"] = {"content": {"text": "Something else."}}
    _posts(story, items, [stored("What was stored first.")], verdict)
    assert len(verdict.changed) == 2


def test_an_acknowledged_decision_is_there_once(story: Story, items: dict[str, Any]) -> None:
    lost, doubled = Verdict(story), Verdict(story)
    _decisions(story, {**items, "decision#000000001#ap-2": {"decision": "rejected"}}, doubled)
    del items["decision#000000001#ap-1"]
    _decisions(story, items, lost)
    assert lost.lost
    assert doubled.doubled


AWAY = ("planning", "failed")
ORDERED = ("failed", "planning")
BUILT = [("planning", "generating"), ("generating", "awaiting_review")]


@pytest.mark.parametrize(
    ("moves", "orders", "found"),
    [
        (BUILT, 0, False),
        ([*BUILT, *BUILT], 0, True),
        ([AWAY, *BUILT], 0, False),
        ([AWAY, ORDERED, *BUILT], 0, True),
        ([AWAY, ORDERED, *BUILT], 1, False),
        ([AWAY, ORDERED, AWAY, ORDERED, *BUILT], 2, False),
        ([AWAY, ORDERED, AWAY, ("failed", "generating"), *BUILT[1:]], 2, False),
        ([AWAY, ORDERED, AWAY, ORDERED, *BUILT], 1, True),
        ([AWAY, AWAY, AWAY, ORDERED, *BUILT], 1, True),
        ([AWAY, ORDERED, *BUILT, *BUILT[:1]], 1, True),
        ([AWAY, ORDERED, *BUILT, *BUILT[1:]], 2, True),
    ],
    ids=[
        "built", "built twice", "failed", "went on without an order", "ordered", "ordered twice",
        "failed in two places", "once more than the orders", "failed once more than the orders",
        "planned twice", "asked twice",
    ],
)  # fmt: skip
def test_an_order_excuses_one_more_failure_and_going_on_and_no_other_move(
    story: Story, items: dict[str, Any], moves: list[tuple[str, str]], orders: int, found: bool
) -> None:
    audit = {
        f"audit#{number:09d}": {"action": "moved", "fromStatus": left, "toStatus": to}
        for number, (left, to) in enumerate(moves)
    }
    # An order that came to nothing and was given anew is one order.
    story.orders.given = {version: [Order("in vain", 1.0), Order("done", 2.0)] for version in range(orders)}
    _decisions(story, items | audit, verdict := Verdict(story))
    assert bool(verdict.doubled) is found


def test_a_notice_sent_again_is_doubled_unless_its_sender_died(story: Story, items: dict[str, Any]) -> None:
    verdict, excused = Verdict(story), Verdict(story)
    usual = [sent("review_request"), sent("receipt"), sent("result"), sent("receipt", at=190.0)]
    _notices(story, items, usual, verdict)
    _notices(story, items, [*usual, {"kind": "killed", "at": 155.5, "pid": 1}], excused)
    assert len(verdict.doubled) == 1
    assert excused.doubled == []


SERVER_AWAY: list[Heal] = [(125.0, 140.0, "server refuse")]


@pytest.mark.parametrize(
    ("between", "heals", "excused"),
    [
        ([], [], False),
        ([killed(130.0)], [], True),
        ([killed(130.0, pid=7)], [], False),
        ([killed(110.0)], [], False),
        ([answered(121.0), killed(130.0)], [], True),
        ([answered(121.0), stored("words") | {"at": 122.0}, killed(130.0)], [], False),
        ([answered(121.0, success=False)], [], True),
        ([answered(121.0), fault(122.0)], [], True),
        ([answered(121.0), fault(122.0, pid=7)], [], False),
        ([answered(126.0)], SERVER_AWAY, True),
        ([answered(121.0), stored("words") | {"at": 122.0}], SERVER_AWAY, False),
        ([answered(121.0)], [(10.0, 20.0, "server refuse")], False),
    ],
    ids=[
        "nothing happened", "killed while it was under way", "another process was killed", "killed before",
        "killed with the answer in hand", "its words were stored", "it had no answer", "the store was away",
        "the store was away for another", "Prefect was away", "Prefect was away when it was stored", "long before",
    ],
)  # fmt: skip
def test_a_call_is_repeated_only_when_it_was_in_flight_at_a_fault(
    between: list[dict[str, Any]], heals: list[Heal], excused: bool
) -> None:
    log = sorted([asked(120.0), *between, asked(170.0, pid=2)], key=lambda each: float(each["at"]))
    calls = count_calls(log, heals)
    assert calls.repeated == 1
    assert bool(calls.needless) is not excused
    assert (calls.in_flight > 0) or not excused


def test_a_process_that_lived_through_an_outage_does_not_ask_again() -> None:
    log = [asked(120.0), answered(126.0), asked(150.0)]
    assert count_calls(log, SERVER_AWAY).needless
    log = [asked(120.0), called(120.1), answered(121.0)]
    assert count_calls(log, []) == Calls(made=1, owed=1, repeated=0, in_flight=0, needless=[])


REPAIRED = [asked(120.0), called(120.1), called(121.0), called(122.0), answered(123.0)]


@pytest.mark.parametrize(
    ("log", "answered_calls", "booked", "found"),
    [
        (REPAIRED, 3, 3, ""),
        (REPAIRED, 4, 3, "doubled"),
        (REPAIRED, 3, 4, "doubled"),
        (REPAIRED, 3, 2, "lost"),
        ([*REPAIRED[:-1], killed(123.0)], 3, 0, ""),
        ([*REPAIRED[:-1], killed(123.0, pid=7)], 3, 0, "lost"),
        ([asked(120.0), called(120.1), answered(121.0, success=False)], 0, 1, ""),
        ([asked(120.0), called(120.1), answered(121.0, success=False)], 0, 0, "lost"),
    ],
    ids=[
        "repaired twice", "called behind the processes' back", "counted twice", "not counted",
        "killed before it counted", "another was killed", "no answer, counted", "no answer, not counted",
    ],
)  # fmt: skip
def test_every_call_is_in_the_books_once_unless_its_process_died_of_it(
    story: Story, log: list[dict[str, Any]], answered_calls: int, booked: int, found: str
) -> None:
    log = [*log, stored("What was shown.") | {"at": 160.0}]
    _calls(story, log, count_calls(log, []), verdict := Verdict(story), answered=answered_calls, booked=booked)
    assert (bool(verdict.doubled), bool(verdict.lost)) == (found == "doubled", found == "lost")


def test_prefect_must_say_what_the_store_says(story: Story) -> None:
    story.stations = [(210.0, "end"), (280.0, "run ended")]
    _recovery(story, [], [], late := Verdict(story))
    _recovery(story, [], [(200.0, 240.0, "server refuse")], away := Verdict(story))
    _recovery(story, [killed(230.0)], [], died := Verdict(story))
    assert (late.agreement, away.agreement, died.agreement) == (70.0, 40.0, 50.0)
    assert row_of("plan:in", 0, 0, [late], within=60).failed
    assert not row_of("plan:in", 0, 0, [away, died], within=60).failed


def test_recovery_is_counted_from_the_healing_and_without_the_person(story: Story) -> None:
    kill = killed(110.0)
    late = killed(170.0) | {"point": "paused:before-form"}
    verdict = Verdict(story)
    _recovery(story, [kill, late], [], verdict)
    assert verdict.recovery == {"plan:in": 50.0, "paused:before-form": 15.0}
    _recovery(story, [kill], [(105.0, 140.0, "server refuse")], verdict := Verdict(story))
    assert verdict.recovery == {"plan:in": 20.0, "server refuse": 20.0}


def test_an_outage_of_its_own_counts_from_its_own_healing(story: Story) -> None:
    verdict = Verdict(story)
    story.healed = [(130.0, 150.0, "model drop")]
    _recovery(story, [killed(110.0)], [(108.0, 112.0, "server 5xx")], verdict)
    assert verdict.recovery == {"plan:in": 10.0, "server 5xx": 10.0, "model drop": 10.0}


def test_a_pause_that_is_meant_is_not_counted(story: Story) -> None:
    again = {"action": "run_started_again"}
    items = {
        f"audit#{number}": again | {"at": f"1970-01-01T00:0{at}Z", "details": {"attempt": number}}
        for number, at in ((1, "1:20"), (2, "2:20"))
    }
    pauses = _pauses(items | {"audit#3": {"action": "moved"}})
    assert pauses == [(80.0, 140.0)]
    _recovery(story, [killed(110.0)], [], verdict := Verdict(story), pauses=pauses)
    assert verdict.recovery == {"plan:in": 20.0}


def test_a_pause_after_a_start_that_came_to_nothing_by_itself_is_counted(story: Story) -> None:
    _recovery(story, [killed(110.0)], [], verdict := Verdict(story), pauses=[(115.0, 140.0)])
    assert verdict.recovery == {"plan:in": 50.0}


def test_an_operator_is_not_counted_but_what_follows_the_order_is(story: Story) -> None:
    story.stations.insert(1, (140.0, "ordered 1"))
    _recovery(story, [killed(110.0)], [], verdict := Verdict(story))
    assert verdict.recovery == {"plan:in": 20.0}
    assert not Story(1, 1, "approved", [], stations=[(140.0, "ordered 1")]).came_on_since(120.0)


def test_a_run_that_is_killed_again_has_come_past_the_first_time(story: Story) -> None:
    again = killed(140.0) | {"point": "map:end"}
    _recovery(story, [killed(110.0), again], [], verdict := Verdict(story))
    assert verdict.recovery == {"plan:in": 30.0, "map:end": 20.0}


def test_fewer_faults_than_planned_fail(story: Story) -> None:
    assert row_of("plan:in", 2, 1, [], within=60).failed
    slow = Verdict(story, recovery={"plan:in": 61.0})
    assert row_of("plan:in", 1, 1, [slow], within=60).failed
    assert not row_of("plan:in", 1, 1, [slow], within=62).failed


def test_there_are_points_enough_and_each_has_a_name_of_its_own() -> None:
    assert len({point.name for point in POINTS}) == len(POINTS)
    assert sum(not point.extra for point in POINTS) >= 25
    assert {point.role for point in POINTS} == {"flow", "api", "worker", "housekeeping"}


def test_every_step_is_killed_at_both_its_boundaries() -> None:
    killed = {(point.target, point.when) for point in POINTS}
    boundaries = {(f"{step.fn.__module__}:{step.fn.__name__}", at) for step in steps().values() for at in ("in", "out")}

    assert boundaries - killed == set()


def test_every_fault_is_dealt_once_a_seed_and_lies_on_its_campaigns_path() -> None:
    single = [outage for outage in OUTAGES if outage.phase != "all"]
    for count in (25, len(POINTS)):
        points = sorted(POINTS, key=lambda point: point.extra)[:count]
        told = stories_of(points, single, [1, 2, 3])
        dealt = Counter(kill for story in told for kill in story.kills)
        assert dealt == {point.name: 3 for point in points if point.role != "housekeeping"}
        assert Counter(each.name for story in told for each in story.outages) == {each.name: 1 for each in single}
        assert len({story.tag for story in told}) == len(told)
        for story in told:
            phases = [BY_NAME[kill].phase for kill in story.kills]
            assert len(set(phases)) == len(phases)
            assert "ask" not in phases or not {"decide", "resume", "close"} & set(phases)
            assert (story.path == "stages") is ("pass" in phases)
            assert "pass" not in phases or len(phases) == 1
            assert story.path == "revise" or not {"revise", "reask"} & set(phases)
            assert story.path == "revise" or not {"resume", "close"} <= set(phases)


def test_what_did_not_come_about_is_tried_once_more(story: Story) -> None:
    assert once_more(story, 9) is None
    story.missed = ["plan:in"]
    again = once_more(story, 9)
    assert again is not None
    assert (again.kills, again.seed, again.tag) == (["plan:in"], 1, "001-009")
    again.missed = ["plan:in"]
    assert once_more(again, 10) is None
