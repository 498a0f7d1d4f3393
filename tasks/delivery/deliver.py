"""Delivers the outbox: starts runs, rings bells, sends notices. At least once, so every delivery may repeat.

Whoever wrote an entry tries at once; what fails then is delivered by housekeeping. A failure is kept
on the entry and never reaches the person who caused it: what was recorded stands. What did not answer is
asked for ever; an entry that nothing but a person can help is set aside (`quarantine`), and put back by one.
"""

import logging
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID
from weakref import WeakKeyDictionary

import httpx

from campaigns import correlation
from campaigns.approval.messages.events import TELL
from campaigns.approval.messages.notice_kinds import NOTICE_KINDS
from campaigns.approval.outcomes import HAND_OVER, conclude, passed_on
from campaigns.approval.rounds import RING
from campaigns.build.submission import START_RUN
from campaigns.errors import CampaignError, StoreUnavailableError
from campaigns.model.campaign import AT_REST
from campaigns.model.vocabulary import CampaignStatus
from campaigns.operations.analysis import ANALYZE
from campaigns.operations.cancelling import CANCEL_RUN
from campaigns.operations.recovery import RESTART_RUN, renewed_at
from campaigns.settings import get_settings
from campaigns.store import OutboxEntry, Store
from campaigns.store.commits.outbox import CARRIERS, carrier_of
from campaigns.store.items.keys import Due
from tasks.delivery.channels import NoticeRefusedError
from tasks.delivery.hand_over import hand_over
from tasks.delivery.notify import send_notice
from tasks.delivery.read_style import read_style
from tasks.engine.server.run_states import restart_run, retire_run
from tasks.engine.server.runs import Bell, cancel_run, cancel_runs_of, ring, start_run
from tasks.engine.tags import tag_ended, tags_of
from tasks.showing.events import tell_what_was_recorded

log = logging.getLogger("campaigns.outbox")

CLAIM: Final = timedelta(seconds=20)
"""After this an entry is free again whose deliverer died; delivering it twice does no harm."""
CLAIM_TO_SEND: Final = timedelta(seconds=60)
"""Sending twice does harm, so a claim lasts longer than any channel needs to send."""
FIRST_RETRY: Final = timedelta(seconds=5)
LONGEST_RETRY: Final = timedelta(minutes=5)
MOST_FAILURES: Final = 5
"""After this many permanent failures in a row the entry is set aside."""
_PASSES: Final = 3
BELLS, RUNS, NOTICES = CARRIERS
LANE_SECONDS: Final[Mapping[Due, float]] = {BELLS: 5.0, RUNS: 5.0, NOTICES: 15.0}
"""The lanes in the order of their turns, and how long each one's turn may last: after that no further entry is begun.

So neither a channel that hangs nor a Prefect that does not answer keeps another lane waiting for longer than that
and one call.
"""
ALL_LANES: Final = frozenset(LANE_SECONDS)
IN_A_ROW: Final = 5
"""Failures in a row after which nothing is asked of what does not answer: Prefect, a channel or a webhook."""
REST: Final = timedelta(seconds=30)
"""The time for which it is not asked. Its entries wait, and take no turn of what others carry."""


class Breakers:
    """What does not answer, as this process has seen it."""

    def __init__(self) -> None:
        self._failed: Counter[tuple[Due, str]] = Counter()
        self._until: dict[tuple[Due, str], datetime] = {}

    def rests_until(self, entry: OutboxEntry, now: datetime) -> datetime | None:
        """Return until when nothing is asked of what carries this entry, None: it may be asked."""
        until = self._until.get(_carrier(entry))
        # A clock that was set back makes no rest longer.
        return until if until is not None and now < until <= now + REST else None

    def heard(self, entry: OutboxEntry) -> None:
        """Note that it answered."""
        self._failed.pop(_carrier(entry), None)

    def silent(self, entry: OutboxEntry, now: datetime) -> None:
        """Note that it did not; the one that is asked after a rest decides on the next."""
        carrier = _carrier(entry)
        self._failed[carrier] += 1
        if self._failed[carrier] >= IN_A_ROW:
            self._until[carrier] = now + REST


_BREAKERS: Final[WeakKeyDictionary[Store, Breakers]] = WeakKeyDictionary()


def deliver_now(store: Store, tenant_id: str, subject_id: str, *, now: datetime) -> None:
    """Deliver what is due for one campaign or persona, bells first; failures stay in the outbox."""
    _deliver_all(lambda _: store.outbox.of(tenant_id, subject_id), store, now, ALL_LANES)


def deliver_due(store: Store, *, now: datetime, limit: int = 1000, lanes: Collection[Due] = ALL_LANES) -> int:
    """Deliver what is due across tenants in these lanes, bells and runs first; return how many were delivered.

    What there was no time for is still due at the next call.
    """
    return _deliver_all(lambda known: store.outbox.due(now, limit=limit + known, carriers=lanes), store, now, lanes)


def _deliver_all(read: Callable[[int], list[OutboxEntry]], store: Store, now: datetime, lanes: Collection[Due]) -> int:
    """Deliver what `read` finds, and what a delivery leaves behind (a notice becomes one for each channel).

    Args:
        read: told how many there are already that were not delivered.
    """
    seen: set[str] = set()
    delivered, left, started = 0, dict(LANE_SECONDS), time.monotonic()
    for _ in range(_PASSES):
        due = [entry for entry in read(len(seen)) if entry.is_open and entry.due_at <= now and entry.id not in seen]
        if not due:
            break
        seen |= {entry.id for entry in due}
        for lane in (lane for lane in LANE_SECONDS if lane in lanes):
            began = time.monotonic()
            for entry in due:
                if carrier_of(entry.kind) != lane:
                    continue
                at = time.monotonic()
                if at - began > left[lane]:
                    break
                delivered += deliver(store, entry, now=now, since=timedelta(seconds=int(at - started)))
            left[lane] -= time.monotonic() - began
    return delivered


def deliver(store: Store, entry: OutboxEntry, *, now: datetime, since: timedelta = timedelta()) -> bool:
    """Deliver one entry; return whether it is done. Two deliverers at once: one finds it claimed.

    Args:
        since: what others have taken since `now`: the claim on this one begins after it.
    """
    breakers = _BREAKERS.setdefault(store, Breakers())
    if (until := breakers.rests_until(entry, now)) is not None:
        store.outbox.put_off(entry, until=until)  # due meanwhile, it would keep others from being read
        return False
    sends = entry.kind in NOTICE_KINDS or entry.kind == HAND_OVER
    claimed = store.outbox.claim(entry, until=now + since + (CLAIM_TO_SEND if sends else CLAIM))
    if claimed is None:
        return False
    try:
        with correlation.bound(claimed.correlation_id, tenant=entry.tenant_id, **_subject(entry)):
            answer = _how(entry.kind)(store, claimed, now)
    except StoreUnavailableError:
        return False  # the claim runs out, and the next deliverer finds the entry
    # One entry that cannot be delivered, for whatever reason, must not keep the others from it.
    except Exception as error:
        if _may_pass(error):
            breakers.silent(entry, now)
        _failed(store, claimed, error, now)
        return False
    breakers.heard(entry)
    if answer is True:
        store.outbox.done(claimed, at=now)
        return True
    known = (answer or claimed).model_copy(update={"failures": 0})
    store.outbox.retry(known, at=now + _pause(known.attempts), error="not yet")
    return False


def _subject(entry: OutboxEntry) -> dict[str, str]:
    return {"campaign": entry.subject_id} if entry.subject_id.startswith("campaign_") else {}


def _carrier(entry: OutboxEntry) -> tuple[Due, str]:
    if entry.kind == TELL:
        asked = "events"  # a Prefect that takes none starts runs all the same
    elif entry.kind == HAND_OVER:
        asked = f"webhook of {entry.tenant_id}"
    else:
        asked = str(entry.payload.get("channel", ""))
    return carrier_of(entry.kind), asked


def _failed(store: Store, entry: OutboxEntry, error: Exception, now: datetime) -> None:
    """Keep the entry with the reason: for another try, or aside when tries have shown that none will help."""
    expected = isinstance(error, CampaignError | OSError)
    log.warning("outbox %s %s failed: %s", entry.kind, entry.id, error, exc_info=None if expected else error)
    reason = (str(error) if expected else "") or type(error).__name__
    if not _may_pass(error):
        entry = entry.model_copy(update={"failures": entry.failures + 1})
    if entry.failures < MOST_FAILURES and not isinstance(error, NoticeRefusedError):
        store.outbox.retry(entry, at=now + _pause(entry.attempts), error=reason)
    elif store.outbox.quarantine(entry, at=now, error=reason):
        log.error("outbox %s %s about %s is set aside: %s", entry.kind, entry.id, entry.subject_id, reason)


def _may_pass(error: Exception) -> bool:
    """Whether the error says that something did not answer, and not that the entry is at fault, or we are."""
    if isinstance(error, CampaignError):
        return error.retryable
    return isinstance(error, OSError | httpx.HTTPError)


def _pause(attempts: int) -> timedelta:
    return min(LONGEST_RETRY, FIRST_RETRY * (1 << min(attempts, 10)))


def _start(store: Store, entry: OutboxEntry, now: datetime) -> bool:
    campaign = store.campaigns.get(entry.tenant_id, entry.subject_id, deleted=True)
    if campaign.status in AT_REST:
        # An earlier try may have made a run, and the answer was lost.
        if campaign.status is CampaignStatus.CANCELLED:
            cancel_runs_of(*campaign.ref)
        return True
    attempt = str(entry.payload.get("attempt", "1"))
    run_id = start_run(
        get_settings().deployment,
        tenant_id=campaign.tenant_id, campaign_id=campaign.id, tags=tags_of(campaign), attempt=attempt,
    )  # fmt: skip
    if campaign.execution_id != str(run_id):
        if campaign.execution_id is not None:
            retire_run(UUID(campaign.execution_id), successor=run_id)
        campaign = store.campaigns.update(*campaign.ref, {"execution_id": str(run_id)}, actor="outbox", at=now)
    if campaign.status is CampaignStatus.CANCELLED:
        cancel_run(run_id)  # cancelled while we started it: its own cancelling found no run
    return True


def _ring(store: Store, entry: OutboxEntry, now: datetime) -> bool:
    """Let what was decided take effect here, where it was decided, and wake the run, which finds it done."""
    campaign, n = store.campaigns.get(entry.tenant_id, entry.subject_id, deleted=True), entry.payload["round"]
    if campaign.status is CampaignStatus.AWAITING_REVIEW and campaign.round == n:
        campaign = conclude(store, campaign, now=now)
    if campaign.round == n + 1 and passed_on(store, campaign):
        # The next stage is asked already: the run is told once, and waits for that one.
        bell = ring(UUID(campaign.execution_id)) if campaign.execution_id else Bell.RUNG
        if bell is Bell.OVER:
            store.looks.soon(*campaign.ref, at=now)
        return bell is not Bell.NOT_WAITING
    if campaign.round != n:
        return True  # the run is past this gate
    ended = campaign.status in AT_REST
    if not ended and campaign.status not in {CampaignStatus.AWAITING_REVIEW, CampaignStatus.APPROVED}:
        return True
    if campaign.execution_id is None:
        return ended
    bell = ring(UUID(campaign.execution_id))
    if bell is Bell.RUNG:
        log.info("woke run %s for round %s", campaign.execution_id, entry.payload["round"])
    elif bell is Bell.OVER and not ended:
        store.looks.soon(*campaign.ref, at=now)  # nobody hears it any more
    # Rung is not yet past the gate: the run may die on its way. Housekeeping closes one that had only to end.
    return ended and bell is not Bell.NOT_WAITING


def _cancel(store: Store, entry: OutboxEntry, _now: datetime) -> bool:
    campaign = store.campaigns.get(entry.tenant_id, entry.subject_id, deleted=True)
    cancel_runs_of(*campaign.ref)
    if campaign.execution_id is not None:
        cancel_run(UUID(campaign.execution_id))  # a run from the Prefect form carries no tag of the campaign
        tag_ended(campaign)
    return True


def _restart(store: Store, entry: OutboxEntry, now: datetime) -> bool:
    campaign = store.campaigns.get(entry.tenant_id, entry.subject_id, deleted=True)
    if campaign.status in AT_REST or campaign.execution_id != entry.payload["run"]:
        return True  # cancelled meanwhile, or another run builds it
    lease = store.leases.current(entry.tenant_id, entry.subject_id, now=now)
    found = store.recoveries.last(entry.tenant_id, entry.subject_id)
    if lease is None or (found is not None and renewed_at(lease) < found.at):
        restart_run(UUID(entry.payload["run"]), entry.payload["reason"])
    return True  # or a process was heard of since it was found to be dead


_Deliverer = Callable[[Store, OutboxEntry, datetime], bool | OutboxEntry]
"""True: done. False: not yet, look again later. An entry: the same, and this is known about it now."""
_HOW: Final[Mapping[str, _Deliverer]] = {
    START_RUN: _start,
    RING: _ring,
    CANCEL_RUN: _cancel,
    ANALYZE: read_style,
    RESTART_RUN: _restart,
    HAND_OVER: hand_over,
    TELL: tell_what_was_recorded,
    **dict.fromkeys(NOTICE_KINDS, send_notice),
}


def _how(kind: str) -> _Deliverer:
    return _HOW[kind]
