"""A post as the guardrails read it: its words, where they stand, and what it was given to say."""

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
from campaigns.model.terms.given import Given
from campaigns.rules.guardrails.content_policy import ContentPolicy
from campaigns.rules.text.disguise import undisguised
from campaigns.rules.text.language import guess_language
from campaigns.rules.text.limits.platforms import handles_in, hashtags_in, links_in, platform_rules, rendered_text
from campaigns.rules.text.matching import Span, spans_of
from campaigns.rules.text.phrases import PHRASE_LANGUAGES, Hit, joined_words, phrase_book
from campaigns.rules.text.web.hosts import is_public_suffix

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|_")

_IN_ENGLISH_TOO: Final = frozenset({"chatter", "injection"})
"""What models leave in English in a post of any language."""

_DENIABLE: Final = frozenset({
    "guarantees", "health", "healthSoft", "superlative", "award", "green", "testimonial", "offer", "claimSoft",
    "scarcity", "vagueFigures", "disclosureNeeded",
})  # fmt: skip
"""Kinds that a "no" before them takes back; what is a swear word, or left over, stays so."""

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
        return [tag for tag, _ in hashtags_in(self.published, self.policy.platform)]

    @cached_property
    def mentions(self) -> list[tuple[str, Span | None]]:
        """Handles in the text, and those beside it."""
        inside: list[tuple[str, Span | None]] = list(handles_in(self.text, self.policy.platform))
        said = {handle.casefold() for handle, _ in inside}
        beside = [handle.lstrip("@＠") for handle in self.content.mentions]
        return inside + [(handle, None) for handle in beside if handle.casefold() not in said]

    @cached_property
    def links(self) -> list[tuple[str, Span | None]]:
        """Addresses in the text, and the link beside it.

        Where a platform does not link every one, a bare domain counts only in lower case: ASP.NET is a product.
        """
        every_domain = platform_rules(self.policy.platform).urls.grammar == "twitter_text"
        inside: list[tuple[str, Span | None]] = [
            (self.text[start:end], (start, end))
            for start, end in links_in(self.text)
            if "://" in (address := self.text[start:end]) or every_domain or address.islower()
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
            *_texts_of(self.post.given),
        ]

    @cached_property
    def known_hosts(self) -> frozenset[str]:
        linked = [host_of(text[start:end]) for text in self.sources for start, end in links_in(text)]
        hosts = {host.casefold().removeprefix("www.") for host in [*self.policy.allowed_hosts, *linked] if host}
        # hello@shop.co.uk makes no shop below co.uk ours.
        return frozenset(host for host in hosts if not is_public_suffix(host))

    @cached_property
    def languages(self) -> tuple[str, ...]:
        """The languages whose phrases are looked for: the brief's and the post's own; all when neither is known."""
        known = {self.policy.language, guess_language(self.text)} - {None}
        return tuple(code for code in PHRASE_LANGUAGES if code in known) or (("en",) if known else PHRASE_LANGUAGES)

    @cached_property
    def _hits(self) -> dict[str, list[tuple[Hit, Span | None, str]]]:
        places: list[tuple[str, bool, str]] = [(self.text, True, "")]
        places += [(_CAMEL.sub(" ", tag), False, f" (in #{tag})") for tag in self.content.hashtags]
        places += [(self.content.alt_text, False, " (in the alt text)")] if self.content.alt_text else []
        found: dict[str, list[tuple[Hit, Span | None, str]]] = {}
        for text, marked, where in places:
            for code in dict.fromkeys([*self.languages, "en"]):
                for hit in _hits_in(text, code):
                    if code in self.languages or hit.kind in _IN_ENGLISH_TOO:
                        found.setdefault(hit.kind, []).append((hit, hit.span if marked else None, where))
        return found

    @cached_property
    def _words_of_sources(self) -> list[str]:
        meant = [plain.text for text in self.sources if (plain := undisguised(text))]
        return [joined_words(text) for text in [*self.sources, *meant]]

    def phrases(self, kind: str, *, sourced: bool = False) -> Iterator[tuple[str, Span | None, str]]:
        """Yield what is said of a kind: the words as they stand, their span, and where they stand beside the text.

        A claim that its clause denies is not made, and neither is what stands so in the brief, unless `sourced`,
        nor what is part of an idiom: "half of the afternoon", "congratulations on the award".
        """
        for hit, span, where in self._hits.get(kind, ()):
            if (hit.denied and kind in _DENIABLE) or (not sourced and self.in_sources(hit.said)):
                continue
            if kind in _DENIABLE and self._is_idiom(hit.span, where):
                continue
            yield (self.text[span[0] : span[1]] if span else hit.said), span, where

    def _is_idiom(self, span: Span, where: str) -> bool:
        places = [hit.span for hit, _, place in self._hits.get("idioms", ()) if place == where]
        return any(start <= span[0] and span[1] <= end for start, end in places)

    def is_denied(self, span: Span) -> bool:
        """Whether these words of the text claim nothing: "harvests are not guaranteed", "a guaranteed minimum wage"."""
        return self._is_idiom(span, "") or any(phrase_book(code).denies(self.text, span) for code in self.languages)

    def in_sources(self, said: str) -> bool:
        """Whether words, as tokens of `phrases`, stand in a row in a text that the writer was given."""
        return any(f" {said} " in words for words in self._words_of_sources)

    @cached_property
    def local_time(self) -> dt.datetime:
        """When the post goes out, in the campaign's zone."""
        return self.post.scheduled_at.astimezone(ZoneInfo(self.policy.timezone))

    def said(self, term: str) -> Iterator[tuple[Span | None, str]]:
        """Yield where a term is said: each place in the text with its span, then hashtags and alt text once each."""
        for span in spans_of(term, self.text):
            yield span, ""
        if plain := undisguised(self.text):
            yield from ((place, "") for meant in spans_of(term, plain.text) if (place := plain.span(meant)))
        for tag in self.content.hashtags:
            # #BestInTheWorld says "best in the world".
            if any(spans_of(term, tag)) or any(spans_of(term, _CAMEL.sub(" ", tag))):
                yield None, f" (in #{tag})"
        if self.content.alt_text and any(spans_of(term, self.content.alt_text)):
            yield None, " (in the alt text)"


def _hits_in(text: str, language: str) -> Iterator[Hit]:
    """Yield the phrases of a language in a text, and those that it says in disguise, where they stand."""
    yield from phrase_book(language).find(text)
    if plain := undisguised(text):
        for hit in phrase_book(language).find(plain.text, plain.places):
            if span := plain.span(hit.span):
                yield hit._replace(span=span)


def _texts_of(given: Given | None) -> Iterator[str]:
    """Yield what a post was given to say, and may repeat."""
    if given is None:
        return
    yield from given.disclosures
    yield from filter(None, [given.link])
    yield from (f"{near.label}, {near.date.day} {near.date:%B %Y}" for near in given.key_dates)
    if given.item is not None:
        yield from filter(None, [given.item.name, given.item.about, given.item.link, given.item.alt_text])
        yield from (f"@{each.handle}" for each in given.item.handles)


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
