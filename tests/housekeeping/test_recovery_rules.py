"""Which campaigns need help, and which help: every state of a run against every state of its campaign."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.model.campaign import AT_REST, Campaign
from campaigns.model.vocabulary import CampaignStatus
from campaigns.operations.recovery import (
    MAX_EXECUTIONS,
    Remedy,
    RunSeen,
    RunState,
    diagnose_ended,
    diagnose_live,
    next_look,
    progress_mark,
)
from campaigns.store import Lease, Recovery
from tests.store.samples import NOW, a_campaign, a_post, written

S, R = CampaignStatus, RunState
MARK = "generating/0/3/1"
SECONDS = timedelta(seconds=1)


def live(
    run: RunState,
    age: float = 0,
    *,
    status: CampaignStatus = S.GENERATING,
    lease: float | None = None,
    attempts: int = 0,
    since_attempt: float = 3600,
    mark: str = MARK,
    waiting: bool = False,
    in_process: bool = False,
    restartable: bool = True,
    outage: bool = False,
    taken: bool = False,
    dead: bool = False,
) -> Remedy:
    campaign = a_campaign(status=status, updated_at=NOW - timedelta(days=1))
    seen = RunSeen(
        run, NOW - age * SECONDS, in_process=in_process, restartable=restartable, outage=outage, taken=taken, dead=dead
    )
    return diagnose_live(
        campaign,
        seen,
        _lease(campaign, lease),
        _recovery(campaign, attempts, since_attempt) if attempts else None,
        mark=mark,
        waiting=waiting,
        now=NOW,
    ).remedy


def _lease(campaign: Campaign, left: float | None) -> Lease | None:
    if left is None:
        return None
    return Lease(campaign.tenant_id, campaign.id, "run:process", 1, NOW + left * SECONDS)


def _recovery(campaign: Campaign, attempts: int, ago: float) -> Recovery:
    at = NOW - ago * SECONDS
    return Recovery(campaign.tenant_id, campaign.id, MARK, attempts=attempts, total=attempts, at=at, reason="crashed")


@pytest.mark.parametrize("run", list(RunState))
def test_a_campaign_whose_lease_is_alive_is_left_alone(run: RunState) -> None:
    assert live(run, 9999, lease=1) is Remedy.NOTHING


@pytest.mark.parametrize("run", [R.CRASHED, R.FAILED])
def test_a_crashed_run_is_started_again_while_the_lease_of_its_silent_process_runs_out(run: RunState) -> None:
    renewed_before, renewed_after = 30 - 20, 30 - 5  # seconds that are left

    assert live(run, 15, lease=renewed_before) is Remedy.NOTHING
    assert live(run, 16, lease=renewed_before) is Remedy.RESTART
    assert live(run, 16, lease=renewed_after) is Remedy.NOTHING  # it was said to be dead, and lives
    assert live(R.RUNNING, 16, lease=renewed_before) is Remedy.NOTHING


@pytest.mark.parametrize(
    ("run", "patience", "remedy"),
    [
        (R.CRASHED, 15, Remedy.RESTART),
        (R.FAILED, 15, Remedy.RESTART),
        (R.RUNNING, 50, Remedy.RESTART),
        (R.PENDING, 50, Remedy.RESTART),
        (R.COMPLETED, 15, Remedy.NEW_RUN),
    ],
)
def test_a_run_that_cannot_go_on_is_started_again_after_a_while(run: RunState, patience: int, remedy: Remedy) -> None:
    assert live(run, patience) is Remedy.NOTHING
    assert live(run, patience + 1) is remedy


@pytest.mark.parametrize("run", [R.CRASHED, R.FAILED])
def test_a_run_whose_process_was_seen_to_die_is_started_again_at_once(run: RunState) -> None:
    assert live(run, 0, dead=True) is Remedy.RESTART
    assert live(run, 0, lease=20, dead=True) is Remedy.NOTHING  # another process is at work
    assert live(R.RUNNING, 0, dead=True) is Remedy.NOTHING  # it was started again meanwhile


def test_a_run_that_a_dead_worker_took_need_not_wait_as_long_as_a_slow_start() -> None:
    assert live(R.PENDING, 30, taken=True) is Remedy.NOTHING
    assert live(R.PENDING, 31, taken=True) is Remedy.RESTART
    assert live(R.PENDING, 50, taken=False) is Remedy.NOTHING


def test_a_container_has_the_time_that_its_work_pool_is_given() -> None:
    campaign = a_campaign(status=S.GENERATING)
    for state in (R.PENDING, R.RUNNING):
        for age, remedy in ((130, Remedy.NOTHING), (131, Remedy.RESTART)):
            seen = RunSeen(state, NOW - age * SECONDS, to_start=120 * SECONDS)
            found = diagnose_live(campaign, seen, None, None, mark=MARK, waiting=False, now=NOW)
            assert found.remedy is remedy


@pytest.mark.parametrize("ahead", [0, 10, 20, 29])
def test_a_sweeper_whose_clock_is_ahead_starts_no_living_run_again(ahead: int) -> None:
    for since_heartbeat in range(11):
        assert live(R.RUNNING, 999, lease=30 - since_heartbeat - ahead) is Remedy.NOTHING
    assert live(R.RUNNING, 40 + min(ahead, 10)) is Remedy.NOTHING  # it is starting


def test_a_campaign_is_looked_at_when_something_may_have_changed() -> None:
    working, waiting, over = (a_campaign(status=s, updated_at=NOW) for s in (S.GENERATING, S.AWAITING_REVIEW, S.FAILED))
    minute = timedelta(minutes=1)

    def look(campaign: Campaign, state: RunState, age: float = 0, **more: Any) -> timedelta | None:
        seen = RunSeen(state, NOW - age * SECONDS)
        lease = _lease(campaign, more.get("lease"))
        at = next_look(campaign, seen, lease, ends_at=more.get("ends_at"), now=NOW)
        return at - NOW if at is not None else None

    assert look(working, R.RUNNING, lease=20) == 31 * SECONDS  # when the lease that is held now has run out
    assert look(working, R.RUNNING, 30) == 21 * SECONDS  # when it has had its time to start
    assert look(working, R.SCHEDULED) == 10 * SECONDS
    old = working.model_copy(update={"updated_at": NOW - 60 * minute})
    assert look(old, R.SCHEDULED, 3600) == minute  # it waits to be built, and is counted by its look
    assert look(old, R.CRASHED, 3600) == 5 * minute
    assert look(waiting, R.PAUSED, ends_at=NOW + 120 * minute) == 121 * minute
    assert look(waiting, R.PAUSED, ends_at=NOW + 9999 * minute) == timedelta(hours=24)
    assert look(waiting, R.RUNNING, 30, ends_at=NOW + 9999 * minute) == 21 * SECONDS  # nothing waits for people yet
    assert look(waiting, R.CRASHED, ends_at=NOW + 9999 * minute) == 10 * SECONDS
    assert look(over, R.COMPLETED) is None
    assert look(over, R.RUNNING) == 10 * SECONDS
    while_ago = over.model_copy(update={"updated_at": NOW - 60 * minute})
    assert look(while_ago, R.PENDING, 48) == 3 * SECONDS  # when it has had its time to start
    assert look(while_ago, R.PENDING, 99) == 5 * minute
    long_over = over.model_copy(update={"updated_at": NOW - timedelta(hours=7)})
    assert look(long_over, R.RUNNING) is None


def test_a_running_process_that_lets_its_lease_expire_is_gone() -> None:
    assert live(R.RUNNING, 45, lease=-10) is Remedy.NOTHING
    assert live(R.RUNNING, 45, lease=-11) is Remedy.RESTART


def test_a_process_that_is_starting_is_not_taken_for_the_dead_one_before_it() -> None:
    for age in (0, 20, 50):
        assert live(R.RUNNING, age, lease=-30 - age) is Remedy.NOTHING
    assert live(R.RUNNING, 51, lease=-81) is Remedy.RESTART


def test_a_run_that_prefect_forgot_is_replaced_at_once() -> None:
    assert live(R.MISSING) is Remedy.NEW_RUN


@pytest.mark.parametrize("age", [0, 10_000_000])
def test_a_run_that_waits_for_its_turn_or_for_a_person_is_left_alone(age: int) -> None:
    assert live(R.SCHEDULED, age) is Remedy.NOTHING
    assert live(R.PAUSED, age, status=S.AWAITING_REVIEW, waiting=True) is Remedy.NOTHING


def test_a_run_that_sleeps_through_its_decision_is_woken() -> None:
    assert live(R.PAUSED, 60, status=S.AWAITING_REVIEW) is Remedy.NOTHING
    assert live(R.PAUSED, 61, status=S.AWAITING_REVIEW) is Remedy.RING


def test_a_pause_in_a_terminal_that_was_closed_is_taken_over() -> None:
    waits = {"status": S.AWAITING_REVIEW, "waiting": True, "in_process": True, "restartable": False}

    assert live(R.PAUSED, 999, lease=9, **waits) is Remedy.NOTHING
    assert live(R.PAUSED, 999, lease=-11, **waits) is Remedy.NEW_RUN


@pytest.mark.parametrize("run", [R.CANCELLED, R.CANCELLING])
def test_a_cancelled_run_cancels_its_campaign_unless_that_was_approved(run: RunState) -> None:
    assert live(run, 121) is Remedy.CANCEL
    assert live(run, 121, status=S.APPROVED) is Remedy.NEW_RUN


def test_each_attempt_waits_longer_and_progress_starts_afresh() -> None:
    for attempts, pause in ((1, 60), (2, 120), (3, 240)):
        assert live(R.CRASHED, 999, attempts=attempts, since_attempt=pause - 1) is Remedy.NOTHING
        assert live(R.CRASHED, 999, attempts=attempts, since_attempt=pause) is Remedy.RESTART
        assert live(R.CRASHED, 999, attempts=attempts, since_attempt=0, mark="further") is Remedy.RESTART


def test_what_breaks_five_times_at_one_place_is_put_aside() -> None:
    assert live(R.CRASHED, 999, attempts=MAX_EXECUTIONS - 2) is Remedy.RESTART
    assert live(R.CRASHED, 999, attempts=MAX_EXECUTIONS - 1) is Remedy.QUARANTINE
    assert live(R.CRASHED, 999, attempts=MAX_EXECUTIONS - 1, mark="further") is Remedy.RESTART


@pytest.mark.parametrize(
    "run", [{"run": R.CRASHED, "outage": True}, {"run": R.PENDING}, {"run": R.PENDING, "taken": True}]
)
def test_what_is_not_the_campaigns_doing_never_uses_up_the_attempts_and_is_looked_at_soon(run: dict[str, Any]) -> None:
    for attempts in (1, MAX_EXECUTIONS - 1, 99):
        assert live(age=999, attempts=attempts, since_attempt=29, **run) is Remedy.NOTHING
        assert live(age=999, attempts=attempts, since_attempt=30, **run) is Remedy.RESTART


@pytest.mark.parametrize("status", sorted(AT_REST))
def test_the_run_of_an_ended_campaign_gets_its_end(status: CampaignStatus) -> None:
    campaign = a_campaign(status=status)

    def remedy(run: RunState, age: float, lease: float | None = None) -> Remedy:
        return diagnose_ended(campaign, RunSeen(run, NOW - age * SECONDS), _lease(campaign, lease), now=NOW).remedy

    assert remedy(R.PAUSED, 61) is Remedy.RING
    assert remedy(R.RUNNING, 121) is Remedy.CLOSE_RUN
    assert remedy(R.RUNNING, 121, lease=5) is Remedy.NOTHING
    assert remedy(R.PENDING, 49) is Remedy.NOTHING
    assert remedy(R.PENDING, 51) is Remedy.CLOSE_RUN
    assert remedy(R.SCHEDULED, 999) is remedy(R.COMPLETED, 999) is remedy(R.MISSING, 999) is Remedy.NOTHING
    assert remedy(R.CRASHED, 31) is (Remedy.NOTHING if status is S.FAILED else Remedy.CLOSE_RUN)
    assert remedy(R.CANCELLING, 119) is Remedy.NOTHING  # its worker ends it
    assert remedy(R.CANCELLING, 121) is Remedy.CLOSE_RUN  # or has died before it could
    assert remedy(R.CANCELLED, 0) is (Remedy.NOTHING if status in {S.CANCELLED, S.FAILED} else Remedy.CLOSE_RUN)


def test_every_step_that_gets_something_done_changes_the_mark() -> None:
    campaign = a_campaign(status=S.GENERATING)
    first, second = a_post(campaign, 1), a_post(campaign, 2)
    told = [
        progress_mark(a_campaign(), []),
        progress_mark(campaign, []),
        progress_mark(campaign, [first, second]),
        progress_mark(campaign, [written(first, revision=0), second]),
        progress_mark(campaign, [written(first, revision=0), written(second, revision=0)]),
        progress_mark(campaign, [written(first, revision=1), written(second, revision=0)]),
        progress_mark(campaign.model_copy(update={"round": 1}), [written(first), written(second)]),
    ]

    assert len(set(told)) == len(told)


@given(
    run=st.sampled_from(RunState),
    age=st.floats(0, 1e6),
    status=st.sampled_from(sorted(set(S) - AT_REST)),
    lease=st.none() | st.floats(-1e4, 30),
    in_process=st.booleans(),
)
def test_no_campaign_is_left_alone_for_ever_nor_helped_without_end(
    run: RunState, age: float, status: CampaignStatus, lease: float | None, in_process: bool
) -> None:
    """Whatever is seen: with time it is healthy, waits its turn, or gets a remedy; what was begun: at most five."""
    old = {"status": status, "lease": min(lease, -60) if lease is not None else None, "in_process": in_process}

    if run is not R.PENDING:
        assert live(run, age, attempts=MAX_EXECUTIONS - 1, **old) not in {Remedy.RESTART, Remedy.NEW_RUN}
    assert (live(run, 1e7, **old) is Remedy.NOTHING) == (run is R.SCHEDULED)
