"""Small accepted inputs on the wire, changed at a path."""

from __future__ import annotations

import copy
from typing import Any

from pydantic import BaseModel, ValidationError

from campaigns.errors import Fault
from campaigns.model.base import derived_id
from campaigns.model.faults import faults_of

PERSONA_A, PERSONA_B = derived_id("persona", "a"), derived_id("persona", "b")

MISSING: Any = object()
"""Given as a value: the key is removed."""

BRIEF: dict[str, Any] = {
    "name": "Spring",
    "brief": {
        "description": "The first bags arrive.",
        "objective": "launch",
        "primaryCTA": {"type": "shop", "text": "Order the first bags", "url": "https://shop.example/bags"},
    },
    "participants": {"personaIds": [PERSONA_A, PERSONA_B], "platforms": ["twitter", "linkedin"]},
    "schedule": {
        "timezone": "Europe/Lisbon",
        "startDate": "2027-03-15",
        "endDate": "2027-04-04",
        "allowedDaysOfWeek": ["mon", "tue", "wed", "thu", "fri"],
    },
}

PERSONA: dict[str, Any] = {
    "name": "Ines",
    "role": "Head roaster",
    "company": "Fernwood",
    "primaryAudience": "consumers",
    "voiceTraits": ["exact"],
    "writingHabits": {"paragraphs": "short", "questions": "rare", "emojis": "none", "structure": "prose"},
    "opinions": {"strongBeliefs": ["A roast date matters"]},
    "ctaStyle": {"aggressiveness": "low"},
}

BRAND: dict[str, Any] = {
    "name": "Fernwood",
    "ethos": "Small batches",
    "coreValues": ["Fair prices"],
    "primaryAudience": "consumers",
    "voiceGuidelines": {"tone": ["warm"], "style": ["short"], "messaging": ["name the farm"]},
    "visualIdentity": {"colorPalette": ["#fff"], "typography": ["Inter"], "imagery": ["hands"]},
    "contentStandards": {"qualityRequirements": ["checked"]},
    "platformGuidelines": {"enabled": ["twitter"]},
}


def changed(wire: dict[str, Any], *changes: tuple[str, Any]) -> dict[str, Any]:
    """Return a copy with the value at each dotted path replaced, or removed when it is `MISSING`."""
    result = copy.deepcopy(wire)
    for path, value in changes:
        *parents, last = path.split(".")
        place = result
        for parent in parents:
            place = place.setdefault(parent, {})
        if value is MISSING:
            place.pop(last, None)
        else:
            place[last] = value
    return result


def faults(model: type[BaseModel], wire: Any) -> list[Fault]:
    """Return what the model finds wrong; an empty list when it accepts."""
    try:
        model.model_validate(wire)
    except ValidationError as error:
        return faults_of(error)
    return []


def fields(model: type[BaseModel], wire: Any) -> list[str]:
    return [fault.field for fault in faults(model, wire)]
