"""One digest where several campaigns wait for the same approver at the same time, whatever fails in between."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from email.message import EmailMessage
from typing import Any

import pytest

from campaigns.approval.messages.reminding import remind_due
from campaigns.approval.renewing import renew_link, revoke_link
from campaigns.errors import StoreUnavailableError
from campaigns.store import OutboxEntry
from tasks.delivery.deliver import deliver_due
from tests.approvals.scene import ANA, BEN, CLA, TENANT, Scene
from tests.approvals.test_notices import mails, sweep

HERE = {**BEN.to_wire(), "timezone": "Europe/Lisbon"}
"""Ben on a journey: at home it is night when the others are reminded."""


def several(scene: Scene, count: int = 3, **approval: Any) -> list[Scene]:
    """Stand up campaigns that end at the same time."""
    return [scene.another(f"{number}").stand_up(posts=2, **approval) for number in range(count)]


def reminders(scene: Scene) -> Counter[str]:
    """Return how many reminders and digests each address was sent."""
    return Counter(
        f"{str(mail['To']).rpartition('<')[2].rstrip('>')} {kind}"
        for path, mail in zip(sorted_files(scene), mails(scene), strict=True)
        for kind in ("reminder", "digest")
        if f"-{kind}-" in path
    )


def sorted_files(scene: Scene) -> list[str]:
    files = sorted((scene.home / "mail").glob("*.eml"), key=lambda file: file.stat().st_mtime_ns)
    return [file.name for file in files]


def digests(scene: Scene) -> list[EmailMessage]:
    return [mail for name, mail in zip(sorted_files(scene), mails(scene), strict=True) if "-digest-" in name]


def words_of(mail: EmailMessage, kind: str = "plain") -> str:
    part = mail.get_body((kind,))
    assert part is not None
    return str(part.get_content())


def to_the_reminder(scene: Scene, of: Scene) -> None:
    """Let time pass to the first reminder, a day after the beginning."""
    scene.clock.now = of.round().expires_at - timedelta(hours=72)


def test_three_campaigns_are_one_mail_with_the_own_link_of_each(scene: Scene) -> None:
    scenes = several(scene)
    to_the_reminder(scene, scenes[0])

    for _ in range(3):
        sweep(scene)

    assert reminders(scene) == {"ana@example.com digest": 1}
    (mail,) = digests(scene)
    assert mail["Subject"] == "3 reviews wait for you"
    for kind in ("plain", "html"):
        text = words_of(mail, kind).replace("&amp;", "&")
        for each in scenes:
            assert each.round().callback_id in text
        assert text.count("/approve/list?token=") >= 1
    for each in scenes:
        told = [entry.details for entry in each.store.audit.entries(TENANT, each.campaign.id)
                if entry.details.get("kind") == "digest"]  # fmt: skip
        assert [entry["approver"] for entry in told] == ["ap-1"]
    page = scene.browser().get(scenes[1].url())
    assert page.status_code == 200


def test_who_is_asked_by_one_campaign_gets_a_reminder_and_others_their_digest(scene: Scene) -> None:
    both = several(scene, 2, approvers=[ANA.to_wire(), CLA.to_wire()], quorum="all")
    scene.another("ben").stand_up(posts=2, approvers=[HERE])
    both[0].decide(2)
    to_the_reminder(scene, both[0])

    sweep(scene)

    assert reminders(scene) == {
        "ana@example.com digest": 1,
        "clara@example.com reminder": 1,
        "ben@example.com reminder": 1,
    }


def test_every_reminder_time_brings_one_more_and_the_day_in_between_none(scene: Scene) -> None:
    scenes = several(scene, 2)
    end = scenes[0].round().expires_at
    while scene.clock.now < end:
        sweep(scene)
        scene.clock.pass_(hours=1)

    assert reminders(scene) == {"ana@example.com digest": 3}


def test_what_was_decided_meanwhile_is_left_out_and_nothing_is_sent_about_nothing(scene: Scene) -> None:
    scenes = several(scene)
    to_the_reminder(scene, scenes[0])
    remind_due(scene.store, now=scene.clock.now)
    scenes[0].decide(1)
    deliver_due(scene.store, now=scene.clock.now)
    assert digests(scene)[0]["Subject"] == "2 reviews wait for you"
    assert scenes[0].round().callback_id not in words_of(digests(scene)[0])

    scene.clock.now = scenes[1].round().expires_at - timedelta(hours=24)
    remind_due(scene.store, now=scene.clock.now)
    for each in scenes[1:]:
        each.decide(1)
    deliver_due(scene.store, now=scene.clock.now)
    assert len(digests(scene)) == 1


@pytest.mark.parametrize("lead", [True, False])
@pytest.mark.parametrize("gone", ["replaced", "revoked"])
def test_nobody_is_sent_the_links_of_somebody_else_who_is_asked_instead(scene: Scene, lead: bool, gone: str) -> None:
    """The digest is written, and not sent yet."""
    scenes = several(scene, 3, approvers=[ANA.to_wire(), BEN.to_wire()])
    to_the_reminder(scene, scenes[0])
    remind_due(scene.store, now=scene.clock.now)
    written = [each.subject_id for one in scenes for each in scene.store.outbox.of(TENANT, one.campaign.id)
               if each.kind == "digest" and each.payload["approver"] == "ap-1"]  # fmt: skip
    left = next(each for each in scenes if (each.campaign.id == written[0]) is lead)
    place: tuple[Any, ...] = (scene.store, TENANT, left.campaign.id, 1, "ap-1")
    how: dict[str, Any] = {"actor": "t", "reason": "left", "now": scene.clock.now}
    if gone == "replaced":
        renew_link(*place, name=CLA.name, email=CLA.email, **how)
    else:
        revoke_link(*place, **how)

    for _ in range(3):
        deliver_due(scene.store, now=scene.clock.now)
        scene.clock.pass_(minutes=1)

    told: dict[str, set[str]] = {"ana@example.com": set(), CLA.email: set()}
    for name, mail in zip(sorted_files(scene), mails(scene), strict=True):
        if "-digest-" in name or "-reminder-" in name:
            to = str(mail["To"]).rpartition("<")[2].rstrip(">")
            told[to] |= {each.campaign.id for each in scenes if each.round().callback_id in words_of(mail)}
    others = {each.campaign.id for each in scenes} - {left.campaign.id}
    assert told == {
        "ana@example.com": others,
        CLA.email: {left.campaign.id} if gone == "replaced" else set(),
    }


def test_a_sweep_that_dies_leaves_all_of_it_for_the_next_and_nothing_twice(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenes = several(scene)
    to_the_reminder(scene, scenes[0])

    def broken(*_: Any, **__: Any) -> int:
        raise StoreUnavailableError("gone")

    with monkeypatch.context() as patch:
        patch.setattr(scene.store.approvals, "tell_together", broken)
        with pytest.raises(StoreUnavailableError):
            remind_due(scene.store, now=scene.clock.now)
    sweep(scene)
    sweep(scene)

    assert reminders(scene) == {"ana@example.com digest": 1}


def test_two_sweeps_that_read_at_once_bring_one_digest(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scenes = several(scene)
    to_the_reminder(scene, scenes[0])
    due = scene.store.approvals.due(scene.clock.now)
    with monkeypatch.context() as patch:
        # Either read before the other wrote.
        patch.setattr(scene.store.approvals, "unheard", lambda _, outbox: list(outbox))
        remind_due(scene.store, now=scene.clock.now, rounds=due)
        remind_due(scene.store, now=scene.clock.now, rounds=due[:2])

    deliver_due(scene.store, now=scene.clock.now)

    assert reminders(scene) == {"ana@example.com digest": 1}


def test_a_round_that_changed_in_this_moment_is_told_of_at_the_next_sweep(scene: Scene) -> None:
    scenes = several(scene, 3, approvers=[ANA.to_wire(), HERE], quorum="all")
    to_the_reminder(scene, scenes[0])
    due = scene.store.approvals.due(scene.clock.now)
    scenes[0].decide(2)  # after it was read

    remind_due(scene.store, now=scene.clock.now, rounds=due)
    assert reminders(scene) == {}
    sweep(scene)

    assert reminders(scene) == {"ana@example.com digest": 1, "ben@example.com digest": 1}


def test_thirty_campaigns_are_one_digest_all_the_same(scene: Scene) -> None:
    scenes = several(scene, 30, approvers=[ANA.to_wire(), HERE, CLA.to_wire()], quorum="all")
    to_the_reminder(scene, scenes[0])

    sweep(scene)

    found = reminders(scene)
    assert {name: count for name, count in found.items() if "digest" in name} == {
        "ana@example.com digest": 1, "ben@example.com digest": 1, "clara@example.com digest": 1,
    }  # fmt: skip
    assert sum(found.values()) == 3


def test_of_a_campaign_that_was_decided_meanwhile_nobody_is_told_that_it_was_in_the_mail(scene: Scene) -> None:
    scenes = several(scene)
    to_the_reminder(scene, scenes[0])
    remind_due(scene.store, now=scene.clock.now)
    (lead,) = [each for each in scenes if "digest" in {entry.kind for entry in outbox(each)}]
    lead.decide()

    deliver_due(scene.store, now=scene.clock.now)

    (mail,) = digests(scene)
    assert mail["Subject"] == "2 reviews wait for you"
    told = {each.campaign.id: [entry.action for entry in each.store.audit.entries(TENANT, each.campaign.id)
                               if entry.details.get("kind") == "digest"] for each in scenes}  # fmt: skip
    assert {campaign for campaign, sent in told.items() if sent} == {each.campaign.id for each in scenes} - {
        lead.campaign.id
    }


def outbox(scene: Scene) -> list[OutboxEntry]:
    return scene.store.outbox.of(TENANT, scene.campaign.id)
