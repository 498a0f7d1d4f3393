"""What changed between two texts, word by word. Pure."""

from __future__ import annotations

import difflib
import re
from typing import Final, Literal, NamedTuple

Change = Literal["same", "added", "removed"]

_TOKEN: Final = re.compile(r"\s+|\w+|[^\w\s]")
# Matching is quadratic in the worst case: a text of this many words is compared by lines instead.
_MOST_TOKENS: Final = 4000


class Piece(NamedTuple):
    """A stretch of text that is in both, only in the new, or only in the old one."""

    change: Change
    text: str


def word_diff(old: str, new: str) -> list[Piece]:
    """Return the pieces in reading order: joined without `removed` they are the new text, without `added` the old."""
    before, after = _TOKEN.findall(old), _TOKEN.findall(new)
    if len(before) + len(after) > _MOST_TOKENS:
        before, after = old.splitlines(keepends=True), new.splitlines(keepends=True)
    pieces: list[Piece] = []
    for tag, old_from, old_to, new_from, new_to in difflib.SequenceMatcher(
        None, before, after, autojunk=False
    ).get_opcodes():
        if tag == "equal":
            _add(pieces, "same", before[old_from:old_to])
        else:
            _add(pieces, "removed", before[old_from:old_to])
            _add(pieces, "added", after[new_from:new_to])
    return _readable(pieces)


def _add(pieces: list[Piece], change: Change, tokens: list[str]) -> None:
    if tokens:
        pieces.append(Piece(change, "".join(tokens)))


def _readable(pieces: list[Piece]) -> list[Piece]:
    """Let a change run over the blank between two changed words: "[-a b-]" reads better than "[-a-] [-b-]"."""
    out: list[Piece] = []
    removed, added = "", ""

    def close() -> None:
        nonlocal removed, added
        for change, text in (("removed", removed), ("added", added)):
            if text:
                out.append(Piece(change, text))  # type: ignore[arg-type]  # one of the two literals above
        removed, added = "", ""

    for number, piece in enumerate(pieces):
        if piece.change == "removed":
            removed += piece.text
        elif piece.change == "added":
            added += piece.text
        elif removed and added and _is_gap(piece.text) and number + 1 < len(pieces):
            removed, added = removed + piece.text, added + piece.text
        else:
            close()
            out.append(piece)
    close()
    return out


def _is_gap(text: str) -> bool:
    return text.isspace() and "\n" not in text
