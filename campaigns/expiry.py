"""The end of rounds in which nobody decided in time (domain.md section 17, `onTimeout`).

`expire_due(store, now=…)` is for housekeeping, every minute or so. It races decisions with the same
conditional write: exactly one of "decided" and "timed out" is recorded, whoever comes first.
"""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Final

from campaigns.approvals import RING
from campaigns.errors import ConflictError, NotFoundError, RoundClosedError
from campaigns.model.approval import ApprovalRound
from campaigns.model.vocabulary import RoundStatus
from campaigns.notice_kinds import EXPIRED, to_the_team
from campaigns.resending import extend_round
from campaigns.rules.decisions import LAST_CALL, expires_at, extends, timeout_outcome
from campaigns.store import OutboxEntry, Store

log = logging.getLogger("campaigns.expiry")

ACTOR: Final = "housekeeping"


def expire_due(store: Store, *, now: datetime, limit: int = 100) -> int:
    """End or extend every round whose time is over at `now`, by its policy, and wake its run; return how many.

    `reject` ends it undecided, `approve` approves what nobody objected to and no check blocks (recorded
    as the policy's decision), `extend` gives the same time once more, with new links. May be repeated.
    """
    ended = 0
    for round_ in store.approvals.due(now, limit=limit):
        try:
            ended += expire(store, round_, now) is not None
        except (ValueError, LookupError):  # a document that nobody can read: the other rounds end in time all the same
            log.exception("round %s of campaign %s cannot be ended", round_.n, round_.campaign_id)
    return ended


def expire(store: Store, round_: ApprovalRound, now: datetime) -> ApprovalRound | None:
    """End or extend one round and return it as stored; None: its time is not over, or something else closed it."""
    try:
        current = store.approvals.round(round_.tenant_id, round_.campaign_id, round_.n)
    except NotFoundError:
        return None
    if current.status is not RoundStatus.PENDING or now < current.expires_at:
        return None
    if extends(current) and (longer := _extended(store, current, now)) is not None:
        return longer
    bell = OutboxEntry.about(
        RING, current.tenant_id, current.campaign_id, current.n, due_at=now, payload={"round": current.n}
    )
    try:
        ended = store.approvals.time_out(
            current.tenant_id, current.campaign_id, current.n,
            at=now, actor=ACTOR, rule=timeout_outcome,
            outbox=[bell, to_the_team(EXPIRED, current, due_at=now)],
        )  # fmt: skip
    except ConflictError:
        return None  # extended in this moment
    return ended if ended.status is RoundStatus.TIMED_OUT and ended.decided_at == now else None


def _extended(store: Store, current: ApprovalRound, now: datetime) -> ApprovalRound | None:
    """Return the round with as much time again; None where its first post leaves none."""
    posts = store.posts.list(current.tenant_id, current.campaign_id)
    first_post = min(post.scheduled_at for post in posts if post.id in current.posts)
    hours = max(1, round((current.expires_at - current.opened_at).total_seconds() / 3600))
    until = expires_at(now, hours=hours, first_post=first_post)
    if first_post - LAST_CALL <= now or until <= current.expires_at:
        return None
    try:
        longer = extend_round(
            store, current.tenant_id, current.campaign_id, current.n,
            until=until, actor=ACTOR, reason="nobody decided in time: extended once, as agreed", now=now, ran_out=True,
        )  # fmt: skip
    except (ConflictError, RoundClosedError):
        return None
    store.outbox.add([to_the_team(EXPIRED, longer, until.isoformat(), due_at=now)])
    return longer
