"""When a step is tried again: what a domain error calls retryable, and every error that is not ours."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from prefect import Task
from prefect.client.schemas.objects import State, TaskRun

from campaigns.errors import CampaignError
from campaigns.rules.retry import pause_before_retry

STEP_RETRIES = 3
STEP_DELAYS_SECONDS = [1.0, 5.0, 20.0]


def if_retryable(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    """Tell Prefect whether to retry. A plain function: Prefect never retries with any other callable."""
    error = state.result(raise_on_failure=False)
    return error.retryable if isinstance(error, CampaignError) else True


def if_retry_helps(_task: Task[..., Any], run: TaskRun, state: State[Any]) -> bool:
    """As `if_retryable`, for steps that call a model: never more attempts, nor later ones, than the rule has."""
    elapsed = (datetime.now(UTC) - run.start_time).total_seconds() if run.start_time else 0.0
    retryable = if_retryable(_task, run, state)
    return pause_before_retry(run.run_count, retryable=retryable, jitter=1.0, elapsed=elapsed) is not None
