"""Finds the phrases of a language's list in a text: what a claim, an insult or a left-over is said with.

The lists are `phrases.<language>.json`, edited by people who write. A phrase is words in a row, compared as `fold`
folds them, in any punctuation but the end of a sentence:

    award winning        both words, one after the other; "award-winning" too
    cure|cures           either word
    <ailment>            any word of that class
    garanti*  *garantie  words that begin or end so; * alone is any word
    our?                 may be missing
    ..                   up to four words
    #                    a number, in digits or a small one in words

Each word of a text is looked up once, so the time grows with the text and not with the lists.
"""

import json
import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.resources import files
from itertools import product
from typing import Final, NamedTuple

from campaigns.rules.text.matching import Span, fold

PHRASE_LANGUAGES: Final = ("en", "de", "fr", "es")
"""The languages that have lists, ISO 639-1."""

_GAP: Final = 4
_MOST_MARKS: Final = 2
"""Marks that end sentences, one of which a phrase may hold."""
_BEFORE: Final = 6
"""How many words before a phrase may deny it: "is not in any way guaranteed"."""
_NE, _QUE = frozenset({"ne", "n"}), frozenset({"que", "qu"})
"""Around a French verb they say "only" and deny nothing: "vous ne payez que la moitié"."""
_DENIED_AFTER: Final = frozenset({"nicht", "kein", "keine", "keinen", "keiner", "pas", "nie", "niemals", "jamais"})

_TOKEN: Final = re.compile(r"\d+(?:[.,]\d+)*|\w+|[%€$£★⭐]+|([.!?…])[.!?…]*|([:;\n(),\[\]\"])|\s(-)\s")
_HARD: Final = frozenset(".!?…;:\n")


class Token(NamedTuple):
    """A word, number, currency sign or mark of a text, folded; `clause` counts what commas and stops set apart."""

    text: str
    span: Span
    clause: int


class Hit(NamedTuple):
    """A phrase in a text: of which kind, said how (folded), where, and whether its clause denies it."""

    kind: str
    said: str
    span: Span
    denied: bool


@lru_cache(maxsize=64)
def tokens_of(text: str) -> tuple[Token, ...]:
    """Return the words of a text with the marks that end sentences; commas, quotes and hyphens only part clauses."""
    folded, found, clause = fold(text), [], 0
    for match in _TOKEN.finditer(folded.text):
        mark = match[1] or match[2] or match[3]
        if mark:
            clause += 1
        if mark is None or mark in _HARD:
            found.append(Token(mark or match[0], folded.span(*match.span()), clause))
    return tuple(found)


def joined_words(text: str) -> str:
    """Return the words of a text with one blank around each: what is said in it is a part of this."""
    return f" {' '.join(token.text for token in tokens_of(text))} "


@dataclass(frozen=True, slots=True)
class _Element:
    """One place of a phrase: words, beginnings, endings, a number or anything; or a gap."""

    words: frozenset[str] = frozenset()
    heads: tuple[str, ...] = ()
    tails: tuple[str, ...] = ()
    number: bool = False
    anything: bool = False
    gap: bool = False

    def takes(self, word: str, numbers: frozenset[str]) -> bool:
        return (
            word in self.words
            or (self.anything and word not in _HARD)
            or (self.number and (word[0].isdigit() or word in numbers))
            or word.startswith(self.heads)
            or word.endswith(self.tails)
        )


@dataclass(frozen=True, slots=True)
class _Phrase:
    kind: str
    elements: tuple[_Element, ...]
    says_no: bool


@dataclass(slots=True)
class PhraseBook:
    """The phrases of one language by the word that they begin with."""

    lists: Mapping[str, Sequence[str]]
    classes: Mapping[str, Sequence[str]]
    negations: frozenset[str]
    other_after_no: frozenset[str]
    numbers: frozenset[str]
    _by_word: dict[str, list[_Phrase]] = field(default_factory=dict)
    _by_head: dict[str, list[_Phrase]] = field(default_factory=dict)
    _by_tail: dict[str, list[_Phrase]] = field(default_factory=dict)
    _by_number: list[_Phrase] = field(default_factory=list)

    def __post_init__(self) -> None:
        for kind, phrases in self.lists.items():
            for written in phrases:
                for phrase in self._compiled(kind, written):
                    self._index(phrase)
        self._head_sizes = sorted({len(head) for head in self._by_head})
        self._tail_sizes = sorted({len(tail) for tail in self._by_tail})

    _head_sizes: list[int] = field(default_factory=list)
    _tail_sizes: list[int] = field(default_factory=list)

    def find(self, text: str, near: Sequence[int] | None = None) -> list[Hit]:
        """Return every phrase in a text, in order; at one place the longest of a kind.

        Args:
            text: where to look.
            near: places in it that a phrase has to cover, with less than two stops between; None: anywhere.
        """
        tokens = tokens_of(text)
        begins = None if near is None else _beginnings(tokens, near)
        found: list[Hit] = []
        ends: dict[str, int] = {}
        for at, token in enumerate(tokens):
            if begins is not None and at not in begins:
                continue
            longest: dict[str, tuple[int, _Phrase]] = {}
            for phrase in self._candidates(token.text):
                end = self._end(phrase.elements, tokens, at)
                if end > longest.get(phrase.kind, (0, phrase))[0]:
                    longest[phrase.kind] = (end, phrase)
            for kind, (end, phrase) in longest.items():
                if end > ends.get(kind, 0):
                    ends[kind] = end
                    said = " ".join(token.text for token in tokens[at:end])
                    span = (token.span[0], tokens[end - 1].span[1])
                    found.append(Hit(kind, said, span, self._denied(tokens, at, end, phrase)))
        return found

    def denies(self, text: str, span: Span) -> bool:
        """Whether the clause around these words denies them."""
        tokens = tokens_of(text)
        at = bisect_left(tokens, span[0], key=lambda token: token.span[0])
        end = bisect_left(tokens, span[1], key=lambda token: token.span[0])
        # "no risk" says no itself, and is denied only by what stands before it.
        says_no = any(token.text in self.negations for token in tokens[at:end])
        return at < end and self._denied(tokens, at, at if says_no else end, _Phrase("", (), says_no=False))

    def _candidates(self, word: str) -> Iterator[_Phrase]:
        yield from self._by_word.get(word, ())
        for size in self._head_sizes:
            if size > len(word):
                break
            yield from self._by_head.get(word[:size], ())
        for size in self._tail_sizes:
            if size > len(word):
                break
            yield from self._by_tail.get(word[-size:], ())
        if word[0].isdigit() or word in self.numbers:
            yield from self._by_number

    def _end(self, elements: tuple[_Element, ...], tokens: Sequence[Token], at: int) -> int:
        """Return where a phrase that begins here ends, 0 when it is not here; a gap takes as few words as it can."""
        if not elements:
            return at
        first, rest = elements[0], elements[1:]
        if first.gap:
            for skipped in range(_GAP + 1):
                if end := self._end(rest, tokens, at + skipped):
                    return end
                if at + skipped >= len(tokens) or tokens[at + skipped].text in _HARD:
                    return 0
            return 0
        if at >= len(tokens) or not first.takes(tokens[at].text, self.numbers):
            return 0
        return self._end(rest, tokens, at + 1)

    def _denied(self, tokens: Sequence[Token], at: int, end: int, phrase: _Phrase) -> bool:
        clause = tokens[at].clause
        if phrase.says_no:
            return False  # "nothing to lose" is meant so, doubly denied as in Spanish too
        around = [place for place in range(max(0, at - _BEFORE), end) if tokens[place].clause == clause]
        for place in around:
            word, *after = (token.text for token in tokens[place : place + 3])
            only = word in _NE and not _QUE.isdisjoint(after[1:])
            if word in self.negations and self.other_after_no.isdisjoint(after[:1]) and not only:
                return True
        return any(token.text in _DENIED_AFTER and token.clause == clause for token in tokens[end : end + 2])

    def _compiled(self, kind: str, written: str) -> Iterator[_Phrase]:
        choices = []
        for place in written.split():
            needed = self._elements(place.removesuffix("?") if len(place) > 1 else place)
            choices.append([needed, ()] if place.endswith("?") and len(place) > 1 else [needed])
        for choice in product(*choices):
            elements = tuple(element for part in choice for element in part)
            if elements:
                says_no = any(element.words & self.negations for element in elements)
                yield _Phrase(kind, elements, says_no)

    def _elements(self, place: str) -> tuple[_Element, ...]:
        if place == "..":
            return (_Element(gap=True),)
        words: set[str] = set()
        heads, tails, number, anything = [], [], False, False
        for choice in place.split("|"):
            members = self.classes[choice[1:-1]] if choice.startswith("<") else [choice]
            for member in members:
                if member[0] == "#":
                    number = True
                elif member == "*":
                    anything = True
                elif member.endswith("*"):
                    heads.append(fold(member.strip("*")).text)
                elif member.startswith("*"):
                    tails.append(fold(member.strip("*")).text)
                else:
                    parts = [token.text for token in tokens_of(member)]
                    if len(parts) > 1 and "|" not in place:
                        return tuple(_Element(frozenset({part})) for part in parts)
                    words.update(parts)
        return (_Element(frozenset(words), tuple(heads), tuple(tails), number, anything),)

    def _index(self, phrase: _Phrase) -> None:
        first = phrase.elements[0]
        if first.gap or first.anything:
            raise ValueError(f"a phrase of {phrase.kind} begins with anything: {phrase}")
        for word in first.words:
            self._by_word.setdefault(word, []).append(phrase)
        for head in first.heads:
            self._by_head.setdefault(head, []).append(phrase)
        for tail in first.tails:
            self._by_tail.setdefault(tail, []).append(phrase)
        if first.number:
            self._by_number.append(phrase)


def _beginnings(tokens: Sequence[Token], places: Sequence[int]) -> set[int]:
    """Return the tokens at which a phrase that covers one of these places may begin."""
    found: set[int] = set()
    for place in places:
        at = bisect_left(tokens, place, key=lambda token: token.span[1] - 1)
        marks = 0
        while at >= 0 and at not in found and marks < _MOST_MARKS:
            found.add(at)
            at -= 1
            marks += at >= 0 and tokens[at].text in _HARD
    return found


@lru_cache(maxsize=8)
def phrase_book(language: str) -> PhraseBook:
    """Return the lists of one of `PHRASE_LANGUAGES`, read once."""
    lists = json.loads(files("campaigns.rules").joinpath(f"phrases.{language}.json").read_text("utf-8"))
    return PhraseBook(
        classes=lists.pop("classes"),
        negations=frozenset(lists.pop("negations")),
        other_after_no=frozenset(lists.pop("otherAfterNo")),
        numbers=frozenset(lists.pop("numberWords")),
        lists=lists,
    )
