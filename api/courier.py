"""Takes the way to Prefect out of the way of a request.

What was stored stands, whatever Prefect does, so no answer waits for it longer than it is worth: the
courier delivers the outbox of a campaign or persona in its own few threads, and a caller may look over its
shoulder for a moment. What it cannot deliver stays in the outbox for housekeeping.
"""

import logging
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from datetime import UTC, datetime
from threading import Lock, Semaphore
from typing import Final, TypeVar

from api.motor import PrefectUnavailableError, deliver_now
from campaigns.store import Store

log = logging.getLogger("campaigns.courier")

T = TypeVar("T")

THREADS: Final = 4
IN_NO_HURRY: Final = 1
"""Threads for what nobody waits for: mails are work for the processor, and answers need it more."""
MAX_WAITING: Final = 500
"""Errands at hand; beyond them the outbox alone keeps the rest."""
CROWDED_SECONDS: Final = 0.1
"""How long somebody waits while others do: POST /campaigns at 20 a second is to take 150 ms (p99)."""
SULK_SECONDS: Final = 5.0
"""After a slow delivery, requests stop waiting for this long; doubled on each further slow one."""
LONGEST_SULK_SECONDS: Final = 60.0
DELIVERY_SECONDS: Final = 3.0
"""How long a reader waits for what Prefect knows."""


class Courier:
    """Delivers in the background, with bounded patience in front."""

    def __init__(
        self, store: Store, *, patience_seconds: float, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._store = store
        self._clock = clock
        self._patience = patience_seconds
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="courier")
        self._later = ThreadPoolExecutor(IN_NO_HURRY, thread_name_prefix="courier-later")
        self._room = Semaphore(MAX_WAITING)
        self._front = Lock()
        self._sulking_until = 0.0
        self._no_wait_until = 0.0
        self._sulk = SULK_SECONDS

    def deliver(self, tenant_id: str, subject_id: str, *, wait: bool = False) -> None:
        """Deliver what is due for a campaign or persona; with `wait`, return when it is done or patience is over."""
        if not self._room.acquire(blocking=False):
            log.warning("too many errands; the outbox keeps this one")
            return
        pool = self._pool if wait else self._later
        errand = pool.submit(copy_context().run, self._deliver, tenant_id, subject_id)
        if wait and time.monotonic() >= self._no_wait_until:
            self._look_over_the_shoulder(errand)

    def _look_over_the_shoulder(self, errand: Future[None]) -> None:
        alone = self._front.acquire(blocking=False)
        try:
            errand.result(self._patience if alone else min(self._patience, CROWDED_SECONDS))
            self._sulk = SULK_SECONDS
        except TimeoutError:
            self._was_too_slow()
        finally:
            if alone:
                self._front.release()

    def _was_too_slow(self) -> None:
        now = time.monotonic()
        if now >= self._no_wait_until:  # else others have noticed it already
            self._no_wait_until = now + self._sulk
            self._sulk = min(2 * self._sulk, LONGEST_SULK_SECONDS)

    def _deliver(self, tenant_id: str, subject_id: str) -> None:
        try:
            deliver_now(self._store, tenant_id, subject_id, now=self._clock())
        except Exception:
            log.exception("a delivery broke; the outbox keeps it")
        finally:
            self._room.release()

    def ask(self, question: Callable[[], T]) -> T:
        """Return the answer to a question that Prefect answers.

        Raises:
            PrefectUnavailableError: it did not, or not in time.
        """
        if time.monotonic() < self._sulking_until:
            raise PrefectUnavailableError("Prefect was too slow a moment ago")
        asked = self._pool.submit(copy_context().run, question)
        try:
            return asked.result(DELIVERY_SECONDS)
        except TimeoutError:
            asked.cancel()
            self._sulking_until = time.monotonic() + SULK_SECONDS
            raise PrefectUnavailableError("Prefect did not answer in time") from None

    def close(self) -> None:
        """Finish what is under way; what waits stays in the outbox."""
        for pool in (self._pool, self._later):
            pool.shutdown(wait=True, cancel_futures=True)
