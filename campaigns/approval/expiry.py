"""The end of rounds in which nobody decided in time (domain.md section 17, `onTimeout`).

`expire_due(store, now=…)` is for housekeeping, every minute or so. It races decisions with the same
conditional write: exactly one of "decided" and "timed out" is recorded, whoever comes first.
"""

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from campaigns.approval.rounds import follows
from campaigns.errors import NotFoundError
from campaigns.model.approval import ApprovalRound
from campaigns.rules.approval import gate
from campaigns.rules.approval.gate import Case, Change
from campaigns.store import Store

log = logging.getLogger("campaigns.approval.expiry")

ACTOR: Final = "housekeeping"
EXPIRE_AGAIN: Final = timedelta(minutes=1)
"""A round that could not be ended is tried again so much later."""


def expire_due(store: Store, *, now: datetime, rounds: Iterable[ApprovalRound] | None = None) -> int:
    """End or extend every round whose time is over at `now`, by its policy, and wake its run; return how many.

    `reject` ends it undecided, `approve` approves what nobody objected to and no check blocks (recorded
    as the policy's decision), `extend` gives the same time once more, with new links. May be repeated.

    Args:
        rounds: those that are due, if they were read before.
    """
    ended = 0
    for round_ in store.approvals.due(now) if rounds is None else rounds:
        if now < round_.expires_at:
            continue  # somebody is to hear of it: `reminding`'s business
        try:
            done = expire(store, round_, now) is not None
        except (ValueError, LookupError):  # a document that nobody can read: the other rounds end in time all the same
            log.exception("round %s of campaign %s cannot be ended", round_.n, round_.campaign_id)
            done = False
        if not done:
            store.approvals.put_off(round_, until=now + EXPIRE_AGAIN)
        ended += done
    return ended


def expire(store: Store, round_: ApprovalRound, now: datetime) -> ApprovalRound | None:
    """End or extend one round and return it as stored; None: its time is not over, or something else closed it."""

    def expired(case: Case) -> Change:
        posts = store.posts.list(*round_.campaign_ref)  # read anew at every attempt: until then they may be moved
        return gate.expire(case, posts=posts, actor=ACTOR, now=now)

    try:
        done = store.approvals.act(*round_.campaign_ref, round_.n, expired, follows=follows)
    except NotFoundError:
        return None
    return None if done.change.idle else done.round
