"""From a stored campaign to stored posts without words: merge, calendar, topics (domain.md sections 13, 14)."""

import time
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from campaigns.agents import planner
from campaigns.agents.contracts import PlannerInput
from campaigns.build.earlier import earlier_topics
from campaigns.errors import AgentError, ConflictError, StoreUnavailableError, VersionConflictError
from campaigns.model.campaign import AT_REST, Campaign, Move, PlanSummary
from campaigns.model.library.brand import Brand
from campaigns.model.library.persona import Persona
from campaigns.model.post import LastError, Post
from campaigns.model.vocabulary import CampaignStatus
from campaigns.patience import patiently
from campaigns.rules.calendar.building import plan_calendar
from campaigns.rules.merge.merging import MergedConfig, merge
from campaigns.settings import get_settings
from campaigns.store import Lease, Store
from campaigns.store.campaign.planned_with import PlannedWith, planned_with_items
from campaigns.store.campaign.usage import PLAN

ACTOR = "build-campaign"
MAX_REPLANS = 5


@dataclass(frozen=True, slots=True)
class Setting:
    """A campaign with everything its rules are merged from, read at one moment."""

    campaign: Campaign
    brand: Brand | None
    personas: list[Persona]
    config: MergedConfig

    def persona(self, persona_id: str) -> Persona:
        return next(persona for persona in self.personas if persona.id == persona_id)


def budget_left(campaign: Campaign) -> float | None:
    """Return the US dollars that may still be spent on the campaign, None without a budget."""
    if campaign.budget_usd is None:
        return None
    return max(0.0, float(campaign.budget_usd) - campaign.usage.cost_usd)


def require_work(campaign: Campaign) -> None:
    """Raise `ConflictError` when the campaign is over: a run that lives on, or is revived, pays no model for it."""
    if campaign.status in AT_REST:
        raise ConflictError(f"the campaign is {campaign.status}", {"currentStatus": str(campaign.status)})


def read_setting(
    store: Store, tenant_id: str, campaign_id: str, *, known: PlannedWith | None = None, costs: bool = True
) -> Setting:
    """Read a campaign with its brand, its personas and the rules merged from them.

    A campaign that is planned keeps what it was planned with, whatever becomes of brand and personas; one that was
    planned before version 0.2 kept nothing, and follows them.

    Args:
        known: what it was planned with, where that was read before.
        costs: add up what the campaign has cost by now.

    Raises:
        NotFoundError: the campaign, its brand or one of its personas is unknown to the tenant.
    """
    campaign = store.campaigns.get(tenant_id, campaign_id, costs=costs)
    if campaign.plan_summary is not None:
        kept = known or store.planned_with.get(tenant_id, campaign_id)
        if kept is not None:
            return Setting(campaign, kept.brand, list(kept.personas), kept.config)
    brand = store.brands.get(tenant_id, campaign.brand_id) if campaign.brand_id else None
    personas = [store.personas.get(tenant_id, each) for each in campaign.participants.persona_ids]
    config = merge(campaign, brand, personas, most_posts=get_settings().most_posts)
    return Setting(campaign, brand, personas, config)


def plan(
    store: Store,
    tenant_id: str,
    campaign_id: str,
    *,
    now: datetime,
    fence: Lease | None = None,
    seconds: float | None = None,
) -> list[Post]:
    """Plan a campaign once: a second call returns what the first one stored.

    A brief that is changed meanwhile makes the plan stale: what was planned for it is dropped, and it is
    planned anew.

    Args:
        seconds: for all that the model is asked; None: no limit.

    Raises:
        AgentError: the planner has no plan; the campaign is failed unless a retry may help.
        ImpossibleBriefError: no calendar can exist (a start that has come meanwhile, for example).
        ConflictError: the campaign is over.
        StoreUnavailableError: the brief was changed again and again; try later.
    """
    until = None if seconds is None else time.monotonic() + seconds
    for _ in range(MAX_REPLANS):
        setting = read_setting(store, tenant_id, campaign_id)
        if setting.campaign.plan_summary is not None:
            return store.posts.list(tenant_id, campaign_id)
        require_work(setting.campaign)
        left = None if until is None else max(0.0, until - time.monotonic())
        posts, summary = _planned(store, setting, now, fence, left)
        # Posts of a plan that became stale, or of a process that died with one.
        stored = patiently(lambda: store.posts.list(tenant_id, campaign_id))
        strangers = {post.id for post in stored} - {post.id for post in posts}
        patiently(partial(store.posts.drop_planned, tenant_id, campaign_id, strangers, fence=fence))
        if patiently(partial(_settled, store, setting, summary, now, fence)):
            return posts
    raise StoreUnavailableError("the brief was changed while it was planned")


def _planned(
    store: Store, setting: Setting, now: datetime, fence: Lease | None, seconds: float | None
) -> tuple[list[Post], PlanSummary]:
    tenant_id, campaign_id = setting.campaign.ref
    version = setting.campaign.plan_version or ""
    calendar = plan_calendar(setting.campaign, setting.config, seed=version, not_before=now)
    answer = planner.run(
        tenant_id,
        PlannerInput(
            tenant_id=tenant_id,
            campaign_id=campaign_id,
            campaign=setting.campaign,
            slots=calendar.slots,
            brand_config=setting.brand,
            persona_configs=setting.personas,
            merged_config=setting.config.to_wire(),
            already_used_topics=earlier_topics(store, setting.campaign),
            budget_left_usd=budget_left(setting.campaign),
            seconds_left=seconds,
        ),
    )
    once = f"plan:{version}:{now.isoformat()}"
    patiently(lambda: store.campaigns.add_usage(tenant_id, campaign_id, answer.usage, once=once, about=PLAN))
    if answer.error is not None:
        failure = answer.error
        raise AgentError(failure.code, failure.message, failure.retryable, failure.details)
    planned = [each.as_post(tenant_id, campaign_id, at=now) for each in answer.posts]
    posts = patiently(lambda: store.posts.put_planned(planned, fence=fence))
    summary = answer.plan_summary
    assert summary is not None
    return posts, summary.model_copy(update={"warnings": [*calendar.warnings, *summary.warnings]})


def _settled(store: Store, setting: Setting, summary: PlanSummary, now: datetime, fence: Lease | None) -> bool:
    """Note the plan with what it was made with, unless the campaign is to be planned otherwise by now.

    A new name does not matter.
    """
    current = planned_for = setting.campaign
    made_with = PlannedWith(setting.brand, setting.personas, setting.config)
    while current.plan_version == planned_for.plan_version:
        try:
            store.campaigns.move(
                *current.ref,
                Move(
                    CampaignStatus.GENERATING,
                    actor=ACTOR,
                    reason="plan stored",
                    at=now,
                    changes={"plan_summary": summary},
                    idempotent=True,
                ),
                expect_version=current.version,
                beside=planned_with_items(*current.ref, made_with),
                fence=fence,
            )
        except VersionConflictError:
            current = store.campaigns.get(*current.ref)
        else:
            return True
    return False


def fail(
    store: Store,
    campaign: Campaign,
    *,
    code: str,
    message: str,
    retryable: bool,
    now: datetime,
    actor: str = ACTOR,
    fence: Lease | None = None,
) -> Campaign:
    """End a campaign as failed, with a reason that people can act on."""
    return store.campaigns.move(
        *campaign.ref,
        Move(
            CampaignStatus.FAILED,
            actor=actor,
            reason=code,
            at=now,
            changes={"last_error": LastError(code=code, message=message, at=now, retryable=retryable)},
            idempotent=True,
        ),
        fence=fence,
    )
