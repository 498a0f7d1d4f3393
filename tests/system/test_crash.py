"""A killed run goes on where it was: real server, worker, API and a stand-in for Bedrock, all processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any, TypeVar

import httpx

from campaigns.operations.recovery import LEASE_LASTS
from deployments.local.approver import decide_by_link
from deployments.local.fake_bedrock import FakeBedrock
from deployments.local.mail import newest_link
from deployments.local.stack import LocalStack
from deployments.place import ROOT
from tests.flows.conftest import sample_brief

T = TypeVar("T")
PATIENCE_SECONDS = 120


def test_posts_written_before_a_kill_stay_and_are_not_paid_again(
    stack: LocalStack, client: httpx.Client, bedrock: FakeBedrock
) -> None:
    bedrock.seconds = 0.6  # long enough to be killed in
    accepted = client.post("/campaigns", json=sample_brief(metadata={"externalRef": "to-be-killed"})).json()
    campaign_id, run_id = accepted["id"], accepted["executionId"]

    written = eventually(lambda: posts_with_words(client, campaign_id), lambda posts: len(posts) >= 3)
    os.kill(flow_process(stack, run_id), signal.SIGKILL)
    paid = len(bedrock.requests)
    killed = time.monotonic()
    before = posts_with_words(client, campaign_id)
    in_flight = bedrock.busiest
    eventually(lambda: len(bedrock.requests), lambda asked: asked > paid)
    # Its worker saw it die: nobody waits for its lease to run out.
    assert time.monotonic() - killed < LEASE_LASTS.total_seconds()
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
        command = [sys.executable, "-m", "deployments.commands.doctor", "--free"]
        env = stack.env_of("worker")
        return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False).stdout

    # Housekeeping runs each minute; it may not have yet.
    said = eventually(told, lambda found: found.endswith("\n0 findings\n"))
    assert "ok   housekeeping was done within the last five minutes" in said
    assert "ok   checkpoints are sealed, kept and opened" in said
    assert "ok   Prefect refuses whoever brings no password" in said


def posts_with_words(client: httpx.Client, campaign_id: str) -> dict[str, str]:
    items = client.get(f"/campaigns/{campaign_id}/posts").json()["items"]
    return {post["id"]: post["contentHash"] for post in items if "content" in post}


def flow_process(stack: LocalStack, run_id: str) -> int:
    """The process that executes the run, as its worker told Prefect."""
    return int(prefect(stack, "GET", f"/flow_runs/{run_id}")["infrastructure_pid"])


def prefect(stack: LocalStack, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    answer = httpx.request(
        method, f"{stack.prefect_url}/api{path}", json=body, auth=("campaigns", stack.password), timeout=30
    )
    return answer.raise_for_status().json()


def run_state(stack: LocalStack, run_id: str) -> str:
    return str(prefect(stack, "GET", f"/flow_runs/{run_id}")["state"]["type"])


def eventually(read: Callable[[], T], good: Callable[[T], bool], *, seconds: int = PATIENCE_SECONDS) -> T:
    """Return what `read` gives as soon as it is good."""
    deadline = time.monotonic() + seconds
    while not good(value := read()):
        assert time.monotonic() < deadline, value
        time.sleep(0.1)
    return value
