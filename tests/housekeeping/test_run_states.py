"""What the message of a run's last state says about its end."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4

import pytest
from prefect.client.schemas.objects import FlowRun
from prefect.states import Crashed

from tasks.engine.server.run_states import _seen


@pytest.mark.parametrize(
    ("message", "outage"),
    [
        ("Execution was aborted by Python system exit call.", True),
        ("Flow run encountered an exception: StoreUnavailableError: the store did not answer", True),
        ("Process exited with status code: -9. Process exited due to a SIGKILL signal.", False),
    ],
    ids=["its worker died", "the store was away", "its process was killed"],
)
def test_only_an_outage_says_nothing_against_a_campaign(message: str, outage: bool) -> None:
    run = FlowRun(flow_id=uuid4(), state=Crashed(message=message))

    assert _seen(run, datetime.now(UTC)).outage is outage
