"""What is installed is what was tried: every package by version and hash, the builder of our own by version."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCKS = ("requirements.lock", "requirements-image.lock")


def pins(name: str) -> dict[str, tuple[str, int]]:
    """Return the version of each package of a lock, and how many hashes its line has."""
    lines = (ROOT / name).read_text().replace("\\\n", " ").splitlines()
    found = [re.match(r"([\w.-]+)==(\S+)(.*)", line) for line in lines if not line.startswith(("#", " "))]
    assert None not in found
    return {each[1]: (each[2], each[3].count("--hash=sha256:")) for each in found if each}


@pytest.mark.parametrize("name", LOCKS)
def test_every_package_of_a_lock_is_pinned_by_hash_and_none_by_address(name: str) -> None:
    found = pins(name)

    assert len(found) > 100
    assert [package for package, (_, hashes) in found.items() if not hashes] == []
    assert "://" not in (ROOT / name).read_text()


def test_the_image_runs_the_versions_that_the_tests_ran() -> None:
    tried, run = pins(LOCKS[0]), pins(LOCKS[1])

    assert run.items() <= tried.items()
    assert not {"pytest", "hypothesis", "mypy", "schemathesis"} & set(run)


def test_the_builder_of_our_own_package_is_the_one_of_the_lock() -> None:
    (builder,) = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"]

    assert builder == f"setuptools=={pins(LOCKS[0])['setuptools'][0]}"


def test_setup_and_image_verify_hashes() -> None:
    for name in ("Makefile", "deployments/Dockerfile"):
        text = (ROOT / name).read_text()
        installs = [line for line in text.splitlines() if re.search(r"pip install .*(-r|--requirement) ", line)]
        assert installs
        assert all("--require-hashes" in line for line in installs), installs
