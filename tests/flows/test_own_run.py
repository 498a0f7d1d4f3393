"""A campaign has one run: copies, scheduled repetitions and runs started by hand end without asking or waiting."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State, StateType

from campaigns.model.campaign import Move
from campaigns.model.vocabulary import CampaignStatus
from campaigns.settings import get_settings
from tests.flows.conftest import TENANT, Studio, first_week_of, sample_brief


def one_week(**changes: Any) -> dict[str, Any]:
    return first_week_of(sample_brief("conference-talks.json", **changes))


def another_run(**parameters: Any) -> UUID:
    """Create a run as Prefect's *Copy to new run*, a schedule or a person does: without a key of ours."""
    with get_client(sync_client=True) as client:
        target = client.read_deployment_by_name(get_settings().deployment)
        wanted = {"tenant_id": TENANT, **parameters}
        return client.create_flow_run_from_deployment(target.id, parameters=wanted).id


def test_a_copy_of_a_run_ends_with_the_name_of_the_run_that_builds_the_campaign(studio: Studio) -> None:
    campaign_id, run_id = studio.submit(one_week())
    assert studio.attempt(run_id).name == "Suspended"
    with get_client(sync_client=True) as client:
        copied = client.read_flow_run(run_id)

    ended = studio.attempt(another_run(**{k: v for k, v in copied.parameters.items() if k != "tenant_id"}))

    assert (ended.name, ended.is_completed()) == ("Skipped", True)
    assert str(run_id) in ended.message
    assert copied.name in ended.message
    assert len(studio.store.approvals.rounds(TENANT, campaign_id)) == 1
    assert studio.store.campaigns.get(TENANT, campaign_id).execution_id == str(run_id)
    studio.decide(campaign_id, "approved")
    assert studio.attempt(run_id).name == "Approved"


def test_a_copy_made_while_nothing_is_built_yet_does_not_build(studio: Studio) -> None:
    campaign_id, run_id = studio.submit(one_week())

    assert studio.attempt(another_run(campaign_id=campaign_id)).name == "Skipped"

    assert studio.store.campaigns.get(TENANT, campaign_id).usage.calls == 0
    assert studio.attempt(run_id).name == "Suspended"


def test_a_scheduled_run_with_the_same_reference_ends(studio: Studio) -> None:
    brief = one_week(metadata={"externalRef": "weekly-12"})
    campaign_id, run_id = studio.submit(brief)
    studio.attempt(run_id)

    ended = studio.attempt(another_run(campaign=brief))

    assert ended.name == "Skipped"
    assert str(run_id) in ended.message
    assert campaign_id in ended.message
    assert [each.id for each in studio.store.campaigns.list(TENANT).items] == [campaign_id]


@pytest.mark.parametrize("when", ["before the plan", "while it waits"])
def test_a_run_with_another_brief_is_refused_and_does_no_harm(studio: Studio, when: str) -> None:
    campaign_id, run_id = studio.submit(one_week())
    if when == "while it waits":
        studio.attempt(run_id)
    before = studio.store.campaigns.get(TENANT, campaign_id)

    ended = studio.attempt(another_run(campaign_id=campaign_id, campaign={**one_week(), "name": "Something else"}))

    assert ended.is_failed()
    assert "used with another brief" in ended.message
    assert studio.store.campaigns.get(TENANT, campaign_id) == before


def test_a_run_that_is_started_by_hand_builds_a_campaign_that_has_none(studio: Studio) -> None:
    campaign_id, run_id = studio.submit(one_week())
    with get_client(sync_client=True) as client:
        client.delete_flow_run(run_id)
    campaign = studio.store.campaigns.get(TENANT, campaign_id)
    studio.store.campaigns.update(TENANT, campaign_id, {"execution_id": None}, actor="x", at=campaign.created_at)

    by_hand = another_run(campaign_id=campaign_id)

    assert studio.attempt(by_hand).name == "Suspended"
    assert studio.store.campaigns.get(TENANT, campaign_id).execution_id == str(by_hand)


@pytest.mark.parametrize("status", [CampaignStatus.FAILED, CampaignStatus.CANCELLED])
def test_prefects_own_retry_of_a_campaign_at_rest_asks_nobody(studio: Studio, status: CampaignStatus) -> None:
    campaign_id, run_id = studio.submit(one_week())
    campaign = studio.store.campaigns.get(TENANT, campaign_id)
    studio.store.campaigns.move(TENANT, campaign_id, Move(status, "x", "x", campaign.created_at))
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(run_id, State(type=StateType.SCHEDULED, name="AwaitingRetry"), force=True)

    ended = studio.attempt(run_id)

    assert ended.is_failed() is (status is CampaignStatus.FAILED)
    assert ("retry-campaign" in ended.message) is (status is CampaignStatus.FAILED)
    assert studio.store.approvals.rounds(TENANT, campaign_id) == []
    assert studio.store.campaigns.get(TENANT, campaign_id).usage.calls == 0
