"""What campaigns cost, over HTTP: estimated before the first call, by step and post after it, by tenant and month."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from campaigns.agents.providers.models import ModelOptions
from campaigns.agents.providers.prices import PriceList
from campaigns.build.planning import plan
from campaigns.build.writing import write_post
from campaigns.model.post import ModelUsage
from campaigns.settings import get_settings
from campaigns.store.campaign.usage import PLAN
from tests.api.doors import Door, Tenant

NOW = datetime.now(UTC)


@pytest.fixture
def priced(door: Door, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A model with a price, although the offline writer writes."""
    assert door.app
    monkeypatch.setenv("CAMPAIGNS_MODEL", "bedrock:us.anthropic.claude-sonnet-4-5-20250929-v1:0")
    monkeypatch.setenv("CAMPAIGNS_MODEL_PRICE_IN", "3")
    monkeypatch.setenv("CAMPAIGNS_MODEL_PRICE_OUT", "15")
    get_settings.cache_clear()
    yield
    monkeypatch.undo()
    get_settings.cache_clear()


def usage(dollars: float, calls: int = 1) -> ModelUsage:
    return ModelUsage(model="bedrock:x", calls=calls, input_tokens=100, output_tokens=10, cost_usd=dollars)


@pytest.mark.usefixtures("priced")
def test_before_the_first_call_it_is_estimated_and_nothing_is_spent(tenant: Tenant) -> None:
    campaign_id = tenant.campaign(budgetUSD=20)

    cost = tenant.client.get(f"/campaigns/{campaign_id}/cost").json()

    slots = len(tenant.client.get(f"/campaigns/{campaign_id}/plan").json()["slots"])
    expected = cost["estimate"]
    assert expected["calls"] >= slots
    assert expected["costUsd"] == pytest.approx(expected["inputTokens"] * 3e-6 + expected["outputTokens"] * 15e-6)
    assert expected["costUsd"] > 0
    assert (cost["spent"]["calls"], cost["budgetUSD"], cost["leftUSD"]) == (0, 20, 20)
    assert cost["posts"] == []


def test_every_dollar_stands_with_the_step_and_the_post_that_it_was_for(tenant: Tenant) -> None:
    campaign_id = tenant.campaign(budgetUSD=20)
    posts = plan(tenant.store, tenant.name, campaign_id, now=NOW)
    write_post(tenant.store, tenant.name, campaign_id, posts[0].id, revision=0, attempt="a", now=NOW)
    add = tenant.store.campaigns.add_usage
    add(tenant.name, campaign_id, usage(0.5), once="again", about=PLAN)
    for attempt in range(2):
        add(tenant.name, campaign_id, usage(0.25), once=f"try {attempt}", about=posts[1].id)

    cost = tenant.client.get(f"/campaigns/{campaign_id}/cost").json()

    of = {each["postId"]: each["spent"] for each in cost["posts"]}
    assert [each["number"] for each in cost["posts"]] == [post.number for post in posts]
    assert of[posts[0].id]["calls"] >= 1
    assert (of[posts[1].id]["costUsd"], of[posts[1].id]["calls"]) == (0.5, 2)
    steps = {each["step"]: each["spent"] for each in cost["steps"]}
    assert (steps["plan"]["costUsd"], steps["write"]["costUsd"]) == (0.5, 0.5)
    for name in ("calls", "inputTokens", "outputTokens", "costUsd"):
        assert sum(each[name] for each in steps.values()) == pytest.approx(cost["spent"][name])
        assert sum(each[name] for each in of.values()) == pytest.approx(steps["write"][name])
    assert (cost["spent"]["costUsd"], cost["leftUSD"]) == (1.0, 19.0)


def test_costs_that_do_not_say_what_they_were_for_stand_with_the_posts_words_and_the_plan(tenant: Tenant) -> None:
    campaign_id = tenant.campaign()
    posts = plan(tenant.store, tenant.name, campaign_id, now=NOW)
    first = posts[0].model_copy(update={"usage": usage(0.3)})
    tenant.store.posts.save_revision(first)
    for item in tenant.store.table.query(f"{tenant.name}#{campaign_id}", "usage#"):
        tenant.store.table.delete([(item["pk"], item["sk"])])  # type: ignore[list-item]  # a key is a pair
    tenant.store.campaigns.add_usage(tenant.name, campaign_id, usage(1.0, calls=3), once="of an earlier version")

    cost = tenant.client.get(f"/campaigns/{campaign_id}/cost").json()

    steps = {each["step"]: each["spent"] for each in cost["steps"]}
    assert steps["write"]["costUsd"] == 0.3
    assert steps["plan"]["costUsd"] == pytest.approx(0.7)
    assert "leftUSD" not in cost


def test_a_month_lists_what_each_of_its_campaigns_has_cost_by_now(tenant: Tenant) -> None:
    ids = [tenant.campaign(name=f"Harvest {n}") for n in range(3)]
    for n, campaign_id in enumerate(ids):
        tenant.store.campaigns.add_usage(tenant.name, campaign_id, usage(float(n)), once="all", about=PLAN)

    first = tenant.client.get("/costs", params={"limit": 2}).json()
    rest = tenant.client.get("/costs", params={"limit": 2, "cursor": first["cursor"]}).json()

    assert [each["id"] for each in first["items"] + rest["items"]] == ids[::-1]
    assert (first["costUSD"], rest["costUSD"]) == (3.0, 0.0)
    assert "cursor" not in rest
    assert first["month"] == f"{datetime.now(UTC):%Y-%m}"
    before = tenant.client.get("/costs", params={"month": f"{datetime.now(UTC) - timedelta(days=40):%Y-%m}"}).json()
    assert (before["items"], before["costUSD"]) == ([], 0)
    assert tenant.client.get("/costs", params={"month": "2027-13"}).status_code == 422


def test_another_tenant_sees_nothing_of_it(door: Door, tenant: Tenant) -> None:
    campaign_id, other = tenant.campaign(), door.tenant()

    assert other.client.get(f"/campaigns/{campaign_id}/cost").status_code == 404
    assert other.client.get("/costs").json()["items"] == []


@pytest.mark.parametrize(
    ("name", "dollars"),
    [
        ("offline", 0.0),
        ("bedrock:us.anthropic.claude-sonnet-4-5-20250929-v1:0", 1.8),
        ("anthropic:claude-sonnet-4-5", 1.8),
        ("openai-chat:nobody-knows-it", None),
    ],
)
def test_a_price_is_known_by_the_name_of_the_model(name: str, dollars: float | None) -> None:
    assert PriceList(ModelOptions(name).name).price(100_000, 100_000) == (
        None if dollars is None else pytest.approx(dollars, rel=0.11)  # a region may add a tenth
    )
