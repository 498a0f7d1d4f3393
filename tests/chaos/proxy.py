"""A TCP proxy in front of the Prefect server, or of several, that can refuse, delay, lose answers or answer 503."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from types import TracebackType
from typing import Literal, Self

from deployments.local.stack import free_ports

Mode = Literal["ok", "refuse", "slow", "drop", "5xx"]
_BUSY = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}"


class Proxy:
    """Serves on `port` in a thread of its own; `mode` may be changed at any time, also for open connections.

    refuse: connections are reset. slow: every piece of data comes late. drop: a request reaches the server,
    its answer is lost with the connection. 5xx: nothing reaches the server.
    """

    def __init__(self, *target_ports: int) -> None:
        self.port = free_ports(1)[0]
        self.mode: Mode = "ok"
        self.seconds = 3.0
        self.faults: Counter[str] = Counter()
        self._targets = list(target_ports)
        self._loop = asyncio.new_event_loop()
        self._open: set[asyncio.StreamWriter] = set()

    def __enter__(self) -> Self:
        up = threading.Event()
        self._thread = threading.Thread(target=self._serve, args=(up,), name="proxy", daemon=True)
        self._thread.start()
        up.wait(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def set(self, mode: Mode) -> None:
        """Fail this way from now on; connections that are open are cut, so that none goes on unharmed."""
        self.mode = mode
        self._loop.call_soon_threadsafe(self._cut)

    def _cut(self) -> None:
        for writer in list(self._open):
            writer.transport.abort()

    def _serve(self, up: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._handle, "127.0.0.1", self.port))
        up.set()
        self._loop.run_forever()
        server.close()
        self._cut()
        for task in (open_still := asyncio.all_tasks(self._loop)):
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*open_still, return_exceptions=True))
        self._loop.close()

    async def _handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            if self.mode == "refuse":
                self.faults[self.mode] += 1
                writer.transport.abort()
                return
            if self.mode == "5xx":
                if await reader.read(65536):
                    self.faults[self.mode] += 1
                    writer.write(_BUSY)
                    await writer.drain()
                return
            there, back = await self._reached()
            self._open.add(back)
            try:
                await asyncio.gather(self._pump(reader, back), self._pump(there, writer, answers=True))
            finally:
                self._open.discard(back)
                back.close()
        except (OSError, asyncio.IncompleteReadError):
            pass  # one of both ends is gone
        finally:
            self._open.discard(writer)
            writer.close()

    async def _reached(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect to the targets in turn; one that refuses is passed over, as a load balancer does."""
        for _ in self._targets[1:]:
            self._targets.append(self._targets.pop(0))
            try:
                return await asyncio.open_connection("127.0.0.1", self._targets[-1])
            except OSError:
                continue
        return await asyncio.open_connection("127.0.0.1", self._targets[0])

    async def _pump(self, source: asyncio.StreamReader, target: asyncio.StreamWriter, *, answers: bool = False) -> None:
        while data := await source.read(65536):
            if self.mode == "slow" and not answers:
                self.faults[self.mode] += 1
                await asyncio.sleep(self.seconds)
            if self.mode == "drop" and answers:
                self.faults[self.mode] += 1
                target.transport.abort()
                return
            target.write(data)
            await target.drain()
        target.close()
