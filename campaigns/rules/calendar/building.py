"""The calendar of a campaign: when who posts where, about what, to which end (domain.md section 14).

Code alone makes it, before any model is asked; a model only fills in topics. The same brief,
configuration and seed give the same calendar.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from campaigns.errors import ImpossibleBriefError
from campaigns.model.base import Wire
from campaigns.model.brief import CampaignBrief
from campaigns.model.campaign import PlanSummary
from campaigns.model.post import Slot
from campaigns.model.terms.given import CampaignItem
from campaigns.rules.calendar.dates.dated import Dated, place_dated
from campaigns.rules.calendar.dates.dated_refusal import dated_faults, is_dated
from campaigns.rules.calendar.dates.key_dates import calls_around, free_for_items, intents_around, last_day_of
from campaigns.rules.calendar.giving import Place, givens_of, items_of, scope_warnings, scoped_inclusions
from campaigns.rules.calendar.intents import assign_inclusions, calls_to_action, intents_of
from campaigns.rules.calendar.refusal import impossible
from campaigns.rules.calendar.slots.demand import Terms, day_capacity, in_turn, line_of, week_counts, week_ranges
from campaigns.rules.calendar.slots.placing import Grid, Range, place
from campaigns.rules.calendar.slots.shares import deal, largest_remainder
from campaigns.rules.calendar.slots.timeline import LocalDay, Timeline, instant_of
from campaigns.rules.calendar.slots.voices import Voice, rested_voices, same_before, voices_by_share
from campaigns.rules.calendar.warnings import count_warnings, lead_warnings, share_warnings
from campaigns.rules.merge.config import MergedConfig, Visual


class Calendar(Wire):
    """Slots in order of time, numbered from 1, and what a person should know about them."""

    slots: list[Slot]
    warnings: list[str] = []

    def summary(self) -> PlanSummary:
        """Return the counts by platform, persona id and pillar."""
        platforms: dict[str, int] = {}
        personas: dict[str, int] = {}
        pillars: dict[str, int] = {}
        for slot in self.slots:
            platforms[slot.platform] = platforms.get(slot.platform, 0) + 1
            personas[slot.persona_id] = personas.get(slot.persona_id, 0) + 1
            if slot.pillar is not None:
                pillars[slot.pillar] = pillars.get(slot.pillar, 0) + 1
        return PlanSummary(
            total_posts=len(self.slots),
            posts_per_platform=platforms,
            posts_per_persona=personas,
            posts_per_pillar=pillars,
            warnings=self.warnings,
        )


def plan_calendar(
    brief: CampaignBrief, config: MergedConfig, *, seed: str, not_before: datetime | None = None
) -> Calendar:
    """Return the calendar of a brief.

    Args:
        config: merged from this brief, its brand and all its personas.
        seed: what the minutes are jittered by, such as the campaign id.
        not_before: the moment of planning, when the start may have passed meanwhile: no slot is before
            it, and posts that go out before the approvers' time is over are warned of.

    Raises:
        ImpossibleBriefError: no calendar exists; the faults say why and which changes would help.
        ValueError: the configuration was merged without one of the brief's personas.
    """
    if missing := set(brief.participants.persona_ids) - {rules.persona_id for rules in config.personas}:
        raise ValueError(f"the configuration was merged without {', '.join(sorted(missing))}")
    terms = Terms.of(brief, config, not_before)
    if faults := dated_faults(brief, config, terms) if is_dated(brief) else impossible(terms):
        raise ImpossibleBriefError(faults)
    plan = _dated(brief, config, terms, seed) if is_dated(brief) else _even(config, terms, seed)
    posts, key_dates, zone = plan.posts, brief.key_dates or [], brief.schedule.zone
    contexts = [(("persona", post.voice.persona_id), ("platform", post.voice.platform)) for post in posts]
    pillars = config.pillars.value
    themes = deal(largest_remainder(len(posts), [pillar.weight for pillar in pillars]), contexts)
    places = [Place(post.voice.platform, instant_of(post.moment).astimezone(zone).date()) for post in posts]
    pins = [post.pin for post in posts]
    if key_dates:
        last_day = max(each.date for each in key_dates)
        intents = intents_around(brief.brief.objective, contexts, pins, places, last_day)
        asked = calls_around(brief.brief.objective, config, intents, contexts, pins, places, key_dates)
    else:
        intents = intents_of(brief.brief.objective, contexts)
        asked = calls_to_action(brief.brief.objective, config, intents, contexts)
    inclusions = assign_inclusions(
        config.required_inclusions,
        [place.platform for place in places],
        [[place.day > last for place in places] if last else None
         for last in (last_day_of(each, key_dates) for each in config.required_inclusions)],
    )  # fmt: skip
    scoped = brief.messaging.inclusions or []
    inclusions = scoped_inclusions(scoped, places, inclusions)
    items = items_of(brief.items or [], free_for_items(brief, pins, places))
    given = givens_of(brief, config, places, items, [pin.about.label if pin else None for pin in pins])
    slots = [
        Slot(
            number=index + 1,
            persona_id=post.voice.persona_id,
            platform=post.voice.platform,
            scheduled_at=instant_of(post.moment),
            pillar=pillars[themes[index]].name,
            intent=intents[index],
            required_inclusions=inclusions[index],
            needs_cta=asked[index],
            visual=_visual(config.platform_rules(post.voice.platform).visual.value, items.get(index)),
            given=given[index],
        )
        for index, post in enumerate(posts)
    ]
    warnings = [*plan.warnings, *scope_warnings(scoped, places), *lead_warnings(brief, slots, not_before)]
    return Calendar(slots=slots, warnings=warnings)


@dataclass(frozen=True, slots=True)
class _Plan:
    """Who posts where and when, and what a person should know of it."""

    posts: list[Dated]
    warnings: list[str]


def _even(config: MergedConfig, terms: Terms, seed: str) -> _Plan:
    """Return posts spread evenly over the campaign."""
    line = line_of(terms)
    counts, voices, marks = _placed(terms, line, config, week_counts(terms, line), seed)
    posts = [Dated(voice, line.marks[mark]) for voice, mark in zip(voices, marks, strict=True)]
    return _Plan(posts, [*count_warnings(terms, line, counts), *share_warnings(config, voices)])


def _dated(brief: CampaignBrief, config: MergedConfig, terms: Terms, seed: str) -> _Plan:
    """Return posts around the key dates, at the times of each platform."""
    found = place_dated(brief, config, terms, seed)
    voices = [post.voice for post in found.posts]
    shares = share_warnings(config, voices, why="key dates and the times of its platforms come first")
    return _Plan(
        found.posts,
        [*found.warnings, *count_warnings(found.openings.terms, found.openings.line, found.counts), *shares],
    )


def _visual(visual: Visual, item: CampaignItem | None) -> Visual:
    """Return the visual of a post: what an item shows has to be there."""
    shown = item is not None and (item.asset_id is not None or item.alt_text is not None)
    return "image" if shown and visual in {"none", "optional_image"} else visual


def _placed(
    terms: Terms, line: Timeline, config: MergedConfig, wanted: Sequence[int], seed: str
) -> tuple[list[int], list[Voice], list[int]]:
    """Return the posts per week, and for each post its voice and its mark.

    The shares come first: when they leave a voice too many posts to keep its distance, the weeks
    give up what they have above their minimum. Only when that is not enough the times come first,
    which fits whenever anything does, and the shares are kept as far as the distance allows.
    """
    grid = Grid.of(line, terms.per_day)
    floors = [min(count, terms.enforced(week)) for week, count in zip(line.weeks, wanted, strict=True)]
    most = max(count - floor for count, floor in zip(wanted, floors, strict=True))
    for less in _steps(most):
        counts = [max(floor, count - less) for count, floor in zip(wanted, floors, strict=True)]
        if not any(counts) or sum(counts) < terms.own:
            break
        days = _spread(terms, line, grid, counts)
        voices = voices_by_share(config, days)
        marks = _marks(grid, week_ranges(line, counts), days, same_before(voices), seed)
        if marks is not None:
            return counts, voices, marks
    days = _spread(terms, line, grid, wanted)
    marks = _marks(grid, week_ranges(line, wanted), days, in_turn(len(days), terms.voices), seed)
    if marks is None:
        raise AssertionError("counts that fit have a placement")
    return list(wanted), rested_voices(config, [line.marks[mark] for mark in marks]), marks


def _steps(most: int) -> Iterator[int]:
    """0, 1, 2, 4, 8 … and at last `most`."""
    yield 0
    step = 1
    while step < most:
        yield step
        step *= 2
    if most:
        yield most


def _spread(terms: Terms, line: Timeline, grid: Grid, counts: Sequence[int]) -> list[LocalDay]:
    """Return the day of each post: days of a week filled evenly, as far as each has room."""
    chosen: list[LocalDay] = []
    for week, count in zip(line.weeks, counts, strict=True):
        room = [day_capacity(terms, grid, day) for day in week.days]
        filled = [0] * len(room)
        left = count
        while left:
            open_days = [index for index, capacity in enumerate(room) if filled[index] < capacity]
            if not open_days:
                raise AssertionError("a week takes what was counted for it")
            taken = min(left, len(open_days))
            for step in range(taken):
                filled[open_days[(2 * step + 1) * len(open_days) // (2 * taken)]] += 1
            left -= taken
        chosen += [day for day, number in zip(week.days, filled, strict=True) for _ in range(number)]
    return chosen


def _marks(
    grid: Grid, weeks: Sequence[Range], days: Sequence[LocalDay], same_before: Sequence[int | None], seed: str
) -> list[int] | None:
    """Return the mark of each post on its day; where the days are too tight, anywhere in its week."""
    wanted = _wanted(days, seed)
    on_days: list[Range] = [(day.first, day.end) for day in days]
    return place(grid, on_days, same_before, wanted) or place(grid, weeks, same_before, wanted)


def _wanted(days: Sequence[LocalDay], seed: str) -> list[int]:
    """Return the mark each post would like: its part of the day, jittered by a hash, not by chance."""
    on_day: dict[int, int] = {}
    for day in days:
        on_day[day.first] = on_day.get(day.first, 0) + 1
    nth: dict[int, int] = {}
    wanted: list[int] = []
    for index, day in enumerate(days):
        count, position = on_day[day.first], nth.get(day.first, 0)
        nth[day.first] = position + 1
        digest = hashlib.sha256(f"{seed}|{index + 1}".encode()).digest()
        jitter = int.from_bytes(digest[:4], "big") / 2**32
        # The middle half of its part, so that neighbours keep at least half a part between them.
        within = jitter if count == 1 else 0.25 + jitter / 2
        wanted.append(day.first + int((position + within) * (day.end - day.first) / count))
    return wanted
