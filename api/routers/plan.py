"""The plan of a campaign: its slots, and the configuration they follow from with where each value came from."""

from typing import Any

from pydantic import Field

from campaigns.build.submission import brand_of, personas_of
from campaigns.model.base import Instant, Maybe, Wire
from campaigns.model.campaign import Campaign, PlanSummary
from campaigns.model.post import AssetRequirements
from campaigns.model.terms.given import Given
from campaigns.model.vocabulary import Intent, Platform, Provenance
from campaigns.rules.merge.merging import MergedConfig, explain, merge
from campaigns.store import Store


class PlannedSlot(Wire):
    """A place in the calendar."""

    post_id: str
    number: int
    scheduled_at: Instant
    local_time: str = Field(description="Wall time in the campaign's zone, such as Mon 15 Mar 2027, 08:40 WET")
    platform: Platform
    persona_id: str
    pillar: Maybe[str] = None
    intent: Intent
    topic: str
    needs_cta: bool
    required_inclusions: list[str]
    asset_requirements: AssetRequirements
    given: Maybe[Given] = Field(default=None, description="Key date, item, hashtags, disclosures and link of the post")


class ConfigurationLine(Wire):
    """One resolved value, in words, and where it came from."""

    name: str
    value: str
    source: Provenance


class PlanBody(Wire):
    """The slots (none until they are planned) and the merged configuration."""

    plan_version: Maybe[str] = None
    timezone: str
    summary: Maybe[PlanSummary] = None
    slots: list[PlannedSlot]
    configuration: list[ConfigurationLine]
    warnings: list[str]


def _config_of(store: Store, campaign: Campaign) -> MergedConfig:
    kept = store.planned_with.get(*campaign.ref) if campaign.plan_summary else None
    if kept is not None:
        return kept.config
    personas = personas_of(store, campaign.tenant_id, campaign.participants.persona_ids)
    return merge(campaign, brand_of(store, campaign.tenant_id, campaign.brand_id), list(personas.values()))


def plan_of(store: Store, tenant_id: str, campaign_id: str) -> dict[str, Any]:
    """Return the plan with the configuration that it was made with.

    Before there is one, that is what brand and personas say now; one that is gone leaves no line.
    """
    campaign = store.campaigns.get(tenant_id, campaign_id)
    config = _config_of(store, campaign)
    zone = campaign.schedule.zone
    summary = campaign.plan_summary
    return PlanBody(
        plan_version=campaign.plan_version,
        timezone=campaign.schedule.timezone,
        summary=summary,
        slots=[
            PlannedSlot(
                post_id=post.id,
                number=post.number,
                scheduled_at=post.scheduled_at,
                local_time=f"{post.scheduled_at.astimezone(zone):%a %d %b %Y, %H:%M %Z}",
                platform=post.platform,
                persona_id=post.persona_id,
                pillar=post.pillar,
                intent=post.intent,
                topic=post.topic,
                needs_cta=post.needs_cta,
                required_inclusions=post.required_inclusions,
                asset_requirements=post.asset_requirements,
                given=post.given,
            )
            for post in store.posts.list(tenant_id, campaign_id)
        ],
        configuration=[
            ConfigurationLine.model_validate({"name": name, "value": value, "source": source})
            for name, value, source in explain(config)
        ],
        warnings=list(dict.fromkeys([*config.warnings, *(summary.warnings if summary else [])])),
    ).to_wire()
