"""When a step is tried again: what a domain error calls retryable, and every error that is not ours."""

from __future__ import annotations

from typing import Any

from prefect import Task
from prefect.client.schemas.objects import State, TaskRun

from campaigns.errors import CampaignError

STEP_RETRIES = 3
STEP_DELAYS_SECONDS = [1.0, 5.0, 20.0]


def if_retryable(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    """Tell Prefect whether to retry. A plain function: Prefect never retries with any other callable."""
    error = state.result(raise_on_failure=False)
    return error.retryable if isinstance(error, CampaignError) else True
