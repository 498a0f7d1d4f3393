"""Reads a text as its disguised words are meant: a claim written so that no list finds it is a claim.

    g-u-a-r-a-n-t-e-e-d  B r e w l y    letters set apart
    gu@ranteed  sh1tty                  signs and digits for letters
    cаre (with a Cyrillic а)            letters that only look Latin
    guaran-⏎teed  you cannot⏎lose      words and sentences broken over lines
    #GuaranteedSuccess                  words run together in a hashtag

Zero-width characters, accents and letters of mathematics are `fold`'s.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from campaigns.rules.text.matching import Folded, Span

_LETTER: Final = r"[^\W\d_]"
# Four letters at least, each alone, with one and the same sign between them.
_SET_APART: Final = re.compile(rf"(?<!\w){_LETTER}(?=([ .\-_*·•|/~+]))(?:\1{_LETTER}(?!\w)){{3,40}}+")
_SIGNS: Final = re.compile(rf"[@$!|€0134578]{{1,3}}(?={_LETTER})")
_NOT_LATIN: Final = re.compile(r"[\u0370-\u03ff\u0400-\u052f]")
_MIXED: Final = re.compile(r"(?<!\w)(?=\w{0,40}[a-zA-Z])\w{1,41}")
_BROKEN_WORD: Final = re.compile(rf"-[ \t]{{0,3}}\r?\n[ \t]{{0,3}}(?={_LETTER})")
_BROKEN_LINE: Final = re.compile(r"(?<=[\w,])[ \t]{0,3}\r?\n[ \t]{0,3}(?=[a-zß-öø-ÿ])")
_TAG: Final = re.compile(r"#\w{2,100}")
_CAMEL: Final = re.compile(r"(?<=[a-zß-öø-ÿ0-9])(?=[A-ZÀ-ÖØ-Þ])")

_MEANT: Final = str.maketrans("@$!|€0134578", "asileoieastb")
_LATIN: Final = str.maketrans(
    "аеорсухіјѕһкмтнвгАЕОРСУХІЈЅКМТНВοανικρτυχΟΑΝΙΚΡΤΥΧΒΕΗΜΖ", "aeopcyxijshkmthbrAEOPCYXIJSKMTHBoavikptuxOANIKPTYXBEHMZ"
)


@dataclass(frozen=True, slots=True)
class Undisguised:
    """A text as it is meant, the way back to the text as it is written, and where the two differ."""

    text: str
    places: tuple[int, ...]
    """Where in `text` it differs, in order."""
    _written: Folded
    _changed: frozenset[int]

    def span(self, span: Span) -> Span | None:
        """Return where words stand in the text as written; None when they stand there undisguised."""
        start, end = self._written.span(*span)
        return (start, end) if any(at in self._changed for at in range(start, end)) else None


@lru_cache(maxsize=64)
def undisguised(text: str) -> Undisguised | None:
    """Return a text with its disguises taken off; None when it wears none."""
    edits: dict[int, str] = {}
    for match in _SIGNS.finditer(text):
        if text[match.start() - 1 : match.start()].isalpha():
            edits.update((at, text[at].translate(_MEANT)) for at in range(*match.span()))
    for match in _SET_APART.finditer(text):
        edits.update((at, "") for at in range(match.start() + 1, match.end(), 2))
    if _NOT_LATIN.search(text):
        edits |= _look_alikes(text)
    if "\n" in text:
        edits |= _broken(text)
    for tag in _TAG.finditer(text):
        edits.update((at.start(), f" {text[at.start()]}") for at in _CAMEL.finditer(text, *tag.span()))
    return _edited(text, edits) if edits else None


def _look_alikes(text: str) -> dict[int, str]:
    found = [at for word in _MIXED.finditer(text) for at in range(*word.span()) if _NOT_LATIN.match(text, at)]
    return {at: text[at].translate(_LATIN) for at in found}


def _broken(text: str) -> dict[int, str]:
    words = [match for match in _BROKEN_WORD.finditer(text) if text[match.start() - 1 : match.start()].isalpha()]
    edits = {at: "" for match in words for at in range(*match.span())}
    for match in _BROKEN_LINE.finditer(text):
        edits |= dict.fromkeys(range(*match.span()), "") | {match.start(): " "}
    return edits


def _edited(text: str, edits: dict[int, str]) -> Undisguised:
    chars: list[str] = []
    origin: list[int] = []
    places: list[int] = []
    for at, char in enumerate(text):
        meant = edits.get(at, char)
        if at in edits:
            # What is parted changes on both sides.
            places += [len(chars) - 1, len(chars)] if len(meant) > 1 else [len(chars)]
        for letter in meant:
            chars.append(letter)
            origin.append(at)
    changed = edits.keys() | {at - 1 for at, meant in edits.items() if len(meant) > 1}
    plain = "".join(chars)
    return Undisguised(plain, tuple(places), Folded(plain, (*origin, len(text))), frozenset(changed))
