"""Decisions under faults, in small; and whether the recount sees what it must."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.approvals.decisions import Told, ballot, judge

Rows = list[dict[str, Any]]


@pytest.fixture(scope="module")
def voted(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Told], Rows]:
    return ballot(200, 1, tmp_path_factory.mktemp("ballot"))


def test_every_decision_is_recorded_once_whatever_fails(voted: tuple[list[Told], Rows]) -> None:
    tally = judge(*voted)

    assert (tally.decisions, tally.succeeded, tally.without_answer) == (200, 200, 0)
    assert tally.failures() == []
    assert tally.faults_injected.total() == tally.faults_planned > 100
    assert set(tally.faults_injected) == {"down", "lost", "killed before", "killed after"}
    assert tally.told_other_device > 0


def without(kind: str) -> Callable[[Rows], Rows]:
    def tampered(rows: Rows) -> Rows:
        first = next(row for row in rows if row["kind"] == kind and "from device" in row["body"])
        return [row for row in rows if row is not first]

    return tampered


def twice(kind: str, words: str) -> Callable[[Rows], Rows]:
    def tampered(rows: Rows) -> Rows:
        return [*rows, next(row for row in rows if row["kind"] == kind and words in row["body"])]

    return tampered


@pytest.mark.parametrize(
    ("tamper", "bar"),
    [
        (without("decision"), "none acknowledged and lost"),
        (twice("decision", ""), "none doubled"),
        (twice("audit", '"decided"'), "none doubled"),
        (twice("outbox", '"ring"'), "none doubled"),
        (twice("outbox", '"receipt"'), "none doubled"),
        (lambda rows: [row for row in rows if '"ring"' not in row.get("body", "")], "none acknowledged and lost"),
    ],
    ids=["lost", "two decisions", "two entries", "rung twice", "two receipts", "never rung"],
)
def test_the_recount_sees_what_is_wrong(
    voted: tuple[list[Told], Rows], tamper: Callable[[Rows], Rows], bar: str
) -> None:
    told, rows = voted

    assert bar in judge(told, tamper(rows)).failures()


def test_too_little_success_proves_nothing(voted: tuple[list[Told], Rows]) -> None:
    told, rows = voted
    silent = [Told(each.press, "none", each.tries, each.injected) for each in told[:20]]

    assert "at least 95% succeed" in judge([*silent, *told[20:]], rows).failures()
