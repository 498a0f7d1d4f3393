"""What a campaign costs: what it will probably need, what it has cost by now, and for what (step, post)."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from campaigns.agents.providers.money import Estimate, estimate
from campaigns.agents.providers.prices import Priced
from campaigns.build.planning import read_setting
from campaigns.errors import FaultsError, NotFoundError
from campaigns.model.base import Instant, Maybe, Wire
from campaigns.model.campaign import Campaign
from campaigns.model.post import ModelUsage, Post, Slot
from campaigns.model.vocabulary import CampaignStatus
from campaigns.rules.calendar.building import plan_calendar
from campaigns.store import Store
from campaigns.store.campaign.usage import PLAN


class StepCost(Wire):
    """What one step has cost, failed attempts included."""

    step: Literal["plan", "write"]
    spent: ModelUsage


class PostCost(Wire):
    """What the words of one post have cost, over all revisions and attempts."""

    post_id: str
    number: int
    platform: str
    spent: ModelUsage


class CampaignCost(Wire):
    """What a campaign costs, in US dollars as its models' price lists have it."""

    id: str
    name: str
    status: CampaignStatus
    created_at: Instant
    spent: ModelUsage
    budget_usd: Maybe[float] = Field(default=None, alias="budgetUSD", description="Missing: there is no budget")
    left_usd: Maybe[float] = Field(default=None, alias="leftUSD", description="What may still be spent of the budget")


class Cost(CampaignCost):
    """The same, with what it was estimated at before the first call, and what it went for."""

    estimate: Maybe[Estimate] = Field(
        default=None, description="For planning and writing all posts once; missing when no calendar can be made now"
    )
    steps: list[StepCost]
    posts: list[PostCost]


def campaign_cost(campaign: Campaign) -> CampaignCost:
    """Return what a campaign has cost by now."""
    budget, spent = campaign.budget_usd, campaign.usage.cost_usd
    return CampaignCost(
        id=campaign.id,
        name=campaign.name,
        status=campaign.status,
        created_at=campaign.created_at,
        spent=campaign.usage,
        budget_usd=budget,
        left_usd=None if budget is None else max(0.0, round(budget - spent, 10)),
    )


def cost_of(store: Store, campaign: Campaign, model: Priced, *, now: datetime) -> Cost:
    """Return what a campaign costs, by step and post.

    What earlier versions noted says not what it was for: posts then have what their words cost, the plan has the rest.
    """
    posts = sorted(store.posts.list(*campaign.ref), key=lambda post: post.number)
    noted = store.campaigns.costs_by_purpose(*campaign.ref)
    of_posts = [
        PostCost(post_id=post.id, number=post.number, platform=post.platform, spent=noted.get(post.id, post.usage))
        for post in posts
    ]
    writing = ModelUsage()
    for each in of_posts:
        writing = writing.plus(each.spent)
    planning = noted.get(PLAN) or _rest(campaign.usage, writing)
    return Cost(
        **dict(campaign_cost(campaign)),
        estimate=_estimate(store, campaign, posts, model, now),
        steps=[StepCost(step="plan", spent=planning), StepCost(step="write", spent=writing)],
        posts=of_posts,
    )


def _rest(total: ModelUsage, part: ModelUsage) -> ModelUsage:
    return ModelUsage(
        model=total.model,
        calls=max(0, total.calls - part.calls),
        input_tokens=max(0, total.input_tokens - part.input_tokens),
        output_tokens=max(0, total.output_tokens - part.output_tokens),
        cost_usd=max(0.0, round(total.cost_usd - part.cost_usd, 10)),
    )


def _estimate(store: Store, campaign: Campaign, posts: list[Post], model: Priced, now: datetime) -> Estimate | None:
    if campaign.plan_summary is not None:
        return estimate(posts, model)
    try:
        setting = read_setting(store, *campaign.ref)
        slots: list[Slot] = plan_calendar(
            campaign, setting.config, seed=campaign.plan_version or "", not_before=now
        ).slots
    except (FaultsError, NotFoundError):
        return None
    return estimate(slots, model)
