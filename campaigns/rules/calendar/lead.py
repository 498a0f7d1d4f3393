"""Whether an approval in stages can be had before the first post, counted backwards from it (domain.md 14, rule 11).

Every change that is named was tried: with it alone, the stages fit.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from campaigns.errors import Fault, ImpossibleBriefError
from campaigns.model.brief import CampaignBrief
from campaigns.model.terms.schedule import MAX_SPAN_DAYS
from campaigns.model.vocabulary import DAYS
from campaigns.rules.calendar.building import plan_calendar
from campaigns.rules.merge.config import MergedConfig
from campaigns.rules.merge.explain import plan_version

BEFORE_FIRST_POST: Final = timedelta(hours=1)
"""The last stage ends this long before the first post."""


def too_late_for_stages(brief: CampaignBrief, config: MergedConfig, now: datetime) -> list[Fault]:
    """Return why the stages of a brief have no time before its first post; nothing for a brief without stages.

    The calendar must be possible.
    """
    stages = brief.approval.stages
    if not stages:
        return []
    hours = sum(stage.expires_in_hours for stage in stages)
    ready = now + timedelta(hours=hours) + BEFORE_FIRST_POST
    first = _first_post(brief, config, now)
    if first is None or first >= ready:
        return []
    left = max(0, (first - BEFORE_FIRST_POST - now) // timedelta(hours=1))
    zone = brief.schedule.zone
    asked = " + ".join(f"{stage.name} {stage.expires_in_hours}" for stage in stages)
    words = (
        f"need {hours} hours ({asked}) and one for the hand-over before the first post, which is due "
        f"{first.astimezone(zone):%Y-%m-%d %H:%M}: {left} hours are left"
    )
    changes = list(_start_later(brief, config, now, ready))
    if left >= len(stages):
        changes.append(f"give the stages {left} hours in all")
    helps = f". To make it possible: {', or '.join(changes)}" if changes else ""
    return [Fault("approval.stages", words + helps, "STAGES_TOO_LONG")]


def _first_post(brief: CampaignBrief, config: MergedConfig, now: datetime) -> datetime | None:
    calendar = plan_calendar(brief, config, seed=plan_version(brief, config), not_before=now)
    return min((slot.scheduled_at for slot in calendar.slots), default=None)


def _start_later(brief: CampaignBrief, config: MergedConfig, now: datetime, ready: datetime) -> Iterator[str]:
    """Name the first day on which the brief could start with everything else as it is."""
    schedule = brief.schedule
    day = ready.astimezone(schedule.zone).date()
    for days in range(MAX_SPAN_DAYS):
        start = day + timedelta(days=days)
        later = brief.model_copy(update={"schedule": schedule.model_copy(update={"start_date": start})})
        if later.schedule.starts_at() >= schedule.ends_at():
            return
        try:
            first = _first_post(later, config, now)
        except ImpossibleBriefError:
            continue
        if first is not None and first >= ready:
            yield f"start on {DAYS[start.weekday()].capitalize()} {start.isoformat()}"
            return
