"""What may be claimed: no promises, no figures out of nowhere, no word on competitors. The legal kinds."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from campaigns.model.post import Check
from campaigns.rules.guardrails.leftovers import private_spans
from campaigns.rules.guardrails.reading import Reading, block, quoted, warn
from campaigns.rules.text.figures import Figure, Sources, figures_in
from campaigns.rules.text.lexicon import lexicon
from campaigns.rules.text.matching import Cover, Span, contains, fold, spans_of

_SMALL_COUNT: Final = 12

_LIST_MARK: Final = 40
"""How many signs and blanks may stand before the number of a list."""
_WORD: Final = re.compile(r"\w")
_AFTER_LIST_NUMBER: Final = re.compile(r"[.):/\]]|\s{0,40}[-–]\s")
_ALL: Final = re.compile(r"(?<![\w.,])100\s*(?:%|percent\b|per cent\b|prozent\b|pour cent\b|por ciento\b)\s*(\w*)")


def guarantee(post: Reading) -> Iterator[Check]:
    if not post.policy.claims.no_guarantees:
        return
    denied = Cover(
        len(post.text), (span for phrase in lexicon().not_a_guarantee for span in spans_of(phrase, post.text))
    )
    seen: set[Span] = set()
    for phrase in lexicon().guarantees:
        for span, where in post.said(phrase):
            if span is not None:
                if span in seen or denied.holds(span):
                    continue
                seen.add(span)
            said = post.text[span[0] : span[1]] if span else phrase
            yield block("GUARANTEE", f"{quoted(said)}{where} promises a result; the brand gives no guarantees.", span)
    yield from _all_of_it(post)


def _all_of_it(post: Reading) -> Iterator[Check]:
    # "100 % arabica" is a fact when the brief says so; a bare "100 %" is a promise.
    folded = fold(post.text)
    for match in _ALL.finditer(folded.text):
        of_what = match[1]
        if not of_what or not any(contains(source, f"100 % {of_what}") for source in post.sources):
            yield block(
                "GUARANTEE",
                "“100 %” promises a result; the brand gives no guarantees. Say what the brief says.",
                folded.span(match.start(), match.end()),
            )


def unsourced_number(post: Reading) -> Iterator[Check]:
    claims = post.policy.claims
    if not (claims.no_performance_numbers_unless_provided or claims.require_source_for_stats):
        return
    sources = Sources(figure for text in post.sources for figure in figures_in(text))
    # A phone number claims nothing; it has a check of its own.
    private = Cover(len(post.text), (span for _, span in private_spans(post.text)))
    for figure in figures_in(post.text):
        if not (private.meets(figure.span) or _no_statistic(figure, post) or sources.give(figure)):
            said = post.text[figure.span[0] : figure.span[1]]
            yield block(
                "UNSOURCED_NUMBER",
                f"{quoted(said)} stands neither in the brief nor in the required inclusions or references.",
                figure.span,
            )
    if alt_text := post.content.alt_text:
        for figure in figures_in(alt_text):
            if not (_no_count(figure) or sources.give(figure)):
                said = alt_text[figure.span[0] : figure.span[1]]
                yield block("UNSOURCED_NUMBER", f"{quoted(said)} (in the alt text) stands in no source.")


def _no_statistic(figure: Figure, post: Reading) -> bool:
    """Whether a figure claims nothing: the post's own day and hour, a list's numbers, "3 tips"."""
    at, text, (start, end) = post.local_time, post.text, figure.span
    match figure.kind:
        case "date":
            return figure.values <= {Decimal(at.day), Decimal(at.month), Decimal(at.year)}
        case "clock":
            return figure.values == {Decimal(at.hour * 60 + at.minute)}
        case "plain":
            if figure.values == {Decimal(at.year)} or (figure.worded and _no_count(figure)):
                return True
            if _no_count(figure) and _counts_the_list(text[end : end + 60]):
                return True
            return _no_count(figure) and _opens_line(text, start) and bool(_AFTER_LIST_NUMBER.match(text, end))
        case _:
            return False


def _no_count(figure: Figure) -> bool:
    return figure.kind == "plain" and all(value <= _SMALL_COUNT for value in figure.values)


def _opens_line(text: str, start: int) -> bool:
    line = text.rfind("\n", max(0, start - _LIST_MARK), start) + 1
    return (line > 0 or start <= _LIST_MARK) and not _WORD.search(text, line, start)


def _counts_the_list(after: str) -> bool:
    words = re.findall(r"\w+", fold(re.split(r"[.,;:!?\n]", after, maxsplit=1)[0]).text)
    return any(word in lexicon().list_nouns for word in words[:2])


def competitor(post: Reading) -> Iterator[Check]:
    policy = post.policy.claims.competitor_mention_policy
    if policy == "allowed":
        return
    handles: dict[str, list[tuple[str, Span]]] = {}
    for said, at in post.mentions:
        if at:
            handles.setdefault(fold(said).text, []).append((said, at))
    for name in post.policy.competitors:
        found = list(post.said(name))
        handle = fold(name).text.replace(" ", "")
        found += [(span, f" (as @{said})") for said, span in handles.get(handle, [])]
        for span, where in dict(found).items():
            if policy == "avoid":
                yield block("COMPETITOR", f"{name}{where} is a competitor; the brand does not name competitors.", span)
            else:
                yield warn(
                    "COMPETITOR", f"{name}{where} is a competitor: it may be named, but without judgement.", span
                )
