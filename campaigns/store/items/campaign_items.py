"""A campaign as an item of the table: its indexes, what counts its writes, and what names it elsewhere."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from campaigns.errors import VersionConflictError
from campaigns.model.base import STORED
from campaigns.model.campaign import AT_REST, FINAL, Campaign
from campaigns.model.library.brand import Brand
from campaigns.model.library.persona import Persona
from campaigns.model.vocabulary import CampaignStatus
from campaigns.store.items import keys
from campaigns.store.items.documents import item_of
from campaigns.store.items.due import at_of
from campaigns.store.items.keys import Due
from campaigns.store.tables.table import ABSENT, Check, Delete, Equals, Item, Key, Operation, Position, Put

# What only creation, `move` and `delete` may set.
FIXED: Final = frozenset({"id", "tenant_id", "status", "created_at", "completed_at", "deleted_at", "version"})
FIXED_IN_A_MOVE: Final = FIXED | {"metadata"}


@dataclass(frozen=True, slots=True)
class Ended:
    """A campaign that no run works on any more: since when, and how it ended."""

    tenant_id: str
    campaign_id: str
    at: datetime
    status: CampaignStatus


def ended_of(position: Position) -> Ended:
    tenant_id, _, campaign_id = position.pk.partition("#")
    return Ended(tenant_id, campaign_id, at_of(position), CampaignStatus(position.index_sk.partition("#")[2]))


def expect_version_of(campaign: Campaign, version: int | None) -> None:
    if version is not None and version != campaign.version:
        raise VersionConflictError(
            "the campaign was changed since it was read",
            {"currentVersion": campaign.version, "currentStatus": str(campaign.status)},
        )


def with_changes(campaign: Campaign, changes: Mapping[str, Any], fixed: frozenset[str]) -> Campaign:
    if forbidden := fixed & changes.keys():
        raise ValueError(f"not to be changed this way: {', '.join(sorted(forbidden))}")
    if unknown := changes.keys() - Campaign.model_fields.keys():
        raise ValueError(f"not fields of a campaign: {', '.join(sorted(unknown))}")
    # `model_copy` checks nothing; what is stored must be readable again.
    return Campaign.model_validate(campaign.model_copy(update=dict(changes)).to_wire(), context=STORED)


def ref_operations(before: Campaign | None, after: Campaign | None, body: str) -> list[Operation]:
    """Return what frees the old external reference and claims the new one, which must be nobody's."""
    old = before.metadata.external_ref if before else None
    new = after.metadata.external_ref if after else None
    operations: list[Operation] = []
    if before is not None and old is not None and old != new:
        operations.append(Delete(keys.external_ref(before.tenant_id, old)))
    if after is not None and new is not None and old != new:
        ref = keys.external_ref(after.tenant_id, new)
        claim = {**ref._asdict(), "kind": "external-ref", "campaign_id": after.id, "body_hash": body}
        operations.append(Put(claim, ABSENT))
    return operations


def as_read(brand: Brand | None, personas: Iterable[Persona]) -> list[Check]:
    """Return the conditions that a brand and personas are there, and as somebody read them."""
    named: list[tuple[Key, int]] = [(keys.persona(each.tenant_id, each.id), each.version) for each in personas]
    if brand is not None:
        named.append((keys.brand(brand.tenant_id, brand.id), brand.version))
    return [Check(key, Equals({"version": version, "deleted": 0})) for key, version in named]


def replacing(current: Item, campaign: Campaign, extra: Mapping[str, Any] | None = None) -> Put:
    """Return the write of the changed campaign, conditional on nobody having written since `current` was read.

    `writes` counts every write; `version` only what a reader must know of, so that counting costs
    never fails somebody's edit.
    """
    kept: Iterable[str] = ("body_hash", "moved_by", "moved_for", "ended_at", "usage_before")
    beside = {name: current[name] for name in kept if name in current}
    if current.get("due_pk") == keys.IN_WORK_BEFORE and campaign.status not in AT_REST:
        beside |= {name: current[name] for name in ("due_pk", "due_sk")}  # until `renewal` has found it there
    item = campaign_item(campaign, {**beside, "writes": current["writes"] + 1, **(extra or {})})
    return Put(item, Equals({"writes": current["writes"]}))


def campaign_item(campaign: Campaign, beside: Mapping[str, Any]) -> Item:
    key = keys.campaign(*campaign.ref)
    attributes: dict[str, Any] = {
        "tenant_id": campaign.tenant_id,
        "id": campaign.id,
        "version": campaign.version,
        "status": str(campaign.status),
        "final": int(campaign.status in FINAL),
        "deleted": int(campaign.deleted_at is not None),
        "writes": 1,
        **beside,
    }
    if campaign.deleted_at is None:
        born, tie = campaign.created_at, campaign.id
        attributes |= keys.indexed("list", keys.list_partition(campaign.tenant_id, "campaign"), born, tie)
        attributes |= keys.indexed("status", keys.status_partition(campaign.tenant_id, campaign.status), born, tie)
        if campaign.brand_id is not None:
            attributes |= keys.indexed("brand", keys.brand_partition(campaign.tenant_id, campaign.brand_id), born, tie)
    if campaign.status in AT_REST and attributes.get("ended_at"):
        ended = datetime.fromisoformat(attributes["ended_at"])
        attributes |= keys.due(Due.ENDED, ended, key, says=str(campaign.status))
    return item_of(key, "campaign", campaign, **attributes)
