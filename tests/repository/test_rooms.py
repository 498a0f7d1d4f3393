"""The rooms hold: an arrow that goes up is refused, tried on a copy with the arrow drawn."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("flows", "tasks", "api", "deployments", "campaigns")
LINT = "from importlinter.cli import lint_imports_command as run; run(['--no-cache'])"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def rooms(tree: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", LINT],
        cwd=tree,
        env={"PYTHONPATH": str(tree)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("module", "imported"),
    [
        ("campaigns/build/planning.py", "from campaigns import operations"),
        ("campaigns/build/planning.py", "from campaigns.approval import opening"),
        ("campaigns/approval/opening.py", "from campaigns.operations import acts"),
    ],
)
def test_the_circle_of_planning_operations_and_opening_is_refused(copy: Path, module: str, imported: str) -> None:
    path = copy / module
    path.write_text(f"{path.read_text()}\n\n{imported}\n")

    done = rooms(copy)

    assert done.returncode == 1
    assert "Rooms of the domain: arrows only go down BROKEN" in done.stdout


def test_a_new_module_without_a_floor_is_refused(copy: Path) -> None:
    (copy / "campaigns" / "helpers.py").write_text("")

    done = rooms(copy)

    assert done.returncode == 1
    assert "helpers" in done.stdout


MOST_FILES = 13
"""Modules of one room: what is more is looked through, not known."""
FOUND = sorted({path.parent for package in PACKAGES for path in (ROOT / package).rglob("*.py")})


@pytest.mark.parametrize("room", FOUND, ids=lambda room: str(room.relative_to(ROOT)))
def test_a_room_is_small_and_says_what_belongs_there_and_what_does_not(room: Path) -> None:
    said = ast.get_docstring(ast.parse((room / "__init__.py").read_text("utf-8"))) or ""

    assert len(list(room.glob("*.py"))) <= MOST_FILES
    assert re.search(r"Belongs here|Here:|Here belong", said), "what belongs here?"
    assert re.search(r"Does not|Not here", said), "what does not?"
