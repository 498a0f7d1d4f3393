"""The rooms hold: an arrow that goes up is refused, tried on a copy with the arrow drawn."""

from __future__ import annotations

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
