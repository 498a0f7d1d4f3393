"""The walkthrough of docs/api.md works word for word: its commands are run by bash, against the whole product."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from deployments.place import ROOT
from tests.system.test_demo import left_behind

SECONDS = 900
SAID = [
    '{"status":"ok"',
    "this campaign was submitted before",
    '"platform":"linkedin"',
    "['save', 'plan', 'generate', 'ask']",
    '"outcome":"approved"',
    "the style is being read",
    '"contentType":"application/pdf"',
]


def commands() -> str:
    """Return the shell commands of the page, in order."""
    page = (ROOT / "docs" / "api.md").read_text()
    return "\n".join(re.findall(r"^```bash\n(.*?)^```$", page, re.MULTILINE | re.DOTALL))


def checkout(folder: Path) -> Path:
    """Return a folder that looks like the checkout and shares no state with it."""
    folder.mkdir()
    for each in ROOT.iterdir():
        if each.name not in {".up", ".demo", ".git", ".hypothesis"}:
            (folder / each.name).symlink_to(each)
    return folder


@pytest.mark.system
def test_the_walkthrough_runs_word_for_word(tmp_path: Path) -> None:
    folder = checkout(tmp_path / "checkout")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("CAMPAIGNS_", "PREFECT_"))}

    with (tmp_path / "said").open("w+") as output:
        shell = subprocess.Popen(
            ["bash", "-euo", "pipefail", "-c", commands()],
            cwd=folder, env=environment, stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        try:
            shell.wait(SECONDS)
        finally:
            stop(shell.pid)
        output.seek(0)
        said = output.read()

    assert shell.returncode == 0, said
    for each in SAID:
        assert each in said
    assert left_behind(folder) == []
    assert (folder / ".up" / "harvest.ics").read_text().count("BEGIN:VEVENT") > 5
    assert (folder / ".up" / "harvest.csv").read_text("utf-8-sig").startswith('"id","number","scheduledAt"')


def stop(group: int) -> None:
    """End what the shell left in the background, as Ctrl-C would, and wait for it."""
    members = [each for each in psutil.process_iter() if _group(each.pid) == group]
    with suppress(ProcessLookupError):
        os.killpg(group, signal.SIGTERM)
    psutil.wait_procs(members, timeout=60)


def _group(pid: int) -> int | None:
    with suppress(ProcessLookupError):
        return os.getpgid(pid)
    return None
