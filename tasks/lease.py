"""The lease of the campaign that this process builds (design.md section 7): two processes never write for one.

    with building(saved):
        ...                       # steps; each hands `fence(campaign)` to its writes

The steps of a run execute in threads of its process, so they find the lease here. A process that was
stopped, and comes back after another has taken over, is refused by the store at its next write.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Final
from uuid import uuid4

from prefect import runtime
from prefect.client.schemas.objects import State
from prefect.exceptions import Abort
from prefect.states import Completed

from campaigns.errors import LeaseLostError, StoreUnavailableError
from campaigns.patience import patiently
from campaigns.recovery import HEARTBEAT, LEASE_LASTS
from campaigns.store import Lease, Store
from campaigns.wiring import get_store
from tasks.steps import SavedCampaign

log = logging.getLogger("campaigns.lease")

_LOOK_AGAIN_SECONDS: Final = 0.5


class Hold:
    """A lease that is renewed in the background until it is let go or lost."""

    def __init__(self, store: Store, lease: Lease) -> None:
        self._store = store
        self._lease = lease
        self._lost: LeaseLostError | None = None
        self._changing = threading.Lock()
        self._let_go = threading.Event()

    def fence(self, now: datetime) -> Lease:
        """Return the lease as the condition of a write.

        Raises:
            LeaseLostError: another process has taken over.
        """
        if now >= self._lease.expires_at:
            self.beat(now)  # this process was stopped for a while: ask before it goes on
        if self._lost is not None:
            raise self._lost
        return self._lease

    def beat(self, now: datetime) -> None:
        """Renew the lease; a loss is noted and told by `fence`."""
        with self._changing:
            try:
                self._lease = self._store.leases.renew(self._lease, now=now, ttl=LEASE_LASTS)
            except LeaseLostError as lost:
                self._lost = lost

    def keep(self) -> None:
        """Beat until the lease is let go or lost. The work of a thread of its own."""
        while self._lost is None and not self._let_go.wait(HEARTBEAT.total_seconds()):
            try:
                self.beat(datetime.now(UTC))
            except StoreUnavailableError as error:
                log.warning("the lease could not be renewed, trying again: %s", error)

    def let_go(self) -> None:
        """Stop beating and free the campaign for the next process; if the store does not answer, it expires."""
        self._let_go.set()
        with self._changing:
            try:
                self._store.leases.release(self._lease)
            except StoreUnavailableError as error:
                log.warning("the lease could not be given up, it will expire: %s", error)


_HOLDS: dict[tuple[str, str], Hold] = {}


@contextmanager
def building(campaign: SavedCampaign) -> Iterator[None]:
    """Hold the lease of a campaign, also while its steps run in other threads.

    Waits for a predecessor of which nothing is heard until its lease expires.

    Raises:
        LeaseLostError: another process builds this campaign, at the start or at any write.
    """
    store, place = get_store(), (campaign.tenant_id, campaign.id)
    hold = Hold(store, _acquire(store, *place))
    keeper = threading.Thread(target=hold.keep, name=f"lease {campaign.id}", daemon=True)
    keeper.start()
    _HOLDS[place] = hold
    try:
        yield
    finally:
        # Also on the way out to a pause: whoever goes on may start at once.
        del _HOLDS[place]
        hold.let_go()
        keeper.join()


def fence(campaign: SavedCampaign) -> Lease:
    """Return what makes a write fail once another process has taken over the campaign.

    Raises:
        LeaseLostError: another process has, or this one never held it.
    """
    hold = _HOLDS.get((campaign.tenant_id, campaign.id))
    if hold is None:
        raise LeaseLostError("this process does not build this campaign")
    return hold.fence(datetime.now(UTC))


def give_way(lost: LeaseLostError) -> State[None]:
    """Return how a run ends whose campaign another run builds.

    Raises:
        Abort: the other is a process of this same run, whose state is not ours to set any more.
    """
    owner = str(lost.details.get("owner", ""))
    if owner.startswith(f"{runtime.flow_run.id}:"):
        raise Abort("another process executes this run") from lost
    return Completed(
        name="Skipped", message=f"Another run builds this campaign: {owner.partition(':')[0] or 'unknown'}"
    )


def _acquire(store: Store, tenant_id: str, campaign_id: str) -> Lease:
    owner = f"{runtime.flow_run.id}:{uuid4().hex[:12]}"
    acquire = partial(store.leases.acquire, tenant_id, campaign_id)
    seen: object = None
    while True:
        try:
            return patiently(lambda: acquire(owner=owner, now=datetime.now(UTC), ttl=LEASE_LASTS))
        except LeaseLostError as held:
            if seen is not None and held.details != seen:
                raise  # renewed or taken meanwhile: somebody is at work
            seen = held.details
        time.sleep(_LOOK_AGAIN_SECONDS)
