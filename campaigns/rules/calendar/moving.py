"""Another moment for a post that has its place: which ones the rules allow, and which rule another one breaks. Pure.

The rules are those of the calendar (domain.md section 14, rules 1-3, 6 and 7), asked of one post among the others.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final

from campaigns.model.post import Post
from campaigns.model.vocabulary import DAYS, Platform, PostStatus, ReviewState
from campaigns.rules.calendar.slots.demand import Terms
from campaigns.rules.calendar.slots.placing import SPACING
from campaigns.rules.calendar.slots.timeline import MARK_MINUTES, Timeline, instant_of, timeline

MOST_OFFERED: Final = 6


class PlaceRule(StrEnum):
    """What a moment may break."""

    CAMPAIGN = "campaign"
    LEAD = "lead"
    BLACKOUT = "blackout"
    WEEKDAY = "weekday"
    WINDOW = "window"
    SAME_TIME = "same_time"
    SPACING = "spacing"
    DAY_FULL = "day_full"
    WEEK_FULL = "week_full"


class Board:
    """The posts of a campaign in their places.

    Args:
        earliest: before it the approvers may still be deciding.
        own: the terms of platforms that have days or windows of their own.
    """

    def __init__(
        self, terms: Terms, posts: Sequence[Post], *, earliest: datetime, own: Mapping[Platform, Terms] | None = None
    ) -> None:
        self.terms, self.earliest, self.zone = terms, earliest, terms.schedule.zone
        self._own = own or {}
        self._posts = [post for post in posts if _goes_out(post)]
        self._at = {post.id: post.scheduled_at for post in self._posts}
        self._days = Counter(self._day(post.scheduled_at) for post in self._posts)
        self._weeks = Counter(_monday(self._day(post.scheduled_at)) for post in self._posts)
        self._lines: dict[Platform | None, Timeline] = {}

    def terms_of(self, post: Post) -> Terms:
        """Return the terms by which a post may go out: those of its platform, or the campaign's."""
        return self._own.get(post.platform, self.terms)

    def _line(self, post: Post) -> Timeline:
        place = post.platform if post.platform in self._own else None
        if place not in self._lines:
            terms = self.terms_of(post)
            self._lines[place] = timeline(terms.schedule, terms.windows, self.earliest)
        return self._lines[place]

    def broken(self, post: Post, at: datetime) -> PlaceRule | None:
        """Return the rule that a post would break at a moment; None: it may go out then."""
        schedule, day = self.terms_of(post).schedule, self._day(at)
        if not schedule.starts_at() <= at < schedule.ends_at():
            return PlaceRule.CAMPAIGN
        if at < self.earliest:
            return PlaceRule.LEAD
        if day in schedule.blackout_days():
            return PlaceRule.BLACKOUT
        if DAYS[day.weekday()] not in schedule.allowed_days_of_week:
            return PlaceRule.WEEKDAY
        marks, second = self._line(post).marks, at.timestamp()
        place = bisect_left(marks, second)
        if place == len(marks) or marks[place] != second:
            return PlaceRule.WINDOW
        return self.taken(post, at)

    def taken(self, post: Post, at: datetime) -> PlaceRule | None:
        """Return the rule that the other posts keep a post from a moment by, which the calendar allows; None: free."""
        return _collision(post, at, self._posts) or self._full(post, self._day(at))

    def _full(self, post: Post, day: date) -> PlaceRule | None:
        counted = int(post.id in self._at)
        before = self._day(self._at.get(post.id, post.scheduled_at))
        if self._days[day] - counted * (day == before) >= self.terms.per_day:
            return PlaceRule.DAY_FULL
        if self._weeks[_monday(day)] - counted * (_monday(day) == _monday(before)) >= self.terms.most:
            return PlaceRule.WEEK_FULL
        return None

    def offered(self, post: Post) -> list[datetime]:
        """Return moments that the rules allow, on the nearest days, each as near as can be to the same time of day."""
        before, line = self._day(post.scheduled_at), self._line(post)
        days = sorted(line.days, key=lambda day: (abs(day.date - before), day.date))
        found: list[datetime] = []
        for day in days:
            marks = line.marks[day.first : day.end]
            fitting = next(self._fitting(post, marks), None)
            if fitting is not None:
                found.append(fitting)
            if len(found) == MOST_OFFERED:
                break
        return sorted(found)

    def _fitting(self, post: Post, marks: Sequence[int]) -> Iterator[datetime]:
        wanted = _minute(post.scheduled_at.astimezone(self.zone))
        moments = (instant_of(mark) for mark in marks)
        near = sorted(moments, key=lambda at: abs(_minute(at.astimezone(self.zone)) - wanted))
        return (at for at in near if at != post.scheduled_at and self.broken(post, at) is None)

    def _day(self, at: datetime) -> date:
        return at.astimezone(self.zone).date()


def _collision(post: Post, at: datetime, posts: Sequence[Post]) -> PlaceRule | None:
    others = [other for other in posts if other.id != post.id]
    if any(other.scheduled_at == at for other in others):
        return PlaceRule.SAME_TIME
    same = (other for other in others if (other.persona_id, other.platform) == (post.persona_id, post.platform))
    return PlaceRule.SPACING if any(abs(other.scheduled_at - at) < SPACING for other in same) else None


def refusal_of(rule: PlaceRule, terms: Terms) -> str:
    """Return in words, with its numbers, the rule that a moment breaks."""
    windows = ", ".join(f"{window.start} to {window.end}" for window in terms.windows)
    return {
        PlaceRule.CAMPAIGN: "is not between the first and the last day of the campaign",
        PlaceRule.LEAD: "is before the time to decide and one hour for the hand-over are over",
        PlaceRule.BLACKOUT: "is on a blackout date",
        PlaceRule.WEEKDAY: f"is on a day that is none of {', '.join(terms.schedule.allowed_days_of_week)}",
        PlaceRule.WINDOW: f"is not in a posting window ({windows}), in steps of {MARK_MINUTES} minutes",
        PlaceRule.SAME_TIME: "is the moment of another post",
        PlaceRule.SPACING: f"is less than {SPACING // timedelta(hours=1)} hours from another post of the same persona "
        "on the same platform",
        PlaceRule.DAY_FULL: f"is on a day that has its {terms.per_day} posts",
        PlaceRule.WEEK_FULL: f"is in a week that has its {terms.most} posts",
    }[rule]


def _goes_out(post: Post) -> bool:
    return post.review.state is not ReviewState.REJECTED and post.status is not PostStatus.SKIPPED


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


def _minute(wall: datetime) -> int:
    return wall.hour * 60 + wall.minute
