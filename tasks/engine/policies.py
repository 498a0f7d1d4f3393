"""What all steps share: when they are tried again, and that their results are kept.

    @step("plan", called="plan the posts", returns=Plan, inputs=lambda parameters: {...})
    def plan_posts(campaign: SavedCampaign) -> Plan: ...

Tried again is what a domain error calls retryable, and every error that is not ours.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final, ParamSpec, TypedDict, TypeVar

from prefect import Task, task
from prefect.client.schemas.objects import State, TaskRun

from campaigns.errors import CampaignError
from campaigns.rules.retry import MAX_ATTEMPTS, delay, pause_before_retry
from tasks.checkpoints.cached import Parameters, Scope, campaign_scope, checkpointed
from tasks.engine.telling import told

P = ParamSpec("P")
R = TypeVar("R")


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


def step(
    name: str,
    *,
    called: str | Callable[[], str],
    returns: type[R],
    inputs: Callable[[Parameters], object] = lambda _: {},
    scope: Callable[[Parameters], Scope] = campaign_scope,
) -> Callable[[Callable[P, R]], Task[P, R]]:
    """Return the decorator of a step: tried again by the one policy, its result kept once per campaign.

    Args:
        name: of the step in its key; used by one step only, never renamed while runs wait.
        called: what the task run is called in Prefect.
        returns: the return type of the step.
        inputs: what the result depends on beyond tenant, campaign and plan version.
        scope: whose result it is.
    """
    made = task(
        name=name, task_run_name=called, **RETRIED, **checkpointed(name, returns=returns, inputs=inputs, scope=scope)
    )
    return lambda function: made(told(name, function, scope))
