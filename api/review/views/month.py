"""The month as a picture, as values for `month.html`: on the review page, and on a page for the team."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

from campaigns.model.library.persona import Persona
from campaigns.model.post import Post
from campaigns.model.vocabulary import PLATFORM_NAMES, PLATFORMS, ReviewState
from campaigns.rules.calendar.month import months_of
from campaigns.texts import Words


@dataclass(frozen=True, slots=True)
class PostOfMonth:
    """A post in a day."""

    post_id: str
    number: int
    iso: str
    clock: str
    platform: str
    place: int
    platform_name: str
    who: str
    speaker: int
    topic: str
    campaign: str
    approved: bool
    findings: bool


@dataclass(frozen=True, slots=True)
class DayOfGrid:
    """A day; one outside of its month is empty."""

    iso: str
    number: int
    title: str
    inside: bool
    slots: list[PostOfMonth]


@dataclass(frozen=True, slots=True)
class MonthGrid:
    """A month: its title, the days of the week (short and long), and its weeks."""

    title: str
    head: list[tuple[str, str]]
    weeks: list[list[DayOfGrid]]


def grids(
    posts: Sequence[Post],
    words: Words,
    zone: ZoneInfo,
    *,
    personas: Mapping[str, Persona],
    order: Sequence[str],
    campaigns: Mapping[str, str] | None = None,
    month: date | None = None,
) -> list[MonthGrid]:
    """Return the months of posts in a reader's language.

    Args:
        order: ids of personas; the place of each chooses its filter.
        campaigns: names by id, where posts of several are shown.
        month: see `months_of`.
    """

    def slot(post: Post) -> PostOfMonth:
        persona = personas.get(post.persona_id)
        return PostOfMonth(
            post_id=post.id,
            number=post.number,
            iso=post.scheduled_at.isoformat(),
            clock=words.clock(post.scheduled_at, zone),
            platform=post.platform,
            place=PLATFORMS.index(post.platform),
            platform_name=PLATFORM_NAMES[post.platform],
            who=persona.name if persona else "",
            speaker=order.index(post.persona_id) if post.persona_id in order else 0,
            topic=post.topic,
            campaign=(campaigns or {}).get(post.campaign_id, ""),
            approved=post.review.state is ReviewState.APPROVED,
            findings=bool(post.quality and post.quality.checks),
        )

    return [
        MonthGrid(
            title=words.month(found.first),
            head=[words.weekday(day.date) for day in found.weeks[0]],
            weeks=[
                [
                    DayOfGrid(
                        day.date.isoformat(),
                        day.date.day,
                        words.short_day(day.date),
                        day.inside,
                        [slot(post) for post in day.posts],
                    )
                    for day in week
                ]
                for week in found.weeks
            ],
        )
        for found in months_of(posts, zone, first_weekday=words.first_weekday, month=month)
    ]
