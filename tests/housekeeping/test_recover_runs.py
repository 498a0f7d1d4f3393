"""Broken, lost and contradicting runs on a real Prefect server: found, repaired, and both sides agree again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State, StateDetails, StateType
from prefect.settings import get_current_settings
from prefect.states import Scheduled

from campaigns.checkpoints.faults import CheckpointUnavailable
from campaigns.errors import StoreUnavailableError
from campaigns.model.vocabulary import CampaignStatus, RoundStatus
from campaigns.operations.acts import By, retry
from campaigns.operations.cancelling import cancel
from campaigns.operations.recovery import LEASE_LASTS, RESTART_RUN
from campaigns.store import Lease, OutboxEntry
from campaigns.store.commits.looks import SOON
from campaigns.store.commits.outbox import outbox_item
from campaigns.store.tables.table import Put
from deployments.place import ROOT
from tasks.delivery.deliver import deliver_due
from tasks.engine.lease import process_of
from tasks.engine.server.answers import PrefectUnavailableError
from tasks.engine.server.run_states import count_late_runs
from tasks.upkeep.recover import recover_dead, recover_due, recover_ended, recover_live
from tests.flows.conftest import TENANT, Studio, first_week_of, sample_brief

LATER = timedelta(minutes=5)


def one_week() -> dict[str, Any]:
    return first_week_of(sample_brief("conference-talks.json"))


def housekeeping(studio: Studio, *, later: timedelta = LATER) -> Counter[str]:
    """One round of what housekeeping does about runs, some time from now."""
    now = datetime.now(UTC) + later
    done = recover_live(studio.store, now=now) + recover_ended(studio.store, now=now)
    deliver_due(studio.store, now=now)
    return done


def say(
    run_id: UUID, kind: StateType, name: str | None = None, message: str | None = None, pause_key: str | None = None
) -> None:
    """Make Prefect believe this of the run."""
    state = State(type=kind, name=name, message=message, state_details=StateDetails(pause_key=pause_key))
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(run_id, state, force=True)


def run_of(studio: Studio, campaign_id: str) -> UUID:
    return UUID(studio.store.campaigns.get(TENANT, campaign_id).execution_id)


@pytest.mark.parametrize("kind", [StateType.CRASHED, StateType.FAILED, StateType.RUNNING, StateType.PENDING])
def test_a_run_that_cannot_go_on_is_scheduled_again_once(studio: Studio, kind: StateType) -> None:
    campaign_id, run_id = studio.submit(one_week())
    say(run_id, kind)

    assert housekeeping(studio) == {"restart": 1}

    assert studio.run(run_id).state_name == "AwaitingRetry"
    assert housekeeping(studio) == {}
    told = [entry.action for entry in studio.store.audit.entries(TENANT, campaign_id)]
    assert told.count("run_started_again") == 1
    assert studio.store.audit.verify(TENANT, campaign_id) is None


def test_a_campaign_goes_on_at_once_when_its_process_was_seen_to_die(studio: Studio) -> None:
    campaign_id, run_id = studio.submit(one_week())
    run, now, dead, other = studio.run(run_id), datetime.now(UTC), process_of(run_id, 4711), process_of(run_id, 47)
    say(run_id, StateType.CRASHED)

    taken = studio.store.leases.acquire(TENANT, campaign_id, owner=f"{other}1", now=now, ttl=LEASE_LASTS)
    assert recover_dead(studio.store, run, dead, now=now) is None  # a process that lives has taken over
    studio.store.leases.release(taken)

    studio.store.leases.acquire(TENANT, campaign_id, owner=f"{dead}1", now=now, ttl=LEASE_LASTS)
    assert recover_dead(studio.store, run, dead, now=now) == "restart"

    assert studio.run(run_id).state_name == "AwaitingRetry"
    assert studio.store.leases.last(TENANT, campaign_id) is None
    say(run_id, StateType.CRASHED)
    assert recover_dead(studio.store, run, dead, now=now) is None  # what dies again and again is given time


def test_a_worker_that_dies_between_taking_and_starting_is_told_from_a_slow_start(studio: Studio) -> None:
    _, run_id = studio.submit(one_week())
    soon = timedelta(seconds=40)

    say(run_id, StateType.PENDING, "Submitting")
    assert housekeeping(studio, later=soon) == {}
    say(run_id, StateType.PENDING, "Pending")
    assert housekeeping(studio, later=soon) == {"restart": 1}


def test_a_campaign_whose_run_is_gone_from_prefect_gets_another_and_pays_nothing_twice(studio: Studio) -> None:
    campaign_id, run_id = studio.submit(one_week())
    studio.attempt(run_id)
    calls = studio.store.campaigns.get(TENANT, campaign_id).usage.calls
    with get_client(sync_client=True) as client:
        client.delete_flow_run(run_id)

    assert housekeeping(studio) == {"new_run": 1}
    other = run_of(studio, campaign_id)
    assert other != run_id
    assert studio.attempt(other).name == "Suspended"
    studio.decide(campaign_id, "approved")
    assert studio.attempt(other).is_completed()

    campaign = studio.store.campaigns.get(TENANT, campaign_id)
    assert (campaign.status, campaign.usage.calls) == (CampaignStatus.COMPLETED, calls)


def test_a_build_that_breaks_at_one_place_is_put_aside_with_the_reason(studio: Studio) -> None:
    campaign_id, run_id = studio.submit(one_week())
    remedies: Counter[str] = Counter()
    for hour in range(1, 8):
        say(run_id, StateType.CRASHED)
        remedies += housekeeping(studio, later=timedelta(hours=hour))

    campaign = studio.store.campaigns.get(TENANT, campaign_id)
    assert remedies == {"restart": 4, "quarantine": 1}
    assert campaign.status is CampaignStatus.FAILED
    assert campaign.last_error is not None
    assert (campaign.last_error.code, campaign.last_error.retryable) == ("QUARANTINED", True)
    assert "has crashed" in campaign.last_error.message


def test_a_worker_that_is_too_busy_to_start_a_run_puts_no_campaign_aside(studio: Studio) -> None:
    campaign_id, run_id = studio.submit(one_week())
    remedies: Counter[str] = Counter()
    for minute in range(2, 20, 2):
        say(run_id, StateType.PENDING)
        remedies += housekeeping(studio, later=timedelta(minutes=minute))

    assert remedies == {"restart": 9}
    assert studio.store.campaigns.get(TENANT, campaign_id).status is not CampaignStatus.FAILED


@pytest.mark.parametrize("away", ["checkpoints", "store"])
def test_a_long_outage_puts_no_campaign_aside(studio: Studio, away: str, monkeypatch: pytest.MonkeyPatch) -> None:
    campaign_id, run_id = studio.submit(one_week())
    with monkeypatch.context() as broken:
        if away == "store":
            broken.setattr("tasks.plan.get_store", _down(StoreUnavailableError("away")))
        else:
            broken.setattr(
                "tasks.checkpoints.storage.CheckpointVault.read", _down(CheckpointUnavailable("plan", "away"))
            )
        ended = _attempt(studio, run_id)
        assert ended in {"Failed", "Crashed"}
        message = studio.run(run_id).state.message
    remedies: Counter[str] = Counter()
    for minute in range(2, 20, 2):
        say(run_id, StateType.CRASHED, message=message)
        remedies += housekeeping(studio, later=timedelta(minutes=minute))

    assert remedies == {"restart": 9}
    assert studio.attempt(run_id).name == "Suspended"
    assert studio.store.campaigns.get(TENANT, campaign_id).status is CampaignStatus.AWAITING_REVIEW


def _down(fault: BaseException) -> Callable[..., Any]:
    def refuse(*_: object, **__: object) -> Any:
        raise fault

    return refuse


def _attempt(studio: Studio, run_id: UUID) -> str | None:
    with suppress(CheckpointUnavailable):
        studio.attempt(run_id)
    return studio.run(run_id).state_name


def test_a_run_cancelled_in_prefect_cancels_its_campaign_and_closes_its_links(studio: Studio) -> None:
    campaign_id, run_id = studio.submit(one_week())
    studio.attempt(run_id)
    say(run_id, StateType.CANCELLED)

    assert housekeeping(studio) == {"cancel": 1}

    assert studio.store.campaigns.get(TENANT, campaign_id).status is CampaignStatus.CANCELLED
    assert studio.store.approvals.round(TENANT, campaign_id, 1).status == "cancelled"
    assert housekeeping(studio) == {}


def test_a_campaign_that_waits_is_not_looked_at_until_its_run_is_cancelled_in_prefect(studio: Studio) -> None:
    campaign_id, run_id = studio.submit(one_week())
    studio.attempt(run_id)
    other, _ = studio.submit(sample_brief())
    recover_due(studio.store, now=datetime.now(UTC) + SOON)
    tonight = datetime.now(UTC) + timedelta(hours=20)
    assert campaign_id not in {look.campaign_id for look in studio.store.looks.due(tonight)}

    say(run_id, StateType.CANCELLED)

    assert recover_due(studio.store, now=datetime.now(UTC)) == {"cancel": 1}
    assert studio.store.campaigns.get(TENANT, campaign_id).status is CampaignStatus.CANCELLED
    assert studio.store.campaigns.get(TENANT, other).status is CampaignStatus.PLANNING


@pytest.mark.parametrize("left", [StateType.PENDING, StateType.RUNNING])
def test_a_run_that_a_person_resumed_and_whose_worker_died_is_started_again(studio: Studio, left: StateType) -> None:
    """Nothing was decided: only Prefect knows that the run does not wait any more."""
    _, run_id = studio.submit(one_week())
    studio.attempt(run_id)
    looked = datetime.now(UTC) + SOON
    assert recover_due(studio.store, now=looked) == {}
    say(run_id, left)

    done: Counter[str] = Counter()
    for minutes in range(1, 5):
        done += recover_due(studio.store, now=looked + timedelta(minutes=minutes))

    assert done == {"restart": 1}
    deliver_due(studio.store, now=looked + timedelta(minutes=5))
    assert studio.run(run_id).state_name == "AwaitingRetry"


@pytest.mark.timeout(300)
def test_a_run_whose_process_dies_between_asking_and_waiting_is_started_again(studio: Studio) -> None:
    """People are asked, and Prefect calls the run running: nothing but the look tells that nobody executes it."""
    campaign_id, run_id = studio.submit(one_week())
    killed_before_waiting(run_id)
    asked = studio.store.approvals.current_round(TENANT, campaign_id)
    assert asked is not None
    assert asked.status is RoundStatus.PENDING
    assert studio.run(run_id).state_name == "Running"

    done: Counter[str] = Counter()
    for seconds in range(0, 120, 15):
        done += recover_due(studio.store, now=datetime.now(UTC) + timedelta(seconds=seconds))
    assert done == {"restart": 1}

    assert studio.attempt(run_id).name == "Suspended"
    again = studio.store.approvals.current_round(TENANT, campaign_id)
    assert again is not None
    assert again.callback_id == asked.callback_id


def killed_before_waiting(run_id: UUID) -> None:
    """Execute a run in a process of its own, which is killed with its round open and before its run is suspended."""
    script = (
        "import os, signal, sys; from uuid import UUID\n"
        "from prefect.client.orchestration import get_client; from prefect.flow_engine import run_flow\n"
        "from prefect.states import Pending\n"
        "from flows import approval_gate; from flows.build_campaign import build_campaign\n"
        "approval_gate.suspend = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)\n"
        "with get_client(sync_client=True) as client:\n"
        "    client.set_flow_run_state(UUID(sys.argv[1]), Pending())\n"
        "    run = client.read_flow_run(UUID(sys.argv[1]))\n"
        "run_flow(build_campaign, flow_run=run, parameters=run.parameters)\n"
    )
    env = {**os.environ, **get_current_settings().to_environment_variables(exclude_unset=True)}
    ended = subprocess.run([sys.executable, "-c", script, str(run_id)], cwd=ROOT, env=env, check=False, timeout=240)
    assert ended.returncode == -signal.SIGKILL


def test_a_run_that_is_gone_when_its_bell_is_rung_gets_a_successor_at_once(studio: Studio) -> None:
    campaign_id, run_id = studio.submit(one_week())
    studio.attempt(run_id)
    with get_client(sync_client=True) as client:
        client.delete_flow_run(run_id)
    studio.decide(campaign_id, "needs_revision", "Say more about the venue.")

    now = datetime.now(UTC) + timedelta(seconds=20)
    deliver_due(studio.store, now=now)
    assert recover_due(studio.store, now=now) == {"new_run": 1}
    deliver_due(studio.store, now=now)
    assert run_of(studio, campaign_id) != run_id


@pytest.mark.parametrize("decision", ["approved", "rejected"])
def test_a_decision_takes_effect_whose_run_was_cancelled_in_prefect_meanwhile(studio: Studio, decision: str) -> None:
    campaign_id, run_id = studio.submit(one_week())
    studio.attempt(run_id)
    studio.decide_without_effect(campaign_id, decision, "Not like this." if decision == "rejected" else "")
    say(run_id, StateType.CANCELLED)

    assert housekeeping(studio) == {"cancel": 1}

    ended = {"approved": CampaignStatus.COMPLETED, "rejected": CampaignStatus.REJECTED}
    assert studio.store.campaigns.get(TENANT, campaign_id).status is ended[decision]
    assert housekeeping(studio) == {"close_run": 1}
    assert studio.run(run_id).state_name == decision.title()
    assert housekeeping(studio) == {}
    assert studio.store.campaigns.get(TENANT, campaign_id).usage.calls > 0


def test_a_restart_that_comes_after_the_cancelling_revives_nothing(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign_id, run_id = studio.submit(one_week())
    say(run_id, StateType.CRASHED)
    with monkeypatch.context() as away:
        away.setattr("tasks.delivery.deliver.restart_run", _down(PrefectUnavailableError("503")))
        assert housekeeping(studio) == {"restart": 1}
    cancel(studio.store, TENANT, campaign_id, actor="user", reason="No.", now=datetime.now(UTC))

    deliver_due(studio.store, now=datetime.now(UTC) + timedelta(hours=1))

    assert studio.run(run_id).state_name == "Crashed"
    open_ = [entry.kind for entry in studio.store.outbox.of(TENANT, campaign_id) if entry.is_open]
    assert RESTART_RUN not in open_


def test_nothing_is_paid_for_a_campaign_that_is_over(studio: Studio) -> None:
    campaign_id, run_id = studio.submit(one_week())
    cancel(studio.store, TENANT, campaign_id, actor="user", reason="No.", now=datetime.now(UTC))
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(run_id, Scheduled(), force=True)

    assert studio.attempt(run_id).name == "Cancelled"

    campaign = studio.store.campaigns.get(TENANT, campaign_id)
    assert (campaign.status, campaign.usage.calls) == (CampaignStatus.CANCELLED, 0)


def test_prefect_learns_how_a_campaign_ended(studio: Studio) -> None:
    campaign_id, run_id = studio.submit(one_week())
    studio.attempt(run_id)
    studio.decide(campaign_id, "approved")
    ended = studio.attempt(run_id)
    for wrong in (StateType.CRASHED, StateType.RUNNING, StateType.CANCELLED):
        say(run_id, wrong)

        assert housekeeping(studio) == {"close_run": 1}

        run = studio.run(run_id)
        assert (run.state_name, run.state.message) == (ended.name, ended.message)
        assert housekeeping(studio) == {}


def test_a_run_that_sleeps_through_its_decision_is_woken(studio: Studio) -> None:
    campaign_id, run_id = studio.submit(one_week())
    waits_for = studio.attempt(run_id).state_details.pause_key
    studio.decide(campaign_id, "approved")
    say(run_id, StateType.PAUSED, "Suspended", pause_key=waits_for)  # as if the bell had never been rung

    assert housekeeping(studio)["ring"] == 1

    assert studio.attempt(run_id).is_completed()


def test_a_living_process_is_left_alone_whatever_prefect_says(studio: Studio) -> None:
    campaign_id, run_id = studio.submit(one_week())
    say(run_id, StateType.CRASHED)
    now = datetime.now(UTC) + LATER
    lease = studio.store.leases.acquire(TENANT, campaign_id, owner="somebody", now=now, ttl=LEASE_LASTS)

    assert housekeeping(studio) == {}
    studio.store.leases.release(lease)
    assert housekeeping(studio) == {"restart": 1}


def test_the_lease_of_a_crashed_process_runs_out_while_its_run_is_started_again(studio: Studio) -> None:
    campaign_id, run_id = studio.submit(one_week())
    crashed = datetime.now(UTC)
    lease = studio.store.leases.acquire(TENANT, campaign_id, owner="dead", now=crashed, ttl=LEASE_LASTS)
    say(run_id, StateType.CRASHED)

    assert housekeeping(studio, later=timedelta(seconds=20)) == {"restart": 1}

    assert studio.run(run_id).state_name == "AwaitingRetry"
    assert studio.store.leases.last(TENANT, campaign_id) == lease


def test_a_process_that_is_heard_of_after_all_keeps_its_run(studio: Studio) -> None:
    campaign_id, run_id = studio.submit(one_week())
    say(run_id, StateType.CRASHED)
    found = datetime.now(UTC) + LATER
    assert recover_live(studio.store, now=found) == {"restart": 1}
    studio.store.leases.acquire(TENANT, campaign_id, owner="alive", now=found, ttl=LEASE_LASTS)

    deliver_due(studio.store, now=found)

    assert studio.run(run_id).state_name == "Crashed"


def test_one_campaign_that_cannot_be_helped_does_not_keep_the_others_waiting(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    poor, _ = studio.submit(one_week())
    rich, run_id = studio.submit(sample_brief())
    for campaign_id in (poor, rich):
        say(run_of(studio, campaign_id), StateType.CRASHED)
    last = studio.store.leases.last

    def broken(tenant_id: str, campaign_id: str) -> Lease | None:
        if campaign_id == poor:
            raise StoreUnavailableError("this item only")
        return last(tenant_id, campaign_id)

    monkeypatch.setattr(studio.store.leases, "last", broken)

    assert housekeeping(studio) == {"restart": 1}
    assert studio.run(run_id).state_name == "AwaitingRetry"


def test_a_document_that_nobody_can_read_does_not_keep_the_other_campaigns_from_help(studio: Studio) -> None:
    poor, _ = studio.submit(one_week())
    rich, run_id = studio.submit(sample_brief())
    for campaign_id in (poor, rich):
        say(run_of(studio, campaign_id), StateType.CRASHED)
    unreadable = OutboxEntry.about("pigeon", TENANT, poor, due_at=datetime.now(UTC))
    studio.store.table.write(Put({**outbox_item(unreadable), "body": '{"attempts": -1}'}))

    assert housekeeping(studio) == {"restart": 1}
    assert studio.run(run_id).state_name == "AwaitingRetry"


def test_runs_that_workers_take_and_never_begin_are_late(studio: Studio) -> None:
    _, run_id = studio.submit(one_week())
    _, begun = studio.submit(sample_brief())
    studio.attempt(begun)
    now = datetime.now(UTC)

    for kind in (StateType.PENDING, StateType.SCHEDULED):
        say(run_id, kind)
        assert count_late_runs(before=now - timedelta(minutes=5)) == 0
        assert count_late_runs(before=now + timedelta(seconds=1)) == 1
    say(begun, StateType.PENDING)
    assert count_late_runs(before=now + timedelta(seconds=1)) == 1


def test_a_campaign_that_an_operator_starts_again_has_all_its_attempts(studio: Studio) -> None:
    campaign_id, run_id = studio.submit(one_week())
    for hour in range(1, 6):
        say(run_id, StateType.CRASHED)
        housekeeping(studio, later=timedelta(hours=hour))
    campaign = studio.store.campaigns.get(TENANT, campaign_id)
    assert campaign.status is CampaignStatus.FAILED

    retry(studio.store, campaign, By("Olga", "mended"), now=datetime.now(UTC))
    deliver_due(studio.store, now=datetime.now(UTC))
    say(run_of(studio, campaign_id), StateType.CRASHED)

    assert housekeeping(studio, later=timedelta(hours=9)) == {"restart": 1}
    totals = studio.store.recoveries.last(TENANT, campaign_id)
    assert totals is not None
    assert (totals.attempts, totals.total) == (1, 5)
