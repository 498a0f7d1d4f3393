"""The vault: reads and writes checkpoints so that only a proven "not there" means not there.

It stands on `Blobs` (a folder or a bucket) and a `Sealer`; it waits for a storage that is slow or down
for a bounded time, and then fails closed.
"""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Protocol, TypeVar

from campaigns.checkpoints.faults import CheckpointForged, CheckpointUnavailable
from campaigns.checkpoints.key import ROOT, CheckpointKey, campaign_prefix
from campaigns.errors import SealBroken, StoreUnavailableError
from campaigns.keys.seal import Sealer
from campaigns.rules.retry import grown

T = TypeVar("T")


class BlobsUnavailable(Exception):
    """The storage did not do what was asked. `retryable`: asking again may help. `reason` has no content."""

    def __init__(self, reason: str, retryable: bool) -> None:
        super().__init__(reason, retryable)
        self.reason = reason
        self.retryable = retryable

    def __str__(self) -> str:
        return self.reason


class Blobs(Protocol):
    """Named bytes. Every method raises `BlobsUnavailable` and nothing else."""

    def get(self, path: str) -> bytes | None:
        """Return the bytes, or None only when the storage proved that there are none."""

    def put(self, path: str, content: bytes) -> None:
        """Keep the bytes whole or not at all, over what was there."""

    def paths(self, prefix: str) -> list[str]:
        """Return the paths that start with the prefix, which ends in a slash; sorted."""

    def delete(self, paths: list[str]) -> None:
        """Delete these, and what was left half written of them; what is gone already is fine."""

    def delete_all(self, prefix: str) -> int:
        """Delete all that starts with the prefix, half-written bytes too; return how many whole ones there were."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to keep asking: exponential pauses with full jitter, `max_wait_seconds` in all.

    The last call may overrun the wait by its own timeout.
    """

    max_wait_seconds: float = 60.0
    first_pause_seconds: float = 0.2
    longest_pause_seconds: float = 8.0
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    jitter: Callable[[], float] = random.random

    def ask(self, path: str, act: str, call: Callable[[], T]) -> T:
        """Return what `call` returns.

        Raises:
            CheckpointUnavailable: asking again is of no use, or the wait is over.
        """
        deadline = self.clock() + self.max_wait_seconds
        for attempt in count():
            try:
                return call()
            except BlobsUnavailable as error:
                full = grown(attempt, first=self.first_pause_seconds, longest=self.longest_pause_seconds)
                pause = full * self.jitter()
                if not error.retryable or self.clock() + pause > deadline:
                    raise CheckpointUnavailable(path, f"{act} failed after {attempt + 1} tries: {error}") from error
            self.sleep(pause)
        raise AssertionError  # count() does not end


@dataclass(frozen=True, slots=True)
class CheckpointVault:
    """Sealed checkpoints in one storage."""

    blobs: Blobs
    sealer: Sealer
    patience: Patience = Patience()

    def read(self, key: CheckpointKey) -> bytes | None:
        """Return what was written under the key, or None when there is proof that nothing was.

        Raises:
            CheckpointUnavailable: the storage did not answer in time, or refused.
            CheckpointForged: the bytes were not sealed by us for this key.
        """
        sealed = self.patience.ask(key.path, "read", lambda: self.blobs.get(key.path))
        return None if sealed is None else self._open(key, sealed)

    def write(self, key: CheckpointKey, plain: bytes) -> None:
        """Keep the bytes under the key and prove it by reading them back.

        Raises:
            CheckpointUnavailable: not kept, or not proven to be.
        """
        sealed = self.sealer.seal(plain, context=key.context)
        self.patience.ask(key.path, "write", lambda: self.blobs.put(key.path, sealed))
        kept = self.patience.ask(key.path, "read back", lambda: self.blobs.get(key.path))
        if kept != sealed or self._open(key, kept) != plain:
            raise CheckpointUnavailable(key.path, "what was written is not what is kept")

    def delete_campaign(self, tenant_id: str, campaign_id: str) -> int:
        """Delete every checkpoint of a campaign; return how many there were.

        Raises:
            StoreUnavailableError: some may be left; ask again.
        """
        prefix = campaign_prefix(tenant_id, campaign_id)
        with _as_store_error("delete"):
            return self.blobs.delete_all(prefix)

    def keys_of(self, tenant_id: str, campaign_id: str) -> list[CheckpointKey]:
        """Return the keys of every checkpoint of a campaign.

        Raises:
            StoreUnavailableError: they cannot be listed now.
        """
        with _as_store_error("list"):
            paths = self.blobs.paths(campaign_prefix(tenant_id, campaign_id))
        return [CheckpointKey.parse(path.removeprefix(f"{ROOT}/")) for path in paths]

    def _open(self, key: CheckpointKey, sealed: bytes) -> bytes:
        try:
            return self.sealer.open(sealed, context=key.context)
        except SealBroken as error:
            raise CheckpointForged(key.path, error.reason) from error


@contextmanager
def _as_store_error(act: str) -> Iterator[None]:
    try:
        yield
    except BlobsUnavailable as error:
        raise StoreUnavailableError(f"checkpoints: {act} failed: {error}") from error
