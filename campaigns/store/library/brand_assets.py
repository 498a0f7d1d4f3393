"""What is known of a brand's files; the bytes lie elsewhere (`assets`)."""

import re
from datetime import datetime, timedelta
from typing import Final

from campaigns.errors import ConflictError, NotFoundError, VersionConflictError
from campaigns.model.library.brand import BrandAsset
from campaigns.model.vocabulary import BrandAssetType
from campaigns.store.commits.transaction import attempts, contended
from campaigns.store.items import keys
from campaigns.store.items.counts import MAX_ASSETS, one_less, one_more
from campaigns.store.items.cursors import cursor_of, place_of
from campaigns.store.items.documents import Page, item_of, value_of
from campaigns.store.library.brands import BrandRepository
from campaigns.store.library.shared import live, not_replaced
from campaigns.store.tables.table import ABSENT, Check, ConditionFailed, Equals, Item, Put, Table

_AT: Final = re.compile(r"[0-9]{13}\.[0-9]{6}")
_ASSET_ID: Final = re.compile(r"asset_[0-7][0-9A-HJKMNP-TV-Z]{25}")
KEPT_AFTER_DELETION: Final = timedelta(days=7)


class AssetRepository:
    """Files by brand. Unknown, foreign, malformed and deleted ids all answer `NotFoundError`."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._brands = BrandRepository(table)

    @contended
    def add(self, asset: BrandAsset) -> BrandAsset:
        """Write a new row, after its bytes are in place.

        Raises:
            NotFoundError: the brand is unknown or deleted.
            LimitReachedError: it has `MAX_ASSETS` files.
        """
        present = Check(keys.brand(asset.tenant_id, asset.brand_id), Equals({"deleted": 0}))
        counting = self.require_room(asset.tenant_id, asset.brand_id)
        try:
            self._table.write(Put(_item(asset), ABSENT), present, counting)
        except ConditionFailed as failed:
            if 1 in failed.failures:
                raise NotFoundError("brand", asset.brand_id) from failed
            if 0 not in failed.failures:
                raise  # somebody else was counted
            stored = failed.failures[0]
            if stored is None or value_of(stored, BrandAsset) != asset:
                raise ConflictError("this asset id is taken") from failed
        return asset

    def require_room(self, tenant_id: str, brand_id: str) -> Put:
        """Return the write that counts one more asset of a brand.

        Raises:
            LimitReachedError: it has `MAX_ASSETS`.
        """
        return one_more(
            self._table,
            keys.asset_count(tenant_id, brand_id),
            limit=MAX_ASSETS,
            what="files of this brand",
            present=lambda: sum(
                not item["deleted"] for item in self._table.query(keys.brand(tenant_id, brand_id).pk, keys.ASSETS)
            ),
        )

    def get(self, tenant_id: str, brand_id: str, asset_id: str) -> BrandAsset:
        return live(self._table.get(keys.asset(tenant_id, brand_id, asset_id)), BrandAsset, "asset", asset_id)

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

    def page(
        self,
        tenant_id: str,
        brand_id: str,
        *,
        type_: BrandAssetType | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[BrandAsset]:
        """Return a part of the assets of a brand, oldest first; there are `MAX_ASSETS` at most.

        Raises:
            NotFoundError: the brand is unknown or deleted.
            FaultsError: the cursor is not one of this list.
        """
        listing = ("assets", tenant_id, brand_id, type_ or "")
        found = self.list(tenant_id, brand_id, type_=type_)
        if cursor is not None:
            at, asset_id = place_of(listing, cursor, _AT, _ASSET_ID)
            found = [asset for asset in found if _place(asset) > (at, asset_id)]
        items = found[:limit]
        return Page(items, cursor_of(listing, _place(items[-1])) if len(found) > limit else None)

    @contended
    def update(self, asset: BrandAsset, *, expect_version: int) -> BrandAsset:
        """Replace the row and return it with its new version.

        Raises:
            VersionConflictError: `expect_version` is not the stored version.
        """
        changed = asset.model_copy(update={"version": expect_version + 1})
        unchanged = Equals({"version": expect_version, "deleted": 0})
        gone = asset.deleted_at is not None
        counting = one_less(self._table, keys.asset_count(asset.tenant_id, asset.brand_id)) if gone else []
        try:
            self._table.write(Put(_item(changed), unchanged), *counting)
        except ConditionFailed as failed:
            if 0 not in failed.failures:
                raise  # somebody else was counted
            raise not_replaced("asset", asset.id, failed) from failed
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


def _place(asset: BrandAsset) -> tuple[str, str]:
    return f"{asset.created_at.timestamp():020.6f}", asset.id


def _item(asset: BrandAsset) -> Item:
    key = keys.asset(asset.tenant_id, asset.brand_id, asset.id)
    place = {}
    if asset.deleted_at is not None:
        place = keys.purged_whole_after(asset.deleted_at + KEPT_AFTER_DELETION, key)
    return item_of(key, "asset", asset, version=asset.version, deleted=int(asset.deleted_at is not None), **place)
