"""Advice of the API that can be followed: an error is provoked over HTTP, its advice is done, and the call succeeds."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import pytest
from httpx import Response

from api import catalogue
from api.schemas.examples import BRAND, PERSONA
from tests.api.doors import Door, Tenant
from tests.api.test_brands import PNG, upload

TESTS: Final = Path(__file__).parents[1]
Try = Callable[[Door, Tenant], tuple[Response, Response]]
"""Provokes the error, follows its advice; returns both answers."""


def host(_: Door, tenant: Tenant) -> tuple[Response, Response]:
    wrong = tenant.client.get("/campaigns", headers={"Host": "elsewhere.example"})
    return wrong, tenant.client.get("/campaigns", headers={"Host": "testserver"})


def token(door: Door, tenant: Tenant) -> tuple[Response, Response]:
    wrong = door.client_of(None).get("/campaigns")
    return wrong, door.client_of(door.token(tenant.name)).get("/campaigns")


def scope(door: Door, tenant: Tenant) -> tuple[Response, Response]:
    few = door.client_of(door.token(tenant.name, scopes=["campaigns:read"]))
    wrong = few.post("/campaigns", json=tenant.brief())
    named = re.findall(r"[a-z]+:[a-z]+", wrong.json()["message"])
    more = door.client_of(door.token(tenant.name, scopes=["campaigns:read", *named]))
    return wrong, more.post("/campaigns", json=tenant.brief())


def method(_: Door, tenant: Tenant) -> tuple[Response, Response]:
    wrong = tenant.client.put("/campaigns", json={})
    assert "GET" in wrong.headers["Allow"].split(", ")
    return wrong, tenant.client.request("GET", "/campaigns")


def read_again(_: Door, tenant: Tenant) -> tuple[Response, Response]:
    where, change = f"/campaigns/{tenant.campaign()}", {"budgetUSD": 400}
    wrong = tenant.client.patch(where, json=change, headers={"If-Match": '"77"'})
    return wrong, tenant.client.patch(
        where, json=change, headers={"If-Match": tenant.client.get(where).headers["ETag"]}
    )


def name_the_version(_: Door, tenant: Tenant) -> tuple[Response, Response]:
    where, change = f"/campaigns/{tenant.campaign()}", {"budgetUSD": 400}
    wrong = tenant.client.patch(where, json=change)
    return wrong, tenant.client.patch(
        where, json=change, headers={"If-Match": tenant.client.get(where).headers["ETag"]}
    )


def say_json(_: Door, tenant: Tenant) -> tuple[Response, Response]:
    wrong = tenant.client.post("/personas/x/examples", content="{}", headers={"Content-Type": "text/plain"})
    example = {"platform": "Blog", "intent": "educate", "text": "The second cup is never the same."}
    return wrong, tenant.client.post(f"/personas/{tenant.persona_id}/examples", json=example)


def another_key(_: Door, tenant: Tenant) -> tuple[Response, Response]:
    first, other = tenant.brief(), tenant.brief(name="Another harvest")
    key = {"Idempotency-Key": "harvest-1"}
    assert tenant.client.post("/campaigns", json=first, headers=key).status_code == 202
    wrong = tenant.client.post("/campaigns", json=other, headers=key)
    return wrong, tenant.client.post("/campaigns", json=other, headers={"Idempotency-Key": "harvest-2"})


def delete_one(_: Door, tenant: Tenant) -> tuple[Response, Response]:
    with pytest.MonkeyPatch.context() as few:
        few.setattr("campaigns.store.library.personas.MAX_PERSONAS", 1)
        wrong = tenant.client.post("/personas", json=PERSONA)
        where = f"/personas/{tenant.persona_id}"
        read = tenant.client.get(where)
        assert tenant.client.delete(where, headers={"If-Match": read.headers["ETag"]}).is_success
        return wrong, tenant.client.post("/personas", json=PERSONA)


def more_examples(_: Door, tenant: Tenant) -> tuple[Response, Response]:
    where = f"/personas/{tenant.persona_id}"
    wrong = tenant.client.post(f"{where}/analyze")
    details = wrong.json()["details"]
    for number in range(details["required"] - details["provided"]):
        example = {"platform": "Blog", "intent": "educate", "text": f"Cup {number} is never the same."}
        tenant.client.post(f"{where}/examples", json=example)
    return wrong, tenant.client.post(f"{where}/analyze")


FOLLOWED: Final[Mapping[str, tuple[str, Try]]] = {
    "HOST_NOT_ALLOWED": ("Use the address it is configured with", host),
    "IDEMPOTENCY_MISMATCH": ("was used before with another body", another_key),
    "INSUFFICIENT_EXAMPLES": ("says how many are `required` and `provided`", more_examples),
    "LIMIT_REACHED": ("Delete one that is not needed, then try again", delete_one),
    "METHOD_NOT_ALLOWED": ("Allow names those it has", method),
    "PRECONDITION_FAILED": ("Read again, then decide", read_again),
    "PRECONDITION_REQUIRED": ("If-Match with the ETag that was read", name_the_version),
    "SCOPE_MISSING": ("lacks the scope named in the message", scope),
    "UNAUTHENTICATED": ("Get a fresh one", token),
    "UNSUPPORTED_MEDIA_TYPE": ("Send `Content-Type: application/json`", say_json),
}
ELSEWHERE: Final[Mapping[str, str]] = {
    # Followed where their scene is: a provider that is away, a bucket of requests, a link.
    "IDENTITY_UNAVAILABLE": "tests/api/test_identity.py",
    "RATE_LIMITED": "tests/api/test_gate.py",
    "BACKLOG_FULL": "tests/api/test_backlog.py",
    "TENANT_BACKLOG_FULL": "tests/api/test_backlog.py",
    "CODE_REQUIRED": "tests/approvals/test_codes.py",
}
_VERBS: Final = re.compile(r"\b(?:Use|Get|Send|Try|Read again|Delete|Wait|Give|(?<!not )decide on the)\b")


def test_every_error_code_that_orders_something_is_followed() -> None:
    told = {code: words for code, (_, words) in catalogue.error_codes().items()}

    assert {code for code, words in told.items() if _VERBS.search(words)} <= FOLLOWED.keys() | ELSEWHERE.keys()
    assert {code for code, (advice, _) in FOLLOWED.items() if advice not in told[code]} == set()


@pytest.mark.parametrize("code", FOLLOWED)
def test_who_does_what_the_error_says_succeeds(door: Door, tenant: Tenant, code: str) -> None:
    wrong, right = FOLLOWED[code][1](door, tenant)

    assert wrong.json()["errorCode"] == code
    assert right.is_success, right.text


def asked(changes: Mapping[str, Any]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    def changed(brief: dict[str, Any]) -> dict[str, Any]:
        sections = {key: {**brief.get(key, {}), **each} for key, each in changes.items() if isinstance(each, dict)}
        return {**brief, **changes, **sections}

    return changed


ANA, BEN = ({"name": name, "email": f"{name.lower()}@example.com"} for name in ("Ana", "Ben"))
HALVES = [{"name": "Farmers", "weight": 0.5}, {"name": "Roasting", "weight": 0.5}]


def weighted(mode: str = "weighted", **weights: float) -> dict[str, Any]:
    return {"participants": {"distribution": {"mode": mode, "platformWeights": weights} if weights else {"mode": mode}}}


def windows(*spans: tuple[str, str]) -> dict[str, Any]:
    return {"schedule": {"postingWindows": [{"start": start, "end": end} for start, end in spans]}}


def days(**changes: Any) -> dict[str, Any]:
    return {"schedule": changes}


def staged(*stages: dict[str, Any], **terms: Any) -> dict[str, Any]:
    return {"approval": {"approvers": None, "expiresInHours": None, "stages": list(stages), **terms}}


FAIR = {"label": "Fair", "date": "2031-03-27", "wants": ["on"]}
ONE_A_DAY = {"cadenceOverrides": {"maxPostsPerDay": 1}}


MENDED: Final[Mapping[str, tuple[Mapping[str, Any], Mapping[str, Any]]]] = {
    # The fault, what provokes it, and what its words say to give instead.
    "ASSET_UNKNOWN": (
        {"items": [{"name": "Lot 7", "assetId": "asset_01JZ0K7A3M5T9Y1C4GQVSB8WEY"}]},
        {"items": [{"name": "Lot 7"}]},
    ),
    "BRAND_UNKNOWN": ({"brandId": "brand_01JZ0K6V9Q4R8XW2B7NDHTM3CF"}, {"brandId": None}),
    "CADENCE_ORDER": (
        {"cadenceOverrides": {"minPostsPerWeek": 4, "maxPostsPerWeek": 3}},
        {"cadenceOverrides": {"minPostsPerWeek": 4, "maxPostsPerWeek": 4}},
    ),
    "CADENCE_UNREACHABLE": (
        {**days(allowedDaysOfWeek=["mon"]), "cadenceOverrides": {"minPostsPerWeek": 4}},
        {**days(allowedDaysOfWeek=["mon"]), "cadenceOverrides": {"minPostsPerWeek": 1}},
    ),
    "CTA_REQUIRED": (
        {"brief": {"objective": "event", "primaryCTA": None}},
        {"brief": {"objective": "event", "primaryCTA": None, "ctaWaived": True}},
    ),
    "DATE_OR_INSTANT": (days(startDate="17.03.2031"), days(startDate="2031-03-17")),
    "END_BEFORE_START": (days(endDate="2031-03-16"), days(endDate="2031-03-30")),
    "GIVEN_TOO_LONG": (
        {"participants": {"platforms": ["twitter"]}, "messaging": {"inclusions": [{"text": "word " * 45}]}},
        {"participants": {"platforms": ["twitter"]}, "messaging": {"inclusions": [{"text": "word " * 40}]}},
    ),
    "HANDLE_INVALID": (
        {"items": [{"name": "Lot 7", "handles": [{"platform": "twitter", "handle": "https://x.com/lot7"}]}]},
        {"items": [{"name": "Lot 7", "handles": [{"platform": "twitter", "handle": "@lot7"}]}]},
    ),
    "HASHTAGS_TOO_MANY": (
        {"messaging": {"hashtags": [{"tag": f"harvest_{letter}"} for letter in "abcd"]}},
        {"messaging": {"hashtags": [{"tag": "harvest_a"}]}},
    ),
    "HASHTAG_INVALID": (
        {"messaging": {"hashtags": [{"tag": "#spring harvest"}]}},
        {"messaging": {"hashtags": [{"tag": "#SpringHarvest"}]}},
    ),
    "INCLUSION_AVOIDED": (
        {"messaging": {"requiredInclusions": ["the best in the world"]}},
        {"messaging": {"requiredInclusions": ["the first in the year"]}},
    ),
    "INCLUSION_NEVER": (
        {"messaging": {"inclusions": [{"text": "Doors open at eight", "until": "2031-03-16"}]}},
        {"messaging": {"inclusions": [{"text": "Doors open at eight", "until": "2031-03-17"}]}},
    ),
    "INCLUSION_TOO_LONG": (
        {"participants": {"platforms": ["twitter"]}, "messaging": {"requiredInclusions": ["word " * 60]}},
        {"participants": {"platforms": ["twitter"]}, "messaging": {"requiredInclusions": ["word " * 20]}},
    ),
    "INSTAGRAM_MEDIA": (
        {"participants": {"platforms": ["instagram"]}, "assetOverrides": {"forceVisuals": {"instagram": False}}},
        {"participants": {"platforms": ["instagram"]}, "assetOverrides": {"forceVisuals": {"instagram": True}}},
    ),
    "INSTANT_OFFSET": (days(startDate="2031-03-17T09:00:00"), days(startDate="2031-03-17T09:00:00+01:00")),
    "ITEMS_TOO_MANY": (
        {"items": [{"name": f"Lot {n}"} for n in range(30)], "cadenceOverrides": {"maxPostsPerDay": 3}},
        {
            "items": [{"name": f"Lot {n}"} for n in range(30)],
            "cadenceOverrides": {"maxPostsPerDay": 3, "maxPostsPerWeek": 12},
        },
    ),
    "KEY_DATE_CADENCE": (
        {"keyDates": [FAIR, {**FAIR, "label": "Feast"}], **ONE_A_DAY},
        {"keyDates": [FAIR, {**FAIR, "label": "Feast", "date": "2031-03-28"}], **ONE_A_DAY},
    ),
    "KEY_DATE_CLOSED": (
        {"keyDates": [{**FAIR, "date": "2031-03-29"}]},
        {"keyDates": [{**FAIR, "date": "2031-03-29"}], **days(allowedDaysOfWeek=["mon", "wed", "sat"])},
    ),
    "KEY_DATE_OUTSIDE": (
        {"keyDates": [{**FAIR, "date": "2031-04-07"}]},
        {"keyDates": [{**FAIR, "date": "2031-04-07"}], **days(endDate="2031-04-07")},
    ),
    "NOT_A_CHOICE": ({"brief": {"objective": "sell"}}, {"brief": {"objective": "launch"}}),
    "NOT_UNIQUE": (
        {"approval": {"approvers": [ANA, {**BEN, "email": ANA["email"]}]}},
        {"approval": {"approvers": [ANA, BEN]}},
    ),
    "NO_POSTING_TIME": (
        days(startDate="2031-03-22", endDate="2031-03-23"),
        days(startDate="2031-03-22", endDate="2031-04-04"),
    ),
    "OUT_OF_RANGE": ({"approval": {"expiresInHours": 721}}, {"approval": {"expiresInHours": 720}}),
    "PERSONA_UNKNOWN": (
        {"participants": {"personaIds": ["persona_01JZ0K7A3M5T9Y1C4GQVSB8WEY"]}},
        {},
    ),
    "PLATFORM_NOT_ENABLED": (
        {"participants": {"platforms": ["facebook"]}},
        {"participants": {"platforms": ["twitter", "linkedin", "instagram"]}},
    ),
    "PLATFORM_NOT_SELECTED": (
        {
            "participants": {"platforms": ["twitter"]},
            "messaging": {"hashtags": [{"tag": "a", "platforms": ["linkedin"]}]},
        },
        {
            "participants": {"platforms": ["twitter"]},
            "messaging": {"hashtags": [{"tag": "a", "platforms": ["twitter"]}]},
        },
    ),
    "QUORUM_UNREACHABLE": (
        {"approval": {"approvers": [ANA], "quorum": 2}},
        {"approval": {"approvers": [ANA], "quorum": 1}},
    ),
    "RANGE_ORDER": (
        days(blackoutDates=[{"from": "2031-03-20", "to": "2031-03-19"}]),
        days(blackoutDates=[{"from": "2031-03-20", "to": "2031-03-20"}]),
    ),
    "REQUESTER_UNKNOWN": ({"approval": {"preventSelfApproval": True}}, {"approval": {"preventSelfApproval": False}}),
    "REQUIRED": ({"participants": {"platforms": None}}, {"participants": {"platforms": ["twitter"]}}),
    "SPAN_TOO_LONG": (days(endDate="2032-03-18"), days(endDate="2031-06-01")),
    "STAGES_ALONE": (
        staged({"name": "Legal", "approvers": [ANA]}, quorum="all"),
        staged({"name": "Legal", "approvers": [ANA], "quorum": "all"}),
    ),
    "STAGE_UNKNOWN": (
        staged({"name": "Editor", "returnTo": "Legal"}, {"name": "Legal"}),
        staged({"name": "Editor", "returnTo": "Editor"}, {"name": "Legal"}),
    ),
    "START_IN_PAST": (days(startDate="2020-03-17", endDate="2020-04-04"), {}),
    "TEXT_HIDDEN": ({"name": "Spring\u202e harvest"}, {"name": "Spring harvest"}),
    "TIMEZONE_UNKNOWN": (days(timezone="Lisbon"), days(timezone="Europe/Lisbon")),
    "TOO_FEW": (days(allowedDaysOfWeek=[]), days(allowedDaysOfWeek=["mon", "tue", "wed", "thu", "fri"])),
    "TOO_LONG": ({"name": "a" * 201}, {"name": "a" * 200}),
    "TOO_MANY": (
        {"messaging": {"requiredInclusions": [f"{number} bags" for number in range(21)]}},
        {"messaging": {"requiredInclusions": ["20 bags"]}},
    ),
    "TOO_SHORT": ({"brief": {"description": "Coffee."}}, {"brief": {"description": "Coffee from Huila arrives."}}),
    "UNKNOWN_FIELD": ({"schedule": {"colour": "red"}}, {}),
    "URL_HTTP": (
        {"brief": {"primaryCTA": {"type": "shop", "text": "Order", "url": "fernwood.example"}}},
        {"brief": {"primaryCTA": {"type": "shop", "text": "Order", "url": "https://fernwood.example"}}},
    ),
    "URL_HTTPS": (
        {"trackedLink": {"url": "http://fernwood.example/harvest"}},
        {"trackedLink": {"url": "https://fernwood.example/harvest"}},
    ),
    "WEIGHTS_INCOMPLETE": (weighted(twitter=1.0), weighted(twitter=0.5, linkedin=0.5)),
    "WEIGHTS_NOT_ALLOWED": (
        weighted("balanced", twitter=0.5, linkedin=0.5),
        weighted("custom", twitter=0.5, linkedin=0.5),
    ),
    "WEIGHTS_REQUIRED": (weighted(), weighted(twitter=0.5, linkedin=0.5)),
    "WEIGHTS_SUM": (
        {"messaging": {"pillars": [*HALVES, {"name": "Brewing", "weight": 0.5}]}},
        {"messaging": {"pillars": HALVES}},
    ),
    "WEIGHTS_UNKNOWN": (
        weighted(twitter=0.5, linkedin=0.25, instagram=0.25),
        weighted(twitter=0.5, linkedin=0.5),
    ),
    "WEIGHTS_ZERO": (weighted(twitter=1.0, linkedin=0.0), weighted("custom", twitter=1.0, linkedin=0.0)),
    "WINDOWS_OVERLAP": (
        windows(("08:00", "10:00"), ("09:00", "11:00")),
        windows(("08:00", "10:00"), ("10:00", "11:00")),
    ),
    "WINDOW_ORDER": (windows(("10:00", "08:00")), windows(("08:00", "10:00"))),
    "WRONG_FORMAT": (
        {"approval": {"approvers": [{**ANA, "email": "ana"}]}},
        {"approval": {"approvers": [ANA]}},
    ),
    "WRONG_TYPE": ({"name": 7}, {"name": "Seven"}),
    "YEAR_OUT_OF_RANGE": (days(endDate="3001-01-01"), days(endDate="2031-04-04")),
}


@pytest.mark.parametrize("code", MENDED)
def test_who_gives_what_a_fault_asks_for_is_taken(tenant: Tenant, code: str) -> None:
    faulty, mended = (asked(changes)(tenant.brief()) for changes in MENDED[code])

    wrong = tenant.client.post("/campaigns", json=faulty)

    assert code in {fault["code"] for fault in wrong.json()["details"]["errors"]}, wrong.text
    right = tenant.client.post("/campaigns", json=mended)
    assert right.status_code == 202, right.text


JSON_MENDED: Final[Mapping[str, tuple[str, str]]] = {
    "JSON_INVALID": ("{'name': 1}", "{}"),
    "JSON_TOO_DEEP": ("[" * 33 + "]" * 33, "[" * 31 + "]" * 31),
    "JSON_TOO_MANY": (f"[{'1,' * 20_000}1]", "[1]"),
}


@pytest.mark.parametrize("code", JSON_MENDED)
def test_json_within_its_bounds_is_read(tenant: Tenant, code: str) -> None:
    answers = [tenant.client.post("/campaigns", content=body, headers=JSON) for body in JSON_MENDED[code]]

    told = [{fault["code"] for fault in answer.json()["details"]["errors"]} for answer in answers]
    assert [code in each for each in told] == [True, False]


JSON: Final = {"Content-Type": "application/json"}
FAULTS_ELSEWHERE: Final[Mapping[str, str]] = {
    # Followed where their scene is: a round, a page, a form, a list, an act of an operator.
    "AMBIGUOUS_APPROVER": "rules/test_identities.py",
    "BRAND_INACTIVE": "api/test_brands.py",
    "CHANGE_NOT_APPROVED": "approvals/test_own_words.py",
    "COMMENT_REQUIRED": "rules/test_decisions.py",
    "CURSOR_INVALID": "api/test_brands.py",
    "DECISION_CONTRADICTS_POSTS": "approvals/test_protocol.py",
    "DURATION": "api/test_templates.py",
    "EDIT_BLOCKED": "approvals/test_own_words.py",
    "EDIT_NOT_ALLOWED": "approvals/test_own_words.py",
    "HOLIDAYS_INVALID": "rules/test_recurrence.py",
    "INSUFFICIENT_EXAMPLES": "api/test_error_advice.py",
    "LEGAL_BLOCK": "approvals/test_protocol.py",
    "MOVE_BREAKS_RULE": "approvals/test_own_times.py",
    "MOVE_NOT_ALLOWED": "approvals/test_own_times.py",
    "NOBODY_MAY_DECIDE": "api/test_requester.py",
    "NOTHING_TO_APPROVE": "rules/test_decisions.py",
    "PASSAGE_NOT_FOUND": "approvals/test_pointing.py",
    "PERIOD_INVALID": "rules/test_recurrence.py",
    "PERSONA_INACTIVE": "rules/test_submission.py",
    "POST_LOCKED": "rules/test_decisions.py",
    "RECURRENCE_EMPTY": "recurring/test_occurrences.py",
    "RRULE_INVALID": "api/test_templates.py",
    "SELF_APPROVAL": "approvals/test_identities.py",
    "STAGES_TOO_LONG": "rules/test_submission.py",
    "TOO_FEW_POSTS": "recurring/test_occurrences.py",
    "TOO_LATE": "rules/test_gate.py",
    "TOO_MANY_POSTS": "rules/test_calendar.py",
    "TOO_MANY_CHANGES": "approvals/test_own_words.py",
    "UNKNOWN_APPROVER": "rules/test_identities.py",
    "UNKNOWN_POST": "approvals/test_protocol.py",
    "WINDOW_OVER": "recurring/test_occurrences.py",
}
NOT_FOLLOWED: Final = frozenset(
    {
        "CAMPAIGN_ALONE",
        "EVENT_DAY",
        "NAME_AMBIGUOUS",
        "NOT_YOUR_NAME",
        "PERSONA_ALONE",
        "PERSONA_NOT_FOUND",
        "VALUE_INVALID",
    }
)
"""Codes of faults whose words no test follows yet; none may be added."""
BRAND_MENDED: Final[Mapping[str, tuple[Mapping[str, Any], Mapping[str, Any]]]] = {
    "WEIGHTS_MIXED": (
        {"pillars": [{"name": "Farmers", "weight": 0.5}, {"name": "Roasting"}]},
        {"pillars": HALVES},
    ),
}


@pytest.mark.parametrize("code", BRAND_MENDED)
def test_a_brand_that_gives_what_a_fault_asks_for_is_taken(tenant: Tenant, code: str) -> None:
    faulty, mended = ({**BRAND, "name": "Another", **changes} for changes in BRAND_MENDED[code])

    wrong = tenant.client.post("/brands", json=faulty)

    assert code in {fault["code"] for fault in wrong.json()["details"]["errors"]}, wrong.text
    right = tenant.client.post("/brands", json=mended)
    assert right.status_code == 201, right.text


def test_a_file_whose_sizes_are_in_order_is_taken(tenant: Tenant) -> None:
    def sent(most: int) -> Response:
        rules = {"sizing": {"minWidth": 200, "maxWidth": most}}
        said = {"name": "Logo", "type": "logo", "category": "brand", "usageRules": rules}
        return upload(tenant, PNG, said=said)

    wrong, right = sent(100), sent(200)

    assert [fault["code"] for fault in wrong.json()["details"]["errors"]] == ["SIZING_ORDER"]
    assert right.status_code == 201, right.text


def test_every_fault_code_is_followed_here_or_where_its_scene_is() -> None:
    followed = MENDED.keys() | JSON_MENDED.keys() | BRAND_MENDED.keys() | FAULTS_ELSEWHERE.keys() | {"SIZING_ORDER"}

    assert catalogue.fault_codes().keys() - followed == NOT_FOLLOWED
    assert followed <= catalogue.fault_codes().keys()
    assert {code for code, file in FAULTS_ELSEWHERE.items() if code not in (TESTS / file).read_text()} == set()
