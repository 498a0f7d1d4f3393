"""Other services by their names: Anthropic's API, and anything that speaks chat completions at an address."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from campaigns.agents.failures import FailureCode
from campaigns.agents.providers.hosted import HostedModel, hosted_model
from campaigns.agents.providers.models import ModelOptions
from campaigns.agents.writer import Writer
from tests.agents.inputs import TENANT, situation

WORDS = {"text": "38 families grew them. Order the first bags."}


class Service(ThreadingHTTPServer):
    """Answers as the API at the path that is asked; `status` other than 200 is an error."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.status = 200
        self.stop = ""
        self.requests: list[dict[str, Any]] = []


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Service

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.requests.append(body)
        if self.server.status != 200:
            answer: dict[str, Any] = {"error": {"type": "error", "message": "no", "code": None}}
        elif self.path.endswith("/chat/completions"):
            answer = chat_completion(self.server.stop)
        else:
            answer = message(self.server.stop)
        raw = json.dumps(answer).encode()
        self.send_response(self.server.status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)


def chat_completion(stop: str) -> dict[str, Any]:
    call = {"id": "c1", "type": "function", "function": {"name": "final_answer", "arguments": json.dumps(WORDS)}}
    said = {"role": "assistant", "content": None, "tool_calls": [call]}
    return {
        "id": "x",
        "object": "chat.completion",
        "created": 1,
        "model": "local",
        "choices": [{"index": 0, "message": said, "finish_reason": stop or "tool_calls"}],
        "usage": {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100},
    }


def message(stop: str) -> dict[str, Any]:
    return {
        "id": "x",
        "type": "message",
        "role": "assistant",
        "model": "claude-test-1",
        "content": [{"type": "tool_use", "id": "t1", "name": "final_answer", "input": WORDS}],
        "stop_reason": stop or "tool_use",
        "stop_sequence": None,
        "usage": {"input_tokens": 1000, "output_tokens": 100},
    }


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    server = Service()
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


NAMES = ["openai-chat:local-model", "anthropic:claude-test-1"]


@pytest.fixture(scope="module")
def built(service: Service) -> Iterator[dict[str, HostedModel]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENAI_API_KEY", "canary-openai")
        patch.setenv("ANTHROPIC_API_KEY", "canary-anthropic")
        priced = {"price_in": 1.0, "price_out": 10.0}
        models = {name: hosted_model(ModelOptions(name=name, base_url=service.url, **priced)) for name in NAMES}
    yield models
    for model in models.values():
        model.close()


@pytest.fixture
def fresh(service: Service) -> Service:
    service.status, service.stop = 200, ""
    service.requests.clear()
    return service


@pytest.mark.parametrize("name", NAMES)
def test_a_post_is_written_and_paid_for_by_the_configured_price(
    name: str, fresh: Service, built: dict[str, HostedModel]
) -> None:
    answer = Writer(built[name]).run(TENANT, situation().writer_input())

    assert answer.content is not None
    assert answer.content.text == WORDS["text"]
    assert answer.status == "completed"
    assert answer.usage.cost_usd == pytest.approx((1000 * 1.0 + 100 * 10.0) / 1_000_000)
    sent = fresh.requests[0]
    assert 2000 in {sent.get("max_tokens"), sent.get("max_completion_tokens")}
    assert "canary" not in json.dumps(sent)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("status", "code"),
    [
        (429, FailureCode.THROTTLED),
        (500, FailureCode.MODEL_UNAVAILABLE),
        (401, FailureCode.ACCESS_DENIED),
        (404, FailureCode.MODEL_WITHDRAWN),
        (400, FailureCode.REQUEST_REJECTED),
    ],
)
def test_an_error_is_met_once_and_known_by_what_to_do(
    status: int, code: FailureCode, name: str, fresh: Service, built: dict[str, HostedModel]
) -> None:
    fresh.status = status

    answer = Writer(built[name]).run(TENANT, situation().writer_input())

    assert answer.error is not None
    assert answer.error.code == code
    assert len(fresh.requests) == 1


@pytest.mark.parametrize(
    ("name", "stop", "code"),
    [
        ("openai-chat:local-model", "content_filter", FailureCode.CONTENT_FILTERED),
        ("anthropic:claude-test-1", "refusal", FailureCode.REFUSED),
    ],
)
def test_a_stop_is_known_for_what_it_is(
    name: str, stop: str, code: FailureCode, fresh: Service, built: dict[str, HostedModel]
) -> None:
    fresh.stop = stop

    answer = Writer(built[name]).run(TENANT, situation().writer_input())

    assert answer.error is not None
    assert answer.error.code == code


def test_nobody_at_the_address_is_a_failure_for_now() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENAI_API_KEY", "x")
        nobody = hosted_model(ModelOptions(name="openai-chat:local", base_url="http://127.0.0.1:9"))

    answer = Writer(nobody).run(TENANT, situation().writer_input())
    nobody.close()

    assert answer.error is not None
    assert answer.error.code == FailureCode.MODEL_UNAVAILABLE
    assert answer.error.retryable
