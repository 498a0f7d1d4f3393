"""What each platform takes: its limits, how it counts, and how a post reads on it (domain.md section 16).

The limits stand with date and source in a file per platform (`campaigns/model/platforms`), because they move:
Instagram went from 30 hashtags to 5 on 19 December 2025. The files name grammars and a way to count; here is what
those names mean.
"""

import re
import unicodedata
from functools import lru_cache
from typing import Final, Literal, NamedTuple

import regex

from campaigns.model.platforms import PLATFORM_FILES, PlatformRules
from campaigns.model.post import PostContent
from campaigns.model.vocabulary import PLATFORM_NAMES, Platform, UsePolicy
from campaigns.rules.text.limits.counting import COUNTED
from campaigns.rules.text.limits.x_length import ACCENTED, x_urls
from campaigns.rules.text.matching import Cover, Span


def platform_rules(platform: Platform) -> PlatformRules:
    return PLATFORM_FILES[platform]


def text_limit(platform: Platform) -> int:
    """Return the most a text may count."""
    return platform_rules(platform).text_limit


SPARING: Final = 2
"""How many emojis or hashtags `sparing` allows (domain.md section 15)."""


def most_hashtags(platform: Platform, policy: UsePolicy) -> int:
    """Return how many hashtags platform and policy allow; 0 where the platform names no number."""
    allowed = platform_rules(platform).hashtags.most or 0
    return {"none": 0, "sparing": min(allowed, SPARING)}.get(policy, allowed)


class TextSize(NamedTuple):
    """A text against the limit of its platform that it comes nearest to breaking."""

    length: int
    limit: int
    unit: Literal["characters", "bytes"] = "characters"

    @property
    def over(self) -> int:
        return max(0, self.length - self.limit)


def text_length(platform: Platform, text: str) -> int:
    """Return the length of a published text as the platform counts it; the text is put into NFC first."""
    rules = platform_rules(platform)
    text = unicodedata.normalize("NFC", text)
    if rules.mentions.grammar == "with_server":
        text = _SERVER.sub(r"\1", text)
    if rules.urls.counts_as is not None:
        for start, end in reversed(links_in(text, platform)):
            text = text[:start] + "x" * rules.urls.counts_as + text[end:]
    return COUNTED[rules.counting](text)


def measured(platform: Platform, text: str) -> TextSize:
    """Return how long a published text is and may be: in bytes where only those are too many."""
    found = TextSize(text_length(platform, text), text_limit(platform))
    most = platform_rules(platform).byte_limit
    in_bytes = TextSize(COUNTED["bytes"](unicodedata.normalize("NFC", text)), most or 0, "bytes")
    return in_bytes if most is not None and in_bytes.over and not found.over else found


def length_note(platform: Platform, found: TextSize) -> str:
    """Return the length in words, such as `271 of 280 characters as X counts them`."""
    return f"{found.length} of {found.limit} {found.unit} as {PLATFORM_NAMES[platform]} counts them"


# A hashtag is what twitter-text takes for one, on every platform: letters with their marks, digits, joiners, and a few
# marks inside of words; one letter at least. Nothing of it follows from the script: #महात्मा, #ที่นี่, #il·lusió.
_TAG_LETTER: Final = r"\p{L}\p{M}"
_TAG_REST: Final = (
    r"\p{Nd}_\u200c\u200d\ua67e\u05be\u05f3\u05f4\uff5e\u301c\u309b\u309c\u30a0\u30fb\u3003\u0f0b\u0f0c\u00b7"
)
_HASHTAG = regex.compile(
    rf"(?:(?<![{_TAG_LETTER}{_TAG_REST}&])|(?<=[\ufe0e\ufe0f]))[#＃](?![\ufe0f\u20e3])(?=[{_TAG_REST}]*+[{_TAG_LETTER}])([{_TAG_LETTER}{_TAG_REST}]++)"
    r"(?![#＃]|://)"
)
# X takes letters of ASCII, digits and underscores, after anything but these or "!#$%&*@", and after RT; another @, an
# accented letter or :// behind it, or behind the list that it names, makes it none. Elsewhere it may have dots inside.
_X_LIST = r"(?:/[A-Za-z][A-Za-z0-9_\-]{0,24}+)?+"
_X_HANDLE = re.compile(
    r"(?:(?<![A-Za-z0-9_!#$%&*@＠])|(?<=(?<![A-Za-z0-9_+~.\-])[Rr][Tt])|(?<=(?<![A-Za-z0-9_+~.\-])[Rr][Tt]:))"
    rf"[@＠]([A-Za-z0-9_]{{1,20}}+)(?!{_X_LIST}(?:[@＠{ACCENTED}]|://))"
)
_HANDLE = re.compile(
    r"(?<![A-Za-z0-9_+/@＠!#$%&*])[@＠]([A-Za-z0-9_](?:[A-Za-z0-9_.]{0,60}[A-Za-z0-9_])?)(?![A-Za-z0-9_.]*[@＠])"
)
# On Bluesky a handle is a host name, on Mastodon it may name its server.
_DOMAIN_HANDLE = re.compile(
    r"(?<![^\s(])[@＠]([A-Za-z0-9][A-Za-z0-9\-]{0,62}(?:\.[A-Za-z0-9][A-Za-z0-9\-]{0,62}){1,8})(?![A-Za-z0-9_@＠])"
)
_NAME = r"[A-Za-z0-9_](?:[A-Za-z0-9_.\-]{0,60}[A-Za-z0-9_])?"
_SERVER_NAME = r"\w{1,63}(?:[.\-]\w{1,63}){0,8}"
_SERVER_HANDLE = re.compile(rf"(?<![=/\w@＠])[@＠]({_NAME}(?:@{_SERVER_NAME})?)(?![A-Za-z0-9_@＠])")
_SERVER = re.compile(rf"(?<![=/\w@＠])([@＠]{_NAME})@{_SERVER_NAME}(?![A-Za-z0-9_@＠])")
_HANDLES: Final = {
    "twitter_text": _X_HANDLE,
    "dotted": _HANDLE,
    "domain": _DOMAIN_HANDLE,
    "with_server": _SERVER_HANDLE,
}
# Bluesky takes anything up to a space for a hashtag that is no number and no mark, at most 64 characters.
_SPACED_TAG = regex.compile(r"(?<!\S)[#＃](?!\ufe0f)([^\s\p{Cf}]{1,128}+)(?!\S)")
_TAG_TAIL = regex.compile(r"\p{P}++$")
_TAG_CORE = regex.compile(r"[^\d\p{P}\s]")
_TEMPLATE_MENTION = re.compile(r"@\[((?:(?!@\[)[^\]\n])++)\]\(urn:li:[a-z]++:(?:(?!@\[)[^)\s])++\)")
_CASHTAG = re.compile(r"(?<!\S)\$([A-Za-z]{1,6}(?:[._][A-Za-z]{1,2})?)(?=$|[\s!'#%&()*+,\\\-./:;<=>?@\[\]^_{|}~$])")
_WEB_ADDRESS = re.compile(r"https?://[^\s<>\"“”„«»{}|\\^`\[\]\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7af]+", re.IGNORECASE)
_POSSESSIVE = re.compile(r"['’]s$")


def links_in(text: str, platform: Platform | None = None) -> list[Span]:
    """Return [start, end) of every web address in a text: with a protocol, or a bare domain that X links.

    Args:
        platform: only what becomes a link there; None: all that a reader takes for one.
    """
    spans = list(_links_in(text))
    if platform is not None and platform_rules(platform).urls.grammar == "with_protocol":
        spans = [(start, end) for start, end in spans if "://" in text[start:end]]
    return spans


@lru_cache(maxsize=64)
def _links_in(text: str) -> tuple[Span, ...]:
    # Where the grammar of X knows the host, it knows the end too; hosts it does not know end where a reader sees it.
    on_x = dict(x_urls(text))
    plain = {match.start(): match.start() + len(_without_tail(match[0])) for match in _WEB_ADDRESS.finditer(text)}
    spans = [(start, on_x.get(start, end)) for start, end in plain.items()]
    cover = Cover(len(text), spans)
    return tuple(sorted([*spans, *(span for span in on_x.items() if not cover.meets(span))]))


def _without_tail(url: str) -> str:
    url = _POSSESSIVE.sub("", url.rstrip(_AFTER_URL))
    closing = len(url) - len(url.rstrip(")"))
    too_many = min(closing, url.count(")") - url.count("("))  # "(see example.com/a_(b))": one is its own
    return url[:-too_many].rstrip(_AFTER_URL) if too_many > 0 else url


_AFTER_URL: Final = ".,;:!?'’»…"


def hashtags_in(text: str, platform: Platform | None = None) -> list[tuple[str, Span]]:
    """Return each hashtag, without its sign, and its span; what stands in a web address is none.

    Args:
        platform: whose grammar of hashtags holds; None: that of most.
    """
    if platform is not None and platform_rules(platform).hashtags.grammar == "after_space":
        return _spaced_tags(text)
    return _outside_links(_HASHTAG, text, platform)


def _spaced_tags(text: str) -> list[tuple[str, Span]]:
    found = []
    for match in _SPACED_TAG.finditer(text):
        tag = _TAG_TAIL.sub("", match[1])
        if _TAG_CORE.search(tag) and len(tag) <= _LONGEST_SPACED_TAG:
            found.append((tag, (match.start(), match.start(1) + len(tag))))
    return found


_LONGEST_SPACED_TAG: Final = 64


def handles_in(text: str, platform: Platform | None = None) -> list[tuple[str, Span]]:
    """Return each mention: a handle without `@`, or the name in a LinkedIn template, with its span.

    Args:
        platform: whose grammar of handles holds; on X @acme.com is @acme. None: one that takes dots.
    """
    templates = [(match[1], match.span()) for match in _TEMPLATE_MENTION.finditer(text)]
    grammar = platform_rules(platform).mentions.grammar if platform is not None else "dotted"
    return sorted([*templates, *_outside_links(_HANDLES[grammar], text, platform)], key=lambda found: found[1])


def cashtags_in(text: str) -> list[tuple[str, Span]]:
    return [(match[1], match.span()) for match in _CASHTAG.finditer(text)]


def _outside_links(
    pattern: re.Pattern[str] | regex.Pattern[str], text: str, platform: Platform | None
) -> list[tuple[str, Span]]:
    """Return what stands in no link of the platform. On X the first of two that overlap wins: #readme.md is a tag."""
    on_x = platform is not None and platform_rules(platform).urls.grammar == "twitter_text"
    links = Cover(len(text), x_urls(text) if on_x else links_in(text))
    found = [(match[1], match.span()) for match in pattern.finditer(text)]
    return [(name, (at, end)) for name, (at, end) in found if not links.meets((at, at + 1 if on_x else end))]


def rendered_text(platform: Platform, content: PostContent) -> str:
    """Return what is published: the text, then the link, then mentions and hashtags on a line of their own.

    What the text itself holds already is not said twice. Where links are dead text (Instagram) the
    link belongs into the profile and is left out; a mention is added only where a handle is one.
    """
    rules = platform_rules(platform)
    text = content.text.strip()
    parts = [text]
    if content.link and rules.urls.clickable and not _holds_link(text, content.link):
        parts.append(content.link)
    said_tags = {tag.casefold() for tag, _ in hashtags_in(text, platform)}
    said_handles = {handle.casefold() for handle, _ in handles_in(text, platform)}
    handles = [handle.lstrip("@＠") for handle in content.mentions] if rules.mentions.form == "handle" else []
    tags = [tag.lstrip("#＃") for tag in content.hashtags]
    line = [f"@{handle}" for handle in _once(handles, said_handles)] + [f"#{tag}" for tag in _once(tags, said_tags)]
    if line:
        parts.append(" ".join(line))
    return "\n\n".join(parts)


def _holds_link(text: str, link: str) -> bool:
    return any(text[start:end].rstrip("/") == link.rstrip("/") for start, end in links_in(text))


def _once(names: list[str], said: set[str]) -> list[str]:
    kept: list[str] = []
    for name in names:
        if name and name.casefold() not in said:
            said.add(name.casefold())
            kept.append(name)
    return kept
