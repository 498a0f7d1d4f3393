"""Any text against platform, brand and facts: what the guardrails would say of it as a post. Nothing is stored."""

from datetime import datetime
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from campaigns.build.planning import read_setting
from campaigns.errors import BadBriefError, Fault
from campaigns.model.base import BrandId, CampaignId, Clean, HttpUrlText, Maybe, PersonaId, Text100, Wire, derived_id
from campaigns.model.library.brand import Brand
from campaigns.model.post import PostContent, PostText, Quality, Slot
from campaigns.model.vocabulary import Platform
from campaigns.rules.guardrails import check_post
from campaigns.rules.guardrails.policy_of import content_policy, policy_of_brand
from campaigns.store import Store

Facts = Annotated[str, StringConstraints(min_length=1, max_length=10_000), Clean]


class CheckRequest(Wire):
    """A text to be checked, and what it is held against."""

    platform: Platform
    text: PostText
    hashtags: Annotated[list[Text100], Field(max_length=50)] = []
    mentions: Annotated[list[Text100], Field(max_length=50)] = []
    link: Maybe[HttpUrlText] = None
    alt_text: Maybe[Annotated[str, StringConstraints(min_length=1, max_length=1000), Clean]] = None
    brand_id: Maybe[BrandId] = Field(default=None, description="The brand whose rules hold; of a campaign its own")
    campaign_id: Maybe[CampaignId] = Field(default=None, description="The campaign whose brief and rules hold")
    persona_id: Maybe[PersonaId] = Field(
        default=None, description="Who speaks, of the campaign's personas (default: its first)"
    )
    brief: Maybe[Facts] = Field(
        default=None, description="The facts that the text may use, in words; in place of a campaign"
    )

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if self.campaign_id is not None and (self.brief is not None or self.brand_id is not None):
            raise PydanticCustomError("campaign_alone", "campaignId brings its brief and brand: name neither beside it")
        if self.persona_id is not None and self.campaign_id is None:
            raise PydanticCustomError("persona_alone", "personaId needs campaignId: a persona speaks in a campaign")
        return self

    def content(self, now: datetime) -> PostContent:
        return PostContent(
            text=self.text,
            hashtags=self.hashtags,
            mentions=self.mentions,
            link=self.link,
            alt_text=self.alt_text,
            generated_at=now,
        )


def check_text(store: Store, tenant_id: str, given: CheckRequest, *, now: datetime) -> Quality:
    """Return findings and score of a text.

    Raises:
        NotFoundError: the tenant has no such campaign, or no such brand.
        BadBriefError: the campaign has no such persona, or does not publish on the platform.
    """
    if given.campaign_id is None:
        brand = store.brands.get(tenant_id, given.brand_id) if given.brand_id else None
        return check_against(given, brand, now=now)
    setting = read_setting(store, tenant_id, given.campaign_id)
    participants = setting.campaign.participants
    persona_id = given.persona_id or participants.persona_ids[0]
    faults = []
    if persona_id not in participants.persona_ids:
        faults.append(Fault("personaId", "is none of the campaign's personas", "PERSONA_NOT_FOUND"))
    if given.platform not in participants.platforms:
        expected = ", ".join(participants.platforms)
        faults.append(Fault("platform", f"is none of the campaign's platforms: {expected}", "VALUE_INVALID"))
    if faults:
        raise BadBriefError(faults)
    slot = _slot(given, persona_id, now)
    policy = content_policy(slot, setting.config, setting.campaign, setting.brand, setting.persona(persona_id))
    return check_post(given.content(now), post=slot, policy=policy)


def check_against(given: CheckRequest, brand: Brand | None, *, now: datetime) -> Quality:
    """Return findings and score of a text held against a brand, or the system's defaults, and the facts given."""
    policy = policy_of_brand(given.platform, brand, [given.brief] if given.brief else [])
    return check_post(given.content(now), post=_slot(given, derived_id("persona", "checks"), now), policy=policy)


def _slot(given: CheckRequest, persona_id: str, now: datetime) -> Slot:
    # A text has no picture yet: whether its post will have one is not asked.
    return Slot(
        number=1, persona_id=persona_id, platform=given.platform, scheduled_at=now, intent="announce", visual="image"
    )
