"""The housekeeping flow on a real Prefect server: every duty is done, one that fails does not stop the others."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State
from prefect.exceptions import ObjectNotFound
from prefect.states import Pending, Running, Suspended

from campaigns import wiring
from campaigns.errors import StoreUnavailableError
from campaigns.model.campaign import Move
from campaigns.model.vocabulary import CampaignStatus, RoundStatus
from campaigns.operations.watching.alarms import UNDELIVERED_AFTER
from campaigns.operations.watching.consistency import check
from campaigns.store import OutboxEntry, Store
from campaigns.store.items import keys
from campaigns.store.tables.table import Put
from flows import operations
from flows.housekeeping import housekeeping
from tasks.delivery.deliver import deliver_due
from tasks.upkeep import housekeeping as duties
from tasks.upkeep.sweep import sweep, sweeping
from tasks.upkeep.watch import watch
from tests.flows.conftest import TENANT, Studio, first_week_of, sample_brief
from tests.store.samples import a_campaign, put_round

MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def _fresh_signals(studio: Studio) -> Iterator[None]:
    wiring.get_signals.cache_clear()
    yield
    wiring.get_signals.cache_clear()


def brief() -> dict[str, object]:
    return first_week_of(sample_brief("conference-talks.json"))


def test_a_quiet_minute_ends_quiet_and_a_busy_one_says_what_it_did(studio: Studio) -> None:
    assert housekeeping(return_state=True).name == "Quiet"

    campaign_id, run_id = studio.submit(brief())
    studio.attempt(run_id)
    round_ = studio.store.approvals.round(TENANT, campaign_id, 1)
    past = datetime.now(UTC) - MINUTE
    overdue = round_.model_copy(update={"expires_at": past})
    put_round(studio.store, overdue)

    ended = housekeeping(return_state=True)

    assert ended.name == "Busy"
    assert "expired 1" in ended.message
    assert studio.store.approvals.round(TENANT, campaign_id, 1).status is RoundStatus.TIMED_OUT
    assert studio.attempt(run_id).name == "Timed out"
    assert studio.store.campaigns.get(TENANT, campaign_id).status is CampaignStatus.APPROVAL_TIMEOUT


def test_a_duty_that_fails_is_told_and_the_others_are_done(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []

    def broken(_: Store, __: datetime) -> duties.Done:
        raise StoreUnavailableError("away")

    def fine(_: Store, __: datetime) -> duties.Done:
        done.append("fine")
        return {}

    monkeypatch.setattr("flows.housekeeping.DUTIES", {"broken": broken, "fine": fine})

    ended = housekeeping(return_state=True)

    assert ended.is_failed()
    assert "broken" in ended.message
    assert done == ["fine"]


def test_old_runs_of_housekeeping_itself_are_deleted(studio: Studio) -> None:
    state = housekeeping(return_state=True)
    run_id = state.state_details.flow_run_id
    _, build = studio.submit(brief())

    done = duties.tidy(studio.store, datetime.now(UTC) + duties.OWN_RUNS_KEPT + MINUTE)

    assert done["runs"] >= 1
    with get_client(sync_client=True) as client, pytest.raises(ObjectNotFound):
        client.read_flow_run(run_id)
    assert studio.run(build)  # nobody else's


def test_an_alarm_is_told_once_when_it_goes_on_and_once_when_it_goes_off(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[tuple[str, bool]] = []

    class Ear(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            heard.append((record.alert, record.on))

    alerts = logging.getLogger("campaigns.alerts")
    monkeypatch.setattr(alerts, "handlers", [Ear()])
    monkeypatch.setattr(alerts, "level", logging.INFO)
    now = datetime.now(UTC)
    for number in range(20):
        campaign = a_campaign(TENANT, created_at=now, updated_at=now)
        studio.store.campaigns.create(campaign, actor="tests", at=now)
        to = CampaignStatus.FAILED if number < 2 else CampaignStatus.CANCELLED
        studio.store.campaigns.move(TENANT, campaign.id, Move(to, "tests", "so", now))

    def told() -> list[tuple[str, bool]]:
        heard.clear()
        watch(studio.store, now=now + MINUTE)
        return list(heard)

    assert told() == [("failure_rate", True)]
    assert told() == []
    now += timedelta(days=2)
    assert told() == [("failure_rate", False)]
    assert told() == []


@pytest.mark.parametrize("stuck", [Pending(name="Submitting"), Running()], ids=["taken", "running"])
def test_a_run_of_housekeeping_that_does_not_move_keeps_out_no_later_one(studio: Studio, stuck: State[None]) -> None:
    with get_client(sync_client=True) as client:
        run = client.create_flow_run(housekeeping, state=stuck)
        now = datetime.now(UTC)

        sweep(studio.store, now=now + 4 * MINUTE, all_duties=True)
        assert client.read_flow_run(run.id).state_type == stuck.type
        sweep(studio.store, now=now + 6 * MINUTE, all_duties=True)

        with pytest.raises(ObjectNotFound):
            client.read_flow_run(run.id)


def test_operators_hear_of_a_missing_worker_without_one(studio: Studio) -> None:
    _, run_id = studio.submit(brief())
    soon, late = (datetime.now(UTC) + minutes * MINUTE for minutes in (4, 6))

    sweep(studio.store, now=soon, all_duties=True)
    assert not on(studio.store, "late_runs")
    sweep(studio.store, now=late, all_duties=True)
    assert on(studio.store, "late_runs")

    studio.attempt(run_id)
    sweep(studio.store, now=late, all_duties=True)
    assert not on(studio.store, "late_runs")


def test_operators_hear_of_what_cannot_be_delivered(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    campaign_id, _ = studio.submit(brief())
    now = datetime.now(UTC)
    nobody = OutboxEntry.about("carrier pigeon", TENANT, campaign_id, due_at=now)
    studio.store.outbox.add([nobody])
    began = now

    def becalmed(*_: object) -> bool:
        raise OSError("no wind")

    monkeypatch.setattr("tasks.delivery.deliver._how", lambda _kind: becalmed)
    while not on(studio.store, "undelivered"):
        assert now < began + 30 * MINUTE
        deliver_due(studio.store, now=now)
        watch(studio.store, now=now)
        now += 5 * timedelta(seconds=1)

    assert now > began + UNDELIVERED_AFTER
    entry = next(one for one in studio.store.outbox.of(TENANT, campaign_id) if one.id == nobody.id)
    assert (entry.last_error, entry.done_at) == ("no wind", None)
    found = check(studio.store, studio.store.campaigns.get(TENANT, campaign_id), now=now)
    assert [(one.code, one.found) for one in found] == [
        ("UNDELIVERED", f"carrier pigeon, tried {entry.attempts} times: no wind")
    ]
    monkeypatch.setattr("tasks.delivery.deliver._how", lambda _kind: lambda _store, _entry, _now: True)
    deliver_due(studio.store, now=now + 5 * MINUTE)
    watch(studio.store, now=now + 5 * MINUTE)
    assert not on(studio.store, "undelivered")


def test_the_alarm_comes_as_soon_where_each_of_many_entries_is_tried_seldom(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign_id, _ = studio.submit(brief())
    began = now = datetime.now(UTC)
    flock = [OutboxEntry.about("carrier pigeon", TENANT, campaign_id, number, due_at=now) for number in range(40)]
    studio.store.outbox.add(flock)

    def becalmed(*_: object) -> bool:
        raise OSError("no wind")

    monkeypatch.setattr("tasks.delivery.deliver._how", lambda _kind: becalmed)
    while now <= began + UNDELIVERED_AFTER:
        watch(studio.store, now=now)
        assert not on(studio.store, "undelivered")
        now += MINUTE / 2
        deliver_due(studio.store, now=now)
    watch(studio.store, now=now)

    ids = {each.id for each in flock}
    tried = [each.attempts for each in studio.store.outbox.of(TENANT, campaign_id) if each.id in ids]
    assert max(tried) < len(flock) / 2, "nothing kept them from being tried each time"
    assert on(studio.store, "undelivered")


def test_somebody_watches_while_prefect_is_away(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    campaign_id, _ = studio.submit(brief())
    now = datetime.now(UTC)
    nobody = OutboxEntry.about("carrier pigeon", TENANT, campaign_id, due_at=now - UNDELIVERED_AFTER - MINUTE)
    studio.store.outbox.add([nobody])
    monkeypatch.setattr("tasks.upkeep.sweep.is_answering", lambda: False)

    sweep(studio.store, now=now, all_duties=True)

    assert on(studio.store, "undelivered")


def test_operators_hear_at_once_of_content_that_is_not_what_was_approved(studio: Studio) -> None:
    campaign_id, run_id = studio.submit(brief())
    studio.attempt(run_id)
    post = studio.store.posts.list(TENANT, campaign_id)[0]
    studio.decide_without_effect(campaign_id, "approved")
    watch(studio.store, now=datetime.now(UTC))
    quiet = not on(studio.store, "tampering")
    key = keys.post(TENANT, campaign_id, post.id)
    item = studio.store.table.get(key)
    assert item is not None
    words = post.content.text
    studio.store.table.write(Put({**item, "body": item["body"].replace(json.dumps(words)[1:20], "Buy now. ")}))

    assert studio.attempt(run_id).is_failed()
    watch(studio.store, now=datetime.now(UTC))

    assert studio.store.campaigns.get(TENANT, campaign_id).last_error.code == "INTEGRITY"
    assert (quiet, on(studio.store, "tampering")) == (True, True)
    watch(studio.store, now=datetime.now(UTC) + timedelta(hours=25))
    assert not on(studio.store, "tampering")


def test_operators_hear_of_what_was_set_aside_and_put_it_back(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    campaign_id, _ = studio.submit(brief())
    now = datetime.now(UTC)
    studio.store.outbox.add([OutboxEntry.about("carrier pigeon", TENANT, campaign_id, due_at=now)])
    watch(studio.store, now=now)
    quiet = not on(studio.store, "undelivered")
    for _ in range(5):
        now += 6 * MINUTE
        deliver_due(studio.store, now=now)
    watch(studio.store, now=now)
    loud = on(studio.store, "undelivered")

    found = operations.verify(TENANT, return_state=True)
    monkeypatch.setattr("tasks.delivery.deliver._how", lambda _kind: lambda _store, _entry, _now: True)
    back = operations.redeliver(TENANT, campaign_id, "Olga", "pigeons fly again", return_state=True)
    watch(studio.store, now=now)

    assert (quiet, loud) == (True, True)
    assert (found.name, found.message) == (
        "Inconsistent",
        "1 findings in 1 campaigns; see the artifact and log",
    )
    assert (back.is_completed(), back.message) == (True, "tried again: carrier pigeon")
    assert not on(studio.store, "undelivered")
    again = operations.redeliver(TENANT, campaign_id, "Olga", "pigeons fly again", return_state=True)
    assert (again.name, operations.verify(TENANT, return_state=True).name) == ("Refused", "Consistent")


def on(store: Store, kind: str) -> bool:
    alarm = store.signals.alarm(kind)
    return alarm is not None and alarm.on


def test_the_sweeper_rings_a_bell_that_was_lost(studio: Studio) -> None:
    campaign_id, run_id = studio.submit(brief())
    studio.attempt(run_id)
    studio.decide(campaign_id, "approved")
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(run_id, Suspended(), force=True)  # as if it had never been rung

    sweep(studio.store, now=datetime.now(UTC) + MINUTE)

    assert studio.run(run_id).state.is_scheduled()
    assert studio.attempt(run_id).is_completed()


def test_the_sweeper_gives_a_run_the_end_of_its_campaign_without_housekeeping(studio: Studio) -> None:
    campaign_id, run_id = studio.submit(brief())
    studio.attempt(run_id)
    studio.decide(campaign_id, "approved")
    ended = studio.attempt(run_id)
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(run_id, Suspended(), force=True)  # as a restored database has it

    sweep(studio.store, now=datetime.now(UTC) + 2 * MINUTE, all_duties=True)

    assert studio.run(run_id).state.is_scheduled()  # woken, to see for itself
    assert studio.attempt(run_id).name == ended.name


def test_the_sweepers_sweep_while_their_block_lasts(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    before = _sweepers()
    swept, sent = threading.Event(), threading.Event()

    def delivering(*_: object) -> None:
        swept.set()

    def sending(*_: object) -> None:
        sent.set()

    monkeypatch.setattr("tasks.upkeep.sweep.is_answering", lambda: True)
    monkeypatch.setattr("tasks.upkeep.sweep.WITH_PREFECT", (delivering,))
    monkeypatch.setattr("tasks.upkeep.sweep.LESS_OFTEN", ())
    monkeypatch.setattr("tasks.upkeep.sweep.WITHOUT_PREFECT", (sending,))

    with sweeping(studio.store, every_seconds=0.01):
        assert swept.wait(60)
        assert sent.wait(60)
        assert _sweepers() == before + 2
    assert _sweepers() == before


def _sweepers() -> int:
    return sum(thread.name in {"sweeper", "sender"} for thread in threading.enumerate())
