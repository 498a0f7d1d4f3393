"""Reminders and the daily heartbeat of open rounds: what is due is put into the outbox, once.

`remind_due(store, now=…)` is for housekeeping, every minute or so. It may be repeated, be late or die half
way: an entry follows from its round, person and moment, so the same reminder never goes out twice, and
after a long silence only the latest one does.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from campaigns.approval.notice_kinds import REMINDER, STILL_WAITING, personal, to_the_team
from campaigns.errors import NotFoundError
from campaigns.model.approval import ApprovalRound, RoundApprover
from campaigns.rules.approval.reminders import LAST_REMINDER, TEAM_IS_TOLD_EVERY, reminders_at
from campaigns.store import OutboxEntry, Store

log = logging.getLogger("campaigns.approval.reminding")

REMIND_AGAIN: Final = timedelta(minutes=1)
"""A round that nobody could be told of is looked at so much later."""


def remind_due(store: Store, *, now: datetime, limit: int = 1000, rounds: Iterable[ApprovalRound] | None = None) -> int:
    """Put the reminders and heartbeats that are due at `now` into the outbox; return how many.

    Only those who have not decided are reminded, never between 20:00 and 07:00 of their own time.

    Args:
        rounds: those that are due, if they were read before.
    """
    reminded = 0
    for round_ in store.approvals.due(now, limit=limit) if rounds is None else rounds:
        if now >= round_.expires_at:
            continue  # its end is `expiry`'s business
        try:
            zone = store.campaigns.get(round_.tenant_id, round_.campaign_id, deleted=True).schedule.zone
            reminded += store.approvals.tell(round_, zone, now=now, outbox=_due(store, round_, zone, now))
        except (ValueError, LookupError, NotFoundError):  # a document that nobody can read: the others are reminded
            log.exception("nobody can be reminded of round %s of campaign %s", round_.n, round_.campaign_id)
            store.approvals.put_off(round_, until=now + REMIND_AGAIN)
    return reminded


def _due(store: Store, round_: ApprovalRound, zone: ZoneInfo, now: datetime) -> list[OutboxEntry]:
    decided = {each.approver_id for each in store.approvals.decisions(round_.tenant_id, round_.campaign_id, round_.n)}
    silent = [each for each in round_.approvers if each.id not in decided and not each.revoked]
    return [*_reminders(round_, silent, zone, now), *_heartbeat(round_, silent, now)]


def _reminders(
    round_: ApprovalRound, silent: Iterable[RoundApprover], zone: ZoneInfo, now: datetime
) -> list[OutboxEntry]:
    entries = []
    for approver in silent:
        theirs = ZoneInfo(approver.timezone) if approver.timezone else zone
        moments = reminders_at(round_.opened_at, round_.expires_at, round_.reminders, theirs)
        past = [moment for moment in moments if moment <= now]
        if past:
            ends = round_.expires_at.isoformat()
            entries.append(
                personal(REMINDER, round_, approver.id, ends, past[-1].isoformat(), due_at=past[-1], ends=ends)
            )
    return entries


def _heartbeat(round_: ApprovalRound, silent: list[RoundApprover], now: datetime) -> list[OutboxEntry]:
    if not silent:
        return []
    beats = (now - round_.opened_at) // TEAM_IS_TOLD_EVERY
    entries = [to_the_team(STILL_WAITING, round_, "day", beats, due_at=now)] if beats >= 1 else []
    last_call = round_.expires_at - LAST_REMINDER
    if round_.opened_at < last_call <= now:
        entries.append(to_the_team(STILL_WAITING, round_, "last", round_.expires_at.isoformat(), due_at=now))
    return entries
