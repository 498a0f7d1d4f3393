"""Reminders: as often as asked, inside the round, and never at night where the approver is."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from campaigns.rules.approval.reminders import reminders_at
from tests.strategies import ZONES

LISBON = ZoneInfo("Europe/Lisbon")
MONDAY = datetime(2027, 3, 1, 9, tzinfo=UTC)


def lisbon(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2027, 3, day, hour, minute, tzinfo=LISBON).astimezone(UTC)


@pytest.mark.parametrize(
    ("ends_at", "hours", "reminders"),
    [
        (lisbon(8, 12), [72, 24, 4], [lisbon(5, 12), lisbon(7, 12), lisbon(8, 8)]),
        (lisbon(8, 12), [200], []),  # before the round began
        (lisbon(8, 12), [14], [lisbon(8, 7)]),  # 22:00 waits for the morning
        (lisbon(8, 12), [8], [lisbon(8, 7)]),  # 04:00 too
        (lisbon(8, 6), [2], [lisbon(7, 19, 30)]),  # over by the morning: the evening before
        (lisbon(8, 6), [8], [lisbon(7, 19, 30)]),
        (lisbon(8, 12), [14, 8, 5], [lisbon(8, 7)]),  # three in one night are one
        (lisbon(8, 12), [5], [lisbon(8, 7)]),
        (lisbon(9, 0), [4], [lisbon(8, 19, 30)]),  # 20:00 is night already
    ],
)
def test_reminders_come_by_day(ends_at: datetime, hours: list[int], reminders: list[datetime]) -> None:
    assert reminders_at(MONDAY, ends_at, hours, LISBON) == reminders


def test_a_round_of_one_night_has_no_reminder() -> None:
    assert reminders_at(lisbon(1, 21), lisbon(2, 6), [4], LISBON) == []


@settings(max_examples=300)
@given(
    opened_at=st.timedeltas(timedelta(), timedelta(days=365)).map(lambda past: MONDAY + past),
    lasts=st.timedeltas(timedelta(hours=1), timedelta(hours=720)),
    hours=st.lists(st.integers(1, 720), max_size=10, unique=True),
    zone=st.sampled_from(ZONES).map(ZoneInfo),
)
def test_no_reminder_comes_at_night_or_outside_of_the_round(
    opened_at: datetime, lasts: timedelta, hours: list[int], zone: ZoneInfo
) -> None:
    ends_at = opened_at + lasts

    reminders = reminders_at(opened_at, ends_at, hours, zone)

    event(f"{min(len(reminders), 3)} reminders")
    assert reminders == sorted(set(reminders))
    assert len(reminders) <= len(hours)
    assert all(opened_at < moment < ends_at for moment in reminders)
    assert all(time(7) <= moment.astimezone(zone).time() < time(20) for moment in reminders)
    # By day they come when they were asked for.
    wanted = {ends_at - timedelta(hours=before) for before in hours}
    by_day = {m for m in wanted if m > opened_at and time(7) <= m.astimezone(zone).time() < time(20)}
    assert by_day <= set(reminders)
