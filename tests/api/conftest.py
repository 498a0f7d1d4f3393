"""One application for all tests of the API; each test takes tenants of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.api.doors import Door, Tenant, opened


@pytest.fixture(scope="package")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    with opened(tmp_path_factory.mktemp("api"), docs_enabled="true") as door:
        yield door


@pytest.fixture
def tenant(door: Door) -> Tenant:
    return door.tenant()
