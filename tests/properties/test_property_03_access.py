"""Property 3: a request is served exactly when its token is good, for the tenant and the scopes that it names.

The tokens are generated claim by claim, header by header and key by key; whether one is good is said by
a validator of a few lines that shares no code with the API.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, event, example, given, settings
from hypothesis import strategies as st
from prefect.logging import disable_run_logger

from campaigns.errors import FaultsError
from campaigns.keys.keyring import KeyRing, new_ring
from campaigns.settings import get_settings
from tasks.save import save_campaign
from tests.api.doors import Door, opened
from tests.api.log_lines import log_lines
from tests.store.samples import NOW as SAMPLED_AT
from tests.store.samples import a_campaign

NOW = int(time.time())  # when tests are collected; everything below holds for hours
HOUR = 3600
DAY = 24 * HOUR
OLD, REVOKED, FOREIGN = (KeyRing.parse(new_ring(kid)).signing.secret for kid in ("old", "gone", "k1"))
SCOPES = [f"{room}:{act}" for room in ("campaigns", "personas", "brands", "templates") for act in ("read", "write")]

GOOD_CLAIMS: dict[str, Any] = {
    "iss": "campaign-orchestration",
    "aud": "campaign-api",
    "sub": "somebody",
    "tenantId": "acme",
    "scope": " ".join(SCOPES),
    "iat": NOW - 60,
    "exp": NOW + DAY,
    "jti": "0123456789abcdef",
}
BAD_VALUES: dict[str, list[Any]] = {
    "iss": ["", "other", None, ["campaign-orchestration"], 7],
    "aud": ["", "approval-link", ["campaign-api"], None, {}],
    "sub": ["", None, 7, "a b", "x" * 201, "a\n", "ünï"],
    "tenantId": ["", "A", "a", "acme ", "acme\n", "a/b", "a#b", "../x", None, 7, ["acme"], "x" * 64, "аcme"],
    "scope": [None, 7, ["campaigns:read"]],
    "iat": [None, str(NOW), float(NOW), NOW + DAY, True, -(10**20)],
    "exp": [None, str(NOW + 6 * HOUR), NOW + 6 * HOUR + 0.5, NOW - 1, 0, True, NOW + 400 * DAY, 10**30],
    "jti": [None, 7],
}
GOOD_VALUES: dict[str, list[Any]] = {
    "sub": ["x", "user@example.com", "x" * 200],
    "tenantId": ["ab", "a-b", "0-0", "x" * 63],
    "scope": ["", "campaigns:read", "brands:read personas:write", "unknown:scope campaigns:write", " ".join(SCOPES)],
    "iat": [NOW, NOW - DAY],
    "exp": [NOW + 6 * HOUR, NOW + 80 * DAY],
}
HEADERS: list[dict[str, Any]] = [
    {"alg": "HS256", "typ": "api+jwt", "kid": "k1"},
    {"alg": "HS256", "typ": "api+jwt", "kid": "old"},
    {"alg": "HS256", "typ": "api+jwt", "kid": "gone"},
    {"alg": "HS256", "typ": "api+jwt", "kid": "k9"},
    {"alg": "HS256", "typ": "JWT", "kid": "k1"},
    {"alg": "HS256", "typ": "approval+jwt", "kid": "k1"},
    {"alg": "HS512", "typ": "api+jwt", "kid": "k1"},
    {"alg": "none", "typ": "api+jwt", "kid": "k1"},
    {"alg": "RS256", "typ": "api+jwt", "kid": "k1"},
    {"alg": "HS256", "typ": "api+jwt"},
    {"alg": "HS256", "typ": "api+jwt", "kid": "k1", "crit": ["exp"]},
    {"alg": "HS256", "typ": "api+jwt", "kid": "k1", "jku": "https://evil.example"},
    {"typ": "api+jwt", "kid": "k1"},
    {"alg": ["HS256"], "typ": "api+jwt", "kid": "k1"},
    {"alg": "HS256", "typ": "api+jwt", "kid": 7},
]
SPELLINGS = ["plain", "plain", "plain", "padded", "no signature", "four parts", "blank inside", "other last letter"]
ROUTES = [
    ("GET", "/campaigns"), ("POST", "/campaigns"), ("GET", "/campaigns/{campaign}"),
    ("PATCH", "/campaigns/{campaign}"), ("DELETE", "/campaigns/{campaign}"), ("POST", "/campaigns/{campaign}/cancel"),
    ("GET", "/campaigns/{campaign}/posts"), ("GET", "/campaigns/{campaign}/plan"),
    ("GET", "/campaigns/{campaign}/execution"), ("GET", "/campaigns/{campaign}/audit"),
    ("GET", "/campaigns/{campaign}/export"), ("GET", "/personas"), ("POST", "/personas"),
    ("DELETE", "/personas/{persona}"), ("POST", "/personas/{persona}/analyze"), ("GET", "/brands"), ("POST", "/brands"),
    ("PATCH", "/brands/{brand}"), ("GET", "/brands/{brand}/assets"), ("POST", "/brands/{brand}/assets"),
]  # fmt: skip


def part(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")


def spelled(header: dict[str, Any], claims: dict[str, Any], key: bytes, spelling: str) -> str:
    signed = f"{part(json.dumps(header).encode())}.{part(json.dumps(claims).encode())}"
    signature = part(hmac.new(key, signed.encode(), hashlib.sha256).digest())
    token = f"{signed}.{signature}"
    match spelling:
        case "padded":
            return token + "="
        case "no signature":
            return signed + "."
        case "four parts":
            return token + ".x"
        case "blank inside":
            return token.replace(".", ". ", 1)
        case "other last letter":
            return token[:-1] + ("A" if token[-1] != "A" else "B")
        case _:
            return token


def is_good(token: str, keys: dict[str, bytes], now: float) -> dict[str, Any] | None:
    """The reference: the claims of a good token, or None. Written from the rules, not from the code."""
    if not re.fullmatch(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{43}", token):
        return None
    head, body, signature = token.split(".")
    header, claims = (json.loads(base64.urlsafe_b64decode(each + "==")) for each in (head, body))
    if set(header) != {"alg", "typ", "kid"} or header["alg"] != "HS256" or header["typ"] != "api+jwt":
        return None
    key = keys.get(header["kid"]) if isinstance(header["kid"], str) else None
    if key is None or part(hmac.new(key, f"{head}.{body}".encode(), hashlib.sha256).digest()) != signature:
        return None
    if set(claims) != {"iss", "aud", "sub", "tenantId", "scope", "iat", "exp", "jti"}:
        return None
    if not all(isinstance(claims[name], str) for name in ("iss", "aud", "sub", "tenantId", "scope", "jti")):
        return None
    if type(claims["iat"]) is not int or type(claims["exp"]) is not int:
        return None
    named = (claims["iss"], claims["aud"]) == ("campaign-orchestration", "campaign-api")
    told = re.fullmatch(r"[!-~]{1,200}", claims["sub"]) and re.fullmatch(r"[a-z0-9][a-z0-9-]{1,62}", claims["tenantId"])
    timely = claims["iat"] <= now + 60 and now < claims["exp"] <= claims["iat"] + 90 * DAY
    return claims if named and told and timely else None


@st.composite
def tokens(draw: st.DrawFn, keys: dict[str, bytes]) -> str:
    claims = dict(GOOD_CLAIMS)
    for name in draw(st.lists(st.sampled_from(sorted(GOOD_VALUES)), max_size=4, unique=True)):
        claims[name] = draw(st.sampled_from(GOOD_VALUES[name]))
    how = draw(st.sampled_from(["good", "good", "late", "claims", "header", "key", "spelling"]))
    header, key, spelling = HEADERS[draw(st.integers(0, 1))], None, "plain"
    if how == "late":
        claims["exp"] = NOW - draw(st.sampled_from([1, 600, 3600]))
        claims["iat"] = claims["exp"] - 60
    elif how == "claims":
        for name in draw(st.lists(st.sampled_from(sorted(BAD_VALUES)), min_size=1, max_size=2, unique=True)):
            value = draw(st.sampled_from([..., *BAD_VALUES[name]]))
            claims = {k: v for k, v in claims.items() if k != name} | ({} if value is ... else {name: value})
        if draw(st.booleans()):
            claims["extra"] = draw(st.sampled_from([1, "admin", None]))
    elif how == "header":
        header = draw(st.sampled_from(HEADERS))
    elif how == "key":
        key = draw(st.sampled_from([FOREIGN, b"", b"0" * 32, keys["k1"][::-1]]))
    elif how == "spelling":
        spelling = draw(st.sampled_from(SPELLINGS))
    kid = header.get("kid")
    known = {**keys, "gone": REVOKED}
    return spelled(header, claims, key if key is not None else known.get(str(kid), keys["k1"]), spelling)


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Door, dict[str, bytes]]]:
    def written(kid: str, state: str, secret: bytes) -> str:
        return f"{kid}:{state}:{part(secret)}"

    ring = ",".join([new_ring("k1"), written("old", "verify", OLD), written("gone", "revoked", REVOKED)])
    with opened(tmp_path_factory.mktemp("access"), api_keys=ring) as door:
        configured = get_settings().api_keys
        assert configured is not None
        current = KeyRing.parse(configured.get_secret_value()).signing.secret
        for tenant in GOOD_VALUES["tenantId"] + ["acme"]:
            door.store.campaigns.create(a_campaign(tenant, name=f"of {tenant}"), actor="tests", at=SAMPLED_AT)
        yield door, {"k1": current, "old": OLD}


@pytest.mark.property(3, "a request is served iff its token is good for the tenant and the scope")
@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(data=st.data())
def test_a_request_is_served_exactly_when_its_token_is_good(
    gate: tuple[Door, dict[str, bytes]], data: st.DataObject
) -> None:
    """**Feature: campaign-orchestration-durable, Property 3: Direct invocation security and validation**"""
    door, keys = gate
    token = data.draw(tokens(keys))
    method, template = data.draw(st.sampled_from(ROUTES))
    path = re.sub(r"\{(\w+)\}", r"\1_01JZ0K7A3M5T9Y1C4GQVSB8WEX", template)
    scope = f"{path.split('/')[1]}:{'read' if method == 'GET' else 'write'}"
    claims = is_good(token, keys, time.time())
    writes: list[Any] = []
    write, table = door.store.table.write, door.store.table
    table.write = lambda *operations: (writes.append(operations), write(*operations))[1]
    try:
        with log_lines() as lines:
            body = {"json": {}} if method in {"POST", "PATCH"} and "assets" not in path else {}
            answer = door.client_of(token).request(method, path, **body)
    finally:
        del table.write

    assert answer.status_code < 500 or answer.json()["errorCode"] == "PREFECT_UNAVAILABLE"
    denied = [line for line in lines() if line["logger"] == "campaigns.denied"]
    if claims is None:
        event("refused")
        assert answer.status_code == 401
    elif scope not in claims["scope"].split():
        event("without the scope")
        assert answer.status_code == 403
    else:
        event("let in")
        assert answer.status_code not in {401, 403}
        assert {line.get("tenant") for line in lines() if line["logger"] == "campaigns.access"} == {claims["tenantId"]}
        if (method, path) == ("GET", "/campaigns"):
            assert {each["name"] for each in answer.json()["items"]} == {f"of {claims['tenantId']}"}
    if answer.status_code in {401, 403}:
        assert len(denied) == 1
        # Refused requests leave nothing but their count (store.signals, once a second at most).
        assert _only_signals(writes)

    _a_run_is_served_for_its_own_tenant(door, data)


def _a_run_is_served_for_its_own_tenant(door: Door, data: st.DataObject) -> None:
    """Whoever starts a run by hand in Prefect types a tenant: a worker that acts for one serves no other."""
    tenants = ["acme", *GOOD_VALUES["tenantId"]]
    typed, bound = data.draw(st.sampled_from(tenants)), data.draw(st.sampled_from(["", *tenants]))
    [campaign] = door.store.campaigns.list(typed).items
    with pytest.MonkeyPatch.context() as patch, disable_run_logger():
        patch.setattr("tasks.engine.bound.get_settings", lambda: SimpleNamespace(tenant=bound))
        if bound in {"", typed}:
            saved = save_campaign.fn(typed, campaign.id, None)
            assert (saved.tenant_id, saved.name) == (typed, f"of {typed}")
            return
        with pytest.raises(FaultsError) as refused:
            save_campaign.fn(typed, campaign.id, None)
        assert [fault.field for fault in refused.value.faults] == ["tenantId"]


def _only_signals(writes: list[Any]) -> bool:
    return all(key.pk.startswith("@") for operations in writes for key in (each.key for each in operations))


@settings(max_examples=200)
@given(junk=st.one_of(st.text(max_size=300), st.binary(max_size=300).map(lambda raw: raw.decode("latin-1"))))
@example("Bearer")
@example("a" * 8193)
def test_nothing_that_is_no_token_lets_in_or_breaks(gate: tuple[Door, dict[str, bytes]], junk: str) -> None:
    door, _ = gate
    raw = b"Bearer " + junk.encode("utf-8", "surrogatepass").replace(b"\n", b"").replace(b"\r", b"").replace(
        b"\x00", b""
    )

    answer = door.client.get("/campaigns", headers=[(b"authorization", raw)])

    assert answer.status_code == 401
