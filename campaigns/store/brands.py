"""Brands: changed by version, one name per tenant, purged later."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from campaigns.errors import ConflictError, NotFoundError, VersionConflictError
from campaigns.model.brand import Brand
from campaigns.model.vocabulary import BrandStatus
from campaigns.store import keys
from campaigns.store.campaigns import CampaignRepository
from campaigns.store.counts import MAX_BRANDS, one_less, one_more
from campaigns.store.documents import Page, item_of, read_page, value_of
from campaigns.store.table import ABSENT, ConditionFailed, Delete, Equals, Item, Operation, Put, Table
from campaigns.store.transaction import attempts

KEPT_AFTER_DELETION: Final = timedelta(days=30)


class BrandRepository:
    """Brands by tenant. Unknown, foreign, malformed and deleted ids all answer `NotFoundError`."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._campaigns = CampaignRepository(table)

    def create(self, brand: Brand) -> Brand:
        """Write a new brand and reserve its name.

        Raises:
            LimitReachedError: the tenant has `MAX_BRANDS` brands.
            ConflictError: the tenant has a brand of this name (case and spaces aside), or the id is taken.
        """
        for _ in attempts():
            counting = self._one_more(brand)
            try:
                self._table.write(Put(_item(brand), ABSENT), Put(_name_item(brand), ABSENT), counting)
            except ConditionFailed as failed:
                stored = failed.failures.get(0)
                if stored is not None and value_of(stored, Brand) == brand:
                    return brand
                if not {0, 1} & failed.failures.keys():
                    continue  # somebody else was counted
                raise (ConflictError("this brand id is taken") if 0 in failed.failures else _taken()) from failed
            break
        return brand

    def _one_more(self, brand: Brand) -> Put:
        listed = keys.list_partition(brand.tenant_id, "brand")
        return one_more(
            self._table,
            keys.tenant_count(brand.tenant_id, "brand"),
            limit=MAX_BRANDS,
            what="brands",
            present=lambda: len(self._table.query_index("list", listed)),
        )

    def get(self, tenant_id: str, brand_id: str) -> Brand:
        item = self._table.get(keys.brand(tenant_id, brand_id))
        if item is None or item["deleted"]:
            raise NotFoundError("brand", brand_id)
        return value_of(item, Brand)

    def list(self, tenant_id: str, *, limit: int = 50, cursor: str | None = None) -> Page[Brand]:
        """Return brands in the order they were created, which no update changes."""
        return read_page(
            self._table,
            "list",
            keys.list_partition(tenant_id, "brand"),
            limit=limit,
            cursor=cursor,
            reverse=False,
            read=lambda item: value_of(item, Brand),
        )

    def update(self, brand: Brand, *, expect_version: int) -> Brand:
        """Replace the brand, moving its reserved name along, and return it with its new version.

        Raises:
            VersionConflictError: `expect_version` is not the stored version.
            ConflictError: the new name is another brand's.
        """
        stored = self.get(brand.tenant_id, brand.id)
        changed = brand.model_copy(update={"version": expect_version + 1})
        operations: list[Operation] = [Put(_item(changed), Equals({"version": expect_version, "deleted": 0}))]
        old, new = keys.brand_name(brand.tenant_id, stored.name), keys.brand_name(brand.tenant_id, brand.name)
        if old != new:
            operations += [Put(_name_item(changed), ABSENT), Delete(old, Equals({"brand_id": brand.id}))]
        try:
            self._table.write(*operations)
        except ConditionFailed as failed:
            if 0 in failed.failures or 2 in failed.failures:
                raise _conflict(brand.id, failed.failures.get(0)) from failed
            raise _taken() from failed
        return changed

    def delete(self, tenant_id: str, brand_id: str, *, at: datetime, expect_version: int | None = None) -> None:
        """Archive the brand and free its name; it is purged with its assets after 30 days.

        Raises:
            ConflictError: a campaign that may still go on uses it; `details` names the campaigns.
            VersionConflictError: `expect_version` is not the stored version.
        """
        if used := self._campaigns.live_using(tenant_id, brand_id=brand_id):
            raise ConflictError("a campaign that may still go on uses this brand", {"campaigns": used})
        for _ in attempts():
            brand = self.get(tenant_id, brand_id)
            version = brand.version if expect_version is None else expect_version
            gone = brand.model_copy(
                update={"status": BrandStatus.ARCHIVED, "deleted_at": at, "updated_at": at, "version": version + 1}
            )
            name = Delete(keys.brand_name(tenant_id, brand.name), Equals({"brand_id": brand_id}))
            try:
                counting = one_less(self._table, keys.tenant_count(tenant_id, "brand"))
                self._table.write(Put(_item(gone), Equals({"version": version, "deleted": 0})), name, *counting)
            except ConditionFailed as failed:
                if expect_version is not None and 0 in failed.failures:
                    raise _conflict(brand_id, failed.failures.get(0)) from failed
                continue
            return


def _item(brand: Brand) -> Item:
    key = keys.brand(brand.tenant_id, brand.id)
    if brand.deleted_at is None:
        place = keys.indexed("list", keys.list_partition(brand.tenant_id, "brand"), brand.created_at, brand.id)
    else:
        place = keys.purged_whole_after(brand.deleted_at + KEPT_AFTER_DELETION, key)
    return item_of(key, "brand", brand, version=brand.version, deleted=int(brand.deleted_at is not None), **place)


def _name_item(brand: Brand) -> Item:
    return {**keys.brand_name(brand.tenant_id, brand.name)._asdict(), "kind": "brand-name", "brand_id": brand.id}


def _taken() -> ConflictError:
    return ConflictError("a brand of this name exists", {"field": "name"})


def _conflict(brand_id: str, found: Item | None) -> NotFoundError | VersionConflictError:
    if found is not None and found["deleted"]:
        return NotFoundError("brand", brand_id)
    details = {"currentVersion": found["version"]} if found else {}
    return VersionConflictError("the brand was changed since it was read", details)
