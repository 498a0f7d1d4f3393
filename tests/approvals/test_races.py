"""Two sides at the same moment, a small share of `make approvals-check`."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.approvals.check import Plan, Row
from tests.approvals.races import RACES, races, races_on_dynamodb


@pytest.mark.parametrize("hold", [races, races_on_dynamodb])
def test_one_of_two_sides_wins_and_the_other_is_told_the_truth(hold: Callable[[Plan], Row]) -> None:
    row = hold(Plan(races=4 * len(RACES)))

    assert row.complaints == []
    assert row.note.startswith(f"{len(set(RACES))} kinds")
