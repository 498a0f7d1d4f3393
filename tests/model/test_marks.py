"""A heap of marks on one letter is refused before anything sorts it: normalising takes the square of its length."""

from __future__ import annotations

import unicodedata

import pytest
from pydantic_core import PydanticCustomError

from campaigns.model.base import clean_text, visible_text

HEAPS = {
    "two marks in turn": "e" + "\u0301\u0323" * 100_000,
    "parted by what is not drawn": "e" + ("\u0301\u0323" * 14 + "\u200c") * 3_000,
    "parted by joiners": "e" + "\u0301\u0323\u034f" * 50_000,
}


def longest_run(text: str) -> int:
    run = longest = 0
    for char in text:
        run = run + 1 if unicodedata.combining(char) else 0
        longest = max(longest, run)
    return longest


@pytest.mark.parametrize("text", HEAPS.values(), ids=HEAPS)
def test_a_heap_of_marks_is_never_normalised(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[str] = []
    normalize = unicodedata.normalize

    def noted(form: str, text: str) -> str:
        given.append(text)
        assert longest_run(text) <= 64, "this would take the square of its length"
        return normalize(form, text)

    monkeypatch.setattr(unicodedata, "normalize", noted)

    with pytest.raises(PydanticCustomError, match="hidden character"):
        clean_text(text)
    visible_text(text)

    assert given


@pytest.mark.parametrize("text", ["e\u0301" * 100, "\u0e01\u0e33\u0e49" * 50, "q\u0323\u0307", "a" + "\u0301" * 30])
def test_what_a_script_writes_is_taken(text: str) -> None:
    assert clean_text(text) == unicodedata.normalize("NFC", text)
