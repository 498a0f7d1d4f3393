"""What outgrew one machine: two Prefect servers on PostgreSQL and Redis, two workers, one of them Prefect's own.

One server and one worker are killed while a campaign waits; it is decided and ends. `serve()` needs no worker at all.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import psutil
import pytest

from api.auth.identity import SCOPES, mint
from campaigns.keys.keyring import KeyRing
from deployments.local.approver import decide_by_link
from deployments.local.mail import newest_link
from deployments.local.stack import LocalStack, free_ports, seed
from tasks.engine.server.work_pool import WORK_POOL
from tests.chaos.proxy import Proxy
from tests.flows.conftest import TENANT, one_week
from tests.system.databases import postgres, redis
from tests.system.test_crash import eventually

SERVED = "from flows.build_campaign import build_campaign; build_campaign.serve(name='served', limit=2)"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    home = tmp_path_factory.mktemp("several")
    first, second = free_ports(2)
    with postgres() as database, redis(home / "redis") as broker, Proxy(first, second) as balancer:
        address = f"http://127.0.0.1:{balancer.port}"
        settings = {
            "PREFECT_API_URL": f"{address}/api",
            "PREFECT_SERVER_DATABASE_CONNECTION_URL": database,
            # As in deployments/aws/run.yaml.
            "PREFECT_REDIS_MESSAGING_URL": f"{broker}/0",
            "PREFECT_SERVER_DOCKET_URL": f"{broker}/1",
            "PREFECT_MESSAGING_BROKER": "prefect_redis.messaging",
            "PREFECT_MESSAGING_CACHE": "prefect_redis.messaging",
            "PREFECT_SERVER_EVENTS_CAUSAL_ORDERING": "prefect_redis.ordering",
            "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect_redis.lease_storage",
        }
        with LocalStack(home, extra_env=settings) as running:
            running.server_port = first
            running.logs.mkdir(parents=True, exist_ok=True)
            running.start_server()  # alone: it brings the database up to date
            running.spawn("server-2", *_server(second))
            for module in ("blocks", "pool"):
                running.run(module, "-m", f"deployments.engine.{module}")
            running.start_api()
            running.start_worker()
            for name in ("build-campaign", "housekeeping"):  # all of them take half a minute
                running.run("deploy", "-m", "prefect", "--no-prompt", "deploy", "--name", name)
            running.wait_for(running.is_api_up, "api", "the API")
            health = f"http://127.0.0.1:{second}/api/health"
            running.wait_for(lambda: httpx.get(health, timeout=5).is_success, "server-2", "the second server")
            seed(running.env, TENANT)
            yield running


def _server(port: int) -> list[str]:
    return ["-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]


@pytest.fixture(scope="module")
def client(stack: LocalStack) -> Iterator[httpx.Client]:
    ring = KeyRing.parse(stack.env["CAMPAIGNS_API_KEYS"])
    token = mint(ring, tenant_id=TENANT, subject="tests", scopes=SCOPES, ttl=timedelta(hours=1), now=datetime.now(UTC))
    with httpx.Client(base_url=stack.api_url, headers={"Authorization": f"Bearer {token}"}, timeout=30) as opened:
        yield opened


def brief() -> dict[str, Any]:
    """A brief of one week that is no other's."""
    return {**one_week(), "metadata": {"source": "api", "externalRef": f"several-{uuid4()}"}}


def status(client: httpx.Client, campaign_id: str) -> str:
    return str(client.get(f"/campaigns/{campaign_id}").json().get("status"))


def asked(stack: LocalStack, campaign_id: str) -> str:
    link = eventually(lambda: newest_link(stack.home / "mail", campaign_id), bool)
    assert link
    return link


def killed(stack: LocalStack, name: str) -> None:
    """Kill a part with all its processes, as a lost machine does."""
    process = stack.processes.pop(name)
    children = psutil.Process(process.pid).children(recursive=True)
    os.killpg(process.pid, signal.SIGKILL)
    for each in children:
        if each.is_running():
            each.kill()
    process.wait(10)


def test_a_campaign_goes_on_when_a_server_and_a_worker_are_lost(stack: LocalStack, client: httpx.Client) -> None:
    answer = client.post("/campaigns", json=brief())
    assert answer.status_code == 202, answer.text
    campaign_id = answer.json()["id"]
    link = asked(stack, campaign_id)

    stack.spawn("worker-2", "-m", "prefect", "worker", "start", "--pool", WORK_POOL, "--name", "plain")
    killed(stack, "worker")
    killed(stack, "server")

    assert decide_by_link(link, "approved") == "Approved"
    eventually(lambda: status(client, campaign_id), lambda found: found == "completed")  # by Prefect's own worker
    assert client.get("/readyz").json()["status"] == "ok"


def test_serve_needs_neither_worker_nor_work_pool(stack: LocalStack, client: httpx.Client) -> None:
    stack.spawn("worker-serve", "-c", SERVED)
    served = eventually(lambda: deployment(stack, "build-campaign/served"), bool)
    if "worker-2" in stack.processes:
        killed(stack, "worker-2")

    body = {"parameters": {"tenant_id": TENANT, "campaign": brief()}, "state": {"type": "SCHEDULED"}}
    prefect(stack, "POST", f"/deployments/{served}/create_flow_run", body)

    [campaign] = eventually(
        lambda: [each for each in client.get("/campaigns").json()["items"] if each["status"] == "awaiting_review"], bool
    )
    decide_by_link(asked(stack, campaign["id"]), "approved")
    eventually(lambda: status(client, campaign["id"]), lambda found: found == "completed")


def prefect(stack: LocalStack, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    url = f"{stack.env['PREFECT_API_URL']}{path}"
    answer = httpx.request(method, url, json=body, auth=("campaigns", stack.password), timeout=30)
    return answer.raise_for_status().json()


def deployment(stack: LocalStack, name: str) -> str | None:
    try:
        return str(prefect(stack, "GET", f"/deployments/name/{name}")["id"])
    except httpx.HTTPStatusError:
        return None
