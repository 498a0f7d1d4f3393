"""What the API says of a run, and what it does to one, on a real Prefect server."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest
from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_API_URL, temporary_settings

from campaigns.model.vocabulary import CampaignStatus
from campaigns.settings import get_settings
from deployments.local.mail import newest_link
from tests.flows.conftest import TENANT, Studio, sample_brief


def test_the_execution_view_shows_steps_done_and_to_do_and_no_callback_id(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.setenv("CAMPAIGNS_PREFECT_UI_URL", "http://prefect.example/v2")
    studio: Studio = request.getfixturevalue("studio")
    campaign_id, run_id = studio.submit(sample_brief())
    path = f"/campaigns/{campaign_id}/execution"

    created = studio.client.get(path).json()
    studio.attempt(run_id)
    studio.steps(run_id)
    waiting = studio.client.get(path).json()
    studio.decide(campaign_id, "approved")
    studio.attempt(run_id)
    ended = studio.client.get(path).json()

    assert (created["status"], created["currentStep"], created["completedSteps"]) == ("running", "plan", ["save"])
    assert waiting["executionId"] == str(run_id)
    assert (waiting["status"], waiting["currentStep"]) == ("waiting_callback", "wait")
    assert waiting["completedSteps"] == ["save", "plan", "generate", "ask"]
    assert [each["step"] for each in waiting["remaining"]] == ["wait", "complete"]
    posts = studio.store.posts.list(TENANT, campaign_id)
    names = [each["stepName"] for each in waiting["checkpoints"]]
    assert sorted(set(names)) == ["ask", "generate", "plan", "save"]
    assert names.count("generate") == len(posts)
    for checkpoint in waiting["checkpoints"]:
        assert checkpoint["status"] == "Completed"
        assert checkpoint["timestamp"] >= waiting["startedAt"]
        assert checkpoint["url"].startswith("http://prefect.example/v2/runs/task-run/")
    assert waiting["prefect"]["state"] == "Suspended"
    assert waiting["prefect"]["url"] == f"http://prefect.example/v2/runs/flow-run/{run_id}"
    (callback,) = waiting["activeCallbacks"]
    round_ = studio.store.approvals.round(TENANT, campaign_id, 1)
    assert callback["metadata"]["round"] == 1
    assert callback["timeoutAt"] > callback["createdAt"]
    assert round_.callback_id not in str(waiting)
    assert round_.approvers[0].jti not in str(waiting)
    assert (ended["status"], ended["campaignStatus"], ended.get("currentStep")) == ("completed", "completed", None)
    assert ended["completedSteps"] == ["save", "plan", "generate", "ask", "wait", "complete"]
    assert ended["activeCallbacks"] == ended["remaining"] == []


def test_without_prefect_the_view_is_what_the_store_knows(studio: Studio) -> None:
    campaign_id, run_id = studio.submit(sample_brief())
    studio.attempt(run_id)
    path = f"/campaigns/{campaign_id}/execution"
    known = studio.client.get(path).json()

    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}):
        blind = studio.client.get(path).json()

    assert (known["prefect"]["available"], blind["prefect"]) == (True, {"available": False})
    for field in ("status", "currentStep", "completedSteps", "remaining", "activeCallbacks", "executionId"):
        assert blind[field] == known[field]
    assert {each["stepName"] for each in blind["checkpoints"]} == {"save", "plan", "generate", "ask"}
    assert all("url" not in each for each in blind["checkpoints"])


@pytest.mark.parametrize(("decision", "ended"), [("approved", "Approved"), ("rejected", "Rejected")])
def test_what_was_decided_takes_effect_where_it_was_decided(studio: Studio, decision: str, ended: str) -> None:
    campaign_id, run_id = studio.submit(sample_brief("conference-talks.json"))
    studio.attempt(run_id)

    studio.decide(campaign_id, decision, "Not like this." if decision == "rejected" else "")

    campaign = studio.store.campaigns.get(TENANT, campaign_id)
    assert campaign.status == {"approved": "completed", "rejected": "rejected"}[decision]
    assert studio.store.leases.current(TENANT, campaign_id, now=datetime.now(UTC)) is None
    assert studio.run(run_id).state_name == "Resuming"
    assert studio.attempt(run_id).name == ended
    assert studio.steps(run_id)["complete the campaign"] == 1
    assert studio.store.campaigns.get(TENANT, campaign_id) == campaign


def test_changes_that_are_asked_for_are_left_to_the_run(studio: Studio) -> None:
    campaign_id, run_id = studio.submit(sample_brief("conference-talks.json"))
    studio.attempt(run_id)

    studio.decide(campaign_id, "needs_revision", "Shorter, please.")

    assert studio.store.campaigns.get(TENANT, campaign_id).status is CampaignStatus.AWAITING_REVIEW
    assert studio.run(run_id).state_name == "Resuming"


def test_cancelling_ends_the_waiting_run_and_its_links(studio: Studio) -> None:
    campaign_id, run_id = studio.submit(sample_brief())
    studio.attempt(run_id)
    link = newest_link(studio.home / "mail", campaign_id)
    assert link is not None

    answer = studio.client.post(f"/campaigns/{campaign_id}/cancel", json={"reason": "Frost in Huila"})

    assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")
    state = studio.run(run_id).state
    assert state is not None
    assert state.is_cancelled()
    assert studio.client.get(link, follow_redirects=True).status_code == 410
    trail = studio.client.get(f"/campaigns/{campaign_id}/audit").json()["items"]
    assert [each["reason"] for each in trail if each.get("toStatus") == "cancelled"] == ["Frost in Huila"]
    assert studio.store.audit.verify(TENANT, campaign_id) is None


def test_cancelling_before_the_run_began_leaves_nothing_to_run(studio: Studio) -> None:
    campaign_id, run_id = studio.submit(sample_brief())

    studio.client.post(f"/campaigns/{campaign_id}/cancel")

    state = studio.run(run_id).state
    assert state is not None
    assert state.is_cancelled()
    assert studio.store.posts.list(TENANT, campaign_id) == []


def test_a_correlation_id_follows_into_the_run_and_back(studio: Studio) -> None:
    answer = studio.client.post("/campaigns", json=sample_brief(), headers={"X-Correlation-Id": "crm-order-0815"})
    campaign_id, run_id = answer.json()["id"], UUID(answer.json()["executionId"])

    assert "correlation:crm-order-0815" in studio.run(run_id).tags
    assert studio.client.get(f"/campaigns/{campaign_id}/execution").json()["correlationId"] == "crm-order-0815"


def test_a_campaign_from_the_prefect_form_is_correlated_with_its_run(studio: Studio) -> None:
    with get_client(sync_client=True) as client:
        deployment = client.read_deployment_by_name(get_settings().deployment)
        parameters = {"tenant_id": TENANT, "campaign": sample_brief()}
        run = client.create_flow_run_from_deployment(deployment.id, parameters=parameters)
    studio.attempt(run.id)

    (campaign,) = studio.store.campaigns.list(TENANT).items
    assert (campaign.execution_id, campaign.correlation_id) == (str(run.id), str(run.id))
