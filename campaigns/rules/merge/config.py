"""The merged configuration: every value that steers a campaign, and where it came from (domain.md section 13)."""

from typing import Generic, Literal, TypeVar

from pydantic import ValidationInfo, field_validator

from campaigns.model.base import Maybe, PersonaId, Text100, Text200, Wire
from campaigns.model.brief import CallToAction, Pillar
from campaigns.model.library.brand import ClaimsPolicy
from campaigns.model.library.persona import Level
from campaigns.model.terms.approval_terms import Approval, Stage
from campaigns.model.terms.schedule import PostingWindow
from campaigns.model.vocabulary import ApprovalMode, LinkPolicy, Platform, Provenance, UsePolicy

T = TypeVar("T")

Visual = Literal["none", "optional_image", "image", "video"]


class Sourced(Wire, Generic[T]):
    """A resolved value and who said it."""

    value: T
    source: Provenance


class MergedCadence(Wire):
    """How often, over the whole campaign: all platforms and personas together."""

    min_posts_per_week: Sourced[int]
    max_posts_per_week: Sourced[int]
    max_posts_per_day: Sourced[int]


class MergedPlatform(Wire):
    """What holds on one of the selected platforms."""

    platform: Platform
    share: Sourced[float]
    visual: Sourced[Visual]
    link_policy: Sourced[LinkPolicy]
    emoji_policy: Sourced[UsePolicy]
    hashtag_policy: Sourced[UsePolicy]


class MergedPersona(Wire):
    """What one of the selected personas adds: hard restrictions, and the stricter emoji policy per platform."""

    persona_id: PersonaId
    name: Text100
    share: Sourced[float]
    avoid_topics: list[Text100]
    avoid_words: list[Text100]
    cta_aggressiveness: Level
    emoji_policy: dict[Platform, Sourced[UsePolicy]]


class ReviewPolicy(Wire):
    """Which posts a person must see: the brand's approval policy, post by post."""

    mode: Sourced[ApprovalMode]
    threshold: Sourced[float]


class ApprovalTerms(Approval):
    """The terms of an approval without the approvers: their number, which a quorum is checked with, is not here."""

    @field_validator("quorum", mode="after")
    @classmethod
    def _quorum_reachable(cls, value: str, info: ValidationInfo) -> str:  # noqa: ARG003 - as the one it takes the place of
        return value

    @field_validator("stages", mode="after")
    @classmethod
    def _stages_hold(cls, value: list[Stage] | None, info: ValidationInfo) -> list[Stage] | None:  # noqa: ARG003 - the same
        return value


class MergedConfig(Wire):
    """Every resolved value of a campaign; lists keep the order of the brief.

    Shares add up to 1 over the selected ones. `cta` is missing when the campaign waived it.
    `avoid_topics` holds the campaign's and the brand's; a persona's own stand in its `MergedPersona`.
    `approval` names no approvers: their addresses stay in the brief.
    `most_posts`: of the whole campaign; None: as many as by default, and the releases before read it.
    """

    cadence: MergedCadence
    most_posts: Maybe[int] = None
    posting_windows: Sourced[list[PostingWindow]]
    pillars: Sourced[list[Pillar]]
    platforms: list[MergedPlatform]
    personas: list[MergedPersona]
    avoid_topics: list[Sourced[Text200]] = []
    avoid_phrases: list[Sourced[Text200]] = []
    restrictions: list[Sourced[Text200]] = []
    required_inclusions: list[str] = []
    cta: Maybe[Sourced[CallToAction]] = None
    claims: Sourced[ClaimsPolicy]
    competitors: list[str] = []
    handles: list[str] = []
    review: ReviewPolicy
    approval: Sourced[ApprovalTerms]
    warnings: list[str] = []

    def platform_rules(self, platform: Platform) -> MergedPlatform:
        """Return the rules of a selected platform.

        Raises:
            KeyError: it is not selected.
        """
        for rules in self.platforms:
            if rules.platform == platform:
                return rules
        raise KeyError(platform)

    def persona_rules(self, persona_id: str) -> MergedPersona:
        """Return the rules of a selected persona.

        Raises:
            KeyError: it is not selected.
        """
        for rules in self.personas:
            if rules.persona_id == persona_id:
                return rules
        raise KeyError(persona_id)
