"""Real sockets against a real server: who is slow, or holds many connections, is cut off and in nobody's way."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from typing import Any

import httpx
import pytest
import uvicorn

from api.http import connections
from api.http.connections import MAX_PER_PEER, served_with

in_work = threading.Event()
"""The slow request is with the application; what a socket holds unread is not in work yet."""


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Read the body, if the address says so, and answer; `/large` with more than a socket takes."""
    if scope["type"] != "http":
        return
    while scope["path"] == "/read":
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        if not message.get("more_body"):
            break
    if scope["path"] == "/slow":
        in_work.set()
        await asyncio.sleep(1.5)
    body = b"x" * (32 * 1024 * 1024 if scope["path"] == "/large" else 2)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    monkeypatch.setattr(connections, "HEAD_SECONDS", 1.0)
    monkeypatch.setattr(connections, "BODY_SECONDS", 1.0)
    monkeypatch.setattr(connections, "READ_SECONDS", 1.0)
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off", ws="none", **served_with()))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()


def opened(port: int, sent: bytes = b"") -> socket.socket:
    peer = socket.create_connection(("127.0.0.1", port), timeout=20)
    peer.sendall(sent)
    return peer


def is_closed(peer: socket.socket) -> bool:
    with suppress(ConnectionError):
        while peer.recv(65536):
            pass
    return True


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"GET / HTTP/1.1\r\nHost: x\r\n",
        b"POST /read HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\nabc",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\nabc",
    ],
    ids=["nothing", "half a head", "half a body", "half a body that nobody reads"],
)
def test_half_a_request_is_cut_off(port: int, sent: bytes) -> None:
    with opened(port, sent) as peer:
        assert is_closed(peer)  # a socket that stays open ends in its time limit of 20 s


def test_half_of_a_second_request_is_cut_off_too(port: int) -> None:
    with opened(port, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n") as peer:
        assert peer.recv(65536).startswith(b"HTTP/1.1 200")
        peer.sendall(b"GET / HT")
        assert is_closed(peer)


def test_a_head_that_drips_is_cut_off_like_one_that_stops(port: int) -> None:
    def drip(peer: socket.socket) -> None:
        for _ in range(100):
            peer.sendall(b"A: b\r\n")
            time.sleep(0.1)

    with opened(port, b"GET / HTTP/1.1\r\n") as peer, pytest.raises(ConnectionError):
        drip(peer)


@pytest.mark.parametrize("path", [b"/", b"/read", b"/slow"])
def test_a_body_that_is_no_http_is_answered_once_and_nothing_fails(
    port: int, path: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    head = b"POST " + path + b" HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    with opened(port, head + b"no number of bytes\r\n") as peer:
        answer = b""
        with suppress(ConnectionError):
            while more := peer.recv(65536):
                answer += more

    assert answer.startswith(b"HTTP/1.1 400")
    assert answer.count(b"HTTP/1.1") == 1
    assert httpx.get(f"http://127.0.0.1:{port}/slow", timeout=20).status_code == 200  # what was in work has ended too
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []


def test_an_answer_that_nobody_reads_is_given_up(port: int) -> None:
    with opened(port, b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n") as peer:
        time.sleep(2.5)
        got = 0
        with suppress(ConnectionError):
            while more := peer.recv(1 << 20):
                got += len(more)
        assert got < 32 * 1024 * 1024


def test_whoever_holds_many_connections_is_in_nobodys_way(port: int) -> None:
    with ExitStack() as held:
        halves = [held.enter_context(opened(port, b"GET / HTTP/1.1\r\nHost: x\r\n")) for _ in range(2 * MAX_PER_PEER)]

        for _ in range(5):
            assert httpx.get(f"http://127.0.0.1:{port}/", timeout=5).status_code == 200
        assert is_closed(halves[0])


def test_a_request_in_work_is_never_cut_off_for_a_newcomer(port: int) -> None:
    with ExitStack() as held:
        in_work.clear()
        working = held.enter_context(opened(port, b"GET /slow HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"))
        assert in_work.wait(20)
        for _ in range(MAX_PER_PEER + 20):
            held.enter_context(opened(port))

        assert working.recv(65536).startswith(b"HTTP/1.1 200")


def test_a_body_that_comes_steadily_may_take_its_time(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "BODY_BYTES_PER_SECOND", 10_000)
    with opened(port, b"POST /read HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\nConnection: close\r\n\r\n") as peer:
        for _ in range(30):
            peer.sendall(b"x" * 2000)
            time.sleep(0.1)
        assert peer.recv(65536).startswith(b"HTTP/1.1 200")
