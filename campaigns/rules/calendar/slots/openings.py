"""When each platform may be posted on: its own days and windows, or the campaign's."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date

from campaigns.model.brief import CampaignBrief
from campaigns.model.terms.key_dates import PlatformTimes
from campaigns.model.terms.schedule import PostingWindow
from campaigns.model.vocabulary import DAYS, Platform
from campaigns.rules.calendar.slots.demand import Terms, line_of
from campaigns.rules.calendar.slots.timeline import Timeline, timeline
from campaigns.rules.merge.config import MergedConfig


@dataclass(frozen=True, slots=True)
class Openings:
    """The moments (seconds since the epoch, ascending) of each platform by local day, and all of them together.

    `terms` holds the days and windows of all platforms: what weeks are counted by.
    """

    terms: Terms
    line: Timeline
    by_platform: dict[Platform, dict[date, list[int]]]

    @property
    def days(self) -> list[date]:
        return [day.date for day in self.line.days]

    def on(self, day: date) -> list[Platform]:
        """Return the platforms that may be posted on a day, in the order of the brief."""
        return [platform for platform, days in self.by_platform.items() if day in days]


def openings_of(brief: CampaignBrief, config: MergedConfig, terms: Terms) -> Openings:
    """Return the moments of every platform with a share."""
    own = own_terms(brief, terms)
    platforms = [rules.platform for rules in config.platforms if rules.share.value > 0]
    each = {platform: own.get(platform, terms) for platform in platforms}
    days = {day for of_one in each.values() for day in of_one.schedule.allowed_days_of_week}
    schedule = terms.schedule.model_copy(update={"allowed_days_of_week": [day for day in DAYS if day in days]})
    together = replace(terms, schedule=schedule, windows=_together(each.values()))
    return Openings(
        terms=together,
        line=line_of(together),
        by_platform={platform: _by_day(of_one) for platform, of_one in each.items()},
    )


def own_terms(brief: CampaignBrief, terms: Terms) -> dict[Platform, Terms]:
    """Return the terms of the platforms that have days or windows of their own."""
    return {times.platform: _terms_of(times, terms) for times in brief.platform_times or []}


def _terms_of(own: PlatformTimes, terms: Terms) -> Terms:
    windows = tuple(sorted(own.windows, key=lambda window: window.start)) or terms.windows
    days = own.days or terms.schedule.allowed_days_of_week
    return replace(
        terms, windows=windows, schedule=terms.schedule.model_copy(update={"allowed_days_of_week": list(days)})
    )


def _by_day(terms: Terms) -> dict[date, list[int]]:
    line = timeline(terms.schedule, terms.windows, terms.not_before)
    return {day.date: line.marks[day.first : day.end] for day in line.days}


def _together(each: Iterable[Terms]) -> tuple[PostingWindow, ...]:
    """Return the windows of all platforms, those that meet as one."""
    spans = sorted({(window.start, window.end) for terms in each for window in terms.windows})
    merged: list[tuple[str, str]] = []
    for start, end in spans:
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return tuple(PostingWindow(start=start, end=end) for start, end in merged)


def latest_before(days: Sequence[date], day: date) -> date | None:
    """Return the last of some ascending days that is not after a day."""
    return next((each for each in reversed(days) if each <= day), None)
