"""What the brief gives each post to carry: scoped inclusions, hashtags, disclosures, items, a link."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from campaigns.model.brief import CampaignBrief
from campaigns.model.terms.given import CampaignItem, Given, Inclusion, Near
from campaigns.model.terms.key_dates import KeyDate
from campaigns.model.vocabulary import Platform
from campaigns.rules.merge.config import MergedConfig
from campaigns.rules.text.limits.platforms import platform_rules


@dataclass(frozen=True, slots=True)
class Place:
    """Where and when one post stands: its platform and its day in the campaign's zone."""

    platform: Platform
    day: date


def scoped_inclusions(
    inclusions: Sequence[Inclusion], places: Sequence[Place], assigned: Sequence[Sequence[str]]
) -> list[list[str]]:
    """Return the inclusions of each post with the scoped ones: in every post of their scope, or in one.

    One that is said once goes to the post in the middle of its scope that has the fewest others.

    Args:
        assigned: what the posts are given already.
    """
    given = [list(each) for each in assigned]
    for inclusion in inclusions:
        fitting = [index for index, place in enumerate(places) if inclusion.holds(place.platform, place.day)]
        if inclusion.scope == "once" and fitting:
            aim = fitting[len(fitting) // 2]
            fitting = [min(fitting, key=lambda index: (len(given[index]), abs(index - aim), index))]
        for index in fitting:
            if inclusion.text not in given[index]:
                given[index].append(inclusion.text)
    return given


def items_of(items: Sequence[CampaignItem], free: Sequence[int]) -> dict[int, CampaignItem]:
    """Return the item of each post that has one, spread evenly over the posts that are free, in order.

    Args:
        free: the posts, in order of time, that are about nothing of their own; as many as items at least.
    """
    ordered = sorted(items, key=lambda item: -(item.weight or 0))
    return {free[(2 * index + 1) * len(free) // (2 * len(ordered))]: item for index, item in enumerate(ordered)}


def givens_of(
    brief: CampaignBrief,
    config: MergedConfig,
    places: Sequence[Place],
    items: dict[int, CampaignItem],
    about: Sequence[str | None],
) -> list[Given | None]:
    """Return what each post carries, None: nothing of its own.

    Args:
        about: the label of the key date that each post is about.
    """
    given = [
        _given(brief, config, place, items.get(index)).model_copy(
            update={"about": about[index], "key_dates": near(brief.key_dates or [], place.day)}
        )
        for index, place in enumerate(places)
    ]
    return [None if each == Given() else each for each in given]


def _given(brief: CampaignBrief, config: MergedConfig, place: Place, item: CampaignItem | None) -> Given:
    messaging = brief.messaging
    return Given(
        item=item,
        hashtags=[each.tag for each in messaging.hashtags or [] if each.holds(place.platform)],
        disclosures=[each.text for each in messaging.disclosures or [] if each.holds(place.platform)],
        not_said=_not_said(brief, place.day),
        link=link_of(brief, config, place.platform, item),
    )


def _not_said(brief: CampaignBrief, day: date) -> list[str]:
    inclusions = brief.messaging.inclusions or []
    return [each.text for each in inclusions if each.scope == "every_post" and not each.in_time(day)]


def given_on(
    brief: CampaignBrief, given: Given | None, required: Sequence[str], day: date
) -> tuple[Given | None, list[str]]:
    """Return what a post carries that goes out on another day than it was planned for.

    Args:
        required: its inclusions; those that hold on other days only are not among them any more.
    """
    there = (given or Given()).model_copy(
        update={"key_dates": near(brief.key_dates or [], day), "not_said": _not_said(brief, day)}
    )
    return None if there == Given() else there, [each for each in required if each not in there.not_said]


def near(key_dates: Sequence[KeyDate], day: date) -> list[Near]:
    """Return all key dates as they stand to the day of a post."""
    return [
        Near(
            label=each.label,
            date=each.date,
            when="ahead" if day < each.date else "today" if day == each.date else "over",
        )
        for each in key_dates
    ]


def link_of(brief: CampaignBrief, config: MergedConfig, platform: Platform, item: CampaignItem | None) -> str | None:
    """Return the link of a post, before it is told apart by post; None where a link is dead text, or not wanted."""
    url = (item.link if item else None) or (brief.tracked_link.url if brief.tracked_link else None)
    clickable = platform_rules(platform).urls.clickable
    return url if clickable and config.platform_rules(platform).link_policy.value != "never" else None


def scope_warnings(inclusions: Sequence[Inclusion], places: Sequence[Place]) -> Iterator[str]:
    """Inclusions that stand in no post."""
    for inclusion in inclusions:
        if not any(inclusion.holds(place.platform, place.day) for place in places):
            yield f"“{inclusion.text}” stands in no post: none is planned within its platforms and days"
