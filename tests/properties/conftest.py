"""The machine that properties drive, one for each file of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.properties.machine import Machine, machine_on


@pytest.fixture(scope="module")
def machine(prefect_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """The whole product; `fresh()` empties it for the next example."""
    with machine_on(tmp_path_factory.mktemp("machine")) as built:
        yield built
