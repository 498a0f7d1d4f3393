"""A round as an item of the table."""

from __future__ import annotations

from campaigns.model.approval import ApprovalRound
from campaigns.model.vocabulary import RoundStatus
from campaigns.store import keys
from campaigns.store.documents import item_of
from campaigns.store.table import Item


def round_item(round_: ApprovalRound) -> Item:
    key = keys.round_(round_.tenant_id, round_.campaign_id, round_.n)
    index = {}
    if round_.status is RoundStatus.PENDING:
        index = keys.indexed("due", keys.DUE_ROUNDS, round_.expires_at, round_.round_id)
    elif round_.status in {RoundStatus.DECIDED, RoundStatus.TIMED_OUT} and round_.decided_at is not None:
        index = keys.indexed("due", keys.ENDED_ROUNDS, round_.decided_at, round_.round_id)
    return item_of(key, "round", round_, version=round_.version, status=str(round_.status), **index)


def next_state(current: ApprovalRound, **changes: object) -> ApprovalRound:
    """Return the round after a write; its version orders everything that happens to it."""
    return current.model_copy(update={**changes, "version": current.version + 1})
