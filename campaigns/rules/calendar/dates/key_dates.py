"""Which posts the key dates of a brief want, and on which days: reminders, the day itself, thanks."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from campaigns.model.brief import CampaignBrief
from campaigns.model.terms.key_dates import KeyDate, KeyPost
from campaigns.model.vocabulary import PLATFORM_NAMES, Intent, Objective, Platform
from campaigns.rules.calendar.giving import Place
from campaigns.rules.calendar.intents import Contexts, calls_to_action, intents_of
from campaigns.rules.calendar.slots.openings import Openings, latest_before
from campaigns.rules.calendar.slots.timeline import Week
from campaigns.rules.merge.config import MergedConfig
from campaigns.rules.text.key_dates import names_key_date

REMINDERS: Final = (1, 7, 14, 28, 42)
"""Days before a key date on which it is reminded of: as many as its weight."""
_A_WEEK: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Pin:
    """A post that a key date wants on a day; on a platform of its own where it names one."""

    day: date
    about: KeyDate
    kind: KeyPost
    platform: Platform | None = None


@dataclass(frozen=True, slots=True)
class Pins:
    """The posts that key dates get, and what of their wishes could not be kept."""

    kept: list[Pin]
    warnings: list[str]


def pins_of(key_dates: Sequence[KeyDate], openings: Openings) -> Pins:
    """Return the posts of all key dates that days and cadence have room for.

    The day itself comes first, on one platform of each key date before a second one of any; then the reminders, the
    nearest first; then thanks.
    """
    wanted = [*_on_the_day(key_dates, openings), *_reminders(key_dates, openings), *_thanks(key_dates, openings)]
    room = _Room(openings)
    kept = [pin for pin in wanted if room.take(pin)]
    return Pins(sorted(kept, key=lambda pin: pin.day), list(_warnings(key_dates, openings, wanted, kept)))


class _Room:
    """How many posts days and weeks still take."""

    def __init__(self, openings: Openings) -> None:
        self._per_day, self._per_week = openings.terms.per_day, openings.terms.most
        self._days: Counter[date] = Counter()
        self._weeks: Counter[date] = Counter()

    def take(self, pin: Pin) -> bool:
        week = pin.day - timedelta(days=pin.day.weekday())
        if self._days[pin.day] >= self._per_day or self._weeks[week] >= self._per_week:
            return False
        self._days[pin.day] += 1
        self._weeks[week] += 1
        return True


def _on_the_day(key_dates: Sequence[KeyDate], openings: Openings) -> list[Pin]:
    turns = [
        [Pin(each.date, each, "on", platform) for platform in openings.on(each.date)]
        for each in key_dates
        if "on" in each.wants
    ]
    most = max(map(len, turns), default=0)
    return [turn[place] for place in range(most) for turn in turns if place < len(turn)]


def _reminders(key_dates: Sequence[KeyDate], openings: Openings) -> list[Pin]:
    pins = []
    for place, before in enumerate(REMINDERS):
        for each in key_dates:
            if "before" not in each.wants or place >= each.weight:
                continue
            day = latest_before(openings.days, each.date - timedelta(days=before))
            # What would slip to the place of the next reminder is left to that one.
            earliest = REMINDERS[place + 1] if place + 1 < len(REMINDERS) else before + 7
            if day is not None and day > each.date - timedelta(days=earliest):
                pins.append(Pin(day, each, "before"))
    return pins


def _thanks(key_dates: Sequence[KeyDate], openings: Openings) -> list[Pin]:
    pins = []
    for each in key_dates:
        day = next((day for day in openings.days if day > each.date), None)
        if "after" in each.wants and day is not None:
            pins.append(Pin(day, each, "after"))
    return pins


def _warnings(
    key_dates: Sequence[KeyDate], openings: Openings, wanted: Sequence[Pin], kept: Sequence[Pin]
) -> Iterator[str]:
    for each in key_dates:
        got = Counter(pin.kind for pin in kept if pin.about is each)
        asked = Counter(pin.kind for pin in wanted if pin.about is each)
        if "on" in each.wants:
            places = {pin.platform for pin in kept if pin.about is each and pin.kind == "on"}
            for platform in openings.by_platform:
                if platform not in places and places:
                    why = (
                        "the cadence has no room" if platform in openings.on(each.date) else "it is not posted on then"
                    )
                    yield f"{each.label} ({each.date}) has no post on {PLATFORM_NAMES[platform]}: {why}"
        if "before" in each.wants and got["before"] < min(asked["before"], each.weight):
            numbers = f"{got['before']} reminders instead of {asked['before']}"
            yield f"{each.label} ({each.date}) has {numbers}: the cadence has no more room"
        elif "before" in each.wants and not asked["before"]:
            yield f"{each.label} ({each.date}) has no reminder: no day to post lies before it"
        if "after" in each.wants and not got["after"]:
            why = "the cadence has no room" if asked["after"] else "no day to post lies after it"
            yield f"{each.label} ({each.date}) has no post after it: {why}"


def ramped(aim: int, ceiling: int, week: Week, key_dates: Sequence[KeyDate]) -> int:
    """Return how many posts a week aims at: the nearer to a key date that is reminded of, the more, by its weight."""
    first, last = week.monday, week.monday + timedelta(days=6)
    weights = [
        each.weight for each in key_dates
        if "before" in each.wants and each.date - _A_WEEK <= last and first < each.date + timedelta(days=1)
    ]  # fmt: skip
    return aim + max(0, ceiling - aim) * max(weights, default=0) // 5


_INTENTS: Final[dict[KeyPost, Intent]] = {"before": "reminder", "on": "announce", "after": "social_proof"}
_AHEAD: Final = frozenset({"announce", "reminder"})
_OVER_WITH_THE_DAY: Final = frozenset({"event", "conversion"})
"""Objectives whose call to action is for the key date: after the last one there is nothing to go to."""


def intents_around(
    objective: Objective, contexts: Contexts, pins: Sequence[Pin | None], places: Sequence[Place], last: date
) -> list[Intent]:
    """Return the intent of each post: after the last key date nothing is announced, and nothing reminded of."""
    free = [index for index, pin in enumerate(pins) if pin is None]
    others = intents_of(objective, [contexts[index] for index in free], closing=False) if free else []
    dealt = dict(zip(free, others, strict=True))
    for index in free:
        if places[index].day > last and dealt[index] in _AHEAD:
            dealt[index] = "educate"
    return [_INTENTS[pin.kind] if pin else dealt[index] for index, pin in enumerate(pins)]


def calls_around(
    objective: Objective,
    config: MergedConfig,
    intents: Sequence[Intent],
    contexts: Contexts,
    pins: Sequence[Pin | None],
    places: Sequence[Place],
    key_dates: Sequence[KeyDate],
) -> list[bool]:
    """Return which posts carry the call to action: not those after a key date, nor after the last one of an event."""
    asked = calls_to_action(objective, config, intents, contexts)
    last = max(each.date for each in key_dates)
    over = [
        (pin is not None and pin.kind == "after") or (objective in _OVER_WITH_THE_DAY and place.day > last)
        for pin, place in zip(pins, places, strict=True)
    ]
    wanted = [
        config.cta is not None and objective in _OVER_WITH_THE_DAY and pin is not None and pin.kind != "after"
        for pin in pins
    ]
    kept = [(call or more) and not past for call, more, past in zip(asked, wanted, over, strict=True)]
    if objective != "conversion" or config.cta is None:
        return kept
    # Half the posts of a conversion carry it: those before the day make up for those after it.
    free = [index for index, call in enumerate(kept) if not call and not over[index]]
    more_of_them = min(len(free), max(0, -(-len(kept) // 2) - sum(kept)))
    chosen = {free[(2 * turn + 1) * len(free) // (2 * more_of_them)] for turn in range(more_of_them)}
    return [call or index in chosen for index, call in enumerate(kept)]


def last_day_of(inclusion: str, key_dates: Sequence[KeyDate]) -> date | None:
    """Return the day after which an inclusion is not said: the last key date that it names."""
    return max((each.date for each in key_dates if names_key_date(inclusion, each.label, each.date)), default=None)


def free_for_items(brief: CampaignBrief, pins: Sequence[Pin | None], places: Sequence[Place]) -> list[int]:
    """Return the posts that items may have: of an event only those up to its last day, when they are enough."""
    free = [index for index, pin in enumerate(pins) if pin is None]
    if brief.brief.objective != "event" or not brief.key_dates:
        return free
    last = max(each.date for each in brief.key_dates)
    early = [index for index in free if places[index].day <= last]
    return early if len(early) >= len(brief.items or []) else free
