"""What a campaign needs whose run and store disagree (process.md section 5). Pure: what was seen comes in.

The store is the truth. A campaign in work needs a run that works on it or waits for it; a campaign at
rest needs none. A run that cannot go on is started again; its fifth end without progress is final. What
says nothing against the campaign does not count: an end that an outage brought about, a worker that took the
run and did not start it.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from campaigns.model.campaign import AT_REST, TRANSITIONS, Campaign
from campaigns.model.clocks import CLOCKS
from campaigns.model.post import Post
from campaigns.model.vocabulary import CampaignStatus, PostStatus
from campaigns.store import Lease, Recovery
from campaigns.store.commits.leases import LOOK_AFTER
from campaigns.store.commits.looks import AFTER_A_ROUND, BUILT_WITHIN, RARELY

RESTART_RUN: Final = "restart_run"
QUARANTINED: Final = "QUARANTINED"
STOPPED: Final = "RUN_STOPPED"
"""Why a campaign failed whose run somebody ended in Prefect while it was at work."""

MAX_EXECUTIONS: Final = 5
"""Executions of a run without progress in between; what fails more often is poison."""

SETTLE: Final = timedelta(seconds=15)
"""What ended a run may still be ending: its process, or the outage that it died of."""
FIRST_PAUSE: Final = timedelta(seconds=30)
LONGEST_PAUSE: Final = timedelta(minutes=4)
TO_START: Final = timedelta(seconds=40)
"""The longest time from a worker's "I start it" until a run runs, and from "Running" until its process has the lease.

As long as its first step is retried; where a container is made first, its work pool is given more
(`CAMPAIGNS_RUN_START_SECONDS`). One that died, and could not tell Prefect because that was away, let its lease go.
"""
TO_END: Final = timedelta(seconds=120)
"""Longest time that a run takes to end when its campaign is over, or somebody cancels it."""
TAKEN: Final = timedelta(seconds=20)
"""A worker takes a run and says that it starts it in one breath; one that does not is dead."""
HEARTBEAT: Final = timedelta(seconds=10)
LEASE_LASTS: Final = timedelta(seconds=30)
"""A process that works renews its lease with every heartbeat (process.md section 5)."""
TO_BE_RUNG: Final = timedelta(seconds=60)


class RunState(StrEnum):
    """Prefect's state types, and what it does not have: a run that it does not know."""

    SCHEDULED = "SCHEDULED"
    PENDING = "PENDING"
    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CRASHED = "CRASHED"
    CANCELLED = "CANCELLED"
    CANCELLING = "CANCELLING"
    MISSING = "MISSING"


_ENDED: Final = frozenset({RunState.COMPLETED, RunState.FAILED, RunState.CRASHED, RunState.CANCELLED, RunState.MISSING})


@dataclass(frozen=True, slots=True)
class RunSeen:
    """A run as Prefect tells it.

    `in_process`: paused in a living process; `by_hand`: an operator suspended it; `restartable`: a worker can
    execute it; `outage`: it ended because the store, the checkpoints or Prefect did not answer; `taken`: a worker has
    it and does not start it yet; `to_start`: so long its work pool may take to start it; `dead`: its worker saw its
    process end.
    """

    state: RunState
    since: datetime
    in_process: bool = False
    by_hand: bool = False
    restartable: bool = True
    outage: bool = False
    taken: bool = False
    to_start: timedelta = TO_START
    dead: bool = False

    @property
    def is_over(self) -> bool:
        return self.state in _ENDED

    @property
    def blameless(self) -> bool:
        """Whether the campaign had no part in how it ended: an outage, or a worker that never began it."""
        return self.outage or self.state is RunState.PENDING


class Remedy(StrEnum):
    NOTHING = "nothing"
    RESTART = "restart"
    """Let a worker execute the same run again; it goes on where it was."""
    NEW_RUN = "new_run"
    """Start another run: the old one is gone, or nobody can execute it."""
    RING = "ring"
    """Wake the run: what it waits for has happened."""
    CANCEL = "cancel"
    """Cancel the campaign: somebody cancelled its run."""
    QUARANTINE = "quarantine"
    """Fail the campaign with the reason: starting it again does not help."""
    CLOSE_RUN = "close_run"
    """Give the run the end that the campaign has."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """`counts`: whether starting again counts as an attempt, so as something that speaks against the campaign."""

    remedy: Remedy
    reason: str = ""
    counts: bool = True


HEALTHY: Final = Diagnosis(Remedy.NOTHING)


def diagnose_live(
    campaign: Campaign,
    run: RunSeen,
    lease: Lease | None,
    recovery: Recovery | None,
    *,
    mark: str,
    waiting: bool,
    now: datetime,
) -> Diagnosis:
    """Return what a campaign in work needs.

    Args:
        lease: the last lease that nobody gave up, expired or not.
        recovery: the last time its run was started again.
        mark: how far the campaign is (`progress_mark`).
        waiting: whether its current round is open.
    """
    if lease is not None and lease.expires_at > now and not _fell_silent(run, lease, now):
        return HEALTHY  # a process is at work, whatever Prefect says
    match run.state:
        case RunState.CANCELLED | RunState.CANCELLING:
            if run.state is RunState.CANCELLING and now - run.since < TO_END:
                return HEALTHY
            if CampaignStatus.CANCELLED in TRANSITIONS[campaign.status]:
                return Diagnosis(Remedy.CANCEL, "its run was cancelled in Prefect")
            broken = "its run was cancelled after the decision"
        case RunState.PAUSED if run.by_hand:
            return HEALTHY  # it goes on when whoever suspended it says so
        case RunState.PAUSED if not (run.in_process and lease is not None and _is_over(lease, now)):
            overdue = not waiting and now - max(run.since, campaign.updated_at) > TO_BE_RUNG
            return Diagnosis(Remedy.RING, "its run still waits for a round that is closed") if overdue else HEALTHY
        case _:
            found = _broken(run, lease, now)
            if found is None:
                return HEALTHY
            broken = found
    before = recovery.attempts if recovery is not None and recovery.mark == mark else 0
    pause = FIRST_PAUSE if run.blameless else min(LONGEST_PAUSE, FIRST_PAUSE * (1 << before))
    if recovery is not None and (before or run.blameless) and now - recovery.at < pause:
        return HEALTHY  # the last attempt has its time
    if before + 1 >= MAX_EXECUTIONS and not run.blameless:
        return Diagnosis(Remedy.QUARANTINE, broken)
    same = run.restartable and run.state in {RunState.PENDING, RunState.RUNNING, RunState.FAILED, RunState.CRASHED}
    return Diagnosis(Remedy.RESTART if same else Remedy.NEW_RUN, broken, counts=not run.blameless)


def diagnose_ended(campaign: Campaign, run: RunSeen, lease: Lease | None, *, now: datetime) -> Diagnosis:
    """Return what the run of a campaign at rest needs."""
    if lease is not None and not _is_over(lease, now):
        return HEALTHY
    match run.state:
        case RunState.PAUSED if now - run.since > TO_BE_RUNG:
            return Diagnosis(Remedy.RING, f"the campaign is {campaign.status}")
        case RunState.RUNNING | RunState.CANCELLING if now - run.since > TO_END:
            return Diagnosis(Remedy.CLOSE_RUN, "nobody executes it any more")
        case RunState.PENDING if now - run.since > to_begin(run):
            return Diagnosis(Remedy.CLOSE_RUN, "it was taken by a worker and never started")
        case RunState.FAILED | RunState.CRASHED if campaign.status is not CampaignStatus.FAILED:
            if now - run.since > SETTLE:
                return Diagnosis(Remedy.CLOSE_RUN, f"Prefect says {run.state}")
        case RunState.CANCELLED if campaign.status not in {CampaignStatus.CANCELLED, CampaignStatus.FAILED}:
            return Diagnosis(Remedy.CLOSE_RUN, f"Prefect says {run.state}")
        case _:
            pass
    return HEALTHY


def next_look(
    campaign: Campaign, run: RunSeen, lease: Lease | None, *, ends_at: datetime | None, now: datetime
) -> datetime | None:
    """Return when a campaign that needs nothing is looked at again; None: it is over, and so is its run.

    Args:
        ends_at: the end of its open round; None: nobody is asked.
    """
    if lease is not None and not _is_over(lease, now):
        return lease.expires_at + LOOK_AFTER
    if campaign.status in AT_REST:
        over = run.is_over or now - campaign.updated_at > LATELY
        later, begun = _later(now, campaign.updated_at), run.since + to_begin(run)
        if run.state is RunState.PENDING and begun > now:
            later = min(later, begun + _BREATH)
        return None if over else later
    if ends_at is not None and run.state is RunState.PAUSED:
        return min(max(ends_at, now) + AFTER_A_ROUND, now + RARELY)
    if run.state in {RunState.PENDING, RunState.RUNNING}:
        return max(run.since + to_begin(run), now) + _BREATH
    later = _later(now, max(run.since, campaign.updated_at))
    # What waits to be built is counted by its look, so that no more is taken than can be built.
    return min(later, now + BUILT_WITHIN) if run.state is RunState.SCHEDULED else later


def _later(now: datetime, since: datetime) -> datetime:
    """The longer it has been as it is, the longer it may be."""
    return now + max(FIRST_LOOK, min(LONGEST_LOOK, (now - since) / 2))


FIRST_LOOK: Final = timedelta(seconds=10)
LONGEST_LOOK: Final = timedelta(minutes=5)
LATELY: Final = timedelta(hours=6)
"""The time after the end of a campaign at which its run is compared with it."""
_BREATH: Final = timedelta(seconds=1)


def renewed_at(lease: Lease) -> datetime:
    """Return when the process that holds a lease was heard of last."""
    return lease.expires_at - LEASE_LASTS


def progress_mark(campaign: Campaign, posts: list[Post]) -> str:
    """Return what names how far a campaign is; it changes whenever a step got something done."""
    done = sum(post.revision + (post.status not in {PostStatus.PLANNED, PostStatus.GENERATING}) for post in posts)
    return f"{campaign.status}/{campaign.round}/{len(posts)}/{done}"


def _broken(run: RunSeen, lease: Lease | None, now: datetime) -> str | None:
    """Return why a run of which no process renews the lease will not go on by itself, None: it may."""
    age = now - run.since
    match run.state:
        case RunState.MISSING:
            return "Prefect does not know its run"
        case RunState.FAILED | RunState.CRASHED if run.dead or age > SETTLE:
            return f"its run has {run.state.lower()}"
        case RunState.COMPLETED if age > SETTLE:
            return "its run ended before the campaign did"
        case RunState.PENDING if age > to_begin(run):
            return "its run was taken by a worker and never started"
        case RunState.RUNNING if _has_no_process(run, lease, now):
            return "the process of its run is gone" if lease else "no process holds the campaign"
        case RunState.PAUSED:
            return "the process in which its run waited is gone"
        case _:
            return None


def to_begin(run: RunSeen) -> timedelta:
    """Return how long a run may take from where it is now until it works."""
    return CLOCKS + (TAKEN if run.taken else run.to_start)


def _has_no_process(run: RunSeen, lease: Lease | None, now: datetime) -> bool:
    """Whether nobody executes a run that Prefect calls running.

    A lease from before it began is that of an earlier process: this one may still be starting.
    """
    if lease is not None and not _is_over(lease, now):
        return False
    if lease is not None and renewed_at(lease) + CLOCKS >= run.since:
        return True
    return now - run.since > to_begin(run)


def _fell_silent(run: RunSeen, lease: Lease, now: datetime) -> bool:
    """Whether Prefect says that a run has crashed or failed, and its process has let a heartbeat pass since.

    The next process comes up while this lease runs out, and takes it then: a campaign comes on ten seconds sooner.
    """
    crashed = run.state in {RunState.FAILED, RunState.CRASHED} and now - run.since > SETTLE
    return crashed and renewed_at(lease) < run.since


def _is_over(lease: Lease, now: datetime) -> bool:
    return lease.expires_at + CLOCKS < now
