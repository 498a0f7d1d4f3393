"""How many campaigns wait to be built: beyond a bound no more are taken, until some of them are built.

A campaign that would wait for the model for hours is of no use to who sends it: they hear that at once.
"""

import threading
from datetime import datetime, timedelta
from typing import Final

from campaigns.errors import BusyError, TenantBusyError
from campaigns.store import Store

RETRY_AFTER: Final = 60
"""Seconds: in that time some campaigns are built, however slow the model."""
_KNOWN_FOR: Final = timedelta(seconds=5)


class Backlog:
    """Refuses campaigns while too many wait. What all tenants have waiting is counted every five seconds at most."""

    def __init__(self, store: Store, *, of_tenant: int, of_all: int) -> None:
        self._store = store
        self._of_tenant = of_tenant
        self._of_all = of_all
        self._counted: tuple[datetime, int] | None = None
        self._counting = threading.Lock()

    def require_room(self, tenant_id: str, now: datetime) -> None:
        """Let one more campaign be taken.

        Raises:
            TenantBusyError: the tenant has as many waiting as it may.
            BusyError: all together have.
        """
        if self._store.campaigns.being_built(tenant_id, limit=self._of_tenant) >= self._of_tenant:
            raise TenantBusyError(self._of_tenant, RETRY_AFTER)
        if self._all(now) >= self._of_all:
            raise BusyError(self._of_all, RETRY_AFTER)

    def _all(self, now: datetime) -> int:
        with self._counting:
            if self._counted is None or abs(now - self._counted[0]) > _KNOWN_FOR:
                self._counted = now, self._count(now)
            return self._counted[1]

    def _count(self, now: datetime) -> int:
        """Return how many campaigns are built or wait for it; where there is room by far, as many as may be."""
        soon = self._store.looks.soon_of(now)
        if soon.total() < self._of_all:
            return soon.total()
        counted = 0
        for tenant_id in soon:
            counted += self._store.campaigns.being_built(tenant_id, limit=self._of_all - counted)
            if counted >= self._of_all:
                break
        return counted
