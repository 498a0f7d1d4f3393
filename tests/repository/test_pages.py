"""Pages for those who change the code name modules that there are, and commits say what changed in few words."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [
    "docs/adding.md",
    "docs/design/README.md",
    "docs/design/domain.md",
    "docs/design/process.md",
    "CONTRIBUTING.md",
]
SHORT_SINCE = "fb75165"
"""From this commit on subjects are shorter than 60 characters."""


@pytest.mark.parametrize("page", PAGES)
def test_every_file_that_a_page_names_is_there(page: str) -> None:
    text = (ROOT / page).read_text("utf-8")
    named = set(re.findall(r"(?<![\w/])((?:\w+/)+(?:[\w-]+\.(?:py|json|md|html|css|yaml))?)", text))

    assert {name for name in named if name.split("/")[0] in ROOMS and not (ROOT / name).exists()} == set()


ROOMS = {path.name for path in ROOT.iterdir() if path.is_dir()}


def test_subjects_of_commits_are_short_and_say_what_changed() -> None:
    git = ["git", "-C", str(ROOT), "log", "--format=%s", f"{SHORT_SINCE}..HEAD"]
    done = subprocess.run(git, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("no history here")

    faults = [line for line in done.stdout.splitlines() if len(line) >= 60 or line.endswith(".")]

    assert faults == []
