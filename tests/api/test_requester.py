"""Who asked for a campaign is known, and terms that cannot be kept with this person are refused with the brief."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient

from campaigns.settings import get_settings
from tests.api.doors import Door, Tenant

ANA = {"name": "Ana", "email": "ana@example.com"}
BEN = {"name": "Ben", "email": "ben@example.com"}


def terms(*approvers: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {"approval": {"approvers": list(approvers), "preventSelfApproval": True, **changes}}


def faults(client: TestClient, brief: dict[str, Any]) -> list[tuple[str, str, str]]:
    answer = client.post("/campaigns", json=brief)
    assert answer.status_code == 422, answer.text
    return [(each["field"], each["code"], each["message"]) for each in answer.json()["details"]["errors"]]


def as_(door: Door, tenant: Tenant, subject: str, email: str | None) -> TestClient:
    return door.client_of(door.token(tenant.name, subject=subject, email=email))


def test_whoever_asks_is_stored_by_subject_and_address(door: Door, tenant: Tenant) -> None:
    client = as_(door, tenant, "auth0|5f7c", "Ana@example.com")

    campaign_id = client.post("/campaigns", json=tenant.brief(**terms(ANA, BEN))).json()["id"]

    stored = tenant.store.campaigns.get(tenant.name, campaign_id)
    assert (stored.requested_by, stored.requester_email) == ("auth0|5f7c", "Ana@example.com")
    assert "Ana@example.com" not in client.get(f"/campaigns/{campaign_id}").text  # addresses stay with us


def test_a_subject_that_is_an_address_is_one(door: Door, tenant: Tenant) -> None:
    client = as_(door, tenant, "ana@example.com", None)

    ((field, code, _),) = faults(client, tenant.brief(**terms(ANA)))

    assert (field, code) == ("approval.approvers", "NOBODY_MAY_DECIDE")


def test_a_requester_who_cannot_be_told_from_the_approvers_is_refused(door: Door, tenant: Tenant) -> None:
    client = as_(door, tenant, "auth0|5f7c", None)

    ((field, code, message),) = faults(client, tenant.brief(**terms(ANA, BEN)))

    assert (field, code) == ("approval.preventSelfApproval", "REQUESTER_UNKNOWN")
    assert "claim" in message
    helped = as_(door, tenant, "auth0|5f7c", "ana@example.com")  # as the message says
    assert helped.post("/campaigns", json=tenant.brief(**terms(ANA, BEN))).status_code == 202


def test_a_brief_that_leaves_nobody_to_decide_is_refused_with_what_helps(door: Door, tenant: Tenant) -> None:
    client = as_(door, tenant, "auth0|5f7c", "ANA@example.com")

    ((field, code, message),) = faults(client, tenant.brief(**terms(ANA)))

    assert (field, code) == ("approval.approvers", "NOBODY_MAY_DECIDE")
    assert "name one more approver than ANA@example.com" in message
    assert client.post("/campaigns", json=tenant.brief(**terms(ANA, BEN))).status_code == 202


def test_a_quorum_that_those_who_may_decide_cannot_reach_is_refused_with_what_helps(door: Door, tenant: Tenant) -> None:
    client = as_(door, tenant, "auth0|5f7c", "ana@example.com")

    ((field, code, message),) = faults(client, tenant.brief(**terms(ANA, BEN, quorum="2")))

    assert (field, code) == ("approval.quorum", "QUORUM_UNREACHABLE")
    assert "ask for 1" in message
    assert client.post("/campaigns", json=tenant.brief(**terms(ANA, BEN, quorum="1"))).status_code == 202
    assert client.post("/campaigns", json=tenant.brief(**terms(ANA, BEN, quorum="all"))).status_code == 202


def test_the_default_approver_may_be_the_requester(door: Door, tenant: Tenant) -> None:
    client = as_(door, tenant, "auth0|5f7c", get_settings().default_approver_email.upper())

    ((_, code, _),) = faults(client, tenant.brief(**terms()))

    assert code == "NOBODY_MAY_DECIDE"


def test_it_is_told_together_with_the_other_faults(door: Door, tenant: Tenant) -> None:
    client = as_(door, tenant, "auth0|5f7c", "ana@example.com")

    told = {code for _, code, _ in faults(client, {**tenant.brief(**terms(ANA)), "name": ""})}

    assert {"NOBODY_MAY_DECIDE", "TOO_SHORT"} <= told


@pytest.mark.parametrize("approvers", [[ANA], [{"name": "Somebody", "email": "ANA@EXAMPLE.COM"}]])
def test_a_changed_brief_must_leave_somebody_too(door: Door, tenant: Tenant, approvers: list[dict[str, Any]]) -> None:
    client = as_(door, tenant, "auth0|5f7c", "ana@example.com")
    campaign_id = client.post("/campaigns", json=tenant.brief(**terms(ANA, BEN))).json()["id"]
    # Whoever changes it: what counts is who asked.
    other = as_(door, tenant, "auth0|other", "olga@example.com")

    answer = other.patch(f"/campaigns/{campaign_id}", json={**terms(*approvers), "version": 1})

    assert answer.status_code == 422
    assert answer.json()["details"]["errors"][0]["code"] == "NOBODY_MAY_DECIDE"
    assert other.patch(f"/campaigns/{campaign_id}", json={"name": "Another name", "version": 1}).status_code == 200


def test_without_that_term_anybody_may_ask(door: Door, tenant: Tenant) -> None:
    client = as_(door, tenant, "auth0|5f7c", None)

    assert client.post("/campaigns", json=tenant.brief(approval={"approvers": [ANA]})).status_code == 202
