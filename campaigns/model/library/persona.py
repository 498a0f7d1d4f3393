"""Who speaks: persona, what they wrote before, and the style read from it (domain.md sections 5 to 7)."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from campaigns.model.base import (
    Clean,
    ExampleId,
    Instant,
    Lines,
    Maybe,
    PersonaId,
    TenantId,
    Text50,
    Text100,
    Text300,
    Text1000,
    Wire,
    optional,
)
from campaigns.model.vocabulary import AnalysisStatus, Audience

UnitInterval = Annotated[float, Field(ge=0, le=1)]
Level = Literal["low", "medium", "high"]
Frequency = Literal["frequent", "occasional", "rare"]


class WritingHabits(Wire):
    paragraphs: Literal["short", "medium", "long"] = Field(title="Paragraphs")
    questions: Frequency = Field(title="Questions")
    emojis: Literal["frequent", "sparing", "none"] = Field(title="Emojis")
    structure: Literal["prose", "lists", "mixed"] = Field(title="Structure")


class Opinions(Wire):
    strong_beliefs: Annotated[list[Text300], Field(min_length=1, max_length=3)] = Field(title="Strong beliefs")
    avoids_topics: Annotated[list[Text100], Field(max_length=10), Lines] = Field(
        default=[], title="Never speaks about", description="A hard restriction"
    )
    weakly_held: Annotated[list[Text300], Field(max_length=2)] = Field(default=[], title="Weakly held")


class Language(Wire):
    avoid: Annotated[list[Text100], Field(max_length=20), Lines] = Field(
        default=[], title="Never says", description="A hard restriction"
    )
    prefer: Annotated[list[Text100], Field(max_length=20), Lines] = Field(default=[], title="Likes to say")


class CtaStyle(Wire):
    aggressiveness: Level = Field(title="Push", description="low: at most one soft call to action")
    patterns: Annotated[list[Text300], Field(max_length=10)] = Field(default=[], title="Typical wording")


class PersonaInput(Wire):
    """What a client says of a persona."""

    name: Text100 = Field(title="Name")
    role: Text100 = Field(title="Role")
    company: Text100 = Field(title="Company")
    primary_audience: Audience = Field(title="Primary audience")
    voice_traits: Annotated[list[Text50], Field(min_length=1, max_length=10), Lines] = Field(title="Voice")
    writing_habits: WritingHabits = Field(title="Writing habits")
    opinions: Opinions = Field(title="Opinions")
    language: Language = Field(default=Language(), title="Language")
    cta_style: CtaStyle = Field(title="Calls to action")


class SentenceLengthPattern(Wire):
    avg_words_per_sentence: Annotated[float, Field(gt=0)]
    variance: Level
    classification: Literal["short", "medium", "long", "varied"]


class Coverage(Wire):
    """What the style was read from; computed, never asked of a model."""

    example_count: Annotated[int, Field(ge=0)]
    platform_count: Annotated[int, Field(ge=0)]
    intent_count: Annotated[int, Field(ge=0)]


class ConsistencyByFeature(Wire):
    sentence_length: UnitInterval
    structure: UnitInterval
    expressiveness: UnitInterval
    metaphors: UnitInterval
    tone: UnitInterval
    assertiveness: UnitInterval
    hooks: UnitInterval


class StyleConfidence(Wire):
    overall: UnitInterval
    coverage: Coverage
    consistency_by_feature: ConsistencyByFeature


ToneTag = Literal[
    "direct", "warm", "candid", "technical", "playful", "skeptical", "optimistic", "pragmatic",
    "story-driven", "educational",
]  # fmt: skip


class StyleFeatures(Wire):
    """What is read of how somebody writes."""

    sentence_length_pattern: SentenceLengthPattern
    structure_preference: Literal["prose", "lists", "mixed"]
    pacing: Literal["punchy", "even", "meandering"]
    emoji_frequency: UnitInterval
    expressiveness_markers: Level
    analogy_usage: Frequency
    imagery_metaphor_usage: Frequency
    anecdote_usage: Frequency
    tone_tags: Annotated[list[ToneTag], Field(min_length=1, max_length=4)]
    overall_tone: Maybe[Text300] = optional("Overall tone")
    assertiveness: Level
    hedging_style: Literal["rare", "some", "frequent"]
    hook_style: Literal["question", "contrarian", "story", "data", "straight-to-point", "mixed"]


class InferredStyle(StyleFeatures):
    """How a persona really writes, read from at least five examples."""

    confidence: StyleConfidence


class Persona(PersonaInput):
    """A stored persona."""

    id: PersonaId
    tenant_id: TenantId
    inferred_style: Maybe[InferredStyle] = None
    analysis_status: AnalysisStatus = AnalysisStatus.PENDING
    last_analysis_at: Maybe[Instant] = None
    is_active: bool = True
    created_at: Instant
    updated_at: Instant
    deleted_at: Maybe[Instant] = None
    version: Annotated[int, Field(ge=1)] = 1


class WritingExampleInput(Wire):
    """Something the persona wrote."""

    platform: Text50 = Field(title="Platform", description="Free text, such as Blog")
    intent: Text100 = Field(title="Intent")
    text: Annotated[str, StringConstraints(min_length=10, max_length=10_000), Clean] = Field(title="Text")
    notes: Maybe[Text1000] = optional("Notes")


class WritingExample(WritingExampleInput):
    """A stored example. Its text is removed at once on deletion, the row 7 days later."""

    id: ExampleId
    tenant_id: TenantId
    persona_id: PersonaId
    text: Annotated[str, StringConstraints(max_length=10_000)]  # empty once deleted
    created_at: Instant
    analyzed_at: Maybe[Instant] = None
    deleted_at: Maybe[Instant] = None
    version: Annotated[int, Field(ge=1)] = 1


MIN_EXAMPLES = 5
NEWEST_EXAMPLES = 10
MAX_EXAMPLES = 50
MIN_STYLE_CONFIDENCE = 0.5
