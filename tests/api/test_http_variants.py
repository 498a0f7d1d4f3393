"""HTTP as no browser sends it, against the whole application on a real socket: a clear refusal, and nobody fails."""

from __future__ import annotations

import gzip
import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

import pytest
import uvicorn

from api.http.connections import served_with
from tests.api.doors import Door

HEAD: Final = b"GET /healthz HTTP/1.1\r\nHost: testserver\r\n"
JSON: Final = b"Content-Type: application/json\r\n"
FORM: Final = b"Content-Type: application/x-www-form-urlencoded\r\n"
PARTS: Final = b"Content-Type: multipart/form-data; boundary=B\r\n"
CHUNKED: Final = b"Transfer-Encoding: chunked\r\n"


@pytest.fixture(scope="module")
def port(door: Door) -> Iterator[int]:
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(door.app, log_config=None, lifespan="off", ws="none", access_log=False, **served_with())
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    yield listener.getsockname()[1]
    server.should_exit = True
    thread.join(10)
    listener.close()


@pytest.fixture(scope="module")
def bearer(door: Door) -> bytes:
    return b"Authorization: Bearer " + door.token(door.tenant().name).encode() + b"\r\n"


def answer(port: int, sent: bytes) -> bytes:
    """Return all that comes back until the server closes, or the first answer has come."""
    got = b""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as peer:
        with suppress(ConnectionError):
            peer.sendall(sent)
        with suppress(ConnectionError):
            while b"\r\n\r\n" not in got and (more := peer.recv(65536)):
                got += more
    return got


def status(port: int, sent: bytes) -> int:
    return int(answer(port, sent).split(b" ", 2)[1])


def chunk(data: bytes, extension: bytes = b"") -> bytes:
    return b"%x" % len(data) + extension + b"\r\n" + data + b"\r\n"


def get(path: bytes = b"/campaigns", more: bytes = b"") -> bytes:
    return b"GET " + path + b" HTTP/1.1\r\nHost: testserver\r\n" + more


def post(path: bytes, headers: bytes, body: bytes, *, length: bool = True) -> tuple[bytes, bytes]:
    """Return a head without its end, and what follows it."""
    said = b"Content-Length: %d\r\n" % len(body) if length else b""
    return b"POST " + path + b" HTTP/1.1\r\nHost: testserver\r\n" + headers + said, body


HEADS: Final = {
    "10,000 headers": (get(more=b"".join(b"X-%d: y\r\n" % n for n in range(10_000))), 200),
    "a header of 60 KB": (get(more=b"X: " + b"y" * 60_000 + b"\r\n"), 200),
    "a header of 1 MB": (get(more=b"X: " + b"y" * 1_000_000 + b"\r\n"), 400),
    "12,000 cookies": (get(more=b"Cookie: " + b"a=b; " * 12_000 + b"\r\n"), 200),
    "a cookie of escapes": (get(more=b'Cookie: a="' + b"\\\\" * 29_000 + b"\r\n"), 200),
    "6,500 languages": (get(more=b"Accept-Language: " + b"en;q=0.1," * 6_500 + b"\r\n"), 200),
    "15,000 tags": (get(more=b"If-None-Match: " + b'"a",' * 15_000 + b"\r\n"), 200),
    "15,000 parameters": (get(b"/campaigns?" + b"a=b&" * 15_000), 422),
    "a path of 30,000 folders": (get(b"/" + b"a/" * 30_000), 404),
    "a zero byte in a path": (get(b"/campaigns/%00"), 404),
    "no UTF-8 in a path": (get(b"/campaigns/%ff%fe"), 404),
    "another protocol": (get(more=b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n"), 200),
}

BODIES: Final = {
    "a body that is packed": (
        post(b"/campaigns", JSON + b"Content-Encoding: gzip\r\n", gzip.compress(b"[" + b" " * 5_000_000 + b"]")),
        422,
    ),
    "a transfer that is packed": (post(b"/campaigns", JSON + b"Transfer-Encoding: gzip, chunked\r\n", b"x"), 400),
    "chunks of one byte": (post(b"/campaigns", JSON + CHUNKED, chunk(b"[") * 20_000 + chunk(b""), length=False), 422),
    "3 MB in chunks": (post(b"/campaigns", JSON + CHUNKED, chunk(b" " * 60_000) * 50, length=False), 413),
    "an extension of 1 MB": (
        post(b"/campaigns", JSON + CHUNKED, chunk(b"{}", b";x=" + b"y" * 1_000_000), length=False),
        400,
    ),
    "9,000 trailers": (
        post(b"/campaigns", JSON + CHUNKED, chunk(b"{}") + b"0\r\n" + b"A: b\r\n" * 9_000 + b"\r\n", length=False),
        422,
    ),
    "a length of 20 digits": (
        post(b"/campaigns", JSON + b"Content-Length: 99999999999999999999\r\n", b"{}", length=False),
        413,
    ),
    "a negative length": (post(b"/campaigns", JSON + b"Content-Length: -3\r\n", b"{}", length=False), 400),
    "two lengths": (post(b"/campaigns", JSON + b"Content-Length: 3\r\n", b"{}"), 400),
    "a type with 15,000 parameters": (post(b"/campaigns", JSON[:-2] + b";a=b" * 14_000 + b"\r\n", b"{}"), 422),
    "200,000 fields": (post(b"/r/abc", FORM, b"a=b&" * 200_000), 413),
    "20,000 parts": (
        post(b"/brands/x/assets", PARTS, b'--B\r\nContent-Disposition: form-data; name="a"\r\n\r\nx\r\n' * 20_000),
        400,
    ),
    "a part with 100,000 headers": (post(b"/brands/x/assets", PARTS, b"--B\r\n" + b"A: b\r\n" * 100_000), 400),
    "no part, only dashes": (post(b"/brands/x/assets", PARTS, b"\r\n--" * 500_000), 400),
}


@pytest.mark.parametrize(("head", "expected"), HEADS.values(), ids=HEADS)
def test_a_head_that_no_client_sends(
    port: int, bearer: bytes, head: bytes, expected: int, caplog: pytest.LogCaptureFixture
) -> None:
    with_token, without = status(port, head + bearer + b"\r\n"), status(port, head + b"\r\n")

    assert (with_token, without) == (expected, 400 if expected == 400 else 401)
    assert still_well(port, caplog)


@pytest.mark.parametrize(("sent", "expected"), BODIES.values(), ids=BODIES)
def test_a_body_that_no_client_sends(
    port: int, bearer: bytes, sent: tuple[bytes, bytes], expected: int, caplog: pytest.LogCaptureFixture
) -> None:
    head, body = sent

    assert status(port, head + bearer + b"\r\n" + body) == expected
    assert status(port, head + b"\r\n" + body) in {400, 401, 404, 413, expected}
    assert still_well(port, caplog)


def still_well(port: int, caplog: pytest.LogCaptureFixture) -> bool:
    """Whether nothing was logged as a failure, and the next one is served."""
    failed = [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
    return failed == [] and status(port, HEAD + b"\r\n") == 200
