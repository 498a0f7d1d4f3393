"""Says why key dates, or times per platform, cannot be kept, and the smallest changes with which they can.

Every change that is named was tried against all rules: with it, this fault is gone and no other one comes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from campaigns.errors import Fault
from campaigns.model.brief import CampaignBrief
from campaigns.model.terms.schedule import MAX_SPAN_DAYS, DateRange, Schedule
from campaigns.model.vocabulary import DAYS
from campaigns.rules.calendar.dates.dated import place_dated
from campaigns.rules.calendar.dates.key_dates import pins_of
from campaigns.rules.calendar.refusal import MIN_FIELD, impossible, shown_day, smallest, with_changes
from campaigns.rules.calendar.slots.demand import Terms
from campaigns.rules.calendar.slots.openings import Openings, openings_of
from campaigns.rules.merge.config import MergedConfig


def is_dated(brief: CampaignBrief) -> bool:
    """Whether a brief names days or times of its own, for which posts are placed otherwise."""
    return bool(brief.key_dates or brief.platform_times)


@dataclass(frozen=True, slots=True)
class _Case:
    """A brief with what its calendar is made from; changes make another one of it."""

    brief: CampaignBrief
    config: MergedConfig
    terms: Terms

    def but(self, **schedule: object) -> _Case:
        return replace(self, terms=replace(self.terms, schedule=self.terms.schedule.model_copy(update=schedule)))

    def on_terms(self, **terms: int) -> _Case:
        return replace(self, terms=replace(self.terms, **terms))  # type: ignore[arg-type]  # each is a number of posts


_Helps = Callable[[_Case], bool]
"""Whether a fault is gone in a changed case, and no other one came."""

_Problem = tuple[str, str]
"""Field and code of a fault, without its words."""


def dated_faults(brief: CampaignBrief, config: MergedConfig, terms: Terms) -> list[Fault]:
    """Return why no calendar keeps the brief, every reason; an empty list when one does."""
    case = _Case(brief, config, terms)
    # Without times per platform the changes of every calendar help here too.
    if not brief.platform_times and (faults := impossible(replace(terms, own=0))):
        return faults
    found = _problems(case)
    return [_told(case, problem, found) for problem in found]


def _problems(case: _Case) -> list[_Problem]:
    openings = openings_of(case.brief, case.config, case.terms)
    if without := impossible(replace(openings.terms, own=0)):
        return [(fault.field, fault.code) for fault in without]
    found = list(_key_date_problems(case, openings))
    if found:
        return found
    calendar = place_dated(case.brief, case.config, case.terms, "")
    weeks = zip(openings.line.weeks, calendar.counts, strict=True)
    if any(count < openings.terms.enforced(week) for week, count in weeks):
        found.append((MIN_FIELD, "CADENCE_UNREACHABLE"))
    if sum(post.pin is None for post in calendar.posts) < len(case.brief.items or []):
        found.append(("items", "ITEMS_TOO_MANY"))
    for index, each in enumerate(case.brief.key_dates or []):
        held = any(post.pin and post.pin.about is each and post.pin.kind == "on" for post in calendar.posts)
        if "on" in each.wants and not held:
            found.append((_field(index), "KEY_DATE_CADENCE"))
    return found


def _field(index: int) -> str:
    return f"keyDates[{index}].date"


def _key_date_problems(case: _Case, openings: Openings) -> Iterator[_Problem]:
    first, last = _ends(case.terms.schedule)
    kept = pins_of(case.brief.key_dates or [], openings).kept
    for index, each in enumerate(case.brief.key_dates or []):
        if "on" in each.wants:
            if not first <= each.date <= last:
                yield _field(index), "KEY_DATE_OUTSIDE"
            elif not openings.on(each.date):
                yield _field(index), "KEY_DATE_CLOSED"
            elif not any(pin.about is each and pin.kind == "on" for pin in kept):
                yield _field(index), "KEY_DATE_CADENCE"
        elif ("before" in each.wants and each.date <= first) or ("before" not in each.wants and each.date >= last):
            yield _field(index), "KEY_DATE_OUTSIDE"


def _ends(schedule: Schedule) -> tuple[date, date]:
    zone = schedule.zone
    last = (schedule.ends_at() - timedelta(microseconds=1)).astimezone(zone).date()
    return schedule.starts_at().astimezone(zone).date(), last


def _told(case: _Case, problem: _Problem, found: Sequence[_Problem]) -> Fault:
    field, code = problem
    terms = case.terms

    def helps(changed: _Case) -> bool:
        left = _problems(changed)
        return problem not in left and set(left) <= set(found)

    if code == "NO_POSTING_TIME":
        return Fault(field, "no day and time of any platform lies between startDate and endDate", "NO_POSTING_TIME")
    if field == MIN_FIELD:
        fewer = smallest(1, terms.least, lambda cut: helps(case.on_terms(least=terms.least - cut)))
        words = "days and times per platform leave some week fewer posts than its minimum"
        if code == "TOO_MANY_POSTS":
            words = f"asks for more than the {terms.in_all} posts that a campaign has at most"
        changes = [] if fewer is None else [f"lower minPostsPerWeek to {terms.least - fewer}"]
        return Fault(field, with_changes(words, changes), code)
    if code == "ITEMS_TOO_MANY":
        words = f"{len(case.brief.items or [])} items want a post each beside those of the key dates; there is no room"
        return Fault(field, with_changes(words, list(_more_posts(case, helps))), "ITEMS_TOO_MANY")
    if not field.startswith("keyDates"):
        raise AssertionError("what is impossible without key dates is told before")
    each = (case.brief.key_dates or [])[int(field[len("keyDates[") : field.index("]")])]
    if code == "KEY_DATE_OUTSIDE":
        first, last = _ends(terms.schedule)
        words = f"{each.label} on {shown_day(each.date)} is outside of the campaign, {first} to {last}"
        return Fault(field, with_changes(words, list(_other_ends(case, each.date, helps))), "KEY_DATE_OUTSIDE")
    if code == "KEY_DATE_CLOSED":
        words = f"{each.label} is on {shown_day(each.date)}, on which nothing is posted"
        return Fault(field, with_changes(words, list(_opened(case, each.date, helps))), "KEY_DATE_CLOSED")
    most = f"at most {terms.per_day} posts a day, {terms.most} a week"
    words = f"{each.label} on {shown_day(each.date)} finds no room: {most}"
    return Fault(field, with_changes(words, list(_more_posts(case, helps))), "KEY_DATE_CADENCE")


def _more_posts(case: _Case, helps: _Helps) -> Iterator[str]:
    most = smallest(case.terms.most + 1, 200, lambda number: helps(case.on_terms(most=number)))
    if most is not None:
        yield f"raise maxPostsPerWeek to {most}"
    per_day = smallest(case.terms.per_day + 1, 50, lambda number: helps(case.on_terms(per_day=number)))
    if per_day is not None:
        yield f"raise maxPostsPerDay to {per_day}"


def _other_ends(case: _Case, day: date, helps: _Helps) -> Iterator[str]:
    first, last = _ends(case.terms.schedule)
    before = case.terms.not_before
    if day > last and (day - first).days <= MAX_SPAN_DAYS:
        if helps(case.but(end_date=day)):
            yield f"end on {shown_day(day)}"
    elif day <= first and (last - day).days < MAX_SPAN_DAYS:
        earlier = day if day < first else day - timedelta(days=1)
        past = before is not None and earlier < before.astimezone(case.terms.schedule.zone).date()
        if not past and helps(case.but(start_date=earlier)):
            yield f"start on {shown_day(earlier)}"


def _opened(case: _Case, day: date, helps: _Helps) -> Iterator[str]:
    schedule = case.terms.schedule
    rest: list[date | DateRange] = [other for other in sorted(schedule.blackout_days()) if other != day]
    lifted, name = {"blackout_dates": rest}, DAYS[day.weekday()]
    allowed = {"allowed_days_of_week": [*schedule.allowed_days_of_week, name]}
    blacked, closed = day in schedule.blackout_days(), name not in schedule.allowed_days_of_week
    if blacked and helps(case.but(**lifted)):
        yield f"lift the blackout of {shown_day(day)}"
    elif closed and helps(case.but(**allowed)):
        yield f"allow {name.capitalize()}"
    elif blacked and closed and helps(case.but(**lifted, **allowed)):
        yield f"allow {name.capitalize()} and lift the blackout of {shown_day(day)}"
