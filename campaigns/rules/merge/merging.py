"""Merges system defaults, brand, campaign and personas into one configuration (domain.md section 13).

Weakest first: system defaults, brand, campaign, hard restrictions of the personas. A value that is
set beats every weaker one; every resolved value keeps where it came from.
"""

from collections.abc import Sequence

from campaigns.model.brief import CallToAction, CampaignBrief, Pillar
from campaigns.model.library.brand import Brand, ClaimsPolicy, PlatformDefaults
from campaigns.model.library.persona import Persona
from campaigns.model.platforms import PLATFORM_FILES
from campaigns.model.terms.approval_terms import Approval
from campaigns.model.terms.schedule import PostingWindow
from campaigns.model.vocabulary import PLATFORM_NAMES, DefaultAsset, Platform, Provenance, UsePolicy
from campaigns.rules.merge import defaults as system
from campaigns.rules.merge.config import (
    ApprovalTerms,
    MergedCadence,
    MergedConfig,
    MergedPersona,
    MergedPlatform,
    ReviewPolicy,
    Sourced,
    Visual,
)
from campaigns.rules.merge.explain import explain, plan_version
from campaigns.rules.merge.restrictions import unchecked

__all__ = ["MergedConfig", "MergedPersona", "MergedPlatform", "Sourced", "explain", "merge", "plan_version"]


def merge(
    brief: CampaignBrief, brand: Brand | None, personas: Sequence[Persona], *, most_posts: int = system.MAX_POSTS
) -> MergedConfig:
    """Return the configuration of a campaign with the provenance of every value.

    Args:
        brand: the brand that the brief names, None in brand-less mode.
        personas: the stored personas; those the brief does not select are passed over.
        most_posts: that a campaign may have.
    """
    warnings: list[str] = []
    platforms = [
        MergedPlatform(
            platform=platform,
            share=_platform_share(brief, platform),
            visual=_visual(brief, brand, platform, warnings),
            link_policy=Sourced(value=defaults.link_policy, source=source),
            emoji_policy=Sourced(value=defaults.emoji_policy, source=source),
            hashtag_policy=Sourced(value=defaults.hashtag_policy, source=source),
        )
        for platform in brief.participants.platforms
        for defaults, source in [_platform_defaults(brand, platform)]
    ]
    by_id = {persona.id: persona for persona in personas}
    selected = [by_id[identifier] for identifier in brief.participants.persona_ids if identifier in by_id]
    return MergedConfig(
        cadence=_cadence(brief, brand, warnings),
        most_posts=None if most_posts == system.MAX_POSTS else most_posts,
        posting_windows=_windows(brief),
        pillars=_pillars(brief, brand),
        platforms=platforms,
        personas=[_persona_rules(brief, persona, platforms) for persona in selected],
        avoid_topics=_union(
            (brief.messaging.campaign_avoid_topics, "campaign"),
            (brand.content_standards.avoid_topics if brand else [], "brand"),
        ),
        avoid_phrases=_union((brand.content_standards.avoid_phrases if brand else [], "brand")),
        restrictions=_union((brand.content_standards.restrictions if brand else [], "brand")),
        required_inclusions=brief.messaging.required_inclusions,
        cta=_cta(brief, brand),
        claims=_claims(brand),
        competitors=brand.competitors if brand else [],
        handles=brand.handles if brand else [],
        review=_review(brand),
        approval=_approval(brief),
        warnings=[*warnings, *unchecked(brand.content_standards.restrictions if brand else [])],
    )


def _cadence(brief: CampaignBrief, brand: Brand | None, warnings: list[str]) -> MergedCadence:
    overrides = brief.cadence_overrides
    least, most = _brand_cadence(brief, brand)
    if overrides.min_posts_per_week is not None:
        least = Sourced(value=overrides.min_posts_per_week, source="campaign")
    if overrides.max_posts_per_week is not None:
        most = Sourced(value=overrides.max_posts_per_week, source="campaign")
    per_day: Sourced[int] = Sourced(value=system.MAX_POSTS_PER_DAY, source="system")
    if overrides.max_posts_per_day is not None:
        per_day = Sourced(value=overrides.max_posts_per_day, source="campaign")

    if least.value > most.value:
        warnings.append(
            f"at least {least.value} posts a week ({least.source}) is above at most {most.value} ({most.source}): "
            f"{most.value} holds for both"
        )
        least = Sourced(value=most.value, source=most.source)
    if most.value > 7 * per_day.value:
        warnings.append(
            f"at most {most.value} posts a week ({most.source}) cannot be reached with {per_day.value} a day "
            f"({per_day.source}): the day limit holds, {7 * per_day.value} a week"
        )
        # Never below the minimum: a minimum out of reach is refused with its numbers, not lowered in silence.
        most = Sourced(value=max(least.value, 7 * per_day.value), source=per_day.source)
    return MergedCadence(min_posts_per_week=least, max_posts_per_week=most, max_posts_per_day=per_day)


def _brand_cadence(brief: CampaignBrief, brand: Brand | None) -> tuple[Sourced[int], Sourced[int]]:
    """Average over the selected platforms, 3 where the brand names none; 0.7 and 1.3 of it, rounded outwards."""
    if brand is None:
        return (
            Sourced(value=system.MIN_POSTS_PER_WEEK, source="system"),
            Sourced(value=system.MAX_POSTS_PER_WEEK, source="system"),
        )
    named = brand.platform_guidelines.defaults.given()
    typical = [
        named[platform].typical_cadence_per_week if platform in named else system.UNKNOWN_CADENCE
        for platform in brief.participants.platforms
    ]
    total, count = sum(typical), len(typical)
    # Whole numbers throughout: 0.7 * 10 is 7, never 6.999….
    least = max(1, total * 7 // (count * 10))
    most = max(1, -(-total * 13 // (count * 10)))
    return Sourced(value=least, source="brand"), Sourced(value=most, source="brand")


def _share(weights: dict[str, float] | None, key: str, count: int) -> Sourced[float]:
    if weights is None:
        return Sourced(value=1 / count, source="system")
    return Sourced(value=weights.get(key, 0.0), source="campaign")


def _platform_share(brief: CampaignBrief, platform: Platform) -> Sourced[float]:
    given = brief.participants.distribution.platform_weights
    weights = None if given is None else {str(name): weight for name, weight in given.given().items()}
    return _share(weights, platform, len(brief.participants.platforms))


def _windows(brief: CampaignBrief) -> Sourced[list[PostingWindow]]:
    given = brief.schedule.posting_windows
    if not given:
        return Sourced(value=[system.WINDOW], source="system")
    return Sourced(value=sorted(given, key=lambda window: window.start), source="campaign")


def _pillars(brief: CampaignBrief, brand: Brand | None) -> Sourced[list[Pillar]]:
    """The campaign's, else the brand's (equal shares when it gives none), else the system's; never mixed."""
    if brief.messaging.pillars:
        return Sourced(value=brief.messaging.pillars, source="campaign")
    if brand is not None and brand.pillars:
        equal = 1 / len(brand.pillars)
        pillars = [
            Pillar(name=pillar.name, weight=equal if pillar.weight is None else pillar.weight)
            for pillar in brand.pillars
        ]
        return Sourced(value=pillars, source="brand")
    return Sourced(value=list(system.PILLARS), source="system")


def platform_defaults(brand: Brand | None, platform: Platform) -> PlatformDefaults:
    """Return the brand's policies for a platform, or the system's where it names none."""
    return _platform_defaults(brand, platform)[0]


def _platform_defaults(brand: Brand | None, platform: Platform) -> tuple[PlatformDefaults, Provenance]:
    named = brand.platform_guidelines.defaults.given() if brand else {}
    return (named[platform], "brand") if platform in named else (system.PLATFORM_DEFAULTS[platform], "system")


_VISUAL_OF: dict[DefaultAsset, Visual] = {"none": "none", "image": "image", "video": "video"}


def _visual(brief: CampaignBrief, brand: Brand | None, platform: Platform, warnings: list[str]) -> Sourced[Visual]:
    forced = brief.asset_overrides.force_visuals.given().get(platform)
    defaults, source = _platform_defaults(brand, platform)
    if forced is True:
        return Sourced(value="video" if defaults.default_asset == "video" else "image", source="campaign")
    if PLATFORM_FILES[platform].media.required and (forced is False or defaults.default_asset == "none"):
        # The brief refuses `false` here; a brand's "none" cannot be kept either.
        warnings.append(f"{PLATFORM_NAMES[platform]} publishes nothing without media: every post there has an image")
        return Sourced(value="image", source="system")
    if forced is False:
        return Sourced(value="optional_image", source="campaign")
    return Sourced(value=_VISUAL_OF[defaults.default_asset], source=source)


_STRICTNESS: dict[UsePolicy, int] = {"allowed": 0, "sparing": 1, "none": 2}
_HABIT: dict[str, UsePolicy] = {"frequent": "allowed", "sparing": "sparing", "none": "none"}


def _persona_rules(brief: CampaignBrief, persona: Persona, platforms: list[MergedPlatform]) -> MergedPersona:
    given = brief.participants.distribution.persona_weights
    habit = _HABIT[persona.writing_habits.emojis]
    emoji: dict[Platform, Sourced[UsePolicy]] = {}
    for rules in platforms:
        stricter = _STRICTNESS[habit] > _STRICTNESS[rules.emoji_policy.value]
        emoji[rules.platform] = Sourced(value=habit, source="persona") if stricter else rules.emoji_policy
    return MergedPersona(
        persona_id=persona.id,
        name=persona.name,
        share=_share(given, persona.id, len(brief.participants.persona_ids)),
        avoid_topics=persona.opinions.avoids_topics,
        avoid_words=persona.language.avoid,
        cta_aggressiveness=persona.cta_style.aggressiveness,
        emoji_policy=emoji,
    )


def _union(*parts: tuple[list[str], Provenance]) -> list[Sourced[str]]:
    """All of all parts, once each; the first part that names something is its source."""
    merged: dict[str, Sourced[str]] = {}
    for texts, source in parts:
        for text in texts:
            merged.setdefault(text.casefold(), Sourced(value=text, source=source))
    return list(merged.values())


def _cta(brief: CampaignBrief, brand: Brand | None) -> Sourced[CallToAction] | None:
    if brief.brief.primary_cta is not None:
        return Sourced(value=brief.brief.primary_cta, source="campaign")
    if brief.brief.cta_waived:
        return None
    objective = brief.brief.objective
    if brand is None or not brand.cta_library:
        return Sourced(value=system.CTA[objective], source="system")
    library = brand.cta_library
    suited = (entry for entry in library if any(kind in entry.type.casefold() for kind in system.CTA_KINDS[objective]))
    entry = next(suited, library[0])
    return Sourced(value=CallToAction(type=entry.type, text=entry.text, url=entry.default_url), source="brand")


def _claims(brand: Brand | None) -> Sourced[ClaimsPolicy]:
    # The strictest is the default of the model itself.
    return (
        Sourced(value=brand.claims_policy, source="brand") if brand else Sourced(value=ClaimsPolicy(), source="system")
    )


def _approval(brief: CampaignBrief) -> Sourced[ApprovalTerms]:
    # Stored briefs carry their defaults, so what was said is told by the value, not by its presence.
    source: Provenance = "system" if brief.approval == Approval() else "campaign"
    # A configuration is printed and handed to agents: addresses stay in the brief (domain.md section 1).
    terms = brief.approval.model_dump(exclude={"approvers", "stages"})
    if brief.approval.stages:
        terms["stages"] = [stage.model_copy(update={"approvers": []}) for stage in brief.approval.stages]
    return Sourced(value=ApprovalTerms.model_construct(**terms), source=source)


def _review(brand: Brand | None) -> ReviewPolicy:
    if brand is None:
        return ReviewPolicy(
            mode=Sourced(value=system.APPROVAL_MODE, source="system"),
            threshold=Sourced(value=system.REVIEW_THRESHOLD, source="system"),
        )
    policy = brand.approval_policy
    return ReviewPolicy(
        mode=Sourced(value=policy.mode, source="brand"), threshold=Sourced(value=policy.threshold, source="brand")
    )
