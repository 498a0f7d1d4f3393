"""Submission: everything that needs the clock, the brand, the personas or the calendar, all at once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from campaigns.errors import Fault
from campaigns.model.base import derived_id
from campaigns.model.brief import CampaignBrief
from campaigns.model.library.brand import Brand
from campaigns.model.library.persona import Persona
from campaigns.model.vocabulary import BrandStatus
from campaigns.rules.submission import Parts, faults_of_parts, submission_faults
from tests.rules.situations import NOW, event_day, spring, the_brand, the_personas

PERSONAS = {persona.id: persona for persona in the_personas()}
INES, TOMAS = PERSONAS


def submitted(
    brief: CampaignBrief,
    brand: Brand | None = None,
    personas: dict[str, Persona] | None = None,
    now: datetime = NOW,
) -> list[Fault]:
    return submission_faults(
        brief,
        brand=the_brand() if brand is None and brief.brand_id else brand,
        personas=PERSONAS if personas is None else personas,
        now=now,
    )


def codes(faults: list[Fault]) -> list[tuple[str, str]]:
    return [(fault.field, fault.code) for fault in faults]


def test_the_samples_have_no_fault() -> None:
    assert submitted(spring()) == []
    assert submitted(event_day()) == []


@pytest.mark.parametrize(
    ("start", "now", "past"),
    [
        # A day can be the first one until it is over where the audience lives (Lisbon, UTC in March).
        ("2027-03-15", "2027-03-15T00:00Z", False),
        ("2027-03-15", "2027-03-15T23:59Z", False),
        ("2027-03-15", "2027-03-16T00:04Z", False),
        ("2027-03-15", "2027-03-16T00:05Z", True),
        # An instant has five minutes of grace.
        ("2027-03-15T09:00:00Z", "2027-03-15T09:00Z", False),
        ("2027-03-15T09:00:00Z", "2027-03-15T09:05Z", False),
        ("2027-03-15T09:00:00Z", "2027-03-15T09:06Z", True),
        ("2027-03-15T09:00:00+02:00", "2027-03-15T07:05Z", False),
        ("2027-03-15T09:00:00+02:00", "2027-03-15T07:06Z", True),
    ],
)
def test_a_start_in_the_past_is_refused_after_its_grace(start: str, now: str, past: bool) -> None:
    found = submitted(spring(("schedule.startDate", start)), now=datetime.fromisoformat(now))

    assert codes(found) == ([("schedule.startDate", "START_IN_PAST")] if past else [])


def test_the_day_is_over_when_it_is_over_in_the_zone_of_the_campaign() -> None:
    brief = event_day()  # New York: the 25th of October ends at 04:00 UTC

    assert submitted(brief, now=datetime(2027, 10, 26, 4, 4, tzinfo=UTC)) == []
    assert codes(submitted(brief, now=datetime(2027, 10, 26, 4, 5, tzinfo=UTC))) == [
        ("schedule.startDate", "START_IN_PAST")
    ]


def test_an_unknown_persona_is_named_by_its_place() -> None:
    stranger = derived_id("persona", "stranger")

    found = submitted(spring(("participants.personaIds", [INES, stranger])))

    assert codes(found) == [("participants.personaIds[1]", "PERSONA_UNKNOWN")]


def test_an_inactive_persona_is_named_by_its_place() -> None:
    asleep = PERSONAS[TOMAS].model_copy(update={"is_active": False})

    found = submitted(spring(), personas={**PERSONAS, TOMAS: asleep})

    assert codes(found) == [("participants.personaIds[1]", "PERSONA_INACTIVE")]


@pytest.mark.parametrize("status", [BrandStatus.INACTIVE, BrandStatus.ARCHIVED])
def test_a_brand_that_is_not_active_is_refused(status: BrandStatus) -> None:
    asleep = the_brand().model_copy(update={"status": status})

    assert codes(submitted(spring(), asleep)) == [("brandId", "BRAND_INACTIVE")]


def test_an_unknown_brand_is_refused_and_no_rule_of_it_is_guessed() -> None:
    # Without overrides the minimum would have come from the brand: its absence adds no fault of cadence.
    brief = spring(("cadenceOverrides", {}), ("schedule.allowedDaysOfWeek", ["mon"]))

    found = submission_faults(brief, brand=None, personas=PERSONAS, now=NOW)

    assert codes(found) == [("brandId", "BRAND_UNKNOWN")]


def test_a_foreign_id_reads_like_an_unknown_one() -> None:
    """The caller looks up in its own tenant and finds nothing, for both: the words are the same but for the id."""
    foreign, unknown = derived_id("persona", "foreign"), derived_id("persona", "unknown")

    first = submitted(spring(("participants.personaIds", [foreign])), personas={})
    second = submitted(spring(("participants.personaIds", [unknown])), personas={})

    assert [fault.message.replace(foreign, "ID") for fault in first] == [
        fault.message.replace(unknown, "ID") for fault in second
    ]


def test_a_platform_the_brand_does_not_use_is_named_by_its_place() -> None:
    brief = spring(("participants", {"personaIds": [INES], "platforms": ["twitter", "facebook"]}))

    found = submitted(brief)

    assert codes(found) == [("participants.platforms[1]", "PLATFORM_NOT_ENABLED")]
    assert "only X, LinkedIn, Instagram" in found[0].message


@pytest.mark.parametrize(
    ("inclusion", "who"),
    [
        ("No discounts this year", "the campaign"),
        ("Coffee and POLITICS", "the brand Fernwood Coffee Roasters"),
        ("the best  in the world", "the brand Fernwood Coffee Roasters"),
        ("An artisánal roast", "the persona Ines Carvalho"),
        ("On coffee and health", "the persona Ines Carvalho"),
        ("We disrupt", "the persona Tomás Okafor"),
        ("A discount for families", "the campaign"),
        ("Its health is the coffee's secret", "the persona Ines Carvalho"),
    ],
)
def test_an_inclusion_that_somebody_avoids_is_refused_at_once(inclusion: str, who: str) -> None:
    found = submitted(spring(("messaging.requiredInclusions", ["38 families", inclusion])))

    assert codes(found) == [("messaging.requiredInclusions[1]", "INCLUSION_AVOIDED")]
    assert who in found[0].message


@pytest.mark.parametrize(
    "inclusion", ["38 families", "discountable", "a political map", "the journeyman", "best of the world"]
)
def test_a_part_of_a_word_is_no_collision(inclusion: str) -> None:
    assert submitted(spring(("messaging.requiredInclusions", [inclusion]))) == []


def test_an_inclusion_that_fits_no_selected_platform_is_refused_at_once() -> None:
    fact = ("messaging.requiredInclusions", ["x" * 281])

    assert submitted(spring(fact)) == []
    assert codes(submitted(event_day(fact, ("participants.platforms", ["twitter"])))) == [
        ("messaging.requiredInclusions[0]", "INCLUSION_TOO_LONG")
    ]


def test_a_persona_that_is_not_selected_avoids_nothing() -> None:
    alone = ("participants.personaIds", [TOMAS])

    assert submitted(spring(alone, ("messaging.requiredInclusions", ["artisanal"]))) == []


def test_an_impossible_calendar_is_a_fault_of_the_submission() -> None:
    found = submitted(spring(("schedule.allowedDaysOfWeek", ["mon"]), ("cadenceOverrides.minPostsPerWeek", 3)))

    assert codes(found) == [("cadenceOverrides.minPostsPerWeek", "CADENCE_UNREACHABLE")]


def test_all_faults_are_told_at_once_in_the_order_of_the_form() -> None:
    stranger = derived_id("persona", "stranger")
    brief = spring(
        ("participants", {"personaIds": [stranger, TOMAS], "platforms": ["facebook", "twitter"]}),
        ("messaging.requiredInclusions", ["politics"]),
        ("schedule.allowedDaysOfWeek", ["mon"]),
    )

    found = submitted(brief, now=NOW + timedelta(days=30))

    assert codes(found) == [
        ("participants.personaIds[0]", "PERSONA_UNKNOWN"),
        ("participants.platforms[0]", "PLATFORM_NOT_ENABLED"),
        ("schedule.startDate", "START_IN_PAST"),
        ("messaging.requiredInclusions[0]", "INCLUSION_AVOIDED"),
        ("cadenceOverrides.minPostsPerWeek", "CADENCE_UNREACHABLE"),
    ]


def test_ids_of_a_brief_that_is_faulty_otherwise_can_be_checked_alone() -> None:
    stranger: Any = derived_id("persona", "stranger")
    given = Parts(derived_id("brand", 9), [INES, stranger], participants=None, schedule=None, messaging=None)

    found = faults_of_parts(given, brand=None, personas=PERSONAS, now=NOW)

    assert codes(found) == [("participants.personaIds[1]", "PERSONA_UNKNOWN"), ("brandId", "BRAND_UNKNOWN")]


def test_what_is_left_of_the_first_day_is_enough_to_submit() -> None:
    # At 18:00 in Lisbon an hour of windows is left today.
    assert submitted(spring(), now=datetime(2027, 3, 15, 18, tzinfo=UTC)) == []


# --- stages ---------------------------------------------------------------------------------------------


def in_stages(*hours: int) -> tuple[str, Any]:
    return "approval", {
        "stages": [{"name": name, "expiresInHours": each} for name, each in zip(STAGES, hours, strict=True)]
    }


STAGES = ("Editor", "Legal", "Client")


def test_stages_that_fit_before_the_first_post_are_no_fault() -> None:
    assert submitted(spring(in_stages(48, 48, 72))) == []


def test_stages_that_do_not_fit_before_the_first_post_are_refused_with_what_helps() -> None:
    brief = spring(in_stages(168, 168, 168))

    (fault,) = submitted(brief)

    assert (fault.field, fault.code) == ("approval.stages", "STAGES_TOO_LONG")
    assert "need 504 hours (Editor 168 + Legal 168 + Client 168)" in fault.message
    start, hours = fault.message.split(". To make it possible: ")[1].split(", or ")
    day = start.removeprefix("start on ").split()[1]
    assert submitted(brief.model_copy(update={"schedule": spring(("schedule.startDate", day)).schedule})) == []
    in_all = int(hours.removeprefix("give the stages ").removesuffix(" hours in all"))
    assert submitted(spring(in_stages(in_all - 2, 1, 1))) == []
    assert codes(submitted(spring(in_stages(in_all - 1, 1, 1)))) == [("approval.stages", "STAGES_TOO_LONG")]


def test_the_flat_form_is_warned_of_and_not_refused() -> None:
    assert submitted(spring(("approval", {"expiresInHours": 720}))) == []


def test_what_no_change_of_one_thing_helps_is_refused_without_advice() -> None:
    brief = spring(in_stages(720, 720, 720), ("schedule.endDate", "2027-03-16"))

    (fault,) = submitted(brief, now=datetime(2027, 3, 15, 8, tzinfo=UTC))

    assert fault.code == "STAGES_TOO_LONG"
    assert "start on" not in fault.message
