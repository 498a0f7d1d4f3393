"""The days that an occurrence fills, and the brief that its template becomes on them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from dateutil.relativedelta import relativedelta  # type: ignore[import-untyped]

from campaigns.errors import Fault
from campaigns.model.library.template import LEAP_YEAR, TemplateInput, TemplateSchedule, Window
from campaigns.model.terms.schedule import DateRange, local_instant
from campaigns.rules.recurrence.holidays import holidays_in
from campaigns.rules.recurrence.rule import Due

_ITEM: Final = re.compile(r"(?<!\d)(\d+)([MWD])", re.ASCII)


@dataclass(frozen=True, slots=True)
class Days:
    """The window of an occurrence: from one local day to another, both included, and not before an instant."""

    first: date
    last: date
    not_before: datetime

    def is_over(self, zone: ZoneInfo) -> bool:
        """Whether nothing of it is left."""
        return self.not_before >= local_instant(self.last + timedelta(days=1), 0, zone)


def days_of_window(window: Window, due: Due, *, lead: timedelta, now: datetime) -> Days:
    """Return the days that an occurrence fills: counted from the day it was due, whenever it is made.

    Args:
        lead: how long approvers have; nothing goes out before it is over, counted from the making.
    """
    first = _anchor(window, due.day) + _delta(window.offset)
    last = first + _delta(window.length) - timedelta(days=1)
    return Days(first, last, max(now, due.at) + lead)


def _anchor(window: Window, day: date) -> date:
    match window.anchor:
        case "next_monday":
            return day + timedelta(days=7 - day.weekday())
        case "first_of_next_month":
            return day.replace(day=1) + relativedelta(months=1)  # type: ignore[no-any-return]
        case "event_date":
            return _next_event(window.event_day or "--01-01", day)
    return day


def _next_event(yearly: str, day: date) -> date:
    return next(found for year in (day.year, day.year + 1) if (found := _in_year(yearly, year)) >= day)


def _in_year(yearly: str, year: int) -> date:
    """Return a yearly day in a year; 29 February is the last of February in most."""
    return date(LEAP_YEAR, int(yearly[2:4]), int(yearly[5:7])) + relativedelta(year=year)  # type: ignore[no-any-return]


def _delta(duration: str) -> relativedelta:
    parts = {unit: int(number) for number, unit in _ITEM.findall(duration)}
    sign = -1 if duration.startswith("-") else 1
    return relativedelta(months=sign * parts.get("M", 0), weeks=sign * parts.get("W", 0), days=sign * parts.get("D", 0))


LONGEST_WINDOW: Final = 90
"""Days after the first: what comes again and again does not last a year each time."""


def span_faults(window: Window) -> list[Fault]:
    """Return why a window can be no campaign's: its length in the longest months."""
    longest = (date(2027, 7, 1) + _delta(window.length) - date(2027, 7, 1)).days - 1
    if longest > LONGEST_WINDOW:
        words = f"must be at most {LONGEST_WINDOW + 1} days, not {longest + 1}"
        return [Fault("window.length", words, "SPAN_TOO_LONG")]
    return []


def brief_of(template: TemplateInput, due: Due, days: Days) -> dict[str, Any]:
    """Return the brief of an occurrence as somebody would have sent it, not yet checked."""
    schedule = template.brief.schedule
    zone = ZoneInfo(schedule.timezone)
    start = local_instant(days.first, 0, zone)
    begins = days.first.isoformat() if start >= days.not_before else days.not_before.astimezone(UTC).isoformat()
    wire = template.brief.to_wire()
    return {
        **wire,
        "name": f"{template.name} · {due.period}",
        "schedule": {
            "timezone": schedule.timezone,
            "startDate": begins,
            "endDate": days.last.isoformat(),
            "allowedDaysOfWeek": list(schedule.allowed_days_of_week),
            "blackoutDates": _blackout(template, schedule, days),
            "postingWindows": wire["schedule"].get("postingWindows", []),
        },
        "metadata": {"source": "schedule"},
    }


def _blackout(template: TemplateInput, schedule: TemplateSchedule, days: Days) -> list[str]:
    """Return the days within the window on which nothing goes out: fixed ones, yearly ones, and holidays."""
    # Asked of each day of the window: a range may last for a thousand years.
    window = [days.first + timedelta(days=number) for number in range((days.last - days.first).days + 1)]
    years = range(days.first.year, days.last.year + 1)
    fixed = {day for day in window if any(_covers(entry, day) for entry in schedule.blackout_dates)}
    fixed |= {_in_year(yearly, year) for yearly in schedule.yearly_blackout_days for year in years}
    fixed |= {holiday.day for holiday in holidays_in(template, days.first, days.last)}
    return [day.isoformat() for day in window if day in fixed]


def _covers(entry: date | DateRange, day: date) -> bool:
    return entry.from_ <= day <= entry.to if isinstance(entry, DateRange) else entry == day


def window_warnings(template: TemplateInput, due: Due, days: Days) -> list[str]:
    """Return what a scheduler should know of an occurrence: clocks that change, holidays, days that are lost."""
    zone = ZoneInfo(template.brief.schedule.timezone)
    told = []
    if local_instant(days.first, 0, zone) < days.not_before:
        begins = days.not_before.astimezone(zone)
        told.append(f"posts begin at {begins:%Y-%m-%d %H:%M} only: the approvers' time is over then")
    told += [f"the clocks change on {day}" for day in _clock_changes(due.day, days, zone)]
    told += [f"{holiday.day} is a holiday: {holiday.name}" for holiday in holidays_in(template, days.first, days.last)]
    return told


def _clock_changes(due: date, days: Days, zone: ZoneInfo) -> Sequence[date]:
    first = min(due, days.first)
    each = [first + timedelta(days=number) for number in range((days.last - first).days + 1)]
    return [
        day
        for day in each
        if local_instant(day, 0, zone).astimezone(zone).utcoffset()
        != local_instant(day + timedelta(days=1), 0, zone).astimezone(zone).utcoffset()
    ]
