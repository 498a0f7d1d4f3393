"""Checkpoints of every released version are read as they were written: a deploy strands no waiting run."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from campaigns.settings import get_settings
from deployments.place import ROOT
from tasks.checkpoints.storage import _open_vault
from tests.checkpoints.golden import GOLDEN, VALUES, store_of
from tests.checkpoints.steps import steps

VERSIONS = sorted(path for path in GOLDEN.iterdir() if path.is_dir())


@pytest.mark.parametrize("version", VERSIONS, ids=lambda path: path.name)
def test_every_step_of_a_released_version_is_read_back(version: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAMPAIGNS_CHECKPOINT_KEYS", (version / "ring.txt").read_text().strip())
    get_settings.cache_clear()
    _open_vault.cache_clear()
    told = json.loads((version / "values.json").read_text())

    for step, kept in told.items():
        value = store_of(version / "storage", step).read(kept["key"]).result

        assert value.to_wire() == kept["value"]


def test_every_step_has_a_value_which_the_next_release_keeps() -> None:
    assert steps().keys() == VALUES.keys()


def test_this_release_has_kept_what_its_steps_return() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    release = ".".join(version.split(".")[:2])

    assert (GOLDEN / release).is_dir(), f"run: python -m tests.checkpoints.golden {release}"
