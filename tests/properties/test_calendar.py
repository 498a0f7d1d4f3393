"""Calendar: every calendar obeys every rule for any accepted brief, and no brief is refused that has one.

The ground of property 10: the slots that are written in parallel are fixed by code before, the same on every replay.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st

from campaigns.errors import ImpossibleBriefError
from campaigns.model.brief import CampaignBrief
from campaigns.rules.calendar.building import Calendar, plan_calendar
from tests.properties.calendar_rules import Facts, exists, violations
from tests.strategies import PERSONA_IDS, Situation, briefs, situations

FEW = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def attempted(situation: Situation, not_before: datetime | None = None) -> Calendar | None:
    try:
        return plan_calendar(situation.brief, situation.config, seed="campaign_1", not_before=not_before)
    except ImpossibleBriefError as refusal:
        event(f"refused: {refusal.faults[0].code}")
        return None


def planned(situation: Situation, not_before: datetime | None = None) -> Calendar:
    calendar = attempted(situation, not_before)
    assume(calendar is not None)
    assert calendar is not None
    return calendar


@FEW
@given(situation=situations(briefs(longest=45)))
def test_every_calendar_obeys_every_rule(situation: Situation) -> None:
    calendar = planned(situation)

    event(f"{len(calendar.slots) // 25 * 25}+ posts, {'with' if calendar.warnings else 'no'} warnings")
    assert violations(situation.brief, situation.config, calendar) == []


@FEW
@given(situation=situations(briefs(longest=20)), data=st.data())
def test_a_campaign_whose_start_has_come_meanwhile_still_obeys_every_rule(
    situation: Situation, data: st.DataObject
) -> None:
    schedule = situation.brief.schedule
    length = int((schedule.ends_at() - schedule.starts_at()).total_seconds())
    now = schedule.starts_at() + timedelta(seconds=data.draw(st.integers(-3600, length)))

    calendar = planned(situation, not_before=now)

    assert violations(situation.brief, situation.config, calendar, now) == []


@FEW
@given(situation=situations())
def test_the_same_brief_gives_the_same_calendar_also_after_it_was_stored(situation: Situation) -> None:
    calendar = planned(situation)

    stored = CampaignBrief.model_validate_json(situation.brief.model_dump_json(exclude_none=True))

    again = planned(Situation(stored, situation.brand, situation.personas))
    assert again == calendar
    assert Calendar.model_validate(again.to_wire()) == calendar


# --- small briefs: the planner accepts exactly those that have a calendar ---------------------------

TIGHT_WINDOWS: list[list[tuple[str, str]]] = [
    [("09:00", "09:05")],
    [("09:00", "09:10"), ("13:00", "13:05")],
    [("09:00", "09:15"), ("12:55", "13:00")],
    [("00:00", "00:10"), ("23:50", "24:00")],
    [("00:00", "00:05"), ("20:00", "20:05"), ("23:55", "24:00")],
    [("02:00", "02:15"), ("03:00", "03:05")],
]


@st.composite
def tight_briefs(draw: st.DrawFn) -> CampaignBrief:
    """A few marks a day, few days, a cadence near what fits."""
    first = date(2027, 3, 8) + timedelta(days=draw(st.integers(0, 8)))
    last = first + timedelta(days=draw(st.integers(0, 10)))
    days = draw(st.lists(st.sampled_from(["mon", "tue", "wed", "sat", "sun"]), min_size=1, max_size=5, unique=True))
    least = draw(st.integers(0, 9))
    places = ["linkedin", "twitter"][: draw(st.integers(1, 2))]
    # Lopsided shares and four hours between posts of one voice pull in opposite directions.
    shares = dict(zip(places, draw(st.sampled_from([(0.9, 0.1), (0.2, 0.8), (1.0, 0.0)])), strict=False))
    lopsided = len(places) == 2 and draw(st.booleans())
    schedule: dict[str, Any] = {
        "timezone": draw(st.sampled_from(["UTC", "America/New_York"])),
        "startDate": first.isoformat(),
        "endDate": last.isoformat(),
        "allowedDaysOfWeek": days,
        "postingWindows": [{"start": a, "end": b} for a, b in draw(st.sampled_from(TIGHT_WINDOWS))],
    }
    if draw(st.booleans()):
        schedule["startDate"] = f"{first}T{draw(st.sampled_from(['09:05', '12:00', '23:55']))}:00Z"
        schedule["endDate"] = f"{last + timedelta(days=1)}T{draw(st.sampled_from(['09:05', '12:00', '23:55']))}:00Z"
    if draw(st.booleans()):
        schedule["blackoutDates"] = [(first + timedelta(days=draw(st.integers(0, 5)))).isoformat()]
    return CampaignBrief.model_validate(
        {
            "name": "Tight",
            "brief": {"description": "A campaign with little room", "objective": "awareness"},
            "participants": {
                "personaIds": PERSONA_IDS[: draw(st.integers(1, 2))],
                "platforms": places,
                "distribution": {"mode": "custom", "platformWeights": shares} if lopsided else None,
            },
            "schedule": schedule,
            "cadenceOverrides": {
                "minPostsPerWeek": least,
                "maxPostsPerWeek": max(1, least + draw(st.integers(0, 2))),
                "maxPostsPerDay": draw(st.integers(1, 4)),
            },
        }
    )


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(situation=situations(tight_briefs()))
def test_a_tight_brief_is_refused_exactly_when_brute_force_finds_no_calendar(situation: Situation) -> None:
    calendar = attempted(situation)

    event("refused" if calendar is None else "accepted")
    assert (calendar is not None) == exists(Facts(situation.brief, situation.config))
    assert calendar is None or violations(situation.brief, situation.config, calendar) == []


# --- the changes that a refusal names ---------------------------------------------------------------


def _accepted(situation: Situation, **cadence: int) -> bool:
    overrides = situation.brief.cadence_overrides.model_copy(update=cadence)
    brief = situation.brief.model_copy(update={"cadence_overrides": overrides})
    return attempted(Situation(brief, situation.brand, situation.personas)) is not None


@FEW
@given(situation=situations(tight_briefs()))
def test_the_minimum_a_refusal_offers_is_the_highest_that_is_accepted(situation: Situation) -> None:
    try:
        plan_calendar(situation.brief, situation.config, seed="campaign_1")
    except ImpossibleBriefError as refusal:
        words = refusal.faults[0].message
    else:
        assume(False)
        return
    asked = situation.brief.cadence_overrides.min_posts_per_week or 0
    offered = words.partition("lower minPostsPerWeek to ")[2].split(",", maxsplit=1)[0]
    event(f"offers a minimum: {bool(offered)}")

    accepted = [least for least in range(asked) if _accepted(situation, min_posts_per_week=least)]

    assert (int(offered) if offered else None) == max(accepted, default=None)
