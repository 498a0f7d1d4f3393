"""When a step is tried again: what a domain error calls retryable, and every error that is not ours.

@task(name="plan", **RETRIED, **checkpointed(...))
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final, TypedDict

from prefect import Task
from prefect.client.schemas.objects import State, TaskRun

from campaigns.errors import CampaignError
from campaigns.rules.retry import MAX_ATTEMPTS, delay, pause_before_retry


def if_retry_helps(_task: Task[..., Any], run: TaskRun, state: State[Any]) -> bool:
    """Tell Prefect whether to retry: never more attempts, nor later ones, than the rule has.

    A plain function: Prefect never retries with any other callable.
    """
    error = state.result(raise_on_failure=False)
    retryable = error.retryable if isinstance(error, CampaignError) else True
    elapsed = (datetime.now(UTC) - run.start_time).total_seconds() if run.start_time else 0.0
    return pause_before_retry(run.run_count, retryable=retryable, jitter=1.0, elapsed=elapsed) is not None


class RetryOptions(TypedDict):
    """The options of `@task` by which a step is tried again."""

    retries: int
    retry_delay_seconds: list[float]
    retry_jitter_factor: float
    retry_condition_fn: Callable[[Task[..., Any], TaskRun, State[Any]], bool]


RETRIED: Final = RetryOptions(
    retries=MAX_ATTEMPTS - 1,
    retry_delay_seconds=[delay(attempt, jitter=1.0) for attempt in range(1, MAX_ATTEMPTS)],
    retry_jitter_factor=0.5,
    retry_condition_fn=if_retry_helps,
)
"""The one policy of every step (`campaigns.rules.retry`)."""
