"""Registering the storage: one command at start, and every process finds it by its slug."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from prefect.blocks.core import Block
from prefect.results import ResultStore

from campaigns.checkpoints.faults import CheckpointUnavailable
from campaigns.checkpoints.key import CheckpointKey
from campaigns.model.base import new_id
from campaigns.settings import Settings
from campaigns.wiring import MissingSettingError
from deployments.engine.blocks import register_checkpoint_storage
from deployments.place import DEFAULT_RESULT_STORAGE
from tasks.checkpoints.codec import CheckpointJson, declare_step
from tasks.checkpoints.storage import SealedCheckpoints

ROOT = Path(__file__).parents[2]


def register(prefect_server: str, home: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command as the stack does."""
    return subprocess.run(
        [sys.executable, "-m", "deployments.engine.blocks"],
        cwd=ROOT,
        env={**os.environ, "PREFECT_API_URL": prefect_server, "CAMPAIGNS_HOME": str(home), **environment},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def test_the_command_saves_the_block_and_again_over_it(prefect_server: str, tmp_path: Path) -> None:
    first = register(prefect_server, tmp_path / "one")
    second = register(prefect_server, tmp_path / "two")

    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    assert second.stdout == f"{DEFAULT_RESULT_STORAGE} -> file://{tmp_path}/two/checkpoints\n"
    found = Block.load(DEFAULT_RESULT_STORAGE, _sync=True)
    assert isinstance(found, SealedCheckpoints)
    assert found.location == f"file://{tmp_path}/two/checkpoints"
    assert (tmp_path / "two" / "checkpoints").is_dir()


def test_without_keys_nothing_is_registered(
    prefect_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CAMPAIGNS_CHECKPOINT_KEYS")

    with pytest.raises(MissingSettingError, match="CAMPAIGNS_CHECKPOINT_KEYS"):
        register_checkpoint_storage(Settings(home=tmp_path))

    assert not (tmp_path / "checkpoints").exists()


def test_a_process_without_keys_neither_reads_nor_writes_and_does_not_take_that_for_missing(
    block: SealedCheckpoints, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CAMPAIGNS_CHECKPOINT_KEYS")
    declare_step("no-keys", str)
    key = CheckpointKey("acme", new_id("campaign"), "no-keys", "a" * 64)
    store = ResultStore(result_storage=block, serializer=CheckpointJson(step="no-keys"), cache_result_in_memory=False)

    with pytest.raises(CheckpointUnavailable, match="reading failed: MissingSettingError"):
        store.exists(str(key))
    with pytest.raises(CheckpointUnavailable, match="writing failed: MissingSettingError"):
        store.write("words", key=str(key))

    assert list(folder.rglob("*")) == []


@pytest.mark.parametrize("location", ["", "s3://", "file://", "/folder", "https://bucket", "s3://UPPER/x"])
def test_a_place_that_is_none_is_refused(location: str) -> None:
    with pytest.raises(ValueError, match="location"):
        SealedCheckpoints(location=location)


def test_every_flow_brings_the_block_that_its_run_is_stored_with() -> None:
    """Its package does; in a process of its own, because here the block is known already."""
    code = "import flows; from prefect.blocks.core import Block; Block.get_block_class_from_key('sealed-checkpoints')"

    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, timeout=120)


def test_a_run_finds_its_storage_without_importing_what_it_does_not_use(prefect_server: str, tmp_path: Path) -> None:
    assert register(prefect_server, tmp_path).returncode == 0
    look = """
import sys
from prefect.results import get_default_result_storage
from tasks.checkpoints.storage import hand_over_storage
if sys.argv[1:]:
    hand_over_storage()
print(get_default_result_storage().location, "prefect_aws" in sys.modules)
"""
    env = {
        **os.environ,
        "PREFECT_API_URL": prefect_server,
        "PREFECT_DEFAULT_RESULT_STORAGE_BLOCK": DEFAULT_RESULT_STORAGE,
    }

    def told(*arguments: str) -> str:
        command = [sys.executable, "-c", look, *arguments]
        return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=True).stdout

    assert told("handed over") == f"file://{tmp_path}/checkpoints False\n"
    assert told() == f"file://{tmp_path}/checkpoints True\n"  # what it saves: else this test says nothing
