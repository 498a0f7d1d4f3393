"""What all tests share: hypothesis profiles, and one real Prefect server a session."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

settings.register_profile("ci", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("dev", deadline=None)
settings.load_profile("ci" if os.environ.get("CI") else "dev")


HERE = Path(__file__).parent
SYSTEM = {"system", "browser"}
RUN_AFTER_RUN = {"housekeeping", "checkpoints", "properties"}
# Of tests/flows what starts many runs in each test.
MANY_RUNS = {"test_approval_form", "test_orders", "test_own_run", "test_restored_table", "test_time_limits"}
# Dealt out first, so that no process is left alone with a long file at the end.
LONGEST_FIRST = ["flows", "properties", "checkpoints", "housekeeping", "api", "store"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what belongs to `make system`, and put long files first.

    That is whatever needs the whole product as processes, a browser, or run after run on a Prefect server;
    tests/flows has the runs that `make test` executes.
    """

    def rank(item: pytest.Item) -> int:
        room = item.path.relative_to(HERE).parts[0]
        on_a_server = "prefect_server" in getattr(item, "fixturenames", ())
        if "machine" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.proofs)
        elif room in SYSTEM or item.path.stem in MANY_RUNS or (room in RUN_AFTER_RUN and on_a_server):
            item.add_marker(pytest.mark.system)
        return LONGEST_FIRST.index(room) if room in LONGEST_FIRST else len(LONGEST_FIRST)

    items.sort(key=rank)


class OneServerForFlows(LoadFileScheduling):  # type: ignore[misc]  # xdist has no types
    """Deals out files, and tests/flows as one: each process that runs some starts a Prefect server, 20 s each."""

    def _split_scope(self, nodeid: str) -> str:
        return "tests/flows" if nodeid.startswith("tests/flows/") else str(super()._split_scope(nodeid))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> OneServerForFlows:
    return OneServerForFlows(config, log)


@pytest.fixture(scope="session")
def prefect_server() -> Iterator[str]:
    """A real Prefect server on an empty database; started when the first test asks for it.

    TESTS_PREFECT_API_URL names one that is there already, for many short runs of pytest (tests/mutants/run.py).
    """
    from prefect.context import _temporary_global_settings_context, get_settings_context
    from prefect.settings import PREFECT_API_URL, temporary_settings
    from prefect.testing.utilities import prefect_test_harness

    if url := os.environ.get("TESTS_PREFECT_API_URL"):
        with temporary_settings({PREFECT_API_URL: url}), _temporary_global_settings_context(get_settings_context()):
            yield url
        return
    with prefect_test_harness(server_startup_timeout=120):
        yield str(PREFECT_API_URL.value())
