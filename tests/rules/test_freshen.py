"""Freshen: samples start in the future whenever they are used, on the same weekdays."""

from __future__ import annotations

import copy
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.model.brief import CampaignBrief
from campaigns.rules.freshen import moved_ahead
from tests.rules.situations import sample
from tests.strategies import brief_wires


def test_a_sample_that_starts_later_stays_as_it_is() -> None:
    brief = sample("spring-harvest")

    assert moved_ahead(brief, date(2027, 3, 14)) == brief


@pytest.mark.parametrize(
    ("today", "start"),
    [
        (date(2027, 3, 15), "2027-03-22"),
        (date(2027, 3, 21), "2027-03-22"),
        (date(2027, 3, 22), "2027-03-29"),
        (date(2031, 6, 3), "2031-06-09"),
    ],
)
def test_a_start_that_has_come_moves_by_the_fewest_whole_weeks(today: date, start: str) -> None:
    moved = moved_ahead(sample("spring-harvest"), today)["schedule"]

    shift = date.fromisoformat(start) - date(2027, 3, 15)
    assert moved["startDate"] == start
    assert moved["endDate"] == str(date(2027, 4, 4) + shift)
    assert moved["blackoutDates"] == [str(date(2027, 3, 26) + shift)]
    assert moved["postingWindows"] == sample("spring-harvest")["schedule"]["postingWindows"]


def test_ranges_and_instants_move_too() -> None:
    brief = sample("spring-harvest")
    brief["schedule"] |= {
        "startDate": "2027-03-15T09:00:00+01:00",
        "blackoutDates": ["2027-03-20", {"from": "2027-03-22", "to": "2027-03-23"}],
    }

    moved = moved_ahead(brief, date(2027, 3, 16))["schedule"]

    assert moved["startDate"] == "2027-03-22T09:00:00+01:00"
    assert moved["blackoutDates"] == ["2027-03-27", {"from": "2027-03-29", "to": "2027-03-30"}]


def test_key_dates_and_the_days_of_inclusions_move_too() -> None:
    brief = sample("public/giving-day")

    moved = moved_ahead(brief, date(2027, 10, 18))

    assert moved["keyDates"][0]["date"] == "2027-12-07"
    assert moved["messaging"]["inclusions"][0]["until"] == "2027-12-07"
    assert moved["messaging"]["requiredInclusions"] == brief["messaging"]["requiredInclusions"]


@pytest.mark.parametrize(
    "brief",
    [
        None, [1], {}, {"name": "x"}, {"schedule": None}, {"schedule": "spring"}, {"schedule": {"startDate": "soon"}},
        {"schedule": {"startDate": 7, "endDate": 8}}, {"schedule": {"startDate": "2026-01-01"}},
        {"schedule": {"startDate": "2026-01-01", "endDate": "2026-02-01", "blackoutDates": [None]}},
        {"schedule": {"startDate": "9999-12-25", "endDate": "9999-12-31"}},
    ],
)  # fmt: skip
def test_what_has_no_readable_dates_stays_for_the_rules_to_refuse(brief: Any) -> None:
    assert moved_ahead(brief, date(9999, 12, 30)) == brief


@given(wire=brief_wires(), today=st.dates(date(2026, 1, 1), date(2035, 12, 31)))
def test_moved_briefs_are_accepted_start_later_and_keep_weekdays_and_length(wire: dict[str, Any], today: date) -> None:
    before = copy.deepcopy(wire)

    moved = moved_ahead(wire, today)

    assert wire == before
    old, new = CampaignBrief.model_validate(wire).schedule, CampaignBrief.model_validate(moved).schedule
    first = new.start_date.date() if isinstance(new.start_date, datetime) else new.start_date
    assert first > today
    shift = new.start_date - old.start_date
    assert shift % timedelta(weeks=1) == timedelta(0)
    assert new.end_date - old.end_date == shift
    assert moved_ahead(moved, today) == moved
