"""The moments at which a campaign may post: five-minute marks, by local day and ISO week (domain.md 14, rules 1-3).

Days and windows are wall time in the campaign's zone. On a day on which the clock changes, a wall
time that does not exist is no mark, and one that exists twice is a mark once, at its first occurrence.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from typing import Final
from zoneinfo import ZoneInfo

from campaigns.model.terms.schedule import PostingWindow, Schedule, local_instant
from campaigns.model.vocabulary import DAYS

MARK_MINUTES: Final = 5
_MARK: Final = MARK_MINUTES * 60
_DAY: Final = 24 * 60 * 60


@dataclass(frozen=True, slots=True)
class LocalDay:
    """A day with at least one mark; its marks are `timeline.marks[first:end]`."""

    date: date
    first: int
    end: int


@dataclass(frozen=True, slots=True)
class Week:
    """An ISO week and its eligible days, at least one.

    `clipped` says that a day of it lost part of its windows to the start, the end or the moment of planning.
    """

    monday: date
    days: tuple[LocalDay, ...]
    clipped: bool

    @property
    def first(self) -> int:
        return self.days[0].first

    @property
    def end(self) -> int:
        return self.days[-1].end


@dataclass(frozen=True, slots=True)
class Timeline:
    """All marks, ascending, in seconds since the epoch, and the weeks they lie in."""

    marks: list[int]
    weeks: tuple[Week, ...]

    @property
    def days(self) -> list[LocalDay]:
        return [day for week in self.weeks for day in week.days]


def timeline(schedule: Schedule, windows: Sequence[PostingWindow], not_before: datetime | None = None) -> Timeline:
    """Return the marks of a schedule.

    A day is eligible when it lies between the first and the last one, is an allowed day of the week,
    is not blacked out and has a mark at or after the start (and `not_before`) and before the end.
    """
    zone = schedule.zone
    start = schedule.starts_at() if not_before is None else max(schedule.starts_at(), not_before)
    opens, closes = start.timestamp(), schedule.ends_at().timestamp()
    spans = [(_minute(window.start), _minute(window.end)) for window in windows]
    marks: list[int] = []
    days: list[tuple[LocalDay, bool]] = []
    for day in _dates(schedule, start):
        whole = _marks_of(day, spans, zone)
        inside = whole[bisect_left(whole, opens) : bisect_left(whole, closes)]
        if inside:
            first = len(marks)
            marks += inside
            days.append((LocalDay(day, first, len(marks)), len(inside) < len(whole)))
    weeks = [
        Week(monday, tuple(day for day, _ in group), any(clipped for _, clipped in group))
        for monday, group in (
            (monday, list(members)) for monday, members in groupby(days, key=lambda entry: _monday(entry[0].date))
        )
    ]
    return Timeline(marks, tuple(weeks))


def _dates(schedule: Schedule, start: datetime) -> list[date]:
    first = start.astimezone(schedule.zone).date()
    last = (schedule.ends_at() - timedelta(microseconds=1)).astimezone(schedule.zone).date()
    allowed, blackout = set(schedule.allowed_days_of_week), schedule.blackout_days()
    dates = (first + timedelta(days=n) for n in range((last - first).days + 1))
    return [day for day in dates if DAYS[day.weekday()] in allowed and day not in blackout]


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


def _minute(wall: str) -> int:
    hours, minutes = wall.split(":")
    return int(hours) * 60 + int(minutes)


def _marks_of(day: date, spans: Sequence[tuple[int, int]], zone: ZoneInfo) -> list[int]:
    minutes = [
        minute
        for start, end in spans
        for minute in range(start + -start % MARK_MINUTES, end, MARK_MINUTES)
    ]  # fmt: skip
    midnight = int(local_instant(day, 0, zone).timestamp())
    if int(local_instant(day + timedelta(days=1), 0, zone).timestamp()) - midnight == _DAY:
        return [midnight + minute * 60 for minute in minutes]
    instants = ((minute, local_instant(day, minute, zone)) for minute in minutes)
    return [int(instant.timestamp()) for minute, instant in instants if _exists(day, minute, instant, zone)]


def _exists(day: date, minute: int, instant: datetime, zone: ZoneInfo) -> bool:
    local = instant.astimezone(zone)
    return local.date() == day and local.hour * 60 + local.minute == minute


def instant_of(mark: int) -> datetime:
    return datetime.fromtimestamp(mark, UTC)
