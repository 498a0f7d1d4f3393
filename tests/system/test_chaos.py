"""A sample of the chaos suite: five kills and an outage on real processes, recounted. `make chaos` has the rest.

Kills while posts are written are property 2's, and test_crash.py's on real processes.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from deployments.place import ROOT

POINTS = ["api:stored", "plan:in", "worker:taken", "paused:before-form", "api:decided"]
OUTAGE = "checkpoints full"
ON_POSTGRES = ["plan:in", "paused:before-form"]
SERVER_OUTAGE = "server refuse"  # it is killed, and comes back


def test_nothing_is_lost_doubled_or_asked_again_for_nothing(tmp_path: Path, prefect_database: Path) -> None:
    met = injected(tmp_path, POINTS, OUTAGE, "--template", str(prefect_database))

    assert met == dict.fromkeys([*POINTS, OUTAGE], 1)


def test_nor_is_it_where_prefect_keeps_its_runs_on_postgresql(tmp_path: Path) -> None:
    met = injected(tmp_path, ON_POSTGRES, SERVER_OUTAGE, "--postgres")

    assert met == dict.fromkeys([*ON_POSTGRES, SERVER_OUTAGE], 1)


def injected(folder: Path, points: list[str], outage: str, *more: str) -> dict[str, int]:
    """Run the suite, which has to end well; return how often each fault was met."""
    table = folder / "table.json"
    # How soon it recovers is measured by `make chaos`, on a machine that does nothing else.
    patient = ["--within", "300", "--patience", "300"]
    faults = ["--points", ",".join(points), "--seeds", "1", "--outages", outage, *more]

    suite = [sys.executable, "-m", "tests.chaos", *faults, *patient, "--json", str(table)]
    done = subprocess.run(suite, cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    rows = json.loads(table.read_text())["rows"]
    return {row["name"]: row["injected"] for row in rows if not row["name"].startswith("(")}
