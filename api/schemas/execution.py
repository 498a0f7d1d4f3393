"""The execution view: where the build of a campaign is, from the store (the truth) and Prefect (the motor)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from pydantic import Field

from api.motor import RunFacts
from api.schemas.stages import StageState, stage_states
from campaigns.approval.standing import StageStanding
from campaigns.logs import redacted
from campaigns.model.approval import ApprovalRound, ApproverDecision, AuditEntry
from campaigns.model.base import Instant, Maybe, Wire, cut
from campaigns.model.campaign import Campaign
from campaigns.model.post import Post
from campaigns.model.vocabulary import CampaignStatus, PostStatus, ReviewState, RoundStatus
from campaigns.rules.approval.decisions import still_asked

S = CampaignStatus

Status = Literal["running", "waiting_callback", "completed", "failed"]
STEPS: Final = ("save", "plan", "generate", "ask", "wait", "complete")
_STATUS: Final[dict[CampaignStatus, Status]] = {
    S.PLANNING: "running",
    S.GENERATING: "running",
    S.AWAITING_REVIEW: "waiting_callback",
    S.NEEDS_REVISION: "running",
    S.APPROVED: "running",
    S.COMPLETED: "completed",
    S.REJECTED: "completed",
    S.APPROVAL_TIMEOUT: "completed",
    S.CANCELLED: "completed",
    S.FAILED: "failed",
}
_WRITTEN: Final = frozenset({PostStatus.COMPLETED, PostStatus.NEEDS_REVIEW, PostStatus.SKIPPED, PostStatus.FAILED})
MAX_MESSAGE: Final = 1000


class StepError(Wire):
    """Why a step failed."""

    message: str


class Checkpoint(Wire):
    """A step that was taken: when, how it ended, and where to look at it."""

    step_name: str = Field(description=f"{', '.join(STEPS)} or revise")
    name: str = Field(description="As it is called in the Prefect UI")
    status: str
    timestamp: Maybe[Instant] = Field(default=None, description="When it ended, or started if it has not")
    attempts: Maybe[int] = None
    error: Maybe[StepError] = None
    url: Maybe[str] = Field(default=None, description="In the Prefect UI")


class Remaining(Wire):
    """Work that is still to be done."""

    step: str
    count: Maybe[int] = Field(default=None, description="Posts still to be written, for generate")


class CallbackApprover(Wire):
    name: str
    decided: bool


class CallbackStage(Wire):
    """Which stage is asked: 2 of 3, legal."""

    n: int
    of: int
    name: str


class CallbackMetadata(Wire):
    round: int
    stage: Maybe[CallbackStage] = Field(default=None, description="Where approval goes in stages")
    quorum: str
    approvers: list[CallbackApprover]


class ActiveCallback(Wire):
    """A question that is open. Its id and its links are for its approvers only."""

    type: Literal["approval"] = "approval"
    created_at: Instant
    timeout_at: Instant
    metadata: CallbackMetadata


class PrefectRun(Wire):
    """The flow run as Prefect has it."""

    available: bool = Field(description="false: Prefect did not answer, and this view is what the store knows")
    state: Maybe[str] = None
    message: Maybe[str] = None
    url: Maybe[str] = None


class Execution(Wire):
    """Where the build of a campaign is."""

    execution_id: Maybe[str] = Field(default=None, description="The flow run; missing until one was created")
    campaign_id: str
    correlation_id: Maybe[str] = None
    status: Status
    campaign_status: CampaignStatus
    started_at: Instant
    last_checkpoint_at: Maybe[Instant] = None
    current_step: Maybe[str] = None
    completed_steps: list[str]
    remaining: list[Remaining]
    checkpoints: list[Checkpoint]
    active_callbacks: list[ActiveCallback]
    stages: Maybe[list[StageState]] = Field(default=None, description="Where approval goes in stages, in their order")
    prefect: PrefectRun


@dataclass(frozen=True, slots=True)
class Known:
    """What the store knows of a campaign's build."""

    campaign: Campaign
    posts: Sequence[Post]
    round: ApprovalRound | None
    decisions: Sequence[ApproverDecision]
    audit: Sequence[AuditEntry]
    stages: Sequence[StageStanding] = ()


def execution_of(known: Known, run: RunFacts | None, *, prefect_answered: bool) -> dict[str, Any]:
    """Return the view; without `run` the checkpoints are those that the audit trail shows."""
    campaign = known.campaign
    current = _current_step(known)
    checkpoints = _of_run(run) if run is not None and run.steps else _of_store(known)
    stamps = [each.timestamp for each in checkpoints if each.timestamp is not None and each.status != "Running"]
    return Execution(
        execution_id=campaign.execution_id,
        campaign_id=campaign.id,
        correlation_id=campaign.correlation_id,
        status=_STATUS[campaign.status],
        campaign_status=campaign.status,
        started_at=campaign.created_at,
        last_checkpoint_at=max(stamps, default=None),
        current_step=current,
        completed_steps=_completed_steps(known),
        remaining=_remaining(known, current),
        checkpoints=checkpoints,
        active_callbacks=_active(known),
        stages=stage_states(known.stages) or None,
        prefect=PrefectRun(
            available=prefect_answered,
            state=run.state if run else None,
            message=_short(run.message) if run else None,
            url=run.url if run else None,
        ),
    ).to_wire()


def _current_step(known: Known) -> str | None:
    match known.campaign.status:
        case S.PLANNING:
            return "plan"
        case S.GENERATING:
            return "generate" if _unwritten(known) else "ask"
        case S.AWAITING_REVIEW:
            return "wait"
        case S.NEEDS_REVISION:
            return "revise"
        case S.APPROVED:
            return "complete"
        case _:
            return None


def _completed_steps(known: Known) -> list[str]:
    status, asked = known.campaign.status, known.round is not None
    # A round that was closed because the campaign was cancelled brought no decision.
    decided = known.round is not None and known.round.status in {RoundStatus.DECIDED, RoundStatus.TIMED_OUT}
    planned = known.campaign.plan_summary is not None
    done = {
        "save": True,
        "plan": planned,
        "generate": planned and not _unwritten(known) and status not in {S.PLANNING, S.NEEDS_REVISION},
        "ask": asked and status not in {S.GENERATING, S.NEEDS_REVISION},
        "wait": decided and status not in {S.GENERATING, S.NEEDS_REVISION, S.AWAITING_REVIEW},
        "complete": status in {S.COMPLETED, S.REJECTED, S.APPROVAL_TIMEOUT},
    }
    return [step for step in STEPS if done[step]]


def _remaining(known: Known, current: str | None) -> list[Remaining]:
    if current is None:
        return []
    ahead = STEPS[STEPS.index("generate" if current == "revise" else current) :]
    left = len(_unwritten(known))
    return [Remaining(step=step, count=left if step == "generate" and known.posts else None) for step in ahead]


def _unwritten(known: Known) -> list[Post]:
    """Return the posts whose words of this round are not there yet."""
    revising = known.campaign.status in {S.GENERATING, S.NEEDS_REVISION} and known.campaign.round > 0
    return [post for post in known.posts if post.status not in _WRITTEN or (revising and _is_to_be_rewritten(post))]


def _is_to_be_rewritten(post: Post) -> bool:
    """Whether nothing happened to the post since changes were asked for: its words stand as they were judged."""
    return post.review.state is ReviewState.CHANGES_REQUESTED and post.updated_at == post.review.at


def _active(known: Known) -> list[ActiveCallback]:
    round_ = known.round
    if round_ is None or round_.status is not RoundStatus.PENDING:
        return []
    waits_for = still_asked(round_, known.decisions)
    decided = {each.approver_id for each in known.decisions} - {each.id for each in waits_for}
    return [
        ActiveCallback(
            created_at=round_.opened_at,
            timeout_at=round_.expires_at,
            metadata=CallbackMetadata(
                round=round_.n,
                stage=_stage_of(round_),
                quorum=round_.quorum,
                approvers=[CallbackApprover(name=each.name, decided=each.id in decided) for each in round_.approvers],
            ),
        )
    ]


def _stage_of(round_: ApprovalRound) -> CallbackStage | None:
    stage = round_.stage
    return CallbackStage(n=stage.n, of=len(stage.names), name=stage.name) if stage else None


def _of_run(run: RunFacts) -> list[Checkpoint]:
    return [
        Checkpoint(
            step_name=step.step,
            name=step.name,
            status=step.state,
            timestamp=step.ended_at or step.started_at,
            attempts=step.attempts,
            error=StepError(message=_short(step.message) or step.state)
            if step.state_type in {"FAILED", "CRASHED"}
            else None,
            url=step.url,
        )
        for step in run.steps
    ]


def _of_store(known: Known) -> list[Checkpoint]:
    found: list[Checkpoint] = []
    for entry in known.audit:
        step = _step_of(entry)
        if entry.to_status == S.FAILED:
            said = known.campaign.last_error.message if known.campaign.last_error else entry.reason
            broken = StepError(message=_short(said) or "failed")
            at = _FAILED_IN.get(CampaignStatus(entry.from_status or S.PLANNING), "plan")
            found.append(Checkpoint(step_name=at, name=at, status="Failed", timestamp=entry.at, error=broken))
        elif step is not None:
            found.append(Checkpoint(step_name=step, name=entry.reason or step, status="Completed", timestamp=entry.at))
    for post in known.posts:
        if post.status in _WRITTEN:
            failed = StepError(message=post.last_error.message) if post.last_error else None
            found.append(
                Checkpoint(
                    step_name="generate",
                    name=f"generate post-{post.number:02d}",
                    status="Failed" if post.status is PostStatus.FAILED else "Completed",
                    timestamp=post.updated_at,
                    error=failed,
                )
            )
    return sorted(found, key=lambda each: (each.timestamp is None, each.timestamp))


_FAILED_IN: Final = {
    S.PLANNING: "plan",
    S.GENERATING: "generate",
    S.AWAITING_REVIEW: "wait",
    S.NEEDS_REVISION: "revise",
    S.APPROVED: "complete",
}


def _step_of(entry: AuditEntry) -> str | None:
    if entry.action == "created":
        return "save"
    if entry.action == "round_opened":
        return "ask"
    if entry.action != "moved":
        return None
    ends = {S.COMPLETED: "complete", S.REJECTED: "complete", S.APPROVAL_TIMEOUT: "complete"}
    if entry.from_status == S.PLANNING and entry.to_status == S.GENERATING:
        return "plan"
    if entry.to_status == S.NEEDS_REVISION:
        return "revise"
    return ends.get(CampaignStatus(entry.to_status)) if entry.to_status else None


def _short(message: str | None) -> str | None:
    return cut(redacted(message), at_most=MAX_MESSAGE) if message else None
