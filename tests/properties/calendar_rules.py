"""The rules of domain.md section 14 once more, written from the text and not from the planner.

Slow and plain on purpose: it looks at every five-minute mark of the campaign in UTC, and decides
whether a calendar exists at all by trying every choice.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from functools import cache
from itertools import pairwise
from typing import Any

from campaigns.model.brief import CampaignBrief
from campaigns.model.post import Slot
from campaigns.rules.calendar.building import Calendar
from campaigns.rules.merge.merging import MergedConfig

FOUR_HOURS = timedelta(hours=4)
NAMES = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


def _inside(brief: CampaignBrief, config: MergedConfig, moment: datetime) -> bool:
    """Days, blackout and windows, at the wall clock of the audience; the second occurrence of a wall time is none."""
    local = moment.astimezone(brief.schedule.zone)
    if local.fold or local.minute % 5 or NAMES[local.weekday()] not in brief.schedule.allowed_days_of_week:
        return False
    for entry in brief.schedule.blackout_dates:
        first, last = (entry, entry) if isinstance(entry, date) else (entry.from_, entry.to)
        if first <= local.date() <= last:
            return False
    wall = f"{local.hour:02}:{local.minute:02}"
    return any(window.start <= wall < window.end for window in config.posting_windows.value)


def _bounds(brief: CampaignBrief) -> tuple[datetime, datetime]:
    zone = brief.schedule.zone
    start, end = brief.schedule.start_date, brief.schedule.end_date

    def first_of(day: date) -> datetime:
        """The first moment of a local date, found by looking minute by minute."""
        moment = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=15)
        while moment.astimezone(zone).date() < day:
            moment += timedelta(minutes=5)
        return moment

    opens = start if isinstance(start, datetime) else first_of(start)
    closes = end if isinstance(end, datetime) else first_of(end + timedelta(days=1))
    return opens, closes


class Facts:
    """Marks, eligible days and weekly bounds of a brief."""

    def __init__(self, brief: CampaignBrief, config: MergedConfig, not_before: datetime | None = None) -> None:
        zone = brief.schedule.zone
        opens, closes = _bounds(brief)
        after = opens if not_before is None else max(opens, not_before)
        moment = (opens - timedelta(days=2)).replace(minute=0, second=0, microsecond=0)
        everywhere: Counter[date] = Counter()
        self.marks: list[datetime] = []
        while moment < closes + timedelta(days=2):
            if _inside(brief, config, moment):
                everywhere[moment.astimezone(zone).date()] += 1
                if after <= moment < closes:
                    self.marks.append(moment)
            moment += timedelta(minutes=5)
        self.day_of = {mark: mark.astimezone(zone).date() for mark in self.marks}
        per_day = Counter(self.day_of.values())
        self.days_of_week: dict[tuple[int, int], list[date]] = defaultdict(list)
        for day in sorted(per_day):
            self.days_of_week[day.isocalendar()[:2]].append(day)
        self.clipped = {
            week: any(per_day[day] < everywhere[day] for day in days) for week, days in self.days_of_week.items()
        }
        self.per_day = config.cadence.max_posts_per_day.value
        self.least = config.cadence.min_posts_per_week.value
        self.most = config.cadence.max_posts_per_week.value
        self.allowed = len(brief.schedule.allowed_days_of_week)
        self.people = [rules.persona_id for rules in config.personas if rules.share.value > 0]
        self.places = [rules.platform for rules in config.platforms if rules.share.value > 0]

    def low(self, week: tuple[int, int]) -> int:
        return math.floor(Fraction(self.least * len(self.days_of_week[week]), self.allowed))

    def high(self, week: tuple[int, int]) -> int:
        return min(self.most, len(self.days_of_week[week]) * self.per_day)

    def target(self, week: tuple[int, int]) -> int:
        share = Fraction(len(self.days_of_week[week]), self.allowed)
        rounded = math.floor(Fraction(self.least + self.most, 2) * share + Fraction(1, 2))
        return max(self.low(week), min(rounded, self.high(week)))


def exists(facts: Facts) -> bool:
    """Whether any calendar obeys the rules of time, by trying every choice at every mark."""
    if not facts.marks:
        return False
    weeks = list(facts.days_of_week)
    if sum(facts.low(week) for week in weeks if not facts.clipped[week]) > 200:
        return False
    voices = len(facts.people) * len(facts.places)
    marks, count = facts.marks, len(facts.marks)
    week_of = [facts.day_of[mark].isocalendar()[:2] for mark in marks]

    @cache
    def possible(index: int, in_week: int, in_day: int, busy: tuple[datetime, ...], any_post: bool) -> bool:
        """`busy` holds when each voice posted within the last four hours."""
        last_week = week_of[max(0, index - 1)]
        if index == count:
            return any_post and (facts.clipped[last_week] or in_week >= facts.low(last_week))
        if week_of[index] != last_week:
            if not facts.clipped[last_week] and in_week < facts.low(last_week):
                return False
            in_week = 0
        if index and facts.day_of[marks[index]] != facts.day_of[marks[index - 1]]:
            in_day = 0
        busy = tuple(moment for moment in busy if marks[index] - moment < FOUR_HOURS)
        if possible(index + 1, in_week, in_day, busy, any_post):
            return True
        if in_day >= facts.per_day or in_week >= facts.high(week_of[index]) or len(busy) >= voices:
            return False
        return possible(index + 1, in_week + 1, in_day + 1, (*busy, marks[index]), True)

    return possible(0, 0, 0, (), False)


def largest_remainder(total: int, weights: list[float]) -> list[int]:
    exact = [Fraction(str(weight)) for weight in weights]
    quotas = [total * weight / sum(exact) for weight in exact]
    whole = [math.floor(quota) for quota in quotas]
    order = sorted(range(len(weights)), key=lambda index: (whole[index] - quotas[index], index))
    return [count + (index in order[: total - sum(whole)]) for index, count in enumerate(whole)]


def violations(
    brief: CampaignBrief, config: MergedConfig, calendar: Calendar, not_before: datetime | None = None
) -> list[str]:
    """Return every rule that the calendar breaks, in words."""
    facts = Facts(brief, config, not_before)
    slots = calendar.slots
    return [
        *_time_violations(facts, slots),
        *_week_violations(facts, calendar),
        *_share_violations(facts, config, calendar),
        *_purpose_violations(brief, config, slots),
    ]


def _time_violations(facts: Facts, slots: list[Slot]) -> list[str]:
    found: list[str] = []
    times = [slot.scheduled_at for slot in slots]
    if not 1 <= len(slots) <= 200:
        found.append(f"{len(slots)} posts")
    if [slot.number for slot in slots] != list(range(1, len(slots) + 1)):
        found.append("numbers")
    if any(later <= earlier for earlier, later in pairwise(times)):
        found.append("order, or two posts at one instant")
    found += [f"{time} is no mark" for time in times if time not in facts.day_of]
    per_day = Counter(facts.day_of.get(time) for time in times)
    found += [f"{count} posts on {day}" for day, count in per_day.items() if count > facts.per_day]
    last: dict[Any, datetime] = {}
    for slot in slots:
        voice = (slot.persona_id, slot.platform)
        if voice in last and slot.scheduled_at - last[voice] < FOUR_HOURS:
            found.append(f"post {slot.number} follows within four hours")
        last[voice] = slot.scheduled_at
    return found


def _week_violations(facts: Facts, calendar: Calendar) -> list[str]:
    found: list[str] = []
    counts = Counter(slot.scheduled_at and facts.day_of.get(slot.scheduled_at) for slot in calendar.slots)
    targets = {week: facts.target(week) for week in facts.days_of_week}
    for week, days in facts.days_of_week.items():
        count = sum(counts[day] for day in days)
        if count > facts.high(week):
            found.append(f"{count} posts in week {week}, at most {facts.high(week)}")
        if count < facts.low(week) and not facts.clipped[week]:
            found.append(f"{count} posts in week {week}, at least {facts.low(week)}")
        if not calendar.warnings and any(targets.values()) and count != targets[week]:
            found.append(f"{count} posts in week {week} without a warning, aimed at {targets[week]}")
    return found


def _roomy(facts: Facts, config: MergedConfig) -> bool:
    """Whether any two posts of a day can keep four hours, and days keep apart by themselves: then any order fits."""
    spans: dict[date, list[datetime]] = defaultdict(list)
    for mark, day in facts.day_of.items():
        spans[day].append(mark)
    by_day = all(max(marks) - min(marks) >= FOUR_HOURS for marks in spans.values())
    by_night = all(window.start >= "04:00" and window.end <= "20:00" for window in config.posting_windows.value)
    return by_night and (facts.per_day == 1 or (facts.per_day == 2 and by_day))


def _share_violations(facts: Facts, config: MergedConfig, calendar: Calendar) -> list[str]:
    found: list[str] = []
    slots = calendar.slots
    total = len(slots)
    bent = any("keep four hours" in warning for warning in calendar.warnings)
    if bent and _roomy(facts, config):
        found.append("shares are bent although any order fits")
    groups: list[tuple[str, dict[str, float]]] = [
        ("platform", {rules.platform: rules.share.value for rules in config.platforms}),
        ("persona_id", {rules.persona_id: rules.share.value for rules in config.personas}),
    ]
    got: list[Counter[str]] = []
    for attribute, shares in groups:
        counts = Counter(str(getattr(slot, attribute)) for slot in slots)
        got.append(counts)
        live = [key for key, share in shares.items() if share > 0]
        if any(counts[key] for key in shares if key not in live):
            found.append(f"{attribute} without a share has posts")
        if bent:
            continue
        if total >= len(live) and any(counts[key] == 0 for key in live):
            found.append(f"{attribute} left out of {total}")
        if total < len(live) and len(counts) != total:
            found.append(f"{attribute}: {len(counts)} of {len(live)} used by {total} posts")
        asked = dict(zip(shares, largest_remainder(total, list(shares.values())), strict=True))
        if all(asked[key] for key in live) and any(counts[key] != asked[key] for key in live):
            found.append(f"{attribute} {dict(counts)} instead of {asked}")
    named = [rules.name for rules in config.personas if got[1][rules.persona_id] == 0]
    found += [f"{name} is left out in silence" for name in named if not any(name in w for w in calendar.warnings)]
    if not bent:
        joint = Counter((slot.persona_id, str(slot.platform)) for slot in slots)
        for persona, by_persona in got[1].items():
            for platform, by_platform in got[0].items():
                even = Fraction(by_persona * by_platform, total)
                if abs(joint[persona, platform] - even) >= 1:
                    found.append(f"{persona} on {platform}: {joint[persona, platform]} instead of {float(even):.2f}")
    pillars = config.pillars.value
    themes = Counter(slot.pillar for slot in slots)
    expected = largest_remainder(total, [pillar.weight for pillar in pillars])
    if [themes[pillar.name] for pillar in pillars] != expected:
        found.append(f"pillars {dict(themes)} instead of {expected}")
    return found


def _purpose_violations(brief: CampaignBrief, config: MergedConfig, slots: list[Slot]) -> list[str]:
    found: list[str] = []
    intents = [slot.intent for slot in slots]
    total = len(slots)
    objective = brief.brief.objective
    if objective == "event" and "announce" not in intents:
        found.append("an event without an announcement")
    if objective == "event" and total >= 3 and "reminder" not in intents[math.ceil(total * 2 / 3) :]:
        found.append("an event without a reminder in its last third")
    if objective == "launch" and intents[0] != "announce":
        found.append("a launch that does not open with an announcement")
    asks = sum(slot.needs_cta for slot in slots)
    if objective == "conversion" and config.cta is not None and 2 * asks < total:
        found.append(f"{asks} of {total} posts ask")
    if config.cta is None and asks:
        found.append("asks for a waived call to action")
    given = {inclusion for slot in slots for inclusion in slot.required_inclusions}
    if given != set(brief.messaging.required_inclusions):
        found.append("required inclusions")
    found += [
        f"post {slot.number} on Instagram without a visual"
        for slot in slots
        if slot.platform == "instagram" and slot.visual not in {"image", "video"}
    ]
    return found
