"""Places posts where a brief names key dates or times per platform.

The posts that key dates want are placed first, on their days; then the others, day by day, each by the voice that
lags most behind its share among those whose platform is posted on then. All other rules are those of every calendar:
weeks, days, four hours between posts of one persona on one platform, never two at one moment.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left, insort
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from campaigns.model.brief import CampaignBrief
from campaigns.rules.calendar.dates.key_dates import Pin, pins_of, ramped
from campaigns.rules.calendar.slots.demand import Terms, week_counts
from campaigns.rules.calendar.slots.openings import Openings, openings_of
from campaigns.rules.calendar.slots.placing import SPACING
from campaigns.rules.calendar.slots.shares import largest_remainder
from campaigns.rules.calendar.slots.timeline import Week
from campaigns.rules.calendar.slots.voices import Voice, voice_counts
from campaigns.rules.merge.config import MergedConfig

_SPACING = int(SPACING.total_seconds())
_APART = 60 * 60


@dataclass(frozen=True, slots=True)
class Dated:
    """One post with its voice, its moment (seconds since the epoch), and the key date that it is about."""

    voice: Voice
    moment: int
    pin: Pin | None = None


@dataclass(frozen=True, slots=True)
class DatedCalendar:
    """Posts in order of time, how many each week got, and what of the key dates could not be kept."""

    posts: list[Dated]
    counts: list[int]
    openings: Openings
    warnings: list[str]


def place_dated(brief: CampaignBrief, config: MergedConfig, terms: Terms, seed: str) -> DatedCalendar:
    """Return the posts of a brief with key dates or times per platform; weeks may stay below their minimum."""
    openings = openings_of(brief, config, terms)
    key_dates = brief.key_dates or []
    pins = pins_of(key_dates, openings)
    counts = _counts(brief, openings, pins.kept)
    table = _Table(config, openings, sum(counts), seed)
    # Where two key dates share a day, its own posts come before reminders of another one.
    for pin in sorted(pins.kept, key=lambda pin: (pin.kind != "on", pin.day)):
        table.pin(pin)
    days_of_key_dates = {each.date for each in key_dates if "on" in each.wants}
    for week, count in zip(openings.line.weeks, counts, strict=True):
        _fill(table, week, count - table.of_week(week), days_of_key_dates)
    posts = sorted(table.posts, key=lambda post: post.moment)
    return DatedCalendar(posts, [table.of_week(week) for week in openings.line.weeks], openings, pins.warnings)


def _counts(brief: CampaignBrief, openings: Openings, pins: Sequence[Pin]) -> list[int]:
    terms, weeks = openings.terms, openings.line.weeks
    mondays = Counter(pin.day - timedelta(days=pin.day.weekday()) for pin in pins)
    aims = week_counts(terms, openings.line)
    wanted = [
        max(mondays[week.monday], ramped(aim, terms.ceiling(week), week, brief.key_dates or []))
        for week, aim in zip(weeks, aims, strict=True)
    ]
    # An item has a post of its own beside those of the key dates.
    room = [max(0, terms.ceiling(week) - count) for week, count in zip(weeks, wanted, strict=True)]
    lacking = max(0, len(brief.items or []) + len(pins) - sum(wanted))
    more = largest_remainder(min(lacking, sum(room)), room)
    wanted = [count + extra for count, extra in zip(wanted, more, strict=True)]
    over = sum(wanted) - terms.in_all
    for index in sorted(range(len(weeks)), key=lambda index: -wanted[index]):
        less = max(0, min(over, wanted[index] - max(mondays[weeks[index].monday], terms.enforced(weeks[index]))))
        wanted[index] -= less
        over -= less
    return wanted


def _fill(table: _Table, week: Week, count: int, days_of_key_dates: set[date]) -> None:
    """Give a week its other posts: its days evenly, those of key dates last."""
    left = count
    for days in (
        [day.date for day in week.days if day.date not in days_of_key_dates],
        [day.date for day in week.days if day.date in days_of_key_dates],
    ):
        closed: set[date] = set()
        while left > 0 and (open_days := [day for day in days if day not in closed and table.has_room(day)]):
            least = min(table.of_day(day) for day in open_days)
            level = [day for day in open_days if table.of_day(day) == least]
            taken = min(left, len(level))
            for step in range(taken):
                day = level[(2 * step + 1) * len(level) // (2 * taken)]
                if table.add(day):
                    left -= 1
                else:
                    closed.add(day)


class _Table:
    """The posts placed so far."""

    def __init__(self, config: MergedConfig, openings: Openings, total: int, seed: str) -> None:
        self._openings, self._seed, self._total = openings, seed, max(1, total)
        self._quotas = dict(voice_counts(config, total))
        self._given: Counter[Voice] = Counter()
        self._moments: dict[Voice, list[int]] = {voice: [] for voice in self._quotas}
        self._taken: set[int] = set()
        self._on_day: dict[date, list[int]] = defaultdict(list)
        self.posts: list[Dated] = []

    def of_day(self, day: date) -> int:
        return len(self._on_day[day])

    def of_week(self, week: Week) -> int:
        return sum(len(self._on_day[day.date]) for day in week.days)

    def has_room(self, day: date) -> bool:
        return len(self._on_day[day]) < self._openings.terms.per_day

    def pin(self, pin: Pin) -> bool:
        """Place a post of a key date; False: no voice has a moment for it."""
        voices = [voice for voice in self._quotas if pin.platform in {None, voice.platform}]
        voices.sort(key=lambda voice: self._given[voice] - self._quotas[voice])
        return self._place(pin.day, voices, pin)

    def add(self, day: date) -> bool:
        """Place another post on a day, by the voice that lags most behind its share."""
        placed = len(self.posts) + 1

        def lag(voice: Voice) -> tuple[bool, float]:
            spent = self._given[voice] >= self._quotas[voice]
            return spent, self._given[voice] - self._quotas[voice] * placed / self._total

        return self._place(day, sorted(self._quotas, key=lag), None)

    def _place(self, day: date, voices: Sequence[Voice], pin: Pin | None) -> bool:
        for voice in voices:
            moment = self._moment(voice, day, first=pin is not None and pin.kind == "on" and not len(self._on_day[day]))
            if moment is not None:
                self._given[voice] += 1
                insort(self._moments[voice], moment)
                self._taken.add(moment)
                self._on_day[day].append(moment)
                self.posts.append(Dated(voice, moment, pin))
                return True
        return False

    def _moment(self, voice: Voice, day: date, *, first: bool) -> int | None:
        """Return the free moment of a voice on a day that is nearest to the one it would like."""
        marks = self._openings.by_platform[voice.platform].get(day, [])
        if not marks:
            return None
        digest = hashlib.sha256(f"{self._seed}|{day}|{len(self._on_day[day])}|{voice.platform}".encode()).digest()
        part = int.from_bytes(digest[:4], "big") / 2**32
        # The first post of a key date goes out early on it; others at any time, one part of the day each.
        part = part / 4 if first else (part + len(self._on_day[day])) / (len(self._on_day[day]) + 1)
        wanted = min(len(marks) - 1, int(part * len(marks)))
        free = [mark for mark in _nearest(marks, wanted) if self._is_free(voice, mark)]
        others = self._on_day[day]
        # Other voices may post at the next mark; where the day has room for it they keep an hour.
        apart = (mark for mark in free if all(abs(mark - other) >= _APART for other in others))
        return next(apart, free[0] if free else None)

    def _is_free(self, voice: Voice, mark: int) -> bool:
        own = self._moments[voice]
        place = bisect_left(own, mark)
        near = own[max(0, place - 1) : place + 1]
        return mark not in self._taken and all(abs(mark - other) >= _SPACING for other in near)


def _nearest(marks: Sequence[int], wanted: int) -> Iterator[int]:
    """Yield all marks, the nearest to the wanted one first."""
    low, high = wanted, wanted + 1
    while low >= 0 or high < len(marks):
        if high >= len(marks) or (low >= 0 and marks[wanted] - marks[low] <= marks[high] - marks[wanted]):
            yield marks[low]
            low -= 1
        else:
            yield marks[high]
            high += 1
