"""The doctor on an installation that was broken in many places at once: it names each, and what it advises mends it."""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Sink
from prefect.workers.process import ProcessWorker

from deployments.local.stack import LocalStack, free_ports
from deployments.place import ROOT
from tests.system.test_crash import eventually

STARTS = "python -m deployments.worker"


@pytest.fixture(scope="module")
def mail_port() -> int:
    return free_ports(1)[0]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, mail_port: int) -> Iterator[LocalStack]:
    mail = {"CAMPAIGNS_MAIL_URL": f"smtp://127.0.0.1:{mail_port}?from=review@example.com"}
    with LocalStack(tmp_path_factory.mktemp("stack"), extra_env=mail).start() as running:
        yield running


def doctor(stack: LocalStack) -> list[str]:
    """Return what the doctor finds, without what is well."""
    # Not the model: that is a setting of another test.
    command = [sys.executable, "-m", "deployments.commands.doctor", "--free"]
    env = stack.env_of("worker")
    said = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False).stdout
    assert re.search(r"\d+ findings?\n$", said), said
    return [line.removeprefix("-").strip() for line in said.splitlines() if line.startswith("-")]


def changed(stack: LocalStack, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    url = f"{stack.prefect_url}/api{path}"
    answer = httpx.request(method, url, json=body, auth=("campaigns", stack.password), timeout=60).raise_for_status()
    return answer.json() if answer.content else None


def break_everything(stack: LocalStack) -> None:
    """Break what an installation needs, each as it breaks in life; what takes minutes to show is made older."""
    worker = stack.processes.pop("worker")
    children = psutil.Process(worker.pid).children(recursive=True)
    os.killpg(worker.pid, signal.SIGKILL)
    for each in children:
        if each.is_running():
            each.kill()
    worker.wait(10)
    (api := stack.processes.pop("api")).terminate()
    api.wait(30)
    there = {each["name"]: each for each in changed(stack, "POST", "/deployments/filter", {"limit": 200})}
    changed(stack, "DELETE", f"/deployments/{there['cancel-campaign']['id']}")
    changed(stack, "POST", f"/deployments/{there['retry-campaign']['id']}/pause_deployment")
    schedule = there["housekeeping"]["schedules"][0]["id"]
    changed(stack, "PATCH", f"/deployments/{there['housekeeping']['id']}/schedules/{schedule}", {"active": False})
    ago = datetime.now(UTC) - timedelta(minutes=10)
    # Prefect's mark "Late" sets the time back to that of the state: it must be the state's own.
    waiting = {"state": {"type": "SCHEDULED", "state_details": {"scheduled_time": ago.isoformat()}}}
    changed(stack, "POST", f"/deployments/{there['housekeeping']['id']}/create_flow_run", waiting)
    open_to_all = {"base_job_template": ProcessWorker.get_default_base_job_template(), "is_paused": True}
    changed(stack, "PATCH", "/work_pools/campaigns", open_to_all)
    kept = changed(
        stack, "GET", "/block_types/slug/sealed-checkpoints/block_documents/name/campaigns?include_secrets=true"
    )
    elsewhere = {"data": {**kept["data"], "location": "file:///srv/elsewhere"}}
    changed(stack, "PATCH", f"/block_documents/{kept['id']}", elsewhere)
    before = ago.strftime("%Y-%m-%d %H:%M:%S.%f")
    with closing(sqlite3.connect(stack.home / "prefect" / "prefect.db", timeout=60)) as database, database:
        database.execute("UPDATE worker SET last_heartbeat_time = ?", [before])
        database.execute("UPDATE flow_run SET end_time = ? WHERE end_time IS NOT NULL", [before])


def test_what_the_doctor_advises_mends_what_it_finds(stack: LocalStack, mail_port: int, tmp_path: Path) -> None:
    break_everything(stack)

    told = doctor(stack)

    for part in (
        "work pool campaigns lets a run bring its own command",
        "Prefect does not know cancel-campaign",
        "retry-campaign is paused in Prefect",
        "the schedule every-minute of housekeeping is off in Prefect",
        "Prefect keeps results in file:///srv/elsewhere",
        "work pool campaigns is paused",
        "no worker of campaigns lives",
        "housekeeping was not done for five minutes",
        "for more than five minutes: more workers",
        f"{stack.api_url} is not reached from here",
        f"mail server 127.0.0.1:{mail_port}: ConnectionRefusedError",
    ):
        assert [line for line in told if part in line], (part, told)

    commands = dict.fromkeys(each for line in told for each in re.findall(r"`([^`]+)`", line))
    assert STARTS in commands
    bin_first = {**stack.env, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    for command in commands:
        if command == STARTS:
            continue
        done = subprocess.run(
            ["bash", "-euc", command], cwd=ROOT, env=bin_first, check=False, capture_output=True, text=True
        )
        assert done.returncode == 0, (command, done.stdout + done.stderr)
    stack.start_worker()
    stack.start_api()
    mails = Controller(Sink(), hostname="127.0.0.1", port=mail_port)
    mails.start()
    try:
        # Housekeeping comes within a minute.
        assert eventually(lambda: doctor(stack), lambda found: not found) == []
    finally:
        mails.stop()
