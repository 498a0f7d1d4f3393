"""What is known of a brand's files; the bytes lie elsewhere (`store.assets`)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from campaigns.errors import ConflictError, NotFoundError, VersionConflictError
from campaigns.model.brand import BrandAsset
from campaigns.model.vocabulary import BrandAssetType
from campaigns.store import keys
from campaigns.store.brands import BrandRepository
from campaigns.store.documents import item_of, value_of
from campaigns.store.table import ABSENT, Check, ConditionFailed, Equals, Item, Put, Table
from campaigns.store.transaction import attempts

KEPT_AFTER_DELETION: Final = timedelta(days=7)


class AssetRepository:
    """What is known of a brand's files; the bytes lie elsewhere (`store.assets`)."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._brands = BrandRepository(table)

    def add(self, asset: BrandAsset) -> BrandAsset:
        """Write a new row, after its bytes are in place.

        Raises:
            NotFoundError: the brand is unknown or deleted.
        """
        present = Check(keys.brand(asset.tenant_id, asset.brand_id), Equals({"deleted": 0}))
        try:
            self._table.write(Put(_item(asset), ABSENT), present)
        except ConditionFailed as failed:
            if 1 in failed.failures:
                raise NotFoundError("brand", asset.brand_id) from failed
            stored = failed.failures[0]
            if stored is None or value_of(stored, BrandAsset) != asset:
                raise ConflictError("this asset id is taken") from failed
        return asset

    def get(self, tenant_id: str, brand_id: str, asset_id: str) -> BrandAsset:
        item = self._table.get(keys.asset(tenant_id, brand_id, asset_id))
        if item is None or item["deleted"]:
            raise NotFoundError("asset", asset_id)
        return value_of(item, BrandAsset)

    def list(self, tenant_id: str, brand_id: str, *, type_: BrandAssetType | None = None) -> list[BrandAsset]:
        """Return the assets of a brand, oldest first.

        Raises:
            NotFoundError: the brand is unknown or deleted.
        """
        self._brands.get(tenant_id, brand_id)
        items = self._table.query(keys.brand(tenant_id, brand_id).pk, keys.ASSETS)
        found = [value_of(item, BrandAsset) for item in items if not item["deleted"]]
        wanted = [asset for asset in found if type_ is None or asset.type == type_]
        return sorted(wanted, key=lambda asset: (asset.created_at, asset.id))

    def update(self, asset: BrandAsset, *, expect_version: int) -> BrandAsset:
        """Replace the row and return it with its new version.

        Raises:
            VersionConflictError: `expect_version` is not the stored version.
        """
        changed = asset.model_copy(update={"version": expect_version + 1})
        try:
            self._table.write(Put(_item(changed), Equals({"version": expect_version, "deleted": 0})))
        except ConditionFailed as failed:
            found = failed.failures[0]
            if found is None or found["deleted"]:
                raise NotFoundError("asset", asset.id) from failed
            raise VersionConflictError(
                "the asset was changed since it was read", {"currentVersion": found["version"]}
            ) from failed
        return changed

    def delete(
        self, tenant_id: str, brand_id: str, asset_id: str, *, at: datetime, expect_version: int | None = None
    ) -> None:
        """Hide the asset; row and bytes are purged after 7 days.

        Raises:
            VersionConflictError: `expect_version` is not the stored version.
        """
        for _ in attempts():
            asset = self.get(tenant_id, brand_id, asset_id)
            gone = asset.model_copy(update={"deleted_at": at, "updated_at": at})
            try:
                self.update(gone, expect_version=asset.version if expect_version is None else expect_version)
            except VersionConflictError:
                if expect_version is not None:
                    raise
                continue
            return


def _item(asset: BrandAsset) -> Item:
    key = keys.asset(asset.tenant_id, asset.brand_id, asset.id)
    place = {}
    if asset.deleted_at is not None:
        place = keys.purged_whole_after(asset.deleted_at + KEPT_AFTER_DELETION, key)
    return item_of(key, "asset", asset, version=asset.version, deleted=int(asset.deleted_at is not None), **place)
