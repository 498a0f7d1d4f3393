"""What changed between two texts, word by word. Pure."""

import difflib
import re
from collections.abc import Iterable, Sequence
from itertools import accumulate, groupby
from typing import Final, Literal, NamedTuple

Change = Literal["same", "added", "removed"]

_TOKEN: Final = re.compile(r"(\w+|[^\w\s]|^(?=\s))(\s*)")
MOST_STEPS: Final = 200_000
"""How many pairs of equal words may be looked at. Two long posts of real words take a tenth of it; a text that repeats
one word has as many pairs as the product of its lengths."""


class Piece(NamedTuple):
    """A stretch of text that is in both, only in the new, or only in the old one."""

    change: Change
    text: str


class TooAlikeError(ValueError):
    """The words repeat so much that finding what belongs together would take too long."""


class BoundedMatcher(difflib.SequenceMatcher[str]):
    """Gives up before it has looked at more than `MOST_STEPS` pairs.

    Each search for the longest match looks at every pair of equal words in its part of the two texts, and there are
    as many searches as changes: unbounded, that is the cube of the length.
    """

    def __init__(self, before: Sequence[str], after: Sequence[str]) -> None:
        super().__init__(None, before, after, autojunk=False)
        self.steps = 0
        places: dict[str, list[int]] = self.b2j  # type: ignore[attr-defined]  # documented, and missing in typeshed
        self._pairs = [0, *accumulate(1 + len(places.get(word, ())) for word in before)]

    def find_longest_match(
        self, alo: int = 0, ahi: int | None = None, blo: int = 0, bhi: int | None = None
    ) -> difflib.Match:
        """Return the longest match in a part of the texts.

        Raises:
            TooAlikeError: this search might go beyond the bound.
        """
        self.steps += self._pairs[-1 if ahi is None else ahi] - self._pairs[alo]
        if self.steps > MOST_STEPS:
            raise TooAlikeError
        return super().find_longest_match(alo, ahi, blo, bhi)


def word_diff(old: str, new: str) -> list[Piece]:
    """Return the pieces in reading order: joined without `removed` they are the new text, without `added` the old.

    Texts that are too long, or repeat themselves too much, are compared by lines, and if that takes too long as well,
    the old one stands whole before the new one.
    """
    for split in (_words, _lines):
        try:
            return _pieces(split(old), split(new))
        except TooAlikeError:
            continue
    return _joined([("removed", old), ("added", new)])


def _words(text: str) -> list[tuple[str, str]]:
    """Return words and signs, each with the blanks that follow it; blanks before the first follow an empty one."""
    return _TOKEN.findall(text)


def _lines(text: str) -> list[tuple[str, str]]:
    return [(line, "") for line in text.splitlines(keepends=True)]


def _pieces(before: list[tuple[str, str]], after: list[tuple[str, str]]) -> list[Piece]:
    pieces: list[tuple[Change, str]] = []
    matcher = BoundedMatcher([word for word, _ in before], [word for word, _ in after])
    for tag, old_from, old_to, new_from, new_to in matcher.get_opcodes():
        old, new = before[old_from:old_to], after[new_from:new_to]
        if tag == "equal":
            for (word, blank), (_, new_blank) in zip(old, new, strict=True):
                pieces += [("same", word), *_changed(blank, new_blank)]
        elif tag == "replace":
            (last, blank), (new_last, new_blank) = old[-1], new[-1]
            pieces += [("removed", "".join(map("".join, old[:-1])) + last)]
            pieces += [("added", "".join(map("".join, new[:-1])) + new_last), *_changed(blank, new_blank)]
        else:
            pieces += [("removed", "".join(map("".join, old))), ("added", "".join(map("".join, new)))]
    return _joined(pieces)


def _changed(old: str, new: str) -> list[tuple[Change, str]]:
    return [("same", old)] if old == new else [("removed", old), ("added", new)]


def _joined(pieces: Iterable[tuple[Change, str]]) -> list[Piece]:
    """Join what changed in the same way and stands together."""
    kept = (piece for piece in pieces if piece[1])
    return [
        Piece(change, "".join(text for _, text in group)) for change, group in groupby(kept, key=lambda piece: piece[0])
    ]
