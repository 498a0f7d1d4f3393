"""What goes into the agents and what comes out.

Inputs are complete: an agent reads nothing but its input. Outputs carry `success` and `error`;
`usage` is there in either case, because a failed call may have cost money too.
"""

from datetime import datetime
from typing import Annotated, Final, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from campaigns.agents.failures import AgentFailure
from campaigns.model.approval import Passage
from campaigns.model.base import CampaignId, Clean, Line500, Maybe, PersonaId, PostId, TenantId, Text200, Wire
from campaigns.model.brief import Brief, CallToAction
from campaigns.model.campaign import Campaign, PlanSummary
from campaigns.model.library.brand import Brand
from campaigns.model.library.persona import InferredStyle, Persona, WritingExample
from campaigns.model.post import (
    AssetRequirements,
    Check,
    CommentAnswer,
    ModelUsage,
    Post,
    PostContent,
    PostText,
    Quality,
    Reference,
    Slot,
)
from campaigns.model.vocabulary import PostStatus
from campaigns.rules.guardrails.content_policy import ContentPolicy
from campaigns.rules.merge.config import MergedConfig

MAX_EXAMPLES_SHOWN: Final = 3

MoneyLeft = Annotated[float, Field(ge=0)]
"""US dollars that may still be spent; null: no limit."""

TimeLeft = Annotated[float, Field(ge=0)]
"""Seconds in which the model must have answered, repairs included; null: as long as its client waits."""


class AgentOutput(Wire):
    """What every output has: a result when `success`, else an error, never both."""

    success: bool
    usage: ModelUsage = ModelUsage()
    error: Maybe[AgentFailure] = None

    @model_validator(mode="after")
    def _result_or_error(self) -> Self:
        if self.success is (self.error is not None):
            raise ValueError("an output has a result or an error")
        return self


class PlannerInput(Wire):
    """A campaign and its calendar; the planner finds a topic for each slot.

    Attributes:
        merged_config: the merged configuration (domain.md section 13).
        already_used_topics: topics of earlier occurrences, which must not come back.
        plan_key: what distinguishes this plan from another one of the same campaign; part of the post
            ids. Null: the campaign's `planVersion`.
    """

    tenant_id: TenantId
    campaign_id: CampaignId
    campaign: Campaign
    slots: Annotated[list[Slot], Field(min_length=1, max_length=1000)]
    brand_config: Maybe[Brand] = None
    persona_configs: Annotated[list[Persona], Field(min_length=1, max_length=10)]
    merged_config: MergedConfig
    already_used_topics: list[str] = []
    plan_key: Maybe[str] = None
    budget_left_usd: Maybe[MoneyLeft] = None
    seconds_left: Maybe[TimeLeft] = None


class PlannedTopic(Slot):
    """A slot with its topic. `review_reason` is set when a person should look at the topic."""

    post_id: PostId
    topic: Line500
    asset_requirements: AssetRequirements = AssetRequirements()
    references: Annotated[list[Reference], Field(max_length=10)] = []
    review_reason: Maybe[str] = None

    def as_post(self, tenant_id: str, campaign_id: str, *, at: datetime) -> Post:
        """Return the planned post of this slot; a `review_reason` travels as a check of its quality."""
        quality = None
        if self.review_reason:
            quality = Quality(
                score=0.5, checks=[Check(code=TOPIC_FALLBACK, severity="warn", message=self.review_reason)]
            )
        return Post(
            id=self.post_id,
            tenant_id=tenant_id,
            campaign_id=campaign_id,
            number=self.number,
            persona_id=self.persona_id,
            platform=self.platform,
            scheduled_at=self.scheduled_at,
            topic=self.topic,
            intent=self.intent,
            pillar=self.pillar,
            required_inclusions=self.required_inclusions,
            needs_cta=self.needs_cta,
            asset_requirements=self.asset_requirements,
            references=self.references,
            given=self.given,
            status=PostStatus.PLANNED,
            quality=quality,
            created_at=at,
            updated_at=at,
        )


TOPIC_FALLBACK: Final = "TOPIC_FALLBACK"
"""Check of a post whose topic the model did not give; the writer marks such a post `needs_review`."""


class PlannerOutput(AgentOutput):
    """The topics in the order of the slots, or why there are none."""

    plan_summary: Maybe[PlanSummary] = None
    posts: list[PlannedTopic] = []


class Revision(Wire):
    """What the approver said of a text: of this post, and in the same round of the rest.

    `passage` is the part of the text that the comment on this post is about; None: all of it, or it says so itself.
    """

    previous_text: PostText
    passage: Maybe[Passage] = None
    comment: Annotated[str, StringConstraints(max_length=5000), Clean] = ""
    other_comments: Annotated[
        list[Annotated[str, StringConstraints(max_length=5000), Clean]], Field(max_length=200)
    ] = []

    def comments(self) -> list[str]:
        """Return all comments that were made, the one on this post first."""
        return [comment for comment in [self.comment, *self.other_comments] if comment]


class WriterInput(Wire):
    """One post to write, with all that may be said and must be obeyed.

    Attributes:
        examples: texts by the persona, those for the same platform and intent first, then newest first.
        cta: the call to action this post carries; null: none.
        sibling_texts: texts of the campaign on the same platform that this one must not repeat.
        other_topics: topics of the campaign's other posts on the same platform: posts that are written at the same
            time do not see each other's texts.
        judged: whether a second call of the model judges the words (`judge`).
    """

    tenant_id: TenantId
    campaign_id: CampaignId
    post_id: PostId
    campaign_name: Text200
    brief: Brief
    post: Post
    persona_config: Persona
    brand_config: Maybe[Brand] = None
    policy: ContentPolicy
    examples: Annotated[list[WritingExample], Field(max_length=MAX_EXAMPLES_SHOWN)] = []
    cta: Maybe[CallToAction] = None
    revision: Maybe[Revision] = None
    sibling_texts: Annotated[list[str], Field(max_length=1000)] = []
    other_topics: Annotated[list[str], Field(max_length=1000)] = []
    judged: bool = False
    budget_left_usd: Maybe[MoneyLeft] = None
    seconds_left: Maybe[TimeLeft] = None


class WriterOutput(AgentOutput):
    """The words of one post, or why there are none.

    `status` is `needs_review` when words exist that a guardrail still blocks (`quality` says which)
    or whose topic needs a look.
    """

    content: Maybe[PostContent] = None
    status: Maybe[Literal[PostStatus.COMPLETED, PostStatus.NEEDS_REVIEW]] = None
    quality: Maybe[Quality] = None
    comment_answers: list[CommentAnswer] = []


class StyleInput(Wire):
    """A persona and what it wrote; the newest ten examples count."""

    tenant_id: TenantId
    persona_id: PersonaId
    persona_config: Persona
    examples: Annotated[list[WritingExample], Field(max_length=100)] = []
    budget_left_usd: Maybe[MoneyLeft] = None
    seconds_left: Maybe[TimeLeft] = None


class StyleOutput(AgentOutput):
    """How the persona writes, or why that is not known."""

    inferred_style: Maybe[InferredStyle] = None
