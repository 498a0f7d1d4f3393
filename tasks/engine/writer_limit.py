"""How many posts are written at once over all runs: a global concurrency limit, lowered while the model throttles.

The limit exists from the first throttling on, or from the day an operator creates it:

    prefect gcl create campaign-writer --limit 20

It spares the model; it never stops a campaign. Without an answer from Prefect, or without a slot in
time, a post is written all the same, and the model's own refusals bound the rest.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from typing import Final

from prefect.client.schemas.actions import GlobalConcurrencyLimitCreate, GlobalConcurrencyLimitUpdate
from prefect.concurrency.sync import concurrency
from prefect.exceptions import ObjectNotFound

from campaigns.operations.alarms import QUIET, next_limit
from campaigns.operations.metrics import THROTTLED
from campaigns.store import Store
from tasks.engine.answers import PrefectUnavailableError
from tasks.engine.runs import prefect_client

log = logging.getLogger("campaigns.writer_limit")

LIMIT: Final = "campaign-writer"
_LEASE_SECONDS: Final = 60  # Prefect's shortest: so long a killed process keeps its slots
_PATIENCE_SECONDS: Final = 120
_LOOK_AGAIN_SECONDS: Final = 30.0
_NOW: Final = timedelta(minutes=1)

_seen: tuple[float, bool] | None = None
_asking: Final = threading.Lock()


@contextmanager
def writer_slot() -> Iterator[None]:
    """Hold one of the slots of the limit, if there is one."""
    with ExitStack() as held:
        if _limited():
            try:
                held.enter_context(
                    concurrency(
                        LIMIT,
                        strict=True,
                        timeout_seconds=_PATIENCE_SECONDS,
                        lease_duration=_LEASE_SECONDS,
                        raise_on_lease_renewal_failure=False,
                    )
                )
            # Prefect raises what its server, its client or the network raises; none of it is a reason not to write.
            except Exception as error:
                _remember(found=False)
                log.warning("no slot of %s: %s; the post is written without", LIMIT, type(error).__name__)
        yield


def adjust_limit(store: Store, *, most: int, now: datetime) -> int | None:
    """Lower the limit while the model throttles, raise it again afterwards; return it when it was changed.

    Raises:
        PrefectUnavailableError: the limit may or may not have been changed.
    """
    throttled_now = store.signals.since(_minute(now - _NOW))[THROTTLED] > 0
    throttled_lately = store.signals.since(_minute(now - QUIET))[THROTTLED] > 0
    with prefect_client(f"adjust {LIMIT}") as client:
        try:
            current = client.read_global_concurrency_limit_by_name(LIMIT).limit
        except ObjectNotFound:
            if not throttled_now:
                return None
            limit = next_limit(most, most=most, throttled_now=True, throttled_lately=True)
            client.create_global_concurrency_limit(GlobalConcurrencyLimitCreate(name=LIMIT, limit=limit))
            return limit
        limit = next_limit(current, most=most, throttled_now=throttled_now, throttled_lately=throttled_lately)
        if limit == current:
            return None
        client.update_global_concurrency_limit(LIMIT, GlobalConcurrencyLimitUpdate(limit=limit))
        return limit


def _limited() -> bool:
    """Whether the limit exists, asked every half minute at most: a run without one asks Prefect once or twice."""
    with _asking:  # the posts of a map begin at the same time: one of them asks for all
        if _seen is None or time.monotonic() - _seen[0] > _LOOK_AGAIN_SECONDS:
            try:
                with prefect_client() as client:
                    client.read_global_concurrency_limit_by_name(LIMIT)
                found = True
            except (ObjectNotFound, PrefectUnavailableError):
                found = False
            _remember(found=found)
    return _seen is not None and _seen[1]


def _remember(*, found: bool) -> None:
    global _seen  # noqa: PLW0603 - what this process knows, and since when
    _seen = time.monotonic(), found


def _minute(at: datetime) -> datetime:
    return at.replace(second=0, microsecond=0)
