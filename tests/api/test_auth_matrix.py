"""Every route × every method × every kind of token: what is let in, and what is not."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import jwt
import pytest

from api.app import ROUTERS
from api.auth.approval_limits import ApprovalLimits
from api.auth.identity import SCOPES
from campaigns.keys.keyring import KeyRing, new_ring
from campaigns.settings import get_settings
from campaigns.wiring import get_api_ring
from tests.api.doors import Door

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW")
OPEN = {"/healthz", "/readyz", "/campaigns/{campaign_id}/approve", "/calendar.ics"}
TENANT = "matrix"


def paths(door: Door) -> dict[str, set[str]]:
    """Return the documented paths with their methods."""
    return {path: {name.upper() for name in methods} for path, methods in door.truth.description["paths"].items()}


def filled(path: str) -> str:
    return re.sub(r"\{(\w+?)_id\}", lambda found: f"{found[1]}_01JZ0K7A3M5T9Y1C4GQVSB8WEX", path)


def needed(path: str, method: str) -> str:
    """Return the scope that a route needs, by the rule of the API: its first part, read or write."""
    group = path.split("/")[1]
    if group == "checks":
        return "campaigns:read"  # it stores nothing
    group = {"calendar": "campaigns", "costs": "campaigns", "status": "operations", "metrics": "operations"}.get(
        group, group
    )
    return f"{group}:{'read' if method == 'GET' else 'write'}"


def refused_tokens(door: Door) -> dict[str, str | None]:
    ring, now = get_api_ring(), datetime.now(UTC)
    good = door.token(TENANT)
    payload = jwt.decode(good, options={"verify_signature": False})
    header = {name: value for name, value in jwt.get_unverified_header(good).items() if name != "alg"}
    approval = get_settings().approval_keys
    assert approval is not None

    def signed(key: bytes, **changes: Any) -> str:
        return jwt.encode({**payload, **changes}, key, algorithm="HS256", headers=header)

    return {
        "none": None,
        "empty": "",
        "garbage": "garbage",
        "expired": signed(ring.signing.secret, iat=int(now.timestamp()) - 20, exp=int(now.timestamp()) - 10),
        "of another issuer": signed(ring.signing.secret, iss="somebody"),
        "of a foreign key": signed(KeyRing.parse(new_ring()).signing.secret),
        "of the key of approval links": signed(KeyRing.parse(approval.get_secret_value()).signing.secret),
        "for approval links": signed(ring.signing.secret, aud="approval-link"),
        "unsigned": jwt.encode(payload, None, algorithm="none", headers=header),
    }  # fmt: skip


PATHS = sorted({route.path for router in ROUTERS for route in router.routes if route.include_in_schema})
each_path = pytest.mark.parametrize("path", PATHS)


def test_the_matrix_covers_every_path(door: Door) -> None:
    assert set(paths(door)) == set(PATHS)
    hidden = {route.path for router in ROUTERS for route in router.routes} - set(PATHS)
    assert all(path.startswith("/approve/") for path in hidden)


@each_path
def test_without_a_valid_token_every_method_of_a_closed_path_answers_401(door: Door, path: str) -> None:
    if path in OPEN:
        return
    for kind, token in refused_tokens(door).items():
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        for method in METHODS:
            answer = door.client.request(
                method, filled(path), headers=headers, json={} if method in {"POST", "PATCH"} else None
            )
            assert answer.status_code == 401, (kind, method, path)
            assert answer.headers["WWW-Authenticate"] == "Bearer"


@each_path
def test_a_valid_token_needs_the_scope_of_the_route(door: Door, path: str) -> None:
    if path in OPEN:
        return
    for method in METHODS:
        body = {} if method in {"POST", "PUT", "PATCH"} else None
        known = method in paths(door)[path]
        scope = needed(path, method)
        without = door.client_of(door.token(TENANT, scopes=[each for each in SCOPES if each != scope]))
        nothing = door.client_of(door.token(TENANT, scopes=[]))
        only = door.client_of(door.token(TENANT, scopes=[scope]))
        for client in (without, nothing):
            answer = client.request(method, filled(path), json=body)
            assert answer.status_code == (403 if known else 405), (method, path, answer.text)
            if known:
                assert scope in answer.json()["message"]
        answer = only.request(method, filled(path), json=body)
        assert answer.status_code not in {401, 403, 500}, (method, path, answer.text)
        assert (answer.status_code == 405) is not known
        if not known:
            assert set(answer.headers["Allow"].split(", ")) == paths(door)[path]


@pytest.mark.parametrize("method", METHODS)
def test_what_is_open_needs_no_token_and_takes_only_its_methods(door: Door, method: str) -> None:
    for path in ("/healthz", "/readyz"):
        answer = door.client.request(method, path)
        assert answer.status_code == (200 if method == "GET" else 405)


@pytest.mark.parametrize("body", [{"decision": "approved", "callbackId": "x" * 22}, {}, {"decision": 1}, []])
@pytest.mark.parametrize("token", [None, "garbage", "bearer"])
def test_a_decision_needs_the_token_of_its_link(
    door: Door, token: str | None, body: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door.app.state, "approval_limits", ApprovalLimits(), raising=False)
    given = door.token(TENANT) if token == "bearer" else token

    answer = door.client_of(given).post("/campaigns/campaign_01JZ0K7A3M5T9Y1C4GQVSB8WEX/approve", json=body)

    assert answer.status_code == 401
