"""A style that was asked for is read, whatever becomes of Prefect and of the runs, on a real Prefect server."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterTags
from prefect.client.schemas.objects import FlowRun, State
from prefect.flow_engine import run_flow
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import Cancelled, Crashed, Pending, Running

from api.schemas.examples import PERSONA, WRITING
from campaigns.operations.analysis import LONGEST, open_wish
from tasks.delivery.deliver import deliver_due
from tests.flows.conftest import TENANT, Studio

NOBODY = "http://127.0.0.1:9/api"


class Atelier:
    """A persona with six examples, and the runs that were made for it."""

    def __init__(self, studio: Studio) -> None:
        self.studio = studio
        self.now = datetime.now(UTC)
        self.persona_id: str = studio.client.post("/personas", json=PERSONA).json()["id"]
        for number in range(6):
            text = f"{WRITING['text']} Batch {number} was the better one."
            studio.client.post(f"/personas/{self.persona_id}/examples", json={**WRITING, "text": text})

    def ask(self) -> dict[str, Any]:
        answer = self.studio.client.post(f"/personas/{self.persona_id}/analyze")
        assert answer.status_code == 202, answer.text
        body: dict[str, Any] = answer.json()
        return body

    def persona(self) -> dict[str, Any]:
        body: dict[str, Any] = self.studio.client.get(f"/personas/{self.persona_id}").json()
        return body

    def housekeep(self, *, later: timedelta = timedelta(minutes=6)) -> None:
        """Deliver what is due after the longest pause of the outbox."""
        self.now += later
        deliver_due(self.studio.store, now=self.now)

    def runs(self) -> list[FlowRun]:
        """The runs of this persona, oldest first."""
        tags = FlowRunFilterTags(all_=[f"persona:{self.persona_id}"])
        with get_client(sync_client=True) as client:
            return sorted(
                client.read_flow_runs(flow_run_filter=FlowRunFilter(tags=tags)), key=lambda run: run.created or self.now
            )

    def become(self, run: FlowRun, state: State[Any]) -> None:
        with get_client(sync_client=True) as client:
            client.set_flow_run_state(run.id, state, force=True)

    def execute(self, run: FlowRun) -> State[Any]:
        """Execute a run as a worker's process would."""
        from flows.analyze_persona import analyze_persona

        self.become(run, Pending())
        with get_client(sync_client=True) as client:
            run = client.read_flow_run(run.id)
        return run_flow(analyze_persona, flow_run=run, parameters=run.parameters, return_type="state")


@pytest.fixture
def atelier(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[Atelier]:
    from flows.analyze_persona import analyze_persona

    name = f"test-{uuid4().hex[:8]}"
    monkeypatch.setenv("CAMPAIGNS_ANALYSIS_DEPLOYMENT", f"analyze-persona/{name}")
    studio: Studio = request.getfixturevalue("studio")
    analyze_persona.to_deployment(name=name).apply()
    return Atelier(studio)


def test_a_style_is_read_by_a_flow(atelier: Atelier) -> None:
    accepted = atelier.ask()
    pending = atelier.persona()
    (run,) = atelier.runs()
    ended = atelier.execute(run)

    assert accepted["executionId"] == str(run.id)
    assert pending["analysisStatus"] == "pending"
    assert ended.is_completed()
    body = atelier.persona()
    assert body["analysisStatus"] == "success"
    assert body["inferredStyle"]["confidence"]["coverage"]["exampleCount"] == 6
    assert body["lastAnalysisAt"]


def test_asked_while_prefect_is_away_it_is_read_when_prefect_is_back(atelier: Atelier) -> None:
    with temporary_settings({PREFECT_API_URL: NOBODY}):
        accepted = atelier.ask()
        atelier.housekeep()
        waiting = atelier.persona()["analysisStatus"]
    before = atelier.runs()
    atelier.housekeep()
    (run,) = atelier.runs()
    atelier.execute(run)

    assert "executionId" not in accepted
    assert (waiting, before) == ("pending", [])
    assert atelier.persona()["analysisStatus"] == "success"
    assert open_wish(atelier.studio.store, TENANT, atelier.persona_id) is None


def test_asked_again_before_it_was_read_there_is_one_run(atelier: Atelier) -> None:
    answers = [atelier.ask() for _ in range(5)]
    atelier.housekeep()

    (run,) = atelier.runs()
    assert {answer["executionId"] for answer in answers} == {str(run.id)}


@pytest.mark.parametrize("end", ["crashed", "deleted", "killed with its worker"])
def test_a_run_that_breaks_is_followed_by_another_one(atelier: Atelier, end: str) -> None:
    atelier.ask()
    (first,) = atelier.runs()
    match end:
        case "crashed":
            atelier.become(first, Crashed(message="the process was killed"))
        case "deleted":
            with get_client(sync_client=True) as client:
                client.delete_flow_run(first.id)
        case _:
            atelier.become(first, Running())
            atelier.housekeep()
            assert len(atelier.runs()) == 1, "it may still be at work"
            atelier.housekeep(later=LONGEST)
    if end != "killed with its worker":
        atelier.housekeep()
    second = atelier.runs()[-1]
    atelier.execute(second)

    assert second.id != first.id
    assert second.idempotency_key != first.idempotency_key
    assert all(run.state is not None and run.state.is_final() for run in atelier.runs())
    assert atelier.persona()["analysisStatus"] == "success"


def test_after_five_broken_runs_it_is_a_failure_and_may_be_asked_for_again(
    atelier: Atelier, caplog: pytest.LogCaptureFixture
) -> None:
    atelier.ask()
    for _ in range(7):
        atelier.become(atelier.runs()[-1], Crashed(message="the process was killed"))
        atelier.housekeep()
    failed = atelier.persona()["analysisStatus"]
    runs = len(atelier.runs())
    atelier.ask()

    assert (failed, runs) == ("failure", 5)
    assert "5 runs broke; the last time: its run has crashed" in caplog.text
    assert (atelier.persona()["analysisStatus"], len(atelier.runs())) == ("pending", 6)


def test_a_run_that_the_store_broke_does_not_count(atelier: Atelier) -> None:
    atelier.ask()
    for _ in range(6):
        atelier.become(atelier.runs()[-1], Crashed(message="StoreUnavailableError: no answer"))
        atelier.housekeep()

    assert (atelier.persona()["analysisStatus"], len(atelier.runs())) == ("pending", 7)


def test_a_run_that_somebody_cancelled_is_not_started_again(atelier: Atelier) -> None:
    atelier.ask()
    atelier.become(atelier.runs()[-1], Cancelled())
    atelier.housekeep()

    assert (atelier.persona()["analysisStatus"], len(atelier.runs())) == ("failure", 1)


def test_the_style_of_a_deleted_persona_is_wanted_no_more(atelier: Atelier) -> None:
    with temporary_settings({PREFECT_API_URL: NOBODY}):
        atelier.ask()
    atelier.studio.client.delete(f"/personas/{atelier.persona_id}")
    atelier.housekeep()

    assert atelier.runs() == []
    assert open_wish(atelier.studio.store, TENANT, atelier.persona_id) is None
