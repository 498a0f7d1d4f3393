"""A killed run goes on where it was: real server, worker, API and a stand-in for Bedrock, all processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import httpx
import psutil
import pytest

from api.auth.identity import SCOPES, mint
from campaigns.keys.keyring import KeyRing
from deployments.approver import decide_by_link
from deployments.fake_bedrock import FakeBedrock
from deployments.mail import newest_link
from deployments.seed import seed
from deployments.stack import ROOT, LocalStack
from tests.flows.conftest import TENANT, sample_brief

T = TypeVar("T")
PATIENCE_SECONDS = 120


@pytest.fixture(scope="module")
def bedrock() -> Iterator[FakeBedrock]:
    with FakeBedrock(seconds=0.6) as server:
        yield server


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, bedrock: FakeBedrock) -> Iterator[LocalStack]:
    settings = {
        "CAMPAIGNS_MODEL": "bedrock:us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": bedrock.url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    with LocalStack(tmp_path_factory.mktemp("stack"), extra_env=settings).start() as running:
        seed(running.env, TENANT)
        yield running


@pytest.fixture(scope="module")
def client(stack: LocalStack) -> Iterator[httpx.Client]:
    ring = KeyRing.parse(stack.env["CAMPAIGNS_API_KEYS"])
    token = mint(ring, tenant_id=TENANT, subject="tests", scopes=SCOPES, ttl=timedelta(hours=1), now=datetime.now(UTC))
    with httpx.Client(base_url=stack.api_url, headers={"Authorization": f"Bearer {token}"}, timeout=30) as opened:
        yield opened


def test_posts_written_before_a_kill_stay_and_are_not_paid_again(
    stack: LocalStack, client: httpx.Client, bedrock: FakeBedrock
) -> None:
    accepted = client.post("/campaigns", json=sample_brief()).json()
    campaign_id, run_id = accepted["id"], accepted["executionId"]

    written = eventually(lambda: posts_with_words(client, campaign_id), lambda posts: len(posts) >= 3)
    os.kill(flow_process(stack, run_id), signal.SIGKILL)
    eventually(lambda: run_state(stack, run_id), lambda state: state == "CRASHED")
    before = posts_with_words(client, campaign_id)
    paid = len(bedrock.requests)
    in_flight = bedrock.busiest
    reschedule(stack, run_id)
    eventually(lambda: client.get(f"/campaigns/{campaign_id}").json()["status"], lambda s: s == "awaiting_review")

    after = posts_with_words(client, campaign_id)
    assert written.items() <= before.items() <= after.items()
    total = client.get(f"/campaigns/{campaign_id}").json()["planSummary"]["totalPosts"]
    assert len(after) == total
    assert len(bedrock.requests) - paid <= total - len(before) + in_flight

    link = eventually(lambda: newest_link(stack.home / "mail", campaign_id), bool)
    assert decide_by_link(link, "approved") == "Approved"
    eventually(lambda: run_state(stack, run_id), lambda state: state == "COMPLETED")
    assert client.get(f"/campaigns/{campaign_id}").json()["status"] == "completed"
    assert posts_with_words(client, campaign_id) == after


def test_the_doctor_finds_a_running_stack_well(stack: LocalStack) -> None:
    def told() -> str:
        # Not the model: its stand-in answers as a planner or a writer.
        command = [sys.executable, "-m", "deployments.doctor", "--free"]
        env = stack.env_of("worker")
        return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False).stdout

    # Housekeeping runs each minute; it may not have yet.
    said = eventually(told, lambda found: found.endswith("\n0 findings\n"))
    assert "ok   housekeeping was done within the last five minutes" in said
    assert "ok   checkpoints are sealed, kept and opened" in said
    assert "ok   Prefect refuses whoever brings no password" in said


def test_stopping_the_stack_leaves_no_process_behind(tmp_path: Path) -> None:
    stack = LocalStack(tmp_path)
    stack.logs.mkdir(parents=True)
    stack.start_server()
    assert stack.family()

    stack.stop()

    assert stack.family() == []


def posts_with_words(client: httpx.Client, campaign_id: str) -> dict[str, str]:
    items = client.get(f"/campaigns/{campaign_id}/posts").json()["items"]
    return {post["id"]: post["contentHash"] for post in items if "content" in post}


def flow_process(stack: LocalStack, run_id: str) -> int:
    """The process that executes the run, told by its environment."""
    for process in stack.family():
        try:
            environment = process.environ()
        except psutil.Error:
            continue
        if run_id in {environment.get("PREFECT__FLOW_RUN_ID"), environment.get("PREFECT_FLOW_RUN_ID")}:
            return process.pid
    raise AssertionError(f"no process executes {run_id}")


def prefect(stack: LocalStack, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    answer = httpx.request(
        method, f"{stack.prefect_url}/api{path}", json=body, auth=("campaigns", stack.password), timeout=30
    )
    return answer.raise_for_status().json()


def run_state(stack: LocalStack, run_id: str) -> str:
    return str(prefect(stack, "GET", f"/flow_runs/{run_id}")["state"]["type"])


def reschedule(stack: LocalStack, run_id: str) -> None:
    state = {"type": "SCHEDULED", "name": "AwaitingRetry"}
    prefect(stack, "POST", f"/flow_runs/{run_id}/set_state", {"state": state, "force": True})


def eventually(read: Callable[[], T], good: Callable[[T], bool]) -> T:
    """Return what `read` gives as soon as it is good."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not good(value := read()):
        assert time.monotonic() < deadline, value
        time.sleep(0.1)
    return value
