"""Forged tokens, a small share of `make approvals-check`: no trick is accepted, by any door."""

from __future__ import annotations

from tests.approvals.check import Plan
from tests.approvals.forgeries import TRICKS
from tests.approvals.tokens import forged_tokens, forged_tokens_over_http, forging


def test_no_forged_token_is_accepted() -> None:
    row = forged_tokens(Plan(tokens=3000))

    assert row.complaints == []
    assert row.attempts == row.successes == 3000
    assert row.note.startswith(f"{len(TRICKS)} of {len(TRICKS)} tricks")


def test_no_door_lets_a_forged_token_in() -> None:
    row = forged_tokens_over_http(Plan(tokens=1000))

    assert row.complaints == []


def test_every_trick_makes_many_different_tokens() -> None:
    """A trick that makes the same token again and again is a smaller corpus than its count says."""
    with forging(1) as (_, forger):
        made = {trick.__name__: {trick(forger) for _ in range(200)} - forger.good for trick in TRICKS}

    assert {name: len(tokens) for name, tokens in made.items() if len(tokens) < 4} == {}
