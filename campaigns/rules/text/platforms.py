"""What each platform takes: its limits, how it counts, and how a post reads on it (domain.md section 16).

The limits stand in `platforms.json` with the dates from which they hold, because they move: Instagram
went from 30 hashtags to 5 on 19 December 2025.
"""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from functools import lru_cache
from importlib.resources import files
from typing import Annotated, Final, Literal

import regex
from pydantic import Field

from campaigns.model.base import Maybe, Wire
from campaigns.model.post import PostContent
from campaigns.model.vocabulary import PLATFORM_NAMES, Platform
from campaigns.rules.text.matching import Cover, Span
from campaigns.rules.text.x_length import weighted_length, x_urls

Count = Annotated[int, Field(ge=0)]


class UrlRules(Wire):
    cap: Maybe[Count] = None
    clickable: bool
    refused_hosts: list[str]


class HashtagRules(Wire):
    """`cap` is the platform's own; `house_rule` is what we keep to below it."""

    cap: Maybe[Count] = None
    house_rule: Maybe[Count] = None

    @property
    def most(self) -> int | None:
        return self.cap if self.house_rule is None else self.house_rule


class MentionRules(Wire):
    """`form`: `handle` is @name, `template` is LinkedIn's @[Name](urn), `none`: plain text is no mention."""

    cap: Maybe[Count] = None
    form: Literal["handle", "template", "none"]


class MediaRules(Wire):
    """How many images and videos; `mixed`: both together; ratios are width by height."""

    required: bool
    images: Maybe[Count] = None
    videos: Count
    mixed: bool
    carousel_from: Maybe[Count] = None
    ratio_from: Maybe[float] = None
    ratio_to: Maybe[float] = None
    photo_bytes: Maybe[Count] = None


class PlatformRules(Wire):
    """The limits of one platform. `as_of` has `default` and the dates of what changed, by field."""

    as_of: dict[str, dt.date]
    counting: Literal["x_weighted", "linkedin_escaped", "code_points"]
    text_limit: Count
    text_limit_premium: Maybe[Count] = None
    urls: UrlRules
    hashtags: HashtagRules
    mentions: MentionRules
    cashtag_cap: Maybe[Count] = None
    media: MediaRules
    alt_text_limit: Maybe[Count] = None
    daily_cap: Maybe[Count] = None
    fold: Maybe[Count] = None
    identical_refused: bool


class PlatformBook(Wire):
    """All platforms, as of `revision`."""

    revision: dt.date
    platforms: dict[Platform, PlatformRules]


@lru_cache(maxsize=1)
def platform_book() -> PlatformBook:
    """Return the data file, read once."""
    return PlatformBook.model_validate_json(files("campaigns.rules").joinpath("platforms.json").read_text("utf-8"))


def platform_rules(platform: Platform) -> PlatformRules:
    return platform_book().platforms[platform]


def text_limit(platform: Platform, *, premium: bool = False) -> int:
    """Return the most a text may count; `premium` is an account on X that pays for more."""
    rules = platform_rules(platform)
    return rules.text_limit_premium if premium and rules.text_limit_premium is not None else rules.text_limit


# Reserved in the `commentary` of LinkedIn's Posts API: each is sent with a backslash, which counts.
_LINKEDIN_RESERVED: Final = "\\|{}@[]()<>#*_~"


def text_length(platform: Platform, text: str) -> int:
    """Return the length of a published text as the platform counts it; the text is put into NFC first."""
    if platform_rules(platform).counting == "x_weighted":
        return weighted_length(text)
    text = unicodedata.normalize("NFC", text)
    if platform_rules(platform).counting == "linkedin_escaped":
        return len(text) + sum(map(text.count, _LINKEDIN_RESERVED))
    return len(text)


def length_note(platform: Platform, length: int, *, premium: bool = False) -> str:
    """Return the length in words, such as `271 of 280 characters as X counts them`."""
    return f"{length} of {text_limit(platform, premium=premium)} characters as {PLATFORM_NAMES[platform]} counts them"


# --- what stands in a text ----------------------------------------------------------------------------

# A hashtag is what twitter-text takes for one, on every platform: letters with their marks, digits, joiners, and a few
# marks inside of words; one letter at least. Nothing of it follows from the script: #महात्मा, #ที่นี่, #il·lusió.
_TAG_LETTER: Final = r"\p{L}\p{M}"
_TAG_REST: Final = (
    r"\p{Nd}_\u200c\u200d\ua67e\u05be\u05f3\u05f4\uff5e\u301c\u309b\u309c\u30a0\u30fb\u3003\u0f0b\u0f0c\u00b7"
)
_HASHTAG = regex.compile(
    rf"(?<![{_TAG_LETTER}{_TAG_REST}&/#＃])[#＃](?![\ufe0f\u20e3])(?=[{_TAG_REST}]*+[{_TAG_LETTER}])([{_TAG_LETTER}{_TAG_REST}]++)"
    r"(?![#＃]|://)"
)
# X takes letters of ASCII, digits and underscores, after anything but these or "!#$%&*@", and after RT; another @ or an
# accented letter behind it makes it none. Elsewhere a handle may have dots inside.
_X_HANDLE = re.compile(
    r"(?:(?<![A-Za-z0-9_!#$%&*@＠])|(?<=(?<![A-Za-z0-9_+~.\-])[Rr][Tt])|(?<=(?<![A-Za-z0-9_+~.\-])[Rr][Tt]:))"
    r"[@＠]([A-Za-z0-9_]{1,20})(?![A-Za-z0-9_]*[@＠\u00c0-\u024f]|://)"
)
_HANDLE = re.compile(
    r"(?<![A-Za-z0-9_+/@＠!#$%&*])[@＠]([A-Za-z0-9_](?:[A-Za-z0-9_.]{0,60}[A-Za-z0-9_])?)(?![A-Za-z0-9_.]*[@＠])"
)
_TEMPLATE_MENTION = re.compile(r"@\[((?:(?!@\[)[^\]\n])++)\]\(urn:li:[a-z]++:(?:(?!@\[)[^)\s])++\)")
_CASHTAG = re.compile(r"(?<!\S)\$([A-Za-z]{1,6}(?:[._][A-Za-z]{1,2})?)(?=$|[\s!'#%&()*+,\\\-./:;<=>?@\[\]^_{|}~$])")
_WEB_ADDRESS = re.compile(r"https?://[^\s<>\"“”„«»{}|\\^`\[\]\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7af]+", re.IGNORECASE)
_POSSESSIVE = re.compile(r"['’]s$")


def links_in(text: str) -> list[Span]:
    """Return [start, end) of every web address in a text: with a protocol, or a bare domain that X links."""
    return list(_links_in(text))


@lru_cache(maxsize=64)
def _links_in(text: str) -> tuple[Span, ...]:
    # Where the grammar of X knows the host, it knows the end too; hosts it does not know end where a reader sees it.
    on_x = dict(x_urls(text))
    plain = {match.start(): match.start() + len(_without_tail(match[0])) for match in _WEB_ADDRESS.finditer(text)}
    spans = [(start, on_x.get(start, end)) for start, end in plain.items()]
    cover = Cover(len(text), spans)
    return tuple(sorted([*spans, *(span for span in on_x.items() if not cover.meets(span))]))


def _without_tail(url: str) -> str:
    url = _POSSESSIVE.sub("", url.rstrip(".,;:!?'’»…"))
    return url[:-1] if url.endswith(")") and "(" not in url else url


def hashtags_in(text: str) -> list[tuple[str, Span]]:
    """Return each hashtag, without its sign, and its span; what stands in a web address is none."""
    return _outside_links(_HASHTAG, text)


def handles_in(text: str, platform: Platform | None = None) -> list[tuple[str, Span]]:
    """Return each mention: a handle without `@`, or the name in a LinkedIn template, with its span.

    Args:
        platform: whose grammar of handles holds; on X @acme.com is @acme. None: one that takes dots.
    """
    templates = [(match[1], match.span()) for match in _TEMPLATE_MENTION.finditer(text)]
    on_x = platform is not None and platform_rules(platform).counting == "x_weighted"
    return sorted([*templates, *_outside_links(_X_HANDLE if on_x else _HANDLE, text)], key=lambda found: found[1])


def cashtags_in(text: str) -> list[tuple[str, Span]]:
    return [(match[1], match.span()) for match in _CASHTAG.finditer(text)]


def _outside_links(pattern: re.Pattern[str] | regex.Pattern[str], text: str) -> list[tuple[str, Span]]:
    links = Cover(len(text), links_in(text))
    return [(match[1], match.span()) for match in pattern.finditer(text) if not links.meets(match.span())]


# --- what is published --------------------------------------------------------------------------------


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
    said_tags = {tag.casefold() for tag, _ in hashtags_in(text)}
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
