"""A sample of the chaos suite: six kills and an outage on real processes, recounted. `make chaos` has the rest."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from deployments.stack import ROOT

POINTS = ["api:stored", "plan:in", "worker:taken", "generate-middle:answered", "paused:before-form", "api:decided"]
OUTAGE = "checkpoints full"


def test_nothing_is_lost_doubled_or_asked_again_for_nothing(tmp_path: Path) -> None:
    table = tmp_path / "table.json"
    # How soon it recovers is measured by `make chaos`, on a machine that does nothing else.
    patient = ["--within", "300", "--patience", "300"]
    faults = ["--points", ",".join(POINTS), "--seeds", "1", "--outages", OUTAGE]

    suite = [sys.executable, "-m", "tests.chaos", *faults, *patient, "--json", str(table)]
    done = subprocess.run(suite, cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    rows = json.loads(table.read_text())["rows"]
    assert {row["name"]: row["injected"] for row in rows} == dict.fromkeys([*POINTS, OUTAGE], 1)
