"""A brief that is changed while it is planned: what was planned for the old one is dropped."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from campaigns import wiring
from campaigns.agents.contracts import PlannerInput, PlannerOutput
from campaigns.build import planning
from tests.api.doors import Tenant

NOW = datetime.now(UTC)


@pytest.mark.parametrize("change", ["schedule", "name", "participants"])
def test_a_change_while_the_planner_thinks_is_planned_for(
    tenant: Tenant, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    wiring.configure_agents()
    campaign_id = tenant.campaign()
    brief = tenant.brief()
    wanted: dict[str, Any] = {
        "schedule": {**brief["schedule"], "startDate": "2031-03-24", "endDate": "2031-04-18"},
        "name": "Only the name",
        "participants": {**brief["participants"], "platforms": ["linkedin"]},
    }
    think, calls = planning.planner.run, []

    def interrupted(tenant_id: str, given: PlannerInput) -> PlannerOutput:
        answer = think(tenant_id, given)
        if not calls:
            body = {change: wanted[change], "version": 1}
            assert tenant.client.patch(f"/campaigns/{campaign_id}", json=body).status_code == 200
        calls.append(given.campaign.plan_version)
        return answer

    monkeypatch.setattr(planning.planner, "run", interrupted)
    posts = planning.plan(tenant.store, tenant.name, campaign_id, now=NOW)

    campaign = tenant.store.campaigns.get(tenant.name, campaign_id)
    assert campaign.status == "generating"
    assert len(calls) == (1 if change == "name" else 2)
    assert tenant.store.posts.list(tenant.name, campaign_id) == posts
    assert campaign.plan_summary is not None
    assert campaign.plan_summary.total_posts == len(posts)
    first = campaign.schedule.starts_at()
    assert all(post.scheduled_at >= first and post.platform in campaign.participants.platforms for post in posts)
