"""Recoveries: how often a campaign's run had to be started again without getting any further."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime

from campaigns.model.fact import Fact
from campaigns.store import keys
from campaigns.store.outbox import OutboxEntry
from campaigns.store.table import ABSENT, Condition, ConditionFailed, Equals, Item, Put, Table, key_of
from campaigns.store.transaction import attempts, commit


@dataclass(frozen=True, slots=True)
class Recovery:
    """The last time a run was started again: the how-manieth at this `mark`, which names how far the campaign was.

    `total` counts over the whole life of the campaign and never goes back: it makes every start a new one.
    """

    tenant_id: str
    campaign_id: str
    mark: str
    attempts: int
    total: int
    at: datetime
    reason: str


class RecoveryRepository:
    """One record per campaign. Two who see the same broken run count it once."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def last(self, tenant_id: str, campaign_id: str) -> Recovery | None:
        """Return the last recovery, or None when there never was one."""
        item = self._table.get(keys.recovery(tenant_id, campaign_id))
        return _recovery(tenant_id, campaign_id, item) if item else None

    def forgive(self, tenant_id: str, campaign_id: str) -> None:
        """Let a campaign that an operator starts again have all its attempts; `total` stays."""
        before = self.last(tenant_id, campaign_id)
        if before is not None:
            # Lost to a recovery in this moment: the campaign goes on, and that one counts.
            with suppress(ConditionFailed):
                self._table.write(Put(_item(replace(before, attempts=0)), Equals({"total": before.total})))
        failed = self._table.query(keys.campaign_partition(tenant_id, campaign_id), keys.FAILED_STEPS)
        self._table.delete([key_of(item) for item in failed])

    def count_failure(self, tenant_id: str, campaign_id: str, step: str) -> int:
        """Count a failed attempt at a step and return how many there are, over all runs, until `forgive`."""
        key = keys.failed_step(tenant_id, campaign_id, step)
        for _ in attempts():
            item = self._table.get(key)
            count = 1 + (int(item["count"]) if item else 0)
            unmoved: Condition = Equals({"count": item["count"]}) if item else ABSENT
            with suppress(ConditionFailed):
                self._table.write(Put({**key._asdict(), "kind": "failed_step", "count": count}, unmoved))
                return count
        raise AssertionError  # `attempts` ends by raising

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
