"""What a person should know about a calendar that is not as the brief asked (domain.md section 14, rules 3, 5, 11)."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from campaigns.model.brief import CampaignBrief
from campaigns.model.post import Slot
from campaigns.model.vocabulary import PLATFORM_NAMES
from campaigns.rules.calendar.slots.demand import Terms
from campaigns.rules.calendar.slots.timeline import Timeline
from campaigns.rules.calendar.slots.voices import Voice, posts_by_share
from campaigns.rules.merge.config import MergedConfig


def count_warnings(terms: Terms, line: Timeline, counts: Sequence[int]) -> Iterator[str]:
    """Weeks below their minimum, and fewer posts in all than the cadence aims at."""
    for week, count in zip(line.weeks, counts, strict=True):
        if count < terms.needed(week):
            yield f"the week of {week.monday} is cut into and has {count} posts instead of {terms.needed(week)}"
    aims = sum(terms.wanted(week) for week in line.weeks)
    if sum(counts) < aims:
        yield f"{sum(counts)} posts are planned; the cadence aims at {aims}"


def share_warnings(
    config: MergedConfig, voices: Sequence[Voice], why: str = "posts of one persona keep four hours"
) -> Iterator[str]:
    """Personas and platforms that are left out, or have another number of posts than their share, and why."""
    total = len(voices)
    people = [(rules.name, rules.persona_id, rules.share.value) for rules in config.personas]
    places = [(PLATFORM_NAMES[rules.platform], rules.platform, rules.share.value) for rules in config.platforms]
    got = [voice.persona_id for voice in voices] + [voice.platform for voice in voices]
    for group in (people, places):
        asked = posts_by_share(total, [weight for _, _, weight in group])
        for (name, key, weight), expected in zip(group, asked, strict=True):
            count = got.count(key)
            if count != expected:
                yield f"{name} has {count} posts instead of {expected}: {why}"
            elif count == 0:
                reason = "its share is 0" if weight == 0 else f"{total} posts are too few for everybody"
                yield f"{name} has no post: {reason}"


def lead_warnings(brief: CampaignBrief, slots: Sequence[Slot], not_before: datetime | None) -> Iterator[str]:
    """Posts that are due before the approvers' time and one hour are over, counted from the moment of planning."""
    if not_before is None:
        return
    hours = sum(stage.expires_in_hours for stage in brief.approval.in_stages)
    ready = not_before + timedelta(hours=hours + 1)
    early = sum(slot.scheduled_at < ready for slot in slots)
    if early:
        yield (
            f"{early} of {len(slots)} posts are due before {hours} hours for the approval and one for the hand-over "
            "are over: what is not approved by then is not published"
        )
