"""Compares the runs with the store, and repairs whichever of both is behind (process.md section 5, duties 3 and 4)."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from campaigns.approval.rounds import is_settling
from campaigns.build.planning import fail
from campaigns.build.submission import START_RUN
from campaigns.errors import AlreadyDecidedError, CampaignError, ConflictError, NotFoundError
from campaigns.model.campaign import Campaign
from campaigns.model.vocabulary import CampaignStatus
from campaigns.operations.cancelling import cancel
from campaigns.operations.recovery import (
    HEALTHY,
    QUARANTINED,
    RESTART_RUN,
    Diagnosis,
    Remedy,
    RunSeen,
    RunState,
    diagnose_ended,
    diagnose_live,
    progress_mark,
)
from campaigns.store import Fact, OutboxEntry, Recovery, Store
from tasks.complete import completion_of, final_state
from tasks.engine.answers import PrefectUnavailableError
from tasks.engine.run_states import close_run, read_runs
from tasks.engine.runs import Bell, ring

log = logging.getLogger("campaigns.operations.recovery")

ACTOR: Final = "housekeeping"
MOST: Final = 5000
LATELY: Final = timedelta(hours=6)
"""So far back the runs of ended campaigns are compared."""
TOO_YOUNG: Final = timedelta(seconds=15)
_ON_ITS_WAY: Final = frozenset({START_RUN, RESTART_RUN})


def recover_live(store: Store, *, now: datetime, limit: int = MOST) -> Counter[str]:
    """Give every campaign in work what it needs; return how often each remedy was applied.

    One campaign that cannot be helped does not keep the others from it.

    Raises:
        PrefectUnavailableError: nothing was done; there is nothing to compare with.
    """
    campaigns = store.campaigns.in_work(until=now - TOO_YOUNG, limit=limit)
    runs = read_runs(_run_ids(campaigns), now=now)
    open_rounds = {(r.tenant_id, r.campaign_id) for r in store.approvals.pending(limit=limit)}

    def diagnose(campaign: Campaign) -> Diagnosis:
        place = campaign.tenant_id, campaign.id
        run = _run_of(campaign, runs, now)
        waits = campaign.status is CampaignStatus.AWAITING_REVIEW and (
            place in open_rounds or _is_settling(store, campaign, now)
        )
        if waits and run.state is RunState.PAUSED and not run.in_process:
            return HEALTHY
        if any(entry.kind in _ON_ITS_WAY and entry.is_open for entry in store.outbox.of(*place)):
            return HEALTHY  # a run is being started; the outbox does not forget it
        return diagnose_live(
            campaign,
            run,
            store.leases.last(*place),
            store.recoveries.last(*place),
            mark=progress_mark(campaign, store.posts.list(*place)),
            waiting=waits,
            now=now,
        )

    return _each(store, campaigns, diagnose, now)


def recover_ended(store: Store, *, now: datetime, limit: int = 1000) -> Counter[str]:
    """Give the runs of campaigns that ended lately the same end; return how often each remedy was applied.

    Raises:
        PrefectUnavailableError: nothing was done.
    """
    campaigns = []
    for ended in store.campaigns.ended_since(now - LATELY, limit=limit):
        try:
            campaigns.append(store.campaigns.get(ended.tenant_id, ended.campaign_id, deleted=True))
        except NotFoundError:
            continue  # purged meanwhile
    runs = read_runs(_run_ids(campaigns), now=now)

    def diagnose(campaign: Campaign) -> Diagnosis:
        lease = store.leases.last(campaign.tenant_id, campaign.id)
        return diagnose_ended(campaign, _run_of(campaign, runs, now), lease, now=now)

    return _each(store, campaigns, diagnose, now)


def _each(
    store: Store, campaigns: Iterable[Campaign], diagnose: Callable[[Campaign], Diagnosis], now: datetime
) -> Counter[str]:
    done: Counter[str] = Counter()
    for campaign in campaigns:
        try:
            diagnosis = diagnose(campaign)
            if diagnosis.remedy is not Remedy.NOTHING and _treat(store, campaign, diagnosis, now):
                log.warning("campaign %s: %s, because %s", campaign.id, diagnosis.remedy, diagnosis.reason)
                done[diagnosis.remedy] += 1
        except PrefectUnavailableError:
            raise
        except CampaignError as error:
            log.warning("campaign %s could not be helped now: %s", campaign.id, error)
        except Exception:  # a document that nobody can read, a bug: the others still need help
            log.exception("campaign %s cannot be helped", campaign.id)
    return done


def _treat(store: Store, campaign: Campaign, diagnosis: Diagnosis, now: datetime) -> bool:
    """Apply the remedy; return whether there was anything left to do."""
    place = campaign.tenant_id, campaign.id
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
        case Remedy.CLOSE_RUN if run:
            close_run(run, final_state(completion_of(store, campaign)))
        case _:
            return False
    return True


def _start_again(store: Store, campaign: Campaign, diagnosis: Diagnosis, now: datetime) -> bool:
    """Count the attempt, audit it, and enqueue what starts the run: at once, so that nothing is done by halves."""
    place = campaign.tenant_id, campaign.id
    before = store.recoveries.last(*place)
    mark = progress_mark(campaign, store.posts.list(*place))
    recovery = Recovery(
        *place,
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
    entry = OutboxEntry.about(kind, *place, "recovery", recovery.total, due_at=now, payload=payload)
    fact = Fact(
        ACTOR,
        "run_started_again",
        now,
        reason=diagnosis.reason[:500],
        details={"attempt": recovery.attempts, "run": str(campaign.execution_id)},
    )
    return store.recoveries.begin(recovery, before=before, fact=fact, outbox=[entry])


def _is_settling(store: Store, campaign: Campaign, now: datetime) -> bool:
    latest = store.approvals.current_round(campaign.tenant_id, campaign.id)
    return latest is not None and is_settling(latest, now)


def _run_ids(campaigns: Iterable[Campaign]) -> list[UUID]:
    return [UUID(campaign.execution_id) for campaign in campaigns if campaign.execution_id is not None]


def _run_of(campaign: Campaign, runs: dict[UUID, RunSeen], now: datetime) -> RunSeen:
    if campaign.execution_id is None:
        return RunSeen(RunState.MISSING, now)
    return runs[UUID(campaign.execution_id)]
