"""The sample brand and personas, and small briefs built on them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from campaigns.model.brief import CampaignBrief
from campaigns.model.library.brand import Brand
from campaigns.model.library.persona import Persona
from campaigns.rules.calendar.building import Calendar, plan_calendar
from campaigns.rules.merge.merging import MergedConfig, merge
from tests.model.wires import changed

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
STORED = {"tenantId": "acme", "createdAt": "2026-01-01T00:00:00Z", "updatedAt": "2026-01-01T00:00:00Z"}
NOW = datetime(2027, 3, 1, 9, tzinfo=UTC)


def sample(name: str) -> Any:
    return json.loads((SAMPLES / f"{name}.json").read_text())


def the_brand(*changes: tuple[str, Any]) -> Brand:
    return Brand.model_validate(changed({**sample("brand"), **STORED}, *changes))


def the_personas() -> list[Persona]:
    return [Persona.model_validate({**wire, **STORED}) for wire in sample("personas")]


def spring(*changes: tuple[str, Any]) -> CampaignBrief:
    """Three weeks in Lisbon, two personas on three platforms, with the brand."""
    return CampaignBrief.model_validate(changed(sample("spring-harvest"), *changes))


def event_day(*changes: tuple[str, Any]) -> CampaignBrief:
    """Three weeks in New York around the clock change of November, one persona on three platforms, no brand."""
    return CampaignBrief.model_validate(changed(sample("conference-talks"), *changes))


def merged(brief: CampaignBrief, brand: Brand | None = None) -> MergedConfig:
    if brief.brand_id is not None and brand is None:
        brand = the_brand()
    return merge(brief, brand, the_personas())


def planned(brief: CampaignBrief, seed: str = "seed", not_before: datetime | None = None) -> Calendar:
    return plan_calendar(brief, merged(brief), seed=seed, not_before=not_before)
