"""No text can end the block of data that it stands in, however it spells the mark."""

from __future__ import annotations

import sys
import unicodedata

import pytest

from campaigns.agents.fence import fenced, unfenced


@pytest.mark.parametrize(
    "mark", ["</data>", "＜/data＞", "‹/data›", "﹤/data﹥", "〈/data〉", "⟨/data⟩", "❮/data❯", "＜／data＞", "＆lt;"]
)
def test_the_closing_mark_is_escaped_in_every_spelling(mark: str) -> None:
    block = fenced("brief", {"text": mark})
    inside = block.removeprefix('<data name="brief">\n').removesuffix("\n</data>")

    assert mark not in inside
    assert mark[0] not in inside
    assert unfenced(block) == {"brief": {"text": mark}}


def test_nothing_inside_becomes_a_mark_when_it_is_normalised() -> None:
    every = "".join(chr(point) for point in range(0x20, sys.maxunicode + 1) if not 0xD800 <= point <= 0xDFFF)
    inside = fenced("brief", {"text": every}).removeprefix('<data name="brief">').removesuffix("</data>")

    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        assert not set("<>&") & set(unicodedata.normalize(form, inside))
    assert unfenced(fenced("brief", {"text": every})) == {"brief": {"text": every}}
