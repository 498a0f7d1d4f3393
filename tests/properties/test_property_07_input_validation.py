"""Property 7: input is accepted exactly when the written rules accept it, and every fault names its field."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from campaigns.agents.planner import Planner
from campaigns.agents.prompts import Prompt
from campaigns.agents.providers.text_model import Answer, ModelAnswer
from campaigns.model.base import Wire, derived_id
from campaigns.model.brief import CampaignBrief
from campaigns.model.faults import faults_of
from campaigns.model.library.persona import WritingExampleInput
from tests.properties.brief_rules import CROSS, wrong
from tests.strategies import BRAND_ID, CREATED, PERSONA_IDS, TENANT, brief_wires

# Values that are right somewhere and wrong elsewhere, many of them at the very edge of a bound.
VALUES: list[Any] = [
    None, True, False, 0, 1, -1, 2.5, 0.3, 0.5, 1.001, float("nan"), float("inf"),
    4, 10, 11, 50, 51, 200, 201, 720, 721, 10_000, 10_001,
    "", "  ", "x", "x" * 9, "x" * 10, "x" * 50, "x" * 51, "x" * 100, "x" * 101, "x" * 200, "x" * 201,
    "x" * 500, "x" * 501, "x" * 2000, "x" * 2001, "e\u0301" * 200, " " + "x" * 200, "a\u202eb", "a\u0000b", "a\nb",
    "a\u200bb", "\ufeff", "so\u00adft", "x" * 200 + "\u200b", "a\u2028b", "\u2066a\u2069", "a\U000e0062\U000e0063",
    "mon", "twitter", "instagram", "conversion", "awareness", "balanced", "weighted", "custom", "any", "all", "3",
    "UTC", "Europe/Lisbon", "Mars/Olympus", "../etc/passwd", "approve", "wizard",
    "2027-03-15", "2027-02-29", "2027-06-13", "2028-01-01", "2027-03-15T00:00:00", "2027-03-15T00:00:00Z",
    "2027-03-15T23:30:00-05:00", "15.03.2027",
    "00:00", "09:00", "9:00", "23:59", "24:00", "24:01",
    "https://a.example", "http://a.example/x?y#z", "https://a", "javascript:alert(1)", "ftp://a.example",
    "ana@acme.example", "ana@acme", "pt-PT", "portuguese",
    BRAND_ID, PERSONA_IDS[0], PERSONA_IDS[0] + "\n", "persona_1",
    [], {}, [None], ["x"], ["x"] * 20, ["x"] * 21, ["x"] * 51, [1], [[]], {"foo": 1}, {"foo": None},
    ["mon"], ["mon", "mon"], ["twitter", "instagram"], [PERSONA_IDS[0], PERSONA_IDS[0]], PERSONA_IDS[:3],
    ["2027-03-20"], ["2027-03-20", "2027-03-20"], [{"from": "2027-03-20", "to": "2027-03-19"}],
    [{"from": "2027-01-01", "to": "2028-01-01"}], [{"from": "2027-01-01", "to": "2028-01-02"}],
    [{"from": "2027-03-20"}], [5], ["2027-03-20T00:00:00"],
    [{"start": "09:00", "end": "10:00"}, {"start": "09:30", "end": "11:00"}], [{"start": "10:00", "end": "09:00"}],
    [{"name": "a", "weight": 1}], [{"name": "a", "weight": 0.5}],
    [{"name": "a", "weight": 0.5}, {"name": "A", "weight": 0.5}],
    [{"name": "Ana", "email": "ana@acme.example"}] * 2, [{"name": "Ana", "email": "ana"}],
    {"twitter": 1.0}, {"twitter": ""}, {"instagram": False}, {"twitter": "yes"},
    {PERSONA_IDS[0]: 1}, {PERSONA_IDS[0]: None},
    {"minPostsPerWeek": 5, "maxPostsPerWeek": 4}, {"quorum": "2"}, {"quorum": 2, "approvers": []},
    {"type": "", "text": ""},
    {"mode": "custom", "platformWeights": {"twitter": 0}}, {"mode": "weighted"},
    {"mode": "weighted", "platformWeights": {"twitter": 1}},
    {"mode": "weighted", "personaWeights": {PERSONA_IDS[0]: 1}},
    {"mode": "balanced", "platformWeights": {}},
]  # fmt: skip

KNOWN = {
    "": ["name", "brief", "participants", "schedule", "brandId", "cadenceOverrides", "messaging", "assetOverrides",
         "approval", "budgetUSD", "metadata", "foo"],
    "brief": ["description", "objective", "primaryCTA", "ctaWaived", "foo"],
    "brief.primaryCTA": ["type", "text", "url"],
    "participants": ["personaIds", "platforms", "distribution"],
    "participants.distribution": ["mode", "personaWeights", "platformWeights"],
    "schedule": ["timezone", "startDate", "endDate", "allowedDaysOfWeek", "blackoutDates", "postingWindows"],
    "cadenceOverrides": ["minPostsPerWeek", "maxPostsPerWeek", "maxPostsPerDay"],
    "messaging": ["pillars", "requiredInclusions", "campaignAvoidTopics"],
    "assetOverrides": ["forceVisuals"],
    "assetOverrides.forceVisuals": ["twitter", "linkedin", "instagram", "facebook", "threads", "bluesky", "mastodon",
                                     "tiktok"],
    "approval": ["approvers", "quorum", "expiresInHours", "reminders", "onTimeout", "maxRevisionRounds", "requireOtp"],
    "metadata": ["source", "externalRef", "date"],
}  # fmt: skip
PLACES = [(home, name) for home, names in KNOWN.items() for name in names]


# So many letters, or entries, each of these may have; one more is too many.
LONGEST: list[tuple[str, str, int]] = [
    ("", "name", 200),
    ("brief", "description", 2000),
    ("brief.primaryCTA", "text", 200),
    ("messaging", "requiredInclusions", 500),
    ("messaging", "campaignAvoidTopics", 200),
    ("metadata", "externalRef", 200),
]


@st.composite
def wires_at_a_bound(draw: st.DrawFn) -> dict[str, Any]:
    """An accepted brief in which one text is as long as it may be, or by one letter longer."""
    wire = copy.deepcopy(draw(brief_wires(longest=30)))
    home, name, longest = draw(st.sampled_from(LONGEST))
    text = "x" * (longest + draw(st.integers(0, 1)))
    place: Any = wire
    for step in filter(None, home.split(".")):
        place = place.setdefault(step, {})
    if home == "brief.primaryCTA":
        wire["brief"].pop("ctaWaived", None)
        place.setdefault("type", "link")
    place[name] = [text] if home == "messaging" else text
    return wire


# What a persona wrote (domain.md section 7): at least and at most so many letters of each.
EXAMPLE = {"platform": (1, 50), "intent": (1, 100), "text": (10, 10_000), "notes": (1, 1000)}


@st.composite
def examples_at_a_bound(draw: st.DrawFn) -> dict[str, Any]:
    """Something that a persona wrote, with one text as long, or as short, as it may be, or by one letter beyond."""
    name = draw(st.sampled_from(sorted(EXAMPLE)))
    least, most = EXAMPLE[name]
    length = draw(st.sampled_from([least - 1, least, most, most + 1]))
    return {"platform": "Blog", "intent": "educate", "text": "We paid them first.", name: "x" * length}


def _example_is_judged(example: dict[str, Any]) -> None:
    beyond = {
        name for name, (least, most) in EXAMPLE.items() if not least <= len(example.get(name, "x" * least)) <= most
    }
    reported = _reported(example, WritingExampleInput)
    assert reported == beyond if beyond else isinstance(reported, WritingExampleInput)


@st.composite
def altered_wires(draw: st.DrawFn) -> dict[str, Any]:
    """An accepted brief in which up to three values, anywhere, are replaced, put into a list, or taken away."""
    wire = copy.deepcopy(draw(brief_wires(longest=30)))
    for _ in range(draw(st.integers(0, 3))):
        home, name = draw(st.sampled_from(PLACES))
        place: Any = wire
        for step in filter(None, home.split(".")):
            if not isinstance(place.get(step), dict):
                place[step] = {}
            place = place[step]
        current = place.get(name)
        value = draw(st.sampled_from(VALUES))
        if isinstance(current, list) and current and draw(st.booleans()):
            place[name] = [*current[:-1], value]
        elif draw(st.integers(0, 9)) == 0:
            place.pop(name, None)
        else:
            place[name] = value
    return wire


def _reported(wire: Any, kind: type[Wire] = CampaignBrief) -> set[str] | Wire:
    try:
        return kind.model_validate(wire)
    except ValidationError as error:
        return {re.sub(r"\[\d+\]", "[]", fault.field) for fault in faults_of(error)}


@pytest.mark.property(7, "input is accepted iff the written rules accept it, and every fault names its field")
@settings(max_examples=250, deadline=None)
@given(wire=altered_wires() | wires_at_a_bound(), example=examples_at_a_bound())
def test_a_brief_is_accepted_exactly_when_the_written_rules_accept_it(
    wire: dict[str, Any], example: dict[str, Any]
) -> None:
    """**Feature: campaign-orchestration-durable, Property 7: Input validation consistency**

    *For any* input, the system should validate parameters and return structured error responses for invalid inputs.
    """
    verdict = wrong(wire)

    reported = _reported(wire)

    event(f"accepted: {verdict.accepted}")
    if isinstance(reported, CampaignBrief):
        assert verdict.accepted, verdict
        # What is accepted survives the way out and in again, unchanged.
        assert CampaignBrief.model_validate(json.loads(json.dumps(reported.to_wire()))) == reported
    else:
        assert not verdict.accepted
        # Every field that is wrong by itself is named, and nothing is named that is right.
        assert verdict.alone <= reported
        assert reported - verdict.alone <= CROSS
        if not verdict.alone:
            assert reported == verdict.together
    _example_is_judged(example)
    told = _told_by_the_planner(wire)
    assert told >= {"slots", "personaConfigs", "mergedConfig"}
    assert told >= {f"campaign.{field}" for field in verdict.alone}
    assert verdict.accepted == (not any(field.startswith("campaign") for field in told - {"campaignId"}))


class _Nobody:
    name = "nobody"

    def answer(self, prompt: Prompt, form: type[ModelAnswer]) -> Answer:
        raise AssertionError("a model is asked about what is wrong")

    def price(self, input_tokens: int, output_tokens: int) -> None:
        return None


def _told_by_the_planner(wire: dict[str, Any]) -> set[str]:
    """Hand the brief to an agent, without anything else that it needs; return the fields that its answer names."""
    system = {"id": derived_id("campaign", 7), "tenantId": TENANT, "createdAt": CREATED, "updatedAt": CREATED}
    given = {"tenantId": TENANT, "campaignId": system["id"], "campaign": {**wire, **system}, "slots": []}
    answer = Planner(_Nobody()).run(TENANT, {**given, "personaConfigs": []})
    assert not answer.success
    assert answer.error is not None
    assert (answer.error.code, answer.error.retryable) == ("INVALID_INPUT", False)
    return {re.sub(r"\[\d+\]", "[]", fault["field"]) for fault in answer.error.details["errors"]}


@pytest.mark.parametrize("raw", [None, 7, "brief", [], [{}]])
def test_what_is_no_object_is_one_fault_of_the_body(raw: Any) -> None:
    assert _reported(raw) == {"body"}


def _leaves(value: Any) -> Iterator[Any]:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    for entry in inner:
        yield from _leaves(entry)
    yield value


@settings(max_examples=100, deadline=None)
@given(wire=altered_wires())
def test_a_fault_repeats_no_more_of_the_input_than_a_short_name(wire: dict[str, Any]) -> None:
    """Faults go into logs and answers: a text of a user, which may be long or secret, is no part of them."""
    try:
        CampaignBrief.model_validate(wire)
    except ValidationError as error:
        words = [fault.message for fault in faults_of(error)]
        long_texts = [leaf for leaf in _leaves(wire) if isinstance(leaf, str) and len(leaf) > 100]
        assert not [text for text in long_texts if any(text in message for message in words)]
