"""A release of before, taken from git into a folder of its own, with its own environment."""

from __future__ import annotations

import subprocess
import sys
import tarfile
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from deployments.place import ROOT


@dataclass(frozen=True)
class Release:
    """Code that can be run: its folder, and the interpreter of its environment."""

    name: str
    root: Path
    python: str

    def module(self, name: str) -> str:
        """Return where a command of this release is: rooms are rebuilt between two of them."""
        [found] = (self.root / "deployments").rglob(f"{name}.py")
        return ".".join(found.relative_to(self.root).with_suffix("").parts)


HERE = Release("this", ROOT, sys.executable)


def unpacked(revision: str, folder: Path) -> Release:
    """Return the release of a revision, below `folder`; one that is there already is used again.

    Raises:
        CalledProcessError: git does not know it, or its environment cannot be made.
    """

    def git(*command: str) -> bytes:
        return subprocess.run(["git", *command], cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout

    commit = git("rev-parse", "--short", f"{revision}^{{commit}}").decode().strip()
    root = folder / commit
    python = root / ".venv" / "bin" / "python"
    if not (root / ".venv" / ".ready").exists():
        root.mkdir(parents=True, exist_ok=True)
        with tarfile.open(fileobj=BytesIO(git("archive", commit))) as files:
            files.extractall(root, filter="data")
        subprocess.run(["make", "setup", f"PYTHON={sys.executable}"], cwd=root, check=True)
    return Release(commit, root, str(python))
