"""Duties of housekeeping alone, on a store and a clock: each may be repeated, be late, and meet another of its kind."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count, pairwise
from pathlib import Path
from typing import Any, ClassVar
from uuid import uuid4

import httpx
import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from campaigns.approval.expiry import expire_due
from campaigns.approval.messages.notice_kinds import REMINDER, RESULT, STILL_WAITING
from campaigns.approval.messages.reminding import remind_due
from campaigns.approval.renewing import extend_round
from campaigns.approval.rounds import RING
from campaigns.build.submission import START_RUN
from campaigns.errors import ConflictError, StoreUnavailableError
from campaigns.model.base import new_id
from campaigns.model.vocabulary import RoundStatus
from campaigns.operations.acts import By, redeliver
from campaigns.operations.cancelling import CANCEL_RUN
from campaigns.operations.recovery import RunSeen, RunState
from campaigns.operations.watching.alarms import TIMEOUTS
from campaigns.operations.watching.consistency import check
from campaigns.store import OutboxEntry, Store
from campaigns.store.items import keys
from campaigns.store.tables.table import Put
from tasks.delivery import deliver
from tasks.delivery.channels import NoticeNotSentError
from tasks.engine.server import runs
from tasks.engine.server.answers import PrefectUnavailableError
from tasks.engine.server.runs import is_answering
from tasks.upkeep import recover
from tasks.upkeep.sweep import sweep
from tasks.upkeep.watch import readings
from tests.approvals.scene import BEN, NOW, TENANT, Scene, a_scene
from tests.approvals.test_protocol import set_policy
from tests.store.samples import put_round

HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with a_scene(tmp_path) as made:
        yield made


def entries(scene: Scene, kind: str) -> list[OutboxEntry]:
    return [entry for entry in scene.store.outbox.of(TENANT, scene.campaign.id) if entry.kind == kind]


# --- the rate of time-outs ---------------------------------------------------------------------------


def timeouts(scene: Scene, now: datetime) -> tuple[int, int]:
    reading = readings(scene.store, now=now)[TIMEOUTS.kind]
    return reading.part, reading.whole


@pytest.mark.parametrize("policy", ["reject", "approve", "extend"])
def test_a_round_that_ran_out_counts_whatever_its_policy_makes_of_that(scene: Scene, policy: str) -> None:
    scene.stand_up(on_timeout=policy, expires_in_hours=24)
    over = scene.round().expires_at
    assert timeouts(scene, over) == (0, 0)

    assert expire_due(scene.store, now=over) == 1

    assert timeouts(scene, over + HOUR) == (1, 1)
    if policy == "extend":  # once more, and then somebody decides: it ran out all the same, once
        scene.clock.now = over + HOUR
        scene.decide()
        assert timeouts(scene, over + 2 * HOUR) == (1, 1)
    assert timeouts(scene, over + TIMEOUTS.window + 3 * HOUR) == (0, 0)


def test_every_round_is_an_approval_and_those_decided_in_time_are_no_time_outs(scene: Scene) -> None:
    scene.stand_up(posts=4)
    scene.decide(decision="needs_revision", comments="Name the venue, please.")
    extended = scene.another("extended").stand_up(posts=4)
    extend_round(
        scene.store, TENANT, extended.campaign.id, 1,
        until=extended.round().expires_at + HOUR, actor="operator:Olga", reason="she is away", now=NOW,
    )  # fmt: skip
    assert timeouts(scene, NOW + HOUR) == (0, 1)  # more time given before it ran out is no time-out

    extended.decide()
    assert timeouts(scene, NOW + HOUR) == (0, 2)


def test_what_the_policy_of_the_brand_lets_pass_was_no_approval_that_anybody_was_asked_for(scene: Scene) -> None:
    scene.prepare(posts=3)
    set_policy(scene, "auto_approve")
    scene.ask(1)
    assert scene.round().status is RoundStatus.DECIDED

    assert timeouts(scene, NOW + HOUR) == (0, 0)


# --- remind -----------------------------------------------------------------------------------------


def test_a_reminder_is_enqueued_once_however_often_it_is_looked_for(scene: Scene) -> None:
    scene.stand_up(expires_in_hours=96, reminders=[72, 24])
    late = scene.round().expires_at - 70 * HOUR

    assert remind_due(scene.store, now=NOW) == 0
    assert remind_due(scene.store, now=late) > 0
    assert [remind_due(scene.store, now=late) for _ in range(3)] == [0, 0, 0]
    assert len(entries(scene, REMINDER)) == 1


def test_a_reminder_belongs_to_the_story_of_its_campaign(scene: Scene) -> None:
    scene.stand_up(expires_in_hours=96, reminders=[24])
    stored = scene.store.campaigns.get(TENANT, scene.campaign.id)
    story, place = {"correlation_id": "story-0815"}, (TENANT, scene.campaign.id)
    scene.store.campaigns.update(*place, story, actor="tests", at=NOW, expect_version=stored.version)

    remind_due(scene.store, now=scene.round().expires_at - HOUR)

    told = [*entries(scene, REMINDER), *entries(scene, STILL_WAITING)]
    assert {entry.correlation_id for entry in told} == {"story-0815"}
    assert len(told) == 3


def test_after_a_long_silence_only_the_latest_reminder_goes_out(scene: Scene) -> None:
    scene.stand_up(expires_in_hours=96, reminders=[72, 48, 24])

    remind_due(scene.store, now=scene.round().expires_at - HOUR)

    assert len(entries(scene, REMINDER)) == 1
    assert len(entries(scene, STILL_WAITING)) == 2  # the day's heartbeat and the last call


def test_only_who_has_not_decided_is_reminded(scene: Scene) -> None:
    people = [*scene.campaign.approval.to_wire()["approvers"], BEN.to_wire()]
    scene.stand_up(approvers=people, quorum="all", expires_in_hours=96, reminders=[24])
    scene.decide(1)

    remind_due(scene.store, now=scene.round().expires_at - HOUR)

    assert [entry.payload["approver"] for entry in entries(scene, REMINDER)] == [scene.round().approvers[1].id]


# --- expire -----------------------------------------------------------------------------------------


def test_rounds_end_once_at_most_so_many_at_a_time_and_none_is_forgotten(scene: Scene) -> None:
    scenes = [scene.stand_up(), *(scene.another(f"beside {n}").stand_up() for n in range(2))]
    over = scene.round().expires_at

    assert expire_due(scene.store, now=over - timedelta(seconds=1)) == 0
    by_two = (scene.store.approvals.due(over, limit=2) for _ in range(3))
    assert [expire_due(scene.store, now=over, rounds=rounds) for rounds in by_two] == [2, 1, 0]
    assert {each.round().status for each in scenes} == {RoundStatus.TIMED_OUT}


def test_a_round_that_cannot_be_ended_does_not_keep_the_others_open(scene: Scene) -> None:
    scenes = [scene.stand_up(), scene.another("beside").stand_up()]
    damaged = scenes[0].posts()[0]
    put_round(scene.store, scenes[0].round().model_copy(update={"on_timeout": "extend"}))
    item = scene.store.table.get(keys.post(TENANT, scenes[0].campaign.id, damaged.id))
    scene.store.table.write(Put({**item, "body": "{}"}))
    over = scene.round().expires_at

    assert expire_due(scene.store, now=over) == 1
    assert [each.round().status for each in scenes] == [RoundStatus.PENDING, RoundStatus.TIMED_OUT]


# --- deliver ----------------------------------------------------------------------------------------


@pytest.fixture
def pigeons(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> list[OutboxEntry]:
    scene.stand_up()
    found = [OutboxEntry.about("pigeon", TENANT, scene.campaign.id, n, due_at=NOW) for n in range(3)]
    for entry in scene.store.outbox.due(NOW, limit=1000):
        scene.store.outbox.done(entry, at=NOW)
    scene.store.outbox.add(found)
    return found


def carried_by(monkeypatch: pytest.MonkeyPatch, carry: Callable[[Store, OutboxEntry, datetime], Any]) -> None:
    monkeypatch.setattr(deliver, "_how", lambda _kind: carry)


def test_two_deliverers_deliver_each_entry_once(
    scene: Scene, pigeons: list[OutboxEntry], monkeypatch: pytest.MonkeyPatch
) -> None:
    flown: list[str] = []

    def carry(store: Store, entry: OutboxEntry, now: datetime) -> bool:
        flown.append(entry.id)
        # The other one comes while it is in the air: it has read the same entries, or reads them now.
        for seen in (one for one in pigeons if one.id == entry.id):
            assert not deliver.deliver(store, seen, now=now)
        assert entry.id not in {one.id for one in store.outbox.due(now)}
        return True

    carried_by(monkeypatch, carry)
    deliver.deliver_due(scene.store, now=NOW)

    assert sorted(flown) == sorted(entry.id for entry in pigeons)


def test_what_a_dead_deliverer_took_is_delivered_by_the_next(
    scene: Scene, pigeons: list[OutboxEntry], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def die(*_: object) -> bool:
        raise Killed

    carried_by(monkeypatch, die)
    with pytest.raises(Killed):
        deliver.deliver(scene.store, pigeons[0], now=NOW)
    carried_by(monkeypatch, lambda *_: True)

    assert deliver.deliver_due(scene.store, now=NOW) == 2
    assert deliver.deliver_due(scene.store, now=NOW + deliver.CLAIM) == 1


def test_a_message_is_left_alone_for_longer_than_a_bell(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sender that is only slow must not be overtaken: the message would go out twice."""
    scene.prepare(posts=1)
    bell, mail = (
        OutboxEntry.about(kind, TENANT, scene.campaign.id, due_at=NOW, payload={"round": 1}) for kind in (RING, RESULT)
    )
    scene.store.outbox.add([bell, mail])
    taken: dict[int, set[str]] = {0: set(), 19: set(), 20: set(), 59: set(), 60: set()}

    for after, kinds in taken.items():

        def die(_: object, entry: OutboxEntry, __: object, kinds: set[str] = kinds) -> bool:
            kinds.add(entry.kind)
            raise KeyboardInterrupt

        carried_by(monkeypatch, die)
        now = NOW + timedelta(seconds=after)
        for entry in scene.store.outbox.due(now):
            with pytest.raises(KeyboardInterrupt):
                deliver.deliver(scene.store, entry, now=now)

    assert taken == {0: {RING, RESULT}, 19: set(), 20: {RING}, 59: {RING}, 60: {RESULT}}


def test_a_channel_that_hangs_keeps_no_bell_from_ringing(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.prepare(posts=1)
    mails = [OutboxEntry.about(RESULT, TENANT, scene.campaign.id, n, due_at=NOW) for n in range(9)]
    bell = OutboxEntry.about(RING, TENANT, scene.campaign.id, due_at=NOW + timedelta(seconds=1))
    scene.store.outbox.add([*mails, bell])
    seconds, carried = iter(range(0, 1000, 5)), []
    monkeypatch.setattr(deliver.time, "monotonic", lambda: next(seconds))

    def carry(_: object, entry: OutboxEntry, __: object) -> bool:
        carried.append(entry.kind)
        return True

    carried_by(monkeypatch, carry)

    done = deliver.deliver_due(scene.store, now=NOW + timedelta(seconds=2))

    assert carried[0] == RING
    assert 2 <= done == len(carried) < 1 + len(mails)
    while len(carried) < 1 + len(mails):
        assert deliver.deliver_due(scene.store, now=NOW + timedelta(seconds=2)) > 0


class Hanging(BaseHTTPRequestHandler):
    """A Prefect that says that it is well, takes every other question, and never answers."""

    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        if self.path.endswith("/health"):
            self.send_response(200)
            self.end_headers()
        else:
            self.asked.append(self.path)
            self.rfile.read(1)  # until the client gives up

    do_POST = do_GET

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def hanging_prefect(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """A server that hangs, asked with little patience; what it was asked."""
    monkeypatch.setattr(runs, "ANSWER_SECONDS", 0.2)
    monkeypatch.setattr(deliver, "LANE_SECONDS", {deliver.BELLS: 0.1, deliver.RUNS: 0.1, deliver.NOTICES: 60.0})
    Hanging.asked = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hanging)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    with temporary_settings({PREFECT_API_URL: f"http://127.0.0.1:{server.server_port}/api"}):
        yield Hanging.asked
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("kind", [RING, START_RUN, CANCEL_RUN])
@pytest.mark.parametrize("waiting", [20, 40])
def test_a_prefect_that_hangs_delays_no_mail_by_more_than_one_call_of_each_kind(
    scene: Scene, hanging_prefect: list[str], waiting: int, kind: str
) -> None:
    scene.stand_up(posts=1)
    scene.store.campaigns.update(TENANT, scene.campaign.id, {"execution_id": str(uuid4())}, actor="test", at=NOW)
    before = [
        OutboxEntry.about(kind, TENANT, scene.campaign.id, n, due_at=NOW - HOUR, payload={"round": 1})
        for n in range(waiting)
    ]
    scene.store.outbox.add(before)
    assert is_answering()

    assert deliver.deliver_due(scene.store, now=NOW) == 2  # the request, divided among the channels, and its mail

    assert (scene.home / "mail").exists()
    assert len(hanging_prefect) == 2  # one of them, asked twice
    assert sum(entry.attempts for entry in scene.store.outbox.of(TENANT, scene.campaign.id)) == 1


def test_more_bells_than_one_look_finds_keep_no_mail_from_being_found(scene: Scene, hanging_prefect: list[str]) -> None:
    scene.stand_up(posts=1)
    scene.store.campaigns.update(TENANT, scene.campaign.id, {"execution_id": str(uuid4())}, actor="test", at=NOW)
    scene.store.outbox.add(
        [
            OutboxEntry.about(RING, TENANT, scene.campaign.id, n, due_at=NOW - HOUR, payload={"round": 1})
            for n in range(20)
        ]
    )

    assert deliver.deliver_due(scene.store, now=NOW, limit=10) == 2
    assert len(hanging_prefect) == 2


def test_a_channel_that_does_not_answer_takes_no_turns_of_the_others(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.prepare(posts=1)
    slack, mail = (
        [
            OutboxEntry.about(
                RESULT, TENANT, scene.campaign.id, channel, n, due_at=NOW + n * SECOND, payload={"channel": channel}
            )
            for n in range(count)
        ]
        for channel, count in (("slack-webhook/team", 40), ("mail", 4))
    )
    scene.store.outbox.add([*slack, *mail])
    hours, asked = iter(range(1000)), []
    monkeypatch.setattr(deliver.time, "monotonic", lambda: float(next(hours)))  # each takes a second or more

    def carry(_: object, entry: OutboxEntry, __: object) -> bool:
        asked.append(entry.payload["channel"])
        if entry.payload["channel"] != "mail":
            raise NoticeNotSentError("slack-webhook/team", "ReadTimeout")
        return True

    carried_by(monkeypatch, carry)
    now = NOW + timedelta(minutes=1)
    for _ in range(4):
        deliver.deliver_due(scene.store, now=now, lanes=[deliver.NOTICES])
        now += 5 * SECOND

    assert asked.count("mail") == len(mail)
    assert asked.count("slack-webhook/team") == deliver.IN_A_ROW
    deliver.deliver_due(scene.store, now=now + deliver.REST, lanes=[deliver.NOTICES])
    assert asked.count("slack-webhook/team") == deliver.IN_A_ROW + 1  # one that tries whether it answers again


def test_a_claim_lasts_from_when_the_entry_has_its_turn(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.prepare(posts=1)
    both = [OutboxEntry.about(RESULT, TENANT, scene.campaign.id, n, due_at=NOW, payload={"round": 1}) for n in (1, 2)]
    scene.store.outbox.add(both)
    seconds, claimed = [100.0], []
    monkeypatch.setattr(deliver.time, "monotonic", lambda: seconds[0])

    def carry(_: object, entry: OutboxEntry, __: object) -> bool:
        claimed.append(entry.due_at)
        seconds[0] += 12  # a mail server that thinks about it
        return True

    carried_by(monkeypatch, carry)
    deliver.deliver_due(scene.store, now=NOW, lanes=[deliver.NOTICES])

    assert claimed == [NOW + deliver.CLAIM_TO_SEND, NOW + 12 * SECOND + deliver.CLAIM_TO_SEND]


def test_mails_go_out_while_prefect_is_away(scene: Scene) -> None:
    scene.stand_up(posts=1)

    sweep(scene.store, now=NOW)  # no Prefect is configured

    assert list((scene.home / "mail").iterdir()) != []


def test_one_that_cannot_be_delivered_keeps_no_other_and_comes_back_ever_more_slowly(
    scene: Scene, pigeons: list[OutboxEntry], monkeypatch: pytest.MonkeyPatch
) -> None:
    def carry(_store: Store, entry: OutboxEntry, _now: datetime) -> bool:
        if entry.id == pigeons[0].id:
            raise PrefectUnavailableError("Prefect did not answer")
        return True

    carried_by(monkeypatch, carry)
    assert deliver.deliver_due(scene.store, now=NOW) == 2
    tries: list[timedelta] = []
    for _ in range(10):
        (kept,) = scene.store.outbox.due(NOW + timedelta(days=1))
        tries.append(kept.due_at - NOW)
        deliver.deliver_due(scene.store, now=kept.due_at)

    pauses = [after - before for before, after in pairwise(tries)]
    assert pauses == sorted(pauses)
    assert pauses[-1] == deliver.LONGEST_RETRY
    assert kept.last_error == "Prefect did not answer"


def tried(scene: Scene, entry: OutboxEntry, times: int) -> OutboxEntry:
    """Deliver what is due so many times, each as late as it takes, and return the entry as it is then."""
    for number in range(times):
        deliver.deliver_due(scene.store, now=NOW + number * timedelta(hours=1))
    (found,) = [one for one in scene.store.outbox.of(TENANT, scene.campaign.id) if one.id == entry.id]
    return found


FOREVER = [
    pytest.param(PrefectUnavailableError("Prefect did not answer"), id="Prefect is away"),
    pytest.param(StoreUnavailableError("no answer"), id="the store is away"),
    pytest.param(NoticeNotSentError("mail", "SMTPServerDisconnected"), id="mail is away"),
    pytest.param(OSError("no route to host"), id="the network is away"),
    pytest.param(httpx.ReadTimeout("no answer"), id="somebody does not answer"),
]


@pytest.mark.parametrize("error", FOREVER)
def test_what_waits_for_a_part_that_is_away_is_tried_for_ever(
    scene: Scene, pigeons: list[OutboxEntry], monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def carry(*_: object) -> bool:
        raise error

    carried_by(monkeypatch, carry)
    kept = tried(scene, pigeons[0], 3 * deliver.MOST_FAILURES)

    assert kept.is_open
    carried_by(monkeypatch, lambda *_: True)
    assert deliver.deliver_due(scene.store, now=NOW + timedelta(days=2)) == len(pigeons)


def test_what_nothing_but_a_person_can_help_is_set_aside_with_its_reason(
    scene: Scene, pigeons: list[OutboxEntry], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def carry(_store: Store, entry: OutboxEntry, _now: datetime) -> bool:
        if entry.id == pigeons[0].id:
            raise ValueError("words of a user")
        return True

    carried_by(monkeypatch, carry)
    before = tried(scene, pigeons[0], deliver.MOST_FAILURES - 1)
    caplog.clear()
    aside = tried(scene, pigeons[0], deliver.MOST_FAILURES)
    later = tried(scene, pigeons[0], 3 * deliver.MOST_FAILURES)

    assert (before.is_open, aside.is_quarantined, aside.attempts) == (True, True, deliver.MOST_FAILURES)
    assert aside.last_error == "ValueError"  # in a message of somebody else's may stand anything
    assert later == aside
    assert [one.levelname for one in caplog.records if "is set aside: ValueError" in one.message] == ["ERROR"]
    assert scene.store.outbox.quarantined(since=NOW) == [aside]
    assert [one.done_at is not None for one in scene.store.outbox.of(TENANT, scene.campaign.id)].count(False) == 1


@pytest.mark.parametrize("kind", ["carrier_pigeon", "ring", "receipt"])
def test_an_unknown_kind_and_a_subject_that_is_gone_are_set_aside(scene: Scene, kind: str) -> None:
    subject = scene.campaign.id if kind == "carrier_pigeon" else new_id("campaign")
    entry = OutboxEntry.about(kind, TENANT, subject, due_at=NOW, payload={"round": 1, "channel": "mail"})
    scene.store.outbox.add([entry])

    for number in range(deliver.MOST_FAILURES):
        deliver.deliver_due(scene.store, now=NOW + number * timedelta(hours=1))

    (found,) = [one for one in scene.store.outbox.of(TENANT, subject) if one.id == entry.id]
    assert found.is_quarantined
    assert found.last_error == ("KeyError" if kind == "carrier_pigeon" else f"no campaign {subject}")


def test_only_failures_in_a_row_set_an_entry_aside(
    scene: Scene, pigeons: list[OutboxEntry], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = count(1)

    def carry(_store: Store, entry: OutboxEntry, _now: datetime) -> bool:
        if entry.id == pigeons[0].id and next(calls) % deliver.MOST_FAILURES:
            raise ValueError
        return False

    carried_by(monkeypatch, carry)

    assert tried(scene, pigeons[0], 3 * deliver.MOST_FAILURES).is_open


def test_an_operator_puts_back_what_was_set_aside(
    scene: Scene, pigeons: list[OutboxEntry], monkeypatch: pytest.MonkeyPatch
) -> None:
    carried_by(monkeypatch, lambda *_: 1 / 0)
    tried(scene, pigeons[0], deliver.MOST_FAILURES)
    campaign = scene.store.campaigns.get(TENANT, scene.campaign.id)
    later = NOW + timedelta(days=1)
    found = [one.found for one in check(scene.store, campaign, now=later) if one.code == "QUARANTINED"]

    done = redeliver(scene.store, campaign, By("Olga", "the code is mended"), now=later)
    carried_by(monkeypatch, lambda *_: True)

    assert found == ["pigeon, set aside after 5 times: ZeroDivisionError"] * len(pigeons)
    assert done == f"tried again: {', '.join(['pigeon'] * len(pigeons))}"
    assert deliver.deliver_due(scene.store, now=later) == len(pigeons)
    assert check(scene.store, campaign, now=later) == []
    last = scene.store.audit.entries(TENANT, campaign.id)[-1]
    assert (last.actor, last.action, last.reason) == ("operator:Olga", "outbox_redelivered", "the code is mended")
    with pytest.raises(ConflictError):
        redeliver(scene.store, campaign, By("Olga", "once more"), now=later)


# --- runs that broke ---------------------------------------------------------------------------------


def test_a_run_that_failed_because_of_a_mistyped_id_keeps_no_campaign_from_help(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.stand_up(posts=1)
    run_id, campaign_id = uuid4(), scene.campaign.id
    scene.store.campaigns.update(TENANT, campaign_id, {"execution_id": str(run_id)}, actor="test", at=NOW)
    broken = [("Fernwood Coffee", campaign_id), (TENANT, "spring campaign"), (TENANT, campaign_id)]
    monkeypatch.setattr(recover, "ended_since", lambda _: broken)
    monkeypatch.setattr(recover, "begun_before", lambda _: broken)
    monkeypatch.setattr(recover, "read_runs", lambda *_, now: {run_id: RunSeen(RunState.CANCELLED, now)})

    assert recover.recover_due(scene.store, now=NOW) == {"cancel": 1}
