"""The machine that properties drive, one for each file of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.properties.machine import Machine, machine_on

RAM = "/dev/shm" if Path("/dev/shm").is_dir() else None  # store and checkpoints wait for the disk at each write


@pytest.fixture(scope="module")
def machine(prefect_server: str) -> Iterator[Machine]:
    """The whole product; `fresh()` empties it for the next example."""
    with TemporaryDirectory(prefix="machine-", dir=RAM) as home, machine_on(Path(home)) as built:
        yield built
