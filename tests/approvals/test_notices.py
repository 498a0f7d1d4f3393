"""What people are told, when, and what happens when they cannot be told; the clock is the test's own."""

from __future__ import annotations

import logging
import sqlite3
from collections import Counter
from contextlib import closing
from datetime import datetime, timedelta
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from campaigns.approval.codes import send_code
from campaigns.approval.expiry import expire_due
from campaigns.approval.messages.notice_kinds import (
    NOTICE_KINDS,
    OF_A_PERSON,
    PERSONAL,
    RECEIPT,
    TEAM,
    personal,
    to_the_team,
)
from campaigns.approval.messages.reminding import remind_due
from campaigns.approval.rounds import leave_note
from campaigns.model.vocabulary import RoundStatus
from campaigns.texts import LANGUAGES
from tasks.delivery.deliver import deliver_due
from tests.approvals.scene import ANA, BEN, NOW, TENANT, Scene
from tests.approvals.test_own_words import answer, other_words

TWO = [ANA.to_wire(), BEN.to_wire()]
HOUR = timedelta(hours=1)


def sweep(scene: Scene) -> None:
    """What housekeeping does of its own every minute."""
    expire_due(scene.store, now=scene.clock.now)
    remind_due(scene.store, now=scene.clock.now)
    deliver_due(scene.store, now=scene.clock.now)


def mails(scene: Scene) -> list[Any]:
    return list(map(message_of, sorted((scene.home / "mail").glob("*.eml"), key=lambda file: file.stat().st_mtime_ns)))


def message_of(file: Path) -> Any:
    return message_from_bytes(file.read_bytes(), policy=policy.default)


def told(scene: Scene, kind: str) -> Counter[str]:
    """How often each approver, or the team, was told something of this kind, by the audit."""
    sent = [
        entry for entry in scene.store.audit.entries(TENANT, scene.campaign.id) if entry.action == "written_to_a_file"
    ]
    return Counter(entry.details.get("approver", "team") for entry in sent if entry.details["kind"] == kind)


def when(scene: Scene, kind: str) -> list[datetime]:
    return [entry.done_at for entry in scene.store.outbox.of(TENANT, scene.campaign.id)
            if entry.kind == kind and "channel" in entry.payload and entry.done_at]  # fmt: skip


# --- every kind ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_kind_of_notice_is_sent_and_has_words_of_its_own(scene: Scene, language: str) -> None:
    scene.stand_up(posts=2, approvers=[{**each, "locale": language} for each in TWO], quorum="all")
    scene.decide(1)
    round_, ends = scene.round(), scene.round().expires_at.isoformat()
    known = {"issued": scene.clock.now.isoformat(), "ends": ends}
    waits = {"campaign": scene.campaign.id, "round": 1, "approver": "ap-2", "ends": ends}
    scene.store.outbox.add(
        [
            personal(
                kind, round_, "ap-1" if kind == RECEIPT else "ap-2", "here", due_at=scene.clock.now,
                reminders=[waits], **known,
            )
            for kind in (*PERSONAL, *OF_A_PERSON)
        ]
        + [to_the_team(kind, round_, "here", due_at=scene.clock.now) for kind in TEAM]
    )  # fmt: skip

    deliver_due(scene.store, now=scene.clock.now)

    entries = scene.store.outbox.of(TENANT, scene.campaign.id)
    assert {entry.kind: entry.last_error for entry in entries if entry.is_open and entry.kind in NOTICE_KINDS} == {}
    sent = {file.stem.split("-")[-2]: message_of(file) for file in (scene.home / "mail").glob("*.eml")}
    assert sent.keys() == set(NOTICE_KINDS)
    assert len({mail["Subject"] for mail in sent.values()}) == len(NOTICE_KINDS)
    assert {sent[kind]["Content-Language"] for kind in (*PERSONAL, *OF_A_PERSON)} == {language}


# --- reminders and heartbeat --------------------------------------------------------------------------


def test_whoever_is_asked_again_hears_of_it_gets_a_code_and_is_reminded(scene: Scene) -> None:
    """Ben approved, and Ana has changed a post since: the round waits for Ben."""
    scene.stand_up(posts=3, approvers=TWO, quorum="all", reminders=[24], allow_edits=True)
    sweep(scene)
    scene.decide(2, posts=answer(scene))
    scene.decide(1, posts=answer(scene, {2: other_words(scene.posts()[1])}))
    assert scene.round().status is RoundStatus.PENDING

    sweep(scene)
    assert told(scene, "changed") == {"ap-2": 1}
    send_code(scene.store, scene.signer, scene.round(), scene.round().approvers[1], now=scene.clock.now)
    sweep(scene)
    assert told(scene, "code") == {"ap-2": 1}
    assert not told(scene, "reminder")
    scene.clock.now = scene.round().expires_at - 20 * HOUR
    sweep(scene)
    assert told(scene, "reminder") == {"ap-2": 1}
    assert any(f"still waiting for {BEN.name}" in mail["Subject"] for mail in mails(scene))
    scene.decide(2, posts={scene.posts()[1].id: {"decision": "approved"}})
    assert scene.round().status is RoundStatus.DECIDED


def test_who_has_not_decided_is_reminded_72_24_and_4_hours_before_the_end_and_never_at_night(scene: Scene) -> None:
    scene.stand_up(posts=3, quorum="all", approvers=TWO)
    scene.decide(2)
    end = scene.round().expires_at
    reminded = []
    while scene.clock.now < end:
        sweep(scene)
        sweep(scene)  # twice is once
        if len(when(scene, "reminder")) > len(reminded):
            reminded.append(scene.clock.now)
        scene.clock.pass_(hours=1)

    assert told(scene, "reminder") == {"ap-1": 3}
    # The last one would fall into the night of Lisbon: it comes in the morning, before the end.
    assert reminded == [end - 72 * HOUR, end - 24 * HOUR, end.replace(hour=7, minute=30)]
    assert all(7 <= at.astimezone(ZoneInfo("Europe/Lisbon")).hour < 20 for at in reminded)


def test_the_team_hears_every_day_and_at_the_last_call_that_somebody_is_waited_for(scene: Scene) -> None:
    scene.stand_up(posts=3)
    end = scene.round().expires_at
    heard = []
    while scene.clock.now < end:
        sweep(scene)
        if len(when(scene, "still_waiting")) > len(heard):
            heard.append(scene.clock.now - NOW)
        scene.clock.pass_(hours=1)

    assert heard == [24 * HOUR, 48 * HOUR, 72 * HOUR, end - 4 * HOUR - NOW]


def test_after_a_long_silence_of_housekeeping_only_the_latest_reminder_goes_out(scene: Scene) -> None:
    scene.stand_up(posts=3)
    scene.clock.now = scene.round().expires_at - 2 * HOUR

    sweep(scene)

    assert told(scene, "reminder") == {"ap-1": 1}


@pytest.mark.parametrize("policy_", ["reject", "approve", "extend"])
def test_the_end_comes_by_policy_within_a_sweep_and_is_told(scene: Scene, policy_: str) -> None:
    scene.stand_up(posts=3, on_timeout=policy_)
    scene.clock.now = scene.round().expires_at - timedelta(seconds=1)
    sweep(scene)
    assert scene.round().status is RoundStatus.PENDING
    before = scene.round().expires_at
    scene.clock.pass_(seconds=1)

    sweep(scene)

    ended = scene.round()
    assert ended.status is (RoundStatus.PENDING if policy_ == "extend" else RoundStatus.TIMED_OUT)
    assert ended.extended is (policy_ == "extend")
    assert (ended.expires_at > before) is (policy_ == "extend")
    assert told(scene, "expired") == {"team": 1}
    assert told(scene, "extended") == ({"ap-1": 1} if policy_ == "extend" else {})


# --- failures -----------------------------------------------------------------------------------------


def test_a_channel_that_fails_is_seen_is_tried_again_and_stops_nobody(scene: Scene) -> None:
    scene.home.joinpath("mail").write_text("in the way of the folder")
    scene.stand_up(posts=3)
    for _ in range(3):
        sweep(scene)
        scene.clock.pass_(minutes=1)

    (failed,) = [e for e in scene.store.outbox.of(TENANT, scene.campaign.id) if "channel" in e.payload]
    assert failed.done_at is None
    assert failed.attempts >= 2
    assert failed.last_error is not None
    assert failed.last_error.startswith("mail: ")
    assert scene.audit().count("not_sent") == 1  # told once, not at every try
    scene.decide()  # who has the link from elsewhere decides all the same
    assert scene.round().status is RoundStatus.DECIDED


def test_a_channel_that_recovers_delivers_what_waited(scene: Scene) -> None:
    blocker = scene.home / "mail"
    blocker.write_text("in the way of the folder")
    scene.stand_up(posts=3)
    sweep(scene)
    blocker.unlink()
    scene.clock.pass_(minutes=10)

    sweep(scene)

    assert told(scene, "review_request") == {"ap-1": 1}
    assert [mail["To"] for mail in mails(scene)] == ["Ana Ribeiro <ana@example.com>"]


@pytest.mark.parametrize("apart", [timedelta(0), timedelta(seconds=3)], ids=["at once", "one after the other"])
def test_two_late_comments_are_two_mails_each_with_its_own(scene: Scene, apart: timedelta) -> None:
    scene.stand_up(posts=1, approvers=TWO)
    late = scene.round()
    for approver, said in [("ap-1", "Leave out the prices."), ("ap-1", "And the name of the farm."), ("ap-2", "Fine.")]:
        leave_note(scene.store, late, approver, said, now=scene.clock.now)
        scene.clock.now += apart
    before = len(mails(scene))

    sweep(scene)

    told_ = [mail.get_body(("plain",)).get_content().replace("\r\n", "\n").strip() for mail in mails(scene)[before:]]
    notes = [each for each in told_ if each.startswith(("Ana Ribeiro:", "Ben Sato:"))]
    assert sorted(notes) == [
        "Ana Ribeiro:\nAnd the name of the farm.",
        "Ana Ribeiro:\nLeave out the prices.",
        "Ben Sato:\nFine.",
    ]


def test_a_request_nobody_needs_any_more_is_not_sent(scene: Scene) -> None:
    scene.stand_up(posts=3)
    scene.decide()

    sweep(scene)

    assert told(scene, "review_request") == {}
    assert told(scene, "receipt") == {"ap-1": 1}


# --- no link anywhere ---------------------------------------------------------------------------------


def secrets_of(mail: Any) -> list[str]:
    """Return what makes the link of a mail work."""
    text = mail.get_body(("plain",)).get_content()
    url = next(word for word in text.split() if "/approve/" in word)
    token, nonce = (part.partition("=")[2] for part in url.partition("?")[2].split("&"))
    return [token, token.split(".")[2], nonce, url]


def test_a_link_is_in_the_mail_and_nowhere_else(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    scene.stand_up(posts=3, approvers=TWO)
    sweep(scene)
    browser = scene.browser()
    sent = mails(scene)
    for mail in sent:
        browser.get(secrets_of(mail)[-1])
    browser.get(f"/approve/{scene.round().callback_id}?token=wrong&nonce=wrong")
    secrets = [secret for mail in sent for secret in secrets_of(mail)]
    assert len(set(secrets)) == 8

    with closing(sqlite3.connect(scene.home / "store.db")) as database:
        kept = "\n".join(database.iterdump())
    assert [secret for secret in secrets if secret in kept] == []
    # The test's own client logs what it asks for; no line of ours does.
    ours = "".join(
        str(record.__dict__) for record in caplog.records if record.name.startswith(("campaigns", "uvicorn"))
    )
    assert "campaigns.approval.notices" in {record.name for record in caplog.records}
    assert [secret for secret in secrets if secret in ours] == []
    assert all((file.stat().st_mode & 0o077) == 0 for file in Path(scene.home / "mail").glob("*.eml"))


def test_nothing_of_a_link_outlives_its_round(scene: Scene) -> None:
    """A mail that is read later than its end leads nowhere."""
    scene.stand_up(posts=3)
    sweep(scene)
    url = secrets_of(mails(scene)[0])[-1]
    scene.clock.now = scene.round().expires_at

    assert scene.browser().get(url).status_code == 410
