"""The execution view from the store alone: what it says of every end, with no run to ask Prefect about."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from api.schemas.execution import STEPS
from campaigns import wiring
from campaigns.approval.opening import open_round
from campaigns.approval.outcomes import start_revision
from campaigns.build import planning, writing
from campaigns.build.planning import fail
from campaigns.model.post import Post
from campaigns.model.terms.approval_terms import Approver
from campaigns.model.vocabulary import CampaignStatus
from campaigns.operations import acts as operations
from campaigns.operations.cancelling import cancel
from tests.api.doors import Tenant
from tests.api.test_campaigns import moved
from tests.checkpoints.steps import steps

S = CampaignStatus
ANA = Approver(name="Ana Ribeiro", email="ana@example.com")


def viewed(tenant: Tenant, campaign_id: str) -> dict[str, Any]:
    answer = tenant.client.get(f"/campaigns/{campaign_id}/execution")
    assert answer.status_code == 200
    return dict(answer.json())


def planned(tenant: Tenant) -> str:
    wiring.configure_agents()
    campaign_id = tenant.campaign()
    planning.plan(tenant.store, tenant.name, campaign_id, now=datetime.now(UTC))
    return campaign_id


def in_review(tenant: Tenant) -> str:
    campaign_id = planned(tenant)
    for number, post in enumerate(tenant.store.posts.list(tenant.name, campaign_id)):
        writing.write_post(
            tenant.store, tenant.name, campaign_id, post.id, revision=0, attempt=str(number), now=datetime.now(UTC)
        )
    open_round(tenant.store, tenant.name, campaign_id, n=1, default_approver=ANA, now=datetime.now(UTC))
    return campaign_id


def test_half_written_posts_are_remaining_work(tenant: Tenant) -> None:
    campaign_id = planned(tenant)
    posts = tenant.store.posts.list(tenant.name, campaign_id)
    now = datetime.now(UTC)
    writing.write_post(tenant.store, tenant.name, campaign_id, posts[0].id, revision=0, attempt="1", now=now)

    view = viewed(tenant, campaign_id)

    assert (view["status"], view["currentStep"], view["completedSteps"]) == ("running", "generate", ["save", "plan"])
    assert view["remaining"][0] == {"step": "generate", "count": len(posts) - 1}
    assert [each["step"] for each in view["remaining"][1:]] == ["ask", "wait", "complete"]
    assert [each["stepName"] for each in view["checkpoints"]] == ["save", "plan", "generate"]
    assert view["lastCheckpointAt"] == view["checkpoints"][-1]["timestamp"]


def test_an_open_question_says_whom_it_waits_for_and_until_when(tenant: Tenant) -> None:
    campaign_id = in_review(tenant)

    view = viewed(tenant, campaign_id)

    assert (view["status"], view["currentStep"]) == ("waiting_callback", "wait")
    assert view["completedSteps"] == ["save", "plan", "generate", "ask"]
    (callback,) = view["activeCallbacks"]
    assert callback["type"] == "approval"
    assert callback["metadata"]["approvers"][0]["decided"] is False
    assert callback["createdAt"] < callback["timeoutAt"]


def changes_asked(tenant: Tenant, campaign_id: str, n: int, *numbers: int) -> list[Post]:
    """Have changes asked for in the open round n; return the posts to write again."""
    campaign, now = tenant.store.campaigns.get(tenant.name, campaign_id), datetime.now(UTC)
    by = operations.By("Olga", "asked by phone")
    operations.regenerate(tenant.store, campaign, by, numbers=numbers, comment="Name the venue, please.", now=now)
    return start_revision(tenant.store, tenant.name, campaign_id, n, now=now)


def rewritten(tenant: Tenant, post: Post) -> None:
    now, revision = datetime.now(UTC), post.revision + 1
    writing.write_post(
        tenant.store, tenant.name, post.campaign_id, post.id, revision=revision, attempt=f"again-{post.id}", now=now
    )


def test_a_post_whose_first_change_is_asked_for_in_a_later_round_is_done_once_it_is_rewritten(tenant: Tenant) -> None:
    """Its revision says nothing about the round: the first post is at 2 then, this one at 1."""
    campaign_id = in_review(tenant)
    (first,) = changes_asked(tenant, campaign_id, 1, 1)
    assert viewed(tenant, campaign_id)["remaining"][0] == {"step": "generate", "count": 1}
    rewritten(tenant, first)
    assert viewed(tenant, campaign_id)["currentStep"] == "ask"
    open_round(tenant.store, tenant.name, campaign_id, n=2, default_approver=ANA, now=datetime.now(UTC))
    again, other = sorted(changes_asked(tenant, campaign_id, 2, 1, 2), key=lambda post: post.number)

    assert viewed(tenant, campaign_id)["remaining"][0] == {"step": "generate", "count": 2}
    rewritten(tenant, again)
    assert viewed(tenant, campaign_id)["remaining"][0] == {"step": "generate", "count": 1}
    rewritten(tenant, other)

    view = viewed(tenant, campaign_id)
    assert (view["currentStep"], view["completedSteps"]) == ("ask", ["save", "plan", "generate"])
    assert [each["step"] for each in view["remaining"]] == ["ask", "wait", "complete"]


def test_what_was_cancelled_while_somebody_was_asked_was_not_decided(tenant: Tenant) -> None:
    campaign_id = in_review(tenant)
    cancel(tenant.store, tenant.name, campaign_id, actor="ana", reason="other plans", now=datetime.now(UTC))

    view = viewed(tenant, campaign_id)

    assert (view["status"], view["campaignStatus"]) == ("completed", "cancelled")
    assert view["completedSteps"] == ["save", "plan", "generate", "ask"]
    assert view["remaining"] == view["activeCallbacks"] == []


@pytest.mark.parametrize(
    ("until", "step"), [((), "plan"), ((S.GENERATING,), "generate"), ((S.GENERATING, S.AWAITING_REVIEW), "wait")]
)
def test_a_failed_build_says_where_and_why(tenant: Tenant, until: tuple[CampaignStatus, ...], step: str) -> None:
    campaign = tenant.store.campaigns.get(tenant.name, moved(tenant, tenant.campaign(), *until))
    now = datetime.now(UTC)
    fail(tenant.store, campaign, code="QUARANTINED", message="it broke off again", retryable=True, now=now)

    view = viewed(tenant, campaign.id)

    last = view["checkpoints"][-1]
    assert (view["status"], view["remaining"]) == ("failed", [])
    assert (last["stepName"], last["status"], last["error"]) == (step, "Failed", {"message": "it broke off again"})
    assert step not in view["completedSteps"]


def test_the_view_knows_every_step() -> None:
    assert {*STEPS, "revise"} == {*steps(), "wait"}
