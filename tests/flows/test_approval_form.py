"""The form behind Prefect's Resume: whose voice an answer is, what it is about, and that it counts once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId
from prefect.client.schemas.responses import SetStateStatus
from prefect.input.run_input import keyset_from_base_key

from api.auth.identity import SCOPES, mint
from campaigns.approval.editing import edit_text
from campaigns.approval.rounds import undo
from campaigns.model.approval import ApproverDecision
from campaigns.model.vocabulary import CampaignStatus
from campaigns.operations import acts as operations
from campaigns.operations.acts import By
from campaigns.wiring import get_api_ring
from tasks.engine.server.runs import Bell, ring
from tasks.forms.approval_input import ApprovalDecision
from tests.approvals.voices import by_link
from tests.flows.conftest import TENANT, Studio, one_week

ANA = {"name": "Ana", "email": "ana@example.com"}
BEN = {"name": "Ben", "email": "ben@example.com"}
OTHER_ANA = {"name": "Ana", "email": "ana.b@example.com"}
OPERATOR = By("Olga", "a test edits")


def waiting(studio: Studio, **approval: Any) -> tuple[str, UUID]:
    """Return a campaign that waits for its approvers, and its suspended run."""
    campaign_id, run_id = studio.submit(one_week() | {"approval": {"approvers": [ANA, BEN], **approval}})
    assert studio.attempt(run_id).name == "Suspended"
    return campaign_id, run_id


def form(run_id: UUID) -> dict[str, Any]:
    """Open the form of the pause as the UI does: return its schema."""
    with get_client(sync_client=True) as client:
        state = client.read_flow_run(run_id).state
        assert state is not None
        keyset = state.state_details.run_input_keyset
        assert keyset is not None
        return dict(json.loads(client.read_flow_run_input(run_id, keyset["schema"])))


def told_by_the_form(run_id: UUID) -> str:
    with get_client(sync_client=True) as client:
        state = client.read_flow_run(run_id).state
        assert state is not None
        keyset = state.state_details.run_input_keyset
        assert keyset is not None
        return str(json.loads(client.read_flow_run_input(run_id, keyset["description"])))


def filled(schema: Mapping[str, Any], **typed: str) -> dict[str, Any]:
    """Return what the UI sends: every field as it is shown, but for what was typed."""
    shown = {name: field["default"] for name, field in schema["properties"].items() if "default" in field}
    return {**shown, **typed}


def send(run_id: UUID, values: Mapping[str, Any]) -> tuple[SetStateStatus, str]:
    with get_client(sync_client=True) as client:
        answer = client.resume_flow_run(run_id, run_input=dict(values))
    return answer.status, getattr(answer.details, "reason", None) or ""


def answer(studio: Studio, run_id: UUID, **typed: str) -> str | None:
    """Answer the form that is open now and let the run go on; return the name of the state it comes to."""
    status, reason = send(run_id, filled(form(run_id), **typed))
    assert status is SetStateStatus.ACCEPT, reason
    return studio.attempt(run_id).name


def artifacts(run_id: UUID) -> list[str]:
    with get_client(sync_client=True) as client:
        of_run = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[run_id]))
        found = client.read_artifacts(artifact_filter=of_run)
    return [str(each.data) for each in found if str(each.key).startswith("answer-")]


def said(studio: Studio, campaign_id: str, n: int = 1) -> list[ApproverDecision]:
    return studio.store.approvals.decisions(TENANT, campaign_id, n)


def edit(studio: Studio, campaign_id: str, text: str) -> None:
    campaign = studio.store.campaigns.get(TENANT, campaign_id)
    edit_text(studio.store, campaign, 1, text, actor=OPERATOR.actor, reason=OPERATOR.reason, now=datetime.now(UTC))


# --- whose voice it is --------------------------------------------------------------------------------


def test_an_operator_who_says_so_decides_in_place_of_all(studio: Studio) -> None:
    campaign_id, run_id = waiting(studio, quorum="all")

    assert answer(studio, run_id, decision="approved", decide_as="operator", decided_by="Olga Operator") == "Approved"

    (decision,) = said(studio, campaign_id)
    assert (decision.decided_by, decision.channel) == ("Olga Operator", "prefect_ui")


def test_an_approvers_name_is_that_ones_voice_and_no_more(studio: Studio) -> None:
    campaign_id, run_id = waiting(studio, quorum="all")

    assert answer(studio, run_id, decision="approved", decided_by="Ana <ANA@example.com>") == "Suspended"

    assert [(each.approver_id, each.decided_by, each.channel) for each in said(studio, campaign_id)] == [
        ("ap-1", "Ana", "prefect_ui")
    ]


def test_a_name_that_is_nearly_right_is_refused_and_says_what_to_type(studio: Studio) -> None:
    campaign_id, run_id = waiting(studio)

    assert answer(studio, run_id, decision="approved", decided_by="Anna") == "Suspended"

    assert said(studio, campaign_id) == []
    (told,) = artifacts(run_id)
    assert "Ana, Ben" in told.replace("\\", "")
    assert "operator" in told
    assert "not taken" in told_by_the_form(run_id)


def test_a_name_that_two_approvers_have_is_refused_and_an_address_is_taken(studio: Studio) -> None:
    campaign_id, run_id = waiting(studio, approvers=[ANA, OTHER_ANA, BEN], quorum="all")

    assert answer(studio, run_id, decision="approved", decided_by="Ana") == "Suspended"
    assert said(studio, campaign_id) == []
    assert "address" in artifacts(run_id)[0]
    assert "not taken" in told_by_the_form(run_id)

    assert answer(studio, run_id, decision="approved", decided_by="ana.b@example.com") == "Suspended"
    assert [each.approver_id for each in said(studio, campaign_id)] == ["ap-2"]
    assert "not taken" not in told_by_the_form(run_id)


def test_a_revoked_approvers_name_is_nobodys_voice(studio: Studio) -> None:
    campaign_id, run_id = waiting(studio)
    campaign = studio.store.campaigns.get(TENANT, campaign_id)
    operations.revoke(studio.store, campaign, OPERATOR, approver="Ana", now=datetime.now(UTC))

    assert answer(studio, run_id, decision="approved", decided_by="Ana") == "Suspended"

    assert said(studio, campaign_id) == []


def test_an_approver_who_must_show_a_code_has_no_voice_in_the_form(studio: Studio) -> None:
    campaign_id, run_id = waiting(studio, requireOtp=True)

    assert answer(studio, run_id, decision="approved", decided_by="Ana") == "Suspended"

    assert said(studio, campaign_id) == []
    assert "review page" in artifacts(run_id)[0]
    assert answer(studio, run_id, decision="approved", decide_as="operator", decided_by="Olga") == "Approved"


def test_a_requester_has_no_voice_in_the_form_under_any_name(studio: Studio) -> None:
    token = mint(
        get_api_ring(), tenant_id=TENANT, subject="auth0|5f7c", email="ana@example.com", scopes=SCOPES,
        ttl=timedelta(hours=1), now=datetime.now(UTC),
    )  # fmt: skip
    studio.client.headers["Authorization"] = f"Bearer {token}"
    campaign_id, run_id = waiting(studio, preventSelfApproval=True)

    for typed, decide_as in (("Ana", "approver"), ("ana", "operator"), ("ANA@example.com", "operator")):
        assert answer(studio, run_id, decision="approved", decided_by=typed, decide_as=decide_as) == "Suspended"

    assert said(studio, campaign_id) == []
    assert answer(studio, run_id, decision="approved", decided_by="Ben") == "Approved"


# --- what it is about ---------------------------------------------------------------------------------


def test_an_answer_is_about_the_words_that_its_form_was_made_for(studio: Studio) -> None:
    campaign_id, run_id = waiting(studio)
    status, _ = send(run_id, filled(form(run_id), decision="approved", decided_by="Ana"))
    assert status is SetStateStatus.ACCEPT
    edit(studio, campaign_id, "Words that Ana has not read, changed before the run went on.")

    assert studio.attempt(run_id).name == "Suspended"

    assert said(studio, campaign_id) == []
    assert "changed" in artifacts(run_id)[0]
    assert answer(studio, run_id, decision="approved", decided_by="Ana") == "Approved"
    assert {each.digest for each in said(studio, campaign_id)} == {
        studio.store.approvals.round(TENANT, campaign_id, 1).digest
    }


def test_prefect_refuses_the_form_of_an_earlier_round(studio: Studio) -> None:
    campaign_id, run_id = waiting(studio)
    old = form(run_id)
    studio.decide(campaign_id, "needs_revision", "Name the farm in every post.")
    assert studio.attempt(run_id).name == "Suspended"

    status, reason = send(run_id, filled(old, decision="approved", decide_as="operator", decided_by="Olga"))

    assert status is SetStateStatus.REJECT
    assert "round" in reason or "digest" in reason
    assert studio.run(run_id).state_name == "Suspended"
    assert said(studio, campaign_id, 2) == []


def test_prefect_refuses_the_form_of_words_that_were_changed_since(studio: Studio) -> None:
    campaign_id, run_id = waiting(studio)
    old = form(run_id)
    edit(studio, campaign_id, "Other words, which the form that is open does not show.")
    assert ring(run_id) is Bell.RUNG
    assert studio.attempt(run_id).name == "Suspended"

    status, reason = send(run_id, filled(old, decision="approved", decided_by="Ana"))

    assert (status, "digest" in reason) == (SetStateStatus.REJECT, True)
    assert answer(studio, run_id, decision="approved", decided_by="Ana") == "Approved"


def test_prefect_takes_no_decision_that_does_not_say_what_it_is_about(studio: Studio) -> None:
    _, run_id = waiting(studio)

    status, _ = send(run_id, {"decision": "approved", "decided_by": "Ana", "comments": ""})

    assert status is SetStateStatus.REJECT
    assert send(run_id, {"decision": "look_again"})[0] is SetStateStatus.ACCEPT  # decides nothing


# --- that it counts once ------------------------------------------------------------------------------


def test_an_answer_that_was_taken_back_stays_taken_back_whoever_wakes_the_run(studio: Studio) -> None:
    campaign_id, run_id = waiting(studio, settleSeconds=3600)
    assert answer(studio, run_id, decision="approved", decided_by="Ana") == "Suspended"
    assert len(said(studio, campaign_id)) == 1
    round_ = studio.store.approvals.round(TENANT, campaign_id, 1)
    undo(studio.store, round_, by_link(round_), now=datetime.now(UTC))

    for wake in (lambda: ring(run_id), lambda: send(run_id, {"decision": "look_again"})):
        wake()
        assert studio.attempt(run_id).name == "Suspended"

    assert said(studio, campaign_id) == []


def test_an_answer_after_more_than_a_hundred_inputs_is_taken(studio: Studio) -> None:
    campaign_id, run_id = waiting(studio)
    with get_client(sync_client=True) as client:
        for number in range(120):  # what sixty wakings by an earlier version have left
            keyset = keyset_from_base_key(f"suspended-approval-1-{number:08x}")
            client.create_flow_run_input(run_id, keyset["schema"], "{}")
            woken = {"decision": "look_again", "decided_by": "", "comments": ""}
            client.create_flow_run_input(run_id, keyset["response"], json.dumps(woken))

    assert answer(studio, run_id, decision="approved", decided_by="Ana") == "Approved"

    assert [each.approver_id for each in said(studio, campaign_id)] == ["ap-1"]


def test_what_was_answered_is_not_read_again_at_the_next_waking(studio: Studio) -> None:
    _, run_id = waiting(studio)
    for _ in range(3):
        assert answer(studio, run_id, decision="look_again") == "Suspended"

    with get_client(sync_client=True) as client:
        left = client.filter_flow_run_input(run_id, key_prefix="suspended-approval-", limit=200, exclude_keys=set())

    assert len([each for each in left if each.key.endswith("-schema")]) == 1  # of the pause that waits
    assert not [each for each in left if each.key.endswith("-response")]


# --- what was not taken is told where one looks ---------------------------------------------------------


def test_what_cannot_be_taken_is_told_as_words_and_not_as_markup(studio: Studio) -> None:
    _, run_id = waiting(studio)
    evil = "[Log in](https://evil.example) <img src=x>"

    assert answer(studio, run_id, decision="approved", decided_by=evil) == "Suspended"

    for told in (artifacts(run_id)[0], told_by_the_form(run_id)):
        assert "](https://" not in told
        assert "<img" not in told


def test_a_rejection_without_a_reason_is_told(studio: Studio) -> None:
    campaign_id, run_id = waiting(studio)

    assert answer(studio, run_id, decision="rejected", decided_by="Ana") == "Suspended"

    assert said(studio, campaign_id) == []
    assert "comment" in artifacts(run_id)[0]
    assert "comment" in told_by_the_form(run_id)


# --- deployed while runs wait ---------------------------------------------------------------------------


@pytest.fixture
def old_form(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> tuple[str, UUID]:
    """A campaign whose run waits with the form that the version before has saved."""
    from prefect.input import RunInput
    from pydantic import ConfigDict, create_model

    before = create_model(
        "ApprovalDecision",
        __base__=RunInput,
        __config__=None,
        decision=(ApprovalDecision.model_fields["decision"].annotation, ...),
        decided_by=(str, ""),
        comments=(str, ""),
    )
    before.model_config = ConfigDict(extra="forbid")
    campaign_id, run_id = waiting(studio)
    with get_client(sync_client=True) as client:
        state = client.read_flow_run(run_id).state
        assert state is not None
        keyset = state.state_details.run_input_keyset
        assert keyset is not None
        client.delete_flow_run_input(run_id, keyset["schema"])
        client.create_flow_run_input(run_id, keyset["schema"], json.dumps(before.model_json_schema()))
    return campaign_id, run_id


def test_a_run_that_waits_with_the_form_of_the_version_before_is_woken(
    studio: Studio, old_form: tuple[str, UUID]
) -> None:
    campaign_id, run_id = old_form

    studio.decide(campaign_id, "approved")  # rings

    assert studio.attempt(run_id).name == "Approved"
    assert studio.store.campaigns.get(TENANT, campaign_id).status is CampaignStatus.COMPLETED


def test_an_answer_in_the_form_of_the_version_before_is_asked_for_again(
    studio: Studio, old_form: tuple[str, UUID]
) -> None:
    campaign_id, run_id = old_form

    assert send(run_id, {"decision": "approved", "decided_by": "Ana", "comments": ""})[0] is SetStateStatus.ACCEPT
    assert studio.attempt(run_id).name == "Suspended"

    assert said(studio, campaign_id) == []  # nobody knows which words it was about
    assert "not taken" in told_by_the_form(run_id)
    assert answer(studio, run_id, decision="approved", decided_by="Ana") == "Approved"
