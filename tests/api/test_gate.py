"""The gate: nothing comes in without a token, and no body is worth a fall."""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from contextlib import suppress
from typing import Annotated, Any

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings
from pydantic import TypeAdapter
from pydantic.fields import FieldInfo

from api.app import ROUTERS
from api.auth.gate import MAX_BODY_BYTES, SMALL_BODY_BYTES, body_limit
from api.http.json_bodies import MAX_DEPTH, MAX_MEMBERS, value_of
from api.http.problems import routes_of
from api.routers.health import Probe
from campaigns.errors import MOST_TOLD, FaultsError
from campaigns.model.base import Wire
from tests.api.doors import NO_PREFECT, Door, Tenant, opened


def post(tenant: Tenant, body: bytes | str, path: str = "/campaigns", **headers: str) -> Any:
    return tenant.client.post(path, content=body, headers={"Content-Type": "application/json", **headers})


# --- sizes and shapes ---------------------------------------------------------------------------------


def test_a_body_of_more_than_a_mebibyte_is_refused_unread(tenant: Tenant) -> None:
    large = json.dumps({"name": "x" * MAX_BODY_BYTES})

    answer = post(tenant, large)

    assert (answer.status_code, answer.json()["errorCode"]) == (413, "BODY_TOO_LARGE")


def test_a_body_that_does_not_declare_its_size_is_broken_off(tenant: Tenant) -> None:
    sent = 0

    def endless() -> Any:
        nonlocal sent
        for _ in range(100):
            sent += 64 * 1024
            yield b'{"a":"' + b"x" * 64 * 1024

    answer = tenant.client.post("/campaigns", content=endless(), headers={"Content-Type": "application/json"})

    assert answer.status_code == 413


@pytest.mark.parametrize("declared", ["-1", "1e3", "99999999999999999999", "+1", "1_0", "0x10", "1 2"])
def test_a_size_that_is_none_is_refused(tenant: Tenant, declared: str) -> None:
    answer = tenant.client.post("/campaigns", content=b"{}", headers={"Content-Length": declared})

    assert answer.status_code == 413


HOSTILE_JSON = {
    "deep arrays": b"[" * 100_000,
    "deep objects": b'{"a":' * 100_000,
    "deep and closed": b"[" * 5000 + b"]" * 5000,
    "just too deep": b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1),
    "many members": b"[" + b"1," * MAX_MEMBERS + b"1]",
    "a hundred thousand keys": json.dumps({str(n): 1 for n in range(60_000)}).encode(),
    "a number of a hundred thousand digits": b'{"budgetUSD":' + b"9" * 100_000 + b"}",
    "a number beyond floats": b'{"budgetUSD":1e999}',
    "not a number": b'{"budgetUSD":NaN}',
    "infinity": b'{"budgetUSD":-Infinity}',
    "a name twice": b'{"name":"a","name":"b"}',
    "a lone surrogate": b'{"name":"\\ud800"}',
    "a lone surrogate as a name": b'{"\\udfff":1}',
    "latin-1": '{"name":"é"}'.encode("latin-1"),
    "utf-16": '{"name":"x"}'.encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf{}",
    "NUL": b'{"name":"a\x00b"}',
    "cut off": b'{"name":"x',
    "an escape cut off": b'{"name":"x\\',
    "quotes without end": b'"' + b'\\"' * 400_000,
    "backslashes": b'{"a":"' + b"\\" * 500_001,
    "text": b"hello",
    "two documents": b"{} {}",
    "a comment": b"{/* */}",
    "single quotes": b"{'a': 1}",
    "a trailing comma": b'{"a": 1,}',
}


@pytest.mark.parametrize("body", HOSTILE_JSON.values(), ids=HOSTILE_JSON)
def test_hostile_json_is_refused_quickly_and_tells_where(tenant: Tenant, body: bytes) -> None:
    started = time.process_time()
    answer = post(tenant, body)
    spent = time.process_time() - started

    assert answer.status_code == 422
    assert answer.json()["details"]["errors"]
    assert spent < 1.0  # seconds of this process; a quadratic scan would take minutes


def test_what_is_deep_inside_a_text_is_a_text(tenant: Tenant) -> None:
    brief = tenant.brief()
    brief["brief"] = {**brief["brief"], "description": "See [[[[{{{{" * 100 + ", ok"}

    assert post(tenant, json.dumps(brief)).status_code == 202


@pytest.mark.parametrize("value", [None, True, 1, "text", []])
def test_json_that_is_no_object_is_no_brief(tenant: Tenant, value: Any) -> None:
    assert post(tenant, json.dumps(value)).status_code == 422


def test_a_byte_order_mark_before_json_is_refused_in_our_words(tenant: Tenant) -> None:
    body = b"\xef\xbb\xbf" + json.dumps(tenant.brief()).encode()

    answer = tenant.client.post("/campaigns", content=body, headers={"Content-Type": "application/json"})

    (fault,) = answer.json()["details"]["errors"]
    assert (answer.status_code, fault["code"]) == (422, "JSON_INVALID")
    assert fault["message"] == "begins with a byte order mark: send UTF-8 without one"


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_a_brief_is_json_and_nothing_else(tenant: Tenant, kind: str) -> None:
    answer = tenant.client.post("/campaigns", content=json.dumps(tenant.brief()), headers={"Content-Type": kind})

    assert (answer.status_code, answer.json()["errorCode"]) == (415, "UNSUPPORTED_MEDIA_TYPE")
    assert "Content-Type: application/json" in answer.json()["message"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"--x\r\n",
        b"--x\r\nContent-Disposition: form-data\r\n\r\n",
        b"--x\r\n" + b"A: b\r\n" * 10_000,
        b"\x00" * 1000,
    ],
)
def test_broken_multipart_is_refused(tenant: Tenant, body: bytes) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=x"}

    answer = tenant.client.post(f"/brands/{tenant.brand_id}/assets", content=body, headers=headers)

    assert answer.status_code in {400, 422}


# --- what a stranger's bytes cost --------------------------------------------------------------------

MEBIBYTE_OF = {
    "brackets": b"[]" * (MAX_BODY_BYTES // 2),
    "braces": b"{}" * (MAX_BODY_BYTES // 2),
    "open brackets": b"[" * MAX_BODY_BYTES,
    "empty texts": b'""' * (MAX_BODY_BYTES // 2),
    "texts": b'"",' * (MAX_BODY_BYTES // 3),
    "quotes escaped": b'"' + b'\\"' * (MAX_BODY_BYTES // 2 - 1),
    "commas": b"," * MAX_BODY_BYTES,
    "lists in a list": b"[" + b"[]," * (MAX_BODY_BYTES // 3 - 1) + b"[]]",
    "brackets in a text": b'{"a":"' + b"[{" * (MAX_BODY_BYTES // 2 - 4) + b'"}',
    "numbers": b"[" + b"1.5," * (MAX_BODY_BYTES // 4 - 2) + b"1]",
    "one number": b"1" * MAX_BODY_BYTES,
}


@pytest.mark.parametrize("body", MEBIBYTE_OF.values(), ids=MEBIBYTE_OF)
def test_no_body_is_walked_further_than_it_may_be_long(body: bytes) -> None:
    """Every line and call of ours and of the standard library is counted while the body is looked at."""
    steps = 0

    def count(*_: Any) -> Any:
        nonlocal steps
        steps += 1
        return count

    before = sys.gettrace()
    sys.settrace(count)
    try:
        with suppress(FaultsError):
            value_of(body)
    finally:
        sys.settrace(before)

    assert steps < 20 * MAX_MEMBERS


def answered(door: Door, path: str, *headers: tuple[str, str], method: str = "POST") -> tuple[int, bool]:
    """Return the status of a request, and whether its body was asked for."""
    asked, sent = False, []

    async def receive() -> dict[str, Any]:
        nonlocal asked
        asked = True
        return {"type": "http.request", "body": b"[]" * 1000, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    raw = [(name.lower().encode(), value.encode()) for name, value in (("Host", "testserver"), *headers)]
    scope = {
        "type": "http", "method": method, "path": path, "raw_path": path.encode(), "root_path": "", "scheme": "http",
        "query_string": b"", "headers": raw, "client": ("203.0.113.9", 5), "server": ("testserver", 80), "asgi": {},
        "http_version": "1.1",
    }  # fmt: skip
    asyncio.run(door.app(scope, receive, send))
    return sent[0]["status"], asked


JSON, FORM = ("Content-Type", "application/json"), ("Content-Type", "application/x-www-form-urlencoded")
DECISION = "/campaigns/campaign_01JZ0K7A3M5T9Y1C4GQVSB8WEX/approve"


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/campaigns", [JSON], 401),
        ("/campaigns", [JSON, ("Authorization", "Bearer x.y.z")], 401),
        (DECISION, [JSON], 401),
        (DECISION, [JSON, ("Authorization", "Bearer x.y.z")], 401),
        (DECISION, [JSON, ("Authorization", "Basic eDp5")], 401),
        (DECISION, [("Content-Type", "text/plain")], 401),
        ("/approve/abcdefghijklmnopqrstuvwx", [FORM], 404),
        ("/approve/abcdefghijklmnopqrstuvwx", [JSON], 404),
        ("/approve/abcdefghijklmnopqrstuvwx", [FORM, ("Cookie", "approval=x.y.z")], 404),
        ("/brands/x/assets", [("Content-Type", "multipart/form-data; boundary=x")], 401),
    ],
)
def test_the_credential_is_looked_at_before_the_body(
    tmp_path: Any, path: str, headers: list[tuple[str, str]], status: int
) -> None:
    with opened(tmp_path) as door:
        assert answered(door, path, *headers) == (status, False)


@pytest.mark.parametrize(
    ("method", "path", "most"),
    [
        ("POST", "/campaigns/campaign_01JZ0K7A3M5T9Y1C4GQVSB8WEX/cancel", SMALL_BODY_BYTES),
        ("POST", "/personas/persona_01JZ0K7A3M5T9Y1C4GQVSB8WEX/analyze", SMALL_BODY_BYTES),
        ("GET", "/campaigns", SMALL_BODY_BYTES),
        ("POST", "/personas", 160 * 1024),
    ],
)
def test_a_small_address_takes_a_small_body(tenant: Tenant, method: str, path: str, most: int) -> None:
    answer = tenant.client.request(
        method, path, content=b" " * (most + 1), headers={"Content-Type": "application/json"}
    )

    assert (answer.status_code, answer.json()["errorCode"]) == (413, "BODY_TOO_LARGE")
    assert str(most) in answer.json()["message"]


def test_every_address_takes_what_its_model_takes() -> None:
    bounded = 0
    for route in routes_of(ROUTERS):
        if route.body_field is None:
            continue
        schema = TypeAdapter(annotation_of(route.body_field.field_info)).json_schema()
        most = most_bytes(schema, schema.get("$defs", {}))
        if most is not None:
            bounded += 1
            assert most <= body_limit("POST", re.sub(r"\{\w+\}", "x", route.path)), route.path
    assert bounded >= 4


def annotation_of(field: FieldInfo) -> Any:
    return Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation


def most_bytes(schema: dict[str, Any], names: dict[str, Any]) -> int | None:
    """Return how long JSON of a schema can be with every character escaped as a pair of surrogates; None: no bound."""
    if "$ref" in schema:
        return most_bytes(names[schema["$ref"].rpartition("/")[2]], names)
    if "anyOf" in schema:
        return largest([most_bytes(each, names) for each in schema["anyOf"]])
    if "enum" in schema or "const" in schema:
        return max(len(json.dumps(each)) for each in schema.get("enum", [schema.get("const")]))
    match schema.get("type"):
        case "string":
            return 12 * schema["maxLength"] + 2 if "maxLength" in schema else None
        case "array":
            entry = most_bytes(schema["items"], names) if "maxItems" in schema else None
            return None if entry is None else 2 + schema["maxItems"] * (entry + 1)
        case "object" if schema.get("properties"):
            entries = {name: most_bytes(each, names) for name, each in schema["properties"].items()}
            if None in entries.values():
                return None
            return 2 + sum(len(name) + 4 + (most or 0) for name, most in entries.items())
        case "integer" | "number" | "boolean" | "null":
            return 24
    return None


def largest(sizes: list[int | None]) -> int | None:
    return None if None in sizes else max(size or 0 for size in sizes)


def test_a_request_with_very_many_faults_is_told_of_the_first_hundred(tenant: Tenant) -> None:
    strangers = {f"stranger{number}": 1 for number in range(19_000)} | {"x" * 100_000: 1}

    for path in ("/campaigns", "/brands"):
        answer = tenant.client.post(path, json=strangers)

        told = answer.json()
        assert answer.status_code == 422
        assert len(told["details"]["errors"]) == MOST_TOLD
        assert f"the first {MOST_TOLD} are listed" in told["message"]
        assert len(answer.content) < 32 * 1024


def on_the_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


@pytest.mark.parametrize("path", ["/brands", "/personas", "/campaigns"])
def test_a_large_body_is_parsed_once_and_checked_away_from_the_event_loop(
    tenant: Tenant, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    parsed: list[bool] = []
    checked: list[bool] = []
    loads = json.loads

    def counted_loads(text: Any, **how: Any) -> Any:
        if len(text) > 20_000:  # a token is JSON as well
            parsed.append(on_the_loop())
        return loads(text, **how)

    def counted_check(cls: type[Wire], value: Any, **how: Any) -> Any:
        if isinstance(value, dict) and len(str(value.get("name"))) > 20_000:
            checked.append(on_the_loop())
        return super(Wire, cls).model_validate(value, **how)

    body = json.dumps({"name": "x" * 30_000})
    with monkeypatch.context() as patched:
        patched.setattr(json, "loads", counted_loads)
        patched.setattr(Wire, "model_validate", classmethod(counted_check))
        answer = tenant.client.post(path, content=body, headers={"Content-Type": "application/json"})

    assert answer.status_code == 422
    assert parsed == [False]
    assert checked
    assert True not in checked


# --- unicode ------------------------------------------------------------------------------------------

TEXTS = {
    "right-to-left override": ("a\u202eb", 422),
    "zero width space": ("a\u200bb", 202),
    "hidden sentence": ("a\U000e0062\U000e0063", 422),
    "England": ("🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f", 202),
    "Persian": ("می\u200cخواهم", 202),
    "NUL": ("a\x00b", 422),
    "escape": ("a\x1b[31mb", 422),
    "soft line": ("a\u2028b", 202),
    "combining": ("e\u0301" * 100, 202),
    "ten thousand combining": ("e" + "\u0301" * 10_000, 422),
    "emoji family": ("👨‍👩‍👧‍👦", 202),
    "flag": ("🇵🇹", 202),
    "arabic": ("مرحبا بالعالم", 202),
    "han": ("漢字かな交じり文", 202),
    "mathematical": ("𝗕𝗼𝗹𝗱", 202),
    "ligature": ("ﬁne", 202),
    "only blanks": (" \u00a0\u2003 ", 422),
    "line break": ("two\r\nlines", 202),
    "formula": ("=cmd|' /C calc'!A0", 202),
    "markup": ("<script>alert(1)</script>", 202),
    "template": ("{{ 7*7 }}", 202),
    "prefect": ('{"__prefect_kind":"jinja","template":"{{ 7*7 }}"}', 202),
    "200 letters": ("x" * 200, 202),
    "201 letters": ("x" * 201, 422),
    "200 letters and blanks around": (" " * 50 + "x" * 200 + " " * 50, 202),
    "200 astral letters": ("𝗕" * 200, 202),
    "noncharacter": ("a\uffffb", 202),
    "private use": ("a\ue000b", 202),
}


@pytest.mark.parametrize(("text", "status"), TEXTS.values(), ids=TEXTS)
def test_text_of_every_kind_is_taken_whole_or_refused(tenant: Tenant, text: str, status: int) -> None:
    answer = tenant.client.post("/campaigns", json=tenant.brief(name=text))

    assert answer.status_code == status
    if status == 202:
        import unicodedata

        kept = tenant.client.get(f"/campaigns/{answer.json()['id']}").json()["name"]
        # A name is one line.
        plain = text.replace("\r\n", " ").replace("\u2028", " ").replace("\u200b", "")
        assert kept == unicodedata.normalize("NFC", plain).strip()


@pytest.mark.parametrize(
    "identifier",
    ["x", "..", "%2e%2e", "%00", "a%2Fb", "campaign_", "campaign_01JZ0K7A3M5T9Y1C4GQVSB8WE", "%F0%9F%98%80", "a b",
     "campaign_01JZ0K7A3M5T9Y1C4GQVSB8WEX%0a", "CAMPAIGN_01JZ0K7A3M5T9Y1C4GQVSB8WEX", "x" * 4000],
)  # fmt: skip
def test_an_id_that_is_none_is_unknown_like_any_other(tenant: Tenant, identifier: str) -> None:
    unknown = tenant.client.get("/campaigns/campaign_01JZ0K7A3M5T9Y1C4GQVSB8WEX")
    answer = tenant.client.get(f"/campaigns/{identifier}")

    assert answer.status_code == unknown.status_code == 404
    assert answer.json()["message"] in {unknown.json()["message"], "Not Found"}


# --- hosts and headers --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host", ["evil.example", "testserver.evil.example", "", "testserver:80:80", "TESTSERVER@evil.example"]
)
def test_a_foreign_host_is_refused(tenant: Tenant, host: str) -> None:
    answer = tenant.client.get("/campaigns", headers={"Host": host})

    assert (answer.status_code, answer.json()["errorCode"]) == (400, "HOST_NOT_ALLOWED")


@pytest.mark.parametrize("host", ["testserver", "TestServer:8000", "127.0.0.1:9", "localhost"])
def test_its_own_hosts_are_taken(tenant: Tenant, host: str) -> None:
    assert tenant.client.get("/campaigns", headers={"Host": host}).status_code == 200


def test_a_probe_may_come_by_address(door: Door) -> None:
    assert door.client.get("/healthz", headers={"Host": "10.0.0.7"}).status_code == 200


def test_readiness_names_the_parts_and_their_state(door: Door) -> None:
    door.app.state.probe = Probe()  # a finding stands for five seconds, and another test may have asked
    with temporary_settings({PREFECT_API_URL: NO_PREFECT}):  # another test of this process may have one
        body = door.client.get("/readyz").json()

    assert body["status"] == "degraded"
    assert body["checks"] == {
        "store": "ok",
        "assets": "ok",
        "prefect": "unavailable",
        "workPool": "unavailable",
        "baseUrl": "ok",
    }


@pytest.mark.parametrize(("address", "told"), [("https://campaigns.example", True), ("http://127.0.0.1:8000", False)])
def test_an_api_whose_mails_become_files_says_so_at_its_start(
    tmp_path: Any, caplog: pytest.LogCaptureFixture, address: str, told: bool
) -> None:
    with opened(tmp_path, api_base_url=address, allowed_hosts="testserver"):
        pass

    assert any("CAMPAIGNS_MAIL_URL" in record.message for record in caplog.records) is told


def test_every_answer_carries_the_security_headers(door: Door, tenant: Tenant) -> None:
    answers = [
        door.client.get("/healthz"),
        door.client.get("/campaigns"),
        door.client.get("/nothing"),
        tenant.client.get("/nothing"),
        tenant.client.put("/campaigns"),
        tenant.client.post("/campaigns", content=b"x" * (MAX_BODY_BYTES + 1)),
        door.client.get("/approve/none"),
    ]

    for answer in answers:
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"


def test_only_the_documentation_runs_scripts_and_only_its_own(door: Door) -> None:
    page = door.client.get("/docs")
    policy = page.headers["Content-Security-Policy"]

    assert "script-src 'self';" in policy
    assert "http" not in policy
    assert "//" not in page.text.replace("https://", "//") or "http" not in page.text
    for path in ("/docs/swagger-ui-bundle.js", "/docs/swagger-ui.css", "/docs/start.js", "/openapi.json"):
        assert door.client.get(path).status_code == 200
    assert door.client.get("/openapi.json").json() == door.truth.description


def test_an_https_address_promises_https(tmp_path: Any) -> None:
    with opened(tmp_path, api_base_url="https://campaigns.example", allowed_hosts="testserver") as door:
        assert "max-age=" in door.client.get("/healthz").headers["Strict-Transport-Security"]


def test_the_documentation_is_not_there_unless_it_is_wanted(tmp_path: Any) -> None:
    with opened(tmp_path) as door:
        assert {door.client.get(path).status_code for path in ("/docs", "/openapi.json", "/docs/start.js")} == {404}


# --- rates --------------------------------------------------------------------------------------------


def test_a_tenant_that_comes_too_often_waits_and_the_others_do_not(tmp_path: Any) -> None:
    # One turn in ten seconds: on a slow machine, too, none comes back while the eight are asked.
    with opened(tmp_path, requests_per_minute="6", requests_burst="5") as door:
        loud, quiet = door.tenant(seeded=False), door.tenant(seeded=False)

        answers = [loud.client.get("/campaigns") for _ in range(8)]

        assert [answer.status_code for answer in answers] == [200] * 5 + [429] * 3
        assert answers[-1].json()["errorCode"] == "RATE_LIMITED"
        assert 1 <= int(answers[-1].headers["Retry-After"]) <= 10
        assert quiet.client.get("/campaigns").status_code == 200


@pytest.mark.parametrize("given", ["order-4711-a", "a" * 64])
def test_a_correlation_id_comes_back(tenant: Tenant, given: str) -> None:
    assert tenant.client.get("/campaigns", headers={"X-Correlation-Id": given}).headers["X-Correlation-Id"] == given


@pytest.mark.parametrize("given", ["", "short", "a" * 65, "a b c d e f", "x\ty z 12345", "ünïcödé-1234", "<script>aaa"])
def test_another_is_replaced(tenant: Tenant, given: str) -> None:
    answer = tenant.client.get("/campaigns", headers=[(b"X-Correlation-Id", given.encode())])

    assert answer.headers["X-Correlation-Id"] != given
