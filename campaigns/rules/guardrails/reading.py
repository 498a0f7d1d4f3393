"""A post as the guardrails read it: its words, where they stand, and what it was given to say."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from campaigns.model.base import excerpt
from campaigns.model.post import Check, Post, PostContent, Slot
from campaigns.rules.guardrails.content_policy import ContentPolicy
from campaigns.rules.text.matching import Span, spans_of
from campaigns.rules.text.platforms import handles_in, hashtags_in, links_in, rendered_text

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|_")

_QUOTED: Final = 80
"""Characters of a text that a finding quotes: a run of digits may be as long as a post."""


@dataclass(frozen=True)
class Reading:
    """What a check sees. Spans are in `text`; what stands elsewhere has none."""

    content: PostContent
    post: Slot | Post
    policy: ContentPolicy
    siblings: tuple[str, ...]

    @property
    def text(self) -> str:
        return self.content.text

    @cached_property
    def published(self) -> str:
        """The text with link, mentions and hashtags, as it goes out."""
        return rendered_text(self.policy.platform, self.content)

    @cached_property
    def hashtags(self) -> list[str]:
        return [tag for tag, _ in hashtags_in(self.published)]

    @cached_property
    def mentions(self) -> list[tuple[str, Span | None]]:
        """Handles in the text, and those beside it."""
        inside: list[tuple[str, Span | None]] = list(handles_in(self.text))
        said = {handle.casefold() for handle, _ in inside}
        beside = [handle.lstrip("@＠") for handle in self.content.mentions]
        return inside + [(handle, None) for handle in beside if handle.casefold() not in said]

    @cached_property
    def links(self) -> list[tuple[str, Span | None]]:
        """Addresses in the text, and the link beside it.

        Outside of X a bare domain counts only in lower case: ASP.NET is a product, fernwood.com a place.
        """
        inside: list[tuple[str, Span | None]] = [
            (self.text[start:end], (start, end))
            for start, end in links_in(self.text)
            if "://" in (address := self.text[start:end]) or self.policy.platform == "twitter" or address.islower()
        ]
        link = self.content.link
        return inside + ([(link, None)] if link and link not in [address for address, _ in inside] else [])

    @cached_property
    def sources(self) -> list[str]:
        """Every text that a fact may come from."""
        cta = self.policy.cta
        references = self.post.references if isinstance(self.post, Post) else []
        return [
            *self.policy.sources,
            *self.post.required_inclusions,
            *([cta.text, cta.url or ""] if cta else []),
            *(reference.value for reference in references),
        ]

    @cached_property
    def known_hosts(self) -> frozenset[str]:
        linked = [host_of(text[start:end]) for text in self.sources for start, end in links_in(text)]
        return frozenset(host.casefold().removeprefix("www.") for host in [*self.policy.allowed_hosts, *linked] if host)

    @cached_property
    def local_time(self) -> dt.datetime:
        """When the post goes out, in the campaign's zone."""
        return self.post.scheduled_at.astimezone(ZoneInfo(self.policy.timezone))

    def said(self, term: str) -> Iterator[tuple[Span | None, str]]:
        """Yield where a term is said: each place in the text with its span, then hashtags and alt text once each."""
        for span in spans_of(term, self.text):
            yield span, ""
        for tag in self.content.hashtags:
            # #BestInTheWorld says "best in the world".
            if any(spans_of(term, tag)) or any(spans_of(term, _CAMEL.sub(" ", tag))):
                yield None, f" (in #{tag})"
        if self.content.alt_text and any(spans_of(term, self.content.alt_text)):
            yield None, " (in the alt text)"


def host_of(address: str) -> str:
    """Return the host of an address with or without protocol, in lower case and without `www.`."""
    try:
        host = urlsplit(address if "://" in address else f"//{address}").hostname
    except ValueError:
        return ""
    return (host or "").removeprefix("www.")


def block(code: str, message: str, span: Span | None = None) -> Check:
    return Check(code=code, severity="block", message=message, span=span)


def warn(code: str, message: str, span: Span | None = None) -> Check:
    return Check(code=code, severity="warn", message=message, span=span)


def quoted(text: str) -> str:
    """Return the text in quotes, what is long cut."""
    return f"“{excerpt(text, at_most=_QUOTED)}”"


def counted(number: int, thing: str) -> str:
    """Return `1 hashtag`, `3 hashtags`."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
