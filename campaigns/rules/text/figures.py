"""Reads the figures of a text, in any notation, so that a claim can be held against its sources.

"1,000", "1.000", "1 000" and "1k" may be the same number, "38 %" and "thirty-eight percent" are; a
figure of which the notation leaves two readings has both values. Not a figure: what belongs to a name
(B2B, 24/7), and digits in links, hashtags, handles and emojis.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import lru_cache
from itertools import pairwise
from typing import Final, Literal

from campaigns.rules.text.lexicon import lexicon
from campaigns.rules.text.matching import Cover, Folded, Span, fold, spans_of
from campaigns.rules.text.platforms import cashtags_in, handles_in, hashtags_in, links_in

Kind = Literal["plain", "percent", "times", "money", "clock", "date"]


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure: what it may be worth, of which kind, and where it stands.

    `values` of a clock are minutes after midnight; of a date day, month and year as far as given.
    `worded` is a number written in words.
    """

    values: frozenset[Decimal]
    kind: Kind
    span: Span
    currency: str = ""
    worded: bool = False


_PERCENT: Final = r"%|percent\b|per cent\b|prozent\b|pour cent\b|por ciento\b|procent\b"
_TIMES: Final = r"[x×](?!\w)|times\b|-?fold\b|mal\b"
_SCALES: Final = {
    "k": 1_000, "thousand": 1_000, "tausend": 1_000, "mil": 1_000, "mille": 1_000,
    "m": 1_000_000, "mn": 1_000_000, "mio": 1_000_000, "million": 1_000_000, "millions": 1_000_000,
    "millionen": 1_000_000, "millones": 1_000_000,
    "b": 1_000_000_000, "bn": 1_000_000_000, "billion": 1_000_000_000, "billions": 1_000_000_000,
    "mrd": 1_000_000_000, "milliarden": 1_000_000_000, "hundred": 100,
}  # fmt: skip
_CURRENCIES: Final = {
    "$": "usd", "us$": "usd", "usd": "usd", "dollar": "usd", "dollars": "usd", "€": "eur", "eur": "eur",
    "euro": "eur", "euros": "eur", "£": "gbp", "gbp": "gbp", "pound": "gbp", "pounds": "gbp", "¥": "jpy", "jpy": "jpy",
    "yen": "jpy", "chf": "chf", "francs": "chf", "franken": "chf",
}  # fmt: skip


_METRES_TOO: Final = frozenset({"m", "b", "mil", "mille"})
"""Scales that are other words as well: 1,700 m is an altitude."""


def _any_of(words: Iterable[str], end: str = r"\b") -> str:
    return "|".join(
        re.escape(word) + (end if word[-1].isalpha() else "") for word in sorted(words, key=len, reverse=True)
    )


_UNIT: Final = (
    rf"(?:\s?(?P<scale>{_any_of(_SCALES)})\.?)?"
    rf"(?:\s?(?P<percent>{_PERCENT})|\s?(?P<times>{_TIMES})|\s?(?P<money>{_any_of(_CURRENCIES)}))?"
)
_NUMBER: Final = re.compile(
    rf"(?:(?<!\w)(?P<before>{_any_of(_CURRENCIES, '')})\s?|(?<![\w.,]))"
    rf"(?P<digits>\d{{1,3}}(?:[ '.,]\d{{3}})+(?!\d)(?:[.,]\d+)?|\d+(?:[.,]\d+)*){_UNIT}"
)
_FIRST_YEAR: Final = 1000
_NAME_BEFORE: Final = re.compile(r"[A-Z]{2,}-$")
_DATE: Final = re.compile(
    r"(?<![\w.,/-])(\d{4})-(\d{1,2})-(\d{1,2})(?![\d-])|(?<![\w.,/-])(\d{1,2})([./])(\d{1,2})\5(\d{2,4})?(?!\d)"
)
_CLOCK: Final = re.compile(
    r"(?<![\w.,:])(\d{1,2}):(\d{2})(?:\s?([ap])\.?m\b)?(?![:\d])|(?<![\w.,:])(\d{1,2})\s?(?:([ap])\.?m\b|uhr\b|h\b)"
)
_RANGE: Final = re.compile(r"\s*(?:-|to|and|or|bis|und|oder|a|à|et|y|e)\s*")


@lru_cache(maxsize=256)
def figures_in(text: str) -> tuple[Figure, ...]:
    """Return the figures of a text in order."""
    folded = fold(text)
    taken = Cover(len(text), _not_figures(text))
    found: list[tuple[Span, Figure]] = []
    for reader in (_dates, _clocks, _digits, _words):
        for (start, end), figure in reader(folded):
            place = folded.span(start, end)
            named = _NAME_BEFORE.search(text, max(0, place[0] - 8), place[0])  # COVID-19, GPT-4
            if not named and not taken.meets(place):
                taken.add(place)
                found.append(((start, end), Figure(figure.values, figure.kind, place, figure.currency, figure.worded)))
    found.sort(key=lambda entry: entry[0])
    return tuple(_with_ranges(folded, found))


def _not_figures(text: str) -> list[Span]:
    spans = [*links_in(text)]
    spans += [span for _, span in [*hashtags_in(text), *handles_in(text), *cashtags_in(text)]]
    spans += [span for name in lexicon().names for span in spans_of(name, text)]
    if not text.isascii():
        import emoji  # its table of sequences is large

        spans += [(found["match_start"], found["match_end"]) for found in emoji.emoji_list(text)]
    return spans


def _dates(folded: Folded) -> Iterator[tuple[Span, Figure]]:
    for match in _DATE.finditer(folded.text):
        parts = [part for part in match.groups() if part and part.isdigit()]
        yield match.span(), Figure(frozenset(map(Decimal, parts)), "date", match.span())
    months, pattern = _months()
    for match in pattern.finditer(folded.text):
        parts = [match["day"] or match["day_after"], str(months[match["month"] or match["month_before"]])]
        parts += [match["year"]] if match["year"] else []
        yield match.span(), Figure(frozenset(map(Decimal, parts)), "date", match.span())


@lru_cache(maxsize=1)
def _months() -> tuple[dict[str, int], re.Pattern[str]]:
    numbers = {name: number for names in lexicon().months.values() for number, name in enumerate(names, start=1)}
    day, name = r"(?:[12]?\d|3[01])", "|".join(sorted(numbers, key=len, reverse=True))
    return numbers, re.compile(
        rf"(?<![\w.,])(?:(?P<day>{day})(?:st|nd|rd|th|\.)?\s+(?:of\s+|de\s+)?(?P<month>{name})\b\.?"
        rf"|(?P<month_before>{name})\b\.?\s+(?P<day_after>{day})(?:st|nd|rd|th)?(?![\d.,]*\d))(?:,?\s+(?P<year>\d{{4}})\b)?"
    )


def _clocks(folded: Folded) -> Iterator[tuple[Span, Figure]]:
    for match in _CLOCK.finditer(folded.text):
        hour, minute = int(match[1] or match[4]), int(match[2] or 0)
        half = match[3] or match[5]
        if half:
            hour = hour % 12 + (12 if half == "p" else 0)
        if hour < 24 and minute < 60:
            yield match.span(), Figure(frozenset({Decimal(hour * 60 + minute)}), "clock", match.span())


def _digits(folded: Folded) -> Iterator[tuple[Span, Figure]]:
    for match in _NUMBER.finditer(folded.text):
        values = _readings(match["digits"])
        if scale := match["scale"]:
            scaled = {value * _SCALES[scale] for value in values}
            values = values | scaled if scale in _METRES_TOO else scaled
        yield match.span(), _figure(frozenset(values), match)


def _figure(values: frozenset[Decimal], match: re.Match[str], *, worded: bool = False) -> Figure:
    if match["percent"]:
        return Figure(values, "percent", match.span(), worded=worded)
    if match["times"]:
        return Figure(values, "times", match.span(), worded=worded)
    if money := match["money"] or (not worded and match["before"]):
        return Figure(values, "money", match.span(), _CURRENCIES[money], worded=worded)
    return Figure(values, "plain", match.span(), worded=worded)


def _readings(digits: str) -> set[Decimal]:
    """Return what a notation may mean: 1.000 is a thousand or one, 1,000.5 and 1.000,5 only one thing."""
    digits = digits.replace(" ", "").replace("'", "")
    marks = [char for char in digits if char in ".,"]
    if not marks:
        return {Decimal(digits)}
    plain = digits.replace(".", "").replace(",", "")
    whole, decimals = digits[: -len(digits.rpartition(marks[-1])[2]) - 1], digits.rpartition(marks[-1])[2]
    as_decimal = Decimal(f"{whole.replace('.', '').replace(',', '')}.{decimals}")
    if len(marks) == 1:
        grouped = len(decimals) == 3 and not whole.startswith("0")
        return {Decimal(plain), as_decimal} if grouped else {as_decimal}
    return {Decimal(plain)} if len(set(marks)) == 1 else {as_decimal}


# --- numbers in words (English) -----------------------------------------------------------------------


@lru_cache(maxsize=1)
def _number_words() -> tuple[dict[str, int], re.Pattern[str]]:
    words = lexicon().number_words
    values = {word: value for value, word in enumerate(words.units)}
    values |= {word: 10 * value for value, word in enumerate(words.tens, start=2)}
    one = "|".join(values)
    scales = "hundred|thousand|million|billion"
    pattern = rf"\b(?P<words>(?:{one})(?:(?:[\s-]+(?:and\s+)?)(?:{one}|{scales}))*)\b{_UNIT}"
    return values, re.compile(pattern)


def _words(folded: Folded) -> Iterator[tuple[Span, Figure]]:
    values, pattern = _number_words()
    for match in pattern.finditer(folded.text):
        total = current = 0
        for word in re.findall(r"[a-z]+", match["words"]):
            if word in values:
                current += values[word]
            elif word == "hundred":
                current *= 100
            elif word in _SCALES:
                total, current = total + current * _SCALES[word], 0
        yield match.span(), _figure(frozenset({Decimal(total + current)}), match, worded=True)


def _with_ranges(folded: Folded, found: list[tuple[Span, Figure]]) -> Iterator[Figure]:
    """Give the first figure of "10 to 15 %" the unit of the second."""
    for ((_, end), figure), ((start, _), after) in pairwise(found):
        shares_unit = figure.kind == "plain" and after.kind in {"percent", "money", "times"}
        if shares_unit and _RANGE.fullmatch(folded.text, end, start):
            yield replace(figure, kind=after.kind, currency=after.currency)
        else:
            yield figure
    if found:
        yield found[-1][1]


# --- sources -----------------------------------------------------------------------------------------


class Sources:
    """The figures that a post was given, found by what they may be worth."""

    def __init__(self, figures: Iterable[Figure]) -> None:
        self._by_value: dict[Decimal, dict[_Said, Figure]] = {}
        for figure in figures:
            for value in figure.values:
                self._by_value.setdefault(value, {}).setdefault(_said(figure), figure)
        self._answers: dict[_Said, bool] = {}

    def give(self, figure: Figure) -> bool:
        """Whether a source gives this figure: the same value, of a kind that says the same.

        A percentage needs a percentage, a multiple a multiple, an amount of money the same currency or a
        bare number. A bare number may come from anything but a percentage, a clock, or the day of a date.
        """
        said = _said(figure)
        if said not in self._answers:
            self._answers[said] = any(
                _says(source, figure)
                for value in figure.values
                for source in self._by_value.get(value, {}).values()
                if figure.worded or not _is_the_word_one(source)
            )
        return self._answers[said]


_Said = tuple[frozenset[Decimal], Kind, str, bool]


def _said(figure: Figure) -> _Said:
    return figure.values, figure.kind, figure.currency, figure.worded


def _is_the_word_one(figure: Figure) -> bool:
    # "Order one of the bags" gives nobody a number one.
    return figure.worded and figure.values == {Decimal(1)}


def _says(source: Figure, figure: Figure) -> bool:
    if figure.kind == "date":
        return source.kind == "date" and figure.values <= source.values
    shared = figure.values & source.values
    match figure.kind:
        case "plain":
            is_year = any(value >= _FIRST_YEAR for value in shared)
            return bool(shared) and (is_year if source.kind == "date" else source.kind not in {"percent", "clock"})
        case "money":
            same = source.kind == "money" and source.currency == figure.currency
            return bool(shared) and (same or source.kind == "plain")
        case _:
            return bool(shared) and source.kind == figure.kind
