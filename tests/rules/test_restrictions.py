"""Restrictions in free words: which check each means, and which are said to be unchecked."""

from __future__ import annotations

import pytest

from campaigns.rules.merge.restrictions import read_restriction, unchecked


@pytest.mark.parametrize(
    ("text", "forbids"),
    [
        ("no health claims", "health"),
        ("keine Heilversprechen", "health"),
        ("pas d'allégations de santé", "health"),
        ("sin promesas de salud", "health"),
        ("no superlatives", "superlative"),
        ("never mention discounts", "offer"),
        ("no comparison with named competitors", "checked"),
        ("mention the farm", None),
        ("keep it classy", None),
    ],
)
def test_a_restriction_is_read_as_the_check_it_means(text: str, forbids: str | None) -> None:
    assert read_restriction(text).forbids == forbids


def test_words_in_quotes_are_phrases_to_avoid() -> None:
    assert read_restriction("never say “cheapest” or “best ever”").phrases == ("cheapest", "best ever")
    assert read_restriction("say “thank you”").phrases == ()


def test_what_no_check_understands_is_said() -> None:
    warnings = list(unchecked(["no health claims", "keep it classy"]))

    assert warnings == ["the restriction “keep it classy” is not checked: the writer is told, and a person has to look"]
