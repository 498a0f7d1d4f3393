"""Breaks the code on purpose and sees the named test fail: python -m tests.mutants.run [--only WORDS] [--sample 30].

Each list in tests/mutants/*.py is called MUTANTS; an entry has a name, the file it breaks, the text
it replaces (which stands there exactly once), the new text, and the test that must notice. The work
is done on a copy of the tree; every named test must first pass there unbroken. Exits with 1 when a
mutant survives, or cannot be made. Those in a list called SURVIVORS are known to live, each with the
reason; they are listed and not tried.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import multiprocessing
import os
import pkgutil
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from math import inf
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from types import ModuleType
from typing import TypedDict

import psutil

import tests.mutants

ROOT = Path(__file__).resolve().parents[2]
COPIED = ("api", "campaigns", "deployments", "flows", "samples", "tasks", "tests", "prefect.toml", "pyproject.toml")
TESTS_PASSED, TESTS_FAILED, TIMED_OUT = 0, 1, -1
LIMIT_SECONDS = 900
SLOWER = 3
"""A broken tree that takes so many times as long as the healthy one never ends."""
QUICK_SECONDS = 30
QUICK = ("tests/rules/", "tests/model/")
"""Whose mutants take seconds each: a sample of them is tried by every build."""
PASSED_SECONDS = 100
"""What a test may have needed that passed before, at most."""


class Mutant(TypedDict):
    """One small break of a rule, and the test that must fail with it."""

    name: str
    file: str
    old: str
    new: str
    killed_by: str


class Survivor(TypedDict):
    """A break that no test notices, and why that is right."""

    name: str
    file: str
    reason: str


@dataclass(frozen=True, slots=True)
class Verdict:
    mutant: Mutant
    outcome: str
    seconds: float
    seed: int

    @property
    def killed(self) -> bool:
        # A break that never ends is noticed by the clock.
        return self.outcome in {"killed", "timed out"}


def known_mutants() -> list[Mutant]:
    """Return the mutants of all lists, list by list."""
    return [mutant for module in _lists() for mutant in getattr(module, "MUTANTS", [])]


def known_survivors() -> list[Survivor]:
    return [survivor for module in _lists() for survivor in getattr(module, "SURVIVORS", [])]


def _lists() -> list[ModuleType]:
    names = sorted(
        module.name
        for module in pkgutil.iter_modules(tests.mutants.__path__)
        if not module.name.startswith(("run", "test_"))
    )
    return [importlib.import_module(f"tests.mutants.{name}") for name in names]


def sampled(mutants: Sequence[Mutant], most: int, key: str) -> list[Mutant]:
    """Return `most` of the mutants: the same ones for the same key, in the same order."""

    def lot(mutant: Mutant) -> str:
        return hashlib.sha256(f"{key}/{mutant['name']}".encode()).hexdigest()

    return sorted(mutants, key=lot)[:most]


def judged(
    mutants: Sequence[Mutant], tree: Path, *, seeds: Sequence[int], passed: bool, until: float
) -> Iterator[Verdict]:
    """Try each mutant in the copy, once for each seed, and put the file back.

    Args:
        until: the reading of the monotonic clock after which none is begun.
        passed: the tests have just passed on the unbroken tree, and are not run there again.
    """
    healthy: dict[str, float | None] = {each["killed_by"]: PASSED_SECONDS for each in mutants if passed}
    for test in sorted({each["killed_by"] for each in mutants} - set(healthy)):
        started = monotonic()
        well = _outcome(tree, test, seed=seeds[0], limit=LIMIT_SECONDS) == TESTS_PASSED
        healthy[test] = monotonic() - started if well else None
    for mutant, seed in ((mutant, seed) for mutant in mutants for seed in seeds):
        started = monotonic()
        if started > until:
            return
        path = tree / mutant["file"]
        source, needed = path.read_text(), healthy[mutant["killed_by"]]
        if needed is None:
            outcome = "its test fails unbroken"
        elif source.count(mutant["old"]) != 1:
            outcome = f"its text stands {source.count(mutant['old'])} times in the file"
        else:
            path.write_text(source.replace(mutant["old"], mutant["new"]))
            code = _outcome(tree, mutant["killed_by"], seed=seed, limit=QUICK_SECONDS + SLOWER * needed)
            path.write_text(source)
            # Anything but a failed test, such as a module that cannot be imported, proves nothing.
            outcome = {TESTS_FAILED: "killed", TIMED_OUT: "timed out", TESTS_PASSED: "SURVIVED"}.get(
                code, f"pytest ended with {code}"
            )
        yield Verdict(mutant, outcome, monotonic() - started, seed)


_CHILD = """
import os, sys
os.chdir(tree)
os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
os.dup2(1, 2)
for name in [each for each in sys.modules if each.partition(".")[0] in copied]:
    del sys.modules[name]
sys.path[:] = [tree, *(each for each in sys.path if each not in ("", root))]
sys.dont_write_bytecode = True
os.environ.clear()
os.environ.update(environment)
import pytest, prefect.context
prefect.context.refresh_global_settings_context()  # of the copy's prefect.toml
sys.exit(int(pytest.main(arguments)))
"""
"""Runs pytest in the copy, in a process that was forked with the heavy libraries loaded and nothing of ours."""


def _outcome(tree: Path, test: str, *, seed: int, limit: float) -> int:
    arguments = ["-q", "-x", "-n", "0", "-m", "system or proofs or not system", "-p", "no:cacheprovider"]
    arguments += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]  # of libraries: they are loaded already
    arguments += ["-p", "tests.mutants.quick", "--hypothesis-profile=mutants", f"--hypothesis-seed={seed}"]
    arguments += test.split()
    (tree / "tmp").mkdir(exist_ok=True)
    environment = {**os.environ, "TMPDIR": str(tree / "tmp")}
    if not test.startswith("tests/properties/"):
        environment.pop(SERVER, None)  # other tests want a server of their own
    told = {"tree": str(tree), "root": str(ROOT), "copied": COPIED, "arguments": arguments, "environment": environment}
    child = _FORKING.Process(target=exec, args=(_CHILD, told))
    child.start()
    child.join(limit)
    if child.exitcode is not None:
        return child.exitcode
    for each in [*psutil.Process(child.pid).children(recursive=True), child]:
        each.kill()
    child.join()
    return TIMED_OUT


_FORKING = multiprocessing.get_context("forkserver")
_FORKING.set_forkserver_preload(
    ["pytest", "hypothesis", "prefect.testing.utilities", "prefect_aws", "fastapi.testclient"]
)
SERVER = "TESTS_PREFECT_API_URL"


@contextmanager
def _one_server(mutants: Sequence[Mutant]) -> Iterator[None]:
    """Start the Prefect server that the properties share, if one of them is tried: 20 s each otherwise."""
    if SERVER in os.environ or not any(each["killed_by"].startswith("tests/properties/") for each in mutants):
        yield
        return
    from tests.prefect_servers import empty_server, migrated_database

    with TemporaryDirectory() as folder, empty_server(migrated_database(Path(folder))) as url:
        os.environ[SERVER] = url
        try:
            yield
        finally:
            del os.environ[SERVER]


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
    parser.add_argument("--quick", action="store_true", help="only those whose test needs no server")
    parser.add_argument("--sample", type=int, default=0, help="so many of them, drawn by --draw")
    parser.add_argument("--draw", default="", help="what the sample is drawn by, such as a commit; today, if not given")
    parser.add_argument(
        "--seconds", type=float, default=inf, help="begin none after so long; what is left is not tried"
    )
    parser.add_argument("--times", type=int, default=1, help="each must die so often, with another seed each time")
    parser.add_argument("--seed", type=int, default=0, help="of the first time; if not given, a fresh one")
    parser.add_argument("--passed", action="store_true", help="the suite has just passed: do not run it unbroken first")
    given = parser.parse_args(arguments)
    mutants = [each for each in known_mutants() if given.only in f"{each['name']} {each['file']} {each['killed_by']}"]
    if given.quick:
        mutants = [each for each in mutants if each["killed_by"].startswith(QUICK)]
    if given.sample:
        mutants = sampled(mutants, given.sample, given.draw or f"{datetime.now(UTC):%Y-%m-%d}")
    first = given.seed or secrets.randbelow(1_000_000)
    seeds = [first + number for number in range(given.times)]
    lived: set[str] = set()
    tried: set[str] = set()
    with TemporaryDirectory(prefix="mutants-") as folder, _one_server(mutants):
        tree = Path(folder)
        _copy_to(tree)
        until = monotonic() + given.seconds
        for number, verdict in enumerate(judged(mutants, tree, seeds=seeds, passed=given.passed, until=until), start=1):
            mutant = verdict.mutant
            tried.add(mutant["name"])
            told = f"{number:3}  {verdict.outcome:9}  {verdict.seconds:5.1f} s  {mutant['name']}"
            print(f"{told}\n       {mutant['file']}, {mutant['killed_by']}, seed {verdict.seed}", flush=True)
            if not verdict.killed:
                lived.add(mutant["name"])
    for survivor in known_survivors():
        print(f"lives by design: {survivor['name']} ({survivor['file']}): {survivor['reason']}")
    print(f"{len(tried - lived)} of {len(tried)} mutants killed, {len(seeds)} times each, from seed {first}")
    if len(tried) < len(mutants):
        print(f"no time was left for {len(mutants) - len(tried)}")
    return 1 if lived or not tried else 0


if __name__ == "__main__":
    sys.exit(main())
