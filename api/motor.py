"""What the API asks of Prefect, and the only module here that asks anything of it.

Prefect costs a process as much time and memory as all the rest together, so each function loads what it needs
when it is first called: the API answers before that, and one that is asked for briefs alone never loads it.
"""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from typing import Final
from uuid import UUID

from campaigns.store import Store
from tasks.engine.server.answers import PoolState, PrefectUnavailableError, RunFacts, StepFacts

__all__ = [
    "PoolState", "PrefectUnavailableError", "RunFacts", "StepFacts",
    "deliver_now", "is_answering", "pool_state", "run_facts", "sign_in", "sweeping",
]  # fmt: skip

_loading: Final = threading.Lock()
"""One thread loads at a time: modules of Prefect import each other, and a second thread would find them half loaded."""


def deliver_now(store: Store, tenant_id: str, subject_id: str, *, now: datetime) -> None:
    """Deliver what is due for one campaign or persona; failures stay in the outbox."""
    with _loading:
        from tasks.delivery import deliver

    deliver.deliver_now(store, tenant_id, subject_id, now=now)


def run_facts(run_id: UUID, *, ui_url: str | None) -> RunFacts | None:
    """Return what Prefect knows of a run; None: it has no such run (any more).

    Args:
        ui_url: where people open Prefect, such as `http://host/v2`; None: no links.

    Raises:
        PrefectUnavailableError: Prefect did not answer.
    """
    with _loading:
        from tasks.engine.server import run_facts as engine

    return engine.run_facts(run_id, ui_url=ui_url)


def is_answering() -> bool:
    """Whether the Prefect server answers."""
    with _loading:
        from tasks.engine.server import runs

    return runs.is_answering()


def pool_state() -> PoolState:
    """Return whether the work pool refuses runs that bring a command of their own."""
    with _loading:
        from tasks.engine.server import work_pool

    return work_pool.pool_state()


def sign_in() -> str | None:
    """Return what Prefect's server asks for, as `name:password`; None: it asks for nothing."""
    with _loading:
        from tasks.engine.server import runs

    return runs.sign_in()


@contextmanager
def sweeping(store: Store, *, every_seconds: float) -> Iterator[None]:
    """Sweep while the block lasts; never, if `every_seconds` is 0. The block begins before Prefect is loaded."""
    with ExitStack() as sweepers:

        def begin() -> None:
            with _loading:
                from tasks.upkeep import sweep

            sweepers.enter_context(sweep.sweeping(store, every_seconds=every_seconds))

        loading = threading.Thread(target=begin, name="sweeper-loading", daemon=True)
        if every_seconds > 0:
            loading.start()
        try:
            yield
        finally:
            if every_seconds > 0:
                loading.join()
