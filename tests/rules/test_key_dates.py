"""Key dates and times per platform: kept on their days, within every rule of a calendar, or refused with what helps."""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from random import Random
from typing import Any

import pytest

from campaigns.model.brief import CampaignBrief
from campaigns.model.post import Slot
from campaigns.rules.calendar.building import Calendar, plan_calendar
from campaigns.rules.merge.merging import merge
from campaigns.rules.submission import submission_faults
from tests.model.wires import changed
from tests.rules.situations import NOW, planned, sample, spring, the_brand, the_personas
from tests.rules.test_same_plans import PEOPLE, made
from tests.rules.test_same_plans import people as made_people

DAY = "2027-03-25"
FAIR = {"label": "Fair", "date": DAY, "wants": ["before", "on", "after"], "weight": 2}
ROOM = ("cadenceOverrides", {"minPostsPerWeek": 3, "maxPostsPerWeek": 8, "maxPostsPerDay": 3})


def local(slot: Slot) -> date:
    return slot.scheduled_at.astimezone(spring().schedule.zone).date()


def about(calendar: Calendar, label: str = "Fair") -> list[tuple[str, str, str]]:
    return [
        (local(slot).isoformat(), slot.given.near.when if slot.given.near else "", slot.intent)
        for slot in calendar.slots
        if slot.given and slot.given.about == label
    ]


def faults(*changes: tuple[str, Any]) -> list[tuple[str, str, str]]:
    people = {persona.id: persona for persona in the_personas()}
    found = submission_faults(spring(*changes), brand=the_brand(), personas=people, now=NOW)
    return [(fault.field, fault.code, fault.message) for fault in found]


# --- what a key date gets -------------------------------------------------------------------------------


def test_a_key_date_has_reminders_a_post_on_each_platform_and_thanks() -> None:
    calendar = planned(spring(("keyDates", [FAIR]), ROOM))

    assert about(calendar) == [
        ("2027-03-18", "ahead", "reminder"),
        ("2027-03-24", "ahead", "reminder"),
        (DAY, "today", "announce"),
        (DAY, "today", "announce"),
        (DAY, "today", "announce"),
        # The day after is blacked out, then comes a weekend.
        ("2027-03-29", "over", "social_proof"),
    ]
    on_the_day = [slot for slot in calendar.slots if local(slot).isoformat() == DAY]
    assert {slot.platform for slot in on_the_day} == {"twitter", "linkedin", "instagram"}
    assert on_the_day[0].scheduled_at.astimezone(spring().schedule.zone).hour < 12


def test_nothing_is_reminded_of_or_said_after_the_day_and_every_post_knows_how_it_stands() -> None:
    calendar = planned(spring(("keyDates", [FAIR]), ROOM, ("messaging.requiredInclusions", ["25 March", "the Fair"])))

    for slot in calendar.slots:
        assert slot.given is not None
        (near,) = slot.given.key_dates
        when = "ahead" if local(slot) < near.date else "today" if local(slot) == near.date else "over"
        assert near.when == when
        if when == "over":
            assert slot.intent not in {"announce", "reminder"}
            assert slot.required_inclusions == []
    assert sorted(text for slot in calendar.slots for text in slot.required_inclusions) == ["25 March", "the Fair"]


def test_a_heavier_date_has_more_reminders_and_more_posts_in_its_week() -> None:
    light, heavy = (planned(spring(("keyDates", [{**FAIR, "weight": weight}]), ROOM)) for weight in (1, 3))

    assert [sum(when == "ahead" for _, when, _ in about(each)) for each in (light, heavy)] == [1, 2]  # two weeks before
    assert len(heavy.slots) > len(light.slots)


def test_two_days_in_a_row_are_two_key_dates() -> None:
    second = {"label": "Second day", "date": "2027-03-24", "wants": ["on"]}
    calendar = planned(
        spring(("keyDates", [FAIR, second]), ("cadenceOverrides", {"maxPostsPerWeek": 14, "maxPostsPerDay": 3}))
    )

    assert {when for _, when, _ in about(calendar, "Second day")} == {"today"}
    assert [day for day, when, _ in about(calendar) if when == "today"] == [DAY] * 3


# --- what cannot be kept --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "field", "code", "helps"),
    [
        ([("keyDates", [{**FAIR, "date": "2027-04-06"}])], "keyDates[0].date", "KEY_DATE_OUTSIDE",
         "end on Tue 2027-04-06"),
        ([("keyDates", [{**FAIR, "date": "2027-03-12"}])], "keyDates[0].date", "KEY_DATE_OUTSIDE",
         "start on Fri 2027-03-12"),
        ([("keyDates", [{**FAIR, "date": "2027-03-26"}])], "keyDates[0].date", "KEY_DATE_CLOSED",
         "lift the blackout of Fri 2027-03-26"),
        ([("keyDates", [{**FAIR, "date": "2027-03-20"}])], "keyDates[0].date", "KEY_DATE_CLOSED", "allow Sat"),
        ([("keyDates", [{**FAIR, "date": "2027-03-28"}]), ("schedule.blackoutDates", ["2027-03-28"])],
         "keyDates[0].date", "KEY_DATE_CLOSED", "allow Sun and lift the blackout of Sun 2027-03-28"),
        ([("keyDates", [FAIR, {**FAIR, "label": "Feast"}]), ("cadenceOverrides", {"maxPostsPerDay": 1})],
         "keyDates[1].date", "KEY_DATE_CADENCE", "raise maxPostsPerDay to 2"),
        ([("keyDates", [FAIR, {**FAIR, "label": "Feast", "date": "2027-03-24"}]),
          ("cadenceOverrides", {"minPostsPerWeek": 1, "maxPostsPerWeek": 1})],
         "keyDates[1].date", "KEY_DATE_CADENCE", "raise maxPostsPerWeek to 2"),
        ([("platformTimes", [{"platform": each, "days": ["tue"]} for each in ("twitter", "linkedin", "instagram")])],
         "cadenceOverrides.minPostsPerWeek", "CADENCE_UNREACHABLE", "lower minPostsPerWeek to 2"),
        ([("keyDates", [FAIR]), ("items", [{"name": str(n)} for n in range(13)])],
         "items", "ITEMS_TOO_MANY", "raise maxPostsPerWeek to"),
    ],
)  # fmt: skip
def test_what_cannot_be_kept_is_refused_with_the_smallest_change_and_it_works(
    changes: list[tuple[str, Any]], field: str, code: str, helps: str
) -> None:
    found = faults(*changes)

    assert [(where, what) for where, what, _ in found] == [(field, code)]
    assert helps in found[0][2]
    for change in found[0][2].partition("To make it possible: ")[2].split(", or "):
        assert faults(*changes, *_as_said(change, changes)) == [], change


def _as_said(change: str, given: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
    """Return the changes of the wire that a suggestion asks for."""
    cadence = {**spring().cadence_overrides.to_wire(), **dict(given).get("cadenceOverrides", {})}
    done: list[tuple[str, Any]] = []
    if found := re.search(r"(end|start) on \w+ (\S+)", change):
        done.append((f"schedule.{found[1]}Date", found[2]))
    if "lift the blackout" in change:
        done.append(("schedule.blackoutDates", []))
    if found := re.search(r"allow (\w+)", change):
        done.append(("schedule.allowedDaysOfWeek", ["mon", "tue", "wed", "thu", "fri", found[1].lower()]))
    if found := re.search(r"(?:raise|lower) (\w+) to (\d+)", change):
        done.append(("cadenceOverrides", {**cadence, found[1]: int(found[2])}))
    return done


def test_a_day_without_room_for_every_platform_is_warned_of() -> None:
    calendar = planned(spring(("keyDates", [FAIR])))

    assert [day for day, when, _ in about(calendar) if when == "today"] == [DAY, DAY]
    assert "Fair (2027-03-25) has no post on Instagram: the cadence has no room" in calendar.warnings


def test_a_key_date_on_the_first_day_is_told_to_have_no_reminder() -> None:
    calendar = planned(spring(("keyDates", [{**FAIR, "date": "2027-03-15", "wants": ["before", "on"]}]), ROOM))

    assert "Fair (2027-03-15) has no reminder: no day to post lies before it" in calendar.warnings


# --- times per platform ---------------------------------------------------------------------------------

TIMES = [
    {"platform": "linkedin", "days": ["tue", "wed", "thu"], "windows": [{"start": "08:00", "end": "10:00"}]},
    {"platform": "twitter", "windows": [{"start": "12:00", "end": "12:30"}, {"start": "17:00", "end": "17:30"}]},
]


def test_each_platform_is_posted_on_at_its_own_times() -> None:
    calendar = planned(spring(("platformTimes", TIMES), ROOM))

    seen = Counter(slot.platform for slot in calendar.slots)
    assert set(seen) == {"twitter", "linkedin", "instagram"}
    for slot in calendar.slots:
        at = slot.scheduled_at.astimezone(spring().schedule.zone)
        minute = at.hour * 60 + at.minute
        if slot.platform == "linkedin":
            assert at.weekday() in {1, 2, 3}
            assert 480 <= minute < 600
        if slot.platform == "twitter":
            assert 720 <= minute < 750 or 1020 <= minute < 1050
        if slot.platform == "instagram":
            assert 480 <= minute < 630 or 1020 <= minute < 1140


# --- every rule of a calendar ---------------------------------------------------------------------------


def test_calendars_with_key_dates_keep_every_rule() -> None:
    """Hundreds of made briefs with key dates and times: whatever is accepted keeps days, weeks, distance and shares."""
    accepted = 0
    for number in range(100):
        chance = Random(number)
        wire = _with_days(made(chance), chance)
        brief = CampaignBrief.model_validate(wire)
        people = {persona.id: persona for persona in made_people()}
        now = brief.schedule.starts_at() - timedelta(days=1)
        if submission_faults(brief, brand=None, personas=people, now=now):
            continue
        accepted += 1
        config = merge(brief, None, list(people.values()))
        calendar = plan_calendar(brief, config, seed="seed", not_before=now)
        assert calendar == plan_calendar(brief, config, seed="seed", not_before=now)
        _keeps_the_rules(
            brief, calendar, config.cadence.max_posts_per_day.value, config.cadence.max_posts_per_week.value
        )
    assert accepted > 30


def _with_days(wire: dict[str, Any], chance: Random) -> dict[str, Any]:
    first = date.fromisoformat(wire["schedule"]["startDate"])
    span = (date.fromisoformat(wire["schedule"]["endDate"]) - first).days
    dates = [
        {
            "label": f"Day {n}",
            "date": (first + timedelta(days=chance.randint(0, span))).isoformat(),
            "wants": chance.sample(["before", "on", "after"], chance.randint(1, 3)),
            "weight": chance.randint(1, 5),
        }
        for n in range(chance.randint(0, 2))
    ]
    times = [
        {"platform": each, "windows": [{"start": "10:00", "end": "11:30"}]}
        for each in chance.sample(wire["participants"]["platforms"], 1)
        if chance.random() < 0.5 or not dates
    ]
    return changed(wire, ("keyDates", dates), ("platformTimes", times))


def _keeps_the_rules(brief: CampaignBrief, calendar: Calendar, per_day: int, per_week: int) -> None:
    zone, blackout = brief.schedule.zone, brief.schedule.blackout_days()
    local_times = [slot.scheduled_at.astimezone(zone) for slot in calendar.slots]
    days = [at.date() for at in local_times]
    assert local_times == sorted(local_times)
    assert len(set(local_times)) == len(local_times)
    assert max(Counter(days).values()) <= per_day
    assert max(Counter(day - timedelta(days=day.weekday()) for day in days).values()) <= per_week
    assert not set(days) & blackout
    own = {times.platform: times for times in brief.platform_times or []}
    for slot, at in zip(calendar.slots, local_times, strict=True):
        windows = own[slot.platform].windows if slot.platform in own else brief.schedule.posting_windows
        spans = [(window.start, window.end) for window in windows] or [("09:00", "17:00")]
        assert any(start <= f"{at:%H:%M}" < end for start, end in spans)
        assert brief.schedule.starts_at() <= slot.scheduled_at < brief.schedule.ends_at()
    by_voice: dict[tuple[str, str], list[datetime]] = {}
    for slot in calendar.slots:
        by_voice.setdefault((slot.persona_id, slot.platform), []).append(slot.scheduled_at)
    for times in by_voice.values():
        assert all(b - a >= timedelta(hours=4) for a, b in pairwise(times))
    for each in brief.key_dates or []:
        kept = [(day, slot) for day, slot in zip(days, calendar.slots, strict=True)
                if slot.given and slot.given.about == each.label]  # fmt: skip
        assert all(day < each.date for day, slot in kept if slot.intent == "reminder")
        assert ("on" not in each.wants) or any(day == each.date for day, _ in kept)
        assert all(
            day > each.date for day, slot in kept if slot.given and slot.given.near and slot.given.near.when == "over"
        )


def test_the_made_briefs_have_personas() -> None:
    assert {persona.id for persona in made_people()} == set(PEOPLE)
    assert sample("personas")
    assert NOW.tzinfo is UTC
