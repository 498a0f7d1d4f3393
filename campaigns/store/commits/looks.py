"""When a campaign is looked at next: whether it has the run that it needs, or its run the end that it has.

Every campaign in work has such a moment. It is written, soon, with what brings it about; only who has looked, and has
seen that its run waits for people, moves it far off.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from campaigns.model.approval import ApprovalRound
from campaigns.model.vocabulary import RoundStatus
from campaigns.store.items import keys
from campaigns.store.items.due import place_of, positions, read_due
from campaigns.store.items.keys import Due
from campaigns.store.tables.table import Delete, Equals, Item, Key, Put, Repository, wrote

SOON: Final = timedelta(seconds=15)
"""The time after a change at which a campaign is looked at: what brought it about may still be under way."""
AFTER_A_ROUND: Final = timedelta(seconds=60)
"""The time that a run has to come through the gate, once its round is over."""
BUILT_WITHIN: Final = timedelta(minutes=1)
"""A campaign that is built, or waits for it, is looked at within that."""
RARELY: Final = timedelta(hours=24)
"""The time between two looks at a campaign that waits: as often as people hear that it does."""


@dataclass(frozen=True, slots=True)
class Look:
    """One campaign that is to be looked at; `seen` is its place in time as it was read."""

    tenant_id: str
    campaign_id: str
    seen: str

    def is_after(self, moment: datetime) -> bool:
        """Whether nobody looks until then, nor at that moment."""
        return self.seen > keys.until(moment)


class LookRepository(Repository):
    """One item per campaign that is looked at. Whoever moves it moves what was read: a sooner one is not lost."""

    def due(self, now: datetime, *, limit: int = 1000) -> list[Look]:
        """Return the campaigns of all tenants that are to be looked at, the tenants in turn."""
        found = read_due(self._table, Due.LOOKS, now, limit=limit)
        return [_look(place_of(position), position.index_sk) for position in found]

    def all(self) -> Iterator[Look]:
        """Yield every campaign in work, whenever it is to be looked at, and those whose run may not have ended yet."""
        for shard in keys.shards(Due.LOOKS):
            for position in positions(self._table, shard):
                yield _look(place_of(position), position.index_sk)

    def soon_of(self, now: datetime) -> Counter[str]:
        """Return how many campaigns of each tenant are to be looked at within a minute, or were to be before.

        Among them are all that are built or wait for it. The others are at rest, or wait for people, and nobody has
        looked since: a day's worth of them, and more while Prefect is away.
        """
        found = Counter[str]()
        for shard in keys.shards(Due.LOOKS):
            for position in positions(self._table, shard, high=keys.until(now + BUILT_WITHIN)):
                found[_look(place_of(position), position.index_sk).tenant_id] += 1
        return found

    def of(self, tenant_id: str, campaign_id: str) -> Look:
        """Return the look at a campaign, whenever it is, or was never to be."""
        item = self._table.get(keys.look(tenant_id, campaign_id))
        return Look(tenant_id, campaign_id, item["due_sk"] if item else "")

    def soon(self, tenant_id: str, campaign_id: str, *, at: datetime) -> None:
        """Look then, whatever was said before."""
        self._table.write(look_at(tenant_id, campaign_id, at))

    def again(self, look: Look, *, at: datetime) -> None:
        """Look at the campaign again at that time, unless its item has changed since it was read."""
        wrote(self._table, Put(look_item(look.tenant_id, look.campaign_id, at), Equals({"due_sk": look.seen})))

    def over(self, look: Look) -> None:
        """Look at the campaign no more, unless its item has changed since it was read."""
        wrote(self._table, Delete(keys.look(look.tenant_id, look.campaign_id), Equals({"due_sk": look.seen})))


def look_item(tenant_id: str, campaign_id: str, at: datetime) -> Item:
    key = keys.look(tenant_id, campaign_id)
    return {**key._asdict(), "kind": "look", **keys.due(Due.LOOKS, at, key)}


def look_at(tenant_id: str, campaign_id: str, at: datetime) -> Put:
    """Return the write that has a campaign looked at then, whatever was said before."""
    return Put(look_item(tenant_id, campaign_id, at))


def look_after(round_: ApprovalRound, now: datetime) -> Put:
    """Return the write that has a campaign looked at when its round has made that necessary."""
    is_open = round_.status is RoundStatus.PENDING
    # Also an open one, soon: whoever opened it may die before its run waits.
    at = now + SOON if is_open else (round_.settles_at or now) + AFTER_A_ROUND
    return look_at(*round_.campaign_ref, at)


def _look(key: Key, seen: str) -> Look:
    tenant_id, _, campaign_id = key.pk.partition("#")
    return Look(tenant_id, campaign_id, seen)
