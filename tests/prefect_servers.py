"""Prefect servers of tests: real ones, with a database whose migrations are done, and without duties nobody uses."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

import pytest
from prefect.settings import (
    PREFECT_API_URL,
    PREFECT_SERVER_SERVICES_EVENT_LOGGER_ENABLED,
    PREFECT_SERVER_SERVICES_FOREMAN_ENABLED,
    PREFECT_SERVER_SERVICES_LATE_RUNS_ENABLED,
    PREFECT_SERVER_SERVICES_SCHEDULER_ENABLED,
    PREFECT_SERVER_SERVICES_TRIGGERS_ENABLED,
    temporary_settings,
)

UNUSED_DUTIES = {
    # They read each event again, and look for work every few seconds; stacks in tests/system have them all.
    PREFECT_SERVER_SERVICES_EVENT_LOGGER_ENABLED: False,
    PREFECT_SERVER_SERVICES_FOREMAN_ENABLED: False,
    PREFECT_SERVER_SERVICES_LATE_RUNS_ENABLED: False,
    PREFECT_SERVER_SERVICES_SCHEDULER_ENABLED: False,
    PREFECT_SERVER_SERVICES_TRIGGERS_ENABLED: False,
}


def migrated_database(run: Path) -> Path:
    """Return an empty Prefect database, made once for all processes of a test run: eight seconds of a CPU each.

    Args:
        run: the folder that the processes of the run share.
    """
    template = run / "prefect-template.db"
    with (run / "prefect-template.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not template.exists():
            draft = run / "prefect-draft.db"
            upgrade = [sys.executable, "-m", "prefect", "server", "database", "upgrade", "--yes"]
            env = {**os.environ, "PREFECT_SERVER_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{draft}"}
            subprocess.run(upgrade, env=env, check=True, capture_output=True)
            draft.replace(template)
    return template


@contextmanager
def empty_server(template: Path) -> Iterator[str]:
    """Start a Prefect server on a copy of the database, let this process use it, and give its address."""
    from prefect.testing.utilities import prefect_test_harness

    def home() -> str:
        folder = mkdtemp()
        shutil.copy(template, Path(folder) / "prefect-test.db")
        return folder

    with pytest.MonkeyPatch.context() as patch, temporary_settings(UNUSED_DUTIES):
        patch.setattr("prefect.testing.utilities.mkdtemp", home)
        with prefect_test_harness(server_startup_timeout=120):
            yield str(PREFECT_API_URL.value())
