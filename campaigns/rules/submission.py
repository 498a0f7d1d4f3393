"""What is wrong with a brief beyond its own form: the clock, the brand, the personas, the calendar.

All faults at once (domain.md sections 1, 3 and 13). Nothing here tells a foreign id from an unknown
one: the caller looks both up in its own tenant and finds neither.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from campaigns.errors import Fault
from campaigns.model.brand import Brand
from campaigns.model.brief import CampaignBrief, local_instant
from campaigns.model.persona import Persona
from campaigns.model.vocabulary import PLATFORM_NAMES, BrandStatus
from campaigns.rules.calendar_demand import Terms
from campaigns.rules.calendar_refusal import impossible
from campaigns.rules.matching import contains, topic_span
from campaigns.rules.merge import merge
from campaigns.rules.platforms import text_length, text_limit

START_GRACE: Final = timedelta(minutes=5)


def submission_faults(
    brief: CampaignBrief, *, brand: Brand | None, personas: Mapping[str, Persona], now: datetime
) -> list[Fault]:
    """Return every fault of a brief at the moment of its submission, in the order of the form.

    Args:
        brand: what the tenant has under `brief.brandId`; None when it has nothing, or none is named.
        personas: what the tenant has under the ids of the brief, by id.
    """
    live = brand if brand is not None and brand.status is BrandStatus.ACTIVE else None
    return [
        *_persona_faults(brief.participants.persona_ids, personas),
        *_platform_faults(brief, live),
        *_start_faults(brief, now),
        *_brand_faults(brief.brand_id, brand),
        *_inclusion_faults(brief, live, personas),
        *_calendar_faults(brief, live, personas, now),
    ]


def reference_faults(
    *, brand_id: str | None, brand: Brand | None, persona_ids: Sequence[str], personas: Mapping[str, Persona]
) -> list[Fault]:
    """Return what is wrong with the ids alone, for a brief too faulty to be looked at as a whole."""
    return [*_persona_faults(persona_ids, personas), *_brand_faults(brand_id, brand)]


def _persona_faults(persona_ids: Sequence[str], personas: Mapping[str, Persona]) -> Iterator[Fault]:
    for index, identifier in enumerate(persona_ids):
        field = f"participants.personaIds[{index}]"
        persona = personas.get(identifier)
        if persona is None:
            yield Fault(field, f"there is no persona {identifier}", "PERSONA_UNKNOWN")
        elif not persona.is_active:
            yield Fault(field, f"the persona {persona.name} is not active", "PERSONA_INACTIVE")


def _platform_faults(brief: CampaignBrief, brand: Brand | None) -> Iterator[Fault]:
    if brand is None:
        return
    enabled = brand.platform_guidelines.enabled
    names = ", ".join(PLATFORM_NAMES[platform] for platform in enabled)
    for index, platform in enumerate(brief.participants.platforms):
        if platform not in enabled:
            yield Fault(
                f"participants.platforms[{index}]",
                f"{PLATFORM_NAMES[platform]} is not enabled for the brand {brand.name}, only {names}",
                "PLATFORM_NOT_ENABLED",
            )


def _start_faults(brief: CampaignBrief, now: datetime) -> Iterator[Fault]:
    start, zone = brief.schedule.start_date, brief.schedule.zone
    if isinstance(start, datetime):
        over = start < now - START_GRACE
        shown = start.astimezone(zone).isoformat(timespec="minutes")
    else:
        # A day can be the first one until it is over where the audience lives.
        over = local_instant(start + timedelta(days=1), 0, zone) <= now - START_GRACE
        shown = start.isoformat()
    if over:
        today = now.astimezone(zone).isoformat(timespec="minutes")
        yield Fault("schedule.startDate", f"{shown} is in the past: it is {today} in {zone.key}", "START_IN_PAST")


def _brand_faults(brand_id: str | None, brand: Brand | None) -> Iterator[Fault]:
    if brand_id is None:
        return
    if brand is None:
        yield Fault("brandId", f"there is no brand {brand_id}", "BRAND_UNKNOWN")
    elif brand.status is not BrandStatus.ACTIVE:
        yield Fault("brandId", f"the brand {brand.name} is {brand.status}", "BRAND_INACTIVE")


def _inclusion_faults(brief: CampaignBrief, brand: Brand | None, personas: Mapping[str, Persona]) -> Iterator[Fault]:
    """An inclusion that somebody must avoid could never be written: say so now, not after the models were paid."""
    topics = [("the campaign", topic) for topic in brief.messaging.campaign_avoid_topics]
    words: list[tuple[str, str]] = []
    if brand is not None:
        who = f"the brand {brand.name}"
        topics += [(who, topic) for topic in brand.content_standards.avoid_topics]
        words += [(who, phrase) for phrase in brand.content_standards.avoid_phrases]
    for identifier in brief.participants.persona_ids:
        if (persona := personas.get(identifier)) is not None:
            who = f"the persona {persona.name}"
            topics += [(who, topic) for topic in persona.opinions.avoids_topics]
            words += [(who, word) for word in persona.language.avoid]
    for index, inclusion in enumerate(brief.messaging.required_inclusions):
        # The guardrails would find the same in a post.
        clashes = [(who, topic) for who, topic in topics if topic_span(topic, inclusion)]
        clashes += [(who, word) for who, word in words if contains(inclusion, word)]
        if clashes:
            named = ", and ".join(f"“{text}”, which {who} avoids" for who, text in clashes)
            yield Fault(f"messaging.requiredInclusions[{index}]", f"touches {named}", "INCLUSION_AVOIDED")
        platforms = brief.participants.platforms
        if all(text_length(platform, inclusion) > text_limit(platform) for platform in platforms):
            limits = ", ".join(f"{PLATFORM_NAMES[platform]} holds {text_limit(platform)}" for platform in platforms)
            yield Fault(
                f"messaging.requiredInclusions[{index}]",
                f"is too long for every platform: {limits}",
                "INCLUSION_TOO_LONG",
            )


def _calendar_faults(
    brief: CampaignBrief, brand: Brand | None, personas: Mapping[str, Persona], now: datetime
) -> list[Fault]:
    if brief.brand_id is not None and brand is None and brief.cadence_overrides.min_posts_per_week is None:
        # The weekly minimum would have come from the brand: demand none, so that no false fault is added.
        overrides = brief.cadence_overrides.model_copy(update={"min_posts_per_week": 0})
        brief = brief.model_copy(update={"cadence_overrides": overrides})
    config = merge(brief, brand, list(personas.values()))
    past_start = any(True for _ in _start_faults(brief, now))
    return impossible(Terms.of(brief, config, None if past_start else now))
