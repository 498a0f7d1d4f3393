"""Approval in stages, from brief to calendar, by one run on a real Prefect server."""

from __future__ import annotations

from typing import Any

import pytest

from campaigns.model.vocabulary import CampaignStatus, ReviewState
from campaigns.operations.watching.consistency import check
from tests.flows.conftest import TENANT, Studio, one_week

NAMES = ("Editor", "Legal", "Client")


def in_stages() -> dict[str, Any]:
    brief = one_week()
    brief["approval"] = {
        "stages": [
            {
                "name": name,
                "approvers": [{"name": f"{name} One", "email": f"{name.lower()}@example.com"}],
                "expiresInHours": 24,
            }
            for name in NAMES
        ]
    }
    return brief


def decide(studio: Studio, campaign_id: str, decision: str, comment: str = "", *, bell: bool) -> str:
    """Decide; without the bell what follows is the run's own work."""
    if not bell:
        studio.decide_without_effect(campaign_id, decision, comment)
        return ""
    return studio.decide(campaign_id, decision, comment)


@pytest.mark.parametrize("bell", [True, False])
def test_three_stages_decide_one_after_the_other(studio: Studio, bell: bool) -> None:
    campaign_id, run_id = studio.submit(in_stages())

    for n, name in enumerate(NAMES, start=1):
        waiting = studio.attempt(run_id)
        round_ = studio.store.approvals.current_round(TENANT, campaign_id)
        assert round_ is not None
        assert (waiting.name, round_.n, round_.stage and round_.stage.name) == ("Suspended", n, name)
        assert f"{n} of 3: {name}" in (waiting.message or "")
        assert [each.name for each in round_.approvers] == [f"{name} One"]
        if n < len(NAMES):
            decide(studio, campaign_id, "approved", bell=bell)
    studio.decide(campaign_id, "approved")
    ended = studio.attempt(run_id)

    assert (ended.name, ended.is_completed()) == ("Approved", True)
    assert "Editor One, Legal One, Client One" in (ended.message or "")
    campaign = studio.store.campaigns.get(TENANT, campaign_id)
    assert campaign.status is CampaignStatus.COMPLETED
    assert {post.review.state for post in studio.store.posts.list(TENANT, campaign_id)} == {ReviewState.APPROVED}
    assert [each for each in check(studio.store, campaign, now=campaign.updated_at) if each.code != "UNDELIVERED"] == []
    steps = studio.steps(run_id)
    assert [steps[f"ask for approval, round {n}"] for n in (1, 2, 3)] == [1, 1, 1]


def test_a_change_that_legal_wants_goes_to_the_editor_first(studio: Studio) -> None:
    campaign_id, run_id = studio.submit(in_stages())
    studio.attempt(run_id)
    studio.decide(campaign_id, "approved")
    studio.attempt(run_id)
    studio.decide(campaign_id, "needs_revision", "Name the farm, please.")
    studio.attempt(run_id)

    asked = studio.store.approvals.current_round(TENANT, campaign_id)
    assert asked is not None
    assert (asked.n, asked.stage and asked.stage.name, asked.locked) == (3, "Editor", [])
    for _ in NAMES:
        studio.decide(campaign_id, "approved")
        ended = studio.attempt(run_id)

    assert ended.is_completed()
    rounds = studio.store.approvals.rounds(TENANT, campaign_id)
    assert [each.stage.name for each in rounds if each.stage] == ["Editor", "Legal", "Editor", "Legal", "Client"]
