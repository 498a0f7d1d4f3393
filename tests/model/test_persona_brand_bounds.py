"""Personas, writing examples, styles, brands and assets: the bounds of domain.md sections 5 to 8."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel

from campaigns.model.library.brand import MAX_ASSET_BYTES, BrandAssetInput, BrandInput, UsageRules
from campaigns.model.library.persona import InferredStyle, PersonaInput, WritingExampleInput
from tests.model.wires import BRAND, MISSING, PERSONA, changed, faults

EXAMPLE = {"platform": "Blog", "intent": "teach", "text": "Ten words or so."}
STYLE: dict[str, Any] = {
    "sentenceLengthPattern": {"avgWordsPerSentence": 12.5, "variance": "low", "classification": "short"},
    "structurePreference": "prose",
    "pacing": "even",
    "emojiFrequency": 0,
    "expressivenessMarkers": "low",
    "analogyUsage": "rare",
    "imageryMetaphorUsage": "rare",
    "anecdoteUsage": "rare",
    "toneTags": ["direct"],
    "assertiveness": "high",
    "hedgingStyle": "rare",
    "hookStyle": "data",
    "confidence": {
        "overall": 0.5,
        "coverage": {"exampleCount": 5, "platformCount": 1, "intentCount": 1},
        "consistencyByFeature": {
            "sentenceLength": 1,
            "structure": 1,
            "expressiveness": 1,
            "metaphors": 1,
            "tone": 1,
            "assertiveness": 1,
            "hooks": 1,
        },
    },
}
ASSET = {"name": "Logo", "type": "logo", "category": "marks"}
DEFAULTS = {
    "defaultAsset": "none",
    "linkPolicy": "never",
    "emojiPolicy": "none",
    "hashtagPolicy": "none",
    "typicalCadencePerWeek": 21,
}


def pillars(*weights: float | None) -> list[dict[str, Any]]:
    return [{"name": f"P{number}", "weight": weight} for number, weight in enumerate(weights)]


CASES: list[tuple[type[BaseModel], dict[str, Any], str, Any, str | None]] = [
    (PersonaInput, PERSONA, "name", "x" * 100, None),
    (PersonaInput, PERSONA, "name", "x" * 101, "name"),
    (PersonaInput, PERSONA, "company", " ", "company"),
    (PersonaInput, PERSONA, "voiceTraits", ["x"] * 10, None),
    (PersonaInput, PERSONA, "voiceTraits", [], "voiceTraits"),
    (PersonaInput, PERSONA, "voiceTraits", ["x"] * 11, "voiceTraits"),
    (PersonaInput, PERSONA, "voiceTraits", ["x" * 51], "voiceTraits[0]"),
    (PersonaInput, PERSONA, "writingHabits.emojis", "often", "writingHabits.emojis"),
    (PersonaInput, PERSONA, "opinions.strongBeliefs", ["x" * 300] * 3, None),
    (PersonaInput, PERSONA, "opinions.strongBeliefs", ["x"] * 4, "opinions.strongBeliefs"),
    (PersonaInput, PERSONA, "opinions.strongBeliefs", ["x" * 301], "opinions.strongBeliefs[0]"),
    (PersonaInput, PERSONA, "opinions.avoidsTopics", ["x"] * 10, None),
    (PersonaInput, PERSONA, "opinions.avoidsTopics", ["x"] * 11, "opinions.avoidsTopics"),
    (PersonaInput, PERSONA, "opinions.weaklyHeld", ["x"] * 3, "opinions.weaklyHeld"),
    (PersonaInput, PERSONA, "language.avoid", ["x"] * 20, None),
    (PersonaInput, PERSONA, "language.avoid", ["x"] * 21, "language.avoid"),
    (PersonaInput, PERSONA, "language", MISSING, None),
    (PersonaInput, PERSONA, "ctaStyle.aggressiveness", MISSING, "ctaStyle.aggressiveness"),
    (PersonaInput, PERSONA, "ctaStyle.patterns", ["x"] * 11, "ctaStyle.patterns"),
    (WritingExampleInput, EXAMPLE, "text", "x" * 10, None),
    (WritingExampleInput, EXAMPLE, "text", "x" * 9, "text"),
    (WritingExampleInput, EXAMPLE, "text", "x" * 10_000, None),
    (WritingExampleInput, EXAMPLE, "text", "x" * 10_001, "text"),
    (WritingExampleInput, EXAMPLE, "platform", "x" * 51, "platform"),
    (WritingExampleInput, EXAMPLE, "intent", "x" * 101, "intent"),
    (WritingExampleInput, EXAMPLE, "notes", "x" * 1001, "notes"),
    (InferredStyle, STYLE, "toneTags", ["direct", "warm", "candid", "technical"], None),
    (InferredStyle, STYLE, "toneTags", [], "toneTags"),
    (InferredStyle, STYLE, "toneTags", ["direct", "warm", "candid", "technical", "playful"], "toneTags"),
    (InferredStyle, STYLE, "emojiFrequency", 1.01, "emojiFrequency"),
    (
        InferredStyle,
        STYLE,
        "sentenceLengthPattern.avgWordsPerSentence",
        0,
        "sentenceLengthPattern.avgWordsPerSentence",
    ),
    (InferredStyle, STYLE, "confidence.coverage.exampleCount", -1, "confidence.coverage.exampleCount"),
    (InferredStyle, STYLE, "hookStyle", "straight-to-point", None),
    (BrandInput, BRAND, "ethos", "x" * 1000, None),
    (BrandInput, BRAND, "ethos", "x" * 1001, "ethos"),
    (BrandInput, BRAND, "coreValues", [], "coreValues"),
    (BrandInput, BRAND, "visualIdentity.typography", ["x"] * 6, "visualIdentity.typography"),
    (BrandInput, BRAND, "contentStandards.restrictions", ["x"] * 21, "contentStandards.restrictions"),
    (BrandInput, BRAND, "contentStandards.avoidPhrases", ["x"] * 21, "contentStandards.avoidPhrases"),
    (BrandInput, BRAND, "platformGuidelines.enabled", [], "platformGuidelines.enabled"),
    (BrandInput, BRAND, "platformGuidelines.defaults.facebook", DEFAULTS, None),
    (
        BrandInput,
        BRAND,
        "platformGuidelines.defaults.facebook",
        {**DEFAULTS, "typicalCadencePerWeek": 22},
        "platformGuidelines.defaults.facebook.typicalCadencePerWeek",
    ),
    (BrandInput, BRAND, "platformGuidelines.defaults.tiktok", DEFAULTS, "platformGuidelines.defaults.tiktok"),
    (BrandInput, BRAND, "pillars", pillars(None, None), None),
    (BrandInput, BRAND, "pillars", pillars(0.5, 0.5), None),
    (BrandInput, BRAND, "pillars", pillars(0.5, None), "pillars"),
    (BrandInput, BRAND, "pillars", pillars(0.5, 0.4), "pillars"),
    (BrandInput, BRAND, "pillars", [{"name": "A"}, {"name": "a"}], "pillars"),
    (BrandInput, BRAND, "pillars", pillars(*[None] * 11), "pillars"),
    (BrandInput, BRAND, "competitors", [f"c{number}" for number in range(51)], "competitors"),
    (BrandInput, BRAND, "ctaLibrary", [{"type": "shop", "text": "Buy", "defaultUrl": None}] * 20, None),
    (BrandInput, BRAND, "ctaLibrary", [{"type": "shop", "text": "Buy"}] * 21, "ctaLibrary"),
    (BrandInput, BRAND, "ctaLibrary", [{"type": "shop", "text": "Buy", "defaultUrl": "x"}], "ctaLibrary[0].defaultUrl"),
    (BrandInput, BRAND, "approvalPolicy", {"threshold": 1.1, "mode": "auto_approve"}, "approvalPolicy.threshold"),
    (BrandAssetInput, ASSET, "tags", ["x"] * 20, None),
    (BrandAssetInput, ASSET, "tags", ["x"] * 21, "tags"),
    (BrandAssetInput, ASSET, "name", "x" * 201, "name"),
    (BrandAssetInput, ASSET, "type", "font", "type"),
    (UsageRules, {}, "placement", "x" * 501, "placement"),
    (UsageRules, {}, "sizing", {"minWidth": 2, "maxWidth": 2}, None),
    (UsageRules, {}, "sizing", {"minWidth": 3, "maxWidth": 2}, "sizing"),
    (UsageRules, {}, "sizing", {"minHeight": 0}, "sizing.minHeight"),
]


@pytest.mark.parametrize(
    ("model", "base", "path", "value", "field"),
    CASES,
    ids=[f"{case[0].__name__}.{case[2]}-{'refused' if case[4] else 'accepted'}-{n}" for n, case in enumerate(CASES)],
)
def test_a_bound_holds_on_both_sides_of_its_edge(
    model: type[BaseModel], base: dict[str, Any], path: str, value: Any, field: str | None
) -> None:
    found = faults(model, changed(base, (path, value)))

    assert [fault.field for fault in found] == ([field] if field else [])


def test_the_bases_of_these_cases_are_accepted() -> None:
    pairs: list[tuple[type[BaseModel], dict[str, Any]]] = [
        (PersonaInput, PERSONA),
        (BrandInput, BRAND),
        (WritingExampleInput, EXAMPLE),
        (InferredStyle, STYLE),
    ]

    assert [faults(model, wire) for model, wire in pairs] == [[], [], [], []]


def test_an_asset_may_have_ten_mebibytes() -> None:
    assert MAX_ASSET_BYTES == 10 * 1024 * 1024
