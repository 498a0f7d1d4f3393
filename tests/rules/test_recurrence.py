"""When a template comes: named by the day it was due, in its zone, whoever asks and whenever."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest
from dateutil.rrule import rrulestr  # type: ignore[import-untyped]  # it has no types
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from campaigns.errors import FaultsError
from campaigns.model.library.template import Policies, Recurrence, TemplateInput, Window
from campaigns.rules.recurrence.holidays import MOST_AGAIN, holidays_in, read_holidays
from campaigns.rules.recurrence.policy import by_the_clock, by_the_others
from campaigns.rules.recurrence.rule import Calendar, Due, is_empty, period_kind
from campaigns.rules.recurrence.window import days_of_window
from tests.strategies import ZONES

RULES = [
    "FREQ=DAILY",
    "FREQ=DAILY;INTERVAL=3",
    "FREQ=WEEKLY",
    "FREQ=WEEKLY;BYDAY=SU",
    "FREQ=WEEKLY;BYDAY=TU,TH",
    "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO;WKST=SU",
    "FREQ=MONTHLY",
    "FREQ=MONTHLY;BYMONTHDAY=-1",
    "FREQ=MONTHLY;BYMONTHDAY=31",
    "FREQ=MONTHLY;BYDAY=1MO",
    "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1",
    "FREQ=MONTHLY;BYDAY=MO",
    "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29",
]
RULES_OF_HOLIDAYS = [
    "FREQ=YEARLY",
    "FREQ=YEARLY;INTERVAL=3",
    "FREQ=YEARLY;COUNT=5",
    "FREQ=YEARLY;BYMONTH=3",
    "FREQ=YEARLY;BYMONTH=1,7;BYMONTHDAY=1,-1",
    "FREQ=YEARLY;BYMONTH=5;BYDAY=-1MO",
    "FREQ=YEARLY;BYDAY=1SU",
    "FREQ=YEARLY;BYMONTHDAY=13;BYDAY=FR;COUNT=9",
    "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29;COUNT=4",
    "FREQ=YEARLY;UNTIL=20280301",
]
TIMES = ["00:00", "00:30", "02:30", "09:00", "23:59"]
DAYS = st.dates(date(2026, 1, 1), date(2028, 12, 31))


def recurrence(rrule: str = "FREQ=WEEKLY;BYDAY=TU", **more: Any) -> Recurrence:
    return Recurrence.model_validate({"rrule": rrule, "startsOn": "2027-01-01", **more})


calendars = st.builds(
    lambda rule, at, start, zone: Calendar(Recurrence(rrule=rule, at=at, starts_on=start), zone),
    st.sampled_from(RULES),
    st.sampled_from(TIMES),
    DAYS,
    st.sampled_from(ZONES),
)
moments = st.timedeltas(timedelta(), timedelta(days=1100)).map(lambda past: datetime(2026, 1, 1, tzinfo=UTC) + past)


@given(calendar=calendars, after=moments)
def test_each_period_comes_once_and_the_next_ones_are_in_order(calendar: Calendar, after: datetime) -> None:
    coming = calendar.next(after, 12)

    assert [due.at for due in coming] == sorted({due.at for due in coming})
    assert len({due.period for due in coming}) == len(coming)
    assert all(due.at > after for due in coming)
    for due in coming:
        assert calendar.of(due.period) == due
        assert calendar.at(due.at) == due


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        ("2027-03-27T21:29:59Z", None), ("2027-03-27T21:30:00Z", "2027-03-28"), ("2027-03-27T21:59:59Z", "2027-03-28"),
        ("2027-03-28T20:59:59Z", "2027-03-28"), ("2027-03-28T21:00:00Z", None),
    ],
)  # fmt: skip
def test_a_day_begins_early_only_for_a_time_that_is_skipped(moment: str, day: str | None) -> None:
    """In Beirut the clocks go from midnight to one."""
    found = Calendar(recurrence("FREQ=YEARLY;BYMONTH=3;BYMONTHDAY=28", at="00:30"), "Asia/Beirut").at(
        datetime.fromisoformat(moment)
    )

    assert (found and str(found.day)) == day


@given(calendar=calendars, after=moments)
def test_what_was_due_meanwhile_holds_the_end_and_not_the_beginning(calendar: Calendar, after: datetime) -> None:
    coming = calendar.next(after, 4)

    assert calendar.between(coming[0].at, coming[-1].at) == coming[1:]
    assert calendar.between(after, coming[0].at) == coming[:1]


@given(calendar=calendars, after=moments, late=st.timedeltas(timedelta(), timedelta(days=40)), data=st.data())
def test_whoever_asks_in_the_same_period_gets_the_same_one(
    calendar: Calendar, after: datetime, late: timedelta, data: st.DataObject
) -> None:
    due = calendar.next(after, 1)[0]
    asked = due.at + late

    found = calendar.at(asked)

    if found is not None and found.period == due.period:
        assert found == due
    else:
        # Where the clocks skip the time of the next one, a schedule comes for it up to an hour before.
        early = found is not None and found.at <= asked + timedelta(hours=1)
        assert early or asked.astimezone(calendar.zone).date() > due.day


@given(calendar=calendars, after=moments)
def test_it_comes_at_its_wall_time_or_right_after_a_gap(calendar: Calendar, after: datetime) -> None:
    for due in calendar.next(after, 6):
        local = due.at.astimezone(calendar.zone)
        before = (due.at - timedelta(minutes=1)).astimezone(calendar.zone)
        wall = datetime.combine(due.day, local.time())
        assert local.replace(tzinfo=None) == wall or before.utcoffset() != local.utcoffset()
        assert local.date() == due.day or before.utcoffset() != local.utcoffset()


@given(calendar=calendars, after=moments, span=st.timedeltas(timedelta(), timedelta(days=100)))
def test_what_was_missed_is_what_would_have_come(calendar: Calendar, after: datetime, span: timedelta) -> None:
    missed = calendar.between(after, after + span)

    coming = [due for due in calendar.next(after, 101) if due.at <= after + span]
    assert missed == coming


@pytest.mark.parametrize(
    ("rule", "kind", "period"),
    [
        ("FREQ=WEEKLY;BYDAY=TU", "week", "2027-W01"),
        ("FREQ=WEEKLY;BYDAY=TU,TH", "day", "2027-01-05"),
        ("FREQ=MONTHLY;BYMONTHDAY=1", "month", "2027-02"),
        ("FREQ=MONTHLY;BYDAY=1MO", "month", "2027-01"),
        ("FREQ=MONTHLY;BYDAY=MO", "day", "2027-01-04"),
        ("FREQ=MONTHLY;BYMONTHDAY=1,15", "day", "2027-01-15"),
        ("FREQ=DAILY", "day", "2027-01-02"),
    ],
)
def test_a_period_is_named_by_the_rule(rule: str, kind: str, period: str) -> None:
    calendar = Calendar(recurrence(rule), "Europe/Lisbon")

    assert period_kind(recurrence(rule)) == kind
    assert calendar.next(datetime(2027, 1, 1, 12, tzinfo=UTC), 1)[0].period == period


def test_a_week_is_that_of_the_zone_and_of_its_year() -> None:
    calendar = Calendar(recurrence("FREQ=WEEKLY;BYDAY=MO", at="00:30"), "Pacific/Apia")

    due = calendar.at(datetime(2027, 1, 3, 12, tzinfo=UTC))  # Monday there already

    assert due is not None
    assert (due.period, due.day) == ("2027-W01", date(2027, 1, 4))
    assert Calendar(recurrence("FREQ=WEEKLY;BYDAY=SU"), "UTC").at(datetime(2027, 1, 2, tzinfo=UTC)) == Due(
        "2026-W53", date(2027, 1, 3), datetime(2027, 1, 3, 9, tzinfo=UTC)
    )


def test_no_period_before_the_first_day_after_the_last_or_beyond_the_count() -> None:
    def weeks(**more: Any) -> list[str]:
        found = Calendar(recurrence(**more), "UTC").next(datetime(2026, 1, 1, tzinfo=UTC), 9)
        return [due.period for due in found]

    assert weeks(count=2) == ["2027-W01", "2027-W02"]
    assert weeks(endsOn="2027-01-19") == ["2027-W01", "2027-W02", "2027-W03"]
    assert weeks(endsOn="2027-01-19", count=5) == ["2027-W01", "2027-W02", "2027-W03"]
    assert weeks(endsOn="2027-12-31", count=1) == ["2027-W01"]
    assert is_empty(recurrence(endsOn="2027-01-02"))
    assert is_empty(recurrence("FREQ=MONTHLY;BYDAY=5MO;BYMONTHDAY=1"))
    assert not is_empty(recurrence("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29"))


@pytest.mark.parametrize(
    "rule",
    [
        "",
        "FREQ=SECONDLY",
        "FREQ=HOURLY",
        "FREQ=WEEKLY;COUNT=3",
        "FREQ=WEEKLY;UNTIL=20270101",
        "FREQ=WEEKLY;BYHOUR=3",
        "FREQ=WEEKLY;BYDAY=1MO",
        "FREQ=WEEKLY;FREQ=DAILY",
        "FREQ=DAILY;INTERVAL=0",
        "FREQ=DAILY;INTERVAL=99",
        "FREQ=DAILY;BYDAY=MO",
        "FREQ=MONTHLY;BYMONTHDAY=32",
        "FREQ=MONTHLY;BYSETPOS=0",
        "BYDAY=MO",
        "FREQ=WEEKLY;BYDAY=",
        "FREQ=WEEKLY\nBYDAY=MO",
        "FREQ=WEEKLY;",
    ],
)
def test_a_rule_that_says_something_else_is_refused(rule: str) -> None:
    with pytest.raises(ValidationError):
        recurrence(rule)


@pytest.mark.parametrize("period", ["2027-W54", "2027-W1", "2027-01", "now", "", "2027-W00", "２０２７-W01", "9" * 99])
def test_a_period_of_another_kind_is_refused(period: str) -> None:
    with pytest.raises(FaultsError) as caught:
        Calendar(recurrence(), "UTC").of(period)
    assert caught.value.faults[0].code == "PERIOD_INVALID"


# --- windows ------------------------------------------------------------------------------------------

TUESDAY = Due("2027-W12", date(2027, 3, 23), datetime(2027, 3, 23, 9, tzinfo=UTC))
LEAD = timedelta(hours=48)


@pytest.mark.parametrize(
    ("window", "first", "last"),
    [
        ({}, "2027-03-29", "2027-04-04"),
        ({"anchor": "scheduled_time", "length": "P1D"}, "2027-03-23", "2027-03-23"),
        ({"anchor": "scheduled_time", "offset": "P1W2D"}, "2027-04-01", "2027-04-07"),
        ({"anchor": "first_of_next_month", "length": "P1M"}, "2027-04-01", "2027-04-30"),
        (
            {"anchor": "event_date", "eventDay": "--04-30", "offset": "-P2W", "length": "P14D"},
            "2027-04-16",
            "2027-04-29",
        ),
        ({"anchor": "event_date", "eventDay": "--01-10", "length": "P1D"}, "2028-01-10", "2028-01-10"),
        ({"anchor": "event_date", "eventDay": "--02-29", "length": "P1D"}, "2028-02-29", "2028-02-29"),
    ],
)
def test_a_window_is_counted_from_the_day_it_was_due(window: dict[str, Any], first: str, last: str) -> None:
    for asked in (TUESDAY.at, TUESDAY.at + timedelta(hours=20)):
        days = days_of_window(Window.model_validate(window), TUESDAY, lead=LEAD, now=asked)
        assert (days.first.isoformat(), days.last.isoformat()) == (first, last)
        assert days.not_before == asked + LEAD


def test_a_window_that_is_over_before_the_approval_says_so() -> None:
    window = Window(anchor="scheduled_time", length="P3D")
    zone = ZoneInfo("UTC")

    assert not days_of_window(window, TUESDAY, lead=LEAD, now=TUESDAY.at).is_over(zone)
    assert days_of_window(window, TUESDAY, lead=LEAD, now=TUESDAY.at + timedelta(days=1)).is_over(zone)


@pytest.mark.parametrize(
    "window",
    [
        {"length": "P0D"},
        {"length": "-P1D"},
        {"length": "P"},
        {"offset": "7"},
        {"offset": "PT4H"},
        {"anchor": "event_date"},
        {"anchor": "next_monday", "eventDay": "--01-01"},
        {"anchor": "event_date", "eventDay": "--02-30"},
    ],
)
def test_a_window_that_is_none_is_refused(window: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Window.model_validate(window)


@pytest.mark.parametrize("text", ["", "no calendar", "BEGIN:VCALENDAR\nEND:VCALENDAR", "BEGIN:VCALENDAR\nBEGIN:VEVENT"])
def test_what_is_no_calendar_of_holidays_is_refused(text: str) -> None:
    with pytest.raises(FaultsError) as caught:
        read_holidays(text)
    assert caught.value.faults[0].code == "HOLIDAYS_INVALID"


def holidays(*rules: str, start: str = "20200101", end: str = "") -> str:
    """A calendar of one holiday for each rule."""
    last = f"DTEND;VALUE=DATE:{end}\r\n" if end else ""
    days = "".join(
        f"BEGIN:VEVENT\r\nDTSTART;VALUE=DATE:{start}\r\n{last}SUMMARY:Day\r\n"
        f"{f'RRULE:{rule}' if rule else 'STATUS:CONFIRMED'}\r\nEND:VEVENT\r\n"
        for rule in rules
    )
    return f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{days}END:VCALENDAR\r\n"


class WithHolidays:
    def __init__(self, text: str) -> None:
        self.holidays = text


def free_days(text: str, first: date = date(2026, 1, 1), last: date = date(2036, 12, 31)) -> list[str]:
    return [str(each.day) for each in holidays_in(cast("TemplateInput", WithHolidays(text)), first, last)]


@pytest.mark.parametrize(
    ("rule", "start", "expected"),
    [
        ("FREQ=YEARLY", "20340425", ["2034-04-25", "2035-04-25", "2036-04-25"]),
        ("freq=yearly;interval=4", "20200425", ["2028-04-25", "2032-04-25", "2036-04-25"]),
        ("FREQ=YEARLY;BYMONTH=11;BYDAY=4TH;WKST=MO", "20340101", ["2034-11-23", "2035-11-22", "2036-11-27"]),
        ("FREQ=YEARLY;BYDAY=-1MO;BYMONTH=5;COUNT=3", "20250401", ["2026-05-25", "2027-05-31"]),
        ("FREQ=YEARLY;COUNT=3", "20260425", ["2026-04-25", "2027-04-25", "2028-04-25"]),
        ("FREQ=YEARLY;COUNT=2", "20280229", ["2028-02-29", "2032-02-29"]),
        ("FREQ=YEARLY;UNTIL=20270425", "20260425", ["2026-04-25", "2027-04-25"]),
        ("FREQ=YEARLY;UNTIL=20270424T220000Z", "20260425", ["2026-04-25"]),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "20200101", []),
        ("FREQ=YEARLY;BYMONTH=1;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=1", "20350101", ["2035-01-01", "2036-01-01"]),
        ("FREQ=YEARLY", "00010425", [f"{year}-04-25" for year in range(2026, 2037)]),
    ],
)
def test_holidays_come_again_as_their_rule_says(rule: str, start: str, expected: list[str]) -> None:
    assert free_days(holidays(rule, start=start)) == expected


def test_a_holiday_over_the_turn_of_the_year_is_free_on_both_sides() -> None:
    text = holidays("FREQ=YEARLY", start="20201224", end="20210103")

    assert free_days(text, date(2027, 1, 1), date(2027, 1, 31)) == ["2027-01-01", "2027-01-02"]


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=YEARLY;INTERVAL=0", "FREQ=YEARLY;FOO=BAR", "FREQ=YEARLY;BYMONTH=13", "FREQ=YEARLY;COUNT=0",
        "FREQ=YEARLY;COUNT=1000000000", "FREQ=YEARLY;UNTIL=20309999", "FREQ=YEARLY;UNTIL=soon", "FREQ=DAILY",
        "FREQ=YEARLY;FREQ=SECONDLY", "FREQ=YEARLY;BYHOUR=1,2,3", "FREQ=YEARLY;BYSECOND=1", "FREQ=YEARLY;BYSETPOS=0",
    ],
)  # fmt: skip
def test_a_holiday_that_comes_again_by_another_rule_is_refused_when_it_is_sent(rule: str) -> None:
    with pytest.raises(FaultsError) as caught:
        read_holidays(holidays(rule))
    assert caught.value.faults[0].code == "HOLIDAYS_INVALID"


@pytest.mark.parametrize(("start", "end"), [("00010101", "00010101"), ("99991231", ""), ("99990101", "99990103")])
def test_a_holiday_at_the_end_of_time_is_refused(start: str, end: str) -> None:
    with pytest.raises(FaultsError) as caught:
        read_holidays(holidays("", start=start, end=end))
    assert caught.value.faults[0].code == "HOLIDAYS_INVALID"


def test_so_many_holidays_come_again_and_no_more() -> None:
    assert len(free_days(holidays(*["FREQ=YEARLY"] * MOST_AGAIN), last=date(2026, 12, 31))) == 1
    with pytest.raises(FaultsError):
        read_holidays(holidays(*["FREQ=YEARLY"] * (MOST_AGAIN + 1)))


@given(rule=st.sampled_from(RULES_OF_HOLIDAYS), start=st.dates(date(1995, 1, 1), date(2030, 12, 31)), first=DAYS)
def test_holidays_come_on_the_days_that_the_library_names(rule: str, start: date, first: date) -> None:
    last = first + timedelta(days=90)
    midnight = [datetime.combine(day, time()) for day in (start, first, last)]
    whole = rrulestr(rule, dtstart=midnight[0])

    found = free_days(holidays(rule, start=f"{start:%Y%m%d}"), first, last)

    assert found == [str(moment.date()) for moment in whole.between(*midnight[1:], inc=True)]


# --- policies -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policies", "later", "hours", "act", "code"),
    [
        ({}, 0, 0, "make", ""),
        ({}, 0, -3, "make", ""),
        ({}, 0, 23, "make", ""),
        ({}, 0, 25, "skip", "TOO_LATE"),  # half of 48
        ({"maxLatenessHours": 100}, 0, 99, "make", ""),
        ({"maxLatenessHours": 1000}, 1, 200, "skip", "OVERTAKEN"),
        ({"catchUp": "skip"}, 0, 0.2, "make", ""),
        ({"catchUp": "skip"}, 0, 1, "skip", "MISSED"),
        ({"catchUp": "all"}, 2, 500, "make", ""),
        ({"catchUp": "all"}, 3, 500, "skip", "MISSED"),
    ],
)
def test_the_clock_decides_by_the_policies(
    policies: dict[str, Any], later: int, hours: float, act: str, code: str
) -> None:
    now = TUESDAY.at + timedelta(hours=hours)

    verdict = by_the_clock(Policies.model_validate(policies), TUESDAY, later, now)

    assert (verdict.act, verdict.code) == (act, code)


@pytest.mark.parametrize(
    ("policies", "waits", "rejected", "act"),
    [
        ({}, False, 0, "make"),
        ({}, True, 0, "queue"),
        ({"overlap": "skip"}, True, 0, "skip"),
        ({"overlap": "allow"}, True, 0, "make"),
        ({"overlap": "supersede_previous"}, True, 0, "supersede"),
        ({}, False, 1, "make"),
        ({}, False, 2, "skip"),
        ({"pauseAfterRejections": 0}, False, 9, "make"),
    ],
)
def test_the_ones_before_decide_by_the_policies(policies: dict[str, Any], waits: bool, rejected: int, act: str) -> None:
    verdict = by_the_others(Policies.model_validate(policies), "campaign_x" if waits else None, rejected)

    assert verdict.act == act
    assert bool(verdict.reason) is (act != "make")


def test_the_next_monday_of_a_monday_is_a_week_later() -> None:
    (monday,) = Calendar(recurrence("FREQ=WEEKLY;BYDAY=MO"), "Europe/Lisbon").next(datetime(2027, 3, 1, tzinfo=UTC), 1)

    days = days_of_window(Window(), monday, lead=timedelta(), now=monday.at)

    assert (monday.day, days.first, days.last) == (date(2027, 3, 1), date(2027, 3, 8), date(2027, 3, 14))
