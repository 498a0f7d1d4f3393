"""A deployment with a schedule gets its runs: Prefect's server and its database library work together."""

from __future__ import annotations

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterId
from prefect.schedules import Cron

from flows.housekeeping import housekeeping


def test_the_server_makes_the_runs_of_a_schedule(prefect_server: str) -> None:
    deployment_id = housekeeping.to_deployment(name="each-minute", schedule=Cron("* * * * *")).apply()
    with get_client(sync_client=True) as client:
        # What the scheduler does every minute; by hand, so that nobody waits for it.
        client._client.post(f"/deployments/{deployment_id}/schedule", json={"min_runs": 3}).raise_for_status()

        runs = client.read_flow_runs(deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=[deployment_id])))

    assert len(runs) >= 3
    assert all(run.auto_scheduled for run in runs)
