"""A campaign: its brief, and what the system adds to it (domain.md sections 3, 10, 11)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, Final

from pydantic import Field

from campaigns.errors import IllegalTransitionError
from campaigns.model.base import CampaignId, Instant, Maybe, TemplateId, TenantId, Wire
from campaigns.model.brief import CampaignBrief
from campaigns.model.post import LastError, ModelUsage
from campaigns.model.vocabulary import CampaignStatus

S = CampaignStatus

TRANSITIONS: Final[Mapping[CampaignStatus, frozenset[CampaignStatus]]] = {
    S.PLANNING: frozenset({S.GENERATING, S.FAILED, S.CANCELLED}),
    S.GENERATING: frozenset({S.AWAITING_REVIEW, S.FAILED, S.CANCELLED}),
    S.AWAITING_REVIEW: frozenset({S.APPROVED, S.REJECTED, S.NEEDS_REVISION, S.APPROVAL_TIMEOUT, S.FAILED, S.CANCELLED}),
    S.NEEDS_REVISION: frozenset({S.GENERATING, S.FAILED, S.CANCELLED}),
    S.APPROVED: frozenset({S.COMPLETED, S.FAILED}),
    S.APPROVAL_TIMEOUT: frozenset({S.AWAITING_REVIEW, S.CANCELLED}),
    S.FAILED: frozenset({S.PLANNING, S.GENERATING}),
    S.COMPLETED: frozenset(),
    S.REJECTED: frozenset(),
    S.CANCELLED: frozenset(),
}
"""The status machine (domain.md section 10). A failed integrity check may end an awaited or approved campaign."""

FINAL: Final = frozenset({S.COMPLETED, S.REJECTED, S.CANCELLED})
AT_REST: Final = FINAL | {S.FAILED, S.APPROVAL_TIMEOUT}
"""Statuses that no run is working on."""


class PlanSummary(Wire):
    """How the posts are spread; counts by platform, persona id and pillar name."""

    total_posts: Annotated[int, Field(ge=0)]
    posts_per_platform: dict[str, int] = {}
    posts_per_persona: dict[str, int] = {}
    posts_per_pillar: dict[str, int] = {}
    warnings: list[str] = []


class OccurrenceOf(Wire):
    """Which occurrence of which template a campaign is."""

    template_id: TemplateId
    period: str
    n: Annotated[int, Field(ge=1)] = 1


class Campaign(CampaignBrief):
    """One tenant's campaign, from brief to outcome.

    `requested_by` is whom the token or the form named, `requester_email` the address by which this person is
    recognised among approvers; None: it is not known.
    """

    id: CampaignId
    tenant_id: TenantId
    status: CampaignStatus = CampaignStatus.PLANNING
    plan_summary: Maybe[PlanSummary] = None
    plan_version: Maybe[str] = None
    last_error: Maybe[LastError] = None
    execution_id: Maybe[str] = None
    correlation_id: Maybe[str] = None
    occurrence: Maybe[OccurrenceOf] = None
    requested_by: Maybe[str] = None
    requester_email: Maybe[str] = None
    round: Annotated[int, Field(ge=0)] = 0
    usage: ModelUsage = ModelUsage()
    created_at: Instant
    updated_at: Instant
    completed_at: Maybe[Instant] = None
    deleted_at: Maybe[Instant] = None
    version: Annotated[int, Field(ge=1)] = 1

    @property
    def ref(self) -> tuple[str, str]:
        """Its tenant and its id, which means a campaign only together."""
        return self.tenant_id, self.id

    def moved_to(self, status: CampaignStatus, *, at: datetime) -> Campaign:
        """Return the campaign in the next status.

        Raises:
            IllegalTransitionError: the status machine has no such step.
        """
        require_transition(self.status, status)
        changes: dict[str, object] = {"status": status, "updated_at": at, "version": self.version + 1}
        if status is CampaignStatus.COMPLETED:
            changes["completed_at"] = at
        return self.model_copy(update=changes)

    def brief_only(self) -> CampaignBrief:
        """Return the brief as it was given."""
        return CampaignBrief.model_construct(**{name: getattr(self, name) for name in CampaignBrief.model_fields})


@dataclass(frozen=True, slots=True)
class Move:
    """A step of a campaign: to which status, who takes it, why and when.

    Attributes:
        changes: further fields of the campaign, by their names in Python.
        round: the approval round that it is about.
        idempotent: a campaign that this actor moved to this status for this reason is left as it is.
    """

    to: CampaignStatus
    actor: str
    reason: str
    at: datetime
    changes: Mapping[str, Any] = field(default_factory=dict)
    round: int | None = None
    idempotent: bool = False


def require_transition(current: CampaignStatus, wanted: CampaignStatus) -> None:
    """Raise `IllegalTransitionError` unless the status machine has this step."""
    if wanted not in TRANSITIONS[current]:
        raise IllegalTransitionError(
            f"a campaign that is {current} cannot become {wanted}",
            {"currentStatus": str(current), "wantedStatus": str(wanted)},
        )
