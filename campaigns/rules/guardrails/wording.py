"""What brand, persona and campaign want said, and never said."""

import re
from collections.abc import Iterator
from typing import Final

from campaigns.model.base import excerpt
from campaigns.model.post import Check
from campaigns.rules.guardrails.reading import Reading, block
from campaigns.rules.text.disguise import undisguised
from campaigns.rules.text.lexicon import lexicon
from campaigns.rules.text.limits.platforms import links_in
from campaigns.rules.text.matching import Cover, Span, contains, first_span, fold, spans_of, topic_span
from campaigns.rules.text.similarity import duplicate_of

_QUOTED: Final = 60


def avoided_words(post: Reading) -> Iterator[Check]:
    for code, terms, whose in [
        ("AVOID_WORD", post.policy.avoid_words, "is what this persona never says"),
        ("AVOID_PHRASE", post.policy.avoid_phrases, "is on the brand's list of phrases to avoid"),
    ]:
        for term in terms:
            for span, where in post.said(term):
                yield block(code, f"“{term}”{where} {whose}.", span)


def avoided_topics(post: Reading) -> Iterator[Check]:
    for topic in post.policy.avoid_topics:
        span = topic_span(topic, post.text)
        if span is None and (plain := undisguised(post.text)) and (meant := topic_span(topic, plain.text)):
            span = plain.span(meant)
        beside = next((where for place, where in post.said(topic) if place is None), "")
        if span or beside:
            yield block("AVOID_TOPIC", f"The post touches “{topic}”{beside}, a topic to avoid.", span)


def inclusions(post: Reading) -> Iterator[Check]:
    for wanted in post.post.required_inclusions:
        if not contains(post.published, wanted):
            yield block("INCLUSION_MISSING", f"This post has to say “{wanted}” and does not.")


def call_to_action(post: Reading) -> Iterator[Check]:
    cta = post.policy.cta
    if cta is not None and post.post.needs_cta and not (contains(post.text, cta.text) or _leads_to(post, cta.url)):
        link = f" or the link {cta.url}" if cta.url else ""
        yield block("CTA_MISSING", f"This post needs the call to action: “{cta.text}”{link}.")
    if post.policy.cta_aggressiveness == "low":
        yield from _too_strong(post)


def _leads_to(post: Reading, url: str | None) -> bool:
    # Campaign tags may follow the address: …/harvest?utm_source=x leads to …/harvest.
    wanted = re.sub(r"^https?://", "", url or "").rstrip("/").casefold()
    for address, _ in post.links if wanted else []:
        given = re.sub(r"^https?://", "", address).casefold()
        if given.rstrip("/") == wanted or given.startswith((f"{wanted}?", f"{wanted}/?", f"{wanted}#", f"{wanted}&")):
            return True
    return False


def _too_strong(post: Reading) -> Iterator[Check]:
    for phrase in lexicon().strong_cta:
        if span := first_span(phrase, post.text):
            said = post.text[span[0] : span[1]]
            yield block("CTA_TOO_STRONG", f"“{said}” pushes; this persona makes at most one soft call to action.", span)
            return
    calls = _soft_calls(post)
    if len(calls) > 1:
        yield block(
            "CTA_TOO_STRONG", f"{len(calls)} calls to action; this persona makes at most one, softly.", sorted(calls)[1]
        )


# A call opens its sentence: "order matters" inside one is none. Arrows and emojis may stand before it.
_OPENING: Final = re.compile(
    r"(?:^|[.!?…:\n→]|[^\w\s'\",;()\-])[^\S\n]*(?:(?:please|so|then|and|now|just|or|bitte)\s+)?(?=\w)"
)


def _soft_calls(post: Reading) -> list[Span]:
    cta = post.policy.cta
    calls = list(spans_of(cta.text, post.text)) if cta else []
    taken = Cover(len(post.text), [*calls, *links_in(post.text)])
    openings = {match.end() for match in _OPENING.finditer(fold(post.text).text)}
    origin = fold(post.text).origin
    starts = {origin[opening] for opening in openings}
    for phrase in lexicon().soft_cta:
        for span in spans_of(phrase, post.text):
            if not taken.meets(span) and span[0] in starts:
                calls.append(span)
                taken.add(span)
    return calls


def duplicate(post: Reading) -> Iterator[Check]:
    score, other = duplicate_of(post.text, post.siblings)
    if other:
        yield block(
            "DUPLICATE", f"{score:.0%} the same as another post on this platform: “{excerpt(other, at_most=_QUOTED)}”"
        )
