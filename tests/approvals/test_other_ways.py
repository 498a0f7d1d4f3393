"""The faults that were found in decisions, by other ways: the kind is mended, not the case."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from httpx import Response

from campaigns.approval.codes import Proof, prove, send_code
from campaigns.approval.expiry import expire
from campaigns.approval.renewing import extend_round, renew_link, revoke_link
from campaigns.build.planning import fail
from campaigns.build.submission import changed
from campaigns.errors import BadBriefError, ConflictError, NobodyMayDecideError, VersionConflictError
from campaigns.keys.links import ApprovalLink
from campaigns.model.campaign import PlanSummary
from campaigns.model.vocabulary import CampaignStatus, Decision, RoundStatus
from campaigns.operations import acts
from campaigns.operations.acts import By
from tasks.delivery.deliver import deliver_due
from tests.approvals.reader import read, send
from tests.approvals.scene import ANA, BEN, CLA, TENANT, TWO, Scene
from tests.approvals.test_meanwhile import meanwhile
from tests.approvals.test_notices import mails

OLGA = By("Olga", "as agreed by phone")
BY: dict[str, Any] = {"actor": "operator:olga", "reason": "left"}


def post(scene: Scene, link: ApprovalLink, decision: str = "approved", **more: Any) -> Response:
    """Decide over JSON with a link."""
    body = {"decision": decision, "callbackId": link.callback_id, "comments": "Because of this."} | more
    headers = {"Authorization": f"Bearer {link.token}"}
    return scene.browser().post(f"/campaigns/{scene.campaign.id}/approve", json=body, headers=headers)


def said(scene: Scene, n: int = 1) -> list[tuple[str, str]]:
    return [
        (each.approver_id, each.decided_by) for each in scene.store.approvals.decisions(TENANT, scene.campaign.id, n)
    ]


def replaced(scene: Scene, approver: str = "ap-1") -> None:
    place = scene.store, TENANT, scene.campaign.id, 1, approver
    renew_link(*place, name=CLA.name, email=CLA.email, now=scene.clock.now, **BY)


# --- whose voice it is --------------------------------------------------------------------------------------


def test_whoever_was_replaced_is_not_told_that_the_successors_decision_is_theirs(scene: Scene) -> None:
    old = scene.stand_up(posts=2, approvers=TWO, quorum="all").link(1)
    replaced(scene)
    assert post(scene, scene.link(1)).status_code == 200

    answer = post(scene, old)

    assert (answer.status_code, answer.json()["errorCode"]) == (410, "ROUND_CLOSED")


@pytest.mark.parametrize("name", [BEN.name, BEN.name.upper(), BEN.email, f"{BEN.name} <{BEN.email}>", "ap-2"])
def test_nobody_decides_under_the_name_of_another_approver(scene: Scene, name: str) -> None:
    link = scene.stand_up(posts=2, approvers=TWO, quorum="all").link(1)

    answer = post(scene, link, decidedBy=name)

    assert answer.status_code == 422, answer.text
    (fault,) = answer.json()["details"]["errors"]
    assert fault["field"] == "decidedBy"
    assert said(scene) == []


def test_the_page_says_that_a_name_is_another_approvers(scene: Scene) -> None:
    scene.stand_up(posts=2, approvers=TWO, quorum="all")
    browser = scene.browser()
    numbers = [each.number for each in scene.posts()]
    step = send(browser, browser.get(scene.url(1)), "review", **{f"d.{number}": "approved" for number in numbers})

    sent = send(browser, step, "send", decidedBy=BEN.name, confirm="yes")

    assert sent.status_code == 422
    assert f"This link was sent to {ANA.name}." in sent.text
    assert said(scene) == []
    send(browser, sent, "send", decidedBy=ANA.name, confirm="yes")
    assert said(scene) == [("ap-1", ANA.name)]


@pytest.mark.parametrize("name", [ANA.name, ANA.email, "Dana Silva, for Ana"])
def test_somebody_decides_under_a_name_of_their_own(scene: Scene, name: str) -> None:
    link = scene.stand_up(posts=2, approvers=TWO, quorum="all").link(1)

    assert post(scene, link, decidedBy=name).status_code == 200
    assert said(scene) == [("ap-1", name)]


def test_a_name_that_two_approvers_have_is_each_ones_own(scene: Scene) -> None:
    both = [ANA.to_wire(), {**BEN.to_wire(), "name": ANA.name}]
    scene.stand_up(posts=2, approvers=both, quorum="all")

    assert post(scene, scene.link(2), decidedBy=ANA.name).status_code == 200


# --- which answer it is -------------------------------------------------------------------------------------


def test_after_an_undo_another_answer_counts_and_the_first_stays_used_up(scene: Scene) -> None:
    link = scene.stand_up(posts=2, settle_seconds=300, approvers=TWO, quorum="all").link(1)
    assert post(scene, link, attemptId="attempt-first").status_code == 200
    page = scene.browser()
    send(page, page.get(scene.url(1)), "undo")
    assert said(scene) == []

    assert post(scene, link, attemptId="attempt-first").json()["errorCode"] == "ANSWER_TAKEN_BACK"
    assert said(scene) == []
    assert post(scene, link, attemptId="attempt-second").status_code == 200
    late = post(scene, link, attemptId="attempt-first")

    assert (late.status_code, late.json()["errorCode"]) == (409, "ANSWER_TAKEN_BACK")
    assert said(scene) == [("ap-1", ANA.name)]


def test_a_late_comment_in_a_form_that_was_taken_back_reaches_somebody(scene: Scene) -> None:
    scene.stand_up(posts=2, settle_seconds=300)
    browser = scene.browser()
    review = browser.get(scene.url(1))
    numbers = [each.number for each in scene.posts()]
    form = {f"d.{number}": "needs_revision" for number in numbers} | {
        f"c.{number}": "Name the farm." for number in numbers
    }
    step = send(browser, review, "review", **form)
    sent = send(browser, step, "send", decidedBy=ANA.name, confirm="yes")
    assert said(scene), read(sent).heading
    send(browser, sent, "undo")
    assert said(scene) == []
    scene.clock.now = scene.round().expires_at + timedelta(seconds=1)
    expire(scene.store, scene.round(), scene.clock.now)

    late = send(browser, step, "send", decidedBy=ANA.name, confirm="yes")

    assert late.status_code == 410, read(late).heading
    (note,) = [each for each in scene.store.audit.entries(TENANT, scene.campaign.id) if each.action == "commented"]
    assert "Name the farm." in note.details["comment"]


def test_a_code_of_the_round_before_proves_nothing_in_the_next(scene: Scene) -> None:
    scene.stand_up(posts=2, require_otp=True)
    first, now = scene.round(), scene.clock.now
    send_code(scene.store, scene.signer, first, first.approvers[0], now=now)
    issued = scene.store.codes.get(first, "ap-1")
    assert issued is not None
    code = scene.signer.one_time_code(first.approvers[0], issued.issued_at)
    scene.decide(1, decision="needs_revision", comments="Warmer, please.")
    second = scene.next_round({each.number: (f"Better words, {each.number}.", "") for each in scene.posts()})

    def proof(typed: str) -> Proof:
        return prove(scene.store, scene.signer, second, second.approvers[0], typed, now=now)

    assert proof(code) is Proof.OVER
    send_code(scene.store, scene.signer, second, second.approvers[0], now=now)  # in the same second
    assert proof(code) is Proof.WRONG


# --- what was shown -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("renewed", [False, True])
def test_an_edit_between_the_form_and_the_link_is_seen_by_either(scene: Scene, renewed: bool) -> None:
    before = scene.stand_up(posts=2).link(1)
    shown = scene.round().digest
    scene.edit(1, "Green coffee from 38 families in Huila: 900 bags of it, and each one says who grew it.")
    if renewed:
        renew_link(scene.store, TENANT, scene.campaign.id, 1, "ap-1", now=scene.clock.now, **BY)
    link = scene.link(1) if renewed else before

    stale = post(scene, link, digest=shown)

    assert (stale.status_code, stale.json()["errorCode"]) == (409, "REVIEW_STALE")
    assert stale.json()["details"]["digest"] == scene.round().digest
    assert post(scene, link).status_code == (200 if renewed else 409)  # a link is about what it was made for
    assert post(scene, link, digest=scene.round().digest).status_code == 200


# --- who is asked -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("resent_first", [False, True])
def test_links_that_are_sent_again_while_somebody_is_replaced_go_to_the_successor_alone(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, resent_first: bool
) -> None:
    scene.stand_up(posts=2, approvers=TWO, quorum="all")
    deliver_due(scene.store, now=scene.clock.now)
    known = len(mails(scene))
    campaign = scene.store.campaigns.get(TENANT, scene.campaign.id)
    if not resent_first:
        meanwhile(scene, monkeypatch, lambda: replaced(scene))
    acts.resend(scene.store, campaign, OLGA, scene.clock.now)
    if resent_first:
        replaced(scene)

    deliver_due(scene.store, now=scene.clock.now)

    to = [str(mail["To"]) for mail in mails(scene)[known:]]
    assert to
    assert not [each for each in to if ANA.email in each]
    assert [each for each in to if CLA.email in each]
    assert [each for each in to if BEN.email in each]


def test_who_is_revoked_while_links_are_sent_again_gets_none(scene: Scene) -> None:
    scene.stand_up(posts=2, approvers=TWO)
    deliver_due(scene.store, now=scene.clock.now)
    known = len(mails(scene))
    acts.resend(scene.store, scene.store.campaigns.get(TENANT, scene.campaign.id), OLGA, scene.clock.now)
    revoke_link(scene.store, TENANT, scene.campaign.id, 1, "ap-1", now=scene.clock.now, **BY)

    deliver_due(scene.store, now=scene.clock.now)

    assert [str(mail["To"]) for mail in mails(scene)[known:] if ANA.email in str(mail["To"])] == []


# --- what was agreed ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("terms", "code", "help_"),
    [
        ({"approvers": [ANA.to_wire()]}, "NOBODY_MAY_DECIDE", "name one more approver than ana@example.com"),
        ({"approvers": TWO, "quorum": "2"}, "QUORUM_UNREACHABLE", "ask for 1, or name more than ana@example.com"),
        (
            {
                "stages": [
                    {"name": "Editor", "approvers": TWO, "expiresInHours": 1},
                    {"name": "Legal", "approvers": [ANA.to_wire()], "expiresInHours": 1},
                ]
            },
            "NOBODY_MAY_DECIDE",
            "name one more approver than ana@example.com",
        ),
    ],
)
def test_terms_that_leave_too_few_who_may_decide_are_refused_in_a_change_too(
    scene: Scene, terms: dict[str, Any], code: str, help_: str
) -> None:
    campaign = scene.campaign.model_copy(update={"requested_by": "auth0|5f7c", "requester_email": ANA.email})
    scene.campaign = campaign
    scene.prepare(posts=2, approvers=TWO)
    planning = scene.store.campaigns.get(TENANT, campaign.id).model_copy(update={"status": CampaignStatus.PLANNING})

    with pytest.raises(BadBriefError) as refused:
        changed(
            scene.store, planning, {"approval": {**terms, "preventSelfApproval": True}}, now=scene.clock.now
        )  # fmt: skip

    (fault,) = refused.value.faults
    assert fault.code == code
    assert fault.field.startswith("approval.stages[1]." if "stages" in terms else "approval.")
    assert help_ in fault.message


def test_a_planned_campaign_that_nobody_may_decide_on_gets_another_approver_and_goes_on(scene: Scene) -> None:
    """Its brief is from before such terms were refused, or the default approver was changed since."""
    scene.campaign = scene.campaign.model_copy(
        update={
            "requested_by": "auth0|5f7c",
            "requester_email": ANA.email,
            "plan_summary": PlanSummary(total_posts=2),
        }
    )
    scene.prepare(posts=2, approvers=[ANA.to_wire()], prevent_self_approval=True)
    with pytest.raises(NobodyMayDecideError, match="name one more approver in the brief, then retry-campaign") as told:
        scene.ask(1)
    campaign = scene.store.campaigns.get(TENANT, scene.campaign.id)
    fail(scene.store, campaign, code=told.value.code, message=str(told.value), retryable=False, now=scene.clock.now)
    failed = scene.store.campaigns.get(TENANT, campaign.id)
    terms = campaign.approval.to_wire()

    with pytest.raises(BadBriefError) as refused:
        change(scene, {**terms, "approvers": [{"name": "Somebody", "email": ANA.email.upper()}]})
    assert [fault.code for fault in refused.value.faults] == ["NOBODY_MAY_DECIDE"]
    with pytest.raises(ConflictError, match="only the approvers may change"):
        change(scene, {**terms, "approvers": TWO, "preventSelfApproval": False})
    change(scene, {**terms, "approvers": TWO})
    acts.retry(scene.store, scene.store.campaigns.get(TENANT, campaign.id), OLGA, scene.clock.now)

    assert [each.name for each in scene.ask(1).approvers] == [BEN.name]
    assert scene.store.campaigns.get(TENANT, campaign.id).plan_version == failed.plan_version


def change(scene: Scene, approval: dict[str, Any]) -> None:
    campaign = scene.store.campaigns.get(TENANT, scene.campaign.id)
    wanted = changed(scene.store, campaign, {"approval": approval}, now=scene.clock.now)
    assert (wanted.fields, wanted.plan_version) == (["approval"], campaign.plan_version)
    changes = {name: getattr(wanted.brief, name) for name in wanted.fields}
    scene.store.campaigns.update(TENANT, campaign.id, changes, actor="marta", at=scene.clock.now)


def test_terms_of_a_round_that_is_open_are_not_changed(scene: Scene) -> None:
    scene.stand_up(posts=2, approvers=TWO)
    campaign = scene.store.campaigns.get(TENANT, scene.campaign.id)
    wanted = {"approval": {"approvers": [CLA.to_wire()], "quorum": "any"}}

    with pytest.raises(ConflictError) as refused:
        changed(scene.store, campaign, wanted, now=scene.clock.now)

    assert refused.value.details == {"currentStatus": "awaiting_review", "fields": ["approval"]}


def test_terms_that_were_read_before_the_round_was_opened_are_not_changed(scene: Scene) -> None:
    scene.prepare(posts=2, approvers=TWO)
    stored = scene.store.campaigns.get(TENANT, scene.campaign.id)
    planning = stored.model_copy(update={"status": CampaignStatus.PLANNING})
    change = changed(scene.store, planning, {"approval": {"approvers": [CLA.to_wire()]}}, now=scene.clock.now)
    scene.ask(1)

    with pytest.raises(VersionConflictError):
        scene.store.campaigns.update(
            TENANT, stored.id, {"approval": change.brief.approval},
            actor="marta", at=scene.clock.now, expect_version=stored.version, rests_on=change.rests_on,
        )  # fmt: skip

    assert [each.email for each in scene.round().approvers] == [ANA.email, BEN.email]


@pytest.mark.parametrize("on_timeout", ["approve", "reject", "extend"])
def test_the_last_who_could_decide_is_not_revoked_whatever_time_would_bring(scene: Scene, on_timeout: str) -> None:
    scene.stand_up(posts=2, approvers=TWO, on_timeout=on_timeout)
    revoke_link(scene.store, TENANT, scene.campaign.id, 1, "ap-1", now=scene.clock.now, **BY)

    with pytest.raises(ConflictError, match="replace the approver, or decide on behalf"):
        revoke_link(scene.store, TENANT, scene.campaign.id, 1, "ap-2", now=scene.clock.now, **BY)

    assert scene.round().status is RoundStatus.PENDING
    assert [each.revoked for each in scene.round().approvers] == [True, False]


def test_time_approves_nothing_that_was_objected_to_by_one_of_those_left(scene: Scene) -> None:
    scene.stand_up(posts=2, approvers=[*TWO, CLA.to_wire()], quorum="all", on_timeout="approve")
    scene.decide(1, decision="needs_revision", comments="Warmer, please.")
    revoke_link(scene.store, TENANT, scene.campaign.id, 1, "ap-2", now=scene.clock.now, **BY)

    expire(scene.store, scene.round(), scene.round().expires_at)

    assert scene.round().outcome is not Decision.APPROVED


def test_more_time_is_refused_where_nobody_is_left_who_may_decide(scene: Scene) -> None:
    who = {"requested_by": "auth0|5f7c", "requester_email": ANA.email}
    scene.stand_up(posts=2, approvers=TWO, quorum="all")
    scene.decide(2)
    # As a version before this one could leave it: the requester is asked, and may not decide.
    terms = scene.campaign.approval.model_copy(update={"prevent_self_approval": True})
    changes = {**who, "approval": terms}
    scene.store.campaigns.update(TENANT, scene.campaign.id, changes, actor="test", at=scene.clock.now)

    with pytest.raises(ConflictError, match="replace the approver, or decide on behalf"):
        extend_round(scene.store, TENANT, scene.campaign.id, 1, until=24, now=scene.clock.now, **BY)
    assert not scene.round().extended


def test_nobody_is_revoked_where_only_the_requester_would_be_left(scene: Scene) -> None:
    scene.stand_up(posts=2, approvers=TWO)
    terms = scene.campaign.approval.model_copy(update={"prevent_self_approval": True})
    changes = {"requested_by": "auth0|5f7c", "requester_email": ANA.email, "approval": terms}
    scene.store.campaigns.update(TENANT, scene.campaign.id, changes, actor="test", at=scene.clock.now)

    with pytest.raises(ConflictError, match="replace the approver, or decide on behalf"):
        revoke_link(scene.store, TENANT, scene.campaign.id, 1, "ap-2", now=scene.clock.now, **BY)
