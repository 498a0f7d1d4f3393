"""Where an approval in stages is, as clients see it: names and what was said, no addresses, no links."""

from collections.abc import Sequence

from pydantic import Field

from campaigns.approval.standing import StageStanding, State, where_told
from campaigns.model.approval import ApprovalRound, Comment
from campaigns.model.base import Instant, Maybe, Wire
from campaigns.model.campaign import Campaign
from campaigns.model.vocabulary import Decision, RoundStatus
from campaigns.rules.approval.stages import asked_after


class StageDecision(Wire):
    """What somebody said when the stage was asked last."""

    decision: Decision
    decided_by: str
    decided_at: Instant
    comments: Comment = ""


class StageState(Wire):
    """One stage of an approval: it has approved, is asked now, or waits for its turn."""

    n: int
    name: str
    state: State
    round: Maybe[int] = Field(default=None, description="The last one in which it was asked")
    decisions: list[StageDecision] = []


class ApprovalStanding(Wire):
    """Where an approval in stages is: "2 of 3: Legal", what each stage said last, and who comes next."""

    position: str
    asked: list[str] = Field(default=[], description="Names of those who are asked now")
    next: Maybe[str] = Field(default=None, description="The stage that is asked once this one has approved")
    next_asked: list[str] = Field(default=[], description="Names of those who will be asked in it")
    stages: list[StageState] = []


def standing_of(
    campaign: Campaign, round_: ApprovalRound | None, stages: Sequence[StageStanding]
) -> ApprovalStanding | None:
    """Return where the approval of a campaign is, None without stages or before the first was asked."""
    if round_ is None or round_.stage is None:
        return None
    after = asked_after(round_)
    pending = round_.status is RoundStatus.PENDING
    return ApprovalStanding(
        position=where_told(round_),
        asked=[each.name for each in round_.approvers] if pending else [],
        next=round_.stage.names[after - 1] if after else None,
        next_asked=[each.name for each in campaign.approval.stage(after).approvers] if after else [],
        stages=stage_states(stages),
    )


def stage_states(stages: Sequence[StageStanding]) -> list[StageState]:
    """Return every stage as clients see it; none for an approval without stages."""
    return [
        StageState(
            n=each.n,
            name=each.name,
            state=each.state,
            round=each.round.n if each.round else None,
            decisions=[
                StageDecision(
                    decision=said.decision, decided_by=said.decided_by, decided_at=said.at, comments=said.comments
                )
                for said in each.decisions
            ],
        )
        for each in stages
    ]
