"""Wall times and instants: gaps, folds and odd zones (domain.md section 14, rule 2)."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from campaigns.model.base import STORED
from campaigns.model.brief import CampaignBrief
from campaigns.model.faults import faults_of
from campaigns.model.terms.schedule import DayOrMoment, Zone, local_instant, zone_names
from tests.model.wires import BRIEF, changed
from tests.strategies import ZONES


@pytest.mark.parametrize(
    ("zone", "day", "wall", "instant"),
    [
        ("Europe/Lisbon", "2027-03-15", "09:00", "2027-03-15T09:00Z"),
        ("Asia/Kolkata", "2027-03-15", "09:00", "2027-03-15T03:30Z"),
        # Spring forward in New York: 02:00 to 03:00 does not exist, its first instant after is 07:00 UTC.
        ("America/New_York", "2027-03-14", "01:59", "2027-03-14T06:59Z"),
        ("America/New_York", "2027-03-14", "02:00", "2027-03-14T07:00Z"),
        ("America/New_York", "2027-03-14", "02:30", "2027-03-14T07:00Z"),
        ("America/New_York", "2027-03-14", "02:59", "2027-03-14T07:00Z"),
        ("America/New_York", "2027-03-14", "03:00", "2027-03-14T07:00Z"),
        # Fall back: 01:00 to 02:00 exists twice, the first one counts.
        ("America/New_York", "2027-11-07", "00:59", "2027-11-07T04:59Z"),
        ("America/New_York", "2027-11-07", "01:30", "2027-11-07T05:30Z"),
        ("America/New_York", "2027-11-07", "02:00", "2027-11-07T07:00Z"),
        # Lord Howe changes by half an hour.
        ("Australia/Lord_Howe", "2027-10-03", "02:15", "2027-10-02T15:30Z"),
        # In Cairo the day itself has no midnight.
        ("Africa/Cairo", "2027-04-30", "00:00", "2027-04-29T22:00Z"),
        ("Europe/Lisbon", "2027-03-15", "24:00", "2027-03-16T00:00Z"),
    ],
)
def test_a_wall_time_is_its_first_instant_or_the_first_after_the_gap(
    zone: str, day: str, wall: str, instant: str
) -> None:
    hours, minutes = wall.split(":")

    found = local_instant(date.fromisoformat(day), int(hours) * 60 + int(minutes), ZoneInfo(zone))

    assert found == datetime.fromisoformat(instant)


@settings(max_examples=300, deadline=None)
@given(
    zone=st.sampled_from(ZONES).map(ZoneInfo),
    day=st.dates(date(2026, 1, 1), date(2029, 12, 31)),
    minute=st.integers(0, 1439),
)
def test_no_earlier_instant_shows_the_wall_time_or_a_later_one_of_that_day(
    zone: ZoneInfo, day: date, minute: int
) -> None:
    wall = datetime.combine(day, datetime.min.time()) + timedelta(minutes=minute)

    found = local_instant(day, minute, zone)

    shown = found.astimezone(zone).replace(tzinfo=None)
    before = (found - timedelta(minutes=1)).astimezone(zone).replace(tzinfo=None)
    assert found.tzinfo is UTC
    assert shown >= wall
    assert before < wall


@settings(max_examples=200, deadline=None)
@given(zone=st.sampled_from(ZONES), day=st.dates(date(2026, 1, 1), date(2029, 12, 31)))
def test_a_local_day_lasts_from_its_first_moment_to_the_first_of_the_next(zone: str, day: date) -> None:
    dates = ("schedule.startDate", day.isoformat()), ("schedule.endDate", day.isoformat())

    schedule = CampaignBrief.model_validate(changed(BRIEF, ("schedule.timezone", zone), *dates)).schedule

    local = ZoneInfo(zone)
    assert schedule.starts_at().astimezone(local).date() == day
    assert (schedule.starts_at() - timedelta(seconds=1)).astimezone(local).date() == day - timedelta(days=1)
    assert (schedule.ends_at() - timedelta(seconds=1)).astimezone(local).date() == day
    assert schedule.ends_at().astimezone(local).date() == day + timedelta(days=1)


def test_an_instant_keeps_its_moment_whatever_its_offset() -> None:
    dates = ("schedule.startDate", "2027-03-15T09:00:00+01:00"), ("schedule.endDate", "2027-03-20T18:00:00-05:00")

    schedule = CampaignBrief.model_validate(changed(BRIEF, *dates)).schedule

    assert schedule.starts_at() == datetime(2027, 3, 15, 8, tzinfo=UTC)
    assert schedule.ends_at() == datetime(2027, 3, 20, 23, tzinfo=UTC)


def test_midnight_as_an_instant_is_no_day() -> None:
    end = ("schedule.endDate", "2027-03-20T00:00:00Z")

    schedule = CampaignBrief.model_validate(changed(BRIEF, end)).schedule

    assert schedule.ends_at() == datetime(2027, 3, 20, tzinfo=UTC)
    assert schedule.to_wire()["endDate"] == "2027-03-20T00:00:00Z"


def test_blackout_ranges_cover_both_their_ends() -> None:
    dates = ["2027-03-18", {"from": "2027-03-20", "to": "2027-03-22"}]

    schedule = CampaignBrief.model_validate(changed(BRIEF, ("schedule.blackoutDates", dates))).schedule

    assert sorted(day.isoformat() for day in schedule.blackout_days()) == [
        "2027-03-18",
        "2027-03-20",
        "2027-03-21",
        "2027-03-22",
    ]


WRITTEN = {
    "2027-03-15T09:00:00Z": "2027-03-15T09:00:00+00:00",
    "2027-03-15t09:00:00z": "2027-03-15T09:00:00+00:00",
    "2027-03-15 09:00:00Z": "2027-03-15T09:00:00+00:00",
    "2027-03-15T09:00:00.5Z": "2027-03-15T09:00:00.500000+00:00",
    "2027-03-15T09:00:00.123456789+01:00": "2027-03-15T08:00:00.123456+00:00",
    "2027-03-15T09:00:00-00:00": "2027-03-15T09:00:00+00:00",
    "2027-03-15T23:30:00-05:00": "2027-03-16T04:30:00+00:00",
    "2027-06-30T23:59:60Z": "2027-07-01T00:00:00+00:00",
    "2027-07-01T00:59:60.25+01:00": "2027-07-01T00:00:00+00:00",
}


@pytest.mark.parametrize(("text", "instant"), WRITTEN.items())
def test_an_instant_is_read_as_rfc_3339_writes_it(text: str, instant: str) -> None:
    assert TypeAdapter(DayOrMoment).validate_python(text) == datetime.fromisoformat(instant)


NOT_WRITTEN = {
    "20270315T090000Z": "DATE_OR_INSTANT",
    "2027-W11-1T09:00:00Z": "DATE_OR_INSTANT",
    "2027-03-15T09Z": "DATE_OR_INSTANT",
    "2027-03-15T09:00Z": "DATE_OR_INSTANT",
    "2027-03-15T09:00:00,5Z": "DATE_OR_INSTANT",
    "2027-03-15T09:00:00.Z": "DATE_OR_INSTANT",
    "2027-03-15T09:00:00+0100": "DATE_OR_INSTANT",
    "2027-03-15T09:00:00+01": "DATE_OR_INSTANT",
    "2027-03-15T09:00:00+01:00:30": "DATE_OR_INSTANT",
    "2027-03-15T09:00:00+24:00": "DATE_OR_INSTANT",
    "2027-03-15X09:00:00Z": "DATE_OR_INSTANT",
    "2027-03-15T24:00:00Z": "DATE_OR_INSTANT",
    "2027-03-15T12:00:60Z": "DATE_OR_INSTANT",
    "2027-02-29T09:00:00Z": "DATE_OR_INSTANT",
    "２027-03-15T09:00:00Z": "DATE_OR_INSTANT",
    "2027-03-15T09:00:00": "INSTANT_OFFSET",
    "9999-12-31T23:59:60Z": "DATE_OR_INSTANT",
}


@pytest.mark.parametrize(("text", "code"), NOT_WRITTEN.items())
def test_every_other_way_to_write_it_is_refused_in_our_words(text: str, code: str) -> None:
    with pytest.raises(ValidationError) as refused:
        TypeAdapter(DayOrMoment).validate_python(text)

    assert faults_of(refused.value)[0].code == code


@pytest.mark.parametrize("name", ["Europe/Lisbon", "UTC", "US/Pacific", "America/Argentina/Buenos_Aires", "Etc/GMT+5"])
def test_a_zone_is_a_name_of_the_iana_list(name: str) -> None:
    assert TypeAdapter(Zone).validate_python(f" {name}\u200b ") == name


@pytest.mark.parametrize(
    "name",
    ["localtime", "posixrules", "Factory", "posix/Europe/Lisbon", "right/Europe/Lisbon", "europe/lisbon", "Europe", "",
     "Europe/../Europe/Lisbon", "./UTC", "/usr/share/zoneinfo/UTC", "zone.tab", "tzdata.zi", "PST", "UTC+1", "CET-1"],
)  # fmt: skip
def test_what_a_machine_keeps_beside_the_list_is_no_zone(name: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Zone).validate_python(name)


def test_a_zone_that_was_stored_under_an_older_rule_is_read() -> None:
    assert TypeAdapter(Zone).validate_python("localtime", context=STORED) == "localtime"


def test_every_zone_of_the_list_can_be_used() -> None:
    for name in zone_names():
        assert ZoneInfo(name)
