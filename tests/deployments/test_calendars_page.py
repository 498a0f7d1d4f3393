"""The calendars of the sample briefs, as an agency would send them; the page shows them as they are."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from campaigns.model.brief import CampaignBrief
from campaigns.model.library.persona import Persona
from campaigns.model.post import Slot
from campaigns.rules.submission import submission_faults
from deployments.pages import calendars_page
from deployments.pages.calendars_page import PLANNED, SAMPLES, SHOWN, planned

ROOT = Path(__file__).parents[2]


def test_the_page_is_made_from_the_samples_as_they_are() -> None:
    assert (ROOT / "docs" / "calendars.md").read_text() == calendars_page.page(), (
        "run: python -m deployments.pages.calendars_page > docs/calendars.md"
    )


def test_every_sample_is_shown() -> None:
    assert {path.stem for path in SAMPLES.glob("*.json")} - {"personas"} == set(SHOWN)


@pytest.mark.parametrize("name", SHOWN)
def test_a_sample_is_accepted_and_warns_of_nothing(name: str) -> None:
    brief, people, calendar = planned(name)
    known: dict[str, Persona] = {each.id: each for each in people}

    assert submission_faults(brief, brand=None, personas=known, now=PLANNED) == []
    assert calendar.warnings == []


def days(name: str) -> tuple[CampaignBrief, list[tuple[date, Slot]]]:
    brief, _, calendar = planned(name)
    return brief, [(slot.scheduled_at.astimezone(brief.schedule.zone).date(), slot) for slot in calendar.slots]


@pytest.mark.parametrize("name", [name for name in SHOWN if "keyDates" in (SAMPLES / f"{name}.json").read_text()])
def test_key_dates_are_kept(name: str) -> None:
    brief, posts = days(name)

    for each in brief.key_dates or []:
        on = {
            slot.platform for day, slot in posts if day == each.date and slot.given and slot.given.about == each.label
        }
        assert on == set(brief.participants.platforms)
    last = max(each.date for each in brief.key_dates or [])
    assert [slot for day, slot in posts if day > last and slot.intent in {"announce", "reminder"}] == []


def test_giving_day_ramps_up_and_doubles_on_the_day_alone() -> None:
    _, posts = days("giving-day")
    day = date(2027, 11, 30)

    reminders = [day - on for on, slot in posts if slot.given and slot.given.near and slot.given.near.when == "ahead"
                 and slot.given.about]  # fmt: skip
    assert reminders == [timedelta(days=each) for each in (42, 28, 14, 7, 1)]
    assert {on for on, slot in posts if "doubled by a local baker" in slot.required_inclusions} == {day}
    assert [on for on, slot in posts if slot.given and slot.given.near and slot.given.near.when == "over"] == [
        date(2027, 12, 1)
    ]


def test_the_week_before_the_amber_day_is_the_fullest_and_each_post_has_the_hashtag() -> None:
    brief, posts = days("wear-amber")
    day = date(2027, 6, 4)

    first = next(slot for on, slot in posts if on == day).scheduled_at.astimezone(brief.schedule.zone)
    assert first.hour < 12
    before = sum(day - timedelta(days=7) <= on < day for on, _ in posts)
    assert before >= sum(on < day - timedelta(days=7) for on, _ in posts)
    assert all(slot.given and slot.given.hashtags == ["WearAmber"] for _, slot in posts)
    assert next(on for on, slot in posts if "4 June" in slot.required_inclusions) <= day


def test_a_conference_has_a_post_for_each_speaker_and_names_their_number_early() -> None:
    brief, posts = days("second-stage")

    names = [slot.given.item.name for _, slot in posts if slot.given and slot.given.item]
    assert names == [item.name for item in brief.items or []]
    (said,) = [number for number, (_, slot) in enumerate(posts) if "24 speakers" in slot.required_inclusions]
    assert said < len(posts) / 3
    assert date(2027, 3, 19) in {on for on, slot in posts if slot.given and slot.given.about == "First day"}


def test_a_fact_of_the_week_goes_on_for_a_year() -> None:
    _, posts = days("fact-of-the-week")

    assert len(posts) == 52
    assert {later - earlier for (earlier, _), (later, _) in pairwise(posts)} == {timedelta(days=7)}
