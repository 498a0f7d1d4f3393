"""Runs of the real flow on a real Prefect server: to the pause, resumed, run again."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi.testclient import TestClient
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import FlowRun, State
from prefect.client.schemas.sorting import TaskRunSort
from prefect.exceptions import Pause
from prefect.flow_engine import run_flow
from prefect.settings import PREFECT_DEFAULT_RESULT_STORAGE_BLOCK, temporary_settings
from prefect.states import Pending

from campaigns import wiring
from campaigns.agents.providers import models
from campaigns.keys.keyring import new_ring
from campaigns.model.library.brand import Brand
from campaigns.model.library.persona import Persona
from campaigns.model.vocabulary import CampaignStatus
from campaigns.rules.freshen import moved_ahead
from campaigns.settings import get_settings
from campaigns.store import Store
from deployments.local.approver import decide_by_link
from deployments.local.fake_bedrock import FakeBedrock
from deployments.local.mail import newest_link
from tasks.checkpoints.storage import _open_vault
from tests.couriers import delivered_in_no_hurry
from tests.thrift import deployed_without_form, thrifty_runs

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
TENANT = "fernwood"
_HOUR = timedelta(hours=1)


def sample(name: str) -> Any:
    return json.loads((SAMPLES / name).read_text())


def sample_brief(name: str = "spring-harvest.json", **changes: Any) -> dict[str, Any]:
    return {**moved_ahead(sample(name), datetime.now(UTC).date()), **changes}


def first_week_of(brief: dict[str, Any]) -> dict[str, Any]:
    """A brief cut down to its first week: each post is a step of a run, which most tests have enough of soon."""
    start = date.fromisoformat(brief["schedule"]["startDate"])
    return {**brief, "schedule": {**brief["schedule"], "endDate": (start + timedelta(days=6)).isoformat()}}


def one_week() -> dict[str, Any]:
    """The sample brief cut down to its first week."""
    return first_week_of(sample_brief())


@dataclass
class Studio:
    """The product with embedded defaults in one folder, driven run by run."""

    home: Path
    store: Store
    client: TestClient

    def submit(self, brief: dict[str, Any]) -> tuple[str, UUID]:
        """POST the brief; return the campaign id and the id of the flow run that was created for it."""
        answer = self.client.post("/campaigns", json=brief)
        assert answer.status_code == 202, answer.text
        return answer.json()["id"], UUID(answer.json()["executionId"])

    def attempt(self, run_id: UUID) -> State[Any]:
        """Execute a run as a worker's process would: from the first line to its end or its pause."""
        from flows.build_campaign import build_campaign

        with get_client(sync_client=True) as client:
            client.set_flow_run_state(run_id, Pending())
            run = client.read_flow_run(run_id)
        try:
            return run_flow(build_campaign, flow_run=run, parameters=run.parameters, return_type="state")
        except Pause as pause:
            return pause.state

    def run(self, run_id: UUID) -> FlowRun:
        with get_client(sync_client=True) as client:
            return client.read_flow_run(run_id)

    def steps(self, run_id: UUID) -> Counter[str]:
        """How often each step was executed; results taken from a checkpoint do not count.

        Prefect records task runs from events, a moment later: wait until it knows the end of each.
        """
        scope = FlowRunFilter(id=FlowRunFilterId(any_=[run_id]))
        deadline = time.monotonic() + 120
        with get_client(sync_client=True) as client:
            while True:
                runs = client.read_task_runs(flow_run_filter=scope, sort=TaskRunSort.ID_DESC, limit=200)
                if runs and all(run.state and run.state.is_final() for run in runs):
                    return Counter(run.name for run in runs if run.state_name == "Completed")
                assert time.monotonic() < deadline, [run.state_name for run in runs]
                time.sleep(0.2)

    def decide(self, campaign_id: str, decision: str, comment: str = "") -> str:
        link = newest_link(self.home / "mail", campaign_id)
        assert link is not None
        receipt = decide_by_link(link, decision, comment=comment, browser=self.client)
        delivered_in_no_hurry(self.client.app.state.courier)  # the bell has rung, and the mails are out
        return receipt

    def decide_without_effect(self, campaign_id: str, decision: str, comment: str = "") -> None:
        """Decide while a process holds the campaign: that leaves the effect to the run."""
        now = datetime.now(UTC)
        held = self.store.leases.acquire(TENANT, campaign_id, owner="tests", now=now, ttl=timedelta(minutes=5))
        self.decide(campaign_id, decision, comment)
        self.store.leases.release(held)
        assert self.store.campaigns.get(TENANT, campaign_id).status is CampaignStatus.AWAITING_REVIEW


@pytest.fixture
def studio(prefect_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Studio]:
    """An empty studio with the sample brand and personas, its deployment registered."""
    from api.app import create_app
    from api.auth.identity import SCOPES, mint
    from deployments.engine.blocks import register_checkpoint_storage
    from flows.build_campaign import build_campaign

    deployment = f"test-{uuid4().hex[:8]}"
    monkeypatch.setenv("CAMPAIGNS_HOME", str(tmp_path))
    monkeypatch.setenv("CAMPAIGNS_API_BASE_URL", "http://testserver")
    monkeypatch.setenv("CAMPAIGNS_START_PATIENCE_SECONDS", "30")  # the answer names the flow run, however busy we are
    monkeypatch.setenv("CAMPAIGNS_SWEEP_SECONDS", "0")  # a test does its housekeeping itself
    monkeypatch.setenv("CAMPAIGNS_DEPLOYMENT", f"build-campaign/{deployment}")
    for name in ("CHECKPOINT", "APPROVAL", "API"):
        monkeypatch.setenv(f"CAMPAIGNS_{name}_KEYS", new_ring())
    fresh = _forget_wiring()
    # A post of the test before may still be on its way, and have read the settings of in between.
    while get_settings().checkpoint_keys is None:
        get_settings.cache_clear()
    block = register_checkpoint_storage(get_settings())
    name = f"test-{uuid4().hex[:12]}"  # Prefect caches loaded storages by name for the life of the process
    block.save(name, _sync=True)
    with thrifty_runs(), temporary_settings({PREFECT_DEFAULT_RESULT_STORAGE_BLOCK: f"sealed-checkpoints/{name}"}):
        deployed_without_form(build_campaign.to_deployment(name=deployment, enforce_parameter_schema=False))
        store = wiring.get_store()
        seed(store)
        token = mint(
            wiring.get_api_ring(),
            tenant_id=TENANT, subject="tests", scopes=SCOPES, ttl=_HOUR, now=datetime.now(UTC),
        )  # fmt: skip
        with TestClient(create_app(), headers={"Authorization": f"Bearer {token}"}) as client:
            yield Studio(tmp_path, store, client)
    fresh()


@pytest.fixture
def hosted(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[tuple[Studio, FakeBedrock]]:
    """A studio whose words come from Bedrock: a stand-in that boto3 reaches as it would reach the real one."""
    with FakeBedrock() as bedrock:
        monkeypatch.setenv("CAMPAIGNS_MODEL", "bedrock:us.anthropic.claude-sonnet-4-5-20250929-v1:0")
        monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", bedrock.url)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        yield request.getfixturevalue("studio"), bedrock


def seed(store: Store, tenant: str = TENANT) -> None:
    now = datetime.now(UTC)
    stamps = {"tenantId": tenant, "createdAt": now, "updatedAt": now}
    store.brands.create(Brand.model_validate({**sample("brand.json"), **stamps}))
    for each in sample("personas.json"):
        store.personas.create(Persona.model_validate({**each, **stamps}))


def _forget_wiring() -> Callable[[], None]:
    def forget() -> None:
        get_settings.cache_clear()
        wiring.get_store.cache_clear()
        wiring.get_link_signer.cache_clear()
        wiring.configure_agents.cache_clear()
        models.configure(models.ModelOptions())  # so that the next test builds its own client
        _open_vault.cache_clear()

    forget()
    return forget
