"""Checkpoints in a folder of this machine."""

import errno
import glob
import os
import secrets
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from campaigns.checkpoints.vault import BlobsUnavailable

# A full or read-only disk may be freed while we wait; a missing permission is a matter of settings.
_FINAL_ERRORS = frozenset({errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.ELOOP})
_BEING_WRITTEN: Final = ".partial"
_LONGEST_WRITE_SECONDS: Final = 3600.0
"""What is still half written after that was left by a process that was killed."""


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
            _sweep(target.parent)

    def paths(self, prefix: str) -> list[str]:
        with _translated():
            self._require_base()
            files = (file for file in (self._base / prefix).rglob("*") if file.is_file())
            return sorted(str(file.relative_to(self._base)) for file in files if file.suffix != _BEING_WRITTEN)

    def delete(self, paths: list[str]) -> None:
        with _translated():
            for file in (self._base / path for path in paths):
                for half in file.parent.glob(f".{glob.escape(file.name)}.*{_BEING_WRITTEN}"):
                    half.unlink(missing_ok=True)
                file.unlink(missing_ok=True)
            _remove_empty({(self._base / path).parent for path in paths})

    def delete_all(self, prefix: str) -> int:
        with _translated():
            self._require_base()
            found = [path for path in (self._base / prefix).rglob("*") if path.is_symlink() or not path.is_dir()]
            for file in found:
                file.unlink(missing_ok=True)
            _remove_empty({parent for file in found for parent in file.parents if self._base in parent.parents})
        return sum(file.suffix != _BEING_WRITTEN for file in found)

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


def _remove_empty(folders: Iterable[Path]) -> None:
    """Remove those that are empty, inner ones first: an empty folder is no checkpoint."""
    for folder in sorted(folders, key=lambda each: len(each.parts), reverse=True):
        with suppress(OSError):  # somebody may be writing into it
            folder.rmdir()


def _sweep(folder: Path) -> None:
    """Remove what processes that were killed left half written in a folder: it holds what people wrote."""
    for half in folder.glob(f".*{_BEING_WRITTEN}"):
        with suppress(FileNotFoundError):
            if half.stat().st_mtime < time.time() - _LONGEST_WRITE_SECONDS:
                half.unlink()


def _sync_folder(folder: Path) -> None:
    """Make a rename durable: without it a power cut may lose the name of a written file."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
