"""Pages for those who change the code name modules that there are, and commits say what changed in few words."""

from __future__ import annotations

import importlib.util
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [
    *("ARCHITECTURE.md", "CONTRIBUTING.md", "README.md"),
    *sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs").rglob("*.md")),
]
ELSEWHERE = {"deployments/environments/prod.toml", "campaigns/prod/"}
"""What a reader makes by following the page, and names of an installation on AWS."""
SHORT_SINCE = "fb75165"
"""From this commit on subjects are shorter than 60 characters."""


@pytest.mark.parametrize("page", PAGES)
def test_every_file_that_a_page_names_is_there(page: str) -> None:
    text = (ROOT / page).read_text("utf-8")
    named = set(re.findall(r"(?<![\w/])((?:\w+/)+(?:[\w-]+\.(?:py|json|md|html|css|yaml))?)", text))

    assert {name for name in named if name.split("/")[0] in ROOMS and not (ROOT / name).exists()} <= ELSEWHERE


@pytest.mark.parametrize("page", PAGES)
def test_every_module_that_a_page_runs_and_every_page_that_it_links_to_is_there(page: str) -> None:
    text = (ROOT / page).read_text("utf-8")
    run = {name for name in re.findall(r"python -m ([\w.]+\w)", text) if name.split(".")[0] in ROOMS}
    linked = {link for link in re.findall(r"\]\(([^)#\s]+)", text) if "://" not in link}

    assert {name for name in run if not importlib.util.find_spec(name)} == set()
    assert {link for link in linked if not (ROOT / page).parent.joinpath(link).exists()} == set()


ROOMS = {path.name for path in ROOT.iterdir() if path.is_dir()}


def test_subjects_of_commits_are_short_and_say_what_changed() -> None:
    git = ["git", "-C", str(ROOT), "log", "--format=%s", f"{SHORT_SINCE}..HEAD"]
    done = subprocess.run(git, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("no history here")

    faults = [line for line in done.stdout.splitlines() if len(line) >= 60 or line.endswith(".")]

    assert faults == []
