"""What all tests share: hypothesis profiles, and one real Prefect server a session."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

from campaigns import correlation

settings.register_profile("ci", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("dev", deadline=None)
settings.load_profile("ci" if os.environ.get("CI") else "dev")


HERE = Path(__file__).parent
SYSTEM = {"system", "browser"}
RUN_AFTER_RUN = {"housekeeping", "checkpoints", "properties"}
# Of tests/flows what starts many runs in each test.
MANY_RUNS = {"test_approval_form", "test_orders", "test_own_run", "test_restored_table", "test_time_limits"}
# Dealt out first, so that no process is left alone with a long file at the end.
LONGEST_FIRST = ["properties", "flows", "system", "checkpoints", "housekeeping", "api", "store"]


# These share the product as processes (tests/system/conftest.py), in this order: the first counts what the stack did,
# the last leaves its pool open.
ON_ONE_STACK = ["test_seen", "test_crash", "test_work_pool"]
# These share a Prefect server in `make test`.
ON_ONE_SERVER = ("tests/flows/", *(f"tests/deployments/test_{name}" for name in ("automations", "pools", "register")))
ON_ONE_SERVER += ("tests/deployments/test_trust", "tests/notices/test_channels", "tests/notices/test_mail")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what belongs to `make system`, and put long files first.

    That is whatever needs the whole product as processes, a browser, or run after run on a Prefect server;
    tests/flows has the runs that `make test` executes.
    """

    def rank(item: pytest.Item) -> tuple[int, int]:
        room, stem = item.path.relative_to(HERE).parts[0], item.path.stem
        on_a_server = "prefect_server" in getattr(item, "fixturenames", ())
        if "machine" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.proofs)
            item.add_marker(pytest.mark.timeout(3600))  # a hundred lives
        if room in SYSTEM or stem in MANY_RUNS or (room in RUN_AFTER_RUN and on_a_server):
            item.add_marker(pytest.mark.system)
        in_its_room = ON_ONE_STACK.index(stem) + 1 if stem in ON_ONE_STACK else 0
        return LONGEST_FIRST.index(room) if room in LONGEST_FIRST else len(LONGEST_FIRST), in_its_room

    items.sort(key=rank)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Begin no test after TESTS_BEGIN_UNTIL (seconds since 1970): `.ci/run` ends in its time on a slow machine too."""
    until = float(os.environ.get("TESTS_BEGIN_UNTIL", "inf"))
    if time.time() > until:
        pytest.skip("not run: no time is left on this machine")


class SharedServers(LoadFileScheduling):  # type: ignore[misc]  # xdist has no types
    """Deals out files, and as one those that share a server or a stack: each start takes a CPU ten seconds and more."""

    def _split_scope(self, nodeid: str) -> str:
        stem = Path(nodeid.split("::", maxsplit=1)[0]).stem
        if stem in ON_ONE_STACK:
            return "on one stack"
        if nodeid.startswith(ON_ONE_SERVER) and stem not in MANY_RUNS:
            return "on one server"
        return str(super()._split_scope(nodeid))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> SharedServers:
    return SharedServers(config, log)


@pytest.fixture(scope="session")
def prefect_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database of Prefect, to be copied: its migrations are done once for all processes of this run."""
    from tests.prefect_servers import migrated_database

    mine = tmp_path_factory.getbasetemp()
    return migrated_database(mine.parent if "PYTEST_XDIST_WORKER" in os.environ else mine)


@pytest.fixture(scope="session")
def prefect_server(request: pytest.FixtureRequest) -> Iterator[str]:
    """A real Prefect server on an empty database; started when the first test asks for it.

    TESTS_PREFECT_API_URL names one that is there already, for many short runs of pytest (tests/mutants/run.py).
    """
    from prefect.context import _temporary_global_settings_context, get_settings_context
    from prefect.settings import PREFECT_API_URL, temporary_settings

    if url := os.environ.get("TESTS_PREFECT_API_URL"):
        with temporary_settings({PREFECT_API_URL: url}), _temporary_global_settings_context(get_settings_context()):
            yield url
        return
    from tests.prefect_servers import empty_server

    with empty_server(request.getfixturevalue("prefect_database")) as url:
        yield url


@pytest.fixture(autouse=True)
def no_other_story() -> None:
    """Begin each test without what the one before worked for: it stands in the log lines of this thread."""
    correlation.current.set(None)
    correlation._bound.set({})
