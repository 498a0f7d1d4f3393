"""Advice of the API that can be followed: an error is provoked over HTTP, its advice is done, and the call succeeds."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import pytest
from httpx import Response

from api import catalogue
from api.routers.examples import PERSONA
from tests.api.doors import Door, Tenant

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
        few.setattr("campaigns.store.personas.MAX_PERSONAS", 1)
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
    "CODE_REQUIRED": "tests/approvals/test_codes.py",
}
_VERBS: Final = re.compile(r"\b(?:Use|Get|Send|Try|Read again|Delete|Wait|Give|decide on the)\b")


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
        return {**brief, **{key: {**brief.get(key, {}), **each} for key, each in changes.items()}}

    return changed


ANA, BEN = ({"name": name, "email": f"{name.lower()}@example.com"} for name in ("Ana", "Ben"))
MENDED: Final[Mapping[str, tuple[Mapping[str, Any], Mapping[str, Any]]]] = {
    # The fault, what provokes it, and what its words say to give instead.
    "QUORUM_UNREACHABLE": (
        {"approval": {"approvers": [ANA], "quorum": 2}},
        {"approval": {"approvers": [ANA], "quorum": 1}},
    ),
    "TIMEZONE_UNKNOWN": (
        {"schedule": {"timezone": "Lisbon"}},
        {"schedule": {"timezone": "Europe/Lisbon"}},
    ),
    "WRONG_FORMAT": (
        {"approval": {"approvers": [{**ANA, "email": "ana"}]}},
        {"approval": {"approvers": [ANA]}},
    ),
    "UNKNOWN_FIELD": ({"schedule": {"colour": "red"}}, {}),
}


@pytest.mark.parametrize("code", MENDED)
def test_who_gives_what_a_fault_asks_for_is_taken(tenant: Tenant, code: str) -> None:
    faulty, mended = (asked(changes)(tenant.brief()) for changes in MENDED[code])

    wrong = tenant.client.post("/campaigns", json=faulty)

    assert code in {fault["code"] for fault in wrong.json()["details"]["errors"]}
    assert tenant.client.post("/campaigns", json=mended).status_code == 202
