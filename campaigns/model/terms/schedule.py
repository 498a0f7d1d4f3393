"""When posts may go out: days, windows, zones and the instants they mean (domain.md sections 3 and 14)."""

import datetime as dt
import re
from functools import cache
from importlib.resources import files
from itertools import pairwise
from typing import Annotated, Any, Final, TypeVar
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BeforeValidator,
    Field,
    StringConstraints,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
)
from pydantic_core import PydanticCustomError

from campaigns.model.base import STORED, Clean, Unique, Wire
from campaigns.model.vocabulary import Day

MAX_SPAN_DAYS: Final = 366
FIRST_YEAR, LAST_YEAR = 2000, 2999
_WIDEST_OFFSET: Final = dt.timedelta(days=1)


@cache
def zone_names() -> frozenset[str]:
    """Return the names of the IANA list, without `Factory`, which stands for "nobody has set it"."""
    return frozenset(files("tzdata").joinpath("zones").read_text("utf-8").split()) - {"Factory"}


def _zone_known(name: str, info: ValidationInfo) -> str:
    # Python would open any file of the zone folder: `localtime` is another zone on every machine.
    if info.context is not STORED and name not in zone_names():
        raise PydanticCustomError(
            "timezone_unknown", "is not a known time zone: give an IANA name such as Europe/Lisbon"
        )
    return name


Zone = Annotated[str, StringConstraints(min_length=1, max_length=64), Clean, AfterValidator(_zone_known)]

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
# `T` may be a blank, as the RFC's note allows; the offset is asked for by a fault of its own.
_INSTANT = re.compile(
    r"(?P<day>\d{4}-\d{2}-\d{2})[Tt ](?P<minute>\d{2}:\d{2}):(?P<second>\d{2})(?P<part>\.\d+)?"
    r"(?P<zone>[Zz]|[+-]\d{2}:\d{2})?",
    re.ASCII,
)


_Date = TypeVar("_Date", bound=dt.date)
_End = TypeVar("_End", dt.date, dt.date | None)


def _in_our_time(value: _Date) -> _Date:
    # At the ends of the calendar there is no day before or after, nor another time zone.
    if not FIRST_YEAR <= value.year <= LAST_YEAR:
        raise PydanticCustomError(
            "year_out_of_range",
            "must be in the years {first} to {last}, not {year}",
            {"first": FIRST_YEAR, "last": LAST_YEAR, "year": value.year},
        )
    return value


def _day_or_moment(value: Any) -> Any:
    # A moment that happens to be midnight must not become a day, nor a number an instant.
    if isinstance(value, dt.datetime | dt.date):
        return value
    if not isinstance(value, str):
        raise PydanticCustomError("date_or_instant", "must be a date such as 2027-03-15 or an RFC 3339 instant")
    text = value.strip()
    try:
        moment = dt.date.fromisoformat(text) if _DATE.fullmatch(text) else _instant(text)
    except (ValueError, OverflowError):
        raise PydanticCustomError(
            "date_or_instant", "must be a date such as 2027-03-15 or an RFC 3339 instant"
        ) from None
    if not isinstance(moment, dt.datetime):
        return _in_our_time(moment)
    if moment.tzinfo is None:
        raise PydanticCustomError("instant_offset", "must carry an offset, such as 2027-03-15T09:00:00+01:00")
    return _in_our_time(_in_our_time(moment).astimezone(dt.UTC))


def _instant(text: str) -> dt.datetime:
    """Return the instant that RFC 3339 section 5.6 writes so; digits beyond the microsecond are dropped.

    A leap second, 23:59:60 in UTC, is the second after it: neither Python nor POSIX has another name for it.

    Raises:
        ValueError: it is written in any other way, or there is no such day or time.
    """
    found = _INSTANT.fullmatch(text)
    if found is None:
        raise ValueError(text)
    leap = found["second"] == "60"
    second, zone = "59" if leap else found["second"], (found["zone"] or "").upper()
    moment = dt.datetime.fromisoformat(f"{found['day']}T{found['minute']}:{second}{found['part'] or ''}{zone}")
    if not leap:
        return moment
    if moment.tzinfo is None or f"{moment.astimezone(dt.UTC):%H:%M}" != "23:59":
        raise ValueError(text)
    return moment.replace(microsecond=0) + dt.timedelta(seconds=1)


DayOrMoment = Annotated[
    dt.date | AwareDatetime, BeforeValidator(_day_or_moment), WithJsonSchema({"type": "string", "format": "date"})
]
"""A local calendar date, or an instant. Prefect's form shows a calendar."""


HHMM: Final = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"
HHMM_END: Final = r"^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$"


class PostingWindow(Wire):
    """Part of a day in which posts may go out: wall time in the campaign's zone."""

    start: Annotated[str, StringConstraints(pattern=HHMM)] = Field(title="From", description="HH:MM, such as 09:00")
    end: Annotated[str, StringConstraints(pattern=HHMM_END)] = Field(
        title="To", description="HH:MM, such as 17:00; 24:00 is the end of the day"
    )

    @field_validator("end", mode="after")
    @classmethod
    def _ends_later(cls, value: str, info: ValidationInfo) -> str:
        start = info.data.get("start")
        if start is not None and value <= start:
            raise PydanticCustomError("window_order", "must be later than its start {start}", {"start": start})
        return value


def _day(value: Any) -> dt.date:
    # pydantic would also take a number for a day since 1970, and a midnight for a day.
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        return value
    try:
        if not (isinstance(value, str) and _DATE.fullmatch(value.strip())):
            raise ValueError
        day = dt.date.fromisoformat(value.strip())
    except ValueError:
        raise PydanticCustomError("date_parsing", "must be a date such as 2027-03-15") from None
    return _in_our_time(day)


LocalDate = Annotated[dt.date, BeforeValidator(_day)]
"""A calendar date, local to the campaign's zone."""


def before_its_end(end: _End, start: dt.date | None) -> _End:
    """Return the end of some days; refuse one before their start (type `range_order`)."""
    if end is not None and start is not None and end < start:
        raise PydanticCustomError("range_order", "must not be before its start {start}", {"start": str(start)})
    return end


class DateRange(Wire):
    """All days from one to another, both included."""

    from_: LocalDate = Field(title="From", alias="from")
    to: LocalDate = Field(title="To")

    @field_validator("to", mode="after")
    @classmethod
    def _ends_later(cls, value: dt.date, info: ValidationInfo) -> dt.date:
        return before_its_end(value, info.data.get("from_"))

    def days(self) -> list[dt.date]:
        return [self.from_ + dt.timedelta(days=n) for n in range((self.to - self.from_).days + 1)]


BlackoutDay = Annotated[LocalDate, Field(title="Day")]
MAX_BLACKOUT_DAYS: Final = 366


class Schedule(Wire):
    """When posts may go out."""

    timezone: Zone = Field(title="Time zone of the audience", description="IANA name, such as Europe/Lisbon")
    start_date: DayOrMoment = Field(title="First day", description="Local to the time zone above")
    end_date: DayOrMoment = Field(title="Last day", description=f"At most {MAX_SPAN_DAYS} days after the first")
    allowed_days_of_week: Annotated[list[Day], Field(min_length=1, max_length=7), Unique] = Field(
        title="Posting days",
        # Required, and yet the form offers a working week (domain.md section 3).
        json_schema_extra={"default": ["mon", "tue", "wed", "thu", "fri"]},
    )
    blackout_dates: list[BlackoutDay | DateRange] = Field(
        default=[], title="Blackout dates", description="No posts on these days", max_length=MAX_BLACKOUT_DAYS
    )
    posting_windows: list[PostingWindow] = Field(
        default=[],
        title="Posting windows",
        description="Parts of the day in the time zone above; none: 09:00 to 17:00",
        max_length=12,
    )

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    def starts_at(self) -> dt.datetime:
        """Return the first instant (UTC): a local date starts at its midnight."""
        if isinstance(self.start_date, dt.datetime):
            return self.start_date
        return local_instant(self.start_date, 0, self.zone)

    def ends_at(self) -> dt.datetime:
        """Return the instant (UTC) after the last one: a local date is part of the campaign to its end."""
        if isinstance(self.end_date, dt.datetime):
            return self.end_date
        return local_instant(self.end_date + dt.timedelta(days=1), 0, self.zone)

    def blackout_days(self) -> frozenset[dt.date]:
        days: set[dt.date] = set()
        for entry in self.blackout_dates:
            days.update(entry.days() if isinstance(entry, DateRange) else [entry])
        return frozenset(days)

    @field_validator("end_date", mode="after")
    @classmethod
    def _ends_after_start(cls, value: dt.date | dt.datetime, info: ValidationInfo) -> dt.date | dt.datetime:
        start = info.data.get("start_date")
        if start is None:
            return value
        # A faulty zone is its own fault and must not hide this one; a day and a moment are then
        # compared as in UTC, and only what is wrong in every zone of the world is reported.
        zone_name = info.data.get("timezone")
        zone = ZoneInfo(zone_name or "UTC")
        mixed = isinstance(start, dt.datetime) is not isinstance(value, dt.datetime)
        doubt = _WIDEST_OFFSET if zone_name is None and mixed else dt.timedelta(0)
        first = start if isinstance(start, dt.datetime) else local_instant(start, 0, zone)
        last = value if isinstance(value, dt.datetime) else local_instant(value + dt.timedelta(days=1), 0, zone)
        if last + doubt <= first:
            raise PydanticCustomError(
                "end_before_start",
                "must be after startDate {start}, not {end}",
                {"start": start.isoformat(), "end": value.isoformat()},
            )
        # Days as people count them: from the first local date to the last.
        span = (_local_date(value, zone) - _local_date(start, zone)).days
        if span - doubt.days > MAX_SPAN_DAYS:
            raise PydanticCustomError(
                "span_too_long",
                "must be at most {limit} days after startDate, not {span}",
                {"limit": MAX_SPAN_DAYS, "span": span},
            )
        return value

    @field_validator("blackout_dates", mode="after")
    @classmethod
    def _blackout_unique(cls, value: list[dt.date | DateRange]) -> list[dt.date | DateRange]:
        singles = [entry for entry in value if not isinstance(entry, DateRange)]
        if len(set(singles)) != len(singles):
            twice = next(day for day in singles if singles.count(day) > 1)
            raise PydanticCustomError("not_unique", "names {item} twice", {"item": twice.isoformat()})
        total = len(singles) + sum((entry.to - entry.from_).days + 1 for entry in value if isinstance(entry, DateRange))
        if total > MAX_BLACKOUT_DAYS:
            raise PydanticCustomError(
                "too_long", "covers {total} days; at most {limit}", {"total": total, "limit": MAX_BLACKOUT_DAYS}
            )
        return value

    @field_validator("posting_windows", mode="after")
    @classmethod
    def _windows_apart(cls, value: list[PostingWindow]) -> list[PostingWindow]:
        return windows_apart(value)


def windows_apart(value: list[PostingWindow]) -> list[PostingWindow]:
    """Refuse windows of which two overlap (type `windows_overlap`)."""
    ordered = sorted(value, key=lambda window: window.start)
    for earlier, later in pairwise(ordered):
        if later.start < earlier.end:
            raise PydanticCustomError(
                "windows_overlap",
                "{first} and {second} overlap",
                {"first": f"{earlier.start}-{earlier.end}", "second": f"{later.start}-{later.end}"},
            )
    return value


def _local_date(value: dt.date | dt.datetime, zone: ZoneInfo) -> dt.date:
    return value.astimezone(zone).date() if isinstance(value, dt.datetime) else value


def _wall_time(day: dt.date, minute: int) -> dt.datetime:
    return dt.datetime.combine(day, dt.time()) + dt.timedelta(minutes=minute)


def earliest_instant(day: dt.date, minute: int, zone: ZoneInfo) -> dt.datetime:
    """Return the earliest instant that anybody may take for a wall time.

    For one that does not exist that is before the gap: read with the offset after it, as schedulers do.
    """
    naive = _wall_time(day, minute)
    return min(naive.replace(tzinfo=zone, fold=fold).astimezone(dt.UTC) for fold in (0, 1))


def local_instant(day: dt.date, minute: int, zone: ZoneInfo) -> dt.datetime:
    """Return the UTC instant of a wall time, `minute` counted from midnight (1440 = next midnight).

    A wall time that does not exist (spring forward) is the first instant after the gap; one that
    exists twice is the first of the two (domain.md section 14, rule 2).
    """
    naive = _wall_time(day, minute)
    early = naive.replace(tzinfo=zone, fold=0).astimezone(dt.UTC)
    if early.astimezone(zone).replace(tzinfo=None) == naive:
        return early
    # In a gap fold=0 reads the wall time with the offset before the change and fold=1 with the one
    # after it; the change itself lies between the two instants, found to the minute.
    low = naive.replace(tzinfo=zone, fold=1).astimezone(dt.UTC)
    high = early
    before = low.astimezone(zone).utcoffset()
    while high - low > dt.timedelta(minutes=1):
        middle = low + (high - low) / 2
        middle = middle.replace(second=0, microsecond=0)
        if middle <= low:
            break
        if middle.astimezone(zone).utcoffset() == before:
            low = middle
        else:
            high = middle
    return high
