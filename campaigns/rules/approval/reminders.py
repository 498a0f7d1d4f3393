"""When people hear of an open round: reminders, never at night, a heartbeat each day, a last call (domain.md 17)."""

from collections.abc import Iterable
from datetime import datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from campaigns.model.approval import ApprovalRound
from campaigns.model.terms.schedule import local_instant

TEAM_IS_TOLD_EVERY: Final = timedelta(hours=24)
"""How often the people who run a campaign hear that it still waits."""
LAST_REMINDER: Final = timedelta(hours=4)
"""This long before the end they hear it too, whatever the day's heartbeat said."""

QUIET_FROM: Final = time(20)
QUIET_UNTIL: Final = time(7)
"""Nobody is reminded between these, in the approver's own time."""

_EVENING: Final = 19 * 60 + 30


def next_moment(round_: ApprovalRound, zone: ZoneInfo) -> datetime:
    """Return when something is to be done next about an open round: somebody hears of it, or it ends.

    Args:
        zone: of the campaign, for approvers who have none of their own.
    """
    told = round_.told_until or round_.opened_at
    moments = [round_.expires_at, told + TEAM_IS_TOLD_EVERY - (told - round_.opened_at) % TEAM_IS_TOLD_EVERY]
    moments.append(round_.expires_at - LAST_REMINDER)
    for theirs in {each.timezone for each in round_.approvers if not each.revoked}:
        own = ZoneInfo(theirs) if theirs else zone
        moments += reminders_at(round_.opened_at, round_.expires_at, round_.reminders, own)
    return min((moment for moment in moments if told < moment < round_.expires_at), default=round_.expires_at)


def reminders_at(opened_at: datetime, ends_at: datetime, hours_before: Iterable[int], zone: ZoneInfo) -> list[datetime]:
    """Return when an approver in this zone is reminded, in order (UTC); none outside of the round.

    A reminder that falls into the quiet hours waits for the morning; where the round is over by then,
    it comes the evening before.
    """
    wanted = (ends_at - timedelta(hours=hours) for hours in hours_before)
    moved = (_out_of_the_night(moment, ends_at, zone) for moment in wanted if moment > opened_at)
    return sorted({moment for moment in moved if opened_at < moment < ends_at})


def _out_of_the_night(moment: datetime, ends_at: datetime, zone: ZoneInfo) -> datetime:
    local = moment.astimezone(zone)
    if QUIET_UNTIL <= local.time() < QUIET_FROM:
        return moment
    late = local.time() >= QUIET_FROM
    morning = local_instant(local.date() + timedelta(days=1 if late else 0), QUIET_UNTIL.hour * 60, zone)
    if morning < ends_at:
        return morning
    return local_instant(local.date() - timedelta(days=0 if late else 1), _EVENING, zone)
