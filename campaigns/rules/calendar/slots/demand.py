"""How many posts each week needs, wants and takes (domain.md section 14, rules 3, 4, 7 and 13)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from campaigns.model.brief import CampaignBrief
from campaigns.model.terms.schedule import PostingWindow, Schedule
from campaigns.rules.calendar.slots.placing import Grid, Range, earliest
from campaigns.rules.calendar.slots.shares import largest_remainder
from campaigns.rules.calendar.slots.timeline import LocalDay, Timeline, Week, timeline
from campaigns.rules.merge.config import MergedConfig
from campaigns.rules.merge.defaults import MAX_POSTS


@dataclass(frozen=True, slots=True)
class Terms:
    """All that decides whether a calendar exists.

    `voices` is the number of pairs of persona and platform with a share above 0: posts of one pair
    keep four hours, posts of different pairs need only be at different times. `own` is the number of posts that are
    about something of their own: a post for each item. `in_all` is the number that a campaign may have.
    """

    schedule: Schedule
    windows: tuple[PostingWindow, ...]
    least: int
    most: int
    per_day: int
    voices: int
    not_before: datetime | None = None
    own: int = 0
    in_all: int = MAX_POSTS

    @classmethod
    def of(cls, brief: CampaignBrief, config: MergedConfig, not_before: datetime | None = None) -> Terms:
        cadence, shares = config.cadence, brief.participants.distribution.persona_weights
        people = [id_ for id_ in brief.participants.persona_ids if shares is None or shares.get(id_, 0) > 0]
        return cls(
            schedule=brief.schedule,
            windows=tuple(config.posting_windows.value),
            least=cadence.min_posts_per_week.value,
            most=cadence.max_posts_per_week.value,
            per_day=cadence.max_posts_per_day.value,
            voices=len(people) * sum(rules.share.value > 0 for rules in config.platforms),
            not_before=not_before,
            own=len(brief.items or []),
            in_all=config.most_posts or MAX_POSTS,
        )

    def needed(self, week: Week) -> int:
        """Return the least number of posts of a week: the weekly minimum, by its share of posting days."""
        return self.least * len(week.days) // len(self.schedule.allowed_days_of_week)

    def enforced(self, week: Week) -> int:
        """Return the number below which the brief is refused: nothing is demanded of a week that is cut into."""
        return 0 if week.clipped else self.needed(week)

    def wanted(self, week: Week) -> int:
        """Return the number a week aims at: the middle of the cadence, by its share of posting days, halves up."""
        eligible, allowed = len(week.days), len(self.schedule.allowed_days_of_week)
        middle = ((self.least + self.most) * eligible + allowed) // (2 * allowed)
        return max(self.needed(week), min(middle, self.ceiling(week)))

    def ceiling(self, week: Week) -> int:
        """Return the number above which no week goes."""
        return min(self.most, len(week.days) * self.per_day)


@dataclass(frozen=True, slots=True)
class Shortfall:
    """A week in which fewer posts fit than it needs."""

    week: Week
    needs: int
    fits: int


def shortfalls(terms: Terms, line: Timeline) -> list[Shortfall]:
    """Return the weeks that cannot reach their minimum, whatever the shares; none when a calendar exists.

    As early as possible is the placement that leaves most room to later weeks, so what does not fit
    here fits nowhere.
    """
    counts = [terms.enforced(week) for week in line.weeks]
    found: list[Shortfall] = []
    while (placed := _placed(terms, line, counts)) is not None:
        week, fits = placed
        found.append(Shortfall(line.weeks[week], terms.needed(line.weeks[week]), fits))
        counts[week] = fits
    return found


def _placed(terms: Terms, line: Timeline, counts: Sequence[int]) -> tuple[int, int] | None:
    """Return the first week that cannot take its count, with what it takes; None when all fit."""
    ranges = week_ranges(line, counts)
    placed = len(earliest(Grid.of(line, terms.per_day), ranges, in_turn(len(ranges), terms.voices)))
    if placed == len(ranges):
        return None
    for week, count in enumerate(counts):
        if placed < count:
            return week, placed
        placed -= count
    raise AssertionError("the counts add up to the ranges")


def week_ranges(line: Timeline, counts: Sequence[int]) -> list[Range]:
    """Return for each post the marks of its week."""
    return [(week.first, week.end) for week, count in zip(line.weeks, counts, strict=True) for _ in range(count)]


def day_capacity(terms: Terms, grid: Grid, day: LocalDay) -> int:
    """Return how many posts fit on a day, seen alone."""
    most = min(terms.per_day, day.end - day.first)
    return len(earliest(grid, [(day.first, day.end)] * most, in_turn(most, terms.voices)))


def in_turn(count: int, voices: int) -> list[int | None]:
    """Return for each post the one before it of the same pair when the pairs take turns: the densest order."""
    return [index - voices if index >= voices else None for index in range(count)]


def week_counts(terms: Terms, line: Timeline) -> list[int]:
    """Return the number of posts of each week, at least one in all, at most `terms.in_all`.

    Each week gets what it wants; where that does not fit in all, weeks get the most that fits, the
    earlier week first. The terms must have no shortfall.
    """
    floors = [terms.enforced(week) for week in line.weeks]
    aims = [terms.wanted(week) for week in line.weeks]
    if not any(aims):
        # A short campaign with a low cadence rounds to nothing: one post is what was meant.
        aims[max(range(len(aims)), key=lambda index: (len(line.weeks[index].days), -index))] = 1
    if sum(aims) > terms.in_all:
        room = [aim - floor for aim, floor in zip(aims, floors, strict=True)]
        extra = largest_remainder(terms.in_all - sum(floors), room)
        aims = [floor + more for floor, more in zip(floors, extra, strict=True)]
    elif sum(aims) < terms.own:
        room = [max(0, terms.ceiling(week) - aim) for week, aim in zip(line.weeks, aims, strict=True)]
        extra = largest_remainder(min(terms.own, terms.in_all, sum(aims) + sum(room)) - sum(aims), room)
        aims = [aim + more for aim, more in zip(aims, extra, strict=True)]
    if _placed(terms, line, aims) is None:
        return aims
    counts = list(floors)
    for week, aim in enumerate(aims):
        low, high = counts[week], aim
        while low < high:
            middle = (low + high + 1) // 2
            counts[week] = middle
            if _placed(terms, line, counts) is None:
                low = middle
            else:
                high = middle - 1
        counts[week] = low
    return counts


def line_of(terms: Terms) -> Timeline:
    return timeline(terms.schedule, terms.windows, terms.not_before)
