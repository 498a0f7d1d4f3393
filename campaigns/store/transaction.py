"""One transaction of a campaign: what changes, the audit entries about it, and what must follow from it."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Iterator, Sequence
from typing import Final

from campaigns.errors import LeaseLostError, StoreUnavailableError
from campaigns.model.fact import Fact
from campaigns.store import keys
from campaigns.store.audit import append_operations
from campaigns.store.leases import Lease
from campaigns.store.outbox import OutboxEntry, outbox_item
from campaigns.store.table import ABSENT, ConditionFailed, Operation, Put, Table

trail = logging.getLogger("campaigns.audit")
"""One record for every entry of an audit trail, with its fields; metrics are drawn from it (`operations.metrics`)."""

ATTEMPTS: Final = 64
_LONGEST_PAUSE_SECONDS: Final = 0.05


def attempts() -> Iterator[int]:
    """Yield the numbers of the attempts at a contended write, with a jittered pause before each repetition.

    Raises:
        StoreUnavailableError: after the last one. Nothing was written.
    """
    for number in range(ATTEMPTS):
        if number:
            # Jitter only spreads competing writers; it is no secret.
            time.sleep(random.uniform(0, min(_LONGEST_PAUSE_SECONDS, 0.001 * 2**number)))  # noqa: S311  # no secret
        yield number
    raise StoreUnavailableError("too many writers at once")


def commit(
    table: Table,
    tenant_id: str,
    campaign_id: str,
    operations: Sequence[Operation],
    *,
    facts: Sequence[Fact] = (),
    outbox: Sequence[OutboxEntry] = (),
    fence: Lease | None = None,
) -> None:
    """Write it all or nothing.

    Another writer's audit entry in between is no conflict: ours goes after it. An outbox entry whose
    fact was enqueued before is left as it is.

    Raises:
        LeaseLostError: the fence's owner no longer holds the campaign.
        ConditionFailed: a condition of `operations` does not hold; positions are those of `operations`.
    """
    waiting = list(outbox)
    for _ in attempts():
        head = table.get(keys.audit_head(tenant_id, campaign_id)) if facts else None
        entries = [Put(outbox_item(entry), ABSENT) for entry in waiting]
        fences = [fence.check()] if fence else []
        try:
            table.write(*operations, *fences, *entries, *append_operations(tenant_id, campaign_id, head, facts))
        except ConditionFailed as failed:
            own = {position: found for position, found in failed.failures.items() if position < len(operations)}
            if fence and len(operations) in failed.failures:
                raise LeaseLostError("another process builds this campaign", {"owner": fence.owner}) from failed
            if own:
                raise ConditionFailed(own) from failed
            first = len(operations) + len(fences)
            waiting = [entry for number, entry in enumerate(waiting, start=first) if number not in failed.failures]
        else:
            for fact in facts:
                _tell(tenant_id, campaign_id, fact)
            return


def _tell(tenant_id: str, campaign_id: str, fact: Fact) -> None:
    """Log what the trail now holds, without what people wrote. After the write: nothing is told that did not happen."""
    trail.info(
        "%s %s",
        fact.action,
        fact.to_status or "",
        extra={
            "tenant_id": tenant_id,
            "campaign_id": campaign_id,
            "action": fact.action,
            "actor": fact.actor,
            "from_status": fact.from_status,
            "to_status": fact.to_status,
            "round": fact.round,
            "outcome": fact.details.get("outcome"),
        },
    )
