"""How long a campaign was worked on: its limit does not count what people, or other campaigns, let it wait."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from time import monotonic
from typing import Literal

from campaigns.patience import patiently
from campaigns.store import Store


class Clock:
    """How long a campaign was worked on: in this process, and before it by others.

    It is counted in the store with every heartbeat, so a process that is killed takes ten seconds along at most.
    """

    def __init__(self, store: Store, tenant_id: str, campaign_id: str) -> None:
        self._recoveries = store.recoveries
        self._place = tenant_id, campaign_id
        self._counted = patiently(lambda: store.recoveries.worked(tenant_id, campaign_id)).total_seconds()
        self._before = self._counted
        self._uncounted = 0.0
        self._since: float | None = monotonic()
        self._rests = self._waiting = self._calling = 0
        self._changing = threading.Lock()

    def worked(self) -> float:
        """Return the seconds of work so far."""
        with self._changing:
            self._advance()
            return self._counted + self._uncounted

    def overtime(self, allowed: float) -> float:
        """Return the seconds that this process has worked since the campaign was worked on as long as is allowed."""
        return self.worked() - max(allowed, self._before)

    @contextmanager
    def at_rest(self) -> Iterator[None]:
        """Let the time of the block be no work, in whatever thread."""
        with self._while("_rests"):
            yield

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Wait in the block until the model may be called: no work, unless another call of the build is under way."""
        with self._while("_waiting"):
            yield

    @contextmanager
    def calling(self) -> Iterator[None]:
        """Call the model in the block."""
        with self._while("_calling"):
            yield

    @contextmanager
    def _while(self, what: Literal["_rests", "_waiting", "_calling"]) -> Iterator[None]:
        self._change(what, 1)
        try:
            yield
        finally:
            self._change(what, -1)

    def _change(self, what: str, by: int) -> None:
        with self._changing:
            self._advance()
            setattr(self, what, getattr(self, what) + by)
            idle = self._rests or (self._waiting and not self._calling)
            self._since = None if idle else monotonic()

    def count(self) -> None:
        """Count in the store what it does not know yet.

        Raises:
            StoreUnavailableError: it is counted the next time.
        """
        with self._changing:
            self._advance()
            if self._uncounted:
                work = timedelta(seconds=self._uncounted)
                self._counted = self._recoveries.count_work(*self._place, work).total_seconds()
                self._uncounted = 0.0

    def _advance(self) -> None:
        if self._since is not None:
            now = monotonic()
            self._uncounted += now - self._since
            self._since = now
