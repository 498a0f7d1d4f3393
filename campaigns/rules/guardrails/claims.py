"""What may be claimed: nothing that the brief does not hold, and no word on competitors. The legal kinds.

What is claimed is found by the phrases of each language (`phrases.<language>.json`). What stands in the brief in the
same words is sourced, and what its clause denies is not claimed. A claim that the law asks proof for blocks; what a
person may defend (a superlative, a voice of the customers, haste) is a warning that no automatic approval passes.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Final

from campaigns.model.post import Check
from campaigns.rules.guardrails.leftovers import private_spans
from campaigns.rules.guardrails.reading import Reading, block, quoted, warn
from campaigns.rules.text.figures import Figure, Sources, figures_in
from campaigns.rules.text.language import guess_language
from campaigns.rules.text.lexicon import lexicon
from campaigns.rules.text.matching import Cover, Span, contains, fold, spans_of
from campaigns.rules.text.phrases import PHRASE_LANGUAGES

_SMALL_COUNT: Final = 12

_LIST_MARK: Final = 40
"""How many signs and blanks may stand before the number of a list."""
_WORD: Final = re.compile(r"\w")
_AFTER_LIST_NUMBER: Final = re.compile(r"[.):/\]]|\s{0,40}[-–]\s")
_NUMBER_OF: Final = re.compile(r"(?<!\w)(\w{1,40}) ?(?:#|no\. ?|nr\. ?|n° ?|num\. ?)?$")
_TEMPERATURE: Final = re.compile(r"\s?(?:°|º|degrees?\b|Grad\b|degrés?\b|grados?\b)")
_SIGNED: Final = re.compile(
    r"[”“\"»]\s{0,3}(?:[-–—]{1,2}|\()\s?([A-ZÀ-Þ][\w'’-]{1,30}(?:\s[A-ZÀ-Þ][\w'’-]{0,30}){0,2})"
)
"""The name below or behind a quotation: “It changed my mornings” – Julia, 34."""
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
                if span in seen or denied.holds(span) or post.is_denied(span):
                    continue
                seen.add(span)
            said = post.text[span[0] : span[1]] if span else phrase
            yield block("GUARANTEE", f"{quoted(said)}{where} promises a result; the brand gives no guarantees.", span)
    for said, span, where in post.phrases("guarantees"):
        if span is None or not (denied.holds(span) or any(_share(span, other) for other in seen)):
            yield block("GUARANTEE", f"{quoted(said)}{where} promises a result; the brand gives no guarantees.", span)
    yield from _all_of_it(post)


def _share(one: Span, other: Span) -> bool:
    return one[0] < other[1] and other[0] < one[1]


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
    language = post.policy.language
    sources = Sources(figure for text in post.sources for figure in figures_in(text, guess_language(text) or language))
    # A phone number claims nothing; it has a check of its own.
    private = Cover(len(post.text), (span for _, span in private_spans(post.text)))
    for figure in figures_in(post.text, guess_language(post.text) or language):
        if not (private.meets(figure.span) or _no_statistic(figure, post) or sources.give(figure)):
            said = post.text[figure.span[0] : figure.span[1]]
            yield block(
                "UNSOURCED_NUMBER",
                f"{quoted(said)} stands neither in the brief nor in the required inclusions or references.",
                figure.span,
            )
    if alt_text := post.content.alt_text:
        for figure in figures_in(alt_text, guess_language(alt_text) or language):
            if not (_no_count(figure) or sources.give(figure)):
                said = alt_text[figure.span[0] : figure.span[1]]
                yield block("UNSOURCED_NUMBER", f"{quoted(said)} (in the alt text) stands in no source.")
    for said, span, where in post.phrases("vagueFigures"):
        yield warn("UNSOURCED_NUMBER", f"{quoted(said)}{where} says how much, and the brief does not.", span)


def _no_statistic(figure: Figure, post: Reading) -> bool:
    """Whether a figure claims nothing: the post's own day and hour, a list's numbers, "3 tips"."""
    at, text, (start, end) = post.local_time, post.text, figure.span
    match figure.kind:
        case "date":
            return figure.values <= {Decimal(at.day), Decimal(at.month), Decimal(at.year)}
        case "clock":
            return figure.values == {Decimal(at.hour * 60 + at.minute)}
        case "times":
            return figure.values == {Decimal(1)}  # "une fois" is once
        case "plain":
            if figure.values == {Decimal(at.year)} or (figure.worded and _no_count(figure)):
                return True
            if _no_count(figure) and _counts_the_list(text[end : end + 60]):
                return True
            if _names_a_thing(text, start) or _TEMPERATURE.match(text, end):
                return True
            return _no_count(figure) and _opens_line(text, start) and bool(_AFTER_LIST_NUMBER.match(text, end))
        case _:
            return False


def _names_a_thing(text: str, start: int) -> bool:
    """Whether a number is a name: bag #1, lot no. 3; "we are #1" is none."""
    named = _NUMBER_OF.search(fold(text[max(0, start - _LIST_MARK) : start]).text)
    return named is not None and named[1] in lexicon().numbered_things


def _no_count(figure: Figure) -> bool:
    return figure.kind == "plain" and all(value <= _SMALL_COUNT for value in figure.values)


def _opens_line(text: str, start: int) -> bool:
    line = text.rfind("\n", max(0, start - _LIST_MARK), start) + 1
    return (line > 0 or start <= _LIST_MARK) and not _WORD.search(text, line, start)


def _counts_the_list(after: str) -> bool:
    words = re.findall(r"\w+", fold(re.split(r"[.,;:!?\n]", after, maxsplit=1)[0]).text)
    return any(word in lexicon().list_nouns for word in words[:2])


def health(post: Reading) -> Iterator[Check]:
    """A promise of health needs an authorisation, which no brief replaces where the brand forbids such claims."""
    forbidden = "health" in post.policy.forbidden
    claimed: list[Span] = []
    for said, span, where in post.phrases("health", sourced=forbidden):
        claimed += [span] if span else []
        yield block(
            "HEALTH", f"{quoted(said)}{where} is a claim on health or medicine that the brief does not make.", span
        )
    for said, span, where in _beside(claimed, post.phrases("healthSoft")):
        yield warn("HEALTH", f"{quoted(said)}{where} hints at health; the brief does not.", span)


def superlative(post: Reading) -> Iterator[Check]:
    for said, span, where in post.phrases("superlative", sourced="superlative" in post.policy.forbidden):
        yield warn("SUPERLATIVE", f"{quoted(said)}{where} puts the brand above all others, without a proof.", span)


def unproven(post: Reading) -> Iterator[Check]:
    claimed: list[Span] = []
    offers = "offer" in post.policy.forbidden
    for kind, why in _UNPROVEN.items():
        for said, span, where in post.phrases(kind, sourced=offers and kind == "offer"):
            claimed += [span] if span else []
            yield block("CLAIM", f"{quoted(said)}{where}: {why}", span)
    for said, span, where in _beside(claimed, post.phrases("claimSoft")):
        yield warn("CLAIM", f"{quoted(said)}{where} may claim what the brief does not.", span)
    for said, span, where in post.phrases("testimonial"):
        yield warn("CLAIM", f"{quoted(said)}{where}: nobody said so in the brief.", span)
    for match in _SIGNED.finditer(post.text):
        if not any(contains(source, match[1]) for source in post.sources):
            yield warn("CLAIM", f"{quoted(match[1])} is quoted, and the brief does not know the name.", match.span(1))


_UNPROVEN: Final = {
    "award": "an award or approval that the brief does not name.",
    "green": "a claim on the environment that the brief does not make.",
    "offer": "an offer that the brief does not make.",
}

_Said = tuple[str, Span | None, str]


def _beside(claimed: Sequence[Span], hints: Iterable[_Said]) -> Iterator[_Said]:
    """Yield the hints that stand in no claim: it says more, and once is enough."""
    for hint in hints:
        if hint[1] is None or not any(_share(hint[1], other) for other in claimed):
            yield hint


def scarcity(post: Reading) -> Iterator[Check]:
    for said, span, where in post.phrases("scarcity"):
        yield warn("SCARCITY", f"{quoted(said)}{where} hurries readers, and the brief knows of no end.", span)


def disclosure(post: Reading) -> Iterator[Check]:
    """Who was given something says so: a gift or a partner without a word like #ad."""
    if any(True for _ in post.phrases("disclosures", sourced=True)):
        return
    for said, span, where in post.phrases("disclosureNeeded", sourced=True):
        yield warn(
            "DISCLOSURE", f"{quoted(said)}{where} tells of a gift or a partner; the post has to say it is an ad.", span
        )
        return


def competitor(post: Reading) -> Iterator[Check]:
    policy = post.policy.claims.competitor_mention_policy
    if policy == "allowed":
        return
    handles: dict[str, list[tuple[str, Span]]] = {}
    for said, at in post.mentions:
        if at:
            handles.setdefault(fold(said).text, []).append((said, at))
    for name in post.policy.competitors:
        found = [
            (span, where) for span, where in post.said(name) if span is None or _is_the_name(name, span, post.text)
        ]
        found += [(span, "") for span in spans_of(f"{name}s", post.text) if _is_the_name(name, span, post.text)]
        handle = fold(name).text.replace(" ", "")
        found += [(span, f" (as @{said})") for said, span in handles.get(handle, [])]
        for span, where in dict(found).items():
            if policy == "avoid":
                yield block("COMPETITOR", f"{name}{where} is a competitor; the brand does not name competitors.", span)
            else:
                yield warn(
                    "COMPETITOR", f"{name}{where} is a competitor: it may be named, but without judgement.", span
                )


_BEFORE_NAME: Final = re.compile(
    r"\b(?:than|unlike|versus|vs|from|instead of|tired of|ditch|leave|as|statt|als|wie|von|que|contre)\.?\s+$",
    re.IGNORECASE,
)
_SENTENCE_OPENS: Final = frozenset('.!?…:"“„«¡¿')


def _is_the_name(name: str, span: Span, text: str) -> bool:
    """Whether a word is the competitor and not a word of the language: "see you later", "our target", "on Monday".

    A name of several words, or written as no word is, means the competitor. Any other has to be written as a name:
    in capitals, not first in its sentence when it is an everyday word, and a day or month only in a comparison.
    """
    said = text[span[0] : span[1]]
    everyday = fold(name).text in lexicon().everyday_names
    if not name.isalpha() or not name[0].isupper() or not name[1:].islower():
        return True
    before = text[max(0, span[0] - _LIST_MARK) : span[0]]
    compared = _BEFORE_NAME.search(before) is not None
    if everyday and (fold(name).text in _days_and_months() or said.islower()):
        return compared and not said.islower()
    if said.islower():
        return compared or text[span[1] : span[1] + 1] != "-"
    return not (everyday and (not before.strip() or "\n" in before[-1:] or before.rstrip()[-1] in _SENTENCE_OPENS))


@lru_cache(maxsize=1)
def _days_and_months() -> frozenset[str]:
    from babel import Locale

    names = [
        name
        for code in PHRASE_LANGUAGES
        for calendar in (Locale.parse(code).days, Locale.parse(code).months)
        for name in calendar["format"]["wide"].values()
    ]
    return frozenset(fold(name).text for name in names)
