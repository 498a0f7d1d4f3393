"""Retention: removes for good what was deleted, once its time has come (domain.md sections 5, 7, 8).

    campaign, its posts and its audit trail    90 days after the deletion
    persona with its examples, brand           30 days after the deletion
    template with its log and occurrences      30 days after the deletion
    writing example, asset with its bytes       7 days after the deletion
    delivered outbox entry                     30 days; idempotency record: at its expiry
    counts of what no campaign says             2 days

A campaign that nobody deleted keeps its audit trail for as long as it is there. Elsewhere: checkpoints go 30 days after
a campaign's end (`tasks.checkpoints.retention`), runs of housekeeping after two hours, Prefect's other runs and events
by its own vacuum (docs/production.md).
"""

import logging
from collections import Counter
from datetime import datetime

from campaigns.model.approval import ApprovalRound
from campaigns.model.library.brand import BrandAsset
from campaigns.store.items import keys
from campaigns.store.items.documents import readable, value_of
from campaigns.store.items.due import UNREADABLE, place_of, put_off, read_due
from campaigns.store.items.keys import Due
from campaigns.store.library.assets import AssetFiles
from campaigns.store.tables.table import Delete, Equals, Item, Key, Put, Table, key_of, wrote

log = logging.getLogger("campaigns.retention")

# A partition goes with the item that stands for the whole of it.
_WHOLE: dict[str, str] = {"tombstone": "campaign", "persona": "persona", "brand": "brand", "template": "template"}
_WITH_MORE = {*_WHOLE, "asset"}


def purge(table: Table, now: datetime, *, files: AssetFiles, limit: int = 500) -> dict[str, int]:
    """Remove up to `limit` things whose time is over, bytes of assets too, and return how many of each kind.

    Killed at any point, the next call goes on: what marks a thing as due goes last.
    """
    counts: Counter[str] = Counter()
    for position in read_due(table, Due.PURGE, now, limit=limit):
        key = place_of(position)
        try:
            gone = _purged(table, key, now, files)
        except (ValueError, LookupError):  # a document that nobody can read: the others go in time all the same
            log.exception("not purged: pk %s, sk %s", *key)
            put_off(table, key, Due.PURGE, until=now + UNREADABLE)
            continue
        if gone is not None:
            counts[gone] += 1
    return dict(counts)


def _purged(table: Table, key: Key, now: datetime, files: AssetFiles) -> str | None:
    """Remove one thing, and return its kind; None: it is not over, or was renewed in this moment."""
    # The index may lag: what counts is the item as of now.
    item = table.get(key)
    if item is None or item.get("due_pk") not in keys.shards(Due.PURGE) or item["due_sk"] > keys.until(now):
        return None
    kind: str = item["kind"]
    unchanged = Equals({"due_pk": item["due_pk"], "due_sk": item["due_sk"]})
    # Marked before what hangs on it goes; what has more time since it was read stays.
    if kind in _WITH_MORE and not wrote(table, Put({**item, "purging": 1}, unchanged)):
        return None
    whole = table.query(item["pk"]) if kind in _WHOLE else [item]
    for asset in (value_of(one, BrandAsset) for one in whole if one["kind"] == "asset"):
        files.delete(asset.tenant_id, asset.brand_id, asset.id)
    table.delete([*_pointers(whole), *(key_of(one) for one in whole if key_of(one) != key_of(item))])
    # What was renewed since it was read (a key that is used again, a code, a draft) is due later.
    return _WHOLE.get(kind, kind) if wrote(table, Delete(key_of(item), unchanged)) else None


def _pointers(partition: list[Item]) -> list[Key]:
    """Return what lies elsewhere and leads into a campaign's partition: the callbacks of its rounds.

    That of a round which nobody can read stays, and leads nowhere.
    """
    rounds = readable([item for item in partition if item["kind"] == "round"], ApprovalRound)
    return [keys.callback(round_.callback_id) for round_ in rounds]
