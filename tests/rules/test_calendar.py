"""Calendar: what a planner at an agency sees, brief by brief (domain.md section 14)."""

from __future__ import annotations

import io
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from campaigns.errors import ImpossibleBriefError
from campaigns.model.base import derived_id
from campaigns.model.brief import CampaignBrief
from campaigns.model.library.persona import Persona
from campaigns.rules.calendar.building import Calendar, plan_calendar
from campaigns.rules.calendar.report import share_lines
from campaigns.rules.merge.merging import merge
from deployments.commands.plan import main
from tests.model.wires import MISSING, PERSONA, changed
from tests.properties.calendar_rules import violations
from tests.rules.situations import (
    SAMPLES,
    STORED,
    event_day,
    merged,
    planned,
    sample,
    spring,
    the_personas,
)

INES, TOMAS = (persona.id for persona in the_personas())
ONE_VOICE = ("participants", {"personaIds": [TOMAS], "platforms": ["linkedin"]})
EVERY_DAY = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


def local(calendar: Calendar, brief: CampaignBrief) -> list[datetime]:
    return [slot.scheduled_at.astimezone(brief.schedule.zone) for slot in calendar.slots]


def per_week(calendar: Calendar, brief: CampaignBrief) -> list[int]:
    weeks = Counter(moment.isocalendar()[:2] for moment in local(calendar, brief))
    return [weeks[week] for week in sorted(weeks)]


def refusal(brief: CampaignBrief, not_before: datetime | None = None) -> tuple[str, str, str]:
    with pytest.raises(ImpossibleBriefError) as raised:
        planned(brief, not_before=not_before)
    (fault,) = raised.value.faults
    return fault.field, fault.code, fault.message


# --- days and weeks ---------------------------------------------------------------------------------


def test_the_spring_sample_is_a_calendar_a_planner_would_accept() -> None:
    brief = spring()

    calendar = planned(brief)

    assert violations(brief, merged(brief), calendar) == []
    assert calendar.warnings == []
    # Middle of 3 to 5; the second week loses a day to the blackout: 4 × 4/5 is 3.2, so 3.
    assert per_week(calendar, brief) == [4, 3, 4]
    summary = calendar.summary()
    assert summary.posts_per_platform == {"twitter": 6, "linkedin": 2, "instagram": 3}
    assert sorted(summary.posts_per_persona.values()) == [5, 6]
    assert summary.posts_per_pillar == {"Where it grows": 4, "How we roast": 4, "Brewing at home": 3}


def test_nothing_is_posted_on_blackout_days_nor_on_other_days_of_the_week() -> None:
    brief = spring(
        ("schedule.blackoutDates", ["2027-03-17", {"from": "2027-03-22", "to": "2027-03-24"}]),
        ("cadenceOverrides", {"minPostsPerWeek": 0, "maxPostsPerWeek": 10}),
    )

    days = {moment.date() for moment in local(planned(brief), brief)}

    assert days
    assert not days & {date(2027, 3, 17), date(2027, 3, 22), date(2027, 3, 23), date(2027, 3, 24)}
    assert {day.weekday() for day in days} <= {0, 1, 2, 3, 4}


def test_a_partial_week_gets_its_part_of_the_cadence() -> None:
    # Thursday to Tuesday: two of five days, then two of five days.
    brief = spring(
        ("schedule.startDate", "2027-03-18"),
        ("schedule.endDate", "2027-03-23"),
        ("cadenceOverrides", {"minPostsPerWeek": 5, "maxPostsPerWeek": 5}),
    )

    assert per_week(planned(brief), brief) == [2, 2]


@pytest.mark.parametrize(
    ("least", "most", "days", "count"),
    [
        (3, 4, 5, 4),  # 3.5, halves up
        (3, 4, 4, 3),  # 2.8
        (1, 2, 1, 1),  # 0.3 rounds to none, and one post is what was meant
        (0, 5, 2, 1),
    ],
)
def test_the_middle_of_the_cadence_is_rounded_half_up(least: int, most: int, days: int, count: int) -> None:
    brief = spring(
        ("schedule.startDate", "2027-03-15"),
        ("schedule.endDate", str(date(2027, 3, 14) + timedelta(days=days))),
        ("cadenceOverrides", {"minPostsPerWeek": least, "maxPostsPerWeek": most}),
    )

    assert len(planned(brief).slots) == count


def test_weeks_are_weeks_of_the_audience_not_of_utc() -> None:
    # In Auckland it is Monday while it is still Sunday in UTC.
    brief = spring(
        ("schedule.timezone", "Pacific/Auckland"),
        ("schedule.postingWindows", [{"start": "08:00", "end": "10:00"}]),
        ("cadenceOverrides", {"minPostsPerWeek": 4, "maxPostsPerWeek": 4, "maxPostsPerDay": 1}),
        ("schedule.blackoutDates", MISSING),
    )

    calendar = planned(brief)

    assert per_week(calendar, brief) == [4, 4, 4]
    assert all(moment.weekday() < 5 for moment in local(calendar, brief))


def test_days_of_a_week_are_filled_evenly() -> None:
    brief = event_day(
        ("cadenceOverrides", {"minPostsPerWeek": 10, "maxPostsPerWeek": 10, "maxPostsPerDay": 2}),
        ("schedule.endDate", "2027-10-31"),
    )

    days = Counter(moment.date() for moment in local(planned(brief), brief))

    assert sorted(days.values()) == [1, 1, 1, 1, 2, 2, 2]


# --- clock changes ----------------------------------------------------------------------------------


def test_the_week_of_the_clock_change_in_november_keeps_its_wall_times() -> None:
    brief = event_day()

    calendar = planned(brief)

    times = local(calendar, brief)
    assert violations(brief, merged(brief), calendar) == []
    assert {moment.tzname() for moment in times if moment.date() < date(2027, 11, 7)} == {"EDT"}
    assert {moment.tzname() for moment in times if moment.date() >= date(2027, 11, 7)} == {"EST"}
    assert all(9 <= moment.hour < 17 for moment in times)
    assert per_week(calendar, brief) == [5, 5, 4]


@pytest.mark.parametrize(("first", "last"), [("2027-11-07", "2027-11-07"), ("2027-03-14", "2027-03-14")])
@pytest.mark.parametrize("window", [("00:30", "03:30"), ("01:00", "02:00"), ("01:30", "03:05")])
def test_windows_over_a_clock_change_hold_only_wall_times_that_exist_once(
    first: str, last: str, window: tuple[str, str]
) -> None:
    brief = event_day(
        ("schedule.startDate", first),
        ("schedule.endDate", last),
        ("schedule.postingWindows", [{"start": window[0], "end": window[1]}]),
        ("cadenceOverrides", {"minPostsPerWeek": 21, "maxPostsPerWeek": 21, "maxPostsPerDay": 3}),
    )

    calendar = planned(brief)

    assert len(calendar.slots) == 3
    assert violations(brief, merged(brief), calendar) == []
    walls = [moment.strftime("%H:%M") for moment in local(calendar, brief)]
    assert len(set(walls)) == 3
    assert all(window[0] <= wall < window[1] for wall in walls)
    assert not any("02:00" <= wall < "03:00" for wall in walls) or first != "2027-03-14"


def test_a_window_that_lies_in_the_gap_does_not_exist_that_day() -> None:
    brief = event_day(
        ("schedule.startDate", "2027-03-14"),
        ("schedule.endDate", "2027-03-14"),
        ("schedule.postingWindows", [{"start": "02:00", "end": "03:00"}]),
    )

    field, code, words = refusal(brief)

    assert (field, code) == ("schedule", "NO_POSTING_TIME")
    assert "end the last posting window at 04:00" in words


# --- spacing and minutes ----------------------------------------------------------------------------


def test_posts_of_one_persona_on_one_platform_keep_four_hours() -> None:
    brief = event_day(
        ONE_VOICE,
        ("cadenceOverrides", {"minPostsPerWeek": 14, "maxPostsPerWeek": 14, "maxPostsPerDay": 2}),
        ("schedule.postingWindows", [{"start": "08:00", "end": "12:05"}]),
    )

    times = local(planned(brief), brief)

    # 08:00 and 12:00 are the only way to post twice.
    assert {moment.strftime("%H:%M") for moment in times} == {"08:00", "12:00"}


def test_posts_go_out_on_five_minute_marks_inside_odd_windows() -> None:
    brief = event_day(("schedule.postingWindows", [{"start": "09:02", "end": "09:11"}]))

    times = local(planned(brief), brief)

    assert {moment.strftime("%H:%M") for moment in times} == {"09:05", "09:10"}


def test_the_distance_holds_over_midnight() -> None:
    brief = event_day(
        ONE_VOICE,
        ("schedule.postingWindows", [{"start": "00:00", "end": "03:00"}, {"start": "21:00", "end": "24:00"}]),
        ("cadenceOverrides", {"minPostsPerWeek": 14, "maxPostsPerWeek": 14, "maxPostsPerDay": 2}),
        ("schedule.endDate", "2027-10-31"),
    )

    times = [slot.scheduled_at for slot in planned(brief).slots]

    assert len(times) == 14
    assert all(later - earlier >= timedelta(hours=4) for earlier, later in pairwise(times))


def test_another_seed_gives_other_minutes_of_the_same_plan() -> None:
    brief = spring()

    one, other = planned(brief, "one"), planned(brief, "other")

    assert one == planned(brief, "one")
    assert [slot.scheduled_at for slot in one.slots] != [slot.scheduled_at for slot in other.slots]
    assert [(slot.platform, slot.persona_id, slot.pillar, slot.intent) for slot in one.slots] == [
        (slot.platform, slot.persona_id, slot.pillar, slot.intent) for slot in other.slots
    ]


def test_posts_of_one_day_do_not_crowd() -> None:
    brief = event_day(("cadenceOverrides", {"minPostsPerWeek": 28, "maxPostsPerWeek": 28, "maxPostsPerDay": 4}))

    times = [slot.scheduled_at for slot in planned(brief).slots]

    # Eight hours for four posts: half of two hours is kept free around each.
    assert min(later - earlier for earlier, later in pairwise(times)) >= timedelta(minutes=55)


# --- shares -----------------------------------------------------------------------------------------


def test_no_persona_is_tied_to_a_platform() -> None:
    brief = spring(
        ("participants.distribution", MISSING),
        ("cadenceOverrides", {"minPostsPerWeek": 6, "maxPostsPerWeek": 6, "maxPostsPerDay": 2}),
        ("schedule.blackoutDates", MISSING),
    )

    pairs = Counter((slot.persona_id, slot.platform) for slot in planned(brief).slots)

    assert set(pairs.values()) == {3}
    assert len(pairs) == 6


def test_no_persona_is_tied_to_a_pillar() -> None:
    brief = spring(
        ("messaging.pillars", [{"name": "A", "weight": 0.5}, {"name": "B", "weight": 0.5}]),
        ("cadenceOverrides", {"minPostsPerWeek": 4, "maxPostsPerWeek": 4}),
        ("schedule.blackoutDates", MISSING),
    )

    pairs = Counter((slot.persona_id, slot.pillar) for slot in planned(brief).slots)

    assert set(pairs.values()) == {3}


def test_everybody_selected_gets_a_post_when_the_total_allows() -> None:
    brief = spring(
        (
            "participants.distribution",
            {"mode": "weighted", "platformWeights": {"twitter": 0.96, "linkedin": 0.02, "instagram": 0.02}},
        )
    )

    calendar = planned(brief)

    assert calendar.summary().posts_per_platform == {"twitter": 9, "linkedin": 1, "instagram": 1}
    assert calendar.warnings == []


def test_those_left_out_are_named() -> None:
    brief = spring(
        ("schedule.endDate", "2027-03-15"), ("cadenceOverrides", {"minPostsPerWeek": 0, "maxPostsPerWeek": 1})
    )

    calendar = planned(brief)

    assert len(calendar.slots) == 1
    assert calendar.warnings == [
        "Tomás Okafor has no post: 1 posts are too few for everybody",
        "LinkedIn has no post: 1 posts are too few for everybody",
        "Instagram has no post: 1 posts are too few for everybody",
    ]


def test_a_share_of_zero_gets_nothing_and_is_named() -> None:
    brief = spring(("participants.distribution", {"mode": "custom", "platformWeights": {"twitter": 1}}))

    calendar = planned(brief)

    assert calendar.summary().posts_per_platform == {"twitter": 11}
    assert calendar.warnings == ["LinkedIn has no post: its share is 0", "Instagram has no post: its share is 0"]


def test_shares_that_crowd_one_platform_are_eased_by_fewer_posts_first() -> None:
    # Four a day of which nine tenths on X: one persona keeps four hours there, two a day at most.
    brief = event_day(
        ("participants.distribution", {"mode": "weighted", "platformWeights": {"twitter": 0.9, "linkedin": 0.1}}),
        ("participants.platforms", ["twitter", "linkedin"]),
        ("cadenceOverrides", {"minPostsPerWeek": 7, "maxPostsPerWeek": 28, "maxPostsPerDay": 4}),
        ("schedule.endDate", "2027-10-31"),
    )

    calendar = planned(brief)

    counts = calendar.summary().posts_per_platform
    assert violations(brief, merged(brief), calendar) == []
    assert counts["twitter"] == round(0.9 * len(calendar.slots))
    assert calendar.warnings == [f"{len(calendar.slots)} posts are planned; the cadence aims at 18"]


def test_shares_that_cannot_be_kept_at_all_are_bent_and_said() -> None:
    brief = event_day(
        ("participants.distribution", {"mode": "weighted", "platformWeights": {"twitter": 0.9, "linkedin": 0.1}}),
        ("participants.platforms", ["twitter", "linkedin"]),
        ("cadenceOverrides", {"minPostsPerWeek": 28, "maxPostsPerWeek": 28, "maxPostsPerDay": 4}),
        ("schedule.endDate", "2027-10-31"),
    )

    calendar = planned(brief)

    assert violations(brief, merged(brief), calendar) == []
    assert calendar.summary().posts_per_platform == {"twitter": 14, "linkedin": 14}
    assert calendar.warnings == [
        "X has 14 posts instead of 25: posts of one persona keep four hours",
        "LinkedIn has 14 posts instead of 3: posts of one persona keep four hours",
    ]


def test_shares_asked_and_got_are_listed_for_people() -> None:
    brief = spring()

    lines = {line.name: (line.kind, line.asked, line.posts) for line in share_lines(merged(brief), planned(brief))}

    assert lines["X"] == ("platform", 0.5, 6)
    assert lines["Where it grows"] == ("pillar", 0.4, 4)
    assert lines["Ines Carvalho"][:2] == ("persona", 0.5)


# --- purpose ----------------------------------------------------------------------------------------


def test_an_event_is_announced_first_and_reminded_of_last() -> None:
    calendar = planned(event_day())

    intents = [slot.intent for slot in calendar.slots]
    assert (intents[0], intents[-1]) == ("announce", "reminder")
    assert "announce" not in intents[1:]
    assert calendar.slots[0].needs_cta
    assert calendar.slots[-1].needs_cta


def test_a_conversion_asks_in_half_its_posts_of_every_persona() -> None:
    calendar = planned(spring(("brief.objective", "conversion")))

    asking = Counter(slot.persona_id for slot in calendar.slots if slot.needs_cta)
    assert sum(asking.values()) == 6
    assert set(asking.values()) == {3}


def test_a_waived_call_to_action_is_in_no_post() -> None:
    brief = spring(("brief.objective", "conversion"), ("brief.primaryCTA", None), ("brief.ctaWaived", True))

    assert not any(slot.needs_cta for slot in planned(brief).slots)


def test_each_required_inclusion_stands_in_a_post_of_its_own_when_there_are_enough() -> None:
    facts = [f"Fact {number}" for number in range(10)]

    calendar = planned(spring(("messaging.requiredInclusions", facts)))

    given = [slot.required_inclusions for slot in calendar.slots]
    assert sorted(fact for texts in given for fact in texts) == facts
    assert max(len(texts) for texts in given) == 1


def test_a_long_inclusion_goes_where_it_fits() -> None:
    long_fact = "The cooperative of 38 families " * 8

    calendar = planned(spring(("messaging.requiredInclusions", [long_fact])))

    (slot,) = [slot for slot in calendar.slots if slot.required_inclusions]
    assert slot.platform != "twitter"


# --- refusals ---------------------------------------------------------------------------------------


def test_a_week_that_cannot_reach_its_minimum_is_refused_with_numbers_and_changes() -> None:
    brief = spring(
        ("schedule.allowedDaysOfWeek", ["mon", "wed"]),
        ("cadenceOverrides", {"minPostsPerWeek": 5, "maxPostsPerWeek": 5, "maxPostsPerDay": 2}),
    )

    field, code, words = refusal(brief)

    assert (field, code) == ("cadenceOverrides.minPostsPerWeek", "CADENCE_UNREACHABLE")
    assert words == (
        "the week of Mon 2027-03-15 needs 5 posts, only 2 days × 2 fit (3 weeks are short). "
        "To make it possible: allow Tue or Thu or Fri, or lower minPostsPerWeek to 4, or raise maxPostsPerDay to 3"
    )


def test_a_minimum_that_only_the_distance_forbids_says_so() -> None:
    brief = event_day(
        ONE_VOICE,
        ("schedule.postingWindows", [{"start": "09:00", "end": "12:00"}]),
        ("cadenceOverrides", {"minPostsPerWeek": 8, "maxPostsPerWeek": 8, "maxPostsPerDay": 2}),
    )

    _, _, words = refusal(brief)

    assert "needs 8 posts, only 7 fit: 7 days, at most 2 a day, within 09:00-12:00, 4 hours between" in words
    assert "lower minPostsPerWeek to 7" in words
    assert "end the last posting window at 14:00" in words
    assert "add a persona or a platform" in words
    assert "raise maxPostsPerDay" not in words


def test_a_schedule_without_a_moment_to_post_is_refused_with_the_ways_out() -> None:
    brief = spring(
        ("schedule.startDate", "2027-03-26"),
        ("schedule.endDate", "2027-03-28"),
        ("schedule.allowedDaysOfWeek", ["fri"]),
        ("cadenceOverrides.minPostsPerWeek", 2),
    )

    field, code, words = refusal(brief)

    assert (field, code) == ("schedule", "NO_POSTING_TIME")
    assert "from Fri 2027-03-26 to Sun 2027-03-28, only fri between 08:00-10:30, 17:00-19:00" in words
    assert "allow Sat or Sun" in words
    assert "lift the blackout of Fri 2027-03-26" in words
    assert "end on Fri 2027-04-02" in words


def test_more_than_two_hundred_posts_are_refused_with_the_ways_out() -> None:
    brief = spring(
        ("schedule.endDate", "2027-06-06"),
        ("schedule.blackoutDates", MISSING),
        ("cadenceOverrides", {"minPostsPerWeek": 20, "maxPostsPerWeek": 20, "maxPostsPerDay": 4}),
    )

    field, code, words = refusal(brief)

    assert (field, code) == ("cadenceOverrides.minPostsPerWeek", "TOO_MANY_POSTS")
    assert words == (
        "asks for at least 240 posts in 12 weeks; a campaign has at most 200. "
        "To make it possible: lower minPostsPerWeek to 16, or end on Sun 2027-05-23"
    )


def test_a_cadence_that_only_aims_at_more_than_two_hundred_is_cut_to_two_hundred() -> None:
    brief = spring(
        ("schedule.endDate", "2027-06-06"),
        ("schedule.blackoutDates", MISSING),
        ("cadenceOverrides", {"minPostsPerWeek": 10, "maxPostsPerWeek": 40, "maxPostsPerDay": 8}),
    )

    calendar = planned(brief)

    assert len(calendar.slots) == 200
    assert calendar.warnings == ["200 posts are planned; the cadence aims at 300"]
    assert max(per_week(calendar, brief)) - min(per_week(calendar, brief)) <= 1


def test_a_part_of_a_day_asks_for_nothing_that_does_not_fit_it() -> None:
    # The campaign ends ten minutes into the windows of its only day.
    brief = event_day(
        ONE_VOICE,
        ("schedule.startDate", "2027-10-25T00:00:00-04:00"),
        ("schedule.endDate", "2027-10-25T09:10:00-04:00"),
        ("schedule.allowedDaysOfWeek", ["mon"]),
        ("cadenceOverrides", {"minPostsPerWeek": 2, "maxPostsPerWeek": 2, "maxPostsPerDay": 2}),
    )

    calendar = planned(brief)

    assert len(calendar.slots) == 1
    assert "the week of 2027-10-25 is cut into and has 1 posts instead of 2" in calendar.warnings


# --- the moment of planning -------------------------------------------------------------------------


def test_a_start_that_has_come_meanwhile_loses_only_what_has_passed() -> None:
    brief = spring()
    now = datetime(2027, 3, 18, 12, tzinfo=UTC)

    calendar = planned(brief, not_before=now)

    assert calendar.slots[0].scheduled_at >= now
    assert violations(brief, merged(brief), calendar, now) == []
    assert calendar.slots[0].number == 1


def test_planning_before_the_start_changes_nothing() -> None:
    brief = spring()

    assert planned(brief, not_before=datetime(2027, 1, 1, tzinfo=UTC)) == planned(brief)


def test_posts_due_before_the_approvers_time_is_over_are_warned_of() -> None:
    calendar = planned(spring(), not_before=datetime(2027, 3, 14, tzinfo=UTC))

    assert len(calendar.warnings) == 1
    assert calendar.warnings[0].startswith("4 of 11 posts are due before 168 hours for the approval")


def test_a_campaign_that_is_over_is_refused() -> None:
    _, code, words = refusal(spring(), not_before=datetime(2027, 4, 3, tzinfo=UTC))

    assert code == "NO_POSTING_TIME"
    assert "not before 2027-04-03 01:00" in words


def test_a_configuration_without_one_of_the_personas_is_a_mistake_of_the_caller() -> None:
    brief = spring()

    with pytest.raises(ValueError, match=INES):
        plan_calendar(brief, merge(brief, None, the_personas()[1:]), seed="seed")


# --- size -------------------------------------------------------------------------------------------


def test_two_hundred_posts_of_ten_personas_obey_every_rule() -> None:
    people = [
        Persona.model_validate({**PERSONA, **STORED, "id": derived_id("persona", number), "name": f"P{number}"})
        for number in range(10)
    ]
    brief = CampaignBrief.model_validate(
        changed(
            sample("conference-talks"),
            ("participants.personaIds", [person.id for person in people]),
            ("participants.platforms", ["twitter", "linkedin", "instagram", "facebook"]),
            ("schedule.startDate", "2027-09-06"),
            ("schedule.endDate", "2027-12-04"),
            ("schedule.allowedDaysOfWeek", EVERY_DAY),
            ("cadenceOverrides", {"minPostsPerWeek": 15, "maxPostsPerWeek": 30, "maxPostsPerDay": 6}),
        )
    )
    config = merge(brief, None, people)

    calendar = plan_calendar(brief, config, seed="seed")

    assert len(calendar.slots) == 200
    assert violations(brief, config, calendar) == []


# --- the command ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["spring-harvest", "conference-talks"])
@pytest.mark.parametrize("now", [datetime(2026, 11, 1, tzinfo=UTC), datetime(2031, 6, 3, tzinfo=UTC)])
def test_the_plan_command_prints_the_samples_also_years_later(name: str, now: datetime) -> None:
    out = io.StringIO()

    code = main([str(SAMPLES / f"{name}.json")], now=now, out=out)

    text = out.getvalue()
    assert code == 0
    assert "Resolved configuration" in text
    assert "Shares" in text
    assert "Plan version" in text
    assert "announce" in text


@pytest.mark.parametrize(
    ("words", "said"),
    [("[1]", "body: must be an object"), ("{", "body: is not valid JSON"), (None, "body: cannot be read")],
)
def test_the_plan_command_says_what_is_wrong_with_a_file_that_is_no_brief(
    tmp_path: Any, words: str | None, said: str
) -> None:
    bad = tmp_path / "brief.json"
    if words is not None:
        bad.write_text(words)
    out = io.StringIO()

    assert main([str(bad)], now=datetime(2026, 11, 1, tzinfo=UTC), out=out) == 1
    assert out.getvalue().startswith(said)


def test_the_plan_command_prints_every_fault(tmp_path: Any) -> None:
    bad = tmp_path / "brief.json"
    bad.write_text('{"name": "", "schedule": {}, "x": 1}'.replace("{}", '{"startDate": "2027-03-15"}'))
    out = io.StringIO()

    code = main([str(bad)], now=datetime(2026, 11, 1, tzinfo=UTC), out=out)

    assert code == 1
    assert out.getvalue().splitlines()[0] == "name: must have at least 1 character, not 0 [TOO_SHORT]"
    assert "x: is not a known field [UNKNOWN_FIELD]" in out.getvalue()
