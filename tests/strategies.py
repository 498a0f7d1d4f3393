"""One strategy per value of the domain: accepted briefs on the wire, brands, personas, and the three together."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from campaigns.model.base import derived_id
from campaigns.model.brief import CampaignBrief
from campaigns.model.library.brand import Brand
from campaigns.model.library.persona import Persona
from campaigns.model.vocabulary import DAYS, PLATFORMS
from campaigns.rules.merge.merging import MergedConfig, merge

TENANT = "acme"
CREATED = "2026-01-01T00:00:00Z"
BRAND_ID = derived_id("brand", 1)
PERSONA_IDS = [derived_id("persona", number) for number in range(10)]

ZONES = [
    "UTC",
    "America/New_York",
    "Europe/Lisbon",
    "Asia/Kolkata",  # half an hour off
    "Australia/Lord_Howe",  # changes by half an hour
    "America/Havana",  # changes at midnight
    "Africa/Cairo",  # changes at midnight
    "Pacific/Apia",  # a day ahead of most
]
# Around them the clock changes in one of the zones above.
DST_DAYS = [date(2027, 3, 14), date(2027, 3, 28), date(2027, 10, 31), date(2027, 11, 7), date(2027, 4, 4)]


def texts(least: int, most: int) -> st.SearchStrategy[str]:
    """Texts that have between `least` and `most` code points once they are trimmed."""
    letters = "abcdefghij éü漢"
    return st.text(letters, min_size=least, max_size=min(most, 60)).filter(lambda text: len(text.strip()) >= least)


def lists_of_texts(most: int, longest: int, least: int = 0) -> st.SearchStrategy[list[str]]:
    return st.lists(texts(1, longest), min_size=least, max_size=min(most, 4))


def _shares(count: int, least: int) -> st.SearchStrategy[list[float]]:
    """`count` shares in thousandths, each at least `least` of them, together exactly 1."""

    def cut(points: list[int]) -> list[float]:
        edges = [0, *sorted(points), 1000 - least * count]
        return [(high - low + least) / 1000 for low, high in pairwise(edges)]

    free = 1000 - least * count
    return st.lists(st.integers(0, free), min_size=count - 1, max_size=count - 1).map(cut)


@st.composite
def participants(draw: st.DrawFn, most_personas: int = 10) -> dict[str, Any]:
    people = draw(st.lists(st.sampled_from(PERSONA_IDS), min_size=1, max_size=most_personas, unique=True))
    places = draw(st.lists(st.sampled_from(PLATFORMS), min_size=1, max_size=len(PLATFORMS), unique=True))
    mode = draw(st.sampled_from(["balanced", "weighted", "custom", None]))
    if mode is None:
        return {"personaIds": people, "platforms": places}
    distribution: dict[str, Any] = {"mode": mode}
    least = 1 if mode == "weighted" else 0
    maps = draw(st.sampled_from([("personaWeights",), ("platformWeights",), ("personaWeights", "platformWeights")]))
    if mode != "balanced":
        for name in maps:
            chosen = people if name == "personaWeights" else places
            distribution[name] = dict(zip(chosen, draw(_shares(len(chosen), least)), strict=True))
    return {"personaIds": people, "platforms": places, "distribution": distribution}


@st.composite
def windows(draw: st.DrawFn, most: int = 4) -> list[dict[str, str]]:
    """Windows that do not overlap; often on marks, sometimes odd, sometimes touching midnight."""
    minute = st.one_of(st.integers(0, 288).map(lambda mark: mark * 5), st.integers(0, 1440))
    edges = sorted(draw(st.lists(minute, min_size=2, max_size=2 * most, unique=True)))
    pairs = zip(edges[::2], edges[1::2], strict=False)
    return [{"start": f"{a // 60:02}:{a % 60:02}", "end": f"{b // 60:02}:{b % 60:02}"} for a, b in pairs]


@st.composite
def schedules(draw: st.DrawFn, longest: int = 90, zones: list[str] = ZONES) -> dict[str, Any]:
    zone = draw(st.sampled_from(zones))
    first = draw(
        st.one_of(
            st.sampled_from(DST_DAYS).flatmap(lambda day: st.integers(0, 6).map(lambda n: day - timedelta(days=n))),
            st.dates(date(2027, 1, 1), date(2027, 12, 31)),
        )
    )
    days = draw(st.one_of(st.integers(0, 13), st.integers(0, longest - 1)).map(lambda n: min(n, longest - 1)))
    last = first + timedelta(days=days)
    schedule: dict[str, Any] = {
        "timezone": zone,
        "startDate": first.isoformat(),
        "endDate": last.isoformat(),
        "allowedDaysOfWeek": draw(st.lists(st.sampled_from(DAYS), min_size=1, max_size=7, unique=True)),
    }
    if draw(st.booleans()):
        moment = datetime(first.year, first.month, first.day, draw(st.integers(0, 23)), tzinfo=ZoneInfo(zone))
        # In UTC: added to wall time, an hour may be no time at all on the day the clock changes.
        opens = moment.astimezone(UTC)
        schedule["startDate"] = opens.isoformat()
        schedule["endDate"] = (opens + timedelta(days=days, hours=1)).isoformat()
    if draw(st.booleans()):
        offsets = draw(st.lists(st.integers(0, max(1, days)), max_size=4, unique=True))
        schedule["blackoutDates"] = [(first + timedelta(days=n)).isoformat() for n in offsets]
    elif draw(st.booleans()):
        start = first + timedelta(days=draw(st.integers(0, max(1, days))))
        end = start + timedelta(days=draw(st.integers(0, 5)))
        schedule["blackoutDates"] = [{"from": start.isoformat(), "to": end.isoformat()}]
    if draw(st.booleans()):
        schedule["postingWindows"] = draw(windows())
    return schedule


@st.composite
def cadences(draw: st.DrawFn, most_a_week: int = 40, most_a_day: int = 8) -> dict[str, Any]:
    least = draw(st.one_of(st.none(), st.integers(0, 7), st.integers(0, most_a_week)))
    most = draw(st.one_of(st.none(), st.integers(max(1, least or 0), most_a_week)))
    per_day = draw(st.one_of(st.none(), st.integers(1, most_a_day)))
    given = {"minPostsPerWeek": least, "maxPostsPerWeek": most, "maxPostsPerDay": per_day}
    return {name: value for name, value in given.items() if value is not None}


@st.composite
def messagings(draw: st.DrawFn) -> dict[str, Any]:
    names = draw(st.lists(st.sampled_from([f"Pillar {n}" for n in range(10)]), max_size=5, unique=True))
    shares = draw(_shares(len(names), 0)) if names else []
    return {
        "pillars": [{"name": name, "weight": share} for name, share in zip(names, shares, strict=True)],
        "requiredInclusions": draw(lists_of_texts(20, 500)),
        "campaignAvoidTopics": draw(lists_of_texts(50, 200)),
    }


@st.composite
def brief_wires(draw: st.DrawFn, longest: int = 90) -> dict[str, Any]:
    """Accepted briefs as they arrive."""
    objective = draw(st.sampled_from(["awareness", "education", "conversion", "event", "launch"]))
    brief: dict[str, Any] = {"description": draw(texts(10, 2000)), "objective": objective}
    if draw(st.booleans()):
        brief["primaryCTA"] = {"type": draw(texts(1, 50)), "text": draw(texts(1, 200))}
        if draw(st.booleans()):
            brief["primaryCTA"]["url"] = "https://shop.example/harvest?from=post"
    elif objective in {"conversion", "event"}:
        brief["ctaWaived"] = True
    wire: dict[str, Any] = {
        "name": draw(texts(1, 200)),
        "brief": brief,
        "participants": draw(participants()),
        "schedule": draw(schedules(longest)),
    }
    optional = {
        "brandId": st.just(BRAND_ID),
        "cadenceOverrides": cadences(),
        "messaging": messagings(),
        "assetOverrides": st.fixed_dictionaries(
            {"forceVisuals": st.fixed_dictionaries({}, optional=dict.fromkeys(["twitter", "linkedin"], st.booleans()))}
        ),
        "approval": st.fixed_dictionaries(
            {}, optional={"expiresInHours": st.integers(1, 720), "maxRevisionRounds": st.integers(0, 10)}
        ),
        "metadata": st.fixed_dictionaries({"source": st.sampled_from(["wizard", "api", "import", "ui", "schedule"])}),
    }
    for name, strategy in optional.items():
        if draw(st.booleans()):
            wire[name] = draw(strategy)
    return wire


def briefs(longest: int = 90) -> st.SearchStrategy[CampaignBrief]:
    return brief_wires(longest).map(CampaignBrief.model_validate)


@st.composite
def personas(draw: st.DrawFn, identifier: str) -> Persona:
    return Persona.model_validate(
        {
            "id": identifier,
            "tenantId": TENANT,
            "createdAt": CREATED,
            "updatedAt": CREATED,
            "name": f"Persona {identifier[-4:]}",
            "role": "Writer",
            "company": "Acme",
            "primaryAudience": "consumers",
            "voiceTraits": ["plain"],
            "writingHabits": {
                "paragraphs": "short",
                "questions": "rare",
                "emojis": draw(st.sampled_from(["frequent", "sparing", "none"])),
                "structure": "prose",
            },
            "opinions": {"strongBeliefs": ["Say it simply"], "avoidsTopics": draw(lists_of_texts(10, 100))},
            "language": {"avoid": draw(lists_of_texts(20, 100))},
            "ctaStyle": {"aggressiveness": draw(st.sampled_from(["low", "medium", "high"]))},
        }
    )


_platform_defaults = st.fixed_dictionaries(
    {
        "defaultAsset": st.sampled_from(["none", "image", "video"]),
        "linkPolicy": st.sampled_from(["allowed", "discouraged", "never"]),
        "emojiPolicy": st.sampled_from(["none", "sparing", "allowed"]),
        "hashtagPolicy": st.sampled_from(["none", "sparing", "allowed"]),
        "typicalCadencePerWeek": st.integers(0, 21),
    }
)


@st.composite
def brands(draw: st.DrawFn, identifier: str = BRAND_ID) -> Brand:
    weighted = draw(st.booleans())
    names = draw(st.lists(st.sampled_from(["Craft", "People", "Place", "Price"]), max_size=4, unique=True))
    shares = draw(_shares(len(names), 0)) if names else []
    pillars = [
        {"name": name, "weight": share} if weighted else {"name": name}
        for name, share in zip(names, shares, strict=True)
    ]
    return Brand.model_validate(
        {
            "id": identifier,
            "tenantId": TENANT,
            "createdAt": CREATED,
            "updatedAt": CREATED,
            "name": "Acme",
            "ethos": "Plain and good",
            "coreValues": ["Honesty"],
            "primaryAudience": "consumers",
            "voiceGuidelines": {"tone": ["warm"], "style": ["short"], "messaging": ["facts"]},
            "visualIdentity": {"colorPalette": ["#fff"], "typography": ["Inter"], "imagery": ["hands"]},
            "contentStandards": {
                "qualityRequirements": ["checked"],
                "avoidTopics": draw(lists_of_texts(20, 100)),
                "avoidPhrases": draw(lists_of_texts(20, 100)),
            },
            "platformGuidelines": {
                "enabled": list(PLATFORMS),
                "defaults": draw(
                    st.fixed_dictionaries({}, optional=dict.fromkeys([str(p) for p in PLATFORMS], _platform_defaults))
                ),
            },
            "pillars": pillars,
            "approvalPolicy": {"threshold": draw(st.sampled_from([0.0, 0.5, 0.7, 1.0]))},
        }
    )


@dataclass(frozen=True)
class Situation:
    """A brief with the brand and the personas it names, and the configuration merged from them."""

    brief: CampaignBrief
    brand: Brand | None
    personas: list[Persona]

    @property
    def config(self) -> MergedConfig:
        return merge(self.brief, self.brand, self.personas)


@st.composite
def situations(draw: st.DrawFn, source: st.SearchStrategy[CampaignBrief] | None = None) -> Situation:
    brief = draw(source if source is not None else briefs())
    brand = draw(brands()) if brief.brand_id is not None else None
    people = [draw(personas(identifier)) for identifier in brief.participants.persona_ids]
    return Situation(brief, brand, people)
