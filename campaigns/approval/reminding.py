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
from campaigns.rules.approval.reminders import reminders_at
from campaigns.store import OutboxEntry, Store

log = logging.getLogger("campaigns.approval.reminding")

TEAM_IS_TOLD_EVERY: Final = timedelta(hours=24)
"""How often the people who run a campaign hear that it still waits."""

LAST_REMINDER: Final = timedelta(hours=4)
"""This long before the end they hear it too, whatever the day's heartbeat said."""


def remind_due(store: Store, *, now: datetime, limit: int = 500) -> int:
    """Put the reminders and heartbeats that are due at `now` into the outbox; return how many.

    Only those who have not decided are reminded, never between 20:00 and 07:00 of their own time.
    """
    reminded = 0
    for round_ in store.approvals.pending(limit=limit):
        if now >= round_.expires_at:
            continue  # its end is `expiry`'s business
        try:
            reminded += _enqueue(store, round_, now)
        except (ValueError, LookupError):  # a document that nobody can read: the others are reminded all the same
            log.exception("nobody can be reminded of round %s of campaign %s", round_.n, round_.campaign_id)
    return reminded


def _enqueue(store: Store, round_: ApprovalRound, now: datetime) -> int:
    due = _due(store, round_, now)
    if not due:
        return 0
    known = {entry.id for entry in store.outbox.of(round_.tenant_id, round_.campaign_id)}
    new = [entry for entry in due if entry.id not in known]
    store.outbox.add(new)
    return len(new)


def _due(store: Store, round_: ApprovalRound, now: datetime) -> list[OutboxEntry]:
    try:
        zone = store.campaigns.get(round_.tenant_id, round_.campaign_id).schedule.zone
    except NotFoundError:
        return []
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
