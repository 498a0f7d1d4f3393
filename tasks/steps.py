"""What the steps hand to each other: small values that name things in the store, which is the truth."""

from typing import Annotated

from pydantic import Field

from campaigns.model.base import CampaignId, Instant, Maybe, PostId, TenantId, Wire
from campaigns.model.post import Post
from campaigns.model.vocabulary import PostStatus


class SavedCampaign(Wire):
    """A stored campaign. `plan_version` changes with everything a plan depends on."""

    tenant_id: TenantId
    id: CampaignId
    name: str
    plan_version: str

    @property
    def ref(self) -> tuple[str, str]:
        """Its tenant and its id, which means a campaign only together."""
        return self.tenant_id, self.id


class PlannedPost(Wire):
    """One post to write. `revision` is 0 for the first words; `label` is what people see in the run."""

    id: PostId
    number: Annotated[int, Field(ge=1)]
    revision: Annotated[int, Field(ge=0)] = 0
    label: str


class Plan(Wire):
    """The posts of a campaign in calendar order, and what the planner wants an approver to know."""

    posts: list[PlannedPost]
    warnings: list[str] = []


class Draft(Wire):
    """A post whose words are stored.

    `post` is what was stored, so that a table that was restored gets back what was paid for; checkpoints of
    version 0.1 do not have it.
    """

    post_id: PostId
    revision: int
    status: PostStatus
    content_hash: str
    post: Maybe[Post] = None


class AskedRound(Wire):
    """An approval round that is open, or was."""

    n: Annotated[int, Field(ge=1)]
    digest: str
    expires_at: Instant
    waiting_for: str


class Revision(Wire):
    """The posts to write again, because an approver asked for it."""

    posts: list[PlannedPost]


class Completion(Wire):
    """How the campaign ended: a short name for lists, and one sentence."""

    status: str
    name: str
    message: str
    error: Maybe[str] = None
    """Nothing writes it any more; checkpoints of version 0.1 have it."""
