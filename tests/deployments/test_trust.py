"""Who is trusted with what: the work pool takes no command from outside, and each process has only its own keys."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import WorkPoolUpdate
from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import PrefectHTTPStatusError
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.workers.process import ProcessWorker

from campaigns.keys.keyring import new_ring
from deployments.local.stack import LocalStack
from deployments.place import RINGS, ROOT
from deployments.warm.starting import ForkServer
from deployments.worker import CampaignWorker
from tasks.engine.server.work_pool import CLOSED, WORK_POOL, close_pool, is_open, pool_state

PREFECTS_OWN = ProcessWorker.get_default_base_job_template()


def test_the_pool_that_prefect_makes_is_open_and_ours_is_not() -> None:
    assert is_open(PREFECTS_OWN)
    assert is_open({})
    assert not is_open(CLOSED)


@pytest.mark.parametrize("name", ["command", "env", "working_dir"])
def test_one_variable_is_enough_to_be_open(name: str) -> None:
    assert is_open({"job_configuration": {**CLOSED["job_configuration"], name: f"{{{{ {name} }}}}"}})


def in_environment(module: str, url: str, home: Path, **more: str) -> subprocess.CompletedProcess[str]:
    rings = dict.fromkeys(RINGS, "")
    env = {key: value for key, value in os.environ.items() if key not in rings}
    env |= {"PREFECT_API_URL": url, "CAMPAIGNS_HOME": str(home), **more}
    return subprocess.run(
        [sys.executable, "-m", module], cwd=ROOT, env=env, capture_output=True, text=True, check=False
    )


def test_an_open_pool_is_complained_of_closed_and_then_refuses_a_command(prefect_server: str, tmp_path: Path) -> None:
    asyncio.run(_opened_and_closed(prefect_server, tmp_path))


async def _opened_and_closed(prefect_server: str, tmp_path: Path) -> None:
    with temporary_settings({PREFECT_API_URL: prefect_server}):
        async with get_client() as client:
            await close_pool(client)
            await client.update_work_pool(WORK_POOL, WorkPoolUpdate(base_job_template=PREFECTS_OWN))
            assert pool_state() == "open"
            doctor = in_environment("deployments.commands.doctor", prefect_server, tmp_path)
            assert doctor.returncode == 1
            assert "python -m deployments.engine.pool" in doctor.stdout

            assert "now closed" in in_environment("deployments.engine.pool", prefect_server, tmp_path).stdout
            assert "closed already" in in_environment("deployments.engine.pool", prefect_server, tmp_path).stdout
            assert pool_state() == "ok"
            assert (
                "-    work pool" not in in_environment("deployments.commands.doctor", prefect_server, tmp_path).stdout
            )

            flow_id = await client.create_flow_from_name("trust")
            deployment = await client.create_deployment(
                flow_id,
                f"trust-{tmp_path.name}",
                work_pool_name=WORK_POOL,
                entrypoint="flows.housekeeping:housekeeping",
            )
            for given in ({"command": "id"}, {"env": {"A": "b"}}, {"working_dir": "/"}):
                with pytest.raises((PrefectHTTPStatusError, httpx.HTTPStatusError)) as refused:
                    await client.create_flow_run_from_deployment(deployment, job_variables=given)
                assert refused.value.response.status_code in {409, 422}
            run = await client.create_flow_run_from_deployment(deployment)
            await client.delete_flow_run(run.id)
            await client.delete_deployment(deployment)


def test_our_worker_leaves_alone_what_an_opened_pool_hands_on() -> None:
    asyncio.run(_handed_on())


async def _handed_on() -> None:
    worker = CampaignWorker(ForkServer(), WORK_POOL)
    given: dict[str, Any] = {"command": "id", "env": {"PYTHONPATH": "/evil"}, "working_dir": "/"}

    job = await worker.job_configuration.from_template_and_values(base_job_template=PREFECTS_OWN, values=given)
    assert (job.command, job.env["PYTHONPATH"]) == ("id", "/evil")  # what an open pool would hand on
    job.prepare_for_flow_run(FlowRun(flow_id="00000000-0000-0000-0000-000000000001"))

    assert job.command != "id"
    assert job.command is not None
    assert "prefect.engine" in job.command
    assert job.env.get("PYTHONPATH") == os.environ.get("PYTHONPATH")
    assert job.working_dir is None


def test_each_process_is_given_only_the_rings_that_it_uses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAMPAIGNS_API_KEYS", new_ring())
    stack = LocalStack(tmp_path / "home")

    given = {part: {name for name in RINGS if name in stack.env_of(part)} for part in ("server", "worker", "api")}

    assert given == {
        "server": set(),
        "worker": {"CAMPAIGNS_CHECKPOINT_KEYS", "CAMPAIGNS_APPROVAL_KEYS"},
        "api": {"CAMPAIGNS_APPROVAL_KEYS", "CAMPAIGNS_API_KEYS"},
    }


def test_an_environment_with_all_rings_is_complained_of(tmp_path: Path) -> None:
    told = in_environment(
        "deployments.commands.doctor", "http://127.0.0.1:9/api", tmp_path, **{name: new_ring() for name in RINGS}
    )

    assert "all three key rings" in told.stdout
