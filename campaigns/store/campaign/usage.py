"""What a campaign has cost: a note for each answer of a model, summed up in the campaign whenever it comes to rest.

Writers of one campaign work side by side: a note each is one small write, and none waits for another.
"""

from typing import Any, Final

from campaigns.model.campaign import AT_REST, Campaign
from campaigns.model.post import ModelUsage
from campaigns.model.vocabulary import CampaignStatus
from campaigns.store.items import keys
from campaigns.store.items.documents import item_of, value_of
from campaigns.store.tables.table import Item, Table, key_of

SUMMED: Final = AT_REST | {CampaignStatus.AWAITING_REVIEW, CampaignStatus.APPROVED}
"""A campaign in these has all that was noted in itself; in the others, in its notes."""


PLAN: Final = "plan"
"""What a cost was for, beside posts, which are named by their ids."""


def note(tenant_id: str, campaign_id: str, usage: ModelUsage, *, once: str, about: str = "") -> Item:
    """Return what notes a cost; `once` names it, so that it is noted once, and `about` what it was for."""
    item = item_of(keys.usage(tenant_id, campaign_id, once), "usage", usage)
    return {**item, "about": about} if about else item


def by_purpose(table: Table, tenant_id: str, campaign_id: str) -> dict[str, ModelUsage]:
    """Return what was noted by what it was for: the plan, or the id of a post; older notes do not say."""
    found: dict[str, ModelUsage] = {}
    for item in table.query(keys.usage(tenant_id, campaign_id, "").pk, keys.USAGE):
        if "body" in item and (about := item.get("about")):
            found[about] = found.get(about, ModelUsage()).plus(value_of(item, ModelUsage))
    return found


def spent(table: Table, item: Item) -> ModelUsage:
    """Return what a campaign has cost by now: what it had before there were notes, and the notes."""
    total = _before(item)
    for each in table.query(key_of(item).pk, keys.USAGE):
        if "body" in each:  # an older one says only that it is counted
            total = total.plus(value_of(each, ModelUsage))
    return total


def notes(table: Table, tenant_id: str, campaign_id: str) -> list[ModelUsage]:
    """Return what was noted of a campaign's costs, answer by answer."""
    items = table.query(keys.usage(tenant_id, campaign_id, "").pk, keys.USAGE)
    return [value_of(each, ModelUsage) for each in items if "body" in each]


def summed_up(table: Table, item: Item, campaign: Campaign) -> tuple[Campaign, dict[str, Any]]:
    """Return the campaign with its costs, and what its item must hold beside; as it is when it has them already."""
    if value_of(item, Campaign).status in SUMMED:
        return campaign, {}
    return campaign.model_copy(update={"usage": spent(table, item)}), before_notes(item)


def before_notes(item: Item) -> dict[str, Any]:
    """Return what an item must hold beside once its notes are summed up: what it had before there were any."""
    return {"usage_before": _before(item).model_dump_json(by_alias=True, exclude_none=True)}


def _before(item: Item) -> ModelUsage:
    if (kept := item.get("usage_before")) is not None:
        return ModelUsage.model_validate_json(kept)
    return value_of(item, Campaign).usage
