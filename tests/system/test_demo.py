"""The demo as a user runs it: what it prints, and that it leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil

from deployments.local.stack import MARKER
from deployments.place import ROOT


def demo(*arguments: str, cwd: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "deployments.local.demo", *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def left_behind(folder: Path) -> list[str]:
    """Command lines of living processes whose state lies in the folder."""
    found = []
    for process in psutil.process_iter():
        try:
            environment = process.environ()
            if MARKER in environment and environment.get("CAMPAIGNS_HOME", "").startswith(str(folder)):
                found.append(" ".join(process.cmdline()))
        except psutil.Error:
            continue
    return found


def test_an_interrupted_demo_leaves_no_process_behind(tmp_path: Path) -> None:
    running = demo(cwd=tmp_path)
    assert running.stdout is not None
    for line in running.stdout:
        if "Prefect server on" in line:
            break
    assert left_behind(tmp_path)

    running.send_signal(signal.SIGINT)
    said = running.communicate(timeout=60)[0]

    assert running.returncode == 130, said
    assert left_behind(tmp_path) == []
