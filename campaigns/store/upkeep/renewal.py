"""Tables of the version before: what stands where earlier versions put it is moved to where this one looks.

Earlier versions kept everything that is found by time in one partition of each kind, and a campaign in work by its
last change. Whoever sweeps moves that once; while both versions run, what the older one writes is moved soon after.
"""

from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from campaigns.model.approval import ApprovalRound
from campaigns.model.campaign import Campaign
from campaigns.store.commits.looks import look_item
from campaigns.store.commits.outbox import entry_of, outbox_item
from campaigns.store.items import keys
from campaigns.store.items.campaign_items import campaign_item
from campaigns.store.items.documents import value_of
from campaigns.store.items.keys import Due
from campaigns.store.items.round_state import round_item
from campaigns.store.tables.table import ABSENT, ConditionFailed, Equals, Item, Operation, Position, Put, Table, key_of

_PAGE: Final = 200
_SPREAD: Final = timedelta(minutes=5)
"""Campaigns in work are looked at over so much time, not all at once."""


def renew(table: Table, now: datetime, *, limit: int = 2000) -> int:
    """Move up to `limit` items of the version before and return how many; 0: there is none left.

    Killed at any point, the next call goes on. What changes in this moment is left for it.
    """
    moved = 0
    for place in keys.OF_BEFORE:
        after: Position | None = None
        while moved < limit and (page := table.query_index("due", place, limit=_PAGE, after=after)):
            after = Position(page[-1]["due_sk"], page[-1]["pk"], page[-1]["sk"])
            moved += sum(_moved(table, item, now + _SPREAD * (n / _PAGE)) for n, item in enumerate(page))
    return moved


def _moved(table: Table, item: Item, look: datetime) -> bool:
    same = Equals({name: item[name] for name in _STATE if name in item})
    try:
        operations: list[Operation] = [Put(_as_now(table, item), same)]
        if item["kind"] == "campaign" and item["due_pk"] == keys.IN_WORK_BEFORE:
            operations.append(Put(look_item(item["tenant_id"], item["id"], look), ABSENT))
        table.write(*operations)
    except ConditionFailed as failed:
        if 0 in failed.failures:
            return False
        table.write(operations[0])  # it has a look already
    except (ValueError, LookupError):  # nobody can read it; it is found where it was
        return False
    return True


_STATE: Final = ("due_pk", "due_sk", "version", "writes", "attempts", "done")


def _as_now(table: Table, item: Item) -> Item:
    """Return an item of the version before as this one would have written it."""
    match item["kind"]:
        case "campaign":
            beside: dict[str, Any] = {
                name: item[name]
                for name in ("body_hash", "moved_by", "moved_for", "ended_at", "usage_before")
                if name in item
            }
            return campaign_item(value_of(item, Campaign), {**beside, "writes": item["writes"] + 1})
        case "round":
            round_ = value_of(item, ApprovalRound)
            campaign = table.get(keys.campaign(*round_.campaign_ref))
            zone = value_of(campaign, Campaign).schedule.zone if campaign else ZoneInfo("UTC")
            return round_item(round_, zone)
        case "outbox" if item["due_pk"] != "@purge":
            return outbox_item(entry_of(item))
        case _:
            at = datetime.fromisoformat(item["due_sk"].partition("#")[0])
            return {**item, **keys.due(Due.PURGE, at, key_of(item))}
