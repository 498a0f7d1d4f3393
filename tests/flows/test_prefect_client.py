"""The client that asks Prefect is kept for the life of the process, whichever servers it is pointed at."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prefect.settings import PREFECT_API_URL, temporary_settings

from tasks.engine.server.runs import prefect_client


class Healthy(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # keeps connections open

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "4")
        self.end_headers()
        self.wfile.write(b"true")

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Healthy) as serving:
        serving.daemon_threads = True
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{serving.server_port}/api"
        serving.shutdown()


def test_no_client_is_left_to_the_collector_with_its_sockets_open() -> None:
    with ExitStack() as running:
        for url in [running.enter_context(server()) for _ in range(6)]:
            with temporary_settings({PREFECT_API_URL: url}), prefect_client() as client:
                assert client.api_healthcheck() is None

        gc.collect()  # a socket that is closed here fails the test (filterwarnings = error)
