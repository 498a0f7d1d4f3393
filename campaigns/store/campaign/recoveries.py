"""What a campaign was given to get on: recoveries, attempts at its steps, and time."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from campaigns.model.fact import Fact
from campaigns.store.commits.outbox import OutboxEntry
from campaigns.store.commits.transaction import commit, contended
from campaigns.store.items import keys
from campaigns.store.tables.table import ABSENT, Condition, ConditionFailed, Equals, Item, Key, Put, Repository, key_of

_MILLISECOND: Final = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Recovery:
    """The latest restart of a campaign's run. `count`: restarts at this `mark`, that is without progress in between.

    `total` counts over the whole life of the campaign and never goes back: it makes every start a new one.
    """

    tenant_id: str
    campaign_id: str
    mark: str
    attempts: int
    total: int
    at: datetime
    reason: str


class RecoveryRepository(Repository):
    """One record per campaign. Two who see the same broken run count it once."""

    def last(self, tenant_id: str, campaign_id: str) -> Recovery | None:
        """Return the last recovery, or None when there never was one."""
        item = self._table.get(keys.recovery(tenant_id, campaign_id))
        return _recovery(tenant_id, campaign_id, item) if item else None

    def forgive(self, tenant_id: str, campaign_id: str) -> None:
        """Let a campaign that an operator starts again have all its attempts and its time; `total` stays."""
        before = self.last(tenant_id, campaign_id)
        if before is not None:
            # Lost to a recovery in this moment: the campaign goes on, and that one counts.
            with suppress(ConditionFailed):
                self._table.write(Put(_item(replace(before, attempts=0)), Equals({"total": before.total})))
        failed = self._table.query(keys.campaign_partition(tenant_id, campaign_id), keys.FAILED_STEPS)
        self._table.delete([*map(key_of, failed), keys.work(tenant_id, campaign_id)])

    def count_failure(self, tenant_id: str, campaign_id: str, step: str) -> int:
        """Count a failed attempt at a step and return how many there are, over all runs, until `forgive`."""
        return self._add(keys.failed_step(tenant_id, campaign_id, step), 1, kind="failed_step")

    def count_attempt(self, tenant_id: str, campaign_id: str, step: str) -> int:
        """Count an attempt that begins, and return how many there are, over all runs, until `forgive`.

        One that dies with its process counts too. A step is counted by its attempts or by its failures, never by both.
        """
        return self.count_failure(tenant_id, campaign_id, step)

    def count_work(self, tenant_id: str, campaign_id: str, work: timedelta) -> timedelta:
        """Count time that a process worked on a campaign, and return how long it was in all, until `forgive`."""
        key = keys.work(tenant_id, campaign_id)
        return self._add(key, work // _MILLISECOND, kind="work") * _MILLISECOND

    def worked(self, tenant_id: str, campaign_id: str) -> timedelta:
        """Return how long a campaign was worked on, over all runs, until `forgive`."""
        item = self._table.get(keys.work(tenant_id, campaign_id))
        return int(item["count"]) * _MILLISECOND if item else timedelta()

    @contended
    def _add(self, key: Key, more: int, *, kind: str) -> int:
        item = self._table.get(key)
        count = more + (int(item["count"]) if item else 0)
        unmoved: Condition = Equals({"count": item["count"]}) if item else ABSENT
        self._table.write(Put({**key._asdict(), "kind": kind, "count": count}, unmoved))
        return count

    def begin(
        self, recovery: Recovery, *, before: Recovery | None, fact: Fact, outbox: Sequence[OutboxEntry] = ()
    ) -> bool:
        """Count a recovery, audit it and enqueue what it takes, at once; False: somebody else was faster."""
        unmoved: Condition = ABSENT if before is None else Equals({"total": before.total})
        write = Put(_item(recovery), unmoved)
        try:
            commit(self._table, recovery.tenant_id, recovery.campaign_id, [write], facts=[fact], outbox=outbox)
        except ConditionFailed:
            return False
        return True


def _item(recovery: Recovery) -> Item:
    return {
        **keys.recovery(recovery.tenant_id, recovery.campaign_id)._asdict(),
        "kind": "recovery",
        "mark": recovery.mark,
        "attempts": recovery.attempts,
        "total": recovery.total,
        "at": keys.instant(recovery.at),
        "reason": recovery.reason[:500],
    }


def _recovery(tenant_id: str, campaign_id: str, item: Item) -> Recovery:
    return Recovery(
        tenant_id,
        campaign_id,
        mark=item["mark"],
        attempts=item["attempts"],
        total=item["total"],
        at=datetime.fromisoformat(item["at"]),
        reason=item["reason"],
    )
