"""What idle and slow connections cost: `python -m tests.benchmarks.connections`. Prints MiB of a real API process.

    idle      opened, and nothing sent
    slow      a head that has not ended, sent a line at a time
    halves    1,005 at once with half a request; meanwhile others ask, and are to be served

Each peer may hold `MAX_PER_PEER` connections, so these come from several addresses of this machine (127.0.0.1 to .9).
Ends with 1 if anybody was not served.
"""

from __future__ import annotations

import argparse
import json
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psutil

from api.http.connections import HEAD_SECONDS, MAX_CONNECTIONS, MAX_PER_PEER
from tests.api.check import served

PEERS = 9
HALF = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"


def api_process(port: int) -> psutil.Process:
    """Return the process that listens on a port."""
    for child in psutil.Process().children(recursive=True):
        if any(each.status == "LISTEN" and each.laddr.port == port for each in child.net_connections("tcp")):
            return child
    raise LookupError(f"nobody listens on {port}")


@contextmanager
def opened(port: int, count: int, sent: bytes = b"") -> Iterator[list[socket.socket]]:
    """Hold so many connections from `PEERS` addresses, with these bytes sent on each."""
    held: list[socket.socket] = []
    try:
        for number in range(count):
            source = (f"127.0.0.{1 + number % PEERS}", 0)
            peer = socket.create_connection(("127.0.0.1", port), timeout=20, source_address=source)
            held.append(peer)
            peer.sendall(sent)
        yield held
    finally:
        for peer in held:
            peer.close()


def mebibytes(process: psutil.Process) -> float:
    return round(process.memory_info().rss / 2**20, 1)


def is_served(url: str) -> bool:
    """Whether ten new peers are answered, one after the other, each within five seconds."""
    return all(httpx.get(f"{url}/healthz", timeout=5).is_success for _ in range(10))


def measured(url: str, process: psutil.Process) -> dict[str, object]:
    port = urlsplit(url).port or 80
    is_served(url)
    figures: dict[str, object] = {"RSS before": mebibytes(process)}
    with opened(port, 500) as idle:
        served_meanwhile = is_served(url)
        figures["RSS with 500 idle"] = mebibytes(process)
        with opened(port, 50, HALF) as slow:
            for peer in slow:
                peer.sendall(b"A: b\r\n")
            served_meanwhile = served_meanwhile and is_served(url)
            figures["RSS with 500 idle and 50 slow"] = mebibytes(process)
        figures["connections held"] = len(idle) + len(slow)
    time.sleep(1)
    figures["RSS after"] = mebibytes(process)
    with opened(port, 1005, HALF) as halves:
        began = time.monotonic()
        served_meanwhile = served_meanwhile and is_served(url)
        figures["RSS with 1,005 half requests"] = mebibytes(process)
        figures["ms of ten answers beside them"] = round(1000 * (time.monotonic() - began))
        figures["kept of 1,005"] = len(process.net_connections("tcp")) - 1
        time.sleep(HEAD_SECONDS + 2)
        figures[f"kept after {HEAD_SECONDS + 2:.0f} s"] = len(process.net_connections("tcp")) - 1
        figures["half requests"] = len(halves)
    figures["all were served"] = served_meanwhile
    return figures


def main(arguments: list[str] | None = None) -> int:
    argparse.ArgumentParser(
        prog="python -m tests.benchmarks.connections", description=__doc__.split("\n")[0]
    ).parse_args(arguments)
    with tempfile.TemporaryDirectory() as home, served(Path(home)) as (url, _):
        figures = measured(url, api_process(urlsplit(url).port or 80))
    print(json.dumps({**figures, "bounds": {"peer": MAX_PER_PEER, "process": MAX_CONNECTIONS}}, indent=2))
    return 0 if figures["all were served"] else 1


if __name__ == "__main__":
    sys.exit(main())
