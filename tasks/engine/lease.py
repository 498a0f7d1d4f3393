"""The lease of the campaign that this process builds (process.md section 5): two processes never write for one.

    with building(saved):
        ...                       # steps; each hands `fence(campaign)` to its writes

The steps of a run execute in threads of its process, so they find the lease here. A process that was
stopped, and comes back after another has taken over, is refused by the store at its next write.
"""

import faulthandler
import logging
import os
import socket
import threading
import time
from collections.abc import Iterator
from concurrent import futures
from contextlib import contextmanager
from contextvars import copy_context
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, cast
from uuid import UUID, uuid4

from prefect import get_run_logger, runtime
from prefect.client.schemas.objects import State
from prefect.context import FlowRunContext
from prefect.exceptions import Abort, Pause
from prefect.futures import PrefectConcurrentFuture, PrefectFutureList, wait
from prefect.states import Completed, Suspended
from prefect.task_runners import ThreadPoolTaskRunner

from campaigns import correlation
from campaigns.build.memory import forget
from campaigns.build.planning import fail
from campaigns.errors import BuildTimeoutError, LeaseLostError, StoreUnavailableError
from campaigns.model.campaign import AT_REST
from campaigns.operations.recovery import HEARTBEAT, LEASE_LASTS
from campaigns.patience import patiently
from campaigns.settings import get_settings
from campaigns.store import Lease, Store
from campaigns.wiring import get_store
from tasks.engine.clock import Clock
from tasks.engine.server.orders import ACTOR, LOOK_SECONDS, RunStoppedError, obey, order_of
from tasks.steps import SavedCampaign

log = logging.getLogger("campaigns.lease")

_LOOK_AGAIN_SECONDS: Final = 0.5

OVERTIME_SECONDS: Final = 300.0
"""The longest time that a process goes on when its build's time is over: to end what was begun, and to say so."""


class Hold:
    """A lease that is renewed in the background until it is let go or lost."""

    def __init__(self, store: Store, lease: Lease) -> None:
        self._store = store
        self._lease = lease
        self.clock = Clock(store, lease.tenant_id, lease.campaign_id)
        self._lost: LeaseLostError | None = None
        self._changing = threading.Lock()
        self._let_go = threading.Event()
        self.order: State[None] | None = None
        """What somebody ordered in Prefect meanwhile."""
        self.ending = False
        """Nothing more is begun: the process was told to end, or leaves the campaign for another reason."""

    def fence(self, now: datetime) -> Lease:
        """Return the lease as the condition of a write.

        Raises:
            RunStoppedError: somebody stopped the run in Prefect.
            LeaseLostError: another process has taken over.
        """
        if self.order is not None:
            raise RunStoppedError(self.order.name or str(self.order.type.value))
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
        """Beat until the lease is let go or lost. The work of a thread of its own.

        It ends a process that hangs: the lease is what keeps others from going on with the campaign.
        """
        while self._lost is None and not self._let_go.wait(HEARTBEAT.total_seconds()):
            if self.clock.overtime(get_settings().build_timeout_seconds) > OVERTIME_SECONDS:
                _end_process(self._lease.campaign_id)
            try:
                self.beat(datetime.now(UTC))
                self.clock.count()
            except StoreUnavailableError as error:
                log.warning("the lease could not be renewed, trying again: %s", error)

    def watch(self, run_id: UUID) -> None:
        """Look for an order in Prefect until there is one, or the lease is let go. The work of a thread of its own."""
        while self.order is None and not self._let_go.wait(LOOK_SECONDS):
            self.order = order_of(run_id)

    def held(self) -> Lease:
        """Return the lease, also of a run that was stopped: what was begun is ended."""
        return self._lease

    def let_go(self) -> None:
        """Stop beating and free the campaign for the next process; if the store does not answer, it expires."""
        self._let_go.set()
        with self._changing:
            try:
                try:
                    self.clock.count()
                finally:
                    self._store.leases.release(self._lease)
            except StoreUnavailableError as error:
                log.warning("the lease could not be given up, it will expire: %s", error)


def _end_process(campaign_id: str) -> None:
    """End this process, whatever its other threads do, and say where they stand; another one goes on.

    Nothing here takes a lock, not even to log: one that is never given back may be what they wait for.
    """
    os.write(2, f"the build of {campaign_id} does not end although its time is over: its process ends\n".encode())
    faulthandler.dump_traceback(2)
    os._exit(os.EX_SOFTWARE)


_HOLDS: dict[tuple[str, str], Hold] = {}


@contextmanager
def building(campaign: SavedCampaign) -> Iterator[None]:
    """Hold the lease of a campaign, also while its steps run in other threads.

    Waits for a predecessor of which nothing is heard until its lease expires.

    Raises:
        LeaseLostError: another process builds this campaign, at the start or at any write.
        BuildTimeoutError: it was worked on as long as it may be, and rests as failed.
    """
    store, place = get_store(), campaign.ref
    hold = Hold(store, _acquire(store, *place))
    threads = [threading.Thread(target=hold.keep, name=f"lease {campaign.id}", daemon=True)]
    if (run_id := runtime.flow_run.id) is not None:
        # In the settings of this context: a thread begins without any.
        look = partial(copy_context().run, hold.watch, UUID(str(run_id)))
        threads.append(threading.Thread(target=look, name=f"orders {campaign.id}", daemon=True))
    for thread in threads:
        thread.start()
    _HOLDS[place] = hold
    try:
        with correlation.bound(tenant=campaign.tenant_id, campaign=campaign.id):
            yield
    except RunStoppedError as stopped:
        raise _stopped(campaign, hold) from stopped
    except BuildTimeoutError as late:
        _end_what_was_begun(hold)
        patiently(partial(_out_of_time, store, campaign, late, hold.held()))
        raise
    finally:
        _end_what_was_begun(hold)
        # Also on the way out to a pause: whoever goes on may start at once.
        del _HOLDS[place]
        hold.let_go()
        threads[0].join()  # the other may wait for Prefect, and changes nothing any more


def fence(campaign: SavedCampaign) -> Lease:
    """Return what makes a write fail once another process has taken over the campaign.

    Raises:
        LeaseLostError: another process has, or this one never held it.
    """
    return _held(campaign).fence(datetime.now(UTC))


def require_going_on(campaign: SavedCampaign) -> None:
    """Refuse to begin anything that is paid for.

    Raises:
        BuildTimeoutError: the campaign was worked on as long as it may be.
        LeaseLostError: somebody stopped the run, this process is ending, or another has taken over.
    """
    hold = _held(campaign)
    hold.fence(datetime.now(UTC))
    if hold.ending:
        raise LeaseLostError("this process ends: another one goes on")
    time_for(campaign, 1)


def time_for(campaign: SavedCampaign, most: float) -> float:
    """Return the seconds that something may take at most `most` of: what is left of the build's time ends it too.

    Asked before a model is paid. What people decided takes effect also when the time is over.

    Raises:
        BuildTimeoutError: nothing is left.
        LeaseLostError: this process does not build the campaign.
    """
    allowed = get_settings().build_timeout_seconds
    left = allowed - _held(campaign).clock.worked()
    if left <= 0:
        raise BuildTimeoutError(allowed)
    return min(most, left)


def _held(campaign: SavedCampaign) -> Hold:
    hold = _HOLDS.get(campaign.ref)
    if hold is None:
        raise LeaseLostError("this process does not build this campaign")
    return hold


@contextmanager
def at_rest(campaign: SavedCampaign) -> Iterator[None]:
    """Wait for people in the block: that is no work, although the process keeps its lease."""
    try:
        with _HOLDS[campaign.ref].clock.at_rest():
            yield
    finally:
        forget(*campaign.ref)


def clock_of(campaign: SavedCampaign) -> Clock:
    """Return the clock of a campaign that this process builds."""
    return _held(campaign).clock


def _out_of_time(store: Store, campaign: SavedCampaign, late: BuildTimeoutError, held: Lease) -> None:
    stored = store.campaigns.get(*campaign.ref)
    if stored.status not in AT_REST:
        now = datetime.now(UTC)
        fail(store, stored, code=late.code, message=str(late), retryable=True, now=now, actor=ACTOR, fence=held)


def require_ordered(campaign: SavedCampaign, drafts: PrefectFutureList[Any]) -> None:
    """Wait for posts in the making. When somebody stops the run, those that were begun are the last.

    Raises:
        Abort, Pause: the run was stopped or suspended; its state is not ours to set any more.
    """
    hold = _HOLDS[campaign.ref]
    # Prefect's own wait with a timeout ends by a signal, wherever this thread is at that moment: a lock that it just
    # took stays taken, and the steps that want it wait for ever, under a lease that is renewed.
    left = {cast(PrefectConcurrentFuture[Any], draft).wrapped_future for draft in drafts}
    while left and hold.order is None:
        left = futures.wait(left, timeout=LOOK_SECONDS / 4).not_done
    if hold.order is None:
        try:
            wait(list(drafts))
        except Pause as pause:  # Prefect heard of *Suspend* before we looked
            hold.order = pause.state or Suspended()
        else:
            return
    _end_what_was_begun(hold)
    raise _stopped(campaign, hold)


def _end_what_was_begun(hold: Hold) -> None:
    """Let no further post begin, and wait for those that are being written: they need the lease to be stored."""
    hold.ending = True
    context = FlowRunContext.get()
    if context is not None and isinstance(context.task_runner, ThreadPoolTaskRunner):
        context.task_runner.cancel_all()


def _stopped(campaign: SavedCampaign, hold: Hold) -> Abort | Pause:
    assert hold.order is not None
    run_id, order = UUID(str(runtime.flow_run.id)), hold.order
    place = {"tenant_id": campaign.tenant_id, "campaign_id": campaign.id}
    follows = obey(get_store(), order, **place, run_id=run_id, fence=hold.held)
    told = f"{order.name} in Prefect: no further post is written; {follows}"
    get_run_logger().warning("%s", told)
    return Pause(state=order) if order.is_paused() else Abort(told)


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


def process_of(run_id: object, pid: int) -> str:
    """Return how the owner of every lease begins that a process of this machine takes for a run."""
    return f"{run_id}:{socket.gethostname()}/{pid}:"


def _acquire(store: Store, tenant_id: str, campaign_id: str) -> Lease:
    owner = f"{process_of(runtime.flow_run.id, os.getpid())}{uuid4().hex[:12]}"
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
