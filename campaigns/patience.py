"""Waits for a store that does not answer, where beginning again would cost more than waiting.

In the body of a flow no step's retry helps: one lost answer fails the run, which then waits half a minute
until it is started again. After an answer of the model, a retry of the step would pay for another one.
"""

import logging
import random
import time
from collections.abc import Callable
from itertools import count
from typing import Final, TypeVar

from campaigns.errors import StoreUnavailableError
from campaigns.rules.retry import grown

log = logging.getLogger("campaigns.patience")

T = TypeVar("T")

PATIENCE_SECONDS: Final = 30.0


def patiently(ask: Callable[[], T], *, seconds: float = PATIENCE_SECONDS) -> T:
    """Return what `ask` returns; it may be called again, also after it had its effect and the answer was lost.

    Raises:
        StoreUnavailableError: the store stayed away for as long as that.
    """
    deadline = time.monotonic() + seconds
    for attempt in count():
        try:
            return ask()
        except StoreUnavailableError as error:
            pause = grown(attempt, first=0.25, longest=5.0) * random.uniform(0.5, 1.0)  # noqa: S311 - spreads calls
            if time.monotonic() + pause > deadline:
                raise
            log.warning("the store is asked again: %s", error)
        time.sleep(pause)
    raise AssertionError  # count() does not end
