"""What makes Prefect know a release: one process for all steps, which says which one failed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from prefect.settings import PREFECT_API_URL
from prefect.testing.utilities import prefect_test_harness

from campaigns.keys.keyring import new_ring
from deployments.engine import register
from deployments.local.stack import seed
from deployments.place import ROOT
from tests.flows.conftest import TENANT

KINDS = {
    "deployments": "name",
    "work_pools": "name",
    "automations": "name",
    "block_documents": "name",
    "concurrency_limits": "tag",
    "v2/concurrency_limits": "name",
}
STAMPS = {"created", "updated", "last_polled", "status"}


def known(url: str) -> dict[str, Any]:
    """Return what a server knows of a release, without when it heard it."""
    found = {
        kind: sorted(httpx.post(f"{url}/{kind}/filter", json={"limit": 200}).raise_for_status().json(), key=by(name))
        for kind, name in KINDS.items()
    }
    return dict(_unstamped(found))


def by(name: str) -> Callable[[dict[str, Any]], str]:
    return lambda each: str(each[name])


def _unstamped(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _unstamped(each) for name, each in value.items() if name not in STAMPS}
    return [_unstamped(each) for each in value] if isinstance(value, list) else value


def test_one_process_registers_everything_and_a_second_changes_nothing(tmp_path: Path) -> None:
    # A server of its own: what other tests leave on theirs is no release.
    with prefect_test_harness(server_startup_timeout=120):
        _registers_everything(str(PREFECT_API_URL.value()), tmp_path)


def _registers_everything(url: str, home: Path) -> None:
    env = {
        **os.environ,
        "PREFECT_API_URL": url,
        "CAMPAIGNS_HOME": str(home),
        "CAMPAIGNS_FORM_TENANTS": TENANT,
        "CAMPAIGNS_MAIL_URL": "smtp://127.0.0.1:2525?from=review@example.com",
        "CAMPAIGNS_ALERT_BLOCKS": "smtp-mail/campaigns",
        "CAMPAIGNS_CHECKPOINT_KEYS": new_ring(),
        "PYTHONPATH": str(ROOT),
    }
    seed(env, TENANT)
    command = [sys.executable, "-m", "deployments.engine.register"]

    assert subprocess.run(command, cwd=home, env=env, check=False).returncode == 0
    first = known(url)
    done = subprocess.run(command, cwd=home, env=env, check=False, capture_output=True, text=True)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "automations: as they should be" in done.stdout
    assert "work pool campaigns: closed already" in done.stdout
    assert known(url) == first
    wanted = yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]
    assert {each["name"] for each in first["deployments"]} == {each["name"] for each in wanted}
    limited = {each["name"]: each["concurrency_limit"] for each in wanted if "concurrency_limit" in each}
    assert limited.keys() == {each["name"] for each in first["deployments"] if each["global_concurrency_limit"]}
    # Operators hear of Prefect's own alarms, and forms offer the names that are stored.
    told = [each["type"] for one in first["automations"] for each in one["actions"]]
    assert told.count("send-notification") == 4
    [full] = [each for each in first["deployments"] if each["name"] == "build-campaign"]
    assert "Ines Carvalho" in str(full["parameter_openapi_schema"])


@pytest.mark.parametrize("fault", [SystemExit(3), SystemExit("why"), RuntimeError("why")])
def test_a_step_that_failed_ends_it_and_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], fault: BaseException
) -> None:
    done: list[int] = []

    def fails() -> None:
        raise fault

    def ends() -> None:
        done.append(1)
        raise SystemExit(0)  # as Prefect's command does

    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(register, "wait_for_prefect", lambda: None)
    monkeypatch.setattr(register, "STEPS", [("first", ends), ("second", fails), ("third", ends)])

    assert register.main([]) == (3 if fault.args == (3,) else 1)
    assert len(done) == 1
    assert "second failed; mend it" in capsys.readouterr().err
