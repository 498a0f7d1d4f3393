"""The local stack's Prefect server is Prefect's own, but for the time it waits for SQLite's lock."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from deployments.server import BUSY_SECONDS
from deployments.stack import ROOT

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
