"""The month as a picture: posts by week and day. Page, artifact and API draw what is laid out here."""

from calendar import Calendar as Weeks
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

from campaigns.model.post import Post


@dataclass(frozen=True, slots=True)
class MonthDay:
    """A day of a week; one of the month before or after is there to fill the week, and holds nothing."""

    date: date
    inside: bool
    posts: tuple[Post, ...]


@dataclass(frozen=True, slots=True)
class Month:
    """A month in weeks of seven days."""

    first: date
    weeks: tuple[tuple[MonthDay, ...], ...]


def months_of(
    posts: Sequence[Post], zone: ZoneInfo, *, first_weekday: int = 0, month: date | None = None
) -> list[Month]:
    """Return the months that posts lie in, without the weeks before the first post and after the last one.

    Args:
        first_weekday: what a week begins with, 0 for Monday.
        month: a day of the one month that is wanted; it comes whole, whatever lies in it.
    """
    by_day: dict[date, list[Post]] = defaultdict(list)
    for post in sorted(posts, key=lambda each: (each.scheduled_at, each.id)):
        by_day[post.scheduled_at.astimezone(zone).date()].append(post)
    if month is not None:
        return [_month(month.replace(day=1), by_day, first_weekday)]
    if not by_day:
        return []
    first, last = min(by_day), max(by_day)
    count = (last.year - first.year) * 12 + last.month - first.month + 1
    numbers = (first.month - 1 + step for step in range(count))
    starts = [date(first.year + number // 12, number % 12 + 1, 1) for number in numbers]
    return [found for start in starts if (found := _month(start, by_day, first_weekday, first=first, last=last)).weeks]


def _month(
    start: date, by_day: dict[date, list[Post]], first_weekday: int, *, first: date = date.min, last: date = date.max
) -> Month:
    weeks = Weeks(first_weekday).monthdatescalendar(start.year, start.month)

    def placed(day: date) -> MonthDay:
        inside = day.month == start.month
        return MonthDay(day, inside, tuple(by_day.get(day, ())) if inside else ())

    shown = (week for week in weeks if week[-1] >= first and week[0] <= last)
    return Month(start, tuple(tuple(map(placed, week)) for week in shown))
