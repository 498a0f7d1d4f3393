"""When an approver is reminded of an open round, never at night (domain.md section 17)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from campaigns.model.schedule import local_instant

QUIET_FROM: Final = time(20)
QUIET_UNTIL: Final = time(7)
"""Nobody is reminded between these, in the approver's own time."""

_EVENING: Final = 19 * 60 + 30


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
