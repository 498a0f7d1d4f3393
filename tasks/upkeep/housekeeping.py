"""The duties of housekeeping (process.md section 5): each may be repeated, is bounded, and stands on its own."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from prefect.client.schemas.filters import FlowFilter, FlowFilterName, FlowRunFilter, FlowRunFilterExpectedStartTime
from prefect.client.schemas.objects import StateType
from prefect.client.schemas.sorting import FlowRunSort

from campaigns.approval.expiry import expire_due
from campaigns.approval.messages.reminding import remind_due
from campaigns.operations.recurring import begin_queued
from campaigns.release import release
from campaigns.settings import get_settings
from campaigns.store import Store
from campaigns.store.upkeep.turns import RATES_WATCHED
from campaigns.wiring import get_asset_files, get_signals
from tasks.checkpoints.retention import forget_ended_campaigns
from tasks.checkpoints.storage import configured_storage
from tasks.delivery.deliver import BELLS, NOTICES, RUNS, deliver_due
from tasks.engine.server.run_states import state_of
from tasks.engine.server.runs import prefect_client
from tasks.showing.board import put
from tasks.showing.pages import waiting_page
from tasks.upkeep.choices import keep_choices
from tasks.upkeep.recover import recover_due
from tasks.upkeep.watch import watch

Done = Mapping[str, Any]
"""What a duty has done, for people to read; empty: there was nothing to do."""

FLOW: Final = "housekeeping"
OWN_RUNS_KEPT: Final = timedelta(hours=2)
LONGEST_ROUND: Final = timedelta(minutes=5)
_OWN_RUNS_AT_ONCE: Final = 50


def expire_and_remind(store: Store, now: datetime) -> Done:
    """Close or extend rounds whose time is over, and remind who has not decided."""
    due = store.approvals.due(now)
    return _counts(expired=expire_due(store, now=now, rounds=due), reminded=remind_due(store, now=now, rounds=due))


def start_again(store: Store, now: datetime) -> Done:
    """Give campaigns whose run cannot go on what they need, and the runs of ended campaigns the same end."""
    return recover_due(store, now=now)


def begin_waiting(store: Store, now: datetime) -> Done:
    """Begin occurrences of templates that waited for the one before."""
    return _counts(begun=len(begin_queued(store, default_approver=get_settings().default_approver(), now=now)))


def ring(store: Store, now: datetime) -> Done:
    """Ring the bells and start the runs that wait in the outbox."""
    return _counts(delivered=deliver_due(store, now=now, lanes=[BELLS, RUNS]))


def send(store: Store, now: datetime) -> Done:
    """Send the notices that wait in the outbox; needs no Prefect."""
    return _counts(sent=deliver_due(store, now=now, lanes=[NOTICES]))


def renew(store: Store, now: datetime) -> Done:
    """Move what the version before left where nobody looks any more."""
    return _counts(renewed=store.renew(now))


def show_waiting(store: Store, now: datetime) -> Done:
    """Show in Prefect who is waited for, where that has changed."""
    put(waiting_page(store, now), None)
    return {}


def keep_forms(store: Store, _now: datetime) -> Done:
    """Offer in Prefect's forms the names that the table has."""
    tenants = get_settings().tenants_of_forms()
    return _counts(forms=len(keep_choices(store, tenants))) if tenants else {}


def watch_rates(store: Store, now: datetime) -> Done:
    """Turn the alarms on or off; what this process counted since it last wrote, as after a burst, counts too."""
    get_signals().flush(now=now)
    store.turns.note(RATES_WATCHED, now=now)
    return {kind: f"{found.part} of {found.whole}" for kind, found in watch(store, now=now).items() if found.part}


def tidy(store: Store, now: datetime) -> Done:
    """Remove what is kept no longer: deleted campaigns, checkpoints of ended ones, our own old runs.

    No API process does this: so it is noted here which release the workers have.
    """
    purged = store.purge(now, files=get_asset_files())
    forgotten = forget_ended_campaigns(store, configured_storage(get_settings()), now=now)
    store.tallies.fold(now)
    store.turns.runs("worker", release(), now=now)
    return _counts(**purged, forgotten=forgotten, runs=_delete_own_runs(now))


Duty = Callable[[Store, datetime], Done]
DUTIES: Final[Mapping[str, Duty]] = {
    "expire and remind": expire_and_remind,
    "send notices": send,
    "start broken runs again": start_again,
    "begin what was queued": begin_waiting,
    # After the duties that leave something in the outbox.
    "ring and start": ring,
    "renew the table": renew,
    "show who is waited for": show_waiting,
    "keep the forms in step": keep_forms,
    "watch the rates": watch_rates,
    "tidy up": tidy,
}


class Group(StrEnum):
    """Duties that one process does at a time: with Prefect, and without."""

    SENDER = "sender"
    SWEEPER = "sweeper"


GROUP_OF: Final[Mapping[str, Group]] = {
    "expire and remind": Group.SENDER,
    "send notices": Group.SENDER,
    **dict.fromkeys(("start broken runs again", "ring and start", "renew the table", "watch the rates"), Group.SWEEPER),
}
"""What the API does as well; the others are done by runs of housekeeping alone, of which there is one at a time."""


def in_turn(store: Store, name: str, duty: Duty, *, owner: str, now: datetime) -> Done:
    """Do a duty of housekeeping, unless an API process does it at the moment."""
    group = GROUP_OF.get(name)
    if group is None:
        return duty(store, now)
    if not store.turns.take(group, owner=owner, now=now):
        return {}
    try:
        return duty(store, now)
    finally:
        store.turns.give_back(group, owner=owner)


def unblock(_store: Store, now: datetime) -> Done:
    """Delete runs of housekeeping that hold its only slot without progress. Not to be called from such a run.

    A run that Prefect believes to be under way, after a restore or a kill, would keep out every later one.
    """
    mine = FlowFilter(name=FlowFilterName(any_=[FLOW]))
    removed = 0
    with prefect_client() as client:
        runs = client.read_flow_runs(
            flow_filter=mine,
            flow_run_filter=FlowRunFilter(state=state_of(StateType.PENDING, StateType.RUNNING)),
            limit=_OWN_RUNS_AT_ONCE,
        )
        for run in runs:
            if run.state is not None and now - run.state.timestamp > LONGEST_ROUND:
                client.delete_flow_run(run.id)
                removed += 1
    return _counts(unblocked=removed)


def _delete_own_runs(now: datetime) -> int:
    wanted = FlowRunFilter(expected_start_time=FlowRunFilterExpectedStartTime(before_=now - OWN_RUNS_KEPT))
    with prefect_client() as client:
        runs = client.read_flow_runs(
            flow_filter=FlowFilter(name=FlowFilterName(any_=[FLOW])),
            flow_run_filter=wanted,
            sort=FlowRunSort.EXPECTED_START_TIME_ASC,
            limit=_OWN_RUNS_AT_ONCE,
        )
        for run in runs:
            client.delete_flow_run(run.id)
    return len(runs)


def _counts(**counts: int) -> Done:
    return {name: count for name, count in counts.items() if count}
