"""Approval: the round that is asked, the decision that is given, the trail that is left (domain.md section 17)."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from campaigns.model.base import CampaignId, Clean, Instant, Maybe, PostId, RoundId, TenantId, Text100, Wire
from campaigns.model.brief import Quorum
from campaigns.model.vocabulary import Decision, OnTimeout, RoundStatus

Comment = Annotated[str, StringConstraints(max_length=5000), Clean]
MIN_COMMENT: Final = 3

PostVerdict = Literal["approved", "needs_revision", "rejected"]
Channel = Literal["link", "api", "prefect_ui", "operator", "policy"]


class RoundApprover(Wire):
    """Somebody asked in this round. `id` stands in the link; `nonce_hash` and `jti` bind it to this person."""

    id: Annotated[str, StringConstraints(pattern=r"^ap-[0-9a-z]{1,32}$")]
    name: Text100
    email: str
    locale: Maybe[str] = None
    timezone: Maybe[str] = None
    jti: str
    revoked: bool = False


class ApprovalRound(Wire):
    """One question to the approvers about exactly the content with this digest.

    `posts` are the posts shown with their content hashes. Of them `blocked` are those that a guardrail
    blocks: approving all leaves them out; `unapprovable` those with a legal block: nobody can approve
    them as they are; `locked` those approved in an earlier round: they stay as they are.
    `changed_at` is when its words were last edited; None: they are those that it was opened with.
    A decision can be taken back for `settle_seconds`; what the round came to counts from `settles_at` on.
    `ran_out_at` is when its time first was over, whatever the policy made of that. Until `told_until` people have heard
    what was to be told.
    """

    round_id: RoundId
    callback_id: Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z_-]{22,64}$")]
    tenant_id: TenantId
    campaign_id: CampaignId
    n: Annotated[int, Field(ge=1)]
    digest: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    posts: dict[PostId, str]
    blocked: list[PostId] = []
    unapprovable: list[PostId] = []
    locked: list[PostId] = []
    approvers: list[RoundApprover]
    quorum: Quorum = "any"
    collect_all: bool = False
    on_timeout: OnTimeout = "reject"
    status: RoundStatus = RoundStatus.PENDING
    outcome: Maybe[Decision] = None
    opened_at: Instant
    expires_at: Instant
    decided_at: Maybe[Instant] = None
    settle_seconds: int = 0
    settles_at: Maybe[Instant] = None
    extended: bool = False
    ran_out_at: Maybe[Instant] = None
    reminders: list[int] = []
    superseded_by: Maybe[int] = None
    changed_at: Maybe[Instant] = None
    told_until: Maybe[Instant] = None
    version: Annotated[int, Field(ge=1)] = 1


class PostDecision(Wire):
    """What one approver says of one post."""

    decision: PostVerdict = Field(title="Decision")
    comment: Comment = Field(default="", title="Comment")


class ApproverDecision(Wire):
    """What one approver said: recorded once, by whoever came first with this approver's link.

    `attempt_id` names the answer that was sent; once it is taken back, it is not recorded again. `client` stands for
    the address it came from, and cannot be turned back into it.
    """

    tenant_id: TenantId
    campaign_id: CampaignId
    callback_id: str
    round: Annotated[int, Field(ge=1)]
    approver_id: str
    decided_by: Text100
    decision: Decision
    comments: Comment = ""
    posts: dict[PostId, PostDecision] = {}
    digest: str
    channel: Channel
    client: Maybe[str] = None
    attempt_id: Annotated[str, StringConstraints(min_length=8, max_length=64)]
    at: Instant


class DecisionRequest(Wire):
    """The body of `POST /campaigns/{id}/approve`, and what the form of the page becomes."""

    decision: Decision
    comments: Comment = ""
    callback_id: str = Field(min_length=1, max_length=64)
    posts: dict[PostId, PostDecision] = {}
    decided_by: Maybe[Text100] = None
    digest: Maybe[Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]] = None
    attempt_id: Maybe[Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z_-]{8,64}$")]] = None

    @model_validator(mode="after")
    def _says_why(self) -> Self:
        if self.decision is not Decision.APPROVED and len(self.comments) < MIN_COMMENT:
            commented = [post for post in self.posts.values() if len(post.comment) >= MIN_COMMENT]
            if not commented:
                raise PydanticCustomError(
                    "comment_required",
                    "a comment of at least {least} characters is required to reject or to ask for changes",
                    {"least": MIN_COMMENT},
                )
        return self


class PostDraft(Wire):
    """What an approver has chosen for one post and not yet sent; `revision` is the one that was shown."""

    decision: Maybe[PostVerdict] = None
    reasons: list[Annotated[str, StringConstraints(pattern=r"^[a-z]{1,20}$")]] = []
    comment: Comment = ""
    revision: Annotated[int, Field(ge=0)] = 0


class ReviewDraft(Wire):
    """A review that was begun. It decides nothing; it only saves typing it again."""

    digest: str
    posts: dict[PostId, PostDraft] = {}
    comments: Comment = ""
    decided_by: str = ""
    saved_at: Instant


class OneTimeCode(Wire):
    """A code that was sent to an approver; its digits are made from `issued_at` and kept nowhere."""

    issued_at: Instant
    tries: Annotated[int, Field(ge=0)] = 0


class AuditEntry(Wire):
    """One line of the trail; `previous` chains it to the one before by hash."""

    id: str
    tenant_id: TenantId
    campaign_id: CampaignId
    seq: Annotated[int, Field(ge=1)]
    at: Instant
    actor: str
    action: str
    from_status: Maybe[str] = None
    to_status: Maybe[str] = None
    reason: Maybe[str] = None
    round: Maybe[int] = None
    details: dict[str, Any] = {}
    previous: str
    hash: str
