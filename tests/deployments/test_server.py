"""The local stack's Prefect server is Prefect's own, but for what it does while SQLite is locked, and how it writes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from docket import Docket
from prefect.server.api import background_workers
from prefect.settings import Settings

from deployments.local.stack import LocalStack
from deployments.place import ROOT
from deployments.server import BUSY_SECONDS, LOOKS_EVERY, look_less_often

ASK = """
import asyncio
from sqlalchemy import text
from prefect.server.database import provide_database_interface
from deployments.server import give_up_sooner

async def busy_timeout():
    async with provide_database_interface().session_context() as session:
        return (await session.execute(text("PRAGMA busy_timeout"))).scalar()

give_up_sooner()
print(asyncio.run(busy_timeout()))
"""


def test_the_server_waits_seconds_for_its_database_and_not_a_minute(tmp_path: Path) -> None:
    home = {**os.environ, "PREFECT_HOME": str(tmp_path)}
    home.pop("PREFECT_SERVER_DATABASE_CONNECTION_URL", None)
    home.pop("PREFECT_API_DATABASE_CONNECTION_URL", None)

    told = subprocess.run([sys.executable, "-c", ASK], cwd=ROOT, env=home, capture_output=True, text=True, check=True)

    assert told.stdout.split()[-1] == str(1000 * BUSY_SECONDS)


POST = """
import asyncio, logging, os, sqlite3
import httpx
from deployments import server

server.BUSY_SECONDS = 0.1
server.give_up_sooner()
server.ask_again()
database = sqlite3.connect(os.environ["DATABASE"], isolation_level=None)
database.execute("BEGIN IMMEDIATE")

class Freed(logging.Handler):  # nobody but this test writes once the first request was given up
    asked = []

    def emit(self, record):
        self.asked.append(record.getMessage())
        if len(self.asked) == 2:
            database.execute("ROLLBACK")

app = server.server.create_app(ephemeral=True, webserver_only=True)
server.log.addHandler(Freed())  # the application has set up the logs

async def post():
    inside = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=inside, base_url="http://here") as client:
        return await client.post("/api/flows/", json={"name": "made-once"})

answer = asyncio.run(post())
print(answer.status_code, answer.json()["name"], Freed.asked)
"""


def test_what_a_busy_database_refused_is_asked_again_by_the_server_itself(
    tmp_path: Path, prefect_database: Path
) -> None:
    database = tmp_path / "prefect.db"
    shutil.copy(prefect_database, database)
    home = {**os.environ, "PREFECT_HOME": str(tmp_path), "DATABASE": str(database)}
    home["PREFECT_SERVER_DATABASE_CONNECTION_URL"] = f"sqlite+aiosqlite:///{database}"
    home["PREFECT_SERVER_DATABASE_MIGRATE_ON_START"] = "false"
    home.pop("PREFECT_API_URL", None)

    told = subprocess.run([sys.executable, "-c", POST], cwd=ROOT, env=home, capture_output=True, text=True, check=False)

    asked = "the database was busy: POST /api/flows/ is asked again"
    assert told.stdout.splitlines()[-1:] == [f"201 made-once {[asked, asked]}"], told.stderr


RECORD = """
import asyncio, logging, os
from datetime import UTC, datetime
from uuid import uuid4
from sqlalchemy import text
from prefect.server import models, schemas
from prefect.server.database import provide_database_interface
from prefect.server.events.schemas.events import ReceivedEvent
from prefect.server.services.task_run_recorder import consumer
from prefect.server.utilities.messaging.memory import MemoryMessage
from deployments.server import record_together

logging.disable()

def state(run_id, number):
    return ReceivedEvent(
        id=uuid4(), occurred=datetime.now(UTC), event="prefect.task-run.Completed",
        resource={"prefect.resource.id": f"prefect.task-run.{uuid4()}", "prefect.orchestration": "client"},
        related=[{"prefect.resource.id": f"prefect.flow-run.{run_id}", "prefect.resource.role": "flow-run"}],
        payload={
            "validated_state": {"type": "COMPLETED", "name": "Completed"},
            "task_run": {"name": "generate", "task_key": "generate", "dynamic_key": str(number)},
        },
    )

async def told():
    database = provide_database_interface()
    async with database.session_context(begin_transaction=True) as session:
        flow = await models.flows.create_flow(session, schemas.core.Flow(name="build"))
        run = await models.flow_runs.create_flow_run(session, schemas.core.FlowRun(flow_id=flow.id))
    states = [state(run.id, 1), state(run.id, 2), state(uuid4(), 3), state(run.id, 4)]
    async with consumer(write_batch_size=len(states), flush_every=60) as tell:
        for each in states:
            await tell(MemoryMessage(data=each.model_dump_json().encode(), attributes={}))
    async with database.session_context() as session:
        written = await session.execute(text("SELECT dynamic_key, state_name FROM task_run ORDER BY dynamic_key"))
        return [tuple(row) for row in written]

record_together()
print(asyncio.run(told()))
"""


def test_a_state_of_a_deleted_run_leaves_the_states_written_with_it_where_they_are(
    tmp_path: Path, prefect_database: Path
) -> None:
    database = tmp_path / "prefect.db"
    shutil.copy(prefect_database, database)
    home = {**os.environ, "PREFECT_HOME": str(tmp_path)}
    home["PREFECT_SERVER_DATABASE_CONNECTION_URL"] = f"sqlite+aiosqlite:///{database}"
    home.pop("PREFECT_API_URL", None)

    told = subprocess.run(
        [sys.executable, "-c", RECORD], cwd=ROOT, env=home, capture_output=True, text=True, check=True
    )

    assert told.stdout.split("\n")[-2] == str([(n, "Completed") for n in "124"])


def test_the_stack_names_settings_that_its_server_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Prefect passes over a setting that it does not know: a release that renames one would undo it in silence."""
    ours = {name: value for name, value in LocalStack(tmp_path).env.items() if name.startswith("PREFECT_SERVER_")}
    for name, value in ours.items():
        monkeypatch.setenv(name, value)

    known = Settings().to_environment_variables(exclude_unset=True)

    assert ours
    assert set(ours) <= set(known)


def test_the_server_looks_for_its_background_work_once_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background_workers, "Worker", background_workers.Worker)  # as it was, after this test

    look_less_often()

    worker = background_workers.Worker(Docket(url="memory://"))
    assert (worker.minimum_check_interval, worker.scheduling_resolution) == (LOOKS_EVERY, LOOKS_EVERY)
