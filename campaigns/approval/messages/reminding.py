"""Reminders and the daily heartbeat of open rounds: what is due is put into the outbox, once.

`remind_due(store, now=…)` is for housekeeping, every minute or so. It may be repeated, be late or die half
way: an entry follows from its round, person and moment, so the same reminder never goes out twice, and
after a long silence only the latest one does.
"""

import logging
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from campaigns import correlation
from campaigns.approval.messages.digests import Telling, digested
from campaigns.approval.messages.notice_kinds import REMINDER, STILL_WAITING, personal, to_the_team
from campaigns.errors import NotFoundError
from campaigns.model.approval import ApprovalRound, RoundApprover
from campaigns.rules.approval.decisions import still_asked
from campaigns.rules.approval.reminders import LAST_REMINDER, TEAM_IS_TOLD_EVERY, reminders_at
from campaigns.store import OutboxEntry, Store

log = logging.getLogger("campaigns.approval.reminding")

REMIND_AGAIN: Final = timedelta(minutes=1)
"""Time until a round is looked at again when nobody could be notified."""


def remind_due(store: Store, *, now: datetime, rounds: Iterable[ApprovalRound] | None = None) -> int:
    """Put the reminders and heartbeats that are due at `now` into the outbox; return how many.

    Only those who have not decided are reminded, never between 20:00 and 07:00 of their own time.

    Args:
        rounds: those that are due, if they were read before.
    """
    tellings, reminded = list[Telling](), 0
    for round_ in store.approvals.due(now) if rounds is None else rounds:
        if now >= round_.expires_at:
            continue  # its end is `expiry`'s business
        try:
            campaign = store.campaigns.get(*round_.campaign_ref, deleted=True)
            zone, channels = campaign.schedule.zone, tuple(map(str, campaign.approval.channels))
            with correlation.bound(campaign.correlation_id):
                tellings.append(Telling(round_, zone, channels, tuple(_due(store, round_, zone, now))))
        except (ValueError, LookupError, NotFoundError):  # a document that nobody can read: the others are reminded
            _put_off(store, round_, now)
    for together in digested(store, tellings, now=now):
        try:
            if len(together) == 1:
                (alone,) = together
                reminded += store.approvals.tell(alone.round, alone.zone, now=now, outbox=alone.entries)
            else:
                told = [(each.round, each.zone, each.entries) for each in together]
                reminded += store.approvals.tell_together(told, now=now)
        except (ValueError, LookupError, NotFoundError):
            for each in together:
                _put_off(store, each.round, now)
    return reminded


def _put_off(store: Store, round_: ApprovalRound, now: datetime) -> None:
    log.exception("nobody can be reminded of round %s of campaign %s", round_.n, round_.campaign_id)
    store.approvals.put_off(round_, until=now + REMIND_AGAIN)


def _due(store: Store, round_: ApprovalRound, zone: ZoneInfo, now: datetime) -> list[OutboxEntry]:
    decisions = store.approvals.decisions(*round_.campaign_ref, round_.n)
    silent = still_asked(round_, decisions)
    again = {each.approver_id for each in decisions}
    return [*_reminders(round_, silent, again, zone, now), *_heartbeat(round_, silent, now)]


def _reminders(
    round_: ApprovalRound, silent: Iterable[RoundApprover], again: Collection[str], zone: ZoneInfo, now: datetime
) -> list[OutboxEntry]:
    """Return the reminders that are due; who is `again` asked has just heard of what was changed before."""
    entries = []
    for approver in silent:
        theirs = approver.zone(zone)
        moments = reminders_at(round_.opened_at, round_.expires_at, round_.reminders, theirs)
        heard = round_.changed_at if approver.id in again else None
        past = [moment for moment in moments if moment <= now and (heard is None or moment > heard)]
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
