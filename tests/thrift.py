"""What a run of a flow costs in tests that look at what it did, not at how Prefect watches it.

Left out is what nothing of ours reads: a web socket that waits for somebody to suspend the run by hand, a thread of
heartbeats (ending it takes a second), and the schema of a deployment's form, which costs more to read and check than
the rest of a short run. Tests of just these things use Prefect as it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import pytest
from prefect.deployments.runner import RunnerDeployment
from prefect.settings import (
    PREFECT_CLIENT_SERVER_VERSION_CHECK_ENABLED,
    PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
    temporary_settings,
)
from prefect.utilities.callables import ParameterSchema


@contextmanager
def thrifty_runs() -> Iterator[None]:
    """Let runs in this process, while it lasts, go without what nobody looks at."""
    left_out = {
        PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None,
        PREFECT_CLIENT_SERVER_VERSION_CHECK_ENABLED: False,
    }
    with pytest.MonkeyPatch.context() as patch, temporary_settings(left_out):
        patch.setattr("prefect.flow_engine.observe_flow_run_suspension", lambda *_: nullcontext())
        yield


def deployed_without_form(deployment: RunnerDeployment) -> None:
    """Register a deployment without the schema of its form."""
    deployment._parameter_openapi_schema = ParameterSchema()
    deployment.apply()
