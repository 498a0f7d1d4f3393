"""Breaks the code on purpose and sees the named test fail: python -m tests.mutants.run [--only WORDS].

Each list in tests/mutants/*.py is called MUTANTS; an entry has a name, the file it breaks, the text
it replaces (which stands there exactly once), the new text, and the test that must notice. The work
is done on a copy of the tree; every named test must first pass there unbroken. Exits with 1 when a
mutant survives, or cannot be made.
"""

from __future__ import annotations

import argparse
import importlib
import os
import pkgutil
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from typing import TypedDict

import tests.mutants

ROOT = Path(__file__).resolve().parents[2]
COPIED = ("api", "campaigns", "deployments", "flows", "samples", "tasks", "tests", "pyproject.toml")
TESTS_PASSED, TESTS_FAILED, TIMED_OUT = 0, 1, -1
LIMIT_SECONDS = 300


class Mutant(TypedDict):
    """One small break of a rule, and the test that must fail with it."""

    name: str
    file: str
    old: str
    new: str
    killed_by: str


@dataclass(frozen=True, slots=True)
class Verdict:
    mutant: Mutant
    outcome: str
    seconds: float

    @property
    def killed(self) -> bool:
        # A break that never ends is noticed by the clock.
        return self.outcome in {"killed", "timed out"}


def known_mutants() -> list[Mutant]:
    """Return the mutants of all lists, list by list."""
    names = sorted(
        module.name
        for module in pkgutil.iter_modules(tests.mutants.__path__)
        if not module.name.startswith(("run", "test_"))
    )
    modules = [importlib.import_module(f"tests.mutants.{name}") for name in names]
    return [mutant for module in modules for mutant in getattr(module, "MUTANTS", [])]


def judged(mutants: Sequence[Mutant], tree: Path) -> Iterator[Verdict]:
    """Try each mutant in the copy and put the file back."""
    healthy = {test: _outcome(tree, test) == TESTS_PASSED for test in sorted({each["killed_by"] for each in mutants})}
    for mutant in mutants:
        started = monotonic()
        path = tree / mutant["file"]
        source = path.read_text()
        if not healthy[mutant["killed_by"]]:
            outcome = "its test fails unbroken"
        elif source.count(mutant["old"]) != 1:
            outcome = f"its text stands {source.count(mutant['old'])} times in the file"
        else:
            path.write_text(source.replace(mutant["old"], mutant["new"]))
            code = _outcome(tree, mutant["killed_by"])
            path.write_text(source)
            # Anything but a failed test, such as a module that cannot be imported, proves nothing.
            outcome = {TESTS_FAILED: "killed", TIMED_OUT: "timed out", TESTS_PASSED: "SURVIVED"}.get(
                code, f"pytest ended with {code}"
            )
        yield Verdict(mutant, outcome, monotonic() - started)


def _outcome(tree: Path, test: str) -> int:
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-x",
        "-n",
        "0",
        "-m",
        "system or not system",
        "-p",
        "no:cacheprovider",
    ]
    command += ["-p", "tests.mutants.quick", "--hypothesis-profile=mutants", *test.split()]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(
            command, cwd=tree, env=environment, capture_output=True, timeout=LIMIT_SECONDS, check=False
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return TIMED_OUT
    return done.returncode


def _copy_to(tree: Path) -> None:
    forgotten = shutil.ignore_patterns("__pycache__", ".hypothesis", "*.egg-info")
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tree / name, ignore=forgotten)
        else:
            shutil.copy(source, tree / name)
    shown = subprocess.run(
        [sys.executable, "-c", "import campaigns; print(campaigns.__file__)"],
        cwd=tree, capture_output=True, text=True, check=True,
    )  # fmt: skip
    if not Path(shown.stdout.strip()).resolve().is_relative_to(tree.resolve()):
        raise SystemExit(f"the copy is not what would be tested: {shown.stdout.strip()}")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants.run", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", default="", help="mutants with these words in name, file or test")
    given = parser.parse_args(arguments)
    mutants = [each for each in known_mutants() if given.only in f"{each['name']} {each['file']} {each['killed_by']}"]
    survived = 0
    with TemporaryDirectory(prefix="mutants-") as folder:
        tree = Path(folder)
        _copy_to(tree)
        for number, verdict in enumerate(judged(mutants, tree), start=1):
            survived += not verdict.killed
            print(f"{number:3}  {verdict.outcome:9}  {verdict.seconds:5.1f} s  {verdict.mutant['name']}", flush=True)
            if not verdict.killed:
                print(f"       {verdict.mutant['file']}, {verdict.mutant['killed_by']}", flush=True)
    print(f"{len(mutants) - survived} of {len(mutants)} mutants killed")
    return 1 if survived or not mutants else 0


if __name__ == "__main__":
    sys.exit(main())
