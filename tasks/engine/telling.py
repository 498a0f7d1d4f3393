"""Who a run and a step work for: bound to every line, measure and span of them, and what a step took is noted."""

import functools
import inspect
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final, ParamSpec, TypeVar

from prefect import runtime
from prefect.context import TaskRunContext

from campaigns import correlation, logs
from campaigns.settings import get_settings
from campaigns.telemetry import spans
from campaigns.telemetry.instruments import Measure, code_of
from campaigns.telemetry.recorder import recorder
from tasks.checkpoints.cached import Scope
from tasks.checkpoints.taken import note_taken
from tasks.engine.lean_events import keep_events_lean

P = ParamSpec("P")
R = TypeVar("R")

log = logging.getLogger("campaigns.steps")
ASK: Final = "ask"
"""The step that a run goes on from after it has waited for people."""


def story_of_run() -> str | None:
    """Return the correlation id of this run: that of its label; one that a person started is known by its own id."""
    return correlation.of_tags(list(runtime.flow_run.tags or [])) or runtime.flow_run.id


@contextmanager
def telling(tenant_id: str = "", campaign_id: str = "") -> Iterator[None]:
    """Bind all that this run does to it, and write its lines and events as they are wanted."""
    keep_events_lean()
    if get_settings().logs == "json":
        logs.install_beside_prefect()
    run = runtime.flow_run.id
    # As it was before this process took the run: 0 for the first one.
    again = (runtime.flow_run.run_count or 0) > 0
    named = {"tenant": tenant_id or None, "campaign": campaign_id or None, "run": run}
    with (
        correlation.bound(story_of_run(), **named),
        spans.span(f"run {runtime.flow_run.flow_name}", follows=ASK if again else None),
    ):
        yield


def told(name: str, function: Callable[P, R], scope: Callable[[Mapping[str, Any]], Scope]) -> Callable[P, R]:
    """Return the function of a step, bound to its tenant and campaign, in a span, noting how long it took."""
    signature = inspect.signature(function)

    @functools.wraps(function)
    def step(*args: P.args, **kwargs: P.kwargs) -> R:
        given = signature.bind(*args, **kwargs)
        given.apply_defaults()
        whose, attempt = scope(given.arguments), runtime.task_run.run_count or 1
        with (
            correlation.bound(
                story_of_run(), tenant=whose.tenant_id, campaign=whose.campaign_id,
                run=runtime.flow_run.id, step=name, attempt=attempt,
            ),
            spans.span(name, known_as=ASK if name == ASK else None),
        ):  # fmt: skip
            return _timed(name, attempt, functools.partial(function, *args, **kwargs))

    return step


def _timed(name: str, attempt: int, function: Callable[[], R]) -> R:
    began = time.perf_counter()
    try:
        result = function()
    except Exception as error:
        code = code_of(str(getattr(error, "reason", None) or getattr(error, "code", "")))
        recorder.record([Measure("StepAttemptsFailed", 1, {"StepName": name, "Code": code})])
        log.warning("%s failed: %s", name, code, extra={"code": code, "error_type": type(error).__name__})
        _keep_nothing()
        raise
    took = (time.perf_counter() - began) * 1000
    note_taken(name, ended=datetime.now(UTC), milliseconds=took, attempts=attempt)
    log.info("%s done", name, extra={"milliseconds": round(took, 1)})
    return result


def _keep_nothing() -> None:
    """Let Prefect not try to keep what the step raised: no checkpoint takes it, and that is told as a warning."""
    if (context := TaskRunContext.get()) is not None:
        context.persist_result = False
