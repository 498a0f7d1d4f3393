"""Says why a brief has no calendar, in numbers, and the smallest changes with which it has one (domain.md 14, rule 4).

Every change that is named was tried: with it alone, a calendar exists.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import combinations

from campaigns.errors import Fault
from campaigns.model.terms.schedule import MAX_SPAN_DAYS, DateRange, PostingWindow
from campaigns.model.vocabulary import DAYS, Day
from campaigns.rules.calendar.slots.demand import Shortfall, Terms, line_of, shortfalls, week_counts
from campaigns.rules.calendar.slots.timeline import Timeline

MIN_FIELD = "cadenceOverrides.minPostsPerWeek"


def impossible(terms: Terms) -> list[Fault]:
    """Return why no calendar exists, every reason; an empty list when one does."""
    line = line_of(terms)
    if not line.weeks:
        return [Fault("schedule", _no_time(terms), "NO_POSTING_TIME")]
    faults: list[Fault] = []
    if short := shortfalls(terms, line):
        faults.append(Fault(MIN_FIELD, _too_few(terms, short), "CADENCE_UNREACHABLE"))
    if (total := _least_total(terms, line)) > terms.in_all:
        words = f"asks for at least {total} posts in {len(line.weeks)} weeks; a campaign has at most {terms.in_all}"
        changes = [*_lower_min(terms), *_shorten(terms)]
        faults.append(Fault(MIN_FIELD, with_changes(words, changes), "TOO_MANY_POSTS"))
    if not faults and terms.own and (posts := _posts(terms)) < terms.own:
        words = f"{terms.own} posts of their own are wanted, one for each item; the calendar has room for {posts}"
        changes = [*_raise_max(terms), *_more_a_day(terms), *_end_later(terms)]
        faults.append(Fault("items", with_changes(words, changes), "ITEMS_TOO_MANY"))
    return faults


def _posts(terms: Terms) -> int:
    return sum(week_counts(terms, line_of(terms)))


def _least_total(terms: Terms, line: Timeline) -> int:
    return sum(terms.enforced(week) for week in line.weeks)


def _possible(terms: Terms) -> bool:
    line = line_of(terms)
    fits = bool(line.weeks) and _least_total(terms, line) <= terms.in_all and not shortfalls(terms, line)
    return fits and (not terms.own or sum(week_counts(terms, line)) >= terms.own)


def smallest(low: int, high: int, enough: Callable[[int], bool]) -> int | None:
    """Return the smallest number in [low, high] that is enough, when every larger one is too."""
    if low > high or not enough(high):
        return None
    while low < high:
        middle = (low + high) // 2
        if enough(middle):
            high = middle
        else:
            low = middle + 1
    return low


def with_changes(words: str, changes: list[str]) -> str:
    """Return why something is impossible, with the changes that help."""
    return f"{words}. To make it possible: {', or '.join(changes)}" if changes else words


def _no_time(terms: Terms) -> str:
    schedule = terms.schedule
    days = ", ".join(schedule.allowed_days_of_week)
    windows = ", ".join(f"{window.start}-{window.end}" for window in terms.windows)
    words = (
        f"no moment is left to post: from {_day_of(terms, schedule.starts_at())} to "
        f"{_day_of(terms, schedule.ends_at() - timedelta(seconds=1))}, only {days} between {windows}"
    )
    if blacked_out := len(schedule.blackout_days()):
        words += f", without {blacked_out} blackout day{'s' if blacked_out > 1 else ''}"
    if terms.not_before is not None and terms.not_before > schedule.starts_at():
        words += f", and not before {terms.not_before.astimezone(schedule.zone):%Y-%m-%d %H:%M}"
    return with_changes(words, [*_allow_days(terms), *_lift_blackout(terms), *_end_later(terms), *_widen(terms)])


def _day_of(terms: Terms, moment: datetime) -> str:
    return shown_day(moment.astimezone(terms.schedule.zone).date())


def shown_day(day: date) -> str:
    """Return a day in words, such as Fri 2027-06-04."""
    return f"{DAYS[day.weekday()].capitalize()} {day.isoformat()}"


def _too_few(terms: Terms, short: list[Shortfall]) -> str:
    first = short[0]
    days = len(first.week.days)
    words = f"the week of {shown_day(first.week.monday)} needs {first.needs} posts, only "
    if first.fits == days * terms.per_day:
        words += f"{days} day{'s' if days > 1 else ''} × {terms.per_day} fit"
    else:
        words += (
            f"{first.fits} fit: {days} day{'s' if days > 1 else ''}, at most {terms.per_day} a day, within "
            + ", ".join(f"{window.start}-{window.end}" for window in terms.windows)
            + ", 4 hours between posts of one persona on one platform"
        )
    if len(short) > 1:
        words += f" ({len(short)} weeks are short)"
    changes = [*_allow_days(terms), *_lower_min(terms), *_more_a_day(terms), *_widen(terms), *_more_voices(terms)]
    return with_changes(words, changes)


def _allow_days(terms: Terms) -> Iterator[str]:
    closed = [day for day in DAYS if day not in terms.schedule.allowed_days_of_week]
    for size in (1, 2):
        helping = [
            " and ".join(day.capitalize() for day in days)
            for days in combinations(closed, size)
            if _possible(_with_days(terms, days))
        ]
        if helping:
            yield f"allow {' or '.join(helping[:3])}"
            return


def _with_days(terms: Terms, days: tuple[Day, ...]) -> Terms:
    allowed = [*terms.schedule.allowed_days_of_week, *days]
    return replace(terms, schedule=terms.schedule.model_copy(update={"allowed_days_of_week": allowed}))


def _lower_min(terms: Terms) -> Iterator[str]:
    less = smallest(1, terms.least, lambda cut: _possible(replace(terms, least=terms.least - cut)))
    if less is not None:
        yield f"lower minPostsPerWeek to {terms.least - less}"


def _raise_max(terms: Terms) -> Iterator[str]:
    most = smallest(terms.most + 1, 200, lambda number: _possible(replace(terms, most=number)))
    if most is not None:
        yield f"raise maxPostsPerWeek to {most}"


def _more_a_day(terms: Terms) -> Iterator[str]:
    per_day = smallest(terms.per_day + 1, 50, lambda number: _possible(replace(terms, per_day=number)))
    if per_day is not None:
        yield f"raise maxPostsPerDay to {per_day}"


def _widen(terms: Terms) -> Iterator[str]:
    """Keep the windows and let the last one end later, hour by hour, or else the first one start earlier."""
    first, last = terms.windows[0], terms.windows[-1]
    for hour in range(int(last.end[:2]) + 1, 25):
        later = PostingWindow(start=last.start, end=f"{hour:02}:00")
        if _possible(replace(terms, windows=(*terms.windows[:-1], later))):
            yield f"end the last posting window at {later.end}"
            return
    for hour in range(int(first.start[:2]), -1, -1):
        earlier = PostingWindow(start=f"{hour:02}:00", end=first.end)
        if earlier != first and _possible(replace(terms, windows=(earlier, *terms.windows[1:]))):
            yield f"start the first posting window at {earlier.start}"
            return


def _more_voices(terms: Terms) -> Iterator[str]:
    if _possible(replace(terms, voices=2 * terms.voices)):
        yield "add a persona or a platform"


def _lift_blackout(terms: Terms) -> Iterator[str]:
    for day in sorted(terms.schedule.blackout_days()):
        rest: list[date | DateRange] = [other for other in terms.schedule.blackout_days() if other != day]
        schedule = terms.schedule.model_copy(update={"blackout_dates": rest})
        if _possible(replace(terms, schedule=schedule)):
            yield f"lift the blackout of {shown_day(day)}"
            return


def _end_later(terms: Terms) -> Iterator[str]:
    schedule = terms.schedule
    for days in range(1, 32):
        end = schedule.end_date + timedelta(days=days)
        later = schedule.model_copy(update={"end_date": end})
        if (later.ends_at() - schedule.starts_at()).days > MAX_SPAN_DAYS:
            return
        if _possible(replace(terms, schedule=later)):
            yield f"end on {_day_of(terms, later.ends_at() - timedelta(seconds=1))}"
            return


def _shorten(terms: Terms) -> Iterator[str]:
    schedule = terms.schedule

    def few(days: int) -> bool:
        earlier = schedule.model_copy(update={"end_date": schedule.end_date - timedelta(days=days)})
        ended = earlier.ends_at() <= schedule.starts_at()
        return ended or _least_total(terms, line_of(replace(terms, schedule=earlier))) <= terms.in_all

    # A year has many ends to try: those that still ask for too many posts are passed over by halves, but for a week.
    least = (smallest(1, MAX_SPAN_DAYS, few) or 1) - 7
    for days in range(max(1, least), MAX_SPAN_DAYS + 1):
        earlier = schedule.model_copy(update={"end_date": schedule.end_date - timedelta(days=days)})
        if earlier.ends_at() <= schedule.starts_at():
            return
        if _possible(replace(terms, schedule=earlier)):
            yield f"end on {_day_of(terms, earlier.ends_at() - timedelta(seconds=1))}"
            return
