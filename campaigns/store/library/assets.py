"""The bytes of brand assets, in the same kind of place as checkpoints: a folder or a bucket."""

from collections.abc import Iterator
from contextlib import contextmanager

from campaigns.checkpoints.vault import Blobs, BlobsUnavailable
from campaigns.errors import NotFoundError, StoreUnavailableError
from campaigns.store.items import keys


class AssetFiles:
    """Files by tenant, brand and asset, at most 10 MiB each (domain.md section 8), so they travel whole."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs

    def check(self) -> None:
        """Raise `StoreUnavailableError` unless the files can be asked for."""
        with _translated():
            self._blobs.get("readiness/probe")

    def put(self, tenant_id: str, brand_id: str, asset_id: str, content: bytes) -> str:
        """Write the bytes and return their storage key; the row comes after, so that a row always has its bytes.

        Raises:
            StoreUnavailableError: not written, or not known to be.
        """
        path = keys.asset_file(tenant_id, brand_id, asset_id)
        with _translated():
            self._blobs.put(path, content)
        return path

    def get(self, tenant_id: str, brand_id: str, asset_id: str) -> bytes:
        """Return the bytes.

        Raises:
            NotFoundError: there are none.
        """
        with _translated():
            content = self._blobs.get(keys.asset_file(tenant_id, brand_id, asset_id))
        if content is None:
            raise NotFoundError("asset", asset_id)
        return content

    def delete(self, tenant_id: str, brand_id: str, asset_id: str) -> None:
        """Remove the bytes; none there is no error."""
        with _translated():
            self._blobs.delete([keys.asset_file(tenant_id, brand_id, asset_id)])


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except BlobsUnavailable as error:
        raise StoreUnavailableError(f"the files of assets are not available: {error.reason}") from error
