"""Places posts on marks, in order, so that every rule of time holds (domain.md section 14, rules 6 and 7).

Three rules bind a post to earlier ones: it is later than the one before; it is at least four hours
after the last one of the same persona on the same platform; and it is on a later day than the post
`per_day` places before it. Each gives a lower bound that grows with the earlier time, so placing
every post as early as possible finds a placement whenever there is one, and placing from the end as
late as possible gives how far each may move. Between the two bounds a post takes the mark it wants.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from campaigns.rules.calendar.slots.timeline import Timeline

SPACING: Final = timedelta(hours=4)
"""Between posts of one persona on one platform."""
_SPACING: Final = int(SPACING.total_seconds())

Range = tuple[int, int]
"""Marks [first, end) among which a post may be placed."""


@dataclass(frozen=True, slots=True)
class Grid:
    """The marks, where each day starts among them, and how many posts a day takes."""

    marks: list[int]
    day_starts: list[int]
    per_day: int

    @classmethod
    def of(cls, line: Timeline, per_day: int) -> Grid:
        return cls(line.marks, [day.first for day in line.days], per_day)

    def day_end(self, mark: int) -> int:
        """Return the first mark of the day after this mark's."""
        following = bisect_right(self.day_starts, mark)
        return self.day_starts[following] if following < len(self.day_starts) else len(self.marks)

    def day_start(self, mark: int) -> int:
        """Return the first mark of this mark's day."""
        return self.day_starts[bisect_right(self.day_starts, mark) - 1]


def earliest(grid: Grid, ranges: Sequence[Range], same_before: Sequence[int | None]) -> list[int]:
    """Return the earliest mark of each post, up to the first one that finds none.

    Args:
        same_before: for each post the index of the last one of the same persona and platform.
    """
    placed: list[int] = []
    for index, (first, end) in enumerate(ranges):
        mark = max(first, _bound(grid, placed, index, same_before[index]))
        if mark >= end:
            break
        placed.append(mark)
    return placed


def _bound(grid: Grid, placed: Sequence[int], index: int, same: int | None) -> int:
    bound = placed[index - 1] + 1 if index else 0
    if same is not None:
        bound = max(bound, bisect_left(grid.marks, grid.marks[placed[same]] + _SPACING))
    if index >= grid.per_day:
        bound = max(bound, grid.day_end(placed[index - grid.per_day]))
    return bound


def place(
    grid: Grid, ranges: Sequence[Range], same_before: Sequence[int | None], wanted: Sequence[int]
) -> list[int] | None:
    """Return a mark for each post, as near to the wanted one as the rules allow; None when no placement exists."""
    if len(earliest(grid, ranges, same_before)) < len(ranges):
        return None
    limits = _latest(grid, ranges, same_before)
    placed: list[int] = []
    for index, (first, _) in enumerate(ranges):
        bound = max(first, _bound(grid, placed, index, same_before[index]))
        placed.append(min(max(wanted[index], bound), limits[index]))
    return placed


def _latest(grid: Grid, ranges: Sequence[Range], same_before: Sequence[int | None]) -> list[int]:
    count = len(ranges)
    limits = [end - 1 for _, end in ranges]
    for index in range(count - 1, -1, -1):
        limit = limits[index]
        if index + 1 < count:
            limit = min(limit, limits[index + 1] - 1)
        if index + grid.per_day < count:
            limit = min(limit, grid.day_start(limits[index + grid.per_day]) - 1)
        limits[index] = limit
        # By the time its own turn comes, a post has heard from the later one of the same pair.
        if (same := same_before[index]) is not None:
            limits[same] = min(limits[same], bisect_right(grid.marks, grid.marks[limit] - _SPACING) - 1)
    return limits
