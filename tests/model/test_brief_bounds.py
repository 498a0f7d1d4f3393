"""The brief: every bound of domain.md section 3, on both sides of its edge."""

from __future__ import annotations

from typing import Any

import pytest

from campaigns.model.base import derived_id
from campaigns.model.brief import CampaignBrief
from tests.model.wires import BRIEF, MISSING, changed, faults, fields

PEOPLE = [derived_id("persona", number) for number in range(11)]
APPROVERS = [{"name": f"Ana {number}", "email": f"ana{number}@acme.example"} for number in range(11)]
WINDOWS = [{"start": f"{hour:02}:00", "end": f"{hour:02}:30"} for hour in range(13)]
PILLARS_10 = [{"name": f"P{number}", "weight": 0.1} for number in range(10)]
YEAR = {"from": "2027-01-01", "to": "2028-01-01"}  # 366 days

ACCEPTED: list[tuple[str, Any]] = [
    ("name", "x"),
    ("name", "x" * 200),
    ("name", "  padded  "),
    ("name", "e\u0301" * 200),  # 200 code points once composed
    ("brandId", derived_id("brand", 1)),
    ("brandId", None),
    ("brief.description", "x" * 10),
    ("brief.description", "x" * 2000),
    ("brief.primaryCTA", None),
    ("brief.primaryCTA.type", "x" * 50),
    ("brief.primaryCTA.text", "x" * 200),
    ("brief.primaryCTA.url", None),
    ("brief.primaryCTA.url", "http://a.example"),
    ("participants.personaIds", PEOPLE[:1]),
    ("participants.personaIds", PEOPLE[:10]),
    ("participants.platforms", ["facebook"]),
    ("participants.platforms", ["twitter", "linkedin", "instagram", "facebook"]),
    ("schedule.timezone", "America/Argentina/Buenos_Aires"),
    ("schedule.endDate", "2027-03-15"),  # one day
    ("schedule.endDate", "2028-03-15"),  # a year, with its leap day
    ("schedule.endDate", "2027-03-15T00:00:01Z"),
    ("schedule.allowedDaysOfWeek", ["sun"]),
    ("schedule.allowedDaysOfWeek", ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]),
    ("schedule.blackoutDates", [YEAR]),
    ("schedule.blackoutDates", [{"from": "2027-03-20", "to": "2027-03-20"}, "2027-03-22"]),
    ("schedule.postingWindows", WINDOWS[:12]),
    ("schedule.postingWindows", [{"start": "00:00", "end": "24:00"}]),
    ("schedule.postingWindows", [{"start": "23:59", "end": "24:00"}]),
    ("schedule.postingWindows", [{"start": "09:00", "end": "10:00"}, {"start": "10:00", "end": "11:00"}]),
    ("cadenceOverrides", {"minPostsPerWeek": 0, "maxPostsPerWeek": 1}),
    ("cadenceOverrides", {"minPostsPerWeek": 200, "maxPostsPerWeek": 200}),
    ("cadenceOverrides.maxPostsPerDay", 1),
    ("cadenceOverrides.maxPostsPerDay", 50),
    ("messaging.pillars", PILLARS_10),
    ("messaging.pillars", [{"name": "x" * 100, "weight": 1}]),
    ("messaging.pillars", [{"name": "a", "weight": 0.999}]),
    ("messaging.pillars", [{"name": "a", "weight": 1.0}, {"name": "b", "weight": 0.001}]),
    ("messaging.pillars", [{"name": "a", "weight": 0.1}, {"name": "b", "weight": 0.2}, {"name": "c", "weight": 0.7}]),
    ("messaging.requiredInclusions", ["x"] * 20),
    ("messaging.requiredInclusions", ["x" * 500]),
    ("messaging.campaignAvoidTopics", ["x"] * 50),
    ("messaging.campaignAvoidTopics", ["x" * 200]),
    ("assetOverrides.forceVisuals", {"twitter": True, "linkedin": False, "facebook": None}),
    ("assetOverrides.forceVisuals.instagram", False),  # not selected
    ("approval.approvers", APPROVERS[:10]),
    ("approval.approvers", [{"name": "Ana", "email": "ana@acme.example", "locale": "pt-BR", "timezone": "UTC"}]),
    ("approval", {"approvers": APPROVERS[:3], "quorum": 3}),
    ("approval", {"approvers": APPROVERS[:3], "quorum": "all"}),
    ("approval.expiresInHours", 1),
    ("approval.expiresInHours", 720),
    ("approval.reminders", []),
    ("approval.reminders", [720, 1]),
    ("approval.maxRevisionRounds", 0),
    ("approval.maxRevisionRounds", 10),
    ("approval.onTimeout", "extend"),
    ("approval.stages", []),
    ("approval.stages", [{"name": f"Stage {n}"} for n in range(5)]),
    ("approval.stages", [{"name": "Editor"}, {"name": "Legal", "returnTo": "legal"}]),
    ("approval.stages", [{"name": "Legal", "approvers": APPROVERS[:2], "quorum": 2, "onTimeout": "extend"}]),
    ("budgetUSD", 0),
    ("budgetUSD", 10_000),
    ("metadata.externalRef", "x" * 200),
    ("metadata.source", "schedule"),
]

REFUSED: list[tuple[str, Any, str, str]] = [
    ("name", MISSING, "name", "REQUIRED"),
    ("name", None, "name", "REQUIRED"),
    ("name", "", "name", "TOO_SHORT"),
    ("name", " \t\n ", "name", "TOO_SHORT"),
    ("name", "x" * 201, "name", "TOO_LONG"),
    ("name", 7, "name", "WRONG_TYPE"),
    ("name", "abc\u202edef", "name", "TEXT_HIDDEN"),
    ("brandId", "brand_1", "brandId", "WRONG_FORMAT"),
    ("brandId", derived_id("persona", 1), "brandId", "WRONG_FORMAT"),
    ("brief", MISSING, "brief", "REQUIRED"),
    ("brief.description", "x" * 9, "brief.description", "TOO_SHORT"),
    ("brief.description", "x" * 9 + "   ", "brief.description", "TOO_SHORT"),
    ("brief.description", "x" * 2001, "brief.description", "TOO_LONG"),
    ("brief.objective", "sales", "brief.objective", "NOT_A_CHOICE"),
    ("brief.primaryCTA.type", "x" * 51, "brief.primaryCTA.type", "TOO_LONG"),
    ("brief.primaryCTA.text", "", "brief.primaryCTA.text", "TOO_SHORT"),
    ("brief.primaryCTA.text", "x" * 201, "brief.primaryCTA.text", "TOO_LONG"),
    ("brief.primaryCTA.url", "ftp://a.example", "brief.primaryCTA.url", "URL_HTTP"),
    ("brief.primaryCTA.url", "https://user@a.example", "brief.primaryCTA.url", "URL_HTTP"),
    ("brief.primaryCTA.url", "javascript:alert(1)", "brief.primaryCTA.url", "URL_HTTP"),
    ("participants.personaIds", [], "participants.personaIds", "TOO_FEW"),
    ("participants.personaIds", PEOPLE, "participants.personaIds", "TOO_MANY"),
    ("participants.personaIds", [PEOPLE[0], PEOPLE[0]], "participants.personaIds", "NOT_UNIQUE"),
    ("participants.personaIds", [PEOPLE[0], "Ines"], "participants.personaIds[1]", "WRONG_FORMAT"),
    ("participants.platforms", [], "participants.platforms", "TOO_FEW"),
    ("participants.platforms", ["twitter", "twitter"], "participants.platforms", "NOT_UNIQUE"),
    ("participants.platforms", ["twitter", "x"], "participants.platforms[1]", "NOT_A_CHOICE"),
    ("participants.platforms", "twitter", "participants.platforms", "WRONG_TYPE"),
    ("schedule.timezone", MISSING, "schedule.timezone", "REQUIRED"),
    ("schedule.timezone", "Lisbon", "schedule.timezone", "TIMEZONE_UNKNOWN"),
    ("schedule.timezone", "../etc/passwd", "schedule.timezone", "TIMEZONE_UNKNOWN"),
    ("schedule.startDate", MISSING, "schedule.startDate", "REQUIRED"),
    ("schedule.startDate", "15.03.2027", "schedule.startDate", "DATE_OR_INSTANT"),
    ("schedule.startDate", "2027-02-29", "schedule.startDate", "DATE_OR_INSTANT"),
    ("schedule.startDate", "2027-03-15T09:00:00", "schedule.startDate", "INSTANT_OFFSET"),
    ("schedule.startDate", 1805068800, "schedule.startDate", "DATE_OR_INSTANT"),
    ("schedule.endDate", MISSING, "schedule.endDate", "REQUIRED"),
    ("schedule.endDate", "2027-03-14", "schedule.endDate", "END_BEFORE_START"),
    ("schedule.endDate", "2027-03-15T00:00:00Z", "schedule.endDate", "END_BEFORE_START"),
    ("schedule.endDate", "2028-03-16", "schedule.endDate", "SPAN_TOO_LONG"),
    ("schedule.allowedDaysOfWeek", MISSING, "schedule.allowedDaysOfWeek", "REQUIRED"),
    ("schedule.allowedDaysOfWeek", [], "schedule.allowedDaysOfWeek", "TOO_FEW"),
    ("schedule.allowedDaysOfWeek", ["mon", "mon"], "schedule.allowedDaysOfWeek", "NOT_UNIQUE"),
    ("schedule.allowedDaysOfWeek", ["Monday"], "schedule.allowedDaysOfWeek[0]", "NOT_A_CHOICE"),
    ("schedule.blackoutDates", [YEAR, "2027-03-15"], "schedule.blackoutDates", "TOO_MANY"),
    ("schedule.blackoutDates", ["2027-03-15", "2027-03-15"], "schedule.blackoutDates", "NOT_UNIQUE"),
    ("schedule.blackoutDates", ["soon"], "schedule.blackoutDates[0]", "WRONG_FORMAT"),
    (
        "schedule.blackoutDates",
        [{"from": "2027-03-16", "to": "2027-03-15"}],
        "schedule.blackoutDates[0].to",
        "RANGE_ORDER",
    ),
    ("schedule.blackoutDates", [{"from": "2027-03-16"}], "schedule.blackoutDates[0].to", "REQUIRED"),
    ("schedule.postingWindows", WINDOWS, "schedule.postingWindows", "TOO_MANY"),
    (
        "schedule.postingWindows",
        [{"start": "9:00", "end": "10:00"}],
        "schedule.postingWindows[0].start",
        "WRONG_FORMAT",
    ),
    (
        "schedule.postingWindows",
        [{"start": "24:00", "end": "24:00"}],
        "schedule.postingWindows[0].start",
        "WRONG_FORMAT",
    ),
    ("schedule.postingWindows", [{"start": "09:00", "end": "24:01"}], "schedule.postingWindows[0].end", "WRONG_FORMAT"),
    ("schedule.postingWindows", [{"start": "09:00", "end": "09:00"}], "schedule.postingWindows[0].end", "WINDOW_ORDER"),
    (
        "schedule.postingWindows",
        [{"start": "٠٩:00", "end": "10:00"}],
        "schedule.postingWindows[0].start",
        "WRONG_FORMAT",
    ),
    (
        "schedule.postingWindows",
        [{"start": "09:00", "end": "10:30"}, {"start": "10:29", "end": "11:00"}],
        "schedule.postingWindows",
        "WINDOWS_OVERLAP",
    ),
    ("cadenceOverrides.minPostsPerWeek", -1, "cadenceOverrides.minPostsPerWeek", "OUT_OF_RANGE"),
    ("cadenceOverrides.minPostsPerWeek", 201, "cadenceOverrides.minPostsPerWeek", "OUT_OF_RANGE"),
    ("cadenceOverrides.minPostsPerWeek", 2.5, "cadenceOverrides.minPostsPerWeek", "WRONG_TYPE"),
    ("cadenceOverrides.minPostsPerWeek", "3", "cadenceOverrides.minPostsPerWeek", "WRONG_TYPE"),
    ("cadenceOverrides.minPostsPerWeek", True, "cadenceOverrides.minPostsPerWeek", "WRONG_TYPE"),
    ("cadenceOverrides.maxPostsPerWeek", 0, "cadenceOverrides.maxPostsPerWeek", "OUT_OF_RANGE"),
    ("cadenceOverrides.maxPostsPerWeek", 201, "cadenceOverrides.maxPostsPerWeek", "OUT_OF_RANGE"),
    (
        "cadenceOverrides",
        {"minPostsPerWeek": 6, "maxPostsPerWeek": 5},
        "cadenceOverrides.maxPostsPerWeek",
        "CADENCE_ORDER",
    ),
    ("cadenceOverrides.maxPostsPerDay", 0, "cadenceOverrides.maxPostsPerDay", "OUT_OF_RANGE"),
    ("cadenceOverrides.maxPostsPerDay", 51, "cadenceOverrides.maxPostsPerDay", "OUT_OF_RANGE"),
    ("messaging.pillars", [*PILLARS_10, {"name": "P10", "weight": 0}], "messaging.pillars", "TOO_MANY"),
    ("messaging.pillars", [{"name": "x" * 101, "weight": 1}], "messaging.pillars[0].name", "TOO_LONG"),
    ("messaging.pillars", [{"name": "a", "weight": 1.01}], "messaging.pillars[0].weight", "OUT_OF_RANGE"),
    ("messaging.pillars", [{"name": "a", "weight": 0.998}], "messaging.pillars", "WEIGHTS_SUM"),
    (
        "messaging.pillars",
        [{"name": "a", "weight": 1}, {"name": "b", "weight": 0.002}],
        "messaging.pillars",
        "WEIGHTS_SUM",
    ),
    (
        "messaging.pillars",
        [{"name": "a", "weight": 0.5}, {"name": "A", "weight": 0.5}],
        "messaging.pillars",
        "NOT_UNIQUE",
    ),
    ("messaging.pillars", [{"name": "a", "weight": float("nan")}], "messaging.pillars[0].weight", "OUT_OF_RANGE"),
    ("messaging.requiredInclusions", ["x"] * 21, "messaging.requiredInclusions", "TOO_MANY"),
    ("messaging.requiredInclusions", ["x" * 501], "messaging.requiredInclusions[0]", "TOO_LONG"),
    ("messaging.campaignAvoidTopics", ["x"] * 51, "messaging.campaignAvoidTopics", "TOO_MANY"),
    ("messaging.campaignAvoidTopics", ["x" * 201], "messaging.campaignAvoidTopics[0]", "TOO_LONG"),
    ("assetOverrides.forceVisuals.twitter", "yes", "assetOverrides.forceVisuals.twitter", "WRONG_TYPE"),
    ("assetOverrides.forceVisuals.tiktok", True, "assetOverrides.forceVisuals.tiktok", "UNKNOWN_FIELD"),
    ("approval.approvers", APPROVERS, "approval.approvers", "TOO_MANY"),
    ("approval.approvers", [APPROVERS[0], APPROVERS[0]], "approval.approvers", "NOT_UNIQUE"),
    *(
        ("approval.approvers", [{"name": "Ana", "email": email}], "approval.approvers[0].email", "WRONG_FORMAT")
        for email in (
            "ana",
            "ana.@x.example",
            "ana..b@x.example",
            "a@x..example",
            "a(b)@x.example",
            "müller@x.example",
            '"a b"@x.example',
            "a@-x.example",
            "a@x.e",
        )
    ),
    ("schedule.endDate", "9999-12-31", "schedule.endDate", "YEAR_OUT_OF_RANGE"),
    ("schedule.startDate", "0001-01-01T00:00:00+12:00", "schedule.startDate", "YEAR_OUT_OF_RANGE"),
    ("schedule.startDate", "0001-01-01", "schedule.startDate", "YEAR_OUT_OF_RANGE"),
    ("schedule.blackoutDates", ["9999-12-31"], "schedule.blackoutDates[0]", "YEAR_OUT_OF_RANGE"),
    ("approval", {"approvers": APPROVERS[:2], "quorum": 3}, "approval.quorum", "QUORUM_UNREACHABLE"),
    ("approval.quorum", "most", "approval.quorum", "WRONG_FORMAT"),
    ("approval.expiresInHours", 0, "approval.expiresInHours", "OUT_OF_RANGE"),
    ("approval.expiresInHours", 721, "approval.expiresInHours", "OUT_OF_RANGE"),
    ("approval.reminders", [0], "approval.reminders[0]", "OUT_OF_RANGE"),
    ("approval.maxRevisionRounds", 11, "approval.maxRevisionRounds", "OUT_OF_RANGE"),
    ("approval.onTimeout", "wait", "approval.onTimeout", "NOT_A_CHOICE"),
    ("approval.stages", [{"name": f"Stage {n}"} for n in range(6)], "approval.stages", "TOO_MANY"),
    ("approval.stages", [{"approvers": APPROVERS[:1]}], "approval.stages[0].name", "REQUIRED"),
    ("approval.stages", [{"name": "Legal"}, {"name": "LEGAL"}], "approval.stages", "NOT_UNIQUE"),
    (
        "approval.stages",
        [{"name": "Legal", "approvers": [APPROVERS[0]] * 2}],
        "approval.stages[0].approvers",
        "NOT_UNIQUE",
    ),
    ("approval.stages", [{"name": "Legal", "quorum": 2}], "approval.stages", "QUORUM_UNREACHABLE"),
    (
        "approval.stages",
        [{"name": "Legal", "returnTo": "Client"}, {"name": "Client"}],
        "approval.stages",
        "STAGE_UNKNOWN",
    ),
    (
        "approval.stages",
        [{"name": "Legal", "expiresInHours": 721}],
        "approval.stages[0].expiresInHours",
        "OUT_OF_RANGE",
    ),
    ("approval", {"approvers": APPROVERS[:1], "stages": [{"name": "Legal"}]}, "approval.stages", "STAGES_ALONE"),
    ("approval", {"expiresInHours": 24, "stages": [{"name": "Legal"}]}, "approval.stages", "STAGES_ALONE"),
    ("budgetUSD", -0.01, "budgetUSD", "OUT_OF_RANGE"),
    ("budgetUSD", 10_000.01, "budgetUSD", "OUT_OF_RANGE"),
    ("metadata.externalRef", "x" * 201, "metadata.externalRef", "TOO_LONG"),
    ("metadata.source", "fax", "metadata.source", "NOT_A_CHOICE"),
]


def _id(value: Any) -> str:
    return "missing" if value is MISSING else repr(value)[:40]


@pytest.mark.parametrize(("path", "value"), ACCEPTED, ids=[f"{path}={_id(value)}" for path, value in ACCEPTED])
def test_a_value_within_its_bounds_is_accepted(path: str, value: Any) -> None:
    assert faults(CampaignBrief, changed(BRIEF, (path, value))) == []


@pytest.mark.parametrize(
    ("path", "value", "field", "code"), REFUSED, ids=[f"{path}={_id(value)}" for path, value, _, _ in REFUSED]
)
def test_a_value_out_of_its_bounds_is_the_one_fault_named(path: str, value: Any, field: str, code: str) -> None:
    found = faults(CampaignBrief, changed(BRIEF, (path, value)))

    assert [(fault.field, fault.code) for fault in found] == [(field, code)]


A, B = BRIEF["participants"]["personaIds"]


@pytest.mark.parametrize(
    ("distribution", "accepted"),
    [
        ({"mode": "balanced"}, True),
        ({}, True),
        (None, True),
        ({"mode": "balanced", "personaWeights": {A: 0.5, B: 0.5}}, False),
        ({"personaWeights": {A: 0.5, B: 0.5}}, False),
        ({"mode": "weighted"}, False),
        ({"mode": "weighted", "personaWeights": {A: 0.7, B: 0.3}}, True),
        ({"mode": "weighted", "personaWeights": {A: 1.0}}, False),
        ({"mode": "weighted", "personaWeights": {A: 1.0, B: 0}}, False),
        ({"mode": "weighted", "personaWeights": {A: 1.0, B: None}}, False),
        ({"mode": "weighted", "personaWeights": {A: 0.7, B: 0.301}}, True),
        ({"mode": "weighted", "personaWeights": {A: 0.7, B: 0.302}}, False),
        ({"mode": "weighted", "platformWeights": {"twitter": 0.9, "linkedin": 0.1}}, True),
        ({"mode": "weighted", "platformWeights": {"twitter": 0.9, "facebook": 0.1}}, False),
        ({"mode": "custom"}, True),
        ({"mode": "custom", "personaWeights": {A: 1.0}}, True),
        ({"mode": "custom", "personaWeights": {A: 1, B: 0}}, True),
        ({"mode": "custom", "personaWeights": {A: 0.9}}, False),
        ({"mode": "custom", "platformWeights": {"linkedin": 1.0}}, True),
        ({"mode": "custom", "platformWeights": {"instagram": 1.0}}, False),
        ({"mode": "custom", "platformWeights": {"twitter": 0}}, False),
    ],
)
def test_shares_fit_the_mode_of_distribution(distribution: Any, accepted: bool) -> None:
    found = fields(CampaignBrief, changed(BRIEF, ("participants.distribution", distribution)))

    assert found == ([] if accepted else ["participants.distribution"])


@pytest.mark.parametrize(
    ("objective", "cta", "waived", "accepted"),
    [
        ("awareness", None, False, True),
        ("conversion", None, False, False),
        ("event", None, False, False),
        ("event", None, True, True),
        ("conversion", {"type": "shop", "text": "Buy"}, False, True),
        ("conversion", {"type": "", "text": "", "url": ""}, False, False),  # a card of the form left empty
        ("awareness", {"type": "", "text": "", "url": ""}, False, True),
    ],
)
def test_a_conversion_or_an_event_needs_a_call_to_action_or_a_waiver(
    objective: str, cta: Any, waived: bool, accepted: bool
) -> None:
    wire = changed(
        BRIEF, ("brief.objective", objective), ("brief.primaryCTA", cta), ("brief.ctaWaived", waived)
    )  # fmt: skip

    assert fields(CampaignBrief, wire) == ([] if accepted else ["brief.primaryCTA"])


def test_instagram_cannot_do_without_media() -> None:
    wire = changed(
        BRIEF, ("participants.platforms", ["instagram"]), ("assetOverrides.forceVisuals.instagram", False)
    )  # fmt: skip

    found = faults(CampaignBrief, wire)

    assert [(fault.field, fault.code) for fault in found] == [("assetOverrides", "INSTAGRAM_MEDIA")]
