"""The times at which a template comes: one for each period, the same whoever asks and whenever.

A period is named by the local day on which it was due, never by the moment of asking: a run that is hours late, or
is started by hand, names the same one.
"""

import calendar
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import MAXYEAR, date, datetime, timedelta
from itertools import islice
from typing import Final, Literal
from zoneinfo import ZoneInfo

from dateutil.rrule import rrule, rrulestr  # type: ignore[import-untyped]  # it has no types

from campaigns.errors import Fault, FaultsError
from campaigns.model.library.template import Recurrence, rule_parts
from campaigns.model.terms.schedule import LAST_YEAR, earliest_instant, local_instant

PeriodKind = Literal["day", "week", "month"]
_FORMS: Final = {
    "week": re.compile(r"(\d{4})-W(\d{2})", re.ASCII),
    "month": re.compile(r"(\d{4})-(\d{2})", re.ASCII),
    "day": re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII),
}


@dataclass(frozen=True, slots=True)
class Due:
    """One time that a template comes: its period, the local day, and the instant."""

    period: str
    day: date
    at: datetime


class Calendar:
    """A recurrence in its zone."""

    def __init__(self, recurrence: Recurrence, timezone: str) -> None:
        self.zone = ZoneInfo(timezone)
        self.kind = period_kind(recurrence)
        hours, minutes = recurrence.at.split(":")
        self._minute = int(hours) * 60 + int(minutes)
        self._rule = _rule_of(recurrence)

    def next(self, after: datetime, count: int) -> list[Due]:
        """Return up to so many dues later than an instant."""
        found: list[Due] = []
        for day in self._days(from_=after.astimezone(self.zone).date()):
            due = self._due(day)
            if due.at > after:
                found.append(due)
            if len(found) == count:
                break
        return found

    def between(self, after: datetime, until: datetime) -> list[Due]:
        """Return the dues later than one instant, up to and including another."""
        first, last = after.astimezone(self.zone).date(), until.astimezone(self.zone).date()
        return [due for due in map(self._due, self._inside(first, last)) if after < due.at <= until]

    def at(self, moment: datetime) -> Due | None:
        """Return the due of the period that a moment lies in; None: the template does not come in it.

        Where clocks skip the beginning of a day, and with it the time of the due, a schedule comes on the day before.
        """
        day = moment.astimezone(self.zone).date()
        coming = self.of(period_of(day + timedelta(days=1), self.kind))
        if coming is not None and day < coming.day and moment >= earliest_instant(coming.day, self._minute, self.zone):
            return coming
        return self.of(period_of(day, self.kind))

    def of(self, period: str) -> Due | None:
        """Return the due of a period; None: the template does not come in it.

        Raises:
            FaultsError: it is not a period of this template.
        """
        first, last = days_of(period, self.kind)
        return next(map(self._due, self._inside(first, last)), None)

    def _due(self, day: date) -> Due:
        return Due(period_of(day, self.kind), day, local_instant(day, self._minute, self.zone))

    def _inside(self, first: date, last: date) -> Iterator[date]:
        yield from (moment.date() for moment in self._rule.between(_midnight(first), _midnight(last), inc=True))

    def _days(self, *, from_: date) -> Iterator[date]:
        yield from (moment.date() for moment in self._rule.xafter(_midnight(from_), inc=True))


def _rule_of(recurrence: Recurrence) -> rrule:
    """Return the rule with its end. RFC 5545 forbids a count beside a last day: what comes first ends it."""
    rule = rrulestr(recurrence.rrule, dtstart=_midnight(recurrence.starts_on))
    rule = rule.replace(until=_midnight(recurrence.ends_on or date(LAST_YEAR, 12, 31)))
    if recurrence.count is None:
        return rule
    days = list(islice(rule, recurrence.count))
    return rule.replace(until=days[-1]) if days else rule


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day)  # noqa: DTZ001 - a wall time: the zone comes in at the end


def period_kind(recurrence: Recurrence) -> PeriodKind:
    """Return what names the periods of a rule: week or month where it comes once in each, else the day."""
    parts = rule_parts(recurrence.rrule)
    days, month_days = parts.get("BYDAY", ""), parts.get("BYMONTHDAY", "")
    if parts["FREQ"] == "WEEKLY" and "," not in days:
        return "week"
    if parts["FREQ"] == "MONTHLY":
        once = "BYSETPOS" in parts or not days or bool(re.fullmatch(r"[+-]?\d[A-Z]{2}", days))
        if once and "," not in month_days:
            return "month"
    return "day"


def period_of(day: date, kind: PeriodKind) -> str:
    """Return the name of the period that a local day lies in."""
    if kind == "week":
        year, week, _ = day.isocalendar()
        return f"{year:04d}-W{week:02d}"
    return f"{day:%Y-%m}" if kind == "month" else day.isoformat()


def days_of(period: str, kind: PeriodKind) -> tuple[date, date]:
    """Return the first and the last day of a period.

    Raises:
        FaultsError: it is not a period of this kind.
    """
    try:
        found = _FORMS[kind].fullmatch(period)
        if found is None:
            raise ValueError(period)
        if kind == "week":
            monday = date.fromisocalendar(int(found[1]), int(found[2]), 1)
            return monday, monday + timedelta(days=6)
        if kind == "month":
            first = date(int(found[1]), int(found[2]), 1)
            return first, first.replace(day=calendar.monthrange(first.year, first.month)[1])
        day = date.fromisoformat(period)
    except (ValueError, OverflowError):
        example = period_of(date(2027, 3, 9), kind)
        fault = Fault("period", f"must be a {kind} such as {example}, not {period[:40]}", "PERIOD_INVALID")
        raise FaultsError([fault]) from None
    return day, day


def is_empty(recurrence: Recurrence) -> bool:
    """Whether a template never comes: no day fits its rule, or its end is before the first one.

    A rule that no day fits is looked for up to the last year there is. Days come again every 400 years, so the rule is
    tried in the last of them, which is a twentieth of the work.
    """
    start = _midnight(recurrence.starts_on)
    late = start.replace(year=start.year + 400 * ((_LAST_CYCLE - start.year) // 400))
    if next(iter(rrulestr(recurrence.rrule, dtstart=late)), None) is None:
        return True
    return next(iter(_rule_of(recurrence)), None) is None


_LAST_CYCLE: Final = MAXYEAR - 400
