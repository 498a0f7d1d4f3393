"""The sweeper: threads in the API's process that look after what cannot wait for the next minute.

Housekeeping does all its duties every minute, as a flow run that people can see. On top of that every
API process rings bells, closes rounds and starts broken runs again, so that a decision whose bell was
lost wakes its run within seconds, and rounds end in time even while Prefect is away. Less often it
compares both sides, watches the rates, and removes a run of housekeeping that keeps out the later ones:
without a worker, or without its slot, housekeeping does not run, and nobody would hear of it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Final, Protocol

from campaigns.errors import CampaignError
from campaigns.store import Store
from tasks.engine.runs import is_answering
from tasks.upkeep.housekeeping import Duty, compare, deliver, expire_and_remind, send, start_again, unblock, watch_rates

log = logging.getLogger("campaigns.sweeper")

WITHOUT_PREFECT: Final[tuple[Duty, ...]] = (expire_and_remind, send)
"""In a thread of their own: a Prefect that takes a question and never answers keeps no mail waiting, and no round."""
WITH_PREFECT: Final[tuple[Duty, ...]] = (start_again, deliver)
LESS_OFTEN: Final[tuple[Duty, ...]] = (compare, unblock, watch_rates)
LESS_OFTEN_SECONDS: Final = 20
"""A run whose process died at its very end says what its campaign says within a minute (issue 8)."""


class _Duties(Protocol):
    def __call__(self, *, all_duties: bool) -> Iterable[Duty]: ...


@contextmanager
def sweeping(store: Store, *, every_seconds: float) -> Iterator[None]:
    """Sweep every so many seconds while the block lasts; never, if that is 0."""
    over = threading.Event()
    sweepers = [
        threading.Thread(target=_sweep_until, args=(over, store, every_seconds, duties), name=name, daemon=True)
        for name, duties in (("sweeper", _with_prefect), ("sender", _without_prefect))
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
    _do(_without_prefect(all_duties=all_duties), store, now)
    _do(_with_prefect(all_duties=all_duties), store, now)


def _without_prefect(*, all_duties: bool) -> Iterable[Duty]:  # noqa: ARG001 - as the other one
    return WITHOUT_PREFECT


def _with_prefect(*, all_duties: bool) -> Iterable[Duty]:
    """Return the duties that need Prefect; none while it does not answer."""
    return (*WITH_PREFECT, *(LESS_OFTEN if all_duties else ())) if is_answering() else ()


def _do(duties: Iterable[Duty], store: Store, now: datetime) -> None:
    for duty in duties:
        try:
            if done := duty(store, now):
                log.info("%s: %s", duty.__name__, dict(done))
        except CampaignError as error:
            log.warning("%s: %s", duty.__name__, error)
        except Exception:  # the next sweep, and the other duties, must not die of this one
            log.exception("%s broke", duty.__name__)


def _sweep_until(over: threading.Event, store: Store, every_seconds: float, duties: _Duties) -> None:
    turn = int(datetime.now(UTC).timestamp()) // LESS_OFTEN_SECONDS
    while not over.wait(every_seconds):
        now = datetime.now(UTC)
        this_turn = int(now.timestamp()) // LESS_OFTEN_SECONDS
        _do(duties(all_duties=this_turn != turn), store, now)
        turn = this_turn
