"""Reads the figures of a text, in any notation, so that a claim can be held against its sources.

"1,000", "1.000", "1 000" and "1k" may be the same number, "38 %" and "thirty-eight percent" are; a
figure of which the notation leaves two readings has both values. A number is sourced only by the same kind
of thing: opening hours are no price, a percentage counts no families. Not a figure: what belongs to a name
(B2B, 24/7), and digits in links, hashtags, handles and emojis.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import lru_cache
from typing import Final, Literal

from campaigns.rules.text.language import guess_language
from campaigns.rules.text.lexicon import lexicon, stop_words
from campaigns.rules.text.limits.platforms import cashtags_in, handles_in, hashtags_in, links_in
from campaigns.rules.text.matching import JOINED, Cover, Folded, Span, fold, spans_of

Kind = Literal["plain", "percent", "times", "money", "clock", "date"]


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure: what it may be worth, of which kind, and where it stands.

    `values` of a clock are minutes after midnight; of a date day, month and year as far as given; of "three
    out of four" the percentage. `worded` is a number written in words. `hours`: a bare number of a range that
    may be hours, "10 to 14". Money of a bare number beside a word like "price" has no currency.
    """

    values: frozenset[Decimal]
    kind: Kind
    span: Span
    currency: str = ""
    worded: bool = False
    hours: bool = False


_PERCENT: Final = r"%|percent\b|per cent\b|prozent\b|pour cent\b|por ciento\b|procent\b|per cento\b"
_TIMES: Final = r"[x×](?!\w)|times\b|-?fold\b|mal\b|fois\b|veces\b"
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
    rf"(?:(?<!{JOINED})(?P<before>{_any_of(_CURRENCIES, '')})\s?|(?<!{JOINED})(?<![.,]))"
    rf"(?P<digits>\d{{1,3}}(?:[ '.,]\d{{3}})+(?!\d)(?:[.,]\d+)?|\d+(?:[.,]\d+)*){_UNIT}"
)
_FIRST_YEAR: Final = 1000
_NAME_BEFORE: Final = re.compile(r"[A-Z]{2,}-$")
_DATE: Final = re.compile(
    r"(?<![\w.,/-])(\d{4})-(\d{1,2})-(\d{1,2})(?![\d-])|(?<![\w.,/-])(\d{1,2})([./])(\d{1,2})\5(\d{2,4})?(?!\d)"
)
_CLOCK: Final = re.compile(
    r"(?<![\w.,:])(\d{1,2}):(\d{2})(?:\s?([ap])\.?m\b)?(?![:\d])"
    r"|(?<![\w.,:])(\d{1,2})\s?(?:([ap])\.?m\b|uhr\b|o'clock\b|heures?\b|horas?\b|h\s?(\d{2})?\b)"
)
_RANGE: Final = re.compile(r"\s*(?:-|to|and|or|bis|und|oder|a|à|et|y|e|hasta|until|til)\s*(?:las\s+)?")
_RATIO: Final = re.compile(
    r"\s*in(?: every)?\s*|\s*(?:[^\W\d]+\s+){0,2}(?:out of(?: every)?|of every|in every|von|sur|de cada|su)\s*"
)
_PRICED: Final = re.compile(
    r"\b(?:price|prices|cost|costs|priced|fee|kostet|kosten|preis|preise|prix|coute|coutent|tarif|precio|precios|cuesta"
    r"|cuestan|prezzo|costa)\b[^.\d\n]{0,20}$"
)
_WORD_AFTER: Final = re.compile(r"\s*([^\W\d_]+)")
_DAY_HOURS: Final = 24
_MOST_OF_RATIO: Final = 100


def figures_in(text: str, language: str | None = None) -> tuple[Figure, ...]:
    """Return the figures of a text in order.

    Args:
        language: ISO 639-1, for numbers in words; null: as the text reads, English when that is not to be told.
    """
    return _figures_in(text, language or guess_language(text) or "en")


@lru_cache(maxsize=256)
def _figures_in(text: str, language: str) -> tuple[Figure, ...]:
    folded = fold(text)
    taken = Cover(len(text), _not_figures(text))
    found: list[tuple[Span, Figure]] = []
    for read in (_dates(folded), _clocks(folded), _digits(folded), _words(text, folded, language)):
        for (start, end), figure in read:
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
        hour, minute = int(match[1] or match[4]), int(match[2] or match[6] or 0)
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


def _figure(values: frozenset[Decimal], match: re.Match[str]) -> Figure:
    if match["percent"]:
        return Figure(values, "percent", match.span())
    if match["times"]:
        return Figure(values, "times", match.span())
    if money := match["money"] or match["before"]:
        return Figure(values, "money", match.span(), _CURRENCIES[money])
    return Figure(values, "plain", match.span())


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
        if grouped and decimals.endswith("0"):
            return {Decimal(plain)}  # nobody writes six as 6.000
        return {Decimal(plain), as_decimal} if grouped else {as_decimal}
    return {Decimal(plain)} if len(set(marks)) == 1 else {as_decimal}


_SPOKEN: Final = frozenset({"en", "de", "fr", "es", "pt", "it", "nl", "da"})
"""The languages whose numerals text2num reads."""
_PIECE: Final = re.compile(r"\w+|[^\w\s]|\s+")
_AFTER_NUMERAL: Final = re.compile(_UNIT)
_ROUND: Final = frozenset({100, 1_000, 1_000_000, 1_000_000_000})


class _Piece:
    """A word, mark or gap as text2num wants it."""

    __slots__ = ("_text", "span")

    def __init__(self, match: re.Match[str]) -> None:
        self._text, self.span = match[0], match.span()

    def text(self) -> str:
        return self._text

    def nt_separated(self, _previous: _Piece) -> bool:
        return False

    def not_a_number_part(self) -> bool:
        return False


def _words(text: str, folded: Folded, language: str) -> Iterator[tuple[Span, Figure]]:
    if language not in _SPOKEN:
        return
    from text_to_num import find_numbers  # type: ignore[import-untyped]  # compiled, without annotations

    pieces = [_Piece(match) for match in _PIECE.finditer(text)]
    for found in find_numbers(pieces, language, threshold=0):
        alone = found.end - found.start == 1
        if found.is_ordinal or (alone and found.value in _ROUND):
            continue  # "give it a second", "a hundred times"
        place = pieces[found.start].span[0], pieces[found.end - 1].span[1]
        start, end = (bisect_left(folded.origin, edge) for edge in place)
        unit = _AFTER_NUMERAL.match(folded.text, end)
        value = Decimal(str(found.value))
        if unit and unit["scale"]:
            value *= _SCALES[unit["scale"]]
        if end > start:
            figure = _of_unit(frozenset({value}), unit, (start, end))
            yield figure.span, replace(figure, worded=True)


def _of_unit(values: frozenset[Decimal], unit: re.Match[str] | None, span: Span) -> Figure:
    kinds: dict[str, Kind] = {"percent": "percent", "times": "times", "money": "money"}
    for group, kind in kinds.items():
        if unit and unit[group]:
            currency = _CURRENCIES[unit[group]] if kind == "money" else ""
            return Figure(values, kind, (span[0], unit.end()), currency)
    return Figure(values, "plain", span)


def _with_ranges(folded: Folded, found: list[tuple[Span, Figure]]) -> Iterator[Figure]:
    """Read figures that belong together: "10 to 15 %", "10 to 14 h", "three out of four"."""
    place = 0
    while place < len(found):
        (start, end), figure = found[place]
        if figure.kind == "plain" and not figure.worded and _PRICED.search(folded.text, max(0, start - 40), start):
            figure = replace(figure, kind="money")
        if place + 1 < len(found):
            (after_start, after_end), after = found[place + 1]
            if ratio := _ratio(folded, figure, after, end, after_start):
                yield ratio
                place += 2
                continue
            if _RANGE.fullmatch(folded.text, end, after_start) and figure.kind == "plain":
                if after.kind in {"percent", "money", "times"}:
                    figure = replace(figure, kind=after.kind, currency=after.currency)
                elif after.kind == "clock" and max(figure.values) <= _DAY_HOURS:
                    figure = replace(figure, kind="clock", values=frozenset(60 * value for value in figure.values))
                elif _may_be_hours(folded, figure, after, after_end):
                    figure = replace(figure, hours=True)
                    found[place + 1] = ((after_start, after_end), replace(after, hours=True))
        yield figure
        place += 1


def _ratio(folded: Folded, one: Figure, all_: Figure, end: int, start: int) -> Figure | None:
    """Return "nine in ten" as the percentage it is."""
    if one.kind != "plain" or all_.kind != "plain" or not _RATIO.fullmatch(folded.text, end, start):
        return None
    part, whole = min(one.values), min(all_.values)
    if not 0 < part < whole <= _MOST_OF_RATIO:
        return None
    share = (100 * part / whole).quantize(Decimal("0.01")).normalize()
    return Figure(frozenset({share}), "percent", (one.span[0], all_.span[1]))


def _may_be_hours(folded: Folded, first: Figure, second: Figure, end: int) -> bool:
    """Whether "10 to 14" may be opening hours: of a day, in order, and nothing is counted by them."""
    if second.kind != "plain" or first.worded or second.worded:
        return False
    if not max(first.values) < max(second.values) <= _DAY_HOURS:
        return False
    word = _WORD_AFTER.match(folded.text, end)
    return word is None or word[1] in stop_words()


class Sources:
    """The figures that a post was given, found by what they may be worth."""

    def __init__(self, figures: Iterable[Figure]) -> None:
        self._by_value: dict[Decimal, dict[_Said, Figure]] = {}
        for figure in figures:
            for value in _keys(figure):
                self._by_value.setdefault(value, {}).setdefault(_said(figure), figure)
        self._answers: dict[_Said, bool] = {}

    def give(self, figure: Figure) -> bool:
        """Whether a source gives this figure: the same value, of a kind that says the same.

        A percentage needs a percentage, a multiple a multiple, an amount of money a price in the same currency
        or in none, a clock a clock or an hour of a range. A bare number needs a bare number that is no hour, or
        is the year of a date.
        """
        said = _said(figure)
        if said not in self._answers:
            self._answers[said] = any(
                _says(source, figure)
                for value in _keys(figure)
                for source in self._by_value.get(value, {}).values()
                if figure.worded or not _is_the_word_one(source)
            )
        return self._answers[said]


_Said = tuple[frozenset[Decimal], Kind, str, bool, bool]


def _said(figure: Figure) -> _Said:
    return figure.values, figure.kind, figure.currency, figure.worded, figure.hours


def _keys(figure: Figure) -> frozenset[Decimal]:
    return figure.values | _minutes(figure) if figure.hours else figure.values


def _minutes(figure: Figure) -> frozenset[Decimal]:
    """Return what a number is as a clock: minutes after midnight."""
    return frozenset(60 * value for value in figure.values) if figure.kind == "plain" else figure.values


def _is_the_word_one(figure: Figure) -> bool:
    # "Order one of the bags" gives nobody a number one.
    return figure.worded and figure.values == {Decimal(1)}


def _says(source: Figure, figure: Figure) -> bool:
    if figure.kind == "date":
        return source.kind == "date" and figure.values <= source.values
    if source.kind == "clock" or figure.kind == "clock":
        timed = (source.kind == "clock" or source.hours) and (figure.kind == "clock" or figure.hours)
        return timed and bool(_minutes(source) & _minutes(figure))
    shared = figure.values & source.values
    if figure.kind == "plain" and source.kind == "date":
        return any(value >= _FIRST_YEAR for value in shared)
    if figure.kind == "money":
        return bool(shared) and source.kind == "money" and source.currency in {"", figure.currency}
    return bool(shared) and source.kind == figure.kind and (figure.hours or not source.hours)
