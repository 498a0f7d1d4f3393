"""Fixtures of the checkpoint tests: a key ring, a storage in a folder, and a real Prefect server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from prefect.settings import PREFECT_DEFAULT_RESULT_STORAGE_BLOCK, temporary_settings

from campaigns.checkpoints.folder import FolderBlobs
from campaigns.keys.keyring import new_ring
from campaigns.settings import get_settings
from deployments.local.aws_local import AwsLocal
from tasks.checkpoints.storage import SealedCheckpoints, _open_vault


@pytest.fixture(autouse=True)
def _ring(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Give the process a key ring of its own."""
    monkeypatch.setenv("CAMPAIGNS_CHECKPOINT_KEYS", new_ring())
    get_settings.cache_clear()
    _open_vault.cache_clear()
    yield
    get_settings.cache_clear()
    _open_vault.cache_clear()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A prepared, empty storage folder."""
    base = tmp_path / "storage"
    FolderBlobs(base).prepare()
    return base


@pytest.fixture
def block(folder: Path) -> SealedCheckpoints:
    """The storage block on the folder; it does not wait for a storage that is down."""
    return SealedCheckpoints(location=f"file://{folder}", max_wait_seconds=0)


@pytest.fixture
def default_storage(prefect_server: object, block: SealedCheckpoints) -> Iterator[SealedCheckpoints]:
    """Save the block on the server and make it the default result storage, by setting alone."""
    name = f"test-{uuid4().hex[:12]}"  # Prefect caches loaded storages by name for the life of the process
    block.save(name, _sync=True)
    with temporary_settings({PREFECT_DEFAULT_RESULT_STORAGE_BLOCK: f"sealed-checkpoints/{name}"}):
        yield block


@pytest.fixture(scope="session")
def aws() -> Iterator[AwsLocal]:
    """An emulator of S3."""
    with AwsLocal() as emulator:
        yield emulator
