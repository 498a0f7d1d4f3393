"""The log: one JSON object a line, named by the request, and nothing in it that opens a door."""

from __future__ import annotations

import asyncio
import json
import logging
import subprocess
import sys
from contextvars import Context
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from api.http.access_log import AccessLog
from campaigns import correlation
from campaigns.logs import HIDDEN, JsonLines, redacted
from tests.api.doors import Door, Tenant
from tests.api.log_lines import log_lines

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl"
RING = "k1:sign:" + "A" * 43


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        (f"Authorization: Bearer {JWT}", JWT),
        ("authorization=Basic dXNlcjpwYXNzd29yZA==", "dXNlcjpwYXNzd29yZA"),
        (f"got {JWT} from somewhere", JWT),
        (f"GET /approve/Zm9vYmFy_x-1?token={JWT}&nonce=0a1b2c3d4e5f", "0a1b2c3d4e5f"),
        ("GET /approve/Zm9vYmFy_x-1", "Zm9vYmFy_x-1"),
        (f"CAMPAIGNS_API_KEYS={RING}", "A" * 43),
        ("{'password': 'hunter22'}", "hunter22"),
        ('{"api_key":"abcdef123"}', "abcdef123"),
        ("secret = 'swordfish',", "swordfish"),
        (f"bearer\t{JWT}", JWT),
        (f"read cal-{'x' * 32}.k1.{'0' * 32}", "x" * 32),
    ],
)
def test_what_opens_a_door_is_hidden(text: str, secret: str) -> None:
    assert secret not in redacted(text)
    assert HIDDEN in redacted(text)


@pytest.mark.parametrize(
    "text", ["a plain line", "the tokens of the model: 512", "/campaigns/campaign_01/approve", "k1: sign here"]
)
def test_other_text_stays(text: str) -> None:
    assert redacted(text) == text


@pytest.mark.parametrize("hostile", ["a\r\nb", "\x1b[31mred", "\u202eevil", '{"at":"fake"}', "x" * 1_000_000, "\ud800"])
def test_a_record_is_one_line_whatever_it_says(hostile: str) -> None:
    record = logging.makeLogRecord({"msg": "%s", "args": (hostile,), "levelname": "INFO", "name": "campaigns.x"})
    record.subject = hostile

    # In a context of its own: what other tests of this process work for is no part of it.
    line = Context().run(JsonLines().format, record)

    assert "\n" not in line
    assert line.isascii()
    assert line.isprintable()
    assert len(line) < 60_000
    assert set(json.loads(line)) == {"at", "level", "logger", "message", "subject"}


def test_every_request_leaves_one_line_with_its_correlation_id(tenant: Tenant) -> None:
    with log_lines() as lines:
        tenant.client.get(
            "/campaigns/campaign_01JZ0K7A3M5T9Y1C4GQVSB8WEX/posts", headers={"X-Correlation-Id": "trace-1234"}
        )

    (access,) = [line for line in lines() if line["logger"] == "campaigns.access"]
    assert (access["method"], access["route"], access["status"]) == ("GET", "/campaigns/{campaign_id}/posts", 404)
    assert (access["tenant"], access["subject"], access["correlationId"]) == (tenant.name, "tests", "trace-1234")
    assert access["milliseconds"] >= 0
    assert correlation.current.get() is None


def test_a_request_is_logged_when_its_answer_was_sent_and_not_after_what_follows() -> None:
    async def answer_then_work(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"part", "more_body": True})
        assert not lines()
        await send({"type": "http.response.body", "body": b"rest"})
        logged_before_the_work.extend(lines())

    async def drop(_: Message) -> None: ...

    async def nothing() -> Message:
        return {"type": "http.disconnect"}

    logged_before_the_work: list[dict[str, Any]] = []
    scope = {"type": "http", "method": "GET", "path": "/", "headers": [], "client": ("10.1.2.3", 1)}
    with log_lines() as lines:
        asyncio.run(AccessLog(answer_then_work, routes=[])(scope, nothing, drop))

    assert [each["status"] for each in logged_before_the_work] == [200]
    assert lines() == logged_before_the_work


def test_no_link_or_token_reaches_the_log(door: Door, tenant: Tenant) -> None:
    token = door.token(tenant.name)
    with log_lines() as lines:
        door.client.get("/approve/c2VjcmV0LWNhbGxiYWNrLWlk", params={"token": JWT, "nonce": "0a1b2c3d4e5f0a1b"})
        door.client.get("/approve/c2VjcmV0LWNhbGxiYWNrLWlk")
        door.client_of(token).get("/campaigns", params={"cursor": JWT})
        door.client_of(token + "x").get("/campaigns")
        door.client.post(
            "/campaigns/campaign_01JZ0K7A3M5T9Y1C4GQVSB8WEX/approve", headers={"Authorization": f"Bearer {JWT}"}
        )

    whole = json.dumps(lines())
    assert len(lines()) >= 5
    for secret in (JWT, token, "c2VjcmV0LWNhbGxiYWNrLWlk", "0a1b2c3d4e5f0a1b"):
        assert secret not in whole


def test_an_error_of_ours_is_logged_and_tells_a_caller_nothing(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(tenant.store.campaigns), "list", lambda *_, **__: 1 / 0)
    with log_lines() as lines:
        answer = tenant.client.get("/campaigns")

    assert (answer.status_code, answer.json()["errorCode"]) == (500, "INTERNAL")
    assert "ZeroDivision" not in answer.text
    (error,) = [line for line in lines() if "error" in line]
    assert "ZeroDivisionError" in error["error"]
    (told,) = [line for line in lines() if line.get("error_id") == answer.json()["errorId"]]
    assert told["correlationId"] == error["correlationId"] == answer.headers["X-Correlation-Id"]


def test_a_prefect_that_is_loaded_late_leaves_the_lines_as_they_are() -> None:
    code = (
        "import logging; from campaigns import logs; logs.install();"
        "import prefect.main; logging.getLogger('campaigns.x').info('still here')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert [json.loads(line)["message"] for line in done.stderr.splitlines()] == ["still here"]
