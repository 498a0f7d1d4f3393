"""What a machine left in the text, or let slip: placeholders, markup, its own voice, private data."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from campaigns.model.post import Check
from campaigns.rules.guardrails.language import guess_language
from campaigns.rules.guardrails.reading import Reading, block, quoted, warn
from campaigns.rules.text.lexicon import lexicon
from campaigns.rules.text.matching import Cover, Span, first_span, fold

_PLACEHOLDER: Final = re.compile(
    r"\{\{.{0,80}?\}\}|\{%.{0,80}?%\}|\$\{[^}\n]{0,80}\}|\{[A-Za-z][\w .\-]{0,40}\}|<[A-Za-z][A-Za-z _\-]{1,40}>"
    r"|(?<!@)\[(?!\d+\])[^\[\]\n]{1,60}\](?!\()|\b(?i:insert)\b[^.!?\n]{0,30}\b(?i:here)\b"
)
_MARKDOWN: Final = re.compile(
    r"\*\*|__(?=\w)|(?<=\w)__|##|(?m:^#\s)|```|`[^`\n]{1,200}`|(?<!@)\[[^\[\]\n]{1,200}\]\([^)\s]|(?m:^>\s)|(?m:^[^\S\n]*(?:-{3,}|\*{3,})[^\S\n]*$)"
)


def placeholder(post: Reading) -> Iterator[Check]:
    for match in _PLACEHOLDER.finditer(post.text):
        yield block("PLACEHOLDER", f"{quoted(match[0])} is a placeholder that nobody filled in.", match.span())
    for phrase in lexicon().placeholders:
        if span := first_span(phrase, post.text):
            said = post.text[span[0] : span[1]]
            yield block("PLACEHOLDER", f"{quoted(said)} is a placeholder that nobody filled in.", span)


def markdown(post: Reading) -> Iterator[Check]:
    if match := _MARKDOWN.search(post.text):
        yield block("MARKDOWN_LEFT", f"{quoted(match[0])} is markup that no platform shows; take it out.", match.span())


def ai_tell(post: Reading) -> Iterator[Check]:
    for phrase in lexicon().ai_tells:
        if span := first_span(phrase, post.text):
            said = post.text[span[0] : span[1]]
            yield block("AI_TELL", f"{quoted(said)} is the writer speaking about itself, not the post.", span)
            return


# --- private data -------------------------------------------------------------------------------------

# Possessive, and from the start of a word only: a long run of letters is read once.
_EMAIL: Final = re.compile(r"(?<![\w.+\-])[\w.+\-]++@[\w\-]++(?:\.[\w\-]++)++")
_PHONE: Final = re.compile(
    r"(?<![\w.,/])(?:(?:\+\d{1,3}|00\d{1,3}|\(0?\d{2,5}\)|0\d{2,4})(?:[ .\-/()]{0,2}\d{2,5}){2,5}"
    r"|\d{3}[.-]\d{3}[.-]\d{4})(?![\w/])"
)
_IBAN: Final = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{2,4}){3,8}\b")
_LEAST_PHONE_DIGITS: Final = 8


def private_data(post: Reading) -> Iterator[Check]:
    given = {_squeezed(text) for text in post.sources}
    for what, (start, end) in private_spans(post.text):
        said = post.text[start:end]
        if not any(_squeezed(said) in source for source in given):
            yield warn("PII", f"{quoted(said)} looks like {what} and is not in the brief.", (start, end))


def private_spans(text: str) -> list[tuple[str, Span]]:
    """Return what looks like private data, and where; nothing twice."""
    accounts = [match.span() for match in _IBAN.finditer(text) if _is_iban(match[0])]
    in_accounts = Cover(len(text), accounts)
    phones = [
        match.span()
        for match in _PHONE.finditer(text)
        if sum(char.isdigit() for char in match[0]) >= _LEAST_PHONE_DIGITS
        and not in_accounts.meets((match.start(), match.start() + 1))
    ]
    return [
        *(("an e-mail address", match.span()) for match in _EMAIL.finditer(text)),
        *(("a bank account", span) for span in accounts),
        *(("a phone number", span) for span in phones),
    ]


def _is_iban(text: str) -> bool:
    """Whether the check digits hold (ISO 13616: the number modulo 97 is 1)."""
    compact = text.replace(" ", "")
    digits = "".join(str(int(char, 36)) for char in compact[4:] + compact[:4])
    return 15 <= len(compact) <= 34 and int(digits) % 97 == 1


def _squeezed(text: str) -> str:
    return re.sub(r"[^\w@+]", "", fold(text).text)


def language(post: Reading) -> Iterator[Check]:
    wanted, found = post.policy.language, guess_language(post.text)
    if wanted and found and found != wanted:
        yield warn("LANGUAGE", f"The post reads as “{found}”, the brief is in “{wanted}”.")
