"""The local stack's Prefect server is Prefect's own, but for what it does while SQLite is locked."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from deployments.place import ROOT
from deployments.server import BUSY_SECONDS

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
