"""What is wrong with that which a brief gives its posts to carry: scopes, hashtags, disclosures, items, length."""

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Final

from campaigns.errors import Fault
from campaigns.model.brief import Messaging
from campaigns.model.library.brand import Brand
from campaigns.model.terms.given import CampaignItem, Given, Handle, TrackedLink
from campaigns.model.terms.schedule import Schedule
from campaigns.model.vocabulary import PLATFORM_NAMES, Platform
from campaigns.rules.merge.merging import platform_defaults
from campaigns.rules.text.given import characters_given
from campaigns.rules.text.limits.platforms import (
    handles_in,
    hashtags_in,
    most_hashtags,
    platform_rules,
    text_length,
    text_limit,
)
from campaigns.rules.text.web.tracking import tracked

LEAST_WORDS: Final = 60
"""Characters that what stands in every post has to leave to its own words."""
_POST_ID: Final = "post_" + "0" * 26
_LONGEST_LINK: Final = 2000
"""Characters of a link that a post can have, its parameters among them."""

Clashes = Callable[[str], str]
"""Says which topics and words that somebody avoids a text touches; empty: none."""


def given_faults(
    messaging: Messaging,
    items: Sequence[CampaignItem | None],
    link: TrackedLink | None,
    *,
    platforms: Sequence[Platform],
    brand: Brand | None,
    schedule: Schedule | None,
    clashes: Clashes,
) -> Iterator[Fault]:
    """Yield the faults of the parts that say more than what and when, in the order of the form."""
    yield from _inclusions(messaging, platforms, schedule, clashes)
    yield from _hashtags(messaging, platforms, brand, clashes)
    for index, disclosure in enumerate(messaging.disclosures or []):
        field = f"messaging.disclosures[{index}]"
        yield from _selected(field, disclosure.platforms, platforms)
        yield from _avoided(f"{field}.text", disclosure.text, clashes)
    yield from _links(items, link)
    yield from _room(messaging, link, platforms)
    for index, item in enumerate(items):
        if item is None:
            continue
        field = f"items[{index}]"
        yield from _avoided(f"{field}.name", item.name, clashes)
        named = [handle.platform for handle in item.handles]
        yield from _handles(f"{field}.handles", item.handles)
        for place, platform in enumerate(named):
            if platform not in platforms:
                yield _not_selected(f"{field}.handles[{place}].platform", platform, platforms)
            elif platform in named[:place]:
                words = f"names a second handle on {PLATFORM_NAMES[platform]}"
                yield Fault(f"{field}.handles[{place}].platform", words, "NOT_UNIQUE")


def _handles(field: str, handles: Sequence[Handle]) -> Iterator[Fault]:
    """An address of a profile, or a name with blanks, is no mention: it would be published as it stands."""
    for place, each in enumerate(handles):
        mentioned = platform_rules(each.platform).mentions.form == "handle"
        if mentioned and [found for found, _ in handles_in(f"@{each.handle}", each.platform)] != [each.handle]:
            yield Fault(
                f"{field}[{place}].handle",
                f"{each.handle} is no handle on {PLATFORM_NAMES[each.platform]}: give it as it stands behind the @",
                "HANDLE_INVALID",
            )


def _selected(field: str, named: Sequence[Platform], selected: Sequence[Platform]) -> Iterator[Fault]:
    for place, platform in enumerate(named):
        if platform not in selected:
            yield _not_selected(f"{field}.platforms[{place}]", platform, selected)


def _not_selected(field: str, platform: Platform, selected: Sequence[Platform]) -> Fault:
    names = ", ".join(PLATFORM_NAMES[each] for each in selected)
    return Fault(
        field, f"{PLATFORM_NAMES[platform]} is not selected; the campaign is on {names}", "PLATFORM_NOT_SELECTED"
    )


def _avoided(field: str, text: str, clashes: Clashes) -> Iterator[Fault]:
    if found := clashes(text):
        yield Fault(field, f"touches {found}", "INCLUSION_AVOIDED")


def _inclusions(
    messaging: Messaging, platforms: Sequence[Platform], schedule: Schedule | None, clashes: Clashes
) -> Iterator[Fault]:
    for index, inclusion in enumerate(messaging.inclusions or []):
        field = f"messaging.inclusions[{index}]"
        yield from _avoided(f"{field}.text", inclusion.text, clashes)
        yield from _selected(field, inclusion.platforms, platforms)
        places = [each for each in platforms if not inclusion.platforms or each in inclusion.platforms]
        cramped = [each for each in places if text_length(each, inclusion.text) > text_limit(each)]
        if cramped and (inclusion.scope == "every_post" or cramped == places):
            limits = ", ".join(f"{PLATFORM_NAMES[each]} holds {text_limit(each)}" for each in cramped)
            yield Fault(f"{field}.text", f"is too long: {limits}", "INCLUSION_TOO_LONG")
        if schedule is None:
            continue
        first = schedule.starts_at().astimezone(schedule.zone).date()
        last = (schedule.ends_at() - timedelta(microseconds=1)).astimezone(schedule.zone).date()
        if (inclusion.from_ and inclusion.from_ > last) or (inclusion.until and inclusion.until < first):
            end = "from" if inclusion.from_ and inclusion.from_ > last else "until"
            yield Fault(
                f"{field}.{end}",
                f"holds on no day of the campaign, which goes from {first} to {last}",
                "INCLUSION_NEVER",
            )


def _hashtags(
    messaging: Messaging, platforms: Sequence[Platform], brand: Brand | None, clashes: Clashes
) -> Iterator[Fault]:
    given = messaging.hashtags or []
    for index, each in enumerate(given):
        field = f"messaging.hashtags[{index}]"
        if [found for found, _ in hashtags_in(f"#{each.tag}")] != [each.tag]:
            yield Fault(
                f"{field}.tag",
                f"#{each.tag} breaks: a hashtag is one word of letters, digits and underscores",
                "HASHTAG_INVALID",
            )
        yield from _avoided(f"{field}.tag", each.tag, clashes)
        yield from _selected(field, each.platforms, platforms)
    for platform in platforms:
        policy = platform_defaults(brand, platform).hashtag_policy
        most, count = most_hashtags(platform, policy), sum(each.holds(platform) for each in given)
        if count > most and (policy != "allowed" or platform_rules(platform).hashtags.most is not None):
            yield Fault(
                "messaging.hashtags",
                f"gives {PLATFORM_NAMES[platform]} {count}, which takes {most} (hashtags are {policy} there): "
                f"leave it out of the platforms of {count - most}",
                "HASHTAGS_TOO_MANY",
            )


def _told_apart(url: str, link: TrackedLink, platform: str) -> str:
    return tracked(url, platform=platform, campaign=link.campaign or "", post_id=_POST_ID)


def _links(items: Sequence[CampaignItem | None], link: TrackedLink | None) -> Iterator[Fault]:
    """A link takes its parameters along: letters outside ASCII are up to twelve characters each there."""
    if link is None:
        return
    urls = {"trackedLink.url": link.url} | {
        f"items[{index}].link": item.link for index, item in enumerate(items) if item and item.link
    }
    for field, url in urls.items():
        length = len(_told_apart(url, link, max(PLATFORM_NAMES, key=len)))
        if length > _LONGEST_LINK:
            yield Fault(
                field,
                f"must have at most {_LONGEST_LINK} characters with its parameters, not {length}: "
                "shorten it, or the campaign in the statistics",
                "TOO_LONG",
            )


def _room(messaging: Messaging, link: TrackedLink | None, platforms: Sequence[Platform]) -> Iterator[Fault]:
    """What stands in every post must leave room for words."""
    for platform in platforms:
        on = [
            each.text
            for each in messaging.inclusions or []
            if each.scope == "every_post" and (not each.platforms or platform in each.platforms)
        ]
        clickable = platform_rules(platform).urls.clickable
        address = _told_apart(link.url, link, platform) if link and clickable else None
        given = Given(
            hashtags=[each.tag for each in messaging.hashtags or [] if each.holds(platform)],
            disclosures=[each.text for each in messaging.disclosures or [] if each.holds(platform)],
            link=address if address and len(address) <= _LONGEST_LINK else None,
        )
        taken = characters_given(given, platform) + sum(text_length(platform, text) + 1 for text in on)
        limit = text_limit(platform)
        if taken > limit - LEAST_WORDS and taken > 1:
            yield Fault(
                "messaging",
                f"what stands in every post on {PLATFORM_NAMES[platform]} takes {taken} of {limit} characters: "
                f"leave {LEAST_WORDS} to its words",
                "GIVEN_TOO_LONG",
            )
