"""Machines open links too: whatever they do, nothing changes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.approvals.scanners import PROFILES, scan
from tests.approvals.scene import Scene
from tests.browser.live import live_scene


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with live_scene(tmp_path_factory.mktemp("scanned")) as scene:
        yield scene


@pytest.mark.parametrize("name", PROFILES)
def test_a_scanner_changes_nothing(served: Scene, name: str) -> None:
    for answer in scan(served.another(name), PROFILES[name]):
        assert answer.status_code < 500
