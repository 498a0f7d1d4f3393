"""What people do to a round at the same moment, late, twice, or by another way: each act counts once, or is refused."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest

from campaigns.approval.messages.notice_kinds import RESULT
from campaigns.approval.outcomes import start_revision
from campaigns.approval.renewing import renew_link, revoke_link
from campaigns.approval.rounds import RING, undo
from campaigns.errors import ConflictError, StaleReviewError, TooLateToUndoError
from campaigns.model.vocabulary import CampaignStatus, Decision, ReviewState, RoundStatus
from campaigns.operations import acts as operations
from campaigns.operations.acts import By
from campaigns.operations.watching.consistency import check
from campaigns.store import Store
from campaigns.store.tables.sqlite import SQLiteTable
from tests.approvals.court import Court
from tests.approvals.reader import read, send
from tests.approvals.scene import TENANT, TWO, Scene
from tests.approvals.test_codes import codes, confirm
from tests.approvals.voices import by_link
from tests.store.samples import NOW, a_campaign, a_round

BY: dict[str, Any] = {"actor": "operator:olga", "reason": "left", "now": NOW}
OLGA = By("Olga", "left the company")


@pytest.fixture
def courts() -> Iterator[list[Court]]:
    made: list[Court] = []
    yield made
    for each in made:
        each.close()


# --- at the same moment ---------------------------------------------------------------------------------


def test_of_two_revocations_at_once_both_count(scene: Scene) -> None:
    store = scene.store
    campaign = store.campaigns.create(a_campaign(), actor="api", at=NOW).campaign
    for n in range(1, 21):
        store.approvals.open_round(a_round(campaign, n, approvers=3), actor="flow", at=NOW)
        start = Barrier(2)

        def revoke(approver: str, n: int = n, start: Barrier = start) -> None:
            start.wait()
            revoke_link(store, campaign.tenant_id, campaign.id, n, approver, **BY)

        with ThreadPoolExecutor(2) as pool:
            list(pool.map(revoke, ["ap-1", "ap-2"]))

        asked = store.approvals.round(campaign.tenant_id, campaign.id, n).approvers
        assert [each.revoked for each in asked] == [True, True, False]


def test_a_link_that_was_replaced_stays_worthless_whatever_happens_at_once(scene: Scene) -> None:
    store, other = scene.store, Store(SQLiteTable(scene.home / "store.db"))
    campaign = store.campaigns.create(a_campaign(), actor="api", at=NOW).campaign
    asked = store.approvals.open_round(a_round(campaign, approvers=3), actor="flow", at=NOW)
    place = campaign.tenant_id, campaign.id, 1
    get, waiting = store.table.get, [True]

    def replaced_meanwhile(key: Any) -> Any:
        found = get(key)
        if waiting and key.sk.startswith("round#"):
            waiting.clear()
            renew_link(other, *place, "ap-1", name="New Person", email="new@example.com", **BY)
        return found

    store.table.get = replaced_meanwhile  # type: ignore[method-assign]  # a moment in between
    revoke_link(store, *place, "ap-2", **BY)

    now = store.approvals.round(*place).approvers
    assert (now[0].name, now[0].jti != asked.approvers[0].jti, now[1].revoked) == ("New Person", True, True)


def test_of_two_replacements_on_what_was_read_before_both_stand_in_later_rounds(courts: list[Court]) -> None:
    courts.append(court := Court())
    court.work()
    stale = court.campaign
    for n in (1, 2):
        operations.replace(
            court.store, stale, By("Olga", "left"), approver=f"a{n}@example.com",
            name=f"New {n}", email=f"new{n}@example.com", now=court.clock.now,
        )  # fmt: skip

    new = ["new1@example.com", "new2@example.com"]
    assert [each.email for each in court.rounds[-1].approvers] == new
    assert [each.email for each in court.campaign.approval.approvers] == new


def test_a_revocation_that_leaves_only_those_who_have_decided_closes_the_round(scene: Scene) -> None:
    people = [*TWO, {"name": "Clara", "email": "clara@example.com"}]
    scene.stand_up(posts=2, approvers=people, quorum="all").decide(2)
    scene.decide(3)

    operations.revoke(scene.store, scene.campaign, OLGA, approver="ana@example.com", now=scene.clock.now)

    assert (scene.round().status, scene.round().outcome) == (RoundStatus.DECIDED, Decision.APPROVED)
    due = {each.kind: each.due_at for each in scene.store.outbox.of(TENANT, scene.campaign.id)}
    assert due[RING] == due[RESULT] == scene.clock.now
    assert check(scene.store, scene.store.campaigns.get(TENANT, scene.campaign.id), now=scene.clock.now) == []


# --- late, and again ------------------------------------------------------------------------------------


def test_an_undo_that_waited_until_the_next_round_was_open_is_too_late(scene: Scene) -> None:
    scene.stand_up(posts=2, settle_seconds=180)
    first, began = scene.round(), scene.clock.now + timedelta(seconds=170)
    one, two = scene.posts()
    scene.decide(
        decision="needs_revision", comments="See post 1.",
        posts={one.id: {"decision": "needs_revision", "comment": "Warmer."}, two.id: {"decision": "approved"}},
    )  # fmt: skip
    scene.clock.pass_(seconds=200)
    scene.next_round({1: ("Warmer words.", "")})

    with pytest.raises(TooLateToUndoError):
        undo(scene.store, first, by_link(first), now=began)

    assert [scene.round(n).status for n in (1, 2)] == [RoundStatus.DECIDED, RoundStatus.PENDING]
    assert scene.posts()[1].review.state is ReviewState.APPROVED


def test_the_same_answer_after_an_undo_is_told_that_it_was_taken_back(scene: Scene) -> None:
    link = scene.stand_up(posts=2, settle_seconds=180).link()
    body = {"callbackId": link.callback_id, "decision": "approved"}
    browser, bearer = scene.browser(), {"Authorization": f"Bearer {link.token}"}
    url = f"/campaigns/{scene.campaign.id}/approve"
    for attempt in ({}, {"attemptId": "attempt-of-a-client"}):
        first = browser.post(url, json={**body, **attempt}, headers=bearer)
        undo(scene.store, scene.round(), by_link(scene.round()), now=scene.clock.now)

        again = browser.post(url, json={**body, **attempt}, headers=bearer)

        assert (first.status_code, again.status_code, again.json()["errorCode"]) == (200, 409, "ANSWER_TAKEN_BACK")
        assert scene.store.approvals.decisions(TENANT, scene.campaign.id, 1) == []
    anew = browser.post(url, json={**body, "attemptId": "attempt-of-another"}, headers=bearer)
    assert anew.status_code == 200


def test_the_same_page_after_an_undo_says_that_it_was_taken_back(scene: Scene) -> None:
    browser = scene.browser()
    step = send(browser, browser.get(scene.stand_up(posts=1, settle_seconds=180).url()), "review", d_1="approved")
    receipt = confirm(browser, step)
    send(browser, receipt, "undo")

    again = confirm(browser, step)

    assert "You took this decision back" in again.text
    assert scene.store.approvals.decisions(TENANT, scene.campaign.id, 1) == []
    assert read(confirm(browser, again)).heading == "Approved"


# --- what was shown -------------------------------------------------------------------------------------


def test_json_without_a_digest_is_about_what_its_link_was_made_for(scene: Scene) -> None:
    link = scene.stand_up(posts=2).link()
    scene.clock.pass_(minutes=5)
    scene.edit(1, "Other words of post 1.")
    browser, url = scene.browser(), f"/campaigns/{scene.campaign.id}/approve"
    body: dict[str, Any] = {"callbackId": link.callback_id, "decision": "approved"}
    bearer = {"Authorization": f"Bearer {link.token}"}

    stale = browser.post(url, json=body, headers=bearer)

    assert (stale.status_code, stale.json()["errorCode"]) == (409, "REVIEW_STALE")
    new = stale.json()["details"]["digest"]
    assert new == scene.round().digest
    assert browser.post(url, json={**body, "digest": new}, headers=bearer).status_code == 200


def test_an_order_is_about_what_was_stored_when_it_was_given(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.stand_up(posts=2)
    act = scene.store.approvals.act

    def edited_meanwhile(*args: Any, **more: Any) -> Any:
        monkeypatch.undo()
        scene.edit(1, "Other words of post 1.")
        return act(*args, **more)

    monkeypatch.setattr(scene.store.approvals, "act", edited_meanwhile)
    with pytest.raises(StaleReviewError):
        operations.decide_for(
            scene.store, scene.campaign, OLGA, decision=Decision.APPROVED, comment="", approver="", now=scene.clock.now
        )


# --- orders ---------------------------------------------------------------------------------------------


def test_an_order_to_write_two_posts_again_is_carried_out_as_it_was_given(scene: Scene) -> None:
    scene.stand_up(posts=4, approvers=TWO, quorum="all")
    scene.decide(1, decision="needs_revision", comments="All shorter, please.")

    campaign = scene.store.campaigns.get(TENANT, scene.campaign.id)
    operations.regenerate(scene.store, campaign, OLGA, numbers=[1, 2], comment="Name the farm.", now=scene.clock.now)
    again = start_revision(scene.store, TENANT, scene.campaign.id, 1, now=scene.clock.now)

    assert [post.number for post in again] == [1, 2]
    assert [post.review.comment for post in again] == ["Name the farm."] * 2


def test_an_operators_act_is_one_transaction_with_its_decision(scene: Scene) -> None:
    scene.stand_up(posts=2)
    operations.decide_for(
        scene.store, scene.campaign, OLGA, decision=Decision.APPROVED, comment="", approver="", now=scene.clock.now
    )

    assert scene.audit()[-2:] == ["decided", "decided_on_behalf"]
    with pytest.raises(ConflictError):
        operations.revoke(scene.store, scene.campaign, OLGA, approver="Ana Ribeiro", now=scene.clock.now)


# --- the code -------------------------------------------------------------------------------------------


def test_whoever_only_has_the_link_takes_no_decision_back_and_leaves_no_words(scene: Scene) -> None:
    url = scene.stand_up(posts=2, require_otp=True, settle_seconds=180).url()
    ana, stranger = scene.browser(), scene.browser()
    step = send(ana, ana.get(url), "review", d_1="approved", d_2="approved")
    receipt = confirm(ana, step, code=codes(scene)[-1])
    assert read(receipt).heading == "Approved"

    asked = send(stranger, stranger.get(url), "undo")

    assert "code" in read(asked).fields
    assert len(scene.store.approvals.decisions(TENANT, scene.campaign.id, 1)) == 1
    send(ana, receipt, "undo")  # her browser showed the code: she is not asked again
    assert scene.store.approvals.decisions(TENANT, scene.campaign.id, 1) == []
    kept = scene.store.drafts.get(scene.round(), "ap-1")
    page = stranger.get(url)
    left = send(stranger, page, "save", c_1="A stranger's words.")
    assert "code" in read(left).fields
    assert read(left).fields["c.1"] == "A stranger's words."  # nothing typed is lost
    assert scene.store.drafts.get(scene.round(), "ap-1") == kept


def test_the_right_code_lets_undo_and_drafts_through(scene: Scene) -> None:
    url = scene.stand_up(posts=2, require_otp=True).url()
    browser = scene.browser()
    asked = send(browser, browser.get(url), "save", c_1="Softer, please.")

    wrong = send(browser, asked, "save", code="000000" if codes(scene)[-1] != "000000" else "111111")
    assert "That is not the code" in wrong.text
    page = send(browser, wrong, "save", code=codes(scene)[-1])

    assert read(page).fields["c.1"] == "Softer, please."
    draft = scene.store.drafts.get(scene.round(), "ap-1")
    assert draft is not None
    assert [each.comment for each in draft.posts.values()] == ["Softer, please."]


def test_a_halted_campaign_says_so_instead_of_taking_decisions(scene: Scene) -> None:
    url = scene.stand_up(posts=2).url()
    browser = scene.browser()
    step = send(browser, browser.get(url), "review", d_1="approved", d_2="approved")
    scene.move(CampaignStatus.FAILED)

    answer = confirm(browser, step)

    assert (answer.status_code, read(answer).heading) == (503, "This review is halted")
    assert scene.store.approvals.decisions(TENANT, scene.campaign.id, 1) == []
