"""Finds words, phrases and topics in a text whatever their case, accents and typography.

A term matches whole words only: "art" is not in "start". Spans are [start, end) in code points of the
text as given, so that a page can mark them.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Final

from campaigns.rules.text.lexicon import stop_words

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Folded:
    """A text without case, accents and typographic variants.

    `origin[i]` is where character i came from; one more entry is the length of the original.
    """

    text: str
    origin: tuple[int, ...]

    def span(self, start: int, end: int) -> Span:
        """Return the span in the original of a span in the folded text, with accents that follow it."""
        return self.origin[start], max(self.origin[end - 1] + 1, self.origin[end])


# What Unicode does not decompose but people type without the stroke; quotes and dashes by their plain form.
_PLAIN: Final = str.maketrans({
    "ø": "o", "ł": "l", "đ": "d", "ð": "d", "ı": "i", "æ": "ae", "œ": "oe",
    "’": "'", "‘": "'", "ʼ": "'", "´": "'", "`": "'", "“": '"', "”": '"', "„": '"', "«": '"', "»": '"',
    "‐": "-", "‑": "-", "‒": "-", "–": "-", "—": "-", "−": "-",
})  # fmt: skip


@lru_cache(maxsize=256)
def fold(text: str) -> Folded:
    """Fold case, Latin and Greek accents, compatibility forms (𝐛𝐨𝐥𝐝) and invisible characters away."""
    chars: list[str] = []
    origin: list[int] = []
    for index, char in enumerate(text):
        for plain in _fold_char(char, chars[-1] if chars else ""):
            chars.append(plain)
            origin.append(index)
    return Folded("".join(chars), (*origin, len(text)))


def _fold_char(char: str, before: str) -> str:
    if char.isascii():
        return char.lower()
    if unicodedata.category(char) in {"Cf", "Mn"} and (not unicodedata.combining(char) or _takes_accents(before)):
        return ""  # invisible, or an accent that stands alone after its letter
    letters = unicodedata.normalize("NFKD", char)
    if _takes_accents(letters[0]):
        letters = "".join(letter for letter in letters if not unicodedata.combining(letter))
    return unicodedata.normalize("NFC", letters).casefold().translate(_PLAIN)


def _takes_accents(letter: str) -> bool:
    # Elsewhere a mark makes another letter: Cyrillic й is not и, Japanese が is not か.
    return letter.isascii() or "\u0370" <= letter <= "\u03ff"


def _words_apart(char: str) -> bool:
    # Thai, Chinese, Japanese and others write words together, and Korean adds particles: no boundary there.
    point = ord(char)
    return not (0x0E00 <= point <= 0x109F or 0x1100 <= point <= 0x11FF or 0x1780 <= point <= 0x17FF or point >= 0x2E80)


JOINED: Final = r"[^\W\u0e00-\u109f\u1100-\u11ff\u1780-\u17ff\u2e80-\U0010ffff]"
"""A letter or digit of a script that sets words apart: what stands beside one of the others begins or ends a word."""


@lru_cache(maxsize=2048)
def _pieces(term: str) -> tuple[str, ...]:
    words = fold(term).text.strip().strip(".,;:!?\"'")
    return tuple(re.findall(r"\w+|[^\w\s-]", words))


@lru_cache(maxsize=2048)
def _pattern(pieces: tuple[str, ...]) -> re.Pattern[str]:
    pattern = re.escape(pieces[0])
    for before, piece in pairwise(pieces):
        # "risk-free", "risk free" and "riskfree" are the same, "100 %" is "100%"; but 1-2 is not 12.
        gap = r"[\s\-]+" if before[-1].isdigit() and piece[0].isdigit() else r"[\s\-]*"
        pattern += gap + re.escape(piece)
    head = rf"(?<!{JOINED})" if pieces[0][0].isalnum() and _words_apart(pieces[0][0]) else ""
    tail = rf"(?!{JOINED})" if pieces[-1][-1].isalnum() and _words_apart(pieces[-1][-1]) else ""
    return re.compile(head + pattern + tail)


def spans_of(term: str, text: str) -> Iterator[Span]:
    """Yield the spans at which a word or phrase is in a text; nothing for an empty term."""
    pieces, folded = _pieces(term), fold(text)
    # Hundreds of terms are sought in a text that has hardly any of them: a plain search is faster by far.
    if pieces and all(piece in folded.text for piece in pieces):
        for match in _pattern(pieces).finditer(folded.text):
            yield folded.span(*match.span())


def first_span(term: str, text: str) -> Span | None:
    return next(spans_of(term, text), None)


def contains(text: str, term: str) -> bool:
    return first_span(term, text) is not None


class Cover:
    """Which characters of a text are spoken for."""

    def __init__(self, length: int, spans: Iterable[Span] = ()) -> None:
        self._taken = bytearray(length)
        for span in spans:
            self.add(span)

    def add(self, span: Span) -> None:
        start, end = span
        self._taken[start:end] = b"\x01" * (end - start)

    def meets(self, span: Span) -> bool:
        """Whether a span shares a character with what is taken."""
        return self._taken.find(1, *span) >= 0

    def holds(self, span: Span) -> bool:
        """Whether every character of a span is taken."""
        return self._taken.find(0, *span) < 0


_WORD: Final = re.compile(r"\w+")
# From the start of a run only: a long one is read once.
_SENTENCE_END: Final = re.compile(r"(?<![.!?…])[.!?…]++\s|\n++")


def content_words(text: str) -> list[str]:
    """Return the words that carry meaning, folded and without a plural s, in order."""
    words = _WORD.findall(fold(text).text)
    return [_singular(word) for word in words if word not in stop_words()]


def _singular(word: str) -> str:
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if word.endswith(("ches", "shes", "sses", "xes")):
        return word[:-2]
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word


def topic_span(topic: str, text: str) -> Span | None:
    """Return where a text touches a topic, else None.

    It does when the topic stands there as a phrase, or when one sentence holds all its content words:
    "layoffs at suppliers" is touched by "our supplier had a layoff". Parts of a topic that are set
    apart by comma, semicolon, slash or "or" are topics of their own.
    """
    if phrase := first_span(topic, text):
        return phrase
    for part in re.split(r"[,;/]|(?<!\s)\s++or\s+", topic):
        wanted = set(content_words(part))
        if wanted and (span := _sentence_with(wanted, text)):
            return span
    return None


def _sentence_with(wanted: set[str], text: str) -> Span | None:
    folded = fold(text)
    start = 0
    for end in [*(match.start() for match in _SENTENCE_END.finditer(folded.text)), len(folded.text)]:
        words = [(_singular(match[0]), match.span()) for match in _WORD.finditer(folded.text, start, end)]
        found = [span for word, span in words if word in wanted]
        if wanted <= {word for word, _ in words}:
            return folded.span(found[0][0], found[-1][1] if len(wanted) > 1 else found[0][1])
        start = end
    return None
