"""A stand-in for Amazon Bedrock Runtime: Converse and ConverseStream over HTTP, with the real framing.

    python -m deployments.local.fake_bedrock --port 4260 --throttle 0.3
    AWS_ENDPOINT_URL_BEDROCK_RUNTIME=http://127.0.0.1:4260 AWS_ACCESS_KEY_ID=x AWS_SECRET_ACCESS_KEY=x …

boto3 finds it by that variable; nothing is patched. Without a script it answers as the offline
writer would, from the data fenced in the request, and its posts say that a stand-in wrote them. It
keeps what it was sent, refuses unsigned calls, and misbehaves on demand (`fake_bedrock_script.py`).
"""

import argparse
import json
import random
import re
import struct
import threading
import time
import urllib.parse
import zlib
from collections.abc import Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Final, Self

from campaigns.agents.prompts import Task
from campaigns.agents.providers.offline import compose
from campaigns.agents.providers.offline.post import LABEL, LABELS
from deployments.local.fake_bedrock_script import BEHAVIOURS, Behaviour, Broken, Dripping, Refused, Said, Slow

STAND_IN_LABEL: Final = "Draft by the stand-in model."
_PATH: Final = re.compile(r"/model/(.+)/converse(-stream)?")
_TASKS: Final[dict[str, Task]] = {"topics": "plan", "text": "write", "toneTags": "style"}


class FakeBedrock(ThreadingHTTPServer):
    """The server; `with FakeBedrock() as bedrock:` serves at `bedrock.url` until the end of the block.

    Attributes:
        script: what the next calls get, first in, first out; empty: the usual answer.
        requests: what was asked, as `{model, body}`, in order.
        busy: the calls that are being answered.
        busiest: the most calls that were ever answered at one time.
        refused: the calls that were throttled by chance.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int = 0, *, throttle: float = 0.0, seconds: float = 0.0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.script: list[Behaviour] = []
        self.requests: list[dict[str, Any]] = []
        self.throttle = throttle
        self.seconds = seconds
        self.busiest = 0
        self.busy = 0
        self.refused = 0
        self._chance = random.Random(1)  # noqa: S311 - faults that come back in the same order
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.shutdown()
        self.server_close()

    def enter(self, model: str, body: dict[str, Any]) -> Behaviour:
        """Take note of a call and return what it gets."""
        with self._lock:
            self.requests.append({"model": model, "body": body})
            self.busy += 1
            self.busiest = max(self.busiest, self.busy)
            if self.script:
                return self.script.pop(0)
            if self._chance.random() >= self.throttle:
                return None
            self.refused += 1
            return BEHAVIOURS["throttle"]

    def leave(self) -> None:
        with self._lock:
            self.busy -= 1


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # head and body are two writes: each answer would wait 40 ms
    server: FakeBedrock

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: the requests are kept."""

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("content-length", 0)))
        if not (found := _PATH.fullmatch(urllib.parse.unquote(urllib.parse.urlsplit(self.path).path))):
            return self._refuse(Refused(404, "UnknownOperationException", f"unknown operation {self.path}"))
        if not self.headers.get("authorization", "").startswith(("AWS4-HMAC-SHA256", "Bearer")):
            return self._refuse(Refused(403, "AccessDeniedException", "missing authentication"))
        body = json.loads(raw or b"{}")
        behaviour = self.server.enter(found[1], body)
        try:
            return self._behave(behaviour, body, streamed=found[2] is not None)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True  # the caller did not wait for a slow answer
        finally:
            self.server.leave()

    def _behave(self, behaviour: Behaviour, body: dict[str, Any], *, streamed: bool) -> None:
        time.sleep(behaviour.seconds if isinstance(behaviour, Slow) else self.server.seconds)
        if isinstance(behaviour, Refused):
            return self._refuse(behaviour)
        if isinstance(behaviour, Dripping):
            return self._drip(behaviour.seconds)
        if isinstance(behaviour, Broken):
            return self._send(200, behaviour.body, cut=behaviour.cut)
        answer = (
            behaviour
            if isinstance(behaviour, Said)
            else _called(body, None if isinstance(behaviour, Slow) else behaviour)
        )
        most = body.get("inferenceConfig", {}).get("maxTokens", 4096)
        used = {"inputTokens": len(json.dumps(body)) // 4, "outputTokens": min(most, len(answer.content) // 4)}
        used["totalTokens"] = used["inputTokens"] + used["outputTokens"]
        if streamed:
            events = _framed(_events(json.loads(answer.content), answer.stop, used))
            return self._send(200, events, content_type="application/vnd.amazon.eventstream")
        # Put together as text: an answer may hold what json.dumps would not write.
        message = f'{{"output": {{"message": {{"role": "assistant", "content": {answer.content}}}}}, '
        rest = f'"stopReason": "{answer.stop}", "usage": {json.dumps(used)}, "metrics": {{"latencyMs": 5}}}}'
        return self._send(200, (message + rest).encode())

    def _drip(self, seconds: float) -> None:
        self._send(200, b" ", cut=True)
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.wfile.write(b" ")
            time.sleep(0.2)

    def _refuse(self, refused: Refused) -> None:
        extra = {"x-amzn-errortype": refused.error}
        if refused.retry_after:
            extra["retry-after"] = refused.retry_after
        self._send(refused.status, json.dumps({"message": refused.message}).encode(), extra=extra)

    def _send(
        self,
        status: int,
        body: bytes,
        *,
        content_type: str = "application/json",
        extra: dict[str, str] | None = None,
        cut: bool = False,
    ) -> None:
        self.send_response(status)
        self.send_header("content-type", content_type)
        self.send_header("content-length", str(len(body) + (1000 if cut else 0)))
        for name, value in (extra or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = self.close_connection or cut


def _called(body: dict[str, Any], answer: Any) -> Said:
    """Return the answer in the form that the request asks for: as its structured output, or the call of its tool."""
    schema = wanted_schema(body)
    if schema is None:
        return Said(json.dumps([{"text": "Hello from the stand-in."}]))
    said = usual_answer(body, schema) if answer is None else answer
    if body.get("outputConfig"):
        return Said(json.dumps([{"text": json.dumps(said, ensure_ascii=False)}]), "end_turn")
    call = {"toolUseId": "tu_1", "name": _tools(body)[-1]["name"], "input": said}
    return Said(json.dumps([{"toolUse": call}]), "tool_use")


def wanted_schema(body: dict[str, Any]) -> dict[str, Any] | None:
    """Return the schema of the answer that a request asks for, None: it asks for plain words."""
    output = (body.get("outputConfig") or {}).get("textFormat", {}).get("structure", {}).get("jsonSchema")
    if output:
        return dict(json.loads(output["schema"]))
    tools = _tools(body)
    return dict(tools[-1]["inputSchema"]["json"]) if tools else None


def _tools(body: dict[str, Any]) -> list[dict[str, Any]]:
    return [tool["toolSpec"] for tool in (body.get("toolConfig") or {}).get("tools", []) if "toolSpec" in tool]


def usual_answer(body: dict[str, Any], schema: dict[str, Any]) -> Any:
    """Return what the offline writer would answer, under the stand-in's own name."""
    texts = [block["text"] for message in body["messages"] for block in message["content"] if "text" in block]
    if "voice" in schema["properties"]:
        return {
            "voice": 0.8,
            "voiceReason": "A stand-in.",
            "quality": 0.8,
            "qualityReason": "A stand-in.",
            "claims": [],
        }
    task = next(task for name, task in _TASKS.items() if name in schema["properties"])
    answer = json.dumps(compose(task, "\n\n".join(texts)), ensure_ascii=False)
    for label in (LABEL, *LABELS.values()):
        answer = answer.replace(label, STAND_IN_LABEL)
    return json.loads(answer)


def _events(content: list[dict[str, Any]], stop: str, used: dict[str, int]) -> Iterable[tuple[str, dict[str, Any]]]:
    """Yield the events in which ConverseStream tells an answer."""
    yield "messageStart", {"role": "assistant"}
    for index, block in enumerate(content):
        if "toolUse" in block:
            start = {"toolUse": {key: block["toolUse"][key] for key in ("toolUseId", "name")}}
            yield "contentBlockStart", {"contentBlockIndex": index, "start": start}
            delta: dict[str, Any] = {"toolUse": {"input": json.dumps(block["toolUse"]["input"])}}
        else:
            delta = {"text": block["text"]}
        yield "contentBlockDelta", {"contentBlockIndex": index, "delta": delta}
        yield "contentBlockStop", {"contentBlockIndex": index}
    yield "messageStop", {"stopReason": stop}
    yield "metadata", {"usage": used, "metrics": {"latencyMs": 5}}


def _framed(events: Iterable[tuple[str, dict[str, Any]]]) -> bytes:
    """Return the events in the framing application/vnd.amazon.eventstream: lengths, headers, two CRC32s."""
    stream = b""
    for name, value in events:
        headers = b"".join(
            _header(key, text)
            for key, text in (
                (b":event-type", name.encode()),
                (b":content-type", b"application/json"),
                (b":message-type", b"event"),
            )
        )
        payload = json.dumps(value).encode()
        # The total counts prelude (12), headers, payload and the last CRC (4).
        prelude = struct.pack("!II", 16 + len(headers) + len(payload), len(headers))
        message = prelude + struct.pack("!I", zlib.crc32(prelude)) + headers + payload
        stream += message + struct.pack("!I", zlib.crc32(message))
    return stream


def _header(key: bytes, text: bytes) -> bytes:
    return bytes([len(key)]) + key + b"\x07" + struct.pack("!H", len(text)) + text


def main() -> None:
    """Serve until interrupted; the first line printed is the address."""
    parser = argparse.ArgumentParser(prog="fake_bedrock", description="A stand-in for Amazon Bedrock Runtime.")
    parser.add_argument("--port", type=int, default=4260)
    parser.add_argument("--throttle", type=float, default=0.0, help="share of calls that are throttled, 0 to 1")
    parser.add_argument("--seconds", type=float, default=0.0, help="how long an answer takes")
    parser.add_argument("--script", default="", help=f"names, comma-separated: {', '.join(BEHAVIOURS)}")
    given = parser.parse_args()
    server = FakeBedrock(given.port, throttle=given.throttle, seconds=given.seconds)
    server.script = [BEHAVIOURS[name] for name in given.script.split(",") if name]
    print(server.url, flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        server.server_close()


if __name__ == "__main__":
    main()
