"""Whether the platform, and the house rules for it, take the post as it is."""

import re
from bisect import bisect_left
from collections.abc import Container, Iterator

from campaigns.model.post import Check, Post
from campaigns.model.vocabulary import PLATFORM_NAMES
from campaigns.rules.guardrails.reading import Reading, block, counted, host_of, warn
from campaigns.rules.text.limits.platforms import (
    SPARING,
    cashtags_in,
    handles_in,
    hashtags_in,
    length_note,
    links_in,
    measured,
    platform_rules,
    text_length,
)
from campaigns.rules.text.matching import Span

_WORD = re.compile(r"\w")


def empty(post: Reading) -> Iterator[Check]:
    bare = list(post.text)
    for start, end in [*links_in(post.text), *(span for _, span in [*hashtags_in(post.text), *handles_in(post.text)])]:
        bare[start:end] = " " * (end - start)
    if not _WORD.search("".join(bare)):
        yield block("EMPTY", "The post says nothing: it has no words besides links, hashtags and mentions.")


def too_long(post: Reading) -> Iterator[Check]:
    platform = post.policy.platform
    found = measured(platform, post.published)
    if not found.over:
        return
    alone = measured(platform, post.text)
    span: Span | None = None
    message = f"Too long: {length_note(platform, found)}. Shorten it by {found.over}."
    if alone.over:
        fits = bisect_left(
            range(len(post.text)), True, key=lambda end: measured(platform, post.text[: end + 1]).over > 0
        )
        span = (fits, len(post.text))
    else:
        length = text_length(platform, post.text) if found.unit == "characters" else len(post.text.encode())
        message += f" The text alone has {length}; link, mentions and hashtags add {found.length - length}."
    yield block("TOO_LONG", message, span)


def media(post: Reading) -> Iterator[Check]:
    name, rules = PLATFORM_NAMES[post.policy.platform], platform_rules(post.policy.platform).media
    if isinstance(post.post, Post):
        image, video = post.post.asset_requirements.image_required, post.post.asset_requirements.video_required
    else:
        image, video = post.post.visual == "image", post.post.visual == "video"
    if rules.required and not (image or video):
        yield block("PLATFORM_MEDIA_MISSING", f"{name} publishes nothing without an image or a video; plan one.")
    if image and video and not rules.mixed:
        yield block("PLATFORM_LIMIT", f"{name} takes images or a video, not both in one post.")


def platform_limits(post: Reading) -> Iterator[Check]:
    name, rules = PLATFORM_NAMES[post.policy.platform], platform_rules(post.policy.platform)
    for thing, number, most in [
        ("link", len(post.links), rules.urls.cap),
        ("mention", len(post.mentions), rules.mentions.cap),
        ("cashtag", len(cashtags_in(post.published)), rules.cashtag_cap),
    ]:
        if most is not None and number > most:
            yield block("PLATFORM_LIMIT", f"{counted(number, thing)}; {name} takes at most {most} in a post.")
    for address, span in post.links:
        host = host_of(address)
        if _belongs(host, rules.urls.refused_hosts):
            yield block("PLATFORM_LIMIT", f"{name} refuses posts with a link to {host}.", span)
    alt_text, most = post.content.alt_text or "", rules.alt_text_limit
    if most is not None and len(alt_text) > most:
        yield block("PLATFORM_LIMIT", f"The alt text has {len(alt_text)} characters; {name} takes {most}.")


def link_policy(post: Reading) -> Iterator[Check]:
    name = PLATFORM_NAMES[post.policy.platform]
    for address, span in post.links:
        if post.policy.link_policy == "never":
            yield block("LINK_POLICY", f"The brand puts no links into posts on {name}: {address}", span)
        elif post.policy.link_policy == "discouraged":
            yield warn("LINK_POLICY", f"The brand would rather not have links in posts on {name}: {address}", span)
        elif span is not None and not platform_rules(post.policy.platform).urls.clickable:
            yield warn("LINK_POLICY", f"Nobody can follow a link in a text on {name}; point to the profile.", span)


def link_known(post: Reading) -> Iterator[Check]:
    """`LINK_DEAD_DOMAIN`: a model invents addresses that look right, and they may be anybody's."""
    for address, span in post.links:
        host = host_of(address)
        if not _belongs(host, post.known_hosts):
            yield block(
                "LINK_DEAD_DOMAIN",
                f"{host or address} is not an address of the call to action, the references, the brief or the brand.",
                span,
            )


def _belongs(host: str, hosts: Container[str]) -> bool:
    """Whether a host is one of these, or below one of them."""
    labels = host.split(".")
    return any(".".join(labels[start:]) in hosts for start in range(len(labels)))


def emoji_policy(post: Reading) -> Iterator[Check]:
    most = {"none": 0, "sparing": SPARING}.get(post.policy.emoji_policy)
    if most is None or post.published.isascii():
        return
    found = emojis_in(post.text)
    number = len(found) + sum(len(emojis_in(tag)) for tag in post.content.hashtags)
    if number > most:
        allowed = "no emojis here" if most == 0 else f"at most {most} emojis"
        last = found[-1] if found else None
        yield block("EMOJI_POLICY", f"{counted(number, 'emoji')}; the rules allow {allowed}.", last)


def emojis_in(text: str) -> list[Span]:
    """Return where a reader sees emojis; the marks © ® ™ are text."""
    import emoji  # its table of sequences is large

    return [
        (found["match_start"], found["match_end"]) for found in emoji.emoji_list(text) if found["emoji"] not in "©®™"
    ]


def hashtag_policy(post: Reading) -> Iterator[Check]:
    platform = post.policy.platform
    cap = platform_rules(platform).hashtags.most
    policy_cap = {"none": 0, "sparing": SPARING}.get(post.policy.hashtag_policy)
    most = min((limit for limit in (cap, policy_cap) if limit is not None), default=None)
    number = len({tag.casefold() for tag in post.hashtags})
    if most is not None and number > most:
        allowed = "none" if most == 0 else f"at most {most}"
        yield block(
            "HASHTAG_POLICY", f"{counted(number, 'hashtag')}; allowed on {PLATFORM_NAMES[platform]}: {allowed}."
        )
    for tag in post.content.hashtags:
        if [found for found, _ in hashtags_in(f"#{tag.lstrip('#＃')}", platform)] != [tag.lstrip("#＃")]:
            yield block("HASHTAG_POLICY", f"#{tag} breaks: a hashtag is one word of letters, digits and underscores.")


def unknown_mention(post: Reading) -> Iterator[Check]:
    given = {
        handle.casefold()
        for text in post.sources
        for on in (None, post.policy.platform)
        for handle, _ in handles_in(text, on)
    }
    known = given | {handle.lstrip("@").casefold() for handle in post.policy.known_handles}
    for handle, span in post.mentions:
        if handle.casefold() not in known:
            yield block(
                "UNKNOWN_MENTION",
                f"@{handle} is not named in the brief or by the brand; it may belong to a stranger.",
                span,
            )
