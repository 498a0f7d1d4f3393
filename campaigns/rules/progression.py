"""A campaign's status is what its audit trail comes to (domain.md section 10)."""

from __future__ import annotations

from collections.abc import Iterable

from campaigns.errors import IntegrityError
from campaigns.model.approval import AuditEntry
from campaigns.model.campaign import TRANSITIONS
from campaigns.model.vocabulary import CampaignStatus


def status_of_trail(entries: Iterable[AuditEntry]) -> CampaignStatus | None:
    """Return the status after all entries, in their order; None before the campaign was created.

    Entries without a status (sent, opened, commented) change nothing.

    Raises:
        IntegrityError: an entry starts from another status than the one before ended in, takes a step
            that the status machine does not have, or creates the campaign in any status but planning.
    """
    status: CampaignStatus | None = None
    for entry in entries:
        if entry.to_status is None:
            continue
        if entry.from_status != status:
            raise IntegrityError(f"entry {entry.seq} starts from {entry.from_status}, the trail is at {status}")
        following = CampaignStatus(entry.to_status)
        if following not in (TRANSITIONS[status] if status else {CampaignStatus.PLANNING}):
            raise IntegrityError(f"entry {entry.seq} goes from {status} to {following}, which is no step")
        status = following
    return status
