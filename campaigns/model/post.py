"""A post: its place in the calendar, its words, and what people said of it (domain.md section 4)."""

from __future__ import annotations

from typing import Annotated, Final, Literal, Self

from pydantic import Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from campaigns.model.base import (
    CampaignId,
    Clean,
    HttpUrlText,
    Instant,
    Line500,
    Maybe,
    PersonaId,
    PostId,
    TenantId,
    Text100,
    Wire,
    content_hash,
)
from campaigns.model.terms.given import Given
from campaigns.model.vocabulary import Intent, Platform, PostStatus, ReferenceType, ReviewState, Severity

MAX_TEXT: Final = 65_000
"""Code points; no platform takes more (domain.md section 16)."""

PostText = Annotated[str, StringConstraints(min_length=1, max_length=MAX_TEXT), Clean]
Description = Annotated[str, StringConstraints(min_length=10, max_length=500), Clean]


class AssetRequirements(Wire):
    """Which visual the post needs; a needed one is described."""

    image_required: bool = False
    image_description: Maybe[Description] = None
    video_required: bool = False
    video_description: Maybe[Description] = None

    @model_validator(mode="after")
    def _needed_is_described(self) -> Self:
        for what in ("image", "video"):
            if getattr(self, f"{what}_required") and getattr(self, f"{what}_description") is None:
                raise PydanticCustomError("asset_description", "a required {what} needs a description", {"what": what})
        return self


class Reference(Wire):
    """A source or an asset of the brand that the post may use."""

    type: ReferenceType
    value: Line500


class PostWords(Wire):
    """What a post says, as it is written and as it is kept."""

    text: PostText
    hashtags: Annotated[list[Text100], Field(max_length=50)] = []
    mentions: Annotated[list[Text100], Field(max_length=50)] = []
    link: Maybe[HttpUrlText] = None
    alt_text: Maybe[Annotated[str, StringConstraints(min_length=1, max_length=1000), Clean]] = None


class PostContent(PostWords):
    """The words of a post. Hashtags without `#`, mentions without `@`."""

    generated_at: Instant


class Check(Wire):
    """One finding of the guardrails. `span` is [start, end) in code points of the text."""

    code: str
    severity: Severity
    message: str
    span: Maybe[tuple[int, int]] = None


class Quality(Wire):
    """How good the guardrails find the words."""

    score: Annotated[float, Field(ge=0, le=1)]
    checks: list[Check] = []

    @property
    def blocked(self) -> bool:
        return any(check.severity == "block" for check in self.checks)


class Review(Wire):
    """What people said of the post, last."""

    state: ReviewState = ReviewState.NONE
    round: Annotated[int, Field(ge=0)] = 0
    by: Maybe[str] = None
    at: Maybe[Instant] = None
    comment: Maybe[str] = None


class LastError(Wire):
    """Why a campaign, or one post of it, failed."""

    code: str
    message: str
    at: Instant
    retryable: bool


OFFLINE: Final = "offline"
"""The model of a post that no model wrote: sentences of the brief, for a person to look at."""


class ModelUsage(Wire):
    """What the words cost: model calls, tokens and US dollars."""

    model: str = OFFLINE
    calls: Annotated[int, Field(ge=0)] = 0
    input_tokens: Annotated[int, Field(ge=0)] = 0
    output_tokens: Annotated[int, Field(ge=0)] = 0
    cost_usd: Annotated[float, Field(ge=0)] = 0.0

    def plus(self, other: ModelUsage) -> ModelUsage:
        return ModelUsage(
            model=other.model if other.calls else self.model,
            calls=self.calls + other.calls,
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            cost_usd=round(self.cost_usd + other.cost_usd, 10),
        )


class CommentAnswer(Wire):
    """What the writer changed for one comment of the approver."""

    comment: str
    answer: str


class Slot(Wire):
    """A place in the calendar, made by code alone (domain.md section 14); the model fills in the topic."""

    number: Annotated[int, Field(ge=1)]
    persona_id: PersonaId
    platform: Platform
    scheduled_at: Instant
    pillar: Maybe[Text100] = None
    intent: Intent
    required_inclusions: list[Line500] = []
    needs_cta: bool = False
    visual: Literal["none", "optional_image", "image", "video"] = "none"
    given: Maybe[Given] = None


class Post(Wire):
    """One post of a campaign.

    `instruction` is what an operator wants of the next words; it goes when they are written. `edited_by` is who wrote
    the present ones, where that was not the writer.
    """

    id: PostId
    tenant_id: TenantId
    campaign_id: CampaignId
    number: Annotated[int, Field(ge=1)]
    persona_id: PersonaId
    platform: Platform
    scheduled_at: Instant
    topic: Line500
    intent: Intent
    pillar: Maybe[Text100] = None
    required_inclusions: list[Line500] = []
    needs_cta: bool = False
    asset_requirements: AssetRequirements = AssetRequirements()
    references: Annotated[list[Reference], Field(max_length=10)] = []
    given: Maybe[Given] = None
    content: Maybe[PostContent] = None
    status: PostStatus = PostStatus.PLANNED
    review: Review = Review()
    revision: Annotated[int, Field(ge=0)] = 0
    comment_answers: list[CommentAnswer] = []
    instruction: Maybe[str] = None
    edited_by: Maybe[str] = None
    quality: Maybe[Quality] = None
    usage: ModelUsage = ModelUsage()
    last_error: Maybe[LastError] = None
    created_at: Instant
    updated_at: Instant
    version: Annotated[int, Field(ge=1)] = 1

    @property
    def campaign_ref(self) -> tuple[str, str]:
        return self.tenant_id, self.campaign_id

    def content_hash(self) -> str:
        """Return the SHA-256 of what an approver sees: words, asset, time, platform and persona."""
        words = self.content.to_wire() if self.content else {}
        words.pop("generatedAt", None)
        return content_hash(
            {
                "postId": self.id,
                "content": words,
                "assets": self.asset_requirements.to_wire(),
                "scheduledAt": self.scheduled_at.isoformat(),
                "platform": self.platform,
                "personaId": self.persona_id,
            }
        )

    @property
    def usable(self) -> bool:
        """Whether there are words that a person can decide on."""
        return self.status in {PostStatus.COMPLETED, PostStatus.NEEDS_REVIEW} and self.content is not None

    @property
    def goes_out(self) -> bool:
        """Whether it was approved, and is published once its campaign is complete."""
        return self.review.state is ReviewState.APPROVED and self.status is not PostStatus.SKIPPED


def round_digest(posts: list[Post]) -> str:
    """Return the SHA-256 over the ordered content hashes: exactly what a round shows."""
    return content_hash([post.content_hash() for post in sorted(posts, key=lambda post: (post.scheduled_at, post.id))])
