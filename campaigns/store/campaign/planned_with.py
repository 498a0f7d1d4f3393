"""What a campaign was planned with: its brand, its personas and the configuration merged from them, as they were."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from campaigns.model.library.brand import Brand
from campaigns.model.library.persona import Persona
from campaigns.rules.merge.config import MergedConfig
from campaigns.store.items import keys
from campaigns.store.items.documents import item_of, value_of
from campaigns.store.tables.table import Key, Put, Repository

_BRAND: Final = "planned-brand"
_CONFIG: Final = "planned-config"
_PERSONA: Final = "planned-persona"


@dataclass(frozen=True, slots=True)
class PlannedWith:
    """A brand, the personas in the order of the brief, and the configuration of a plan."""

    brand: Brand | None
    personas: Sequence[Persona]
    config: MergedConfig


class PlannedWithRepository(Repository):
    """One item for each document: an item holds 400 KB, and so may every one of them."""

    def get(self, tenant_id: str, campaign_id: str) -> PlannedWith | None:
        """Return what the plan was made with; None: there is no plan, or one of a version that did not keep it."""
        items = self._table.query(keys.campaign_partition(tenant_id, campaign_id), keys.PLANNED_WITH)
        config = next((value_of(item, MergedConfig) for item in items if item["kind"] == _CONFIG), None)
        if config is None:
            return None
        brand = next((value_of(item, Brand) for item in items if item["kind"] == _BRAND), None)
        kept = {item["id"]: value_of(item, Persona) for item in items if item["kind"] == _PERSONA}
        return PlannedWith(brand, [kept[rules.persona_id] for rules in config.personas], config)


def planned_with_items(tenant_id: str, campaign_id: str, planned: PlannedWith) -> list[Put]:
    """Return the writes that keep it; they belong into the transaction that stores the plan."""

    def key(part: str) -> Key:
        return keys.planned_with(tenant_id, campaign_id, part)

    documents = [item_of(key("config"), _CONFIG, planned.config)]
    if planned.brand is not None:
        documents.append(item_of(key("brand"), _BRAND, planned.brand))
    documents += [item_of(key(each.id), _PERSONA, each, id=each.id) for each in planned.personas]
    return [Put(item) for item in documents]
