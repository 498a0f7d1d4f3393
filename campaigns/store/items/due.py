"""What is due, by time and across tenants: read in shards, in the turns of the tenants, and put off when it must wait.

An item stands here by its own attributes, so it is due from the write on that says so, and no longer after the one
that does it. A reading costs what is due, whatever waits.
"""

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import chain, zip_longest
from typing import Final

from campaigns.store.items import keys
from campaigns.store.items.keys import Due
from campaigns.store.tables.table import Equals, Item, Key, Position, Put, Table, wrote

OF_ONE_TENANT: Final = 500
"""The most things of one tenant in one pass: a tenant that has more due waits for the next one."""
UNREADABLE: Final = timedelta(minutes=10)
"""The interval at which an unreadable item is tried again, outside of the turns of the tenants."""
_PAGE: Final = 500


def place_of(position: Position) -> Key:
    return Key(position.pk, position.sk)


def at_of(position: Position) -> datetime:
    """Return the moment at which an item stands."""
    return datetime.fromisoformat(position.index_sk.partition("#")[0])


def read_due(table: Table, kind: Due, now: datetime, *, limit: int = 1000) -> list[Position]:
    """Return where lies what is due at `now`, the tenants in turn, of each the longest due first."""
    of_tenant: dict[str, list[Position]] = defaultdict(list)
    for shard in keys.shards(kind):
        counts: dict[str, int] = defaultdict(int)
        for position in positions(table, shard, high=keys.until(now)):
            tenant_id = position.pk.partition("#")[0]
            counts[tenant_id] += 1
            if counts[tenant_id] <= min(limit, OF_ONE_TENANT):
                of_tenant[tenant_id].append(position)
    turns = sorted(sorted(found)[:OF_ONE_TENANT] for found in of_tenant.values())
    in_turn = chain.from_iterable(zip_longest(*turns))
    return [position for position in in_turn if position is not None][:limit]


def read_since(table: Table, kind: Due, instant: datetime) -> list[Position]:
    """Return where lies what stands after `instant`, the earliest first; all of it."""
    found = (positions(table, shard, low=keys.after(instant)) for shard in keys.shards(kind))
    return sorted(position for position in chain.from_iterable(found) if at_of(position) > instant)


def positions(table: Table, shard: str, *, low: str | None = None, high: str | None = None) -> Iterator[Position]:
    """Yield the positions of one partition, page after page."""
    after: Position | None = None
    while True:
        page = table.positions("due", shard, low=low, high=high, limit=_PAGE, after=after)
        yield from page
        if len(page) < _PAGE:
            return
        after = page[-1]


def read_items(table: Table, found: list[Position]) -> list[Item]:
    """Return the items that still stand where they were seen, in that order."""
    items = table.get_many([place_of(position) for position in found])
    seen = ((items.get(place_of(position)), position.index_sk) for position in found)
    return [item for item, index_sk in seen if item is not None and item.get("due_sk") == index_sk]


def put_off(table: Table, key: Key, kind: Due, *, until: datetime) -> None:
    """Let an item that is due wait until then, readable or not; one that changed in this moment stays as it is."""
    item = table.get(key)
    if item is None or item.get("due_pk") not in keys.shards(kind) or item["due_sk"] > keys.until(until):
        return
    later: Item = {**item, **keys.due(kind, until, key)}
    same = Equals({name: item[name] for name in ("due_pk", "due_sk", *_VERSIONS) if name in item})
    wrote(table, Put(later, same))


_VERSIONS: Final = ("version", "writes", "attempts", "done")
"""What changes with an item whose place in time may stay."""
