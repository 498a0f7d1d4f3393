"""The vault on a folder and on S3: one contract, and the same refusal to guess when the storage fails."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import repeat
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from campaigns.checkpoints.faults import CheckpointForged, CheckpointUnavailable
from campaigns.checkpoints.folder import FolderBlobs
from campaigns.checkpoints.key import CheckpointKey
from campaigns.checkpoints.vault import Blobs, BlobsUnavailable, CheckpointVault, Patience
from campaigns.errors import StoreUnavailableError
from campaigns.keys.keyring import KeyRing, new_ring
from campaigns.keys.seal import Sealer
from campaigns.model.base import new_id

CAMPAIGN = new_id("campaign")
KEY = CheckpointKey("acme", CAMPAIGN, "plan", "a" * 64)
OLD, NEW = new_ring("k1"), new_ring("k2")
SEALER = Sealer(KeyRing.parse(OLD))


def other_key(**changes: str) -> CheckpointKey:
    parts = {"tenant_id": "acme", "campaign_id": CAMPAIGN, "step": "plan", "digest": "a" * 64}
    return CheckpointKey(**{**parts, **changes})


@pytest.fixture(params=["folder", "bucket"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> Blobs:
    """An empty storage of each kind."""
    if request.param == "folder":
        base = tmp_path / "storage"
        made = FolderBlobs(base)
        made.prepare()
        return made
    from campaigns.checkpoints.bucket import BucketBlobs

    aws = request.getfixturevalue("aws")
    client = aws.session().client("s3", endpoint_url=aws.endpoint_url)
    bucket = f"test-{uuid4().hex}"
    client.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    return BucketBlobs(client, bucket, "some/prefix")


# --- both storages ------------------------------------------------------------------------------------


def test_nothing_is_there_before_it_is_written_and_all_of_it_after(blobs: Blobs) -> None:
    vault = CheckpointVault(blobs, SEALER)

    assert vault.read(KEY) is None
    vault.write(KEY, b"words")
    assert vault.read(KEY) == b"words"
    assert vault.read(other_key(digest="b" * 64)) is None
    assert b"words" not in (blobs.get(KEY.path) or b"")


def test_a_second_write_replaces_the_first(blobs: Blobs) -> None:
    vault = CheckpointVault(blobs, SEALER)

    vault.write(KEY, b"one")
    vault.write(KEY, b"two")

    assert vault.read(KEY) == b"two"


@pytest.mark.parametrize("size", [0, 1, 256 * 1024, 10 * 1024 * 1024])
def test_any_size_survives(blobs: Blobs, size: int) -> None:
    vault, content = CheckpointVault(blobs, SEALER), os.urandom(size)

    vault.write(KEY, content)

    assert vault.read(KEY) == content


def test_deleting_a_campaign_deletes_all_of_it_and_nothing_else(blobs: Blobs) -> None:
    vault = CheckpointVault(blobs, SEALER)
    mine = [other_key(step=step, digest=digit * 64) for step in ("plan", "write") for digit in "abc"]
    others = [other_key(tenant_id="acme2"), other_key(campaign_id=new_id("campaign"))]
    for key in [*mine, *others]:
        vault.write(key, b"words")

    assert vault.delete_campaign("acme", CAMPAIGN) == 6
    assert vault.delete_campaign("acme", CAMPAIGN) == 0

    assert [vault.read(key) for key in mine] == [None] * 6
    assert [vault.read(key) for key in others] == [b"words"] * 2


def test_more_objects_than_one_page_are_deleted(blobs: Blobs) -> None:
    vault = CheckpointVault(blobs, SEALER)
    for number in range(1_100):
        blobs.put(other_key(digest=f"{number:064x}").path, b"x")

    assert vault.delete_campaign("acme", CAMPAIGN) == 1_100
    assert blobs.paths("checkpoints/") == []


def test_after_a_rotation_old_checkpoints_are_read_until_their_key_is_revoked(blobs: Blobs) -> None:
    CheckpointVault(blobs, SEALER).write(KEY, b"old")
    rotated = CheckpointVault(blobs, Sealer(KeyRing.parse(f"{OLD.replace(':sign:', ':verify:')},{NEW}")))
    revoked = CheckpointVault(blobs, Sealer(KeyRing.parse(f"{OLD.replace(':sign:', ':revoked:')},{NEW}")))
    rotated.write(other_key(step="write"), b"new")

    assert rotated.read(KEY) == b"old"
    with pytest.raises(CheckpointForged, match="revoked_key"):
        revoked.read(KEY)
    assert revoked.read(other_key(step="write")) == b"new"


# --- faults, by script --------------------------------------------------------------------------------


@dataclass
class Clock:
    """Time that passes only by waiting."""

    now: float = 0.0
    pauses: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds

    def patience(self, max_wait_seconds: float) -> Patience:
        return Patience(max_wait_seconds, clock=lambda: self.now, sleep=self.sleep, jitter=lambda: 1.0)


BUSY, DENIED = BlobsUnavailable("503", retryable=True), BlobsUnavailable("403", retryable=False)


class ScriptedBlobs:
    """A storage in memory that fails as scripted: a fault per call, None for a call that works."""

    def __init__(self, get: Iterator[BlobsUnavailable | None], put: Iterator[BlobsUnavailable | None]) -> None:
        self.kept: dict[str, bytes] = {}
        self.calls = 0
        self._faults = {"get": get, "put": put}

    def _fail(self, act: str) -> None:
        self.calls += 1
        if (fault := next(self._faults[act], None)) is not None:
            raise fault

    def get(self, path: str) -> bytes | None:
        self._fail("get")
        return self.kept.get(path)

    def put(self, path: str, content: bytes) -> None:
        self._fail("put")
        self.kept[path] = content

    def paths(self, prefix: str) -> list[str]:
        self._fail("get")
        return [path for path in self.kept if path.startswith(prefix)]

    def delete(self, paths: list[str]) -> None:
        for path in paths:
            self._fail("put")
            self.kept.pop(path, None)

    def delete_all(self, prefix: str) -> int:
        paths = self.paths(prefix)
        self.delete(paths)
        return len(paths)


def scripted(
    get: Any = (), put: Any = (), wait: float = 60.0, clock: Clock | None = None
) -> tuple[CheckpointVault, ScriptedBlobs, Clock]:
    clock = clock or Clock()
    blobs = ScriptedBlobs(iter(get), iter(put))
    return CheckpointVault(blobs, SEALER, clock.patience(wait)), blobs, clock


def test_a_storage_that_is_slow_to_come_back_makes_the_step_wait() -> None:
    vault, _, clock = scripted(get=[None, BUSY, BUSY, BUSY])
    vault.write(KEY, b"words")

    assert vault.read(KEY) == b"words"
    assert clock.pauses == [0.2, 0.4, 0.8]


def test_a_storage_that_stays_down_is_asked_for_a_bounded_time_and_then_nothing_is_known() -> None:
    vault, blobs, clock = scripted(get=repeat(BUSY), wait=60)

    with pytest.raises(CheckpointUnavailable, match="read failed"):
        vault.read(KEY)

    assert 50 < clock.now <= 60
    assert max(clock.pauses) == 8
    assert blobs.calls < 20


def test_a_refusal_is_not_asked_again() -> None:
    vault, blobs, _ = scripted(get=repeat(DENIED))

    with pytest.raises(CheckpointUnavailable, match="after 1 tries: 403"):
        vault.read(KEY)

    assert blobs.calls == 1


def test_a_failed_write_is_tried_again_and_a_storage_that_stays_down_keeps_the_step_from_completing() -> None:
    passing, blobs, _ = scripted(put=[BUSY, BUSY])
    passing.write(KEY, b"words")
    assert passing.read(KEY) == b"words"

    failing, blobs, _ = scripted(put=repeat(BUSY))
    with pytest.raises(CheckpointUnavailable, match="write failed"):
        failing.write(KEY, b"words")
    assert blobs.kept == {}


def test_a_write_that_cannot_be_read_back_does_not_count() -> None:
    vault, _, _ = scripted(get=repeat(BUSY))

    with pytest.raises(CheckpointUnavailable, match="read back failed"):
        vault.write(KEY, b"words")


@pytest.mark.parametrize(
    "keep",
    [lambda content: None, lambda content: content[:-1], lambda content: b"", lambda content: content + b"x"],
    ids=["nothing", "less", "empty", "more"],
)
def test_a_storage_that_acknowledges_and_keeps_something_else_is_found_out(
    keep: Callable[[bytes], bytes | None],
) -> None:
    class Lying(ScriptedBlobs):
        def put(self, path: str, content: bytes) -> None:
            if (kept := keep(content)) is not None:
                self.kept[path] = kept

    vault = CheckpointVault(Lying(iter(()), iter(())), SEALER)

    with pytest.raises(CheckpointUnavailable, match="not what is kept"):
        vault.write(KEY, b"words")


def test_deleting_in_a_storage_that_is_down_is_an_error_that_can_be_tried_again() -> None:
    vault, _, _ = scripted(put=[None, BUSY])
    vault.write(KEY, b"words")

    with pytest.raises(StoreUnavailableError) as error:
        vault.delete_campaign("acme", CAMPAIGN)

    assert error.value.retryable
    assert vault.delete_campaign("acme", CAMPAIGN) == 1


def test_pauses_are_jittered() -> None:
    clock = Clock()
    draws = iter([0.5, 0.25])
    patience = Patience(60, clock=lambda: clock.now, sleep=clock.sleep, jitter=lambda: next(draws))
    answers = iter([BUSY, BUSY, None])

    def call() -> str:
        if (fault := next(answers)) is not None:
            raise fault
        return "answer"

    assert patience.ask("path", "read", call) == "answer"
    assert clock.pauses == [0.1, 0.1]


# --- the folder ---------------------------------------------------------------------------------------


def test_a_folder_that_is_not_mounted_is_down_and_not_empty(tmp_path: Path) -> None:
    blobs = FolderBlobs(tmp_path / "missing")

    for act in (lambda: blobs.get(KEY.path), lambda: blobs.put(KEY.path, b"x"), lambda: blobs.paths("checkpoints/")):
        with pytest.raises(BlobsUnavailable, match="missing"):
            act()


def test_files_are_for_their_owner_only_and_no_half_written_one_is_left(tmp_path: Path) -> None:
    blobs = FolderBlobs(tmp_path / "storage")
    blobs.prepare()
    blobs.put(KEY.path, b"x")

    [file] = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert file.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "storage").stat().st_mode & 0o777 == 0o700


def test_a_file_half_written_by_a_killed_process_is_no_checkpoint(tmp_path: Path) -> None:
    blobs = FolderBlobs(tmp_path / "storage")
    blobs.prepare()
    blobs.put(KEY.path, b"x")
    file = tmp_path / "storage" / KEY.path
    file.with_name(f".{file.name}.0123.partial").write_bytes(b"half")

    assert blobs.paths("checkpoints/") == [KEY.path]


KILLED_WHILE_WRITING = """
import os, sys, time
from pathlib import Path
from campaigns.checkpoints.folder import FolderBlobs
os.fsync = lambda _: (print("written, not yet kept", flush=True), time.sleep(600))
FolderBlobs(Path(sys.argv[1])).put(sys.argv[2], b"what a customer wrote")
"""


def killed_while_writing(base: Path, path: str) -> Path:
    """Return what a process that was killed with -9 while it wrote a file left behind."""
    writer = subprocess.Popen([sys.executable, "-c", KILLED_WHILE_WRITING, base, path], stdout=subprocess.PIPE)
    assert writer.stdout is not None
    writer.stdout.readline()
    writer.kill()
    writer.communicate()
    (left,) = (base / path).parent.glob(".*.partial")
    assert left.read_bytes() == b"what a customer wrote"
    return left


def files_in(base: Path) -> list[Path]:
    return [path for path in base.rglob("*") if not path.is_dir()]


@pytest.mark.parametrize("whole", [[], [KEY], [other_key(step="ask")]], ids=["alone", "with its file", "with another"])
def test_what_a_killed_process_left_half_written_goes_with_its_campaign(
    tmp_path: Path, whole: list[CheckpointKey]
) -> None:
    blobs = FolderBlobs(tmp_path / "storage")
    blobs.prepare()
    killed_while_writing(tmp_path / "storage", KEY.path)
    vault = CheckpointVault(blobs, SEALER)
    for key in whole:
        vault.write(key, b"{}")

    assert vault.delete_campaign("acme", CAMPAIGN) == len(whole)

    assert files_in(tmp_path) == []


def test_what_was_left_half_written_goes_with_its_file_and_at_a_later_write_beside_it(tmp_path: Path) -> None:
    blobs, base = FolderBlobs(tmp_path / "storage"), tmp_path / "storage"
    blobs.prepare()
    killed_while_writing(base, "assets/a")
    blobs.put("assets/a", b"x")
    blobs.delete(["assets/a"])
    assert files_in(tmp_path) == []

    left = killed_while_writing(base, "assets/b")
    blobs.put("assets/c", b"x")
    assert left in files_in(base)  # a slow process may still write it
    os.utime(left, (time.time() - 3700,) * 2)
    blobs.put("assets/c", b"y")
    assert files_in(base) == [base / "assets/c"]


@pytest.mark.parametrize("what", ["a folder", "a loop"])
def test_something_else_at_the_place_of_a_file_is_a_refusal(tmp_path: Path, what: str) -> None:
    blobs = FolderBlobs(tmp_path / "storage")
    blobs.prepare()
    file = tmp_path / "storage" / KEY.path
    file.parent.mkdir(parents=True)
    file.mkdir() if what == "a folder" else file.symlink_to(file)

    with pytest.raises(BlobsUnavailable) as error:
        blobs.get(KEY.path)

    assert not error.value.retryable
