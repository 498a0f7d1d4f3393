"""The client that asks Prefect: kept for the life of the process, and what it orders is what we say."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from uuid import uuid4

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import StateType
from prefect.exceptions import PrefectHTTPStatusError
from prefect.settings import PREFECT_API_URL, temporary_settings

from tasks.engine.server.runs import prefect_client, start_run


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


def test_a_run_of_ours_is_not_held_against_the_form_that_people_fill_in(prefect_server: str) -> None:
    """Prefect checks the form itself each time, and answers nobody meanwhile; what a person orders is checked."""
    name = f"test-{uuid4().hex[:8]}"
    with get_client(sync_client=True) as client:
        nothing_fits = {"type": "object", "properties": {"tenant_id": {"type": "string", "maxLength": 1}}}
        deployment = client.create_deployment(
            client.create_flow_from_name(name),
            name,
            parameter_openapi_schema=nothing_fits,
            enforce_parameter_schema=True,
        )

        run_id = start_run(f"{name}/{name}", tenant_id="fernwood", campaign_id="campaign_1", tags=["ours"])
        again = start_run(f"{name}/{name}", tenant_id="fernwood", campaign_id="campaign_1", tags=["ours"])

        made = client.read_flow_run(run_id)
        assert again == run_id
        assert made.parameters == {"tenant_id": "fernwood", "campaign_id": "campaign_1"}
        assert (made.tags, made.state_type, made.deployment_id) == (["ours"], StateType.SCHEDULED, deployment)
        with pytest.raises(PrefectHTTPStatusError, match="409"):
            client.create_flow_run_from_deployment(deployment, parameters=made.parameters)
