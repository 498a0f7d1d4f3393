"""Bearer tokens: what lets a caller in, as whom, and what does not."""

from __future__ import annotations

import base64
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from api.auth import tokens
from api.auth.identity import MAX_LIFETIME, TokenRefusedError
from api.auth.oidc import FRESH_SECONDS, REFRESH_SECONDS, STALE_SECONDS, Jwks, ProviderTokens
from api.http.problems import Problem
from campaigns import wiring
from campaigns.keys.keyring import KeyRing, new_ring
from campaigns.wiring import get_api_ring
from tests.api.doors import Door, opened
from tests.api.log_lines import log_lines

UNKNOWN = "campaign_01JZ0K7A3M5T9Y1C4GQVSB8WEX"


def told(claims: dict[str, Any]) -> dict[str, Any]:
    """What stands in the token: a function is asked with the present time, and `...` leaves its claim out."""
    now = int(time.time())
    return {name: value(now) if callable(value) else value for name, value in claims.items() if value is not ...}


def claims(**changes: Any) -> dict[str, Any]:
    whole = {
        "iss": "campaign-orchestration", "aud": "campaign-api", "sub": "somebody", "tenantId": "acme",
        "scope": "campaigns:read", "iat": int, "exp": lambda now: now + 600, "jti": "x" * 16,
    }  # fmt: skip
    return told({**whole, **changes})


def signed(payload: dict[str, Any], *, key: bytes | None = None, **header: Any) -> str:
    ring = get_api_ring()
    headers = {"typ": "api+jwt", "kid": ring.signing.kid, **header}
    algorithm = header.pop("alg", "HS256")
    headers = {name: value for name, value in headers.items() if value is not ...}
    return jwt.encode(payload, key or ring.signing.secret, algorithm=algorithm, headers=headers)


def raw(header: bytes, payload: bytes, key: bytes) -> str:
    """Sign these very bytes."""
    import hashlib
    import hmac

    def part(data: bytes) -> bytes:
        return base64.urlsafe_b64encode(data).rstrip(b"=")

    body = part(header) + b"." + part(payload)
    return (body + b"." + part(hmac.new(key, body, hashlib.sha256).digest())).decode()


def asked(door: Door, token: str) -> int:
    return door.client_of(token).get("/campaigns").status_code


def test_a_good_token_lets_in(door: Door) -> None:
    assert asked(door, signed(claims())) == 200


REFUSED_CLAIMS: dict[str, dict[str, Any]] = {
    "no issuer": {"iss": ...},
    "another issuer": {"iss": "somebody-else"},
    "no audience": {"aud": ...},
    "another audience": {"aud": "approval-link"},
    "a list of audiences": {"aud": ["campaign-api"]},
    "no subject": {"sub": ...},
    "an empty subject": {"sub": ""},
    "a subject that is a number": {"sub": 7},
    "a subject of two lines": {"sub": "a\nb"},
    "no tenant": {"tenantId": ...},
    "an empty tenant": {"tenantId": ""},
    "a list of tenants": {"tenantId": ["acme"]},
    "a tenant in capitals": {"tenantId": "ACME"},
    "a tenant with a path": {"tenantId": "../acme"},
    "a tenant with a separator": {"tenantId": "acme#x"},
    "a tenant with a blank": {"tenantId": "acme "},
    "a tenant with a line end": {"tenantId": "acme\n"},
    "a tenant with a NUL": {"tenantId": "acme\x00"},
    "a tenant in Cyrillic": {"tenantId": "асме"},
    "no time of issue": {"iat": ...},
    "a time of issue as text": {"iat": str},
    "issued in the future": {"iat": lambda now: now + 600, "exp": lambda now: now + 1200},
    "no end": {"exp": ...},
    "an end as text": {"exp": "9999999999"},
    "an end as a fraction": {"exp": lambda now: now + 600.5},
    "over": {"exp": lambda now: now - 1, "iat": lambda now: now - 600},
    "for ever": {"exp": 10**11},
    "beyond all numbers": {"exp": 10**30},
    "longer than we grant": {"exp": lambda now: now + int(MAX_LIFETIME.total_seconds()) + 5},
    "an end before its start": {"exp": lambda now: now + 10, "iat": lambda now: now + 30},
    "a list of scopes": {"scope": ["campaigns:read"]},
    "a claim of nobody": {"role": "admin"},
    "a critical claim of nobody": {"tenant_id": "other"},
}


@pytest.mark.parametrize("changes", REFUSED_CLAIMS.values(), ids=REFUSED_CLAIMS)
def test_claims_that_are_not_exactly_ours_are_refused(door: Door, changes: dict[str, Any]) -> None:
    assert asked(door, signed(claims(**changes))) == 401


REFUSED_HEADERS: dict[str, dict[str, Any]] = {
    "no type": {"typ": ...},
    "another type": {"typ": "approval+jwt"},
    "plain type": {"typ": "JWT"},
    "no key": {"kid": ...},
    "an unknown key": {"kid": "k2"},
    "a key that is a path": {"kid": "../../dev/null"},
    "a critical extension": {"crit": ["exp"]},
    "a key of its own": {"jwk": {"kty": "oct", "k": "AAAA"}},
    "an address of keys": {"jku": "https://evil.example/keys"},
    "compressed": {"zip": "DEF"},
}


@pytest.mark.parametrize("header", REFUSED_HEADERS.values(), ids=REFUSED_HEADERS)
def test_headers_that_are_not_exactly_ours_are_refused(door: Door, header: dict[str, Any]) -> None:
    assert asked(door, signed(claims(), **header)) == 401


@pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
@pytest.mark.filterwarnings("ignore:The HMAC key is 32 bytes long")  # we are the forger here
def test_another_algorithm_of_the_same_key_is_refused(door: Door, algorithm: str) -> None:
    assert asked(door, signed(claims(), alg=algorithm)) == 401


@pytest.mark.parametrize("name", ["none", "None", "NONE", "nOnE", "", "HS256 ", "hs256", None, 0, ["HS256"]])
def test_no_algorithm_is_no_signature(door: Door, name: Any) -> None:
    header = json.dumps({"alg": name, "typ": "api+jwt", "kid": "k1"}).encode()
    whole = raw(header, json.dumps(claims()).encode(), get_api_ring().signing.secret)

    assert asked(door, whole) == 401
    assert asked(door, whole.rsplit(".", 1)[0] + ".") == 401


def test_a_foreign_key_signs_nothing(door: Door) -> None:
    other = KeyRing.parse(new_ring()).signing.secret

    assert asked(door, signed(claims(), key=other)) == 401


def test_an_approval_key_is_no_key_of_the_api(door: Door) -> None:
    keys = wiring.get_settings().approval_keys
    assert keys is not None
    ring = KeyRing.parse(keys.get_secret_value())

    assert asked(door, signed(claims(), key=ring.signing.secret)) == 401


ODD_SPELLINGS: dict[str, Callable[[str], str]] = {
    "padded": lambda token: token + "=",
    "a part more": lambda token: token + ".AAAA",
    "a part less": lambda token: token.rsplit(".", 1)[0],
    "a blank": lambda token: token.replace(".", " .", 1),
    "a plus": lambda token: token[:-1] + "+",
    "cut": lambda token: token[:-1],
    "turned": lambda token: token[::-1],
    "another last letter of the payload": lambda token: _other_spelling(token),
    "very long": lambda token: token + "A" * 9000,
    "in quotes": lambda token: f'"{token}"',
}


def _other_spelling(token: str) -> str:
    header, payload, signature = token.split(".")
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return ".".join([header, payload[:-1] + letters[letters.index(payload[-1]) ^ 1], signature])


@pytest.mark.parametrize("spelled", ODD_SPELLINGS.values(), ids=ODD_SPELLINGS)
def test_a_token_is_spelled_in_one_way(door: Door, spelled: Callable[[str], str]) -> None:
    assert asked(door, spelled(signed(claims()))) == 401


@pytest.mark.parametrize(
    "payload",
    [
        json.dumps(claims())[:-1] + ', "tenantId": "other"}',
        json.dumps(claims()).encode("utf-16").decode("latin-1"),
        "\ufeff" + json.dumps(claims()),
        "[" * 2000 + "]" * 2000,
        "[]",
        "null",
    ],
    ids=["a claim twice", "utf-16", "byte order mark", "deep", "a list", "null"],
)
def test_a_signed_payload_is_plain_json(door: Door, payload: str) -> None:
    header = b'{"alg":"HS256","typ":"api+jwt","kid":"k1"}'
    data = payload.encode("latin-1") if payload.startswith("ÿþ") else payload.encode()

    assert asked(door, raw(header, data, get_api_ring().signing.secret)) == 401


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("Authorization", "")],
        [("Authorization", "Bearer")],
        [("Authorization", "Bearer ")],
        [("Authorization", "Basic dXNlcjpwYXNz")],
        [("Authorization", "{token}")],
        [("Authorization", "Bearer  {token}")],
        [("Authorization", "Bearer {token} {token}")],
        [("Authorization", "Bearer {token}"), ("Authorization", "Bearer {token}")],
        [("X-Authorization", "Bearer {token}")],
        [("Cookie", "token={token}")],
    ],
)
def test_a_token_comes_in_one_header_and_in_one_way(door: Door, headers: list[tuple[str, str]]) -> None:
    token = signed(claims())

    answer = door.client.get("/campaigns", headers=[(name, value.format(token=token)) for name, value in headers])

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert door.client.get("/campaigns", params={"token": token, "access_token": token}).status_code == 401


def test_every_refusal_reads_the_same(door: Door) -> None:
    answers = [
        door.client_of(token).get("/campaigns")
        for token in (None, "x", signed(claims(exp=1, iat=0)), signed(claims(), kid="k9"))
    ]

    told = [{name: value for name, value in a.json().items() if name != "errorId"} for a in answers]
    assert all(each == told[0] for each in told)


def test_a_denied_access_is_noted_with_its_reason_and_without_the_token(door: Door) -> None:
    expired = signed(claims(exp=lambda now: now - 1, iat=lambda now: now - 100))
    weak = door.token("acme", scopes=["brands:read"])

    with log_lines() as lines:
        door.client_of(expired).get("/campaigns")
        door.client_of(weak).get("/campaigns")
        door.client_of(door.token("acme")).get(f"/campaigns/{UNKNOWN}")
        door.client.post(f"/campaigns/{UNKNOWN}/cancel")
        door.client.get("/personas/what-somebody-types")

    noted = [line for line in lines() if line["logger"] == "campaigns.denied"]
    assert [(each["status"], each["reason"], each.get("tenant")) for each in noted] == [
        (401, "expired", None),
        (403, "scope campaigns:read missing", "acme"),
        (404, "404", "acme"),
        (401, "token missing", None),
        (401, "token missing", None),
    ]
    assert [(each["method"], each["route"], each.get("campaign")) for each in noted[2:]] == [
        ("GET", "/campaigns/{campaign_id}", UNKNOWN),
        ("POST", "/campaigns/{campaign_id}/cancel", UNKNOWN),
        ("GET", "/personas/{persona_id}", None),
    ]
    assert "what-somebody-types" not in str(lines())
    assert all(each["correlationId"] for each in noted)
    assert expired not in str(lines())
    assert weak not in str(lines())


def test_a_key_that_only_verifies_still_does_and_a_revoked_one_does_not(tmp_path: Path) -> None:
    old, new = new_ring("old"), new_ring("new")
    for state, status in (("verify", 200), ("revoked", 401)):
        with opened(tmp_path / state, api_keys=f"{new},{old.replace(':sign:', f':{state}:')}") as door:
            token = signed(claims(), key=KeyRing.parse(old).signing.secret, kid="old")
            assert asked(door, token) == status


def test_a_command_prints_a_token_for_development(door: Door) -> None:
    done = subprocess.run(
        [
            sys.executable, "-m", "api.auth.tokens", "--tenant", "acme", "--scopes", "campaigns:read", "--hours", "1",
            "--email", "ana@example.com",
        ],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    client = door.client_of(done.stdout.strip())

    assert client.get("/campaigns").status_code == 200
    assert client.get("/brands").status_code == 403


@pytest.mark.parametrize(
    "arguments",
    [["--tenant", "No Tenant"], ["--tenant", "acme", "--scopes", "everything"], ["--tenant", "acme", "--hours", "0"]],
)
def test_the_command_refuses_what_no_token_may_say(
    door: Door, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        tokens.main(arguments)

    assert ended.value.code == 2
    assert capsys.readouterr().out == ""


# --- an OpenID provider -------------------------------------------------------------------------------

RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())
WEAK_KEY = rsa.generate_private_key(public_exponent=65537, key_size=1024)
ISSUER = "https://login.example/tenant"


def jwk(kid: str, key: Any, **more: Any) -> dict[str, Any]:
    algorithm = ECAlgorithm if isinstance(key, ec.EllipticCurvePrivateKey) else RSAAlgorithm
    return {**algorithm.to_jwk(key.public_key(), as_dict=True), "kid": kid, "use": "sig", **more}


class Provider:
    """A provider's key server on loopback; it counts who asks, and can be broken."""

    def __init__(self) -> None:
        self.keys = [jwk("r1", RSA_KEY), jwk("e1", EC_KEY), jwk("weak", WEAK_KEY), jwk("enc", RSA_KEY, use="enc")]
        self.asked = 0
        self.broken = False
        provider = self

        class Answers(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                provider.asked += 1
                body = b"oops" if provider.broken else json.dumps({"keys": provider.keys}).encode()
                self.send_response(503 if provider.broken else 200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/keys"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    provider = Provider()
    yield provider
    provider.close()


@pytest.fixture(scope="module")
def federated(provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    settings = {
        "oidc_issuer": ISSUER, "oidc_audience": "api://campaigns", "oidc_jwks_url": provider.url,
        "oidc_tenant_claim": "https://campaigns.example/tenant", "oidc_scope_claim": "scp",
    }  # fmt: skip
    with opened(tmp_path_factory.mktemp("oidc"), **settings) as door:
        yield door


def issued(*, key: Any = RSA_KEY, kid: str = "r1", alg: str = "RS256", header: Any = None, **changes: Any) -> str:
    whole = {
        "iss": ISSUER, "aud": ["api://campaigns", "other"], "sub": "user-1", "scp": "campaigns:read",
        "https://campaigns.example/tenant": "acme", "iat": int, "exp": lambda now: now + 600,
        "azp": "a client", "amr": ["pwd"],
    }  # fmt: skip
    return jwt.encode(told({**whole, **changes}), key, algorithm=alg, headers={"kid": kid, **(header or {})})


GOOD = {
    "RS256": {},
    "ES256": {"key": EC_KEY, "kid": "e1", "alg": "ES256"},
    "an access token by type": {"header": {"typ": "at+jwt"}},
    "one audience": {"aud": "api://campaigns"},
    "scopes as a list": {"scp": ["campaigns:read"]},
}


@pytest.mark.parametrize("how", GOOD.values(), ids=GOOD)
def test_a_token_of_the_provider_lets_in(federated: Door, how: dict[str, Any]) -> None:
    answer = federated.client_of(issued(**how)).get("/campaigns")

    assert answer.status_code == 200
    assert federated.client_of(issued(**how)).get("/brands").status_code == 403


@pytest.mark.parametrize(
    ("given", "known"),
    [
        ({"email": "ana@example.com"}, "ana@example.com"),
        ({"email": "ana@example.com", "email_verified": True}, "ana@example.com"),
        ({"email": "ana@example.com", "email_verified": False}, None),  # whoever may type it may be anybody
        ({"email": ["ana@example.com"]}, None),
        ({"email": "ana"}, None),
        ({"upn": "ana@example.com"}, None),
        ({}, None),
    ],
)
def test_a_caller_has_the_address_that_the_provider_vouches_for(
    provider: Provider, given: dict[str, Any], known: str | None
) -> None:
    reader = ProviderTokens(
        Jwks(provider.url), issuer=ISSUER, audience="api://campaigns",
        tenant_claim="https://campaigns.example/tenant", scope_claim="scp", email_claim="email",
    )  # fmt: skip

    assert reader.read(issued(**given), {"kid": "r1"}, now=datetime.now(UTC)).email == known


BAD = {
    "another issuer": {"iss": "https://evil.example"},
    "another audience": {"aud": "api://other"},
    "no audience": {"aud": ...},
    "no tenant": {"https://campaigns.example/tenant": ...},
    "a tenant that is none": {"https://campaigns.example/tenant": "Acme!"},
    "a tenant under our own name": {"https://campaigns.example/tenant": ..., "tenantId": "acme"},
    "over": {"exp": lambda now: now - 1},
    "not yet": {"nbf": lambda now: now + 3000},
    "a key of nobody": {"kid": "r9"},
    "a key for encryption": {"kid": "enc"},
    "a short key": {"key": WEAK_KEY, "kid": "weak"},
    "the other kind of key": {"key": RSA_KEY, "kid": "e1"},
    "PS256": {"alg": "PS256"},
    "RS512": {"alg": "RS512"},
    "an id token type": {"header": {"typ": "id+jwt"}},
    "a critical extension": {"header": {"crit": ["x"], "x": 1}},
    "scopes as a number": {"scp": 7},
}


@pytest.mark.parametrize("how", BAD.values(), ids=BAD)
@pytest.mark.filterwarnings("ignore:.*RSA key.*below the minimum.*")
def test_another_token_of_a_provider_does_not(federated: Door, how: dict[str, Any]) -> None:
    assert federated.client_of(issued(**how)).get("/campaigns").status_code == 401


def test_a_public_key_is_no_secret_to_sign_with(federated: Door, provider: Provider) -> None:
    """The classic confusion: the provider's public key, used as an HMAC key."""
    public = json.dumps(provider.keys[0]).encode()

    for kid in ("r1", "k1"):
        header = json.dumps({"alg": "HS256", "typ": "JWT", "kid": kid}).encode()
        token = raw(header, jwt.decode(issued(), options={"verify_signature": False}).__repr__().encode(), public)
        assert federated.client_of(token).get("/campaigns").status_code == 401


def test_our_own_tokens_go_on_to_work_beside_a_provider(federated: Door) -> None:
    assert federated.client_of(signed(claims())).get("/campaigns").status_code == 200


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_the_keys_are_asked_for_rarely_and_outlive_a_broken_provider(provider: Provider) -> None:
    clock = Clock()
    jwks = Jwks(provider.url, clock=clock)
    reader = ProviderTokens(
        jwks, issuer=ISSUER, audience="api://campaigns", tenant_claim="t", scope_claim="s", email_claim="email"
    )
    before = provider.asked

    assert jwks.key("r1") is not None
    for made_up in range(50):
        assert jwks.key(f"unknown-{made_up}") is None
    assert provider.asked == before + 1
    clock.now += REFRESH_SECONDS
    assert jwks.key("unknown") is None
    assert provider.asked == before + 2

    provider.broken = True
    try:
        clock.now += FRESH_SECONDS
        assert jwks.key("r1") is not None
        assert jwks._fetching is not None
        jwks._fetching.result(10)  # in the background, and in vain
        clock.now += STALE_SECONDS
        with pytest.raises(Problem) as caught:
            jwks.key("r1")
        assert (caught.value.status, caught.value.code) == (503, "IDENTITY_UNAVAILABLE")
    finally:
        provider.broken = False
    with pytest.raises(Problem):
        jwks.key("r1")
    clock.now += REFRESH_SECONDS
    assert jwks.key("r1") is not None
    with pytest.raises(TokenRefusedError):
        reader.read(issued(), {"kid": 7}, now=datetime.now(UTC))


class Dripping:
    """A key server that never ends its answer: one byte at a time."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/keys"

    def _serve(self) -> None:
        with suppress(OSError):
            peer, _ = self._listener.accept()
            with peer:
                peer.recv(1000)
                peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
                while not self._over.wait(0.05):
                    peer.sendall(b" ")

    def close(self) -> None:
        self._over.set()
        self._listener.close()
        self._thread.join(5)


@pytest.fixture
def dripping() -> Iterator[Dripping]:
    server = Dripping()
    yield server
    server.close()


def test_a_provider_that_drips_is_in_nobodys_way(dripping: Dripping, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.auth.oidc.WAIT_SECONDS", 0.2)
    monkeypatch.setattr("api.auth.oidc.FETCH_SECONDS", 30)
    jwks, refused = Jwks(dripping.url), []

    def ask() -> None:
        with pytest.raises(Problem) as caught:
            jwks.key("r1")
        refused.append(caught.value)

    callers = [threading.Thread(target=ask, daemon=True) for _ in range(40)]
    for each in callers:
        each.start()
    for each in callers:
        each.join(10)  # one after the other, with the old limit of five seconds for each read, it would be for ever

    assert len(refused) == 40
    assert {(each.status, each.code, each.retry_after) for each in refused} == {(503, "IDENTITY_UNAVAILABLE", 1)}
    dripping.close()


def test_known_keys_serve_while_a_provider_drips(
    provider: Provider, dripping: Dripping, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    jwks = Jwks(provider.url, clock=clock)
    assert jwks.key("r1") is not None
    monkeypatch.setattr(jwks, "_url", dripping.url)
    monkeypatch.setattr("api.auth.oidc.wait", lambda *_, **__: pytest.fail("a caller whose key is known waited"))

    clock.now += FRESH_SECONDS
    for _ in range(100):
        assert jwks.key("r1") is not None
    dripping.close()


def test_a_fetch_ends_in_its_time_however_it_drips(dripping: Dripping, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.auth.oidc.FETCH_SECONDS", 0.3)
    monkeypatch.setattr("api.auth.oidc.WAIT_SECONDS", 20)

    with pytest.raises(Problem) as caught:
        Jwks(dripping.url).key("r1")

    assert caught.value.retry_after == 5  # the fetch is over, and there are no keys


def test_a_provider_that_is_named_by_half_stops_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    from pydantic import ValidationError

    from campaigns.settings import Settings

    for name in ("ISSUER", "AUDIENCE", "JWKS_URL"):
        monkeypatch.delenv(f"CAMPAIGNS_OIDC_{name}", raising=False)
    with pytest.raises(ValidationError, match="CAMPAIGNS_OIDC_ISSUER"):
        Settings(oidc_issuer=ISSUER)
    with pytest.raises(ValidationError, match="oidc_jwks_url"):
        Settings(oidc_issuer=ISSUER, oidc_audience="a", oidc_jwks_url="file:///etc/passwd")
