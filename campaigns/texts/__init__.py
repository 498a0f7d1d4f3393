"""Everything approvers read, in their language: one JSON catalogue each, plurals and dates by CLDR (Babel).

    words = words_for(approver.locale, accept_language)
    words("review.posts", n=12)                       "12 posts"
    words.moment(at, zone)                            "Tue, 3 Mar 2026, 09:30 CET (UTC+1)"

A text with plural forms is an object of CLDR categories (`one`, `many`, `other`), chosen by `n`. Values are
filled in as they are; whoever renders them escapes them.

Belongs here: words for approvers, by key. Does not: words for operators, which stand with what says them, and prompts.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache
from importlib.resources import files
from typing import Any, Final
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_skeleton, get_timezone_location
from babel.lists import format_list
from babel.numbers import format_decimal

LANGUAGES: Final = ("en", "de", "fr", "es")
# Day before month, as most of the world writes it; en_US is kept when somebody asks for it.
_DEFAULT_TERRITORY: Final = {"en": "GB"}

Catalogue = Mapping[str, str | Mapping[str, str]]


class Words:
    """The texts of one language, with its plural rules and its way to write dates and numbers."""

    def __init__(self, locale: Locale, catalogue: Catalogue) -> None:
        self.locale = locale
        self.language: str = locale.language
        self._catalogue = catalogue

    def __call__(self, key: str, **values: Any) -> str:
        """Return a text with its values filled in; `n` chooses the plural form.

        Raises:
            KeyError: there is no such text, or it needs a value that is not given.
        """
        found = self._catalogue[key]
        if not isinstance(found, str):
            found = found.get(self.locale.plural_form(values["n"])) or found["other"]
        shown = {name: self.number(value) if isinstance(value, int) else value for name, value in values.items()}
        return found.format_map(shown)

    def has(self, key: str) -> bool:
        return key in self._catalogue

    def number(self, value: int) -> str:
        return str(format_decimal(value, locale=self.locale))

    def listed(self, items: Sequence[str]) -> str:
        """Return `a, b and c`."""
        return str(format_list(list(items), locale=self.locale))

    def day(self, day: date) -> str:
        """Return `Tue, 3 Mar 2026`."""
        return str(format_skeleton("yMMMEd", _noon(day), locale=self.locale))

    def short_day(self, day: date) -> str:
        """Return `Tue, 3 Mar`."""
        return str(format_skeleton("MMMEd", _noon(day), locale=self.locale))

    def full_day(self, day: date) -> str:
        """Return `Tuesday 3 March`."""
        return str(format_date(day, self("time.full_day"), locale=self.locale))

    def month(self, day: date) -> str:
        """Return the month of a day: `March 2026`."""
        return str(format_skeleton("yMMMM", _noon(day), locale=self.locale))

    def weekday(self, day: date) -> tuple[str, str]:
        """Return the day of the week, short and in full: `Tue`, `Tuesday`."""
        short, full = (str(format_date(day, pattern, locale=self.locale)) for pattern in ("ccc", "cccc"))
        return short, full

    @property
    def first_weekday(self) -> int:
        """What a week begins with, 0 for Monday."""
        return int(self.locale.first_week_day)

    def clock(self, at: datetime, zone: ZoneInfo) -> str:
        """Return `09:30`; never alone on a page, see `moment`."""
        return str(format_skeleton("Hm", at, tzinfo=zone, locale=self.locale))

    def moment(self, at: datetime, zone: ZoneInfo) -> str:
        """Return day, time and zone: `Tue, 3 Mar 2026, 09:30 CET (UTC+1)`."""
        return f"{self.day(at.astimezone(zone).date())}, {self.clock(at, zone)} {zone_name(at, zone)}"

    def elsewhere(self, at: datetime, zone: ZoneInfo, reader: ZoneInfo) -> str:
        """Return the same moment for a reader in another zone, such as `03:30 in New York`; empty where it is the same.

        The day is named where it differs.
        """
        here, there = at.astimezone(zone), at.astimezone(reader)
        if here.utcoffset() == there.utcoffset():
            return ""
        day = "" if here.date() == there.date() else f"{self.short_day(there.date())}, "
        city = get_timezone_location(reader, locale=self.locale, return_city=True)
        return self("time.in_city", time=f"{day}{self.clock(at, reader)}", city=city)

    def both(self, at: datetime, zone: ZoneInfo, reader: ZoneInfo) -> str:
        """Return the moment in its zone and, where that differs, for the reader."""
        other = self.elsewhere(at, zone, reader)
        return f"{self.moment(at, zone)} · {other}" if other else self.moment(at, zone)


def _noon(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 12)  # noqa: DTZ001 - a calendar day, in no zone


def zone_name(at: datetime, zone: ZoneInfo) -> str:
    """Return `CET (UTC+1)`, or `UTC−3` where the zone has no letters of its own."""
    local = at.astimezone(zone)
    offset, name = local.utcoffset() or timedelta(), local.tzname() or ""
    minutes = int(offset.total_seconds()) // 60
    hours, rest = divmod(abs(minutes), 60)
    written = "UTC" if not minutes else f"UTC{'+' if minutes > 0 else '−'}{hours}" + (f":{rest:02d}" if rest else "")
    return f"{name} ({written})" if name.isalpha() and name != "UTC" else written


def words_for(locale: str | None, accept_language: str = "") -> Words:
    """Return the texts for a reader: by their own locale, else what their browser accepts, else English."""
    for wanted in [locale or "", *_accepted(accept_language)]:
        tag = wanted.strip().replace("-", "_")
        if tag.split("_", maxsplit=1)[0].lower() in LANGUAGES:
            return _words(tag)
    return _words("en")


def _accepted(header: str) -> list[str]:
    """Return the tags of an Accept-Language header, most wanted first (RFC 9110 section 12.5.4)."""
    ranked: list[tuple[float, int, str]] = []
    for position, part in enumerate(header[:500].split(",")):
        tag, _, quality = part.partition(";q=")
        try:
            weight = float(quality) if quality else 1.0
        except ValueError:
            continue
        ranked.append((-weight, position, tag))
    return [tag for weight, _, tag in sorted(ranked) if weight < 0]


@lru_cache(maxsize=64)
def _words(tag: str) -> Words:
    language, _, territory = tag.partition("_")
    language = language.lower()
    try:
        locale = Locale(language, territory.upper() or _DEFAULT_TERRITORY.get(language))
    except (UnknownLocaleError, ValueError):
        locale = Locale(language)
    return Words(locale, _catalogue(language))


@lru_cache(maxsize=len(LANGUAGES))
def _catalogue(language: str) -> Catalogue:
    found: Catalogue = json.loads(files("campaigns.texts").joinpath(f"{language}.json").read_text("utf-8"))
    return found
