"""The month as a picture: every post in its day, whatever the zone, the weekday it begins with, and the clocks."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from campaigns.model.post import Post
from campaigns.rules.calendar.month import months_of
from tests.store.samples import a_campaign, a_post

ZONES = st.sampled_from([ZoneInfo(name) for name in ("UTC", "Europe/Lisbon", "Pacific/Kiritimati", "America/New_York")])
MOMENTS = st.datetimes(datetime(2027, 1, 1), datetime(2028, 3, 31), timezones=st.just(UTC))  # noqa: DTZ001
CAMPAIGN = a_campaign()
UTC_ZONE = ZoneInfo("UTC")


def posts_at(moments: list[datetime]) -> list[Post]:
    return [a_post(CAMPAIGN, n).model_copy(update={"scheduled_at": at}) for n, at in enumerate(moments, start=1)]


@given(moments=st.lists(MOMENTS, max_size=12), zone=ZONES, first=st.integers(0, 6))
def test_every_post_stands_once_in_its_local_day_and_weeks_have_seven_days(
    moments: list[datetime], zone: ZoneInfo, first: int
) -> None:
    posts = posts_at(moments)

    months = months_of(posts, zone, first_weekday=first)

    placed = [(day.date, post) for month in months for week in month.weeks for day in week for post in day.posts]
    assert sorted(post.number for _, post in placed) == sorted(post.number for post in posts)
    assert all(post.scheduled_at.astimezone(zone).date() == day for day, post in placed)
    assert [post.scheduled_at for _, post in placed] == sorted(post.scheduled_at for post in posts)
    for month in months:
        for week in month.weeks:
            assert len(week) == 7
            assert week[0].date.weekday() == first
            assert [day.date for day in week] == [week[0].date + timedelta(days=n) for n in range(7)]
            assert all(day.inside == (day.date.month == month.first.month) for day in week)


def test_only_the_weeks_that_posts_span_are_shown_unless_a_month_is_wanted() -> None:
    posts = posts_at([datetime(2027, 3, 10, 9, tzinfo=UTC), datetime(2027, 4, 2, 9, tzinfo=UTC)])

    march, april = months_of(posts, UTC_ZONE)
    assert [len(march.weeks), len(april.weeks)] == [4, 1]
    assert march.weeks[0][0].date == date(2027, 3, 8)

    (whole,) = months_of(posts, UTC_ZONE, month=date(2027, 3, 20))
    assert (whole.first, len(whole.weeks)) == (date(2027, 3, 1), 5)
    assert sum(len(day.posts) for week in whole.weeks for day in week) == 1
    (empty,) = months_of([], UTC_ZONE, month=date(2027, 2, 1))
    assert len(empty.weeks) == 4
    assert months_of([], UTC_ZONE) == []
