"""Turns a merged configuration into the policy that one post has to obey."""

from collections.abc import Iterable
from urllib.parse import urlsplit

from campaigns.model.brief import CampaignBrief
from campaigns.model.library.brand import Brand, ClaimsPolicy
from campaigns.model.library.persona import Persona
from campaigns.model.post import Post, Slot
from campaigns.model.vocabulary import Platform
from campaigns.rules.guardrails.content_policy import ContentPolicy
from campaigns.rules.merge.config import MergedConfig
from campaigns.rules.merge.merging import platform_defaults
from campaigns.rules.merge.restrictions import Restriction, read_restriction
from campaigns.rules.text.language import nearest_language


def content_policy(
    post: Post | Slot, config: MergedConfig, brief: CampaignBrief, brand: Brand | None, persona: Persona
) -> ContentPolicy:
    """Return the rules for the words of this post.

    Raises:
        KeyError: the post's platform or the persona is none that the configuration was merged for.
    """
    platform = config.platform_rules(post.platform)
    person = config.persona_rules(persona.id)
    cta = config.cta.value if config.cta else None
    restrictions = [read_restriction(restriction.value) for restriction in config.restrictions]
    links = [cta.url] if cta else []
    links += [entry.default_url for entry in brand.cta_library] if brand else []
    return ContentPolicy(
        platform=post.platform,
        link_policy=platform.link_policy.value,
        emoji_policy=person.emoji_policy[post.platform].value,
        hashtag_policy=platform.hashtag_policy.value,
        avoid_words=person.avoid_words,
        avoid_phrases=[
            *(phrase.value for phrase in config.avoid_phrases),
            *(phrase for restriction in restrictions for phrase in restriction.phrases),
        ],
        avoid_topics=_once([*person.avoid_topics, *(topic.value for topic in config.avoid_topics)]),
        claims=config.claims.value,
        forbidden=_forbidden(restrictions),
        competitors=config.competitors,
        known_handles=[handle.removeprefix("@") for handle in config.handles],
        allowed_hosts=_once(host for link in links if link and (host := urlsplit(link).hostname)),
        cta=cta,
        cta_aggressiveness=person.cta_aggressiveness,
        sources=[
            brief.brief.description,
            *config.required_inclusions,
            *([cta.text] if cta else []),
            *_told(brief, brand, persona),
            # A post may say when the campaign begins and ends.
            *(f"{day.day} {day:%B %Y}" for day in (brief.schedule.start_date, brief.schedule.end_date)),
        ],
        language=nearest_language(brief.brief.description),
        timezone=brief.schedule.timezone,
    )


def policy_of_brand(platform: Platform, brand: Brand | None, facts: list[str]) -> ContentPolicy:
    """Return the rules for any text on a platform: the brand's, or the system's without one; facts are its sources."""
    defaults = platform_defaults(brand, platform)
    standards = brand.content_standards if brand else None
    restrictions = [read_restriction(text) for text in (standards.restrictions if standards else [])]
    links = [entry.default_url for entry in brand.cta_library] if brand else []
    return ContentPolicy(
        platform=platform,
        link_policy=defaults.link_policy,
        emoji_policy=defaults.emoji_policy,
        hashtag_policy=defaults.hashtag_policy,
        avoid_phrases=[
            *(standards.avoid_phrases if standards else []),
            *(phrase for restriction in restrictions for phrase in restriction.phrases),
        ],
        avoid_topics=standards.avoid_topics if standards else [],
        claims=brand.claims_policy if brand else ClaimsPolicy(),
        forbidden=_forbidden(restrictions),
        competitors=brand.competitors if brand else [],
        known_handles=[handle.removeprefix("@") for handle in brand.handles] if brand else [],
        allowed_hosts=_once(host for link in links if link and (host := urlsplit(link).hostname)),
        sources=[*facts, *_told_of(brand)],
        language=nearest_language(facts[0]) if facts else None,
    )


def _forbidden(restrictions: Iterable[Restriction]) -> list[str]:
    return _once(each.forbids for each in restrictions if each.forbids is not None and each.forbids != "checked")


def _told_of(brand: Brand | None) -> list[str]:
    if brand is None:
        return []
    return [brand.name, brand.ethos, *brand.core_values, *brand.voice_guidelines.messaging]


def _told(brief: CampaignBrief, brand: Brand | None, persona: Persona) -> list[str]:
    """Return what else the writer is told and may repeat: names, values and beliefs."""
    return [brief.name, persona.role, persona.company, *persona.opinions.strong_beliefs, *_told_of(brand)]


def _once(texts: Iterable[str]) -> list[str]:
    return list({text.casefold(): text for text in texts}.values())
