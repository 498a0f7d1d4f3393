"""Compares the runs with the store, and repairs whichever of both is behind (process.md section 5, duties 3 and 4)."""

import logging
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Final
from uuid import UUID
from weakref import WeakKeyDictionary

from prefect.client.schemas.objects import FlowRun

from campaigns.approval.rounds import is_settling
from campaigns.build.planning import fail
from campaigns.build.submission import START_RUN
from campaigns.errors import AlreadyDecidedError, CampaignError, ConflictError, NotFoundError
from campaigns.model.campaign import AT_REST, Campaign
from campaigns.model.clocks import CLOCKS
from campaigns.model.vocabulary import CampaignStatus, RoundStatus
from campaigns.operations.cancelling import cancel
from campaigns.operations.recovery import (
    HEALTHY,
    LATELY,
    QUARANTINED,
    RESTART_RUN,
    Diagnosis,
    Remedy,
    RunSeen,
    RunState,
    diagnose_ended,
    diagnose_live,
    next_look,
    progress_mark,
)
from campaigns.store import Fact, OutboxEntry, Recovery, Store, if_there
from campaigns.store.commits.looks import BUILT_WITHIN, SOON, Look
from tasks.complete import completion_of, final_state
from tasks.delivery.deliver import deliver_now
from tasks.engine.server.answers import PrefectUnavailableError
from tasks.engine.server.run_states import begun_before, campaign_of, close_run, ended_since, read_runs
from tasks.engine.server.runs import Bell, ring
from tasks.engine.tags import tag_ended
from tasks.showing.events import tell

log = logging.getLogger("campaigns.operations.recovery")

ACTOR: Final = "housekeeping"
AGAIN: Final = timedelta(minutes=1)
"""A campaign that could not be looked at is tried again so much later."""
_AT_ONCE: Final = 200  # of so many runs Prefect tells in one answer
_ON_ITS_WAY: Final = frozenset({START_RUN, RESTART_RUN})


_ASKED: Final[WeakKeyDictionary[Store, datetime]] = WeakKeyDictionary()
"""Until when this process has heard from Prefect which runs broke."""
_FIRST_ASKED: Final = timedelta(minutes=10)
_COMPARED: Final[WeakKeyDictionary[Store, datetime]] = WeakKeyDictionary()
"""When this process asked Prefect last which runs go on."""


def recover_due(store: Store, *, now: datetime) -> Counter[str]:
    """Look at the campaigns whose time for it has come, and give each what it needs; return how often each remedy.

    Each has its own round, run and lease read, and its own next look: one that cannot be helped keeps no other from it.
    Those whose run Prefect calls broken or cancelled since it was asked last are looked at too; and once a minute those
    that wait for people, and whose run does not: somebody pressed *Resume*, and its worker may have died since.

    Raises:
        PrefectUnavailableError: the rest is still due; there is nothing to compare with.
    """
    broken = ended_since(_ASKED.get(store, now - _FIRST_ASKED) - 2 * CLOCKS)
    due = store.looks.due(now)
    known = {(look.tenant_id, look.campaign_id) for look in due}
    # Whoever starts a run may type any id: under one that is none lies no campaign.
    others = (if_there(store.looks.of, *place) for place in broken if place not in known)
    done = _look_at(store, [*(look for look in others if look is not None), *due], now)
    _ASKED[store] = now
    if store not in _COMPARED or now - _COMPARED[store] >= BUILT_WITHIN:
        going_on = (if_there(store.looks.of, *place) for place in begun_before(now - BUILT_WITHIN))
        done += _look_at(
            store, (look for look in going_on if look is not None and look.is_after(now + BUILT_WITHIN)), now
        )
        _COMPARED[store] = now
    return done


def recover_live(store: Store, *, now: datetime) -> Counter[str]:
    """Look at every campaign in work now, also before it is due, and return how often each remedy was applied.

    For use after a restore, when runs and store disagree. The cost grows with the number of campaigns in work.

    Raises:
        PrefectUnavailableError: nothing is known of the rest.
    """
    return _look_at(store, list(store.looks.all()), now, live=True)


def recover_ended(store: Store, *, now: datetime) -> Counter[str]:
    """Give the runs of campaigns that ended lately the same end; return how often each remedy was applied.

    Raises:
        PrefectUnavailableError: nothing is known of the rest.
    """
    ended = (Look(each.tenant_id, each.campaign_id, "") for each in store.campaigns.ended_since(now - LATELY))
    return _look_at(store, ended, now, live=False)


def recover_dead(store: Store, run: FlowRun, process: str, *, now: datetime) -> Remedy | None:
    """Free what a process held that was seen to end, and let its campaign go on at once; None: nothing was needed.

    Args:
        process: how the owners of its leases begin (`tasks.engine.lease.process_of`).

    Raises:
        PrefectUnavailableError: the campaign is free, and goes on at the next look.
    """
    tenant_id, campaign_id = campaign_of(run)
    try:
        campaign = store.campaigns.get(tenant_id, campaign_id)
    except (NotFoundError, ValueError):
        return None  # no campaign's run, or one that has stored nothing yet
    lease = store.leases.last(tenant_id, campaign_id)
    if lease is not None and lease.owner.startswith(process):
        store.leases.release(lease)
    if campaign.execution_id != str(run.id):
        return None
    seen = replace(read_runs([run.id], now=now)[run.id], dead=True)
    helped = _help(store, store.looks.of(tenant_id, campaign_id), campaign, seen, now)
    deliver_now(store, tenant_id, campaign_id, now=now)
    return helped


def _look_at(store: Store, looks: Iterable[Look], now: datetime, *, live: bool | None = None) -> Counter[str]:
    """Look at campaigns; `live`: only at those in work, or only at those at rest."""
    done: Counter[str] = Counter()
    waiting = iter(looks)
    while some := list(islice(waiting, _AT_ONCE)):
        campaigns = [(look, campaign) for look in some if (campaign := _read(store, look, now)) is not None]
        if live is not None:
            campaigns = [pair for pair in campaigns if (pair[1].status not in AT_REST) is live]
        runs = read_runs(_run_ids(campaign for _, campaign in campaigns), now=now)
        for look, campaign in campaigns:
            if (remedy := _help(store, look, campaign, _run_of(campaign, runs, now), now)) is not None:
                done[remedy] += 1
    return done


def _read(store: Store, look: Look, now: datetime) -> Campaign | None:
    try:
        return store.campaigns.get(look.tenant_id, look.campaign_id, deleted=True)
    except NotFoundError:
        store.looks.over(look)  # purged, or restored to a time before it
    except ValueError:  # a document that nobody can read
        log.exception("campaign %s cannot be looked at", look.campaign_id)
        store.looks.again(look, at=now + AGAIN)
    return None


def _help(store: Store, look: Look, campaign: Campaign, run: RunSeen, now: datetime) -> Remedy | None:
    """Give one campaign what it needs, and say when to look again; return what helped it, None: nothing was needed."""
    at: datetime | None = now + AGAIN
    helped: Remedy | None = None
    try:
        found, look_again = _diagnose(store, campaign, run, now)
        if found.remedy is not Remedy.NOTHING and _treat(store, campaign, found, now):
            log.warning("campaign %s: %s, because %s", campaign.id, found.remedy, found.reason)
            helped, at = found.remedy, now + SOON
        else:
            at = look_again
    except PrefectUnavailableError:
        raise
    except CampaignError as error:
        log.warning("campaign %s could not be helped now: %s", campaign.id, error)
    except Exception:  # a document that nobody can read, a bug: the others still need help
        log.exception("campaign %s cannot be helped", campaign.id)
    if at is None:
        store.looks.over(look)
    else:
        store.looks.again(look, at=at)
    return helped


def _diagnose(store: Store, campaign: Campaign, run: RunSeen, now: datetime) -> tuple[Diagnosis, datetime | None]:
    """Return what a campaign needs, and when it is looked at again if that is nothing."""
    lease = store.leases.last(*campaign.ref)
    if campaign.status in AT_REST:
        look_again = next_look(campaign, run, lease, ends_at=None, now=now)
        return diagnose_ended(campaign, run, lease, now=now), look_again
    latest = store.approvals.current_round(*campaign.ref) if campaign.status is CampaignStatus.AWAITING_REVIEW else None
    waits = latest is not None and (latest.status is RoundStatus.PENDING or is_settling(latest, now))
    ends_at = latest.expires_at if latest is not None and waits else None
    look_again = next_look(campaign, run, lease, ends_at=ends_at, now=now)
    if waits and run.state is RunState.PAUSED and not run.in_process:
        return HEALTHY, look_again
    if any(entry.kind in _ON_ITS_WAY and entry.is_open for entry in store.outbox.of(*campaign.ref)):
        return HEALTHY, now + SOON  # a run is being started; the outbox does not forget it
    diagnosis = diagnose_live(
        campaign,
        run,
        lease,
        store.recoveries.last(*campaign.ref),
        mark=progress_mark(campaign, store.posts.list(*campaign.ref)),
        waiting=waits,
        now=now,
    )
    return diagnosis, look_again


def _treat(store: Store, campaign: Campaign, diagnosis: Diagnosis, now: datetime) -> bool:
    """Apply the remedy; return whether there was anything left to do."""
    place = campaign.ref
    run = UUID(campaign.execution_id) if campaign.execution_id else None
    match diagnosis.remedy:
        case Remedy.RESTART | Remedy.NEW_RUN:
            return _start_again(store, campaign, diagnosis, now)
        case Remedy.RING if run:
            return ring(run) is Bell.RUNG
        case Remedy.CANCEL:
            try:
                cancel(store, *place, actor=ACTOR, reason=diagnosis.reason, now=now)
            except AlreadyDecidedError:
                # What its approvers said takes effect: another run does that.
                decided = Diagnosis(Remedy.NEW_RUN, "its run was cancelled after the decision")
                return _start_again(store, campaign, decided, now)
            except ConflictError:
                return False  # moved on in this moment
        case Remedy.QUARANTINE:
            message = f"the build stopped at the same place again and again; the last time: {diagnosis.reason}"
            fail(store, campaign, code=QUARANTINED, message=message, retryable=True, now=now, actor=ACTOR)
            tell("failed", *place, campaign.name, code=QUARANTINED)
            tag_ended(store.campaigns.get(*place))
        case Remedy.CLOSE_RUN if run:
            close_run(run, final_state(completion_of(store, campaign)))
            tag_ended(campaign)
        case _:
            return False
    return True


def _start_again(store: Store, campaign: Campaign, diagnosis: Diagnosis, now: datetime) -> bool:
    """Count the attempt, audit it, and enqueue what starts the run: at once, so that nothing is done by halves."""
    before = store.recoveries.last(*campaign.ref)
    mark = progress_mark(campaign, store.posts.list(*campaign.ref))
    recovery = Recovery(
        *campaign.ref,
        mark=mark,
        attempts=diagnosis.counts + (before.attempts if before is not None and before.mark == mark else 0),
        total=1 + (before.total if before is not None else 0),
        at=now,
        reason=diagnosis.reason,
    )
    if diagnosis.remedy is Remedy.RESTART:
        kind, payload = RESTART_RUN, {"run": campaign.execution_id, "reason": diagnosis.reason[:200]}
    else:
        kind, payload = START_RUN, {"attempt": f"again-{recovery.total}"}
    entry = OutboxEntry.about(kind, *campaign.ref, "recovery", recovery.total, due_at=now, payload=payload)
    fact = Fact(
        ACTOR,
        "run_started_again",
        now,
        reason=diagnosis.reason[:500],
        details={"attempt": recovery.attempts, "run": str(campaign.execution_id)},
    )
    return store.recoveries.begin(recovery, before=before, fact=fact, outbox=[entry])


def _run_ids(campaigns: Iterable[Campaign]) -> list[UUID]:
    return [UUID(campaign.execution_id) for campaign in campaigns if campaign.execution_id is not None]


def _run_of(campaign: Campaign, runs: dict[UUID, RunSeen], now: datetime) -> RunSeen:
    if campaign.execution_id is None:
        return RunSeen(RunState.MISSING, now)
    return runs[UUID(campaign.execution_id)]
