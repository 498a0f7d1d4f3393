"""What is wrong with a brief beyond its own form: the clock, the brand, the personas, the calendar.

All faults at once (domain.md sections 1, 3 and 13). Nothing here tells a foreign id from an unknown
one: the caller looks both up in its own tenant and finds neither.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from campaigns.errors import Fault
from campaigns.model.brief import CampaignBrief, Messaging
from campaigns.model.library.brand import Brand
from campaigns.model.library.persona import Persona
from campaigns.model.terms.given import CampaignItem, TrackedLink
from campaigns.model.terms.participants import Participants
from campaigns.model.terms.schedule import Schedule, local_instant
from campaigns.model.vocabulary import PLATFORM_NAMES, BrandStatus, Platform
from campaigns.rules.calendar.dates.dated_refusal import dated_faults, is_dated
from campaigns.rules.calendar.lead import too_late_for_stages
from campaigns.rules.calendar.refusal import impossible
from campaigns.rules.calendar.slots.demand import Terms
from campaigns.rules.given_faults import Clashes, given_faults
from campaigns.rules.merge.defaults import MAX_POSTS
from campaigns.rules.merge.merging import merge
from campaigns.rules.text.limits.platforms import text_length, text_limit
from campaigns.rules.text.matching import contains, topic_span

START_GRACE: Final = timedelta(minutes=5)


def submission_faults(
    brief: CampaignBrief,
    *,
    brand: Brand | None,
    personas: Mapping[str, Persona],
    now: datetime,
    most_posts: int = MAX_POSTS,
) -> list[Fault]:
    """Return every fault of a brief at the moment of its submission, in the order of the form.

    Args:
        brand: what the tenant has under `brief.brandId`; None when it has nothing, or none is named.
        personas: what the tenant has under the ids of the brief, by id.
        most_posts: that a campaign may have.
    """
    given = Parts(
        brief.brand_id, brief.participants.persona_ids, brief.participants, brief.schedule, brief.messaging,
        brief.items or (), brief.tracked_link,
    )  # fmt: skip
    return [
        *faults_of_parts(given, brand=brand, personas=personas, now=now),
        *_calendar_faults(brief, _live(brand), personas, now, most_posts),
    ]


@dataclass(frozen=True, slots=True)
class Parts:
    """What can be made out of a brief; None: that part is too faulty to be looked at."""

    brand_id: str | None
    persona_ids: Sequence[str]
    participants: Participants | None
    schedule: Schedule | None
    messaging: Messaging | None
    items: Sequence[CampaignItem | None] = ()
    tracked_link: TrackedLink | None = None


def faults_of_parts(
    given: Parts, *, brand: Brand | None, personas: Mapping[str, Persona], now: datetime
) -> list[Fault]:
    """Return the same faults as `submission_faults` but for the calendar's, which needs a whole brief."""
    live = _live(brand)
    platforms = given.participants.platforms if given.participants else []
    said = given.messaging if given.participants else None
    people = [personas[each] for each in given.persona_ids if each in personas]
    clashes = partial(_clashes, _avoided_by(given.messaging, live, people))
    return [
        *_persona_faults(given.persona_ids, personas),
        *_platform_faults(platforms, live),
        *(_start_faults(given.schedule, now) if given.schedule else ()),
        *_brand_faults(given.brand_id, brand),
        *(_inclusion_faults(said, platforms, clashes) if said else ()),
        *(given_faults(
            said, given.items, given.tracked_link,
            platforms=platforms, brand=live, schedule=given.schedule, clashes=clashes,
        ) if said else ()),
    ]  # fmt: skip


def _live(brand: Brand | None) -> Brand | None:
    return brand if brand is not None and brand.status is BrandStatus.ACTIVE else None


def _persona_faults(persona_ids: Sequence[str], personas: Mapping[str, Persona]) -> Iterator[Fault]:
    for index, identifier in enumerate(persona_ids):
        field = f"participants.personaIds[{index}]"
        persona = personas.get(identifier)
        if persona is None:
            yield Fault(field, f"there is no persona {identifier}", "PERSONA_UNKNOWN")
        elif not persona.is_active:
            yield Fault(field, f"the persona {persona.name} is not active", "PERSONA_INACTIVE")


def _platform_faults(platforms: Sequence[Platform], brand: Brand | None) -> Iterator[Fault]:
    if brand is None:
        return
    enabled = brand.platform_guidelines.enabled
    names = ", ".join(PLATFORM_NAMES[platform] for platform in enabled)
    for index, platform in enumerate(platforms):
        if platform not in enabled:
            yield Fault(
                f"participants.platforms[{index}]",
                f"{PLATFORM_NAMES[platform]} is not enabled for the brand {brand.name}, only {names}",
                "PLATFORM_NOT_ENABLED",
            )


def _start_faults(schedule: Schedule, now: datetime) -> Iterator[Fault]:
    start, zone = schedule.start_date, schedule.zone
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


Avoided = Sequence[tuple[str, str, bool]]
"""Who avoids what, and whether it is a topic: else a word or phrase."""


def _avoided_by(messaging: Messaging | None, brand: Brand | None, personas: Sequence[Persona]) -> Avoided:
    topics = [("the campaign", topic) for topic in (messaging.campaign_avoid_topics if messaging else [])]
    words: list[tuple[str, str]] = []
    if brand is not None:
        who = f"the brand {brand.name}"
        topics += [(who, topic) for topic in brand.content_standards.avoid_topics]
        words += [(who, phrase) for phrase in brand.content_standards.avoid_phrases]
    for persona in personas:
        who = f"the persona {persona.name}"
        topics += [(who, topic) for topic in persona.opinions.avoids_topics]
        words += [(who, word) for word in persona.language.avoid]
    return [*((who, topic, True) for who, topic in topics), *((who, word, False) for who, word in words)]


def _clashes(avoided: Avoided, text: str) -> str:
    """Return in words what somebody avoids in a text; the guardrails would find the same in a post."""
    found = [
        (who, what) for who, what, is_topic in avoided if (topic_span(what, text) if is_topic else contains(text, what))
    ]
    return ", and ".join(f"“{what}”, which {who} avoids" for who, what in found)


def _inclusion_faults(messaging: Messaging, platforms: Sequence[Platform], clashes: Clashes) -> Iterator[Fault]:
    """An inclusion that somebody must avoid could never be written: say so now, not after the models were paid."""
    for index, inclusion in enumerate(messaging.required_inclusions):
        if found := clashes(inclusion):
            yield Fault(f"messaging.requiredInclusions[{index}]", f"touches {found}", "INCLUSION_AVOIDED")
        if all(text_length(platform, inclusion) > text_limit(platform) for platform in platforms):
            limits = ", ".join(f"{PLATFORM_NAMES[platform]} holds {text_limit(platform)}" for platform in platforms)
            yield Fault(
                f"messaging.requiredInclusions[{index}]",
                f"is too long for every platform: {limits}",
                "INCLUSION_TOO_LONG",
            )


def _calendar_faults(
    brief: CampaignBrief, brand: Brand | None, personas: Mapping[str, Persona], now: datetime, most_posts: int
) -> list[Fault]:
    if brief.brand_id is not None and brand is None and brief.cadence_overrides.min_posts_per_week is None:
        # The weekly minimum would have come from the brand: demand none, so that no false fault is added.
        overrides = brief.cadence_overrides.model_copy(update={"min_posts_per_week": 0})
        brief = brief.model_copy(update={"cadence_overrides": overrides})
    config = merge(brief, brand, list(personas.values()), most_posts=most_posts)
    # Key dates and times per platform are placed by persona: without one, what can be told is told.
    known = set(brief.participants.persona_ids) <= personas.keys()
    past_start = any(True for _ in _start_faults(brief.schedule, now))
    terms = Terms.of(brief, config, None if past_start else now)
    faults = dated_faults(brief, config, terms) if known and is_dated(brief) else impossible(terms)
    return faults if past_start or faults else too_late_for_stages(brief, config, now)
