"""One transaction of a campaign: what changes, the audit entries about it, and what must follow from it."""

import logging
import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import wraps
from typing import Final, ParamSpec, TypeVar

from campaigns import correlation
from campaigns.errors import LeaseLostError, StoreUnavailableError
from campaigns.model.fact import Fact
from campaigns.model.vocabulary import CampaignStatus
from campaigns.rules.retry import grown
from campaigns.store.commits.audit import append_operations
from campaigns.store.commits.leases import Lease
from campaigns.store.commits.outbox import OutboxEntry, outbox_item
from campaigns.store.items import keys
from campaigns.store.tables.table import ABSENT, ConditionFailed, Operation, Put, Table
from campaigns.telemetry.instruments import code_of
from campaigns.telemetry.measures import milliseconds

P = ParamSpec("P")
T = TypeVar("T")

trail = logging.getLogger("campaigns.audit")
"""One record for every entry of an audit trail, with its fields; metrics are drawn from it (`operations.watching`)."""

ATTEMPTS: Final = 64


def attempts() -> Iterator[int]:
    """Yield the numbers of the attempts at a contended write, with a jittered pause before each repetition.

    Raises:
        StoreUnavailableError: after the last one. Nothing was written.
    """
    for number in range(ATTEMPTS):
        if number:
            # Jitter only spreads competing writers; it is no secret.
            time.sleep(random.uniform(0, grown(number, first=0.001, longest=0.05)))  # noqa: S311  # no secret
        yield number
    raise StoreUnavailableError("too many writers at once")


def anew_after(lost: type[Exception]) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Return the decorator of a write that is done anew, from what it reads on, when another writer was faster.

    Args:
        lost: what it raises then.
    """

    def decorated(write: Callable[P, T]) -> Callable[P, T]:
        @wraps(write)
        def until_it_holds(*args: P.args, **kwargs: P.kwargs) -> T:
            for _ in attempts():
                with suppress(lost):
                    return write(*args, **kwargs)
            raise AssertionError  # `attempts` ends by raising

        return until_it_holds

    return decorated


contended: Final = anew_after(ConditionFailed)


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
    fact was enqueued before is left as it is; one that belongs to no story yet, to that of the campaign.

    Raises:
        LeaseLostError: the fence's owner no longer holds the campaign.
        ConditionFailed: a condition of `operations` does not hold; positions are those of `operations`.
    """
    waiting = list(outbox)
    for _ in attempts():
        head = table.get(keys.audit_head(tenant_id, campaign_id)) if facts else None
        story = head.get("correlation") if head else correlation.current.get()
        entries = [Put(outbox_item(entry.of_story(story)), ABSENT) for entry in waiting]
        fences = [fence.check()] if fence else []
        try:
            table.write(*operations, *fences, *entries, *append_operations(tenant_id, campaign_id, head, facts, story))
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
                _tell(tenant_id, campaign_id, fact, story)
            return


def _tell(tenant_id: str, campaign_id: str, fact: Fact, story: str | None) -> None:
    """Log what the trail now holds, without what people wrote. After the write: nothing is told that did not happen.

    The line belongs to the story of the campaign, whoever did it; what it was done for otherwise stands beside it.
    """
    mine = correlation.current.get()
    trail.info(
        "%s %s",
        fact.action,
        fact.to_status or "",
        extra={
            "tenant_id": tenant_id,
            "campaign_id": campaign_id,
            "correlation_id": story or mine,
            "requestId": mine if story and mine != story else None,
            "action": fact.action,
            "actor": fact.actor,
            "from_status": fact.from_status,
            "to_status": fact.to_status,
            "round": fact.round,
            "outcome": fact.details.get("outcome"),
            "code": code_of(fact.reason) if fact.to_status == CampaignStatus.FAILED else None,
            "milliseconds": milliseconds(fact.at - fact.since) if fact.since is not None else None,
        },
    )
