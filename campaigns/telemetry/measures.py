"""What each thing that is written adds to the metrics: pure functions, so that the numbers can be counted again."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from campaigns.model.campaign import AT_REST
from campaigns.model.post import ModelUsage
from campaigns.model.vocabulary import CampaignStatus, Decision
from campaigns.telemetry.instruments import Measure, code_of

_STATUSES: Final = frozenset(CampaignStatus)
_OUTCOMES: Final = frozenset(Decision)
_COUNTED: Final = {
    "created": "CampaignsCreated",
    "round_opened": "RoundsOpened",
    "round_timed_out": "RoundsTimedOut",
    "run_started_again": "RunsStartedAgain",
    "undone": "DecisionsUndone",
}
_FIRST_ROUND: Final = 1
MAPPED: Final = "generate"
"""The step that is mapped over all posts."""
LAST_STEP: Final = "complete"
"""When this one is kept, the checkpoints of its campaign are counted."""


def measures_of(
    action: str,
    *,
    to_status: str | None = None,
    outcome: str | None = None,
    reason: str | None = None,
    round_: int | None = None,
    took: float | None = None,
) -> list[Measure]:
    """Return what one audit entry adds to the metrics.

    Args:
        took: milliseconds since the campaign was created; for a decision, since its round was opened.
    """
    if action == "moved" and to_status in _STATUSES:
        return _moved(CampaignStatus(str(to_status)), reason, took)
    if action == "decided":
        decided = [Measure("Decisions", 1)]
        if outcome in _OUTCOMES:
            decided.append(Measure("RoundsDecided", 1, {"Outcome": str(outcome)}))
        if took is not None:
            decided.append(Measure("ApproverResponseTime", took / 1000))
        return decided
    if action not in _COUNTED:
        return []
    counted = [Measure(_COUNTED[action], 1)]
    if action == "round_opened" and round_ == _FIRST_ROUND and took is not None:
        counted.append(Measure("BuildDuration", took))
    return counted


def _moved(to: CampaignStatus, reason: str | None, took: float | None) -> list[Measure]:
    measures = [Measure("CampaignsMoved", 1, {"Status": str(to)})]
    if to is CampaignStatus.FAILED:
        measures.append(Measure("CampaignFailures", 1, {"Code": code_of(reason)}))
    if to in AT_REST and took is not None:
        measures.append(Measure("ExecutionDuration", took))
    return measures


def measures_of_usage(usage: ModelUsage) -> list[Measure]:
    """Return what one note of a cost adds; nothing where no model was called."""
    if not usage.calls:
        return []
    return [
        Measure("ModelCalls", usage.calls),
        Measure("TokensUsed", usage.input_tokens, {"Direction": "input"}),
        Measure("TokensUsed", usage.output_tokens, {"Direction": "output"}),
        Measure("CostUsd", usage.cost_usd),
    ]


@dataclass(frozen=True, slots=True)
class StepReceipt:
    """What is kept beside the result of a step: when it was completed, how long that took, at which attempt.

    `together` names what was begun at once in one process: the posts of a map have the same.
    """

    step: str
    ended: datetime
    milliseconds: float
    attempts: int
    together: str = ""

    @property
    def began(self) -> datetime:
        return self.ended - timedelta(milliseconds=self.milliseconds)


def measures_of_receipt(receipt: StepReceipt) -> list[Measure]:
    """Return what one completed step adds."""
    name = {"StepName": receipt.step}
    measures = [Measure("CheckpointsKept", 1, name), Measure("WorkflowStepDuration", receipt.milliseconds, name)]
    if receipt.attempts > 1:
        measures.append(Measure("StepRetries", receipt.attempts - 1, name))
    return measures


def measures_of_map(receipts: Sequence[StepReceipt]) -> list[Measure]:
    """Return how well steps that were begun together worked side by side; nothing for fewer than two."""
    if len(receipts) < 2:
        return []
    most = most_at_once(receipts)
    real = (max(each.ended for each in receipts) - min(each.began for each in receipts)) / timedelta(milliseconds=1)
    # At best as many as were ever written at once are written all the time, and the longest takes what it takes.
    longest, whole = max(each.milliseconds for each in receipts), sum(each.milliseconds for each in receipts)
    ideal = max(longest, whole / most)
    efficiency = 100.0 if real <= 0 else min(100.0, 100 * ideal / real)
    return [Measure("ParallelEfficiency", round(efficiency, 2)), Measure("ConcurrencyInUse", most)]


def most_at_once(receipts: Iterable[StepReceipt]) -> int:
    """Return how many of these steps were under way at the same time, at most."""
    turns = sorted(turn for each in receipts for turn in ((each.began, 1), (each.ended, -1)))
    now = most = 0
    for _, change in turns:
        now += change
        most = max(most, now)
    return max(1, most)


def milliseconds(took: timedelta) -> float:
    return took / timedelta(milliseconds=1)
