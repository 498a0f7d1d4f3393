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
from campaigns.store.library.shared import add, hide, library_item, listed, live, moved, replace
from campaigns.store.tables.table import Item, Table


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
        renamed = moved(_name_item(self.get(brand.tenant_id, brand.id)), _name_item(brand))
        changed = brand.model_copy(update={"version": expect_version + 1})
        return replace(self._table, changed, _item(changed), renamed=renamed)

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
        last = brand.model_copy(update={"status": BrandStatus.ARCHIVED})
        hide(self._table, last, _item, _name_item(brand), at=at, expect_version=expect_version)


def _item(brand: Brand) -> Item:
    return library_item("brand", keys.brand(brand.tenant_id, brand.id), brand)


def _name_item(brand: Brand) -> Item:
    return {**keys.brand_name(brand.tenant_id, brand.name)._asdict(), "kind": "brand-name", "brand_id": brand.id}
