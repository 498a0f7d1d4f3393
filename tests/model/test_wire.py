"""The wire: camelCase, null is missing, strangers are refused by path, all faults are told at once."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings

from campaigns.model.base import derived_id
from campaigns.model.brief import CampaignBrief
from campaigns.model.library.brand import Brand, BrandInput
from campaigns.model.library.persona import Persona, PersonaInput
from tests.model.wires import BRAND, BRIEF, MISSING, PERSONA, PERSONA_A, changed, faults, fields
from tests.strategies import BRAND_ID, brands, briefs, personas

STRANGERS = [
    ("", "foo"),
    ("brief", "audience"),
    ("brief.primaryCTA", "colour"),
    ("participants", "persona_ids2"),
    ("participants.distribution", "weights"),
    ("schedule", "date"),
    ("cadenceOverrides", "minPostsPerMonth"),
    ("messaging", "tone"),
    ("assetOverrides.forceVisuals", "tiktok"),
    ("approval", "quorumOf"),
    ("metadata", "traceId"),
]


@pytest.mark.parametrize(("home", "stranger"), STRANGERS, ids=[f"{home}.{name}" for home, name in STRANGERS])
def test_an_unknown_field_is_refused_with_its_path(home: str, stranger: str) -> None:
    path = f"{home}.{stranger}".lstrip(".")

    found = faults(CampaignBrief, changed(BRIEF, (path, 1)))

    assert [(fault.field, fault.code) for fault in found] == [(path, "UNKNOWN_FIELD")]


@pytest.mark.parametrize(
    ("where", "entry"),
    [
        ("schedule.postingWindows", {"start": "09:00", "end": "10:00", "days": ["mon"]}),
        ("messaging.pillars", {"name": "a", "weight": 1, "colour": "red"}),
        ("approval.approvers", {"name": "Ana", "email": "ana@acme.example", "phone": "1"}),
        ("schedule.blackoutDates", {"from": "2027-03-20", "to": "2027-03-21", "why": "holiday"}),
    ],
)
def test_an_unknown_field_in_a_list_is_refused_with_its_index(where: str, entry: dict[str, Any]) -> None:
    stranger = list(entry)[-1]

    assert fields(CampaignBrief, changed(BRIEF, (where, [entry]))) == [f"{where}[0].{stranger}"]


FULL = changed(
    BRIEF,
    ("brandId", BRAND_ID),
    ("participants.distribution", {"mode": "weighted", "platformWeights": {"twitter": 0.5, "linkedin": 0.5}}),
    ("schedule.blackoutDates", ["2027-03-26"]),
    ("schedule.postingWindows", [{"start": "08:00", "end": "10:30"}]),
    ("cadenceOverrides", {"minPostsPerWeek": 1, "maxPostsPerWeek": 2, "maxPostsPerDay": 3}),
    (
        "messaging",
        {"pillars": [{"name": "a", "weight": 1.0}], "requiredInclusions": ["b"], "campaignAvoidTopics": ["c"]},
    ),
    ("assetOverrides.forceVisuals", {"twitter": True, "linkedin": False}),
    ("approval", {"approvers": [{"name": "Ana", "email": "ana@acme.example", "locale": "pt-PT"}], "quorum": "all"}),
    ("approval.expiresInHours", 24),
    ("brief.ctaWaived", True),
    ("budgetUSD", 5.5),
    ("metadata", {"source": "wizard", "externalRef": "ref-1"}),
)
OPTIONAL = [
    "brandId",
    "brief.primaryCTA",
    "brief.primaryCTA.url",
    "brief.ctaWaived",
    "participants.distribution",
    "schedule.blackoutDates",
    "schedule.postingWindows",
    "cadenceOverrides",
    "cadenceOverrides.minPostsPerWeek",
    "cadenceOverrides.maxPostsPerWeek",
    "cadenceOverrides.maxPostsPerDay",
    "messaging",
    "messaging.pillars",
    "messaging.requiredInclusions",
    "messaging.campaignAvoidTopics",
    "assetOverrides",
    "assetOverrides.forceVisuals",
    "assetOverrides.forceVisuals.twitter",
    "approval",
    "approval.quorum",
    "approval.expiresInHours",
    "budgetUSD",
    "metadata",
    "metadata.source",
    "metadata.externalRef",
]


def test_a_brief_without_stages_is_stored_and_sent_as_before_there_were_any() -> None:
    flat = CampaignBrief.model_validate(FULL)
    emptied = CampaignBrief.model_validate(changed(FULL, ("approval.stages", [])))

    assert "stages" not in flat.to_wire()["approval"]
    assert emptied.to_wire() == flat.to_wire()  # Prefect's form sends a list that nobody filled as an empty one


@pytest.mark.parametrize("path", OPTIONAL)
def test_null_is_the_same_as_missing(path: str) -> None:
    with_null = CampaignBrief.model_validate(changed(FULL, (path, None)))
    without = CampaignBrief.model_validate(changed(FULL, (path, MISSING)))

    assert with_null == without
    assert with_null != CampaignBrief.model_validate(FULL)


def test_null_in_a_list_entry_is_missing_too() -> None:
    approver = {"name": "Ana", "email": "ana@acme.example", "locale": None, "timezone": None}

    brief = CampaignBrief.model_validate(changed(BRIEF, ("approval.approvers", [approver])))

    assert brief.approval.approvers[0].locale is None


def test_null_in_the_map_of_shares_is_missing_too() -> None:
    shares = {"mode": "custom", "personaWeights": {PERSONA_A: 1, BRIEF["participants"]["personaIds"][1]: None}}

    brief = CampaignBrief.model_validate(changed(BRIEF, ("participants.distribution", shares)))

    assert brief.participants.distribution.persona_weights == {PERSONA_A: 1.0}


def test_all_faults_are_told_at_once_in_the_order_of_the_form() -> None:
    wire = changed(
        BRIEF,
        ("name", ""),
        ("brief.description", "short"),
        ("brief.objective", "sales"),
        ("participants.platforms", ["x"]),
        ("schedule.timezone", "Mars/Olympus"),
        ("schedule.endDate", "2027-03-01"),
        ("schedule.postingWindows", [{"start": "9", "end": "10"}, {"start": "11:00", "end": "10:00"}]),
        ("cadenceOverrides", {"minPostsPerWeek": 9, "maxPostsPerWeek": 1, "maxPostsPerDay": 99}),
        ("approval.approvers", [{"name": "", "email": "ana"}]),
        ("metadata.source", "fax"),
    )

    assert fields(CampaignBrief, wire) == [
        "name",
        "brief.description",
        "brief.objective",
        "participants.platforms[0]",
        "schedule.timezone",
        "schedule.endDate",
        "schedule.postingWindows[0].start",
        "schedule.postingWindows[0].end",
        "schedule.postingWindows[1].end",
        "cadenceOverrides.maxPostsPerWeek",
        "cadenceOverrides.maxPostsPerDay",
        "approval.approvers[0].name",
        "approval.approvers[0].email",
        "metadata.source",
    ]


@pytest.mark.parametrize(
    ("start", "end", "told"),
    [
        ("2027-03-15", "2027-03-14", True),
        ("2027-03-15T10:00:00Z", "2027-03-15T10:00:00Z", True),
        # Somewhere in the world the 14th is not over at that moment: nothing is claimed.
        ("2027-03-15T10:00:00Z", "2027-03-14", False),
        ("2027-03-16T12:00:00Z", "2027-03-14", True),
        ("2027-03-15", "2028-06-30", True),
    ],
)
def test_a_faulty_time_zone_hides_no_fault_of_the_dates(start: str, end: str, told: bool) -> None:
    wire = changed(
        BRIEF, ("schedule.timezone", "Nowhere"), ("schedule.startDate", start), ("schedule.endDate", end)
    )  # fmt: skip

    assert fields(CampaignBrief, wire) == ["schedule.timezone", *(["schedule.endDate"] if told else [])]


def test_the_wire_is_camel_case_with_the_spelling_of_the_spec() -> None:
    wire = CampaignBrief.model_validate(FULL).to_wire()

    assert wire["brief"]["primaryCTA"]["type"] == "shop"
    assert wire["budgetUSD"] == 5.5
    assert wire["participants"]["personaIds"][0] == PERSONA_A
    assert wire["schedule"]["allowedDaysOfWeek"][0] == "mon"
    assert wire["schedule"]["startDate"] == "2027-03-15"
    assert wire["messaging"]["campaignAvoidTopics"] == ["c"]
    assert "_" not in "".join(_keys(wire))
    assert "null" not in json.dumps(wire)


def _keys(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [key for key in value if not key.startswith("persona_")]
        return own + [key for inner in value.values() for key in _keys(inner)]
    return [key for inner in value for key in _keys(inner)] if isinstance(value, list) else []


@settings(max_examples=200, deadline=None)
@given(brief=briefs(), brand=brands(), persona=personas(PERSONA_A))
def test_what_was_accepted_comes_back_the_same(brief: CampaignBrief, brand: Brand, persona: Persona) -> None:
    for value in (brief, brand, persona):
        wire = value.to_wire()

        again = type(value).model_validate(json.loads(json.dumps(wire)))

        assert again == value
        assert again.to_wire() == wire


def test_a_client_cannot_set_what_only_the_system_sets() -> None:
    system = {"status": "active", "version": 2, "tenantId": "acme", "id": derived_id("brand", 1)}

    assert fields(BrandInput, {**BRAND, **system}) == list(system)
    assert fields(PersonaInput, {**PERSONA, "inferredStyle": {}, "isActive": True}) == ["inferredStyle", "isActive"]


def test_pasted_lines_become_entries() -> None:
    brief = CampaignBrief.model_validate(
        changed(BRIEF, ("messaging.requiredInclusions", ["38 families\n900 bags\n\n"]))
    )

    assert brief.messaging.required_inclusions == ["38 families", "900 bags"]


def test_text_is_kept_in_composed_form_with_plain_line_ends() -> None:
    brief = CampaignBrief.model_validate(changed(BRIEF, ("brief.description", "  Cafe\u0301 opens\r\non Monday  ")))

    assert brief.brief.description == "Café opens\non Monday"
