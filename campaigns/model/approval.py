"""Approval: the round that is asked, the decision that is given, the trail that is left (domain.md section 17)."""

import operator
from typing import Annotated, Any, Final, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from campaigns.model.base import CampaignId, Clean, Instant, Maybe, PostId, RoundId, TenantId, Text100, Wire, optional
from campaigns.model.post import MAX_TEXT, PostText
from campaigns.model.terms.approval_terms import Quorum
from campaigns.model.vocabulary import Decision, OnTimeout, RoundStatus

Comment = Annotated[str, StringConstraints(max_length=5000), Clean]
MIN_COMMENT: Final = 3
MAX_PASSAGE: Final = 1000
WALL_TIME: Final = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}$"
Passage = Annotated[str, StringConstraints(min_length=1, max_length=MAX_PASSAGE), Clean]
"""Words of a post that a comment is about, as they are shown; how they are spaced does not matter."""

PostVerdict = Literal["approved", "needs_revision", "rejected"]
Channel = Literal["link", "api", "prefect_ui", "operator", "policy"]


class RoundApprover(Wire):
    """An approver who is asked in this round. The link carries `id`; `nonce_hash` and `jti` bind it to this person."""

    id: Annotated[str, StringConstraints(pattern=r"^ap-[0-9a-z]{1,32}$")]
    name: Text100
    email: str
    locale: Maybe[str] = None
    timezone: Maybe[str] = None
    jti: str
    revoked: bool = False

    def zone(self, of_the_campaign: ZoneInfo) -> ZoneInfo:
        """Return the time zone in which this person is told of times."""
        return ZoneInfo(self.timezone) if self.timezone else of_the_campaign


class RoundStage(Wire):
    """Which stage asks in a round, from 1, of which; `next` is the one that is asked after it has approved.

    `cleared` names, by the hash of what a post shows, the stages that need not be asked about it: they have approved
    exactly these words, so that other words, however they come, have nobody's approval. `left_out` are posts that a
    stage before passed over, with the hash of what it saw; `revisions` is how often changes were asked for before.
    """

    n: Annotated[int, Field(ge=1)]
    names: list[str]
    cleared: dict[str, list[int]] = {}
    left_out: dict[PostId, str] = {}
    revisions: Annotated[int, Field(ge=0)] = 0
    next: Maybe[Annotated[int, Field(ge=1)]] = None

    @property
    def name(self) -> str:
        return self.names[self.n - 1]

    @property
    def next_name(self) -> str | None:
        return self.names[self.next - 1] if self.next else None


class ApprovalRound(Wire):
    """One question to the approvers about exactly the content with this digest.

    `posts` are the posts shown with their content hashes. Of them `blocked` are those that a guardrail
    blocks: approving all leaves them out; `unapprovable` those with a legal block: nobody can approve
    them as they are; `locked` those approved in an earlier round: they stay as they are.
    `changed_at` is when its words were last edited; None: they are those that it was opened with.
    A decision can be taken back for `settle_seconds`; what the round came to counts from `settles_at` on.
    `ran_out_at` is when its time first was over, whatever the policy made of that. Until `told_until` people have heard
    what was to be told. `stage`: where approval goes in stages; `locked` are then those that this one has approved.
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
    stage: Maybe[RoundStage] = None
    version: Annotated[int, Field(ge=1)] = 1

    @property
    def campaign_ref(self) -> tuple[str, str]:
        return self.tenant_id, self.campaign_id


class PostDecision(Wire):
    """What one approver says of one post.

    `passage` quotes the words that the comment is about; None: all of them. With `edit` the post gets another text,
    with `move_to` another time, which is approved with it.
    """

    decision: PostVerdict = Field(title="Decision")
    comment: Comment = Field(default="", title="Comment")
    passage: Maybe[Passage] = optional("Passage", "Words of the post, as they are shown, that the comment is about")
    edit: Maybe[PostText] = optional("Your text", "Instead of the post's, where the campaign lets approvers edit")
    move_to: Maybe[Instant] = optional(
        "Your time", "Instead of the post's, where the campaign lets approvers move posts"
    )


class ApproverDecision(Wire):
    """The decision of one approver: the first answer through this approver's link is recorded, and no second one.

    `attempt_id` names the answer that was sent; once it is taken back, it is not recorded again. `client` stands for
    the address it came from, and cannot be turned back into it.

    Where approvers may change posts, `words` says what it is about: the content hash of every post of the round, as
    its own edits leave it. `replaced` are the posts that it changed, with the revision before. Elsewhere both are
    empty, and it is about all that the round shows. `first_at` is when its author decided first, who was asked again
    about posts that were changed since.
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
    words: dict[PostId, str] = {}
    replaced: dict[PostId, int] = {}
    first_at: Maybe[Instant] = None
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

    @property
    def is_about_words(self) -> bool:
        """Whether it points at words of a post, or changes a post."""
        return any(each.passage or each.edit or each.move_to for each in self.posts.values())

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
    """What an approver has chosen for one post and not yet sent; `revision` is the one that was shown.

    `move_to` is a wall time in the zone of the campaign, as it was typed.
    """

    decision: Maybe[PostVerdict] = None
    reasons: list[Annotated[str, StringConstraints(pattern=r"^[a-z]{1,20}$")]] = []
    comment: Comment = ""
    passage: Maybe[Passage] = None
    edit: Maybe[Annotated[str, StringConstraints(max_length=MAX_TEXT)]] = None
    move_to: Maybe[Annotated[str, StringConstraints(pattern=WALL_TIME)]] = None
    revision: Annotated[int, Field(ge=0)] = 0


class ReviewDraft(Wire):
    """A review that was begun. It decides nothing; it only saves typing it again."""

    digest: str
    posts: dict[PostId, PostDraft] = {}
    comments: Comment = ""
    decided_by: str = ""
    browser: str = Field(default="", exclude_if=operator.not_)
    """Where it was begun; what another browser began is shown to nobody unasked. "" is any."""
    saved_at: Instant


class OneTimeCode(Wire):
    """A code that was sent to an approver; its digits are made from `issued_at` by the key `kid`, and kept nowhere."""

    issued_at: Instant
    tries: Annotated[int, Field(ge=0)] = 0
    kid: Maybe[str] = None


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
