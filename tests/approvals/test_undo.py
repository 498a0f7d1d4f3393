"""Seconds to undo: a decision waits before it takes effect, and can be taken back until then (domain.md 17)."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from campaigns.approval.messages.notice_kinds import RECEIPT, RESULT
from campaigns.approval.outcomes import apply, conclude, start_revision
from campaigns.approval.rounds import RING, UNDO_LEEWAY, Outcome, decide, outcome, undo
from campaigns.errors import NotFoundError, RoundReopenedError, TooLateToUndoError
from campaigns.model.approval import DecisionRequest
from campaigns.model.vocabulary import CampaignStatus, Decision, RoundStatus
from tests.approvals.reader import approve_all, read, send
from tests.approvals.scene import ANA, BEN, TENANT, Scene
from tests.approvals.voices import by_link, by_operator

FIVE_MINUTES = 300
TWO = [ANA.to_wire(), BEN.to_wire()]


def came_to(scene: Scene) -> Outcome | None:
    return outcome(scene.store, TENANT, scene.campaign.id, 1, now=scene.clock.now)


def waiting(scene: Scene) -> dict[str, timedelta]:
    """What is still to be delivered, and in how long."""
    entries = scene.store.outbox.of(TENANT, scene.campaign.id)
    return {each.kind: each.due_at - scene.clock.now for each in entries if each.done_at is None}


def test_without_seconds_to_undo_a_decision_takes_effect_at_once(scene: Scene) -> None:
    scene.stand_up(posts=3).decide(1)

    assert came_to(scene) is Outcome.APPROVED
    assert waiting(scene)[RING] == timedelta(0)
    with pytest.raises(TooLateToUndoError):
        undo(scene.store, scene.round(), by_link(scene.round()), now=scene.clock.now)


def test_a_decision_takes_effect_when_it_can_no_longer_be_taken_back(scene: Scene) -> None:
    scene.stand_up(posts=3, settle_seconds=FIVE_MINUTES).decide(1)

    assert scene.round().status is RoundStatus.DECIDED
    assert came_to(scene) is None
    assert waiting(scene)[RING] == waiting(scene)[RESULT] == timedelta(seconds=FIVE_MINUTES) + UNDO_LEEWAY
    assert waiting(scene)[RECEIPT] == timedelta(0)

    scene.clock.pass_(seconds=FIVE_MINUTES)
    with pytest.raises(TooLateToUndoError):
        undo(scene.store, scene.round(), by_link(scene.round()), now=scene.clock.now)
    scene.clock.now += UNDO_LEEWAY
    assert came_to(scene) is Outcome.APPROVED


def test_nothing_takes_effect_while_a_host_whose_clock_is_behind_lets_it_be_taken_back(scene: Scene) -> None:
    scene.stand_up(posts=3, settle_seconds=FIVE_MINUTES).decide(1)
    ahead = scene.clock.now + timedelta(seconds=FIVE_MINUTES + 9.9)

    assert outcome(scene.store, TENANT, scene.campaign.id, 1, now=ahead) is None
    conclude(scene.store, scene.store.campaigns.get(TENANT, scene.campaign.id), now=ahead)
    scene.clock.pass_(seconds=FIVE_MINUTES - 0.1)
    undo(scene.store, scene.round(), by_link(scene.round()), now=scene.clock.now)

    assert scene.round().status is RoundStatus.PENDING


def test_no_time_to_undo_is_promised_beyond_the_end_of_the_round(scene: Scene) -> None:
    scene.stand_up(posts=3, settle_seconds=FIVE_MINUTES)
    scene.clock.now = scene.round().expires_at - timedelta(seconds=60)
    scene.decide(1)

    assert scene.round().settles_at == scene.round().expires_at
    assert waiting(scene)[RING] == timedelta(seconds=60) + UNDO_LEEWAY
    scene.clock.now = scene.round().expires_at
    with pytest.raises(TooLateToUndoError):
        undo(scene.store, scene.round(), by_link(scene.round()), now=scene.clock.now)


def test_what_was_taken_back_is_asked_again_and_nobody_is_told(scene: Scene) -> None:
    scene.stand_up(posts=3, settle_seconds=FIVE_MINUTES).decide(1)
    approver = scene.round().approvers[0].id
    scene.clock.pass_(seconds=FIVE_MINUTES - 1)

    reopened = undo(scene.store, scene.round(), by_link(scene.round(), approver), now=scene.clock.now)

    assert (reopened.status, reopened.outcome, reopened.settles_at) == (RoundStatus.PENDING, None, None)
    assert scene.round() == reopened
    assert not scene.store.approvals.decisions(TENANT, scene.campaign.id, 1)
    assert not {RING, RESULT} & waiting(scene).keys()
    assert scene.audit()[-2:] == ["decided", "undone"]
    with pytest.raises(NotFoundError):
        undo(scene.store, scene.round(), by_link(scene.round(), approver), now=scene.clock.now)

    scene.clock.pass_(hours=1)
    assert came_to(scene) is None
    scene.decide(1, decision="rejected", comments="Not like this.")
    assert {RING, RESULT, RECEIPT} <= waiting(scene).keys()
    scene.clock.now += timedelta(seconds=FIVE_MINUTES) + UNDO_LEEWAY
    assert came_to(scene) is Outcome.REJECTED


def test_whoever_decided_first_may_reopen_what_another_closed(scene: Scene) -> None:
    scene.stand_up(posts=3, settle_seconds=FIVE_MINUTES, approvers=TWO, quorum="all").decide(1)
    scene.clock.pass_(seconds=200)
    scene.decide(2)
    assert scene.round().outcome is Decision.APPROVED

    undo(scene.store, scene.round(), by_link(scene.round()), now=scene.clock.now)

    assert scene.round().status is RoundStatus.PENDING
    assert [each.approver_id for each in scene.store.approvals.decisions(TENANT, scene.campaign.id, 1)] == [
        scene.round().approvers[1].id
    ]


def test_what_was_carried_out_is_not_taken_back_whatever_the_clock_says(scene: Scene) -> None:
    scene.stand_up(posts=3, settle_seconds=FIVE_MINUTES).decide(1)
    late = scene.clock.now + timedelta(seconds=FIVE_MINUTES) + UNDO_LEEWAY
    apply(scene.store, TENANT, scene.campaign.id, 1, Outcome.APPROVED, now=late)

    with pytest.raises(TooLateToUndoError):
        undo(scene.store, scene.round(), by_link(scene.round()), now=scene.clock.now)

    assert scene.store.campaigns.get(TENANT, scene.campaign.id).status is CampaignStatus.COMPLETED
    assert scene.round().outcome is Decision.APPROVED


def test_what_nobody_has_a_link_to_take_back_with_takes_effect_at_once(scene: Scene) -> None:
    scene.stand_up(posts=3, settle_seconds=FIVE_MINUTES)
    request = DecisionRequest(decision=Decision.APPROVED, callback_id=scene.round().callback_id)

    voice = by_operator(scene.round())
    decide(scene.store, scene.round(), voice, request, attempt_id="attempt-olga", now=scene.clock.now)

    assert came_to(scene) is Outcome.APPROVED
    assert waiting(scene)[RING] == timedelta(0)
    with pytest.raises(TooLateToUndoError):
        undo(scene.store, scene.round(), by_operator(scene.round()), now=scene.clock.now)


def test_what_an_operator_put_into_effect_cannot_be_undone_by_one_who_had_agreed(scene: Scene) -> None:
    scene.stand_up(posts=3, settle_seconds=FIVE_MINUTES, approvers=TWO, quorum="all").decide(1)
    request = DecisionRequest(decision=Decision.APPROVED, callback_id=scene.round().callback_id)
    voice = by_operator(scene.round())
    decide(scene.store, scene.round(), voice, request, attempt_id="attempt-olga", now=scene.clock.now)

    with pytest.raises(TooLateToUndoError):
        undo(scene.store, scene.round(), by_link(scene.round()), now=scene.clock.now)


@pytest.mark.parametrize("decision", ["approved", "rejected", "needs_revision"])
def test_exactly_one_of_an_undo_and_the_effect_of_a_decision_wins(
    scene: Scene, decision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.stand_up(posts=2, settle_seconds=FIVE_MINUTES).decide(1, decision=decision, comments="Because of this.")
    review = scene.store.posts.review
    late = scene.clock.now + timedelta(seconds=FIVE_MINUTES) + UNDO_LEEWAY

    def undone_meanwhile(*args: Any, **more: Any) -> Any:
        noted = review(*args, **more)
        if scene.round().status is RoundStatus.DECIDED:
            # One that was asked for in time, and waited for the store.
            undo(scene.store, scene.round(), by_link(scene.round()), now=scene.clock.now)
        return noted

    place = scene.store, TENANT, scene.campaign.id, 1
    effect = (
        partial(start_revision, *place) if decision == "needs_revision" else partial(apply, *place, Outcome(decision))
    )
    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(scene.store.posts, "review", undone_meanwhile)
        with pytest.raises(RoundReopenedError):
            effect(now=late)
    with pytest.raises(RoundReopenedError):  # again at the next start of the run
        effect(now=late)

    assert scene.store.campaigns.get(TENANT, scene.campaign.id).status is CampaignStatus.AWAITING_REVIEW
    assert scene.round().status is RoundStatus.PENDING
    scene.decide(1)
    assert apply(scene.store, TENANT, scene.campaign.id, 1, Outcome.APPROVED, now=late).status == "completed"


def test_the_receipt_offers_to_undo_until_a_fixed_time(scene: Scene) -> None:
    scene.stand_up(posts=3, settle_seconds=FIVE_MINUTES)
    browser = scene.browser()
    receipt = approve_all(browser, scene.url())
    assert "This takes effect at 10:35" in receipt.text

    back = send(browser, receipt, "undo")

    assert "You took your decision back" in back.text
    assert len(read(back).choices) == 3
    assert read(back).checked  # what was chosen is still there
    assert approve_all(browser, scene.url()).status_code == 200
    assert scene.round().status is RoundStatus.DECIDED


def test_a_receipt_that_is_old_undoes_nothing_and_says_so(scene: Scene) -> None:
    scene.stand_up(posts=3, settle_seconds=FIVE_MINUTES)
    browser = scene.browser()
    receipt = approve_all(browser, scene.url())
    scene.clock.pass_(seconds=FIVE_MINUTES)

    late = send(browser, receipt, "undo")

    assert (late.status_code, read(late).heading) == (409, "It has taken effect")
    assert "Undo" not in browser.get(scene.url()).text
    assert scene.round().status is RoundStatus.DECIDED


def test_undoing_twice_shows_the_review_again(scene: Scene) -> None:
    scene.stand_up(posts=3, settle_seconds=FIVE_MINUTES)
    browser = scene.browser()
    receipt = approve_all(browser, scene.url())
    send(browser, receipt, "undo")

    again = send(browser, receipt, "undo")

    assert again.status_code == 200
    assert scene.audit().count("undone") == 1


def test_the_answer_over_json_says_until_when(scene: Scene) -> None:
    scene.stand_up(posts=3, settle_seconds=FIVE_MINUTES)
    answer = scene.browser(Authorization=f"Bearer {scene.link().token}").post(
        f"/campaigns/{scene.campaign.id}/approve",
        json={"decision": "approved", "callbackId": scene.round().callback_id},
    )

    assert answer.json()["settlesAt"] == (scene.clock.now + timedelta(seconds=FIVE_MINUTES)).isoformat()
