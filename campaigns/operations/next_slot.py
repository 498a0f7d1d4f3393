"""What is made up for when a template comes again: the occurrence before, where its posts could not be written.

Only by the policy `retry_next_slot`, once for each, and beside the occurrence that is due: neither waits for the other.
"""

from datetime import datetime
from typing import Final

from campaigns.errors import FaultsError, NotDueError
from campaigns.model.library.template import Occurrence, OccurrenceStatus, Template
from campaigns.model.terms.approval_terms import Approver
from campaigns.model.vocabulary import CampaignStatus
from campaigns.operations.recurring import ACTOR, due_in, occur
from campaigns.rules.recurrence.rule import Due
from campaigns.store import Store, if_there

_LOOKED_BACK: Final = 24


def made_up_for(
    store: Store,
    template: Template,
    due: Due,
    *,
    now: datetime,
    default_approver: Approver | None = None,
    correlation_id: str | None = None,
) -> Occurrence | None:
    """Make the occurrence before `due` once more, if its campaign failed before anybody was asked about it.

    Its window is cut where the approval needs the time, and where too little is left of it, it is skipped with the
    reason. None: nothing failed, or the template says `alert`. A repeated call returns what was made.
    """
    if template.policies.generation_failed != "retry_next_slot":
        return None
    failed = _failed_before(store, template, due)
    if failed is None:
        return None
    try:
        again = due_in(template, failed.period)
    except (FaultsError, NotDueError):  # the template was changed since: it does not come in that period any more
        return None
    return occur(
        store, template, again,
        now=now, actor=ACTOR, by_hand=True, n=failed.n + 1,
        default_approver=default_approver, correlation_id=correlation_id,
    )  # fmt: skip


def _failed_before(store: Store, template: Template, due: Due) -> Occurrence | None:
    """Return the occurrence before, where its campaign failed while it was built."""
    listed = store.occurrences.list(template.tenant_id, template.id, limit=_LOOKED_BACK).items
    before = [each for each in listed if each.scheduled_at < due.at and each.status is OccurrenceStatus.STARTED]
    first = next((each for each in before if each.n == 1), None)
    if first is None:
        return None
    if (campaign := if_there(store.campaigns.get, template.tenant_id, first.campaign_id)) is None:
        return None
    return first if campaign.status is CampaignStatus.FAILED and campaign.round == 0 else None
