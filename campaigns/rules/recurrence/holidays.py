"""A calendar of holidays: the days on which nothing goes out, those that come every year too.

A calendar is somebody's file. A holiday that comes again is worked out for the years that are asked about and for no
others, so a rule that fits no day, or began with the calendar, costs what every other does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from itertools import islice
from typing import Any, Final

from dateutil.rrule import rrulestr  # type: ignore[import-untyped]  # it has no types
from icalendar import Calendar as ICalendar

from campaigns.errors import Fault, FaultsError
from campaigns.model.library.template import TemplateInput, rule_parts

MOST_DAYS: Final = 61
"""Days of one holiday."""
MOST_AGAIN: Final = 100
"""Holidays of one calendar that come again."""
MOST_TIMES: Final = 30
"""Times that one comes which says how often it does."""
_LATEST: Final = date(9000, 1, 1)
"""Arithmetic with days before this one cannot leave the calendar."""
_UNTIL: Final = re.compile(r"(\d{8})(T\d{6}Z?)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Holiday:
    day: date
    name: str


@dataclass(frozen=True, slots=True)
class _Again:
    """How a holiday comes again: `every` so many years from the first day to the last, on the days of `rule`."""

    first: date
    every: int
    rule: str
    last: date

    def starts_in(self, year: int) -> Iterator[date]:
        if year < self.first.year or (year - self.first.year) % self.every:
            return
        # The next year of the rule is beyond the calendar, so one that fits no day ends here.
        for moment in rrulestr(f"{self.rule};INTERVAL=9999", dtstart=datetime(year, 1, 1)):  # noqa: DTZ001 - a wall time
            if self.first <= moment.date() <= self.last:
                yield moment.date()


@dataclass(frozen=True, slots=True)
class _Event:
    first: date
    days: int
    name: str
    again: _Again | None

    def starts(self, first: date, last: date) -> Iterator[date]:
        """Return the days on which it begins that matter between two days."""
        if self.again is None:
            yield self.first
            return
        for year in range(first.year - 1, last.year + 1):
            yield from self.again.starts_in(year)


@lru_cache(maxsize=16)  # a large one takes a quarter of a second, and each forecast reads it
def read_holidays(text: str) -> list[_Event]:
    """Return the holidays of a calendar.

    Raises:
        FaultsError: it is not a calendar, has no day in it, or a rule that is not read.
    """
    try:
        found = [_event(event) for event in ICalendar.from_ical(text).walk("VEVENT")]
        if sum(event.again is not None for event in found) > MOST_AGAIN:
            raise ValueError(f"has more than {MOST_AGAIN} days that come again")
    except (ValueError, KeyError, IndexError, AttributeError, TypeError, OverflowError) as error:
        raise FaultsError(
            [Fault("holidays", f"is not a calendar of days: {error}"[:300], "HOLIDAYS_INVALID")]
        ) from None
    if not found:
        raise FaultsError([Fault("holidays", "has no event in it", "HOLIDAYS_INVALID")])
    return found


def holidays_in(template: TemplateInput, first: date, last: date) -> list[Holiday]:
    """Return the holidays of a template between two days, both included, in order."""
    if template.holidays is None:
        return []
    days: dict[date, str] = {}
    for event in read_holidays(template.holidays):
        for start in event.starts(first, last):
            for day in (start + timedelta(days=number) for number in range(event.days)):
                if first <= day <= last:
                    days.setdefault(day, event.name)
    return [Holiday(day, name) for day, name in sorted(days.items())]


def _event(event: Any) -> _Event:
    first = _day(event.decoded("dtstart"))
    last = first
    if "dtend" in event:
        end = event.decoded("dtend")
        last = _day(end) if isinstance(end, datetime) else end - timedelta(days=1)
    days = (last - first).days + 1
    if not 1 <= days <= MOST_DAYS or first >= _LATEST:
        raise ValueError(f"lasts from {first} to {last}")
    name = " ".join(str(event.get("summary", "holiday")).split())[:100]
    return _Event(first, days, name, _again(event["rrule"].to_ical(), first) if "rrule" in event else None)


def _day(value: date | datetime) -> date:
    return value.date() if isinstance(value, datetime) else value


def _again(rule: str | bytes, first: date) -> _Again:
    """Return how a holiday comes again.

    Raises:
        ValueError: the rule says more than is read.
    """
    said = rule.decode() if isinstance(rule, bytes) else rule
    pairs = [part.partition("=") for part in said.upper().split(";")]
    ends = {name: value for name, _, value in pairs if name in {"COUNT", "UNTIL"}}
    kept = [f"{name}={value}" for name, _, value in pairs if name not in {"COUNT", "UNTIL", "WKST"}]
    try:
        parts = rule_parts(";".join(kept))
        until = _until(ends["UNTIL"]) if "UNTIL" in ends else _LATEST
        count = int(ends.get("COUNT", "1"))
    except ValueError:
        count, parts = 0, {}
    if parts.get("FREQ") != "YEARLY" or not 1 <= count <= MOST_TIMES:
        raise ValueError(
            f"comes again by {said[:60]}: read is FREQ=YEARLY with BYMONTH, BYMONTHDAY, BYDAY, BYSETPOS, INTERVAL,"
            f" UNTIL and a COUNT up to {MOST_TIMES}"
        )
    if not parts.keys() & {"BYDAY", "BYMONTHDAY"}:  # RFC 5545: what a rule leaves out it has from the first day
        parts = {"BYMONTH": str(first.month), "BYMONTHDAY": str(first.day), **parts}
    every = int(parts.pop("INTERVAL", "1"))
    again = _Again(first, every, ";".join(f"{name}={value}" for name, value in parts.items()), until)
    if "COUNT" not in ends:
        return again
    # 29 February comes every four years, and now and then after eight.
    years = range(first.year, _LATEST.year, every)[: 4 * count + 8]
    times = list(islice((day for year in years for day in again.starts_in(year)), count))
    return _Again(first, every, again.rule, min(until, times[-1]) if len(times) == count else until)


def _until(text: str) -> date:
    found = _UNTIL.fullmatch(text)
    if found is None:
        raise ValueError(text)
    return date.fromisoformat(found[1])
