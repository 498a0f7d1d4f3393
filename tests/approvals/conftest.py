"""A scene for each test, and some that stand up by themselves."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.approvals.scene import Scene, a_scene


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    """Nothing is asked yet: call `stand_up`."""
    with a_scene(tmp_path) as made:
        yield made
