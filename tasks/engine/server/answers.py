"""What Prefect answers, as values. Nothing of Prefect is imported here: the web process knows these without it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from campaigns.errors import CampaignError

PoolState = Literal["ok", "open", "unavailable"]
"""`open`: a run may bring a command, variables or a folder of its own."""


class PrefectUnavailableError(CampaignError):
    """Prefect did not answer, or not clearly. What was recorded stands; housekeeping tries again."""

    code = "PREFECT_UNAVAILABLE"
    retryable = True

    def __init__(self, message: str) -> None:
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class StepFacts:
    """One step as Prefect saw it. `step` is the task's name (`generate`), `name` the run's (`generate post-03 …`)."""

    step: str
    name: str
    state: str
    state_type: str
    attempts: int
    started_at: datetime | None
    ended_at: datetime | None
    message: str | None
    url: str | None


@dataclass(frozen=True, slots=True)
class RunFacts:
    """A flow run as Prefect saw it, its steps in the order they were made."""

    state: str
    state_type: str
    message: str | None
    started_at: datetime | None
    url: str | None
    steps: list[StepFacts]
