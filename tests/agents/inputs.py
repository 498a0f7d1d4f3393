"""Complete inputs for the agents, made from the samples."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from campaigns.agents.contracts import PlannerInput, StyleInput, WriterInput
from campaigns.model.base import derived_id
from campaigns.model.brief import CampaignBrief
from campaigns.model.campaign import Campaign
from campaigns.model.library.brand import Brand
from campaigns.model.library.persona import Persona, WritingExample
from campaigns.model.post import Post, Slot
from campaigns.rules.guardrails.policy_of import content_policy
from campaigns.rules.merge.merging import MergedConfig, merge

TENANT = "fernwood"
NOW = datetime(2027, 3, 1, 9, 0, tzinfo=UTC)
SAMPLES = Path(__file__).parents[2] / "samples"
SYSTEM = {"tenantId": TENANT, "createdAt": NOW, "updatedAt": NOW}

COFFEE, TALKS = "spring-harvest", "conference-talks"


def sample(name: str) -> Any:
    return json.loads((SAMPLES / f"{name}.json").read_text("utf-8"))


@dataclass(frozen=True)
class Situation:
    """A campaign with all that its rules are merged from."""

    campaign: Campaign
    brand: Brand | None
    personas: list[Persona]
    config: MergedConfig

    def slots(self, count: int) -> list[Slot]:
        """Slots in turn over personas, platforms and pillars; each fifth one has a required inclusion."""
        people = [persona.id for persona in self.personas]
        platforms = self.campaign.participants.platforms
        pillars = self.config.pillars.value
        inclusions = self.campaign.messaging.required_inclusions
        return [
            Slot(
                number=index + 1,
                persona_id=people[index % len(people)],
                platform=platforms[index % len(platforms)],
                scheduled_at=NOW + timedelta(days=14, hours=5 * index),
                pillar=pillars[index // 2 % len(pillars)].name,
                intent="announce" if index == 0 else "educate",
                required_inclusions=inclusions[index // 5 % max(1, len(inclusions)) :][:1] if index % 5 == 0 else [],
                needs_cta=index % 2 == 0,
                visual=self.config.platform_rules(platforms[index % len(platforms)]).visual.value,
            )
            for index in range(count)
        ]

    def planner_input(self, count: int = 6, **changes: Any) -> PlannerInput:
        given = {
            "tenant_id": TENANT,
            "campaign_id": self.campaign.id,
            "campaign": self.campaign,
            "slots": self.slots(count),
            "brand_config": self.brand,
            "persona_configs": self.personas,
            "merged_config": self.config,
        }
        return PlannerInput.model_validate({**given, **changes})

    def post(self, slot: Slot | None = None, **changes: Any) -> Post:
        slot = slot or self.slots(1)[0]
        image = slot.visual == "image"
        return Post.model_validate(
            {
                **slot.model_dump(exclude={"visual"}),
                "id": derived_id("post", self.campaign.id, slot.number),
                "tenant_id": TENANT,
                "campaign_id": self.campaign.id,
                "topic": "Who grew the first bags",
                "asset_requirements": {"imageRequired": image, "imageDescription": "Hands sorting cherries"},
                "created_at": NOW,
                "updated_at": NOW,
                **changes,
            }
        )

    def writer_input(self, post: Post | None = None, **changes: Any) -> WriterInput:
        post = post or self.post()
        persona = next(person for person in self.personas if person.id == post.persona_id)
        policy = content_policy(post, self.config, self.campaign, self.brand, persona)
        given = {
            "tenant_id": TENANT,
            "campaign_id": self.campaign.id,
            "post_id": post.id,
            "campaign_name": self.campaign.name,
            "brief": self.campaign.brief,
            "post": post,
            "persona_config": persona,
            "brand_config": self.brand,
            "policy": policy,
            "cta": policy.cta if post.needs_cta else None,
        }
        return WriterInput.model_validate({**given, **changes})


def situation(name: str = COFFEE, **changes: Any) -> Situation:
    """The sample of this name as a stored campaign; changes apply to its brief, in wire form."""
    brief = CampaignBrief.model_validate({**sample(name), **changes})
    campaign = Campaign.model_validate({**brief.to_wire(), **SYSTEM, "id": derived_id("campaign", name)})
    brand = Brand.model_validate({**sample("brand"), **SYSTEM}) if brief.brand_id else None
    known = [Persona.model_validate({**given, **SYSTEM}) for given in sample("personas")]
    personas = [persona for persona in known if persona.id in brief.participants.persona_ids]
    return Situation(campaign, brand, personas, merge(brief, brand, personas))


EXAMPLE_TEXTS = [
    "We cupped the new lot on Tuesday. It tastes of red apple. I would drink it black.",
    "A roast date is a promise. We print it large. You may hold us to it.",
    "People ask why the bag is smaller. The answer is freight. I will show you the invoice.",
    "The drum broke on Friday. We roasted in the old one. Nobody noticed, except me.",
    "First crack came late today. I waited. It was worth it.",
    "Twelve farms sent samples. We bought from three. The others will hear from us.",
]


def examples(count: int = 6, **changes: Any) -> list[WritingExample]:
    persona = situation().personas[0]
    return [
        WritingExample.model_validate(
            {
                "id": derived_id("example", index),
                "tenant_id": TENANT,
                "persona_id": persona.id,
                "platform": ["Blog", "linkedin"][index % 2],
                "intent": "educate",
                "text": EXAMPLE_TEXTS[index % len(EXAMPLE_TEXTS)],
                "created_at": NOW + timedelta(minutes=index),
                **changes,
            }
        )
        for index in range(count)
    ]


def style_input(given: list[WritingExample], **changes: Any) -> StyleInput:
    persona = situation().personas[0]
    whole = {"tenant_id": TENANT, "persona_id": persona.id, "persona_config": persona, "examples": given}
    return StyleInput.model_validate({**whole, **changes})
