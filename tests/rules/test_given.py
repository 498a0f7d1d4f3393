"""What a brief gives its posts to carry: scoped inclusions, hashtags, disclosures, items, a link told apart by post."""

from __future__ import annotations

from datetime import date
from itertools import pairwise
from typing import Any

import pytest

from campaigns.model.brief import CampaignBrief
from campaigns.model.post import Slot
from campaigns.model.terms.given import CampaignItem, Given
from campaigns.rules.calendar.building import Calendar
from campaigns.rules.guardrails import check_post
from campaigns.rules.merge.merging import plan_version
from campaigns.rules.submission import submission_faults
from campaigns.rules.text.given import characters_given, with_given
from campaigns.rules.text.limits.platforms import rendered_text, text_length
from campaigns.rules.text.web.tracking import campaign_label, tracked
from tests.rules.posts import a_policy, a_post, words
from tests.rules.situations import NOW, merged, planned, spring, the_brand, the_personas


def said(**messaging: Any) -> Calendar:
    return planned(spring(*((f"messaging.{name}", value) for name, value in messaging.items())))


def faults(*changes: tuple[str, Any]) -> list[tuple[str, str]]:
    brief = spring(*changes)
    people = {persona.id: persona for persona in the_personas()}
    found = submission_faults(brief, brand=the_brand(), personas=people, now=NOW)
    return [(fault.field, fault.code) for fault in found]


def day(slot: Slot) -> date:
    return slot.scheduled_at.astimezone(spring().schedule.zone).date()


# --- nothing said, nothing changed --------------------------------------------------------------------


@pytest.mark.parametrize(
    "empty",
    [
        ("messaging.inclusions", []),
        ("messaging.hashtags", []),
        ("messaging.disclosures", []),
        ("items", []),
        ("trackedLink", {"url": "", "campaign": ""}),
    ],
)
def test_an_empty_part_is_a_missing_one(empty: tuple[str, Any]) -> None:
    assert spring(empty).to_wire() == spring().to_wire()


@pytest.mark.parametrize(
    "more",
    [
        ("messaging.inclusions", [{"text": "900 bags"}]),
        ("messaging.hashtags", [{"tag": "Harvest"}]),
        ("messaging.disclosures", [{"text": "Advertisement"}]),
        ("items", [{"name": "Lot 7"}]),
        ("trackedLink", {"url": "https://fernwood.example/harvest"}),
    ],
)
def test_each_part_makes_another_plan(more: tuple[str, Any]) -> None:
    brief = spring(more)

    assert plan_version(brief, merged(brief)) != plan_version(spring(), merged(spring()))
    assert CampaignBrief.model_validate(brief.to_wire()) == brief


# --- inclusions with a scope --------------------------------------------------------------------------


def test_an_inclusion_of_every_post_stands_in_every_post_of_its_scope() -> None:
    scope = {"platforms": ["twitter", "linkedin"], "from": "2027-03-20", "until": "2027-03-30"}
    calendar = said(inclusions=[{"text": "funded by Huila", **scope}])

    held = {slot.number for slot in calendar.slots if "funded by Huila" in slot.required_inclusions}

    assert held == {
        slot.number
        for slot in calendar.slots
        if slot.platform != "instagram" and date(2027, 3, 20) <= day(slot) <= date(2027, 3, 30)
    }
    assert 0 < len(held) < len(calendar.slots)


def test_an_inclusion_said_once_stands_once_within_its_scope() -> None:
    calendar = said(inclusions=[{"text": "24 speakers", "scope": "once", "until": "2027-03-22"}])

    (slot,) = [slot for slot in calendar.slots if "24 speakers" in slot.required_inclusions]

    assert day(slot) <= date(2027, 3, 22)


def test_strings_keep_their_meaning_beside_scoped_ones() -> None:
    before = [slot.required_inclusions for slot in said().slots]
    after = [slot.required_inclusions for slot in said(inclusions=[{"text": "in every post"}]).slots]

    assert after == [[*each, "in every post"] for each in before]


def test_an_inclusion_whose_days_hold_no_post_is_warned_of() -> None:
    calendar = said(inclusions=[{"text": "doors at eight", "from": "2027-03-20", "until": "2027-03-21"}])

    assert [warning for warning in calendar.warnings if "doors at eight" in warning] == [
        "“doors at eight” stands in no post: none is planned within its platforms and days"
    ]


# --- hashtags and disclosures -------------------------------------------------------------------------


def test_hashtags_and_disclosures_are_given_to_the_posts_of_their_platforms() -> None:
    calendar = said(
        hashtags=[{"tag": "#WearAmber"}, {"tag": "short", "platforms": ["twitter"]}],
        disclosures=[{"text": "Advertisement", "platforms": ["linkedin"]}],
    )

    for slot in calendar.slots:
        assert slot.given is not None
        assert slot.given.hashtags == (["WearAmber", "short"] if slot.platform == "twitter" else ["WearAmber"])
        assert slot.given.disclosures == (["Advertisement"] if slot.platform == "linkedin" else [])


CARRIED = Given(
    hashtags=["WearAmber"],
    disclosures=["Advertisement"],
    link="https://fernwood.example/harvest?utm_source=linkedin",
    item=CampaignItem.model_validate(
        {"name": "Lot 7", "handles": [{"platform": "twitter", "handle": "@lot7"}], "altText": "Bags on a table"}
    ),
)


def test_what_was_given_is_added_to_the_words_once() -> None:
    bare = words("Bags are here.", hashtags=["wearamber", "tea", "two", "three"])

    full = with_given(bare, CARRIED, "twitter", most_hashtags=2)

    assert full.text == "Advertisement\nBags are here."
    assert (full.hashtags, full.mentions) == (["WearAmber", "tea"], ["lot7"])
    assert (full.link, full.alt_text) == (CARRIED.link, "Bags on a table")
    assert with_given(full, CARRIED, "twitter", most_hashtags=2) == full
    assert with_given(bare, CARRIED, "linkedin", most_hashtags=3).mentions == []
    assert with_given(bare, None, "twitter", most_hashtags=2) == bare


def test_what_was_given_is_counted_in_the_length() -> None:
    bare = words("Bags are here.", hashtags=[])
    full = with_given(bare, CARRIED, "twitter", most_hashtags=2)

    taken = characters_given(CARRIED, "twitter")

    assert text_length("twitter", rendered_text("twitter", full)) == len("Bags are here.") + taken
    assert characters_given(None, "twitter") == 0


@pytest.mark.parametrize(
    ("content", "missing"),
    [
        ({}, []),
        ({"hashtags": []}, ["HASHTAG_MISSING"]),
        ({"link": None}, ["LINK_MISSING"]),
        ({"link": "https://fernwood.example/harvest"}, ["LINK_MISSING"]),
        ({"text": "Bags are here.\nThis is an Advertisement"}, ["DISCLOSURE"]),
        ({"text": "Advertisement: bags are here #WearAmber", "hashtags": []}, []),
    ],
)
def test_a_post_without_what_it_was_given_is_blocked(content: dict[str, Any], missing: list[str]) -> None:
    full = with_given(words("Bags are here."), CARRIED, "linkedin", most_hashtags=3).model_copy(update=content)

    quality = check_post(full, post=a_post(given=CARRIED), policy=a_policy())

    assert [check.code for check in quality.checks if check.code in {"HASHTAG_MISSING", "LINK_MISSING", "DISCLOSURE"}
            ] == missing  # fmt: skip


def test_words_of_one_day_are_not_said_on_another() -> None:
    on = date(2027, 3, 22)
    calendar = said(inclusions=[{"text": "doubled by a baker", "from": on.isoformat(), "until": on.isoformat()}])

    for slot in calendar.slots:
        off = slot.given is not None and slot.given.not_said == ["doubled by a baker"]
        assert off is (day(slot) != on)
    past = Given(not_said=["doubled by a baker"])
    found = check_post(words("Each euro is doubled by a baker."), post=a_post(given=past), policy=a_policy())
    assert [check.code for check in found.checks if check.severity == "block"] == ["INCLUSION_OUT_OF_TIME"]


# --- items --------------------------------------------------------------------------------------------


def test_each_item_has_a_post_of_its_own_in_order_and_spread() -> None:
    calendar = planned(spring(("items", [{"name": f"Lot {n}"} for n in range(4)])))

    held = [(slot.number, slot.given.item.name) for slot in calendar.slots if slot.given and slot.given.item]

    assert [name for _, name in held] == ["Lot 0", "Lot 1", "Lot 2", "Lot 3"]
    gaps = [after - before for (before, _), (after, _) in pairwise(held)]
    assert max(gaps) - min(gaps) <= 1


def test_heavier_items_come_first() -> None:
    items = [{"name": "light"}, {"name": "heavy", "weight": 3.0}, {"name": "middle", "weight": 1.0}]
    calendar = planned(spring(("items", items)))

    assert [slot.given.item.name for slot in calendar.slots if slot.given and slot.given.item] == [
        "heavy", "middle", "light",
    ]  # fmt: skip


def test_items_raise_the_number_of_posts_within_the_cadence_and_no_further() -> None:
    usual = len(planned(spring()).slots)
    most = 15 - 1  # five a week in three weeks, of which one has a day less

    assert usual < most
    assert len(planned(spring(("items", [{"name": f"Lot {n}"} for n in range(most)]))).slots) == most
    assert faults(("items", [{"name": f"Lot {n}"} for n in range(16)])) == [("items", "ITEMS_TOO_MANY")]


def test_a_picture_of_an_item_is_a_picture_of_its_post() -> None:
    calendar = planned(spring(("items", [{"name": "Lot 7", "altText": "Bags on a table"}])))

    assert [slot.visual for slot in calendar.slots if slot.given and slot.given.item] == ["image"]


# --- the link of a post -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://a.example/x", "https://a.example/x?{}"),
        ("https://a.example/x?b=1&c", "https://a.example/x?b=1&c&{}"),
        ("https://a.example/x?b=1#top", "https://a.example/x?b=1&{}#top"),
        ("https://a.example/x?", "https://a.example/x?{}"),
    ],
)
def test_a_link_is_told_apart_by_post_and_keeps_its_query(url: str, expected: str) -> None:
    ours = "utm_source=twitter&utm_medium=social&utm_campaign=giving%20day&utm_content=post_1"

    assert tracked(url, platform="twitter", campaign="giving day", post_id="post_1") == expected.format(ours)


def test_a_parameter_that_the_link_has_is_not_said_twice() -> None:
    found = tracked("https://a.example/?utm_source=mail", platform="twitter", campaign="c", post_id="p")

    assert found == "https://a.example/?utm_source=mail&utm_medium=social&utm_campaign=c&utm_content=p"


def test_a_name_becomes_a_label() -> None:
    assert campaign_label("Giving Day, for the river!") == "giving-day-for-the-river"
    assert campaign_label("!!!") == "campaign"


def test_posts_have_the_link_where_a_reader_can_follow_it() -> None:
    calendar = planned(spring(("trackedLink", {"url": "https://fernwood.example/harvest"})))

    linked = {slot.platform for slot in calendar.slots if slot.given and slot.given.link}

    assert linked == {"twitter", "linkedin"}


@pytest.mark.parametrize("name", ["Spring sale", "Frühling & Sommer", "50 % #now", "春"])
def test_a_campaign_in_the_statistics_has_any_name(name: str) -> None:
    change = ("trackedLink", {"url": "https://fernwood.example/harvest?a=b#top", "campaign": name})

    assert faults(change) == []
    assert planned(spring(change)).slots


@pytest.mark.parametrize(
    ("handle", "found"),
    [
        ("ines_carvalho", []),
        ("@ines_carvalho", []),
        ("https://x.com/ines_carvalho", [("items[0].handles[0].handle", "HANDLE_INVALID")]),
        ("Ines Carvalho", [("items[0].handles[0].handle", "HANDLE_INVALID")]),
        ("ines.carvalho", [("items[0].handles[0].handle", "HANDLE_INVALID")]),
    ],
)
def test_a_handle_is_one_of_its_platform(handle: str, found: list[tuple[str, str]]) -> None:
    named = {"name": "Ines", "handles": [{"platform": "twitter", "handle": handle}]}

    assert faults(("items", [named])) == found


def test_a_link_with_its_parameters_has_room_in_a_post() -> None:
    long = f"https://fernwood.com/{'x' * 1400}"

    assert faults(
        ("trackedLink", {"url": long, "campaign": "ü" * 100}), ("items", [{"name": "Lot", "link": long}])
    ) == [("trackedLink.url", "TOO_LONG"), ("items[0].link", "TOO_LONG")]
    assert faults(("trackedLink", {"url": long, "campaign": "u" * 100})) == []


# --- faults -------------------------------------------------------------------------------------------


def test_all_faults_of_the_new_parts_are_told_at_once() -> None:
    found = faults(
        ("messaging.inclusions", [{"text": "no discounts"}, {"text": "x", "until": "2027-03-14"}]),
        ("messaging.hashtags", [{"tag": "two words"}, {"tag": "a", "platforms": ["facebook"]}]),
        ("messaging.disclosures", [{"text": "Ad", "platforms": ["facebook"]}]),
        ("items", [{"name": "Lot", "handles": [{"platform": "facebook", "handle": "x"}]}]),
    )

    assert found == [
        ("messaging.inclusions[0].text", "INCLUSION_AVOIDED"),
        ("messaging.inclusions[1].until", "INCLUSION_NEVER"),
        ("messaging.hashtags[0].tag", "HASHTAG_INVALID"),
        ("messaging.hashtags[1].platforms[0]", "PLATFORM_NOT_SELECTED"),
        ("messaging.disclosures[0].platforms[0]", "PLATFORM_NOT_SELECTED"),
        ("items[0].handles[0].platform", "PLATFORM_NOT_SELECTED"),
    ]
