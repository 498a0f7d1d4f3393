"""What changes between the first look of an act and its write: the act is about what is stored, or is refused."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from fastapi.testclient import TestClient
from httpx import Response

from campaigns.approval.outcomes import apply, start_revision
from campaigns.approval.renewing import extend_round, renew_link, revoke_link
from campaigns.approval.rounds import UNDO_LEEWAY, Outcome, keep_draft, undo
from campaigns.errors import AlreadyDecidedError, FaultsError, GoneError, RoundClosedError, RoundReopenedError
from campaigns.model.approval import ReviewDraft
from campaigns.model.post import Check, Quality
from campaigns.model.vocabulary import CampaignStatus, Decision, PostStatus, ReviewState, RoundStatus
from campaigns.operations import acts as operations
from campaigns.operations.acts import By
from campaigns.wiring import get_asset_files
from tests.approvals.reader import read, send
from tests.approvals.scene import ANA, BEN, CLA, TENANT, TWO, Scene, some_posts
from tests.approvals.voices import by_link

OLGA = By("Olga", "as agreed by phone")
BY: dict[str, Any] = {"actor": "operator:olga", "reason": "left"}
MINUTES = 300


def meanwhile(scene: Scene, monkeypatch: pytest.MonkeyPatch, happens: Callable[[], object]) -> None:
    """Let something happen after the next act on the round has looked, and before it asks the gate."""
    act = scene.store.approvals.act

    def later(*args: Any, **more: Any) -> Any:
        monkeypatch.undo()
        happens()
        return act(*args, **more)

    monkeypatch.setattr(scene.store.approvals, "act", later)


# --- the page ---------------------------------------------------------------------------------------------


def about_to_send(scene: Scene, **approval: Any) -> tuple[TestClient, Response]:
    """Come to the last step as the first of two approvers of whom one is enough; then the other one decides."""
    scene.stand_up(posts=2, approvers=TWO, settle_seconds=MINUTES, **approval)
    browser = scene.browser()
    step = send(browser, browser.get(scene.url()), "review", d_1="approved", d_2="approved")
    scene.decide(2)
    return browser, step


def taken_back(scene: Scene) -> None:
    undo(scene.store, scene.round(), by_link(scene.round(), 2, code=True), now=scene.clock.now)


def test_a_code_is_asked_for_in_a_round_that_is_open_again_meanwhile(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser, step = about_to_send(scene, require_otp=True)
    meanwhile(scene, monkeypatch, partial(taken_back, scene))

    asked = send(browser, step, "send", confirm="yes", comments="Fine by me.")

    assert (asked.status_code, asked.history) == (422, [])
    assert "Enter the six digits" in asked.text
    assert read(asked).fields["comments"] == "Fine by me."
    assert scene.store.approvals.decisions(TENANT, scene.campaign.id, 1) == []
    mails = [path for path in (scene.home / "mail").glob("*-code-*.eml") if "ana@example.com" in path.read_text()]
    assert len(mails) == 1
    code = scene.code_of_list()
    send(browser, asked, "send", confirm="yes", code=code)
    assert [each.approver_id for each in scene.store.approvals.decisions(TENANT, scene.campaign.id, 1)] == ["ap-1"]


def test_a_code_that_was_typed_counts_in_a_round_that_is_open_again_meanwhile(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser, step = about_to_send(scene, require_otp=True)
    code = scene.code_of_list()
    meanwhile(scene, monkeypatch, partial(taken_back, scene))

    receipt = send(browser, step, "send", confirm="yes", code=code)

    assert read(receipt).heading == "Approved"
    assert [each.approver_id for each in scene.store.approvals.decisions(TENANT, scene.campaign.id, 1)] == ["ap-1"]


@pytest.mark.parametrize("times", [1, 9])
def test_what_is_refused_by_a_round_that_is_open_by_then_is_recorded_or_said_not_to_be(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    scene.stand_up(posts=2)
    browser = scene.browser()
    step = send(browser, browser.get(scene.url()), "review", d_1="approved", d_2="approved")
    act, refused = scene.store.approvals.act, list[int]()

    def failed_for_a_moment(*args: Any, **more: Any) -> Any:
        refused.append(1)
        if len(refused) <= times:
            raise RoundClosedError("the campaign has failed")
        return act(*args, **more)

    monkeypatch.setattr(scene.store.approvals, "act", failed_for_a_moment)
    answer = send(browser, step, "send", confirm="yes", comments="Fine by me.")

    recorded = len(scene.store.approvals.decisions(TENANT, scene.campaign.id, 1))
    if times == 1:
        assert (read(answer).heading, recorded) == ("Approved", 1)
    else:
        assert (answer.status_code, read(answer).heading, recorded) == (503, "Not recorded", 0)
        assert "Fine by me." in answer.text


@pytest.mark.parametrize("button", ["review", "save", "page:2", "rest"])
def test_what_was_typed_is_shown_where_somebody_decided_first(scene: Scene, button: str) -> None:
    scene.stand_up(posts=2, approvers=TWO)
    browser = scene.browser()
    page = browser.get(scene.url())
    scene.decide(2)

    answer = send(browser, page, button, d_1="needs_revision", c_1="Say which harvest.")

    assert answer.status_code == 409
    assert "Somebody was faster" in answer.text
    assert "Say which harvest." in answer.text


def test_what_was_typed_is_shown_where_the_draft_came_too_late(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.stand_up(posts=2, approvers=TWO)
    browser = scene.browser()
    page = browser.get(scene.url())
    meanwhile(scene, monkeypatch, partial(scene.decide, 2))

    answer = send(browser, page, "save", d_1="needs_revision", c_1="Say which harvest.")

    assert answer.status_code == 409
    assert "Say which harvest." in answer.text


@pytest.mark.parametrize("button", ["save", "page:2", "review"])
def test_more_text_than_can_be_kept_is_said_and_stays_on_the_page(scene: Scene, button: str) -> None:
    scene.stand_up(posts=100)
    browser = scene.browser()
    page = browser.get(scene.url())
    typed = {f"c_{n}": f"{n}: say which harvest. " * 240 for n in range(1, 101)}

    answer = send(browser, page, button, **typed, **{f"d_{n}": "needs_revision" for n in range(1, 101)})

    assert answer.status_code == 413
    assert "more text than can be kept" in answer.text
    assert read(answer).fields["c.1"] == typed["c_1"].strip()[:5000]


def test_what_was_typed_is_shown_where_the_time_is_over(scene: Scene) -> None:
    scene.stand_up(posts=2)
    browser = scene.browser()
    page = browser.get(scene.url())
    scene.clock.now = scene.round().expires_at + timedelta(seconds=1)

    answer = send(browser, page, "save", d_1="needs_revision", c_1="Say which harvest.")

    assert answer.status_code == 410
    assert "Say which harvest." in answer.text


def test_what_is_typed_behind_a_link_that_was_replaced_is_said_in_nobodys_name(scene: Scene) -> None:
    scene.stand_up(posts=2)
    browser = scene.browser()
    step = send(browser, browser.get(scene.url()), "review", d_1="approved", d_2="approved")
    renew_link(
        scene.store, TENANT, scene.campaign.id, 1, "ap-1",
        name=CLA.name, email=CLA.email, now=scene.clock.now, **BY,
    )  # fmt: skip

    answer = send(browser, step, "send", confirm="yes", comments="Publish it all, I mean it.")

    assert answer.status_code == 410
    assert "Publish it all, I mean it." in answer.text
    assert "commented" not in scene.audit()


# --- an order for an approver -----------------------------------------------------------------------------


@pytest.mark.parametrize("named", ["Ana Ribeiro", "ana@example.com", "ap-1"])
def test_an_order_for_somebody_who_is_replaced_meanwhile_counts_for_nobody(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, named: str
) -> None:
    scene.stand_up(posts=2, approvers=TWO, quorum="all")
    meanwhile(
        scene, monkeypatch,
        lambda: renew_link(
            scene.store, TENANT, scene.campaign.id, 1, "ap-1",
            name=CLA.name, email=CLA.email, now=scene.clock.now, **BY,
        ),
    )  # fmt: skip
    with pytest.raises(GoneError):
        order(scene, approver=named)

    assert scene.store.approvals.decisions(TENANT, scene.campaign.id, 1) == []


def test_an_order_for_somebody_who_is_revoked_meanwhile_counts_for_nobody(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.stand_up(posts=2, approvers=TWO)
    meanwhile(
        scene, monkeypatch,
        lambda: revoke_link(scene.store, TENANT, scene.campaign.id, 1, "ap-1", now=scene.clock.now, **BY),
    )  # fmt: skip
    with pytest.raises(GoneError):
        order(scene, approver="Ana Ribeiro")

    assert scene.store.approvals.decisions(TENANT, scene.campaign.id, 1) == []


def order(scene: Scene, *, approver: str = "", decision: Decision = Decision.APPROVED, comment: str = "") -> Any:
    campaign = scene.store.campaigns.get(TENANT, scene.campaign.id)
    operations.decide_for(
        scene.store, campaign, OLGA, decision=decision, comment=comment, approver=approver, now=scene.clock.now
    )
    return scene.store.approvals.current_round(TENANT, scene.campaign.id)


# --- an order in place of all -----------------------------------------------------------------------------


@pytest.mark.parametrize("ordered", [Decision.APPROVED, Decision.NEEDS_REVISION, Decision.REJECTED])
@pytest.mark.parametrize("said", [Decision.APPROVED, Decision.NEEDS_REVISION, Decision.REJECTED])
def test_an_order_in_place_of_all_is_what_it_says(scene: Scene, said: Decision, ordered: Decision) -> None:
    scene.stand_up(posts=4, approvers=TWO, quorum="all", collect_all=True)
    scene.decide(1, decision=said, comments="Because of this.")

    round_ = order(scene, decision=ordered, comment="As agreed with the board.")

    assert (round_.status, round_.outcome) == (RoundStatus.DECIDED, ordered)


# --- a decision that takes effect -------------------------------------------------------------------------


@pytest.mark.parametrize("first", ["approved", "rejected", "needs_revision"])
@pytest.mark.parametrize("second", ["approved", "rejected", "needs_revision"])
def test_a_decision_takes_effect_only_as_it_stands(scene: Scene, first: str, second: str) -> None:
    """The clocks differ: what the run read was taken back in time by the clock of the door, and said otherwise."""
    if first == second:
        return
    scene.stand_up(posts=2, settle_seconds=MINUTES).decide(1, decision=first, comments="Because of this.")
    late = scene.clock.now + timedelta(seconds=MINUTES) + UNDO_LEEWAY
    undo(scene.store, scene.round(), by_link(scene.round()), now=scene.clock.now)
    scene.decide(1, decision=second, comments="No, because of that.")

    place = scene.store, TENANT, scene.campaign.id, 1
    effect = partial(start_revision, *place) if first == "needs_revision" else partial(apply, *place, Outcome(first))
    with pytest.raises(RoundReopenedError):
        effect(now=late)

    assert scene.store.campaigns.get(TENANT, scene.campaign.id).status is CampaignStatus.AWAITING_REVIEW
    assert [post.review.state for post in scene.posts()] == [ReviewState.PENDING] * 2


def test_a_decision_that_may_still_be_taken_back_has_no_effect(scene: Scene) -> None:
    scene.stand_up(posts=2, settle_seconds=MINUTES).decide(1)
    with pytest.raises(RoundReopenedError):
        apply(scene.store, TENANT, scene.campaign.id, 1, Outcome.APPROVED, now=scene.clock.now)
    assert scene.store.campaigns.get(TENANT, scene.campaign.id).status is CampaignStatus.AWAITING_REVIEW


def test_what_was_noted_of_a_decision_that_was_taken_back_is_gone(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    posts = some_posts(scene.campaign, 3)
    blocked = Quality(score=0.4, checks=[Check(code="MARKDOWN", severity="block", message="has markdown")])
    posts[2] = posts[2].model_copy(update={"quality": blocked, "status": PostStatus.NEEDS_REVIEW})
    scene.stand_up(posts=posts, settle_seconds=MINUTES)
    assert scene.round().blocked == [posts[2].id]
    late = scene.clock.now + timedelta(seconds=MINUTES) + UNDO_LEEWAY
    scene.decide(1, posts={posts[2].id: {"decision": "approved"}})
    review = scene.store.posts.review

    def undone_meanwhile(*args: Any, **more: Any) -> Any:
        noted = review(*args, **more)
        monkeypatch.undo()
        undo(scene.store, scene.round(), by_link(scene.round()), now=scene.clock.now)
        return noted

    monkeypatch.setattr(scene.store.posts, "review", undone_meanwhile)
    with pytest.raises(RoundReopenedError):
        apply(scene.store, TENANT, scene.campaign.id, 1, Outcome.APPROVED, now=late)

    scene.decide(1)  # all but what is blocked
    apply(scene.store, TENANT, scene.campaign.id, 1, Outcome.APPROVED, now=late)

    assert [post.review.state == ReviewState.APPROVED for post in scene.posts()] == [True, True, False]


def test_a_post_that_stays_approved_survives_a_rejection_that_was_taken_back(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.stand_up(posts=2, settle_seconds=MINUTES)
    first, second = scene.posts()
    said = {
        first.id: {"decision": "approved"},
        second.id: {"decision": "needs_revision", "comment": "Shorter, please."},
    }
    scene.decide(1, decision="needs_revision", posts=said)
    late = timedelta(seconds=MINUTES) + UNDO_LEEWAY
    start_revision(scene.store, TENANT, scene.campaign.id, 1, now=scene.clock.now + late)
    scene.rewrite(second, "Shorter words.")
    assert scene.ask(2).locked == [first.id]
    scene.decide(1, decision="rejected", comments="No, because of that.")
    review = scene.store.posts.review

    def undone_meanwhile(*args: Any, **more: Any) -> Any:
        noted = review(*args, **more)
        monkeypatch.undo()
        undo(scene.store, scene.round(), by_link(scene.round()), now=scene.clock.now)
        return noted

    monkeypatch.setattr(scene.store.posts, "review", undone_meanwhile)
    with pytest.raises(RoundReopenedError):
        apply(scene.store, TENANT, scene.campaign.id, 2, Outcome.REJECTED, now=scene.clock.now + late)

    scene.decide(1)
    apply(scene.store, TENANT, scene.campaign.id, 2, Outcome.APPROVED, now=scene.clock.now + late)

    assert [post.review.state for post in scene.posts()] == [ReviewState.APPROVED] * 2


# --- approvers --------------------------------------------------------------------------------------------


def test_nobody_is_asked_twice_in_a_round_whatever_the_terms_say_by_now(scene: Scene) -> None:
    scene.stand_up(posts=2, approvers=TWO, quorum="all")
    terms = scene.campaign.approval.model_copy(update={"approvers": [CLA]})
    scene.store.campaigns.update(TENANT, scene.campaign.id, {"approval": terms}, actor="test", at=scene.clock.now)
    with pytest.raises(FaultsError):
        renew_link(
            scene.store,
            TENANT,
            scene.campaign.id,
            1,
            "ap-1",
            name="Benjamin",
            email=BEN.email.upper(),
            now=scene.clock.now,
            **BY,
        )
    assert [each.email for each in scene.round().approvers] == [ANA.email, BEN.email]


def test_a_draft_is_kept_while_the_campaign_changes_and_not_once_the_round_is_over(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.stand_up(posts=1)
    round_, now = scene.round(), scene.clock.now
    typed = ReviewDraft(digest=round_.digest, comments="Softer, please.", saved_at=now)
    happens: list[Callable[[], object]] = []
    read, reads = scene.store.approvals._case, list[str]()

    def case(*about: Any) -> Any:
        found = read(*about)
        reads.append(found[0].campaign.name)
        if happens:
            happens.pop()()
        return found

    monkeypatch.setattr(scene.store.approvals, "_case", case)
    new = {"name": "Another name"}
    happens.append(lambda: scene.store.campaigns.update(TENANT, scene.campaign.id, new, actor="api", at=now))
    keep_draft(scene.store, round_, by_link(round_), typed, now=now)
    assert scene.store.drafts.get(round_, "ap-1") == typed
    assert len(reads) == 1

    happens.append(lambda: scene.decide())
    with pytest.raises(AlreadyDecidedError):
        keep_draft(scene.store, round_, by_link(round_), typed.model_copy(update={"comments": "Late."}), now=now)
    assert scene.store.drafts.get(round_, "ap-1") == typed


def test_a_draft_lives_as_long_as_its_round_however_often_that_is_extended(scene: Scene) -> None:
    scene.stand_up(posts=1)
    draft = ReviewDraft(digest=scene.round().digest, comments="Softer, please.", saved_at=scene.clock.now)
    keep_draft(scene.store, scene.round(), by_link(scene.round()), draft, now=scene.clock.now)
    for _ in range(3):
        scene.clock.now = scene.round().expires_at - timedelta(hours=1)
        extend_round(
            scene.store,
            TENANT,
            scene.campaign.id,
            1,
            until=scene.clock.now + timedelta(days=59),
            now=scene.clock.now,
            **BY,
        )
    scene.clock.now = scene.round().expires_at - timedelta(hours=1)
    scene.store.purge(scene.clock.now, files=get_asset_files())

    assert scene.store.drafts.get(scene.round(), "ap-1") == draft
