"""How long a peer may take, and how many connections it may hold: nobody's slowness is in the way of others.

uvicorn has one time limit, for connections that idle between requests. Here every other wait has one as well, and who
holds too many connections loses the one that has waited longest without a request: a request in work is never cut off.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any, Final

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_SECONDS: Final = 10.0
"""From the opening of a connection, or the first byte of a later request, to the end of its headers."""
BODY_SECONDS: Final = 20.0
BODY_BYTES_PER_SECOND: Final = 16 * 1024
"""A body gets `BODY_SECONDS`, and as long as its bytes so far take at this rate: 11 MiB over a slow line arrive."""
READ_SECONDS: Final = 30.0
"""How long somebody may leave an answer unread."""
MAX_PER_PEER: Final = 200
MAX_CONNECTIONS: Final = 800
"""Of one process; below the 1,024 files that a process may open by default."""


class BoundedProtocol(H11Protocol):
    """uvicorn's HTTP/1.1 with a limit for each wait; for `uvicorn.run(http=…)`."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        super().connection_made(transport)
        self._seen = 0
        self._since = time.monotonic()
        self._limit: asyncio.TimerHandle | None = self.loop.call_later(HEAD_SECONDS, self._head_over)
        self._unread: asyncio.TimerHandle | None = None
        self._make_room()

    def data_received(self, data: bytes) -> None:
        # A later request on this connection begins with its first byte; a timer that runs goes on.
        if self._limit is None and not self._at_work():
            self._since = time.monotonic()
            self._limit = self.loop.call_later(HEAD_SECONDS, self._head_over)
        self._seen += len(data)
        before = self.cycle
        super().data_received(data)
        if self.cycle is not before:
            self._stop_limit()
            self._seen = len(data)
            if self.conn.their_state is h11.SEND_BODY:
                self._since = time.monotonic()
                self._limit = self.loop.call_later(BODY_SECONDS, self._body_over)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_limit()
        self.resume_writing()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """Answer bytes that are no HTTP. Where they are the body of a request in work, that one is told of its end."""
        if self._at_work():
            self.cycle.disconnected = True
            self.cycle.message_event.set()
            if self.cycle.response_started:
                self.transport.abort()
                return
        super().send_400_response(msg)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._unread = self.loop.call_later(READ_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None
        super().resume_writing()

    def _stop_limit(self) -> None:
        if self._limit is not None:
            self._limit.cancel()
            self._limit = None

    def _at_work(self) -> bool:
        """Whether a request is being answered."""
        return self.cycle is not None and not self.cycle.response_complete

    def _head_over(self) -> None:
        self._limit = None
        if not self._at_work():
            self.transport.abort()

    def _body_over(self) -> None:
        self._limit = None
        if self.conn.their_state is not h11.SEND_BODY:
            return
        left = BODY_SECONDS + self._seen / BODY_BYTES_PER_SECOND - (time.monotonic() - self._since)
        # Nobody waits for the rest of a body that was answered without it.
        if left <= 0 or not self._at_work():
            self.transport.abort()
        else:
            self._limit = self.loop.call_later(left, self._body_over)

    def _make_room(self) -> None:
        peer = self.client[0] if self.client else ""
        for connections, most in (
            ([each for each in self._all() if each.client and each.client[0] == peer], MAX_PER_PEER),
            (list(self._all()), MAX_CONNECTIONS),
        ):
            if len(connections) > most:
                idle = [each for each in connections if not each._at_work() and each is not self]
                if idle:
                    min(idle, key=lambda each: each._since).drop()
                else:  # all are served: this one waits at the door no longer than it takes to say so
                    self.drop()
                    return

    def drop(self) -> None:
        """Close the connection now; it is forgotten at once, so that the next one counts right."""
        self.connections.discard(self)
        self.transport.abort()

    def _all(self) -> Iterator[BoundedProtocol]:
        return (each for each in self.connections if isinstance(each, BoundedProtocol))


def served_with() -> dict[str, Any]:
    """Return the options of `uvicorn.run` that bound what peers may take."""
    return {
        "http": BoundedProtocol,
        "timeout_keep_alive": 20,
        # Connections are bounded above; requests in work by what the process can do at all.
        "limit_concurrency": None,
        "h11_max_incomplete_event_size": 64 * 1024,
    }
