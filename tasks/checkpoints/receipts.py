"""A checkpoint is a receipt, not the truth: a step that has one is done only if the store agrees.

A table that was restored to an earlier moment is older than the checkpoints. A run that trusted them would skip
what is to be done again, and end with what never took effect.
"""

import logging
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from prefect import Task

from campaigns.patience import patiently

log = logging.getLogger("campaigns.checkpoints")

P = ParamSpec("P")
R = TypeVar("R")


def receipted(step: Task[P, R], holds: Callable[[R], bool], *args: P.args, **kwargs: P.kwargs) -> R:
    """Return the result of a step of which the store says that it holds; if not, the step is executed again."""
    result = step(*args, **kwargs)
    if patiently(lambda: holds(result)):
        return result
    log.warning("the checkpoint of %s is newer than the store: the step is executed again", step.name)
    return step.with_options(refresh_cache=True)(*args, **kwargs)
