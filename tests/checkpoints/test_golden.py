"""Checkpoints of every released version are read as they were written: a deploy strands no waiting run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from prefect import Task

import flows.build_campaign  # noqa: F401 - declares the steps
from campaigns.settings import get_settings
from tasks import ask, complete, generate, plan, revise, save
from tasks.checkpoints.cached import OncePerCampaign
from tasks.checkpoints.storage import _open_vault
from tests.checkpoints.golden import GOLDEN, VALUES, store_of

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


def test_there_is_a_golden_file_for_every_step() -> None:
    steps = {
        thing.cache_policy.step
        for module in (ask, complete, generate, plan, revise, save)
        for thing in vars(module).values()
        if isinstance(thing, Task) and isinstance(thing.cache_policy, OncePerCampaign)
    }

    assert steps == set(VALUES)
    assert set(json.loads((VERSIONS[-1] / "values.json").read_text())) == set(VALUES)
