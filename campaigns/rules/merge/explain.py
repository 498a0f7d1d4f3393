"""Shows a merged configuration to people, and names a plan by what went into it (domain.md sections 3 and 13)."""

from __future__ import annotations

from campaigns.model.base import content_hash
from campaigns.model.brief import CallToAction, CampaignBrief
from campaigns.model.vocabulary import PLATFORM_NAMES
from campaigns.rules.merge.config import MergedConfig

Line = tuple[str, str, str]


def explain(config: MergedConfig) -> list[Line]:
    """Return (name, value, source) for every resolved value, in words, in a fixed order."""
    cadence = config.cadence
    lines: list[Line] = [
        ("Posts per week, at least", str(cadence.min_posts_per_week.value), cadence.min_posts_per_week.source),
        ("Posts per week, at most", str(cadence.max_posts_per_week.value), cadence.max_posts_per_week.source),
        ("Posts per day, at most", str(cadence.max_posts_per_day.value), cadence.max_posts_per_day.source),
        (
            "Posting windows",
            ", ".join(f"{window.start}-{window.end}" for window in config.posting_windows.value),
            config.posting_windows.source,
        ),
        (
            "Pillars",
            ", ".join(f"{pillar.name} {_percent(pillar.weight)}" for pillar in config.pillars.value),
            config.pillars.source,
        ),
    ]
    for rules in config.platforms:
        name = PLATFORM_NAMES[rules.platform]
        lines += [
            (f"{name}: share", _percent(rules.share.value), rules.share.source),
            (f"{name}: visual", rules.visual.value.replace("_", " "), rules.visual.source),
            (f"{name}: links", rules.link_policy.value, rules.link_policy.source),
            (f"{name}: hashtags", rules.hashtag_policy.value, rules.hashtag_policy.source),
            (f"{name}: emojis", rules.emoji_policy.value, rules.emoji_policy.source),
        ]
    for person in config.personas:
        lines.append((f"{person.name}: share", _percent(person.share.value), person.share.source))
        lines += [
            (f"{person.name}: emojis on {PLATFORM_NAMES[platform]}", policy.value, policy.source)
            for platform, policy in person.emoji_policy.items()
        ]
        lines.append((f"{person.name}: push of the call to action", person.cta_aggressiveness, "persona"))
        lines += [(f"{person.name}: avoids topic", topic, "persona") for topic in person.avoid_topics]
        lines += [(f"{person.name}: avoids word", word, "persona") for word in person.avoid_words]
    lines += [("Avoided topic", topic.value, topic.source) for topic in config.avoid_topics]
    lines += [("Avoided phrase", phrase.value, phrase.source) for phrase in config.avoid_phrases]
    lines += [("Restriction", restriction.value, restriction.source) for restriction in config.restrictions]
    lines += [("Must include", inclusion, "campaign") for inclusion in config.required_inclusions]
    lines.append(
        ("Call to action", _cta_words(config.cta.value), config.cta.source)
        if config.cta
        else ("Call to action", "none (waived)", "campaign")
    )
    claims = config.claims.value
    lines += [
        ("Claims: no guarantees", _yes(claims.no_guarantees), config.claims.source),
        ("Claims: only given figures", _yes(claims.no_performance_numbers_unless_provided), config.claims.source),
        ("Claims: a source for figures", _yes(claims.require_source_for_stats), config.claims.source),
        ("Competitors", claims.competitor_mention_policy.replace("_", " "), config.claims.source),
        ("Review", config.review.mode.value.replace("_", " "), config.review.mode.source),
        ("Review threshold", f"{config.review.threshold.value:g}", config.review.threshold.source),
    ]
    approval = config.approval
    lines += [
        ("Approval: quorum", approval.value.quorum, approval.source),
        ("Approval: hours to decide", str(approval.value.expires_in_hours), approval.source),
        ("Approval: if nobody decides", approval.value.on_timeout, approval.source),
        ("Approval: revision rounds, at most", str(approval.value.max_revision_rounds), approval.source),
    ]
    return lines


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
            },
            "assets": {rules.platform: rules.visual.value for rules in config.platforms},
        }
    )
