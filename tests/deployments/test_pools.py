"""Pools of containers: their templates are what the workers of Prefect read, closed, and without a key in them."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect_aws.workers import ECSWorker

from deployments.pools.__main__ import main
from deployments.pools.templates import KINDS, UnfilledError, filled, wanted
from tasks.engine.server.work_pool import is_open

VALUES = {
    "ecs": {
        "cluster": "campaigns",
        "task": "arn:aws:ecs:eu-central-1:100000000000:task-definition/campaigns-prod-run-worker:7",
        "vpc": "vpc-1",
        "subnet": "subnet-1",
        "group": "sg-1",
    },
    "kubernetes": {"namespace": "campaigns", "image": "registry.example.com/campaigns@sha256:ab"},
    "docker": {"image": "campaigns@sha256:ab", "network": "campaigns", "settings": "/etc/campaigns/env"},
}
# Prefect imports every package of workers that is installed into each run: 0.9 s for these two.
READ: dict[str, set[str]] = {
    kind: set(known["job_configuration"])
    for kind, known in json.loads((Path(__file__).parent / "workers_read.json").read_text()).items()
}
READ["ecs"] = set(ECSWorker.get_default_base_job_template()["job_configuration"])


async def prepared() -> Any:
    template = filled("ecs", VALUES["ecs"])
    job = await ECSWorker.job_configuration.from_template_and_values(base_job_template=template, values={})
    job.prepare_for_flow_run(FlowRun(id=uuid4(), flow_id=uuid4(), name="Spring harvest"))
    return job


@pytest.mark.parametrize("kind", KINDS)
def test_a_template_is_closed_and_holds_nothing_that_its_worker_does_not_read(kind: str) -> None:
    template = filled(kind, VALUES[kind])
    assert template["job_configuration"].keys() <= READ[kind]
    assert not is_open({"job_configuration": template["job_configuration"]})
    assert template["variables"]["additionalProperties"] is False
    assert "_KEYS" not in str(template)


def test_on_ecs_a_run_is_the_workers_own_task_with_another_command() -> None:
    job = asyncio.run(prepared())

    [container] = job.task_run_request["overrides"]["containerOverrides"]
    assert (container["name"], job.task_run_request["taskDefinition"]) == ("worker", VALUES["ecs"]["task"])
    assert job.command == "prefect flow-run execute"
    assert "PREFECT__FLOW_RUN_ID" in job.env


def test_on_kubernetes_a_run_is_nobody_on_a_read_only_root() -> None:
    job = filled("kubernetes", VALUES["kubernetes"])["job_configuration"]

    pod = job["job_manifest"]["spec"]["template"]["spec"]
    [container] = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"]
    assert container["securityContext"]["readOnlyRootFilesystem"]
    assert container["args"] == ["prefect", "flow-run", "execute"]


def test_with_docker_a_run_reads_its_keys_from_a_file_of_the_host() -> None:
    job = filled("docker", VALUES["docker"])["job_configuration"]

    assert "/etc/campaigns/env:/run/campaigns/env:ro" in job["volumes"]
    assert job["container_create_kwargs"]["read_only"]
    assert "exec prefect flow-run execute" in job["command"]


def test_what_is_missing_and_what_is_strange_is_told_at_once() -> None:
    with pytest.raises(UnfilledError) as found:
        filled("docker", {"image": "campaigns", "cluster": "x"})

    assert str(found.value) == "--set network=… is missing; --set settings=… is missing; cluster is no value of docker"
    assert all(wanted(kind) == sorted(VALUES[kind]) for kind in KINDS)


def test_a_pool_is_made_once(prefect_server: str, capsys: pytest.CaptureFixture[str]) -> None:
    given = [part for name, value in VALUES["docker"].items() for part in ("--set", f"{name}={value}")]
    with temporary_settings({PREFECT_API_URL: prefect_server}):
        assert main(["docker", *given]) == 0
        assert main(["docker", *given]) == 0
        asyncio.run(_removed("campaigns-docker"))

    assert capsys.readouterr().out.splitlines() == [
        "work pool campaigns-docker: made or changed",
        "work pool campaigns-docker: as it should be",
    ]


async def _removed(name: str) -> None:
    async with get_client() as client:
        await client.delete_work_pool(name)
