"""Shows a merged configuration to people, and names a plan by what went into it (domain.md sections 3 and 13)."""

from collections.abc import Iterator

from campaigns.model.base import content_hash
from campaigns.model.brief import CallToAction, CampaignBrief
from campaigns.model.vocabulary import PLATFORM_NAMES
from campaigns.rules.merge.config import MergedConfig

Line = tuple[str, str, str]


def explain(config: MergedConfig) -> list[Line]:
    """Return (name, value, source) for every resolved value, in words, in a fixed order."""
    return [*_calendar(config), *_messaging(config), *_policies(config), *_approval(config)]


def _calendar(config: MergedConfig) -> Iterator[Line]:
    cadence, windows, pillars = config.cadence, config.posting_windows, config.pillars
    yield "Posts per week, at least", str(cadence.min_posts_per_week.value), cadence.min_posts_per_week.source
    yield "Posts per week, at most", str(cadence.max_posts_per_week.value), cadence.max_posts_per_week.source
    yield "Posts per day, at most", str(cadence.max_posts_per_day.value), cadence.max_posts_per_day.source
    yield "Posting windows", ", ".join(f"{each.start}-{each.end}" for each in windows.value), windows.source
    yield "Pillars", ", ".join(f"{each.name} {_percent(each.weight)}" for each in pillars.value), pillars.source
    for rules in config.platforms:
        name = PLATFORM_NAMES[rules.platform]
        yield f"{name}: share", _percent(rules.share.value), rules.share.source
        yield f"{name}: visual", rules.visual.value.replace("_", " "), rules.visual.source
        yield f"{name}: links", rules.link_policy.value, rules.link_policy.source
        yield f"{name}: hashtags", rules.hashtag_policy.value, rules.hashtag_policy.source
        yield f"{name}: emojis", rules.emoji_policy.value, rules.emoji_policy.source


def _messaging(config: MergedConfig) -> Iterator[Line]:
    for person in config.personas:
        yield f"{person.name}: share", _percent(person.share.value), person.share.source
        for platform, policy in person.emoji_policy.items():
            yield f"{person.name}: emojis on {PLATFORM_NAMES[platform]}", policy.value, policy.source
        yield f"{person.name}: push of the call to action", person.cta_aggressiveness, "persona"
        yield from ((f"{person.name}: avoids topic", topic, "persona") for topic in person.avoid_topics)
        yield from ((f"{person.name}: avoids word", word, "persona") for word in person.avoid_words)
    yield from (("Avoided topic", topic.value, topic.source) for topic in config.avoid_topics)
    yield from (("Avoided phrase", phrase.value, phrase.source) for phrase in config.avoid_phrases)
    yield from (("Restriction", restriction.value, restriction.source) for restriction in config.restrictions)
    yield from (("Must include", inclusion, "campaign") for inclusion in config.required_inclusions)
    if config.cta:
        yield "Call to action", _cta_words(config.cta.value), config.cta.source
    else:
        yield "Call to action", "none (waived)", "campaign"


def _policies(config: MergedConfig) -> Iterator[Line]:
    claims, source, review = config.claims.value, config.claims.source, config.review
    yield "Claims: no guarantees", _yes(claims.no_guarantees), source
    yield "Claims: only given figures", _yes(claims.no_performance_numbers_unless_provided), source
    yield "Claims: a source for figures", _yes(claims.require_source_for_stats), source
    yield "Competitors", claims.competitor_mention_policy.replace("_", " "), source
    yield "Review", review.mode.value.replace("_", " "), review.mode.source
    yield "Review threshold", f"{review.threshold.value:g}", review.threshold.source


def _approval(config: MergedConfig) -> Iterator[Line]:
    terms, source = config.approval.value, config.approval.source
    named = [f"Stage {stage.name}" for stage in terms.stages or []] or ["Approval"]
    for title, stage in zip(named, terms.in_stages, strict=True):
        yield f"{title}: quorum", stage.quorum, source
        yield f"{title}: hours to decide", str(stage.expires_in_hours), source
        yield f"{title}: if nobody decides", stage.on_timeout, source
    yield "Approval: revision rounds, at most", str(terms.max_revision_rounds), source


def _percent(share: float) -> str:
    return f"{share * 100:.4g} %"


def _yes(flag: bool) -> str:
    return "yes" if flag else "no"


def _cta_words(cta: CallToAction) -> str:
    return f"{cta.text} ({cta.url})" if cta.url else cta.text


def plan_version(brief: CampaignBrief, config: MergedConfig) -> str:
    """Return the SHA-256 (hex) of what a plan is made from: a plan of another version is stale.

    Canonical JSON of brief, participants, schedule, cadence, messaging and assets after the merge;
    name, metadata and the terms of approval are no part of a plan and may change under it.
    """
    cadence = config.cadence
    whole = brief.to_wire()
    said = whole["messaging"]
    return content_hash(
        {
            "brief": brief.brief.to_wire(),
            "cta": config.cta.value.to_wire() if config.cta else None,
            "brandId": brief.brand_id,
            "participants": brief.participants.to_wire(),
            "schedule": {
                **brief.schedule.to_wire(),
                "postingWindows": [window.to_wire() for window in config.posting_windows.value],
            },
            "cadence": {
                "minPostsPerWeek": cadence.min_posts_per_week.value,
                "maxPostsPerWeek": cadence.max_posts_per_week.value,
                "maxPostsPerDay": cadence.max_posts_per_day.value,
            },
            "messaging": {
                "pillars": [pillar.to_wire() for pillar in config.pillars.value],
                "requiredInclusions": config.required_inclusions,
                "avoidTopics": [topic.value for topic in config.avoid_topics],
                "avoidPhrases": [phrase.value for phrase in config.avoid_phrases],
                "restrictions": [restriction.value for restriction in config.restrictions],
                "personas": [
                    {"id": person.persona_id, "avoidTopics": person.avoid_topics, "avoidWords": person.avoid_words}
                    for person in config.personas
                ],
                **{name: given for name in ("inclusions", "hashtags", "disclosures") if (given := said.get(name))},
            },
            **{
                name: given
                for name in ("keyDates", "platformTimes", "items", "trackedLink")
                if (given := whole.get(name))
            },
            "assets": {rules.platform: rules.visual.value for rules in config.platforms},
        }
    )
