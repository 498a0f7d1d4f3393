"""Briefs that say nothing new are planned as they were planned on 30 November 2026, byte for byte.

`plans/same.json` holds a hash for each sample brief and for each of some hundred made ones: of what is stored of the
brief, of its plan version, and of its calendar or its refusal. It was made before a brief could
name key dates, items and the like. It is renewed (`python -m tests.rules.test_same_plans`) only when plans are meant to
change.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from campaigns.errors import ImpossibleBriefError
from campaigns.model.base import content_hash, derived_id
from campaigns.model.brief import CampaignBrief
from campaigns.model.library.persona import Persona
from campaigns.rules.calendar.building import plan_calendar
from campaigns.rules.merge.merging import merge, plan_version
from tests.rules.situations import STORED, the_brand, the_personas

PLANS = Path(__file__).parent / "plans"
KNOWN = PLANS / "same.json"
SAMPLES = ("spring-harvest", "conference-talks")  # as they were then
GIVEN = ("breast", "giving", "orange", "oss90", "rejekts", "starter")
MADE = 300
PEOPLE = [derived_id("persona", number) for number in range(4)]
PLACES = ["twitter", "linkedin", "instagram", "facebook"]
WEEK = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
ZONES = ["UTC", "America/New_York", "Europe/Lisbon", "Asia/Kolkata", "Australia/Lord_Howe", "Africa/Cairo"]
DOORS = ["08:00-10:30", "09:00-17:00", "12:00-13:00", "17:00-19:00", "22:00-24:00", "00:00-00:20"]


def test_old_briefs_are_planned_as_before() -> None:
    known = json.loads(KNOWN.read_text())

    found = dict(_hashes())

    assert found == known, [name for name in known if found.get(name) != known[name]]


def _hashes() -> Iterator[tuple[str, str]]:
    for name in (*SAMPLES, *GIVEN):
        yield name, _hash(json.loads((PLANS / f"{name}.json").read_text()), the_personas())
    for number in range(MADE):
        yield str(number), _hash(made(Random(number)), people())


def _hash(wire: dict[str, Any], personas: list[Persona]) -> str:
    brief = CampaignBrief.model_validate(wire)
    config = merge(brief, the_brand() if brief.brand_id else None, personas)
    version = plan_version(brief, config)
    outcomes: list[Any] = []
    for not_before in (None, datetime(2027, 6, 9, 10, 7, tzinfo=UTC)):
        try:
            outcomes.append(plan_calendar(brief, config, seed=version, not_before=not_before).to_wire())
        except ImpossibleBriefError as error:
            outcomes.append([[fault.field, fault.code, fault.message] for fault in error.faults])
    return content_hash([brief.to_wire(), version, outcomes])[:16]


def people() -> list[Persona]:
    like = the_personas()[0].to_wire()
    return [Persona.model_validate({**like, **STORED, "id": each, "name": f"P {each[-3:]}"}) for each in PEOPLE]


def made(chance: Random) -> dict[str, Any]:
    """Return an accepted brief on the wire, of words that a brief knew then."""
    first = date(2027, 1, 1) + timedelta(days=chance.randrange(365))
    last = first + timedelta(days=chance.choice([0, 3, 6, 13, 27, 45, 60, 89, 90]))
    objective = chance.choice(["awareness", "education", "conversion", "event", "launch"])
    brief: dict[str, Any] = {"description": "Something worth telling, told in plain words.", "objective": objective}
    if chance.random() < 0.6:
        brief["primaryCTA"] = {"type": "read", "text": "Read on", "url": "https://shop.example/harvest"}
    else:
        brief["ctaWaived"] = True
    schedule: dict[str, Any] = {
        "timezone": chance.choice(ZONES),
        "startDate": first.isoformat(),
        "endDate": last.isoformat(),
        "allowedDaysOfWeek": chance.sample(WEEK, chance.randint(1, 7)),
    }
    if chance.random() < 0.3:
        off = first + timedelta(days=chance.randrange(10))
        schedule["blackoutDates"] = [{"from": off.isoformat(), "to": (off + timedelta(days=2)).isoformat()}]
    if chance.random() < 0.5:
        doors = [door.split("-") for door in chance.sample(DOORS[:1] + DOORS[2:], chance.randint(1, 3))]
        schedule["postingWindows"] = [{"start": start, "end": end} for start, end in doors]
    wire: dict[str, Any] = {
        "name": "A campaign",
        "brief": brief,
        "participants": {
            "personaIds": chance.sample(PEOPLE, chance.randint(1, 4)),
            "platforms": chance.sample(PLACES, chance.randint(1, 4)),
        },
        "schedule": schedule,
        "messaging": {"requiredInclusions": [f"{n} bags" for n in range(chance.randint(0, 4))]},
    }
    if chance.random() < 0.6:
        least = chance.randint(0, 12)
        wire["cadenceOverrides"] = {
            "minPostsPerWeek": least,
            "maxPostsPerWeek": least + chance.randint(1, 8),
            "maxPostsPerDay": chance.randint(1, 4),
        }
    if chance.random() < 0.3:
        wire["messaging"]["pillars"] = [{"name": "One", "weight": 0.7}, {"name": "Two", "weight": 0.3}]
    return wire


if __name__ == "__main__":
    KNOWN.write_text(json.dumps(dict(_hashes()), indent=0) + "\n")
