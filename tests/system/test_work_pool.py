"""The work pool on a real server with a real worker: what strangers bring is left alone, what operators do works."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from prefect.workers.process import ProcessWorker

from deployments.local.stack import LocalStack
from tasks.engine.server.work_pool import WORK_POOL
from tests.flows.conftest import TENANT, sample_brief

PATIENCE_SECONDS: Final = 180


@pytest.fixture(scope="module")
def prefect(stack: LocalStack) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{stack.prefect_url}/api", auth=("campaigns", stack.password), timeout=30) as opened:
        yield opened


def given(folder: Path) -> dict[str, dict[str, Any]]:
    """Return what a stranger would ask for; each leaves a file in the folder once anybody does it."""
    code = folder / "evil"
    code.mkdir()
    (code / "sitecustomize.py").write_text(f"open({str(folder / 'env')!r}, 'w').close()")
    (code / "prefect.py").write_text(f"open({str(folder / 'working_dir')!r}, 'w').close()")
    return {
        "command": {"command": f"touch {folder / 'command'}"},
        "env": {"env": {"PYTHONPATH": str(code)}},
        "working_dir": {"working_dir": str(code)},
    }


def begun(prefect: httpx.Client, variables: dict[str, Any]) -> httpx.Response:
    deployment = prefect.get("/deployments/name/housekeeping/housekeeping").raise_for_status().json()
    path, deadline = f"/deployments/{deployment['id']}/create_flow_run", time.monotonic() + PATIENCE_SECONDS
    while (answer := prefect.post(path, json={"job_variables": variables})).status_code == 503:
        assert time.monotonic() < deadline, answer.text
        time.sleep(0.5)  # its database is busy: Prefect's own client asks again too
    return answer


def ended(prefect: httpx.Client, run_id: str) -> str:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        state = prefect.get(f"/flow_runs/{run_id}").raise_for_status().json()["state_type"]
        if state in {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}:
            return str(state)
        time.sleep(0.5)
    raise AssertionError(f"run {run_id} did not end")


def test_neither_the_server_nor_the_worker_does_what_a_run_brings(
    stack: LocalStack, prefect: httpx.Client, tmp_path: Path
) -> None:
    wanted = given(tmp_path)

    refused = {name: begun(prefect, each).status_code for name, each in wanted.items()}
    assert set(refused.values()) <= {409, 422}, refused

    # Whoever signs in to Prefect may open the pool again: then the worker is what stands.
    template = ProcessWorker.get_default_base_job_template()
    prefect.patch(f"/work_pools/{WORK_POOL}", json={"base_job_template": template}).raise_for_status()
    for variables in wanted.values():  # one after the other: two runs of housekeeping at once are one too many
        assert ended(prefect, begun(prefect, variables).raise_for_status().json()["id"]) == "COMPLETED"
    assert [name for name in wanted if (tmp_path / name).exists()] == []


# What docs/runbook.md says to do, as it says it: in a shell with the address and the password of Prefect.


def shell(stack: LocalStack, *command: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "prefect", *command],
        cwd=stack.home, env={**stack.env, "COLUMNS": "200"}, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_paused_pool_is_seen_and_resumed(stack: LocalStack, prefect: httpx.Client) -> None:
    shell(stack, "work-pool", "pause", WORK_POOL)
    run = begun(prefect, {}).raise_for_status().json()["id"]
    assert "is_paused=True" in shell(stack, "work-pool", "inspect", WORK_POOL)

    resumed = datetime.now(UTC).isoformat()
    shell(stack, "work-pool", "resume", WORK_POOL)

    if ended(prefect, run) == "CANCELLED":  # one of the schedule's waited, too, and two at once are one too many
        its_own = {"state": {"type": {"any_": ["RUNNING", "COMPLETED"]}}, "start_time": {"after_": resumed}}
        run = the_first(prefect, its_own)
    assert ended(prefect, run) == "COMPLETED"


def the_first(prefect: httpx.Client, runs: dict[str, Any]) -> str:
    of = {"name": {"any_": ["housekeeping"]}}
    found = prefect.post("/flow_runs/filter", json={"flows": of, "flow_runs": runs, "sort": "START_TIME_ASC"})
    return str(found.raise_for_status().json()[0]["id"])


def test_an_act_from_a_shell_is_done_and_says_so(stack: LocalStack, client: httpx.Client) -> None:
    campaign_id = (
        client.post("/campaigns", json=sample_brief(metadata={"externalRef": "to-be-cancelled"}))
        .raise_for_status()
        .json()["id"]
    )

    said = shell(
        stack, "deployment", "run", "cancel-campaign/cancel-campaign", "--watch",
        "--param", f"tenant_id={TENANT}", "--param", f"campaign_id={campaign_id}",
        "--param", "operator=Olga", "--param", "reason=customer withdrew",
    )  # fmt: skip

    assert "finished successfully" in said
    assert client.get(f"/campaigns/{campaign_id}").json()["status"] == "cancelled"
