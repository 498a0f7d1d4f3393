"""Merge: who wins, and that every value says where it came from (domain.md sections 9 and 13)."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings

from campaigns.model.base import STORED
from campaigns.model.brief import CampaignBrief
from campaigns.rules.calendar.building import plan_calendar
from campaigns.rules.guardrails.policy_of import content_policy
from campaigns.rules.merge.merging import MergedConfig, Sourced, explain, merge, plan_version
from tests.model.wires import MISSING
from tests.rules.situations import event_day, merged, spring, the_brand, the_personas
from tests.strategies import Situation, situations

ALL = ["twitter", "linkedin", "instagram", "facebook"]
INES, TOMAS = (persona.id for persona in the_personas())


def said(value: Sourced[Any]) -> tuple[Any, str]:
    return value.value, value.source


def cadence(config: MergedConfig) -> tuple[tuple[int, str], ...]:
    rules = config.cadence
    return said(rules.min_posts_per_week), said(rules.max_posts_per_week), said(rules.max_posts_per_day)


# --- cadence ----------------------------------------------------------------------------------------


def test_the_campaign_beats_the_brand() -> None:
    assert cadence(merged(spring())) == ((3, "campaign"), (5, "campaign"), (2, "campaign"))


@pytest.mark.parametrize(
    ("platforms", "least", "most"),
    [
        (["twitter"], 2, 6),  # 4 a week: 2.8 down, 5.2 up
        (["twitter", "linkedin", "instagram"], 2, 5),  # 3.33: 2.33 down, 4.33 up
        (["linkedin"], 1, 3),  # 2: 1.4 down, 2.6 up
    ],
)
def test_without_overrides_the_brand_s_typical_cadence_gives_the_range(
    platforms: list[str], least: int, most: int
) -> None:
    brief = spring(("cadenceOverrides", {}), ("participants", {"personaIds": [INES], "platforms": platforms}))

    assert cadence(merged(brief)) == ((least, "brand"), (most, "brand"), (2, "system"))


def test_all_four_defaults_of_the_system_average_to_3_to_7() -> None:
    defaults = {
        platform: {
            "defaultAsset": "none",
            "linkPolicy": "allowed",
            "emojiPolicy": "none",
            "hashtagPolicy": "none",
            "typicalCadencePerWeek": weekly,
        }
        for platform, weekly in {"twitter": 5, "linkedin": 3, "instagram": 7, "facebook": 4}.items()
    }
    brand = the_brand(("platformGuidelines", {"enabled": ALL, "defaults": defaults}))
    brief = spring(("cadenceOverrides", {}), ("participants", {"personaIds": [INES], "platforms": ALL}))

    assert cadence(merged(brief, brand))[:2] == ((3, "brand"), (7, "brand"))


def test_a_platform_the_brand_says_nothing_about_counts_three_a_week() -> None:
    brand = the_brand(("platformGuidelines", {"enabled": ALL, "defaults": {}}))
    brief = spring(("cadenceOverrides", {}), ("participants", {"personaIds": [INES], "platforms": ["facebook"]}))

    assert cadence(merged(brief, brand))[:2] == ((2, "brand"), (4, "brand"))


def test_without_a_brand_the_system_decides() -> None:
    assert cadence(merged(event_day())) == ((3, "system"), (7, "system"), (2, "system"))


def test_a_minimum_above_the_maximum_is_lowered_with_a_warning() -> None:
    config = merged(event_day(("cadenceOverrides", {"maxPostsPerWeek": 2})))

    assert cadence(config)[:2] == ((2, "campaign"), (2, "campaign"))
    assert "at least 3 posts a week (system) is above at most 2 (campaign)" in config.warnings[0]


def test_the_day_limit_wins_over_the_week_with_a_warning() -> None:
    config = merged(event_day(("cadenceOverrides", {"maxPostsPerWeek": 20, "maxPostsPerDay": 2})))

    assert cadence(config)[1] == (14, "campaign")
    assert "cannot be reached with 2 a day" in config.warnings[0]


def test_the_day_limit_never_lowers_the_minimum_in_silence() -> None:
    config = merged(event_day(("cadenceOverrides", {"minPostsPerWeek": 20, "maxPostsPerWeek": 30})))

    assert cadence(config)[:2] == ((20, "campaign"), (20, "system"))


# --- pillars, windows, shares -----------------------------------------------------------------------


def test_pillars_are_the_campaign_s_else_the_brand_s_else_the_system_s_and_never_mixed() -> None:
    own = ("messaging.pillars", [{"name": "Own", "weight": 1}])

    assert [pillar.name for pillar in merged(spring(own)).pillars.value] == ["Own"]
    assert merged(spring(own)).pillars.source == "campaign"
    assert [pillar.name for pillar in merged(spring()).pillars.value] == [
        "Where it grows",
        "How we roast",
        "Brewing at home",
    ]
    assert merged(spring()).pillars.source == "brand"
    system = merged(event_day(("messaging.pillars", MISSING))).pillars
    assert [(pillar.name, pillar.weight) for pillar in system.value] == [
        ("Brand Awareness", 0.4),
        ("Education", 0.3),
        ("Engagement", 0.3),
    ]
    assert system.source == "system"


def test_pillars_without_weights_share_equally() -> None:
    config = merged(spring(), the_brand(("pillars", [{"name": "A"}, {"name": "B"}])))

    assert [pillar.weight for pillar in config.pillars.value] == [0.5, 0.5]


def test_windows_are_the_campaign_s_in_order_else_nine_to_five() -> None:
    late_first = [{"start": "17:00", "end": "19:00"}, {"start": "08:00", "end": "10:30"}]

    given = merged(spring(("schedule.postingWindows", late_first))).posting_windows
    default = merged(event_day()).posting_windows

    assert ([(window.start, window.end) for window in given.value], given.source) == (
        [("08:00", "10:30"), ("17:00", "19:00")],
        "campaign",
    )
    assert ([(window.start, window.end) for window in default.value], default.source) == (
        [("09:00", "17:00")],
        "system",
    )


def test_unnamed_shares_of_a_custom_distribution_are_zero_and_a_missing_map_is_balanced() -> None:
    config = merged(spring(("participants.distribution", {"mode": "custom", "platformWeights": {"twitter": 1}})))

    assert [said(rules.share) for rules in config.platforms] == [(1, "campaign"), (0, "campaign"), (0, "campaign")]
    assert [said(rules.share) for rules in config.personas] == [(0.5, "system"), (0.5, "system")]


# --- platforms and personas -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("forced", "brand_default", "visual"),
    [
        (True, "none", ("image", "campaign")),
        (True, "image", ("image", "campaign")),
        (True, "video", ("video", "campaign")),
        (False, "image", ("optional_image", "campaign")),
        (None, "image", ("image", "brand")),
        (None, "video", ("video", "brand")),
        (None, "none", ("none", "brand")),
    ],
)
def test_a_forced_visual_beats_the_brand_s_default(forced: bool | None, brand_default: str, visual: Any) -> None:
    brand = the_brand(("platformGuidelines.defaults.linkedin.defaultAsset", brand_default))

    config = merged(spring(("assetOverrides.forceVisuals.linkedin", forced)), brand)

    assert said(config.platform_rules("linkedin").visual) == visual


def test_instagram_has_media_whatever_the_brand_says() -> None:
    config = merged(spring(), the_brand(("platformGuidelines.defaults.instagram.defaultAsset", "none")))

    assert said(config.platform_rules("instagram").visual) == ("image", "system")
    assert any("Instagram publishes nothing without media" in warning for warning in config.warnings)


def test_house_rules_are_the_brand_s_per_platform_else_the_system_s() -> None:
    brand = the_brand(("platformGuidelines.defaults.linkedin", MISSING))

    config = merged(spring(), brand)

    assert said(config.platform_rules("twitter").hashtag_policy) == ("sparing", "brand")
    assert said(config.platform_rules("linkedin").emoji_policy) == ("none", "system")
    assert said(config.platform_rules("instagram").link_policy) == ("discouraged", "brand")


def test_the_stricter_of_brand_and_persona_rules_the_emojis() -> None:
    config = merged(spring())  # Ines uses none, Tomás few

    assert {key: said(value) for key, value in config.persona_rules(INES).emoji_policy.items()} == {
        "twitter": ("none", "persona"),
        "linkedin": ("none", "brand"),
        "instagram": ("none", "persona"),
    }
    assert {key: said(value) for key, value in config.persona_rules(TOMAS).emoji_policy.items()} == {
        "twitter": ("sparing", "brand"),
        "linkedin": ("none", "brand"),
        "instagram": ("sparing", "persona"),
    }


def test_only_the_selected_personas_are_merged_in_the_order_of_the_brief() -> None:
    brief = spring(("participants.personaIds", [TOMAS, INES]))
    alone = spring(("participants.personaIds", [TOMAS]))

    assert [rules.persona_id for rules in merged(brief).personas] == [TOMAS, INES]
    assert [rules.persona_id for rules in merged(alone).personas] == [TOMAS]


# --- words ------------------------------------------------------------------------------------------


def test_avoided_topics_are_a_union_that_nothing_shrinks() -> None:
    config = merged(spring(("messaging.campaignAvoidTopics", ["discounts", "Politics"])))

    assert [said(topic) for topic in config.avoid_topics] == [
        ("discounts", "campaign"),
        ("Politics", "campaign"),
        ("weight loss", "brand"),
    ]
    assert config.persona_rules(INES).avoid_topics == ["coffee and health"]


def test_the_call_to_action_is_the_campaign_s_else_the_brand_s_by_objective_else_the_system_s() -> None:
    none = ("brief.primaryCTA", None)
    library = [{"type": "read_more", "text": "Read"}, {"type": "shop_now", "text": "Shop"}]
    brand = the_brand(("ctaLibrary", library))

    def cta(brief: CampaignBrief, of: Any = brand) -> tuple[str, str] | None:
        found = merge(brief, of, the_personas()).cta
        return (found.value.text, found.source) if found else None

    assert cta(spring()) == ("Order the first bags", "campaign")
    assert cta(spring(none)) == ("Shop", "brand")
    assert cta(spring(none, ("brief.objective", "awareness"))) == ("Read", "brand")
    assert cta(spring(none), None) == ("Learn more", "system")
    for of in (brand, None):
        assert cta(spring(none, ("brief.objective", "conversion"), ("brief.ctaWaived", True)), of) is None


def test_claims_and_review_are_the_brand_s_else_the_strictest() -> None:
    loose = the_brand(
        ("claimsPolicy.noGuarantees", False), ("approvalPolicy", {"mode": "auto_approve", "threshold": 0.5})
    )

    config, strict = merged(spring(), loose), merged(event_day())

    assert (config.claims.value.no_guarantees, config.claims.source) == (False, "brand")
    assert (said(config.review.mode), said(config.review.threshold)) == (("auto_approve", "brand"), (0.5, "brand"))
    assert (strict.claims.value.no_guarantees, strict.claims.source) == (True, "system")
    assert (said(strict.review.mode), said(strict.review.threshold)) == (("always_review", "system"), (0.7, "system"))


def test_addresses_of_approvers_are_no_part_of_the_configuration() -> None:
    brief = spring(("approval.approvers", [{"name": "Ana", "email": "ana@acme.example"}]))

    config = merged(brief)

    assert config.approval.source == "campaign"
    assert "ana@acme.example" not in config.model_dump_json()
    assert not any("ana@acme.example" in value for _, value, _ in explain(config))


# --- the whole --------------------------------------------------------------------------------------


@settings(max_examples=150, deadline=None)
@given(situation=situations())
def test_a_configuration_survives_the_wire_and_explains_every_value(situation: Situation) -> None:
    config = situation.config

    assert MergedConfig.model_validate(config.to_wire()) == config
    assert config.cadence.min_posts_per_week.value <= config.cadence.max_posts_per_week.value
    assert math.isclose(sum(rules.share.value for rules in config.platforms), 1, abs_tol=0.001)
    assert math.isclose(sum(rules.share.value for rules in config.personas), 1, abs_tol=0.001)
    lines = explain(config)
    assert {source for _, _, source in lines} <= {"campaign", "brand", "persona", "system"}
    assert all(name and value for name, value, _ in lines)
    if situation.brand is None:
        assert "brand" not in {source for _, _, source in lines}


def test_the_run_can_print_the_configuration_line_by_line() -> None:
    lines = explain(merged(spring()))

    assert ("Posts per week, at most", "5", "campaign") in lines
    assert ("Pillars", "Where it grows 40 %, How we roast 35 %, Brewing at home 25 %", "brand") in lines
    assert ("Ines Carvalho: emojis on X", "none", "persona") in lines
    assert ("Avoided topic", "politics", "brand") in lines
    assert ("Approval: hours to decide", "168", "system") in lines


@pytest.mark.parametrize(
    "change",
    [
        ("brief.description", "Something else entirely."),
        ("brief.primaryCTA", None),
        ("participants.personaIds", [TOMAS, INES]),
        ("participants.platforms", ["twitter", "instagram", "linkedin"]),
        ("schedule.endDate", "2027-04-05"),
        ("schedule.postingWindows", MISSING),
        ("cadenceOverrides.maxPostsPerWeek", 6),
        ("messaging.pillars", [{"name": "Own", "weight": 1}]),
        ("messaging.campaignAvoidTopics", ["prices"]),
        ("messaging.requiredInclusions", ["38 families"]),
        ("assetOverrides.forceVisuals.twitter", True),
    ],
    ids=lambda change: change[0],
)
def test_whatever_a_plan_is_made_from_changes_its_version(change: tuple[str, Any]) -> None:
    before, after = spring(), spring(change)

    assert plan_version(before, merged(before)) != plan_version(after, merged(after))


@pytest.mark.parametrize(
    "change",
    [
        ("name", "Another name"),
        ("metadata.externalRef", "another"),
        ("approval.expiresInHours", 24),
        ("brief.ctaWaived", False),  # the default, said aloud
    ],
    ids=lambda change: change[0],
)
def test_what_no_plan_depends_on_keeps_its_version(change: tuple[str, Any]) -> None:
    before, after = spring(), spring(change)

    assert plan_version(before, merged(before)) == plan_version(after, merged(after))


def test_a_default_that_the_brand_changes_changes_the_version() -> None:
    brief = spring()
    brand = the_brand(("contentStandards.avoidTopics", ["sports"]))

    assert plan_version(brief, merged(brief)) != plan_version(brief, merged(brief, brand))


# --- the policy of one post -------------------------------------------------------------------------


def test_a_post_gets_the_rules_of_its_persona_on_its_platform() -> None:
    brief, brand, personas = spring(), the_brand(("handles", ["@fernwood", "huila_coop"])), the_personas()
    config = merged(brief, brand)
    slots = plan_calendar(brief, config, seed="seed").slots
    slot = next(slot for slot in slots if slot.persona_id == INES and slot.platform == "instagram")

    policy = content_policy(slot, config, brief, brand, personas[0])

    assert (policy.platform, policy.link_policy, policy.emoji_policy) == ("instagram", "discouraged", "none")
    assert policy.avoid_words == ["artisanal", "elevate", "journey"]
    assert policy.avoid_phrases == ["best in the world", "game changer"]
    assert policy.avoid_topics == ["coffee and health", "discounts", "politics", "weight loss"]
    assert policy.known_handles == ["fernwood", "huila_coop"]
    assert policy.allowed_hosts == ["fernwood.example"]
    assert policy.cta_aggressiveness == "low"
    assert policy.competitors == ["Starbucks", "Nespresso"]
    assert policy.cta == brief.brief.primary_cta
    assert policy.sources == [
        brief.brief.description,
        "38 families",
        "900 bags",
        "Order the first bags",
        brief.name,
        personas[0].role,
        personas[0].company,
        *personas[0].opinions.strong_beliefs,
        brand.name,
        brand.ethos,
        *brand.core_values,
        *brand.voice_guidelines.messaging,
        "15 March 2027",
        "4 April 2027",
    ]


@settings(max_examples=100, deadline=None)
@given(situation=situations())
def test_no_policy_is_looser_than_anybody_asked(situation: Situation) -> None:
    strictness = {"allowed": 0, "sparing": 1, "none": 2}
    habit = {"frequent": 0, "sparing": 1, "none": 2}
    config = situation.config
    for persona in situation.personas:
        for rules in config.platforms:
            policy = config.persona_rules(persona.id).emoji_policy[rules.platform]
            assert strictness[policy.value] >= strictness[rules.emoji_policy.value]
            assert strictness[policy.value] >= habit[persona.writing_habits.emojis]
        assert set(persona.opinions.avoids_topics) == set(config.persona_rules(persona.id).avoid_topics)
    named = {topic.value.casefold() for topic in config.avoid_topics}
    asked = list(situation.brief.messaging.campaign_avoid_topics)
    asked += situation.brand.content_standards.avoid_topics if situation.brand else []
    assert named == {topic.casefold() for topic in asked}


@pytest.mark.parametrize("quorum", ["any", "all", "2", "3"])
def test_a_configuration_is_read_back_whatever_the_quorum(quorum: str) -> None:
    people = [{"name": name, "email": f"{name}@fernwood.example"} for name in ("ana", "rui", "eva")]
    config = merged(spring(("approval", {"approvers": people, "quorum": quorum})))

    assert MergedConfig.model_validate(config.to_wire()) == config
    assert MergedConfig.model_validate_json(config.model_dump_json(), context=STORED) == config
    assert config.approval.value.approvers == []
