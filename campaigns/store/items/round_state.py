"""A round as an item of the table."""

from datetime import datetime
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from campaigns.model.approval import ApprovalRound
from campaigns.model.vocabulary import RoundStatus
from campaigns.rules.approval.decisions import everything_passed
from campaigns.rules.approval.reminders import next_moment
from campaigns.store.items import keys
from campaigns.store.items.documents import item_of
from campaigns.store.items.keys import Due
from campaigns.store.tables.table import Item

_UTC: Final = ZoneInfo("UTC")


def round_item(round_: ApprovalRound, zone: ZoneInfo = _UTC) -> Item:
    """Return the item of a round; an open one is due when something is to be done about it next.

    Args:
        zone: of its campaign, by which approvers are reminded who have none of their own.
    """
    key = keys.round_(*round_.campaign_ref, round_.n)
    index = {}
    if round_.status is RoundStatus.PENDING:
        index = keys.due(Due.ROUNDS, next_moment(round_, zone), key)
    elif round_.status in {RoundStatus.DECIDED, RoundStatus.TIMED_OUT} and round_.decided_at is not None:
        index = keys.due(Due.ENDED_ROUNDS, round_.decided_at, key, says=how_it_ended(round_))
    return item_of(key, "round", round_, version=round_.version, status=str(round_.status), **index)


class End(StrEnum):
    """How a round ended, as the rates count it."""

    RAN_OUT = "ran-out"
    """Nobody decided in time, whatever the policy made of that."""
    DECIDED = "decided"
    PASSED = "passed"
    """Nobody was asked: the policy of the brand lets everything pass."""


def how_it_ended(round_: ApprovalRound) -> End:
    if everything_passed(round_):
        return End.PASSED
    ran_out = round_.ran_out_at is not None or round_.status is RoundStatus.TIMED_OUT
    return End.RAN_OUT if ran_out else End.DECIDED


def ran_out_item(round_: ApprovalRound, at: datetime) -> Item:
    """Return what notes that the time of a round was over, although it went on."""
    key = keys.ran_out(*round_.campaign_ref, round_.n)
    return {**key._asdict(), "kind": "ran-out", **keys.due(Due.ENDED_ROUNDS, at, key, says=End.RAN_OUT)}


def next_state(current: ApprovalRound, **changes: object) -> ApprovalRound:
    """Return the round after a write; its version orders everything that happens to it."""
    return current.model_copy(update={**changes, "version": current.version + 1})


def next_open_state(before: ApprovalRound, after: ApprovalRound) -> ApprovalRound:
    """Return the round after an act. A new deadline starts its reminders anew."""
    return next_state(after, **({"told_until": None} if after.expires_at != before.expires_at else {}))
