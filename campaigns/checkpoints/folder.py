"""Checkpoints in a folder of this machine."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from campaigns.checkpoints.vault import BlobsUnavailable

# A full or read-only disk may be freed while we wait; a missing permission is a matter of settings.
_FINAL_ERRORS = frozenset({errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.ELOOP})
_BEING_WRITTEN = ".partial"


class FolderBlobs:
    """Files below `base`, readable by their owner only.

    A missing `base` is a storage that is down (an unmounted volume), not an empty one: `prepare` makes it.
    """

    def __init__(self, base: Path) -> None:
        self._base = base

    def prepare(self) -> None:
        """Make the folder. Done once, when the storage is set up, never while reading."""
        with _translated():
            self._base.mkdir(mode=0o700, parents=True, exist_ok=True)

    def get(self, path: str) -> bytes | None:
        with _translated():
            try:
                return (self._base / path).read_bytes()
            except FileNotFoundError:
                self._require_base()
                return None

    def put(self, path: str, content: bytes) -> None:
        target = self._base / path
        partial = target.with_name(f".{target.name}.{secrets.token_hex(8)}{_BEING_WRITTEN}")
        with _translated():
            self._require_base()
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            try:
                with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
                partial.replace(target)
            finally:
                partial.unlink(missing_ok=True)
            _sync_folder(target.parent)

    def paths(self, prefix: str) -> list[str]:
        with _translated():
            self._require_base()
            files = (file for file in (self._base / prefix).rglob("*") if file.is_file())
            return sorted(str(file.relative_to(self._base)) for file in files if file.suffix != _BEING_WRITTEN)

    def delete(self, paths: list[str]) -> None:
        with _translated():
            folders = {(self._base / path).parent for path in paths}
            for path in paths:
                (self._base / path).unlink(missing_ok=True)
            for folder in folders:
                with suppress(OSError):  # an empty folder is no checkpoint; somebody may be writing into it
                    folder.rmdir()

    def _require_base(self) -> None:
        if not self._base.is_dir():
            raise BlobsUnavailable("the folder of the storage is missing", retryable=True)


@contextmanager
def _translated() -> Iterator[None]:
    """Turn the faults of the file system into ours; names of files stay out of the reason."""
    try:
        yield
    except OSError as error:
        reason = errno.errorcode.get(error.errno or 0, type(error).__name__)
        raise BlobsUnavailable(reason, retryable=error.errno not in _FINAL_ERRORS) from error


def _sync_folder(folder: Path) -> None:
    """Make a rename durable: without it a power cut may lose the name of a written file."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
