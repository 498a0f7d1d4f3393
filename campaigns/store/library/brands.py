"""Brands: changed by version, one name per tenant, purged later."""

from datetime import datetime

from campaigns.errors import ConflictError
from campaigns.model.library.brand import Brand
from campaigns.model.vocabulary import BrandStatus
from campaigns.store.campaign.campaigns import CampaignRepository
from campaigns.store.commits.transaction import contended
from campaigns.store.items import keys
from campaigns.store.items.counts import MAX_BRANDS
from campaigns.store.items.documents import Page
from campaigns.store.library.shared import add, hide, library_item, listed, live, name_taken, not_replaced
from campaigns.store.tables.table import ABSENT, ConditionFailed, Delete, Equals, Item, Operation, Put, Table


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
        return add(self._table, brand, _item(brand), limit=MAX_BRANDS, named=_name_item(brand))

    def get(self, tenant_id: str, brand_id: str) -> Brand:
        return live(self._table.get(keys.brand(tenant_id, brand_id)), Brand, "brand", brand_id)

    def list(self, tenant_id: str, *, limit: int = 50, cursor: str | None = None) -> Page[Brand]:
        """Return brands in the order they were created, which no update changes."""
        return listed(self._table, tenant_id, "brand", Brand, limit=limit, cursor=cursor)

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
                raise not_replaced("brand", brand.id, failed) from failed
            raise name_taken("brand") from failed
        return changed

    @contended
    def delete(self, tenant_id: str, brand_id: str, *, at: datetime, expect_version: int | None = None) -> None:
        """Archive the brand and free its name; it is purged with its assets after 30 days.

        Raises:
            ConflictError: a campaign that may still go on uses it; `details` names the campaigns.
            VersionConflictError: `expect_version` is not the stored version.
        """
        if used := self._campaigns.live_using(tenant_id, brand_id=brand_id):
            raise ConflictError("a campaign that may still go on uses this brand", {"campaigns": used})
        brand = self.get(tenant_id, brand_id)
        version = brand.version if expect_version is None else expect_version
        gone = brand.model_copy(
            update={"status": BrandStatus.ARCHIVED, "deleted_at": at, "updated_at": at, "version": version + 1}
        )
        name = Delete(keys.brand_name(tenant_id, brand.name), Equals({"brand_id": brand_id}))
        hide(self._table, gone, _item(gone), name, expect_version=expect_version)


def _item(brand: Brand) -> Item:
    return library_item("brand", keys.brand(brand.tenant_id, brand.id), brand)


def _name_item(brand: Brand) -> Item:
    return {**keys.brand_name(brand.tenant_id, brand.name)._asdict(), "kind": "brand-name", "brand_id": brand.id}
