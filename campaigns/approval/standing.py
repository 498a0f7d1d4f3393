"""Where an approval in stages is: which stage is asked, what the others said last, and who comes next."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from campaigns.model.approval import ApprovalRound, ApproverDecision
from campaigns.model.vocabulary import Decision, RoundStatus
from campaigns.rules.approval.stages import cleared_by
from campaigns.store import Store

State = Literal["approved", "asked", "waits"]


@dataclass(frozen=True, slots=True)
class StageStanding:
    """One stage, from 1: whether it has approved, is asked in the round, or waits for its turn.

    `round` is the last one in which it said something, or is asked; None: it was not asked yet.
    """

    n: int
    name: str
    state: State
    round: ApprovalRound | None
    decisions: Sequence[ApproverDecision]


def where(round_: ApprovalRound) -> tuple[int, int, str] | None:
    """Return number, count and name of the stage of a round, as in "2 of 3: legal"; None without stages."""
    return (round_.stage.n, len(round_.stage.names), round_.stage.name) if round_.stage else None


def where_told(round_: ApprovalRound) -> str:
    """Return `2 of 3: legal` for people who run a campaign, "" without stages."""
    place = where(round_)
    return f"{place[0]} of {place[1]}: {place[2]}" if place else ""


def stages_of(store: Store, round_: ApprovalRound) -> list[StageStanding]:
    """Return how it stood with every stage when this round was asked or decided; none without stages."""
    if round_.stage is None:
        return []
    place, stage = round_.campaign_ref, round_.stage
    last: dict[int, ApprovalRound] = {}
    for each in store.approvals.rounds(*place):
        if each.stage is not None and each.n <= round_.n and each.status in _HEARD | {RoundStatus.PENDING}:
            last[each.stage.n] = each
    standings = []
    for n, name in enumerate(stage.names, start=1):
        known = last.get(n)
        said = store.approvals.decisions(*place, known.n) if known else []
        asked = n == stage.n and round_.status is RoundStatus.PENDING
        waits = n > stage.n or (n == stage.n and round_.outcome is not Decision.APPROVED)
        state: State = "asked" if asked else "waits" if waits else "approved"
        standings.append(StageStanding(n, name, state, known, said))
    return standings


def approved_by(store: Store, round_: ApprovalRound | None) -> dict[str, list[str]]:
    """Return which stages, by name, have approved each post as the round shows it; nothing without stages."""
    if round_ is None or round_.stage is None:
        return {}
    decisions = store.approvals.decisions(*round_.campaign_ref, round_.n)
    names = round_.stage.names
    return {post_id: [names[n - 1] for n in stages] for post_id, stages in cleared_by(round_, decisions).items()}


_HEARD = frozenset({RoundStatus.DECIDED, RoundStatus.TIMED_OUT})
