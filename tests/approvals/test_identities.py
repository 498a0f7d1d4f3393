"""A name is never worth more than an identity: asked by the gate, with what is stored when it writes."""

from __future__ import annotations

from datetime import datetime

import pytest

from campaigns.approval.rounds import FormProof, Voice, decide
from campaigns.errors import CodeRequiredError, FaultsError, RoundClosedError, SelfApprovalError
from campaigns.model.approval import DecisionRequest
from campaigns.model.vocabulary import Decision
from campaigns.operations import acts as operations
from campaigns.operations.acts import By
from campaigns.rules.approval.identities import speaker
from tests.approvals.scene import ANA, BEN, TENANT, Scene

OLGA = By("Olga", "a test")
OTHER = {"name": ANA.name, "email": "ana.b@example.com"}


def by_name(scene: Scene, typed: str, decide_as: str = "approver") -> Voice:
    round_ = scene.round()
    assert decide_as in {"approver", "operator"}
    proof = FormProof(round_.n, round_.digest, typed, decide_as)  # type: ignore[arg-type]  # asserted above
    return Voice(*speaker(round_, typed, proof.decide_as), "prefect_ui", proof)


def approve(scene: Scene, voice: Voice, now: datetime | None = None) -> None:
    request = DecisionRequest.model_validate({"decision": "approved", "callbackId": scene.round().callback_id})
    decide(scene.store, scene.round(), voice, request, attempt_id="a-form-answer", now=now or scene.clock.now)


def asked_by_ana(scene: Scene, **terms: object) -> Scene:
    who = {"requested_by": "auth0|5f7c", "requester_email": ANA.email.upper()}
    scene.campaign = scene.campaign.model_copy(update=who)
    approvers = [ANA.to_wire(), BEN.to_wire()]
    return scene.stand_up(posts=3, **{"approvers": approvers, "prevent_self_approval": True, **terms})


@pytest.mark.parametrize("typed", [ANA.name, ANA.name.upper(), ANA.email, f"{ANA.name} <{ANA.email}>", "auth0|5f7c"])
def test_a_requester_decides_under_no_name_in_place_of_all(scene: Scene, typed: str) -> None:
    asked_by_ana(scene)

    with pytest.raises(SelfApprovalError):
        approve(scene, by_name(scene, typed, "operator"))

    assert scene.store.approvals.decisions(TENANT, scene.campaign.id, 1) == []


def test_a_name_that_the_requester_has_too_is_told_apart_by_address(scene: Scene) -> None:
    asked_by_ana(scene, approvers=[ANA.to_wire(), OTHER, BEN.to_wire()], quorum="all")

    with pytest.raises(SelfApprovalError, match="address"):
        approve(scene, by_name(scene, ANA.name))
    approve(scene, by_name(scene, "ana.b@example.com"))

    (decision,) = scene.store.approvals.decisions(TENANT, scene.campaign.id, 1)
    assert decision.approver_id == "ap-1"  # she is asked, the requester is not


@pytest.mark.parametrize("approver", ["", BEN.name])
def test_an_operator_who_asked_for_the_campaign_decides_for_nobody(scene: Scene, approver: str) -> None:
    asked_by_ana(scene)

    for name in (ANA.name, ANA.email):
        with pytest.raises(SelfApprovalError):
            operations.decide_for(
                scene.store, scene.store.campaigns.get(TENANT, scene.campaign.id), By(name, "in a hurry"),
                decision=Decision.APPROVED, comment="", approver=approver, now=scene.clock.now,
            )  # fmt: skip

    assert scene.store.approvals.decisions(TENANT, scene.campaign.id, 1) == []


def test_nobody_is_replaced_by_the_requester(scene: Scene) -> None:
    asked_by_ana(scene)

    with pytest.raises(FaultsError) as refused:
        operations.replace(
            scene.store, scene.store.campaigns.get(TENANT, scene.campaign.id), OLGA,
            approver=BEN.name, name="A. Ribeiro", email=ANA.email,
            now=scene.clock.now,
        )  # fmt: skip

    assert refused.value.faults[0].code == "SELF_APPROVAL"


def test_a_voice_without_the_code_is_none_in_the_form(scene: Scene) -> None:
    scene.stand_up(posts=3, require_otp=True)

    with pytest.raises(CodeRequiredError):
        approve(scene, by_name(scene, ANA.name))


def test_a_name_is_read_again_when_it_is_recorded(scene: Scene) -> None:
    scene.stand_up(posts=3, approvers=[ANA.to_wire(), BEN.to_wire()])
    revoked, replaced = by_name(scene, BEN.name), by_name(scene, ANA.name)
    operations.replace(
        scene.store,
        scene.store.campaigns.get(TENANT, scene.campaign.id),
        OLGA,
        approver=ANA.name,
        name="Eva",
        email="eva@example.com",
        now=scene.clock.now,
    )
    operations.revoke(
        scene.store, scene.store.campaigns.get(TENANT, scene.campaign.id), OLGA, approver=BEN.name, now=scene.clock.now
    )

    for voice in (revoked, replaced):
        with pytest.raises((FaultsError, RoundClosedError)):
            approve(scene, voice)

    assert scene.store.approvals.decisions(TENANT, scene.campaign.id, 1) == []
