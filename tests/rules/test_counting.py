"""Ways to count: rows of flags, which a reader of grapheme clusters looks at from the beginning each time."""

from __future__ import annotations

import pytest
import regex

from campaigns.rules.text.limits.counting import COUNTED
from tests.worst_cases import MOST_GROWTH, growth

FLAG = "\U0001f1f5\U0001f1f9"


@pytest.mark.parametrize(
    "text",
    [
        FLAG,
        FLAG * 3,
        f"a{FLAG * 4}b",
        f"{FLAG * 2}\U0001f1f5",
        f"\u0600{FLAG * 3}",
        f"{FLAG * 2}\u0301x",
        f"e\u0301{FLAG}",
    ],
)
def test_graphemes_are_counted_as_unicode_does(text: str) -> None:
    assert COUNTED["graphemes"](text) == len(regex.findall(r"\X", text))


def test_a_long_row_of_flags_is_counted_in_one_pass() -> None:
    assert growth(COUNTED["graphemes"], lambda size: FLAG * (size // 2), 32 * 1024) < MOST_GROWTH
