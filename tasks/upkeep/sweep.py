"""The sweeper: threads in the API's process that look after what cannot wait for the next minute.

Housekeeping does all its duties every minute, as a flow run that people can see. On top of that the
API rings bells, closes rounds and starts broken runs again, so that a decision whose bell was
lost wakes its run within seconds, and rounds end in time even while Prefect is away. Less often it
watches the rates, and removes a run of housekeeping that keeps out the later ones:
without a worker, or without its slot, housekeeping does not run, and nobody would hear of it.

Of all API processes and runs of housekeeping one does a kind of duty at a time; the others stand by, and ask whether
it is still there.
"""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Final
from uuid import uuid4

from campaigns.errors import CampaignError
from campaigns.release import release
from campaigns.store import Store
from tasks.engine.server.runs import is_answering
from tasks.upkeep.housekeeping import (
    Done,
    Duty,
    Group,
    expire_and_remind,
    renew,
    ring,
    send,
    start_again,
    unblock,
    watch_rates,
)

log = logging.getLogger("campaigns.sweeper")

WITHOUT_PREFECT: Final[tuple[Duty, ...]] = (expire_and_remind, send)
"""In a thread of their own: a Prefect that takes a question and never answers keeps no mail waiting, and no round."""
WITH_PREFECT: Final[tuple[Duty, ...]] = (start_again, ring)
LESS_OFTEN: Final[tuple[Duty, ...]] = (renew, unblock, watch_rates)
WHOEVER_ANSWERS: Final = frozenset({renew, watch_rates})
"""Done also while Prefect does not answer: most of all then somebody has to watch."""
LESS_OFTEN_SECONDS: Final = 20


@contextmanager
def sweeping(store: Store, *, every_seconds: float) -> Iterator[None]:
    """Sweep every so many seconds while the block lasts; never, if that is 0."""
    over = threading.Event()
    sweepers = [
        threading.Thread(target=_sweep_until, args=(over, store, every_seconds, group), name=group, daemon=True)
        for group in Group
    ]
    if every_seconds > 0:
        for sweeper in sweepers:
            sweeper.start()
    try:
        yield
    finally:
        over.set()
        if every_seconds > 0:
            for sweeper in sweepers:
                sweeper.join()


def sweep(store: Store, *, now: datetime, all_duties: bool = False) -> None:
    """Do the urgent duties once, and the others if asked to; what fails is tried at the next sweep."""
    for group in Group:
        for duty in _duties(group, all_duties=all_duties):
            _do(duty, store, now)


def _duties(group: Group, *, all_duties: bool) -> tuple[Duty, ...]:
    """Return the duties of a group; none that need Prefect while it does not answer."""
    if group is Group.SENDER:
        return WITHOUT_PREFECT
    duties = (*WITH_PREFECT, *(LESS_OFTEN if all_duties else ()))
    return duties if is_answering() else tuple(duty for duty in duties if duty in WHOEVER_ANSWERS)


def _do(duty: Duty, store: Store, now: datetime) -> None:
    try:
        if done := duty(store, now):
            log.info("%s: %s", duty.__name__, dict(done))
    except CampaignError as error:
        log.warning("%s: %s", duty.__name__, error)
    except Exception:  # the next sweep, and the other duties, must not die of this one
        log.exception("%s broke", duty.__name__)


def _sweep_until(over: threading.Event, store: Store, every_seconds: float, group: Group) -> None:
    turn, owner = int(datetime.now(UTC).timestamp()) // LESS_OFTEN_SECONDS, uuid4().hex
    if group is Group.SWEEPER:
        _do(_note_release, store, datetime.now(UTC))
    while not over.wait(every_seconds):
        this_turn = int(datetime.now(UTC).timestamp()) // LESS_OFTEN_SECONDS
        if group is Group.SWEEPER and this_turn != turn:
            _do(_note_release, store, datetime.now(UTC))
        if _is_ours(store, group, owner):
            for duty in _duties(group, all_duties=this_turn != turn):
                # Asked before each: one that takes long may have lost it.
                if _is_ours(store, group, owner):
                    _do(duty, store, datetime.now(UTC))
            turn = this_turn
    with suppress(CampaignError):
        store.turns.give_back(group, owner=owner)


def _note_release(store: Store, now: datetime) -> Done:
    """Say which code this process has, also while it stands by."""
    store.turns.runs("api", release(), now=now)
    return {}


def _is_ours(store: Store, group: Group, owner: str) -> bool:
    try:
        return store.turns.take(group, owner=owner, now=datetime.now(UTC))
    except CampaignError as error:
        log.warning("whose turn it is is not known: %s", error)
        return False
