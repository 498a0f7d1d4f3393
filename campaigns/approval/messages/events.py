"""What Prefect's event stream is told of a round while no run of the campaign is under way: kept in the outbox."""

from datetime import datetime
from typing import Any, Final, Literal

from campaigns.store import OutboxEntry

TELL: Final = "tell"
"""Prefect is told of something that was recorded."""

What = Literal["review.reminded", "review.expired"]
"""Not that a link was opened: scanners open links too, and that leaves its entry in the audit and nothing else."""


def told_to_prefect(
    what: What, tenant_id: str, campaign_id: str, n: int, *fact: object, at: datetime, **facts: Any
) -> OutboxEntry:
    """Return the entry of an event about round n, told once for each fact; written with what it tells of.

    Args:
        facts: numbers and names, no words of users.
    """
    return OutboxEntry.about(
        TELL, tenant_id, campaign_id, n, what, *fact,
        due_at=at, payload={"what": what, "at": at.isoformat(), "facts": {"round": n, **facts}},
    )  # fmt: skip
