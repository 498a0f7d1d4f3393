"""What a machine left in the text, or let slip: placeholders, markup, its own voice, private data."""

import re
from bisect import bisect_left
from collections.abc import Collection, Iterator
from typing import Final

from campaigns.model.post import Check
from campaigns.rules.guardrails.reading import Reading, block, quoted, warn
from campaigns.rules.text.language import guess_language, reads_as
from campaigns.rules.text.lexicon import lexicon
from campaigns.rules.text.matching import Cover, Folded, Span, first_span, fold
from campaigns.rules.text.phrases import PHRASE_LANGUAGES, phrase_book

_FIELDS: Final = "DD|MM|YYYY|YY|TT|JJJJ|JJ|AAAA|AA|HH|hh|mm|SS|XX"
"""A day, month, year or time that nobody filled in: DD/MM, TT.MM.JJJJ, HH:MM."""
_PLACEHOLDER: Final = re.compile(
    r"\{\{.{0,80}?\}\}|\{%.{0,80}?%\}|\$\{[^}\n]{0,80}\}|\{[A-Za-z][\w .\-]{0,40}\}|<[^\W\d_][\w '’\-]{1,40}>"
    r"|\b[A-Z]{2,20}(?:_[A-Z0-9]{2,20}){1,5}\b|\b(?:TODO|FIXME|TBD|TBC)\b|_{4,}|\.{6,}"
    r"|\bX{2,}(?=\s?(?:%|€|\$|£|euros?\b|percent\b|prozent\b|por ciento\b|pour cent\b|uhr\b|bags\b))"
    rf"|\b(?:{_FIELDS})(?:\s?[./:-]\s?(?:{_FIELDS})){{1,2}}\b"
    r"|[(](?i:insert|add|put|replace|einfügen|hier|insérer|ajouter|mettre|insertar|añadir|poner|completar|todo|tbd)\b[^()\n]{1,60}[)]"
)
_BRACKETS: Final = re.compile(r"(?<!@)\[(?!\d+\])([^\[\]\n]{1,60})\](?!\()")
_HARMLESS: Final = re.compile(
    r"sic|…|\.{3}|ad|anzeige|werbung|publi(?:cidad|cité)?|sponsored|update|live|thread|video|podcast|[a-z]{2}|\d+\s?/\s?\d+",
    re.IGNORECASE,
)
_QUOTES: Final = re.compile(r"[“„«\"»”]")
_HTML_TAG: Final = re.compile(
    r"</?(?:b|i|p|u|a|br|hr|em|li|ul|ol|tt|div|img|span|strong|h[1-6]|html|body|code|pre|blockquote|think|thinking)\b"
    r"[^<>\n]{0,80}>",
    re.IGNORECASE,
)
_MARKDOWN: Final = re.compile(
    r"\*\*|__(?=\w)|(?<=\w)__|##|(?m:^#\s)|```|`[^`\n]{1,200}`|(?<!@)\[[^\[\]\n]{1,200}\]\([^)\s]|(?m:^>\s)"
    r"|(?m:^[^\S\n]*(?:-{3,}|\*{3,})[^\S\n]*$)|(?m:^[^\S\n]{0,3}\*\s+\S)|~~|(?m:^\|[^\n]{1,200}\|\s?$)"
    r"|(?<![\w*])\*(?=[^\s*])[^*\n]{1,80}(?<=\S)\*(?![\w*])|(?<![\w_])_(?=[^\s_])[^_\n]{1,80}(?<=[^\s_])_(?![\w_])"
    r"|&(?:amp|lt|gt|quot|nbsp|apos|hellip|mdash|ndash|rsquo|#\d{1,6}|#x[0-9a-fA-F]{1,5});"
)


def placeholder(post: Reading) -> Iterator[Check]:
    tags = Cover(len(post.text), (match.span() for match in _HTML_TAG.finditer(post.text)))
    for match in _PLACEHOLDER.finditer(post.text):
        if not tags.meets(match.span()) and not any(match[0] in source for source in post.sources):
            yield block("PLACEHOLDER", f"{quoted(match[0])} is a placeholder that nobody filled in.", match.span())
    things = frozenset().union(*(phrase_book(code).classes["thing"] for code in PHRASE_LANGUAGES))
    quotes = [match.start() for match in _QUOTES.finditer(post.text)]
    for match in _BRACKETS.finditer(post.text):
        if _waits(match[1], things, in_quotation=bisect_left(quotes, match.start()) % 2 == 1):
            yield block("PLACEHOLDER", f"{quoted(match[0])} is a placeholder that nobody filled in.", match.span())
    for phrase in lexicon().placeholders:
        if span := first_span(phrase, post.text):
            said = post.text[span[0] : span[1]]
            yield block("PLACEHOLDER", f"{quoted(said)} is a placeholder that nobody filled in.", span)
    for said, span, where in post.phrases("placeholders"):
        yield block("PLACEHOLDER", f"{quoted(said)}{where} is a placeholder that nobody filled in.", span)


_FEW: Final = 2
"""Words of a placeholder that names what no list has: [roast level]."""


def _waits(inside: str, things: Collection[str], *, in_quotation: bool) -> bool:
    """Whether words in brackets wait to be replaced: they name a thing, or are written as a name or a command is.

    In a quotation brackets hold what the editor added: “We were paid [before the harvest]”.
    """
    words = re.findall(r"\w+", fold(inside).text)
    if not words or _HARMLESS.fullmatch(inside.strip()):
        return False
    if any(word in things for word in words):
        return True
    written = re.findall(r"[^\W\d_]\w*", inside)
    return not in_quotation and bool(written) and (written[0][0].isupper() or len(written) <= _FEW)


def markdown(post: Reading) -> Iterator[Check]:
    if match := _HTML_TAG.search(post.text) or _MARKDOWN.search(post.text):
        yield block("MARKDOWN_LEFT", f"{quoted(match[0])} is markup that no platform shows; take it out.", match.span())


def ai_tell(post: Reading) -> Iterator[Check]:
    for phrase in lexicon().ai_tells:
        if span := first_span(phrase, post.text):
            said = post.text[span[0] : span[1]]
            yield block("AI_TELL", f"{quoted(said)} is the writer speaking about itself, not the post.", span)
            return
    for said, span, where in post.phrases("chatter"):
        yield block("AI_TELL", f"{quoted(said)}{where} is the writer speaking about itself, not the post.", span)
        return


def injection(post: Reading) -> Iterator[Check]:
    for said, span, where in post.phrases("injection", sourced=True):
        yield block("INJECTION", f"{quoted(said)}{where} is an order to a machine or to a reviewer, not a post.", span)
        return


# Possessive, and from the start of a word only: a long run of letters is read once.
_EMAIL: Final = re.compile(r"(?<![\w.+\-])[\w.+\-]++@[\w\-]++(?:\.[\w\-]++)++")
_PHONE: Final = re.compile(
    r"(?<![\w.,/])(?:(?:\+\d{1,3}|00\d{1,3})(?:[ .\-/()]{0,2}\d{1,5}){3,6}"
    r"|(?:\(0?\d{2,5}\)|0\d{2,4})(?:[ .\-/()]{0,2}\d{2,5}){2,5}"
    r"|\d{3}[.-]\d{3}[.-]\d{4})(?![\w/])"
)
_CALLED: Final = re.compile(
    r"\b(?:call|phone|tel|telephone|text|sms|whatsapp|ring|mobile|dial|anrufen|ruf|rufen|telefon|handy|nummer|appelez"
    r"|appelle|appeler|telephonez|portable|joindre|llama|llame|llamad|llamanos|telefono|movil|numero"
    r"|reach|contact|erreichen|erreichbar|contactez|repond|reservations|atiende|contesta|contacta|reservas)\b[^\d\n]{0,40}$"
)
_BARE_PHONE: Final = re.compile(r"(?<![\w.,/])\d{2,4}(?:[ .\-/]\d{2,4}){2,4}(?![\w/])|(?<![\w.,/])\d{8,12}(?![\w/.,])")
_NAME: Final = r"[A-ZÀ-Þ][\w'’.\-]{0,30}"
_ADDRESS: Final = re.compile(
    rf"\b\d{{1,5}}(?:\s?(?:bis|ter)|[a-z])?,?\s(?:{_NAME}\s){{1,4}}(?:Street|St|Road|Rd|Avenue|Ave|Lane|Ln|Drive|Boulevard|Blvd|Square|Court"
    r"|Place|Terrace|Crescent|Way)\b"
    r"|\b\d{1,5}(?:\s?(?:bis|ter)|[a-z])?,?\s(?:[Rr]ue|[Aa]venue|[Bb]oulevard|[Bb]d|[Cc]hemin|[Aa]ll[ée]e|[Ii]mpasse|[Qq]uai|[Pp]lace|Rua|[Cc]alle|Via"
    rf"|Avenida|Plaza)\s(?:(?:de|du|des|la|le|les|l['’]|das?|dos?|del|los|las)\s?){{0,3}}{_NAME}"
    r"|\b[A-ZÄÖÜ][\wäöüß\-]{1,40}(?:straße|strasse|str\.|gasse|weg|platz|allee|ring|damm|ufer|Straße|Platz|Allee)\s\d{1,4}[a-z]?\b"
    rf"|\b(?:[Cc]/|[Cc]alle|[Aa]venida|[Aa]vda\.|[Pp]laza|[Pp]aseo|[Cc]amino|Carrer|Rua|Via|Ronda)\s(?:[\w'’.]{{1,30}}\s){{0,5}}?{_NAME},?\s(?:n\.?[ºo°]\s?)?\d{{1,4}}\b"
)
_IBAN: Final = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{2,4}){3,8}\b")
_CARD: Final = re.compile(r"(?<![\w.,])\d{4}(?:[ -]?\d{4}){2}[ -]?\d{1,7}(?!\w)")
_LEAST_PHONE_DIGITS: Final = 8


def private_data(post: Reading) -> Iterator[Check]:
    given = {_squeezed(text) for text in post.sources}
    for what, (start, end) in private_spans(post.text):
        said = post.text[start:end]
        if not any(_squeezed(said) in source for source in given):
            yield warn("PII", f"{quoted(said)} looks like {what} and is not in the brief.", (start, end))
    for said, span, where in post.phrases("birth"):
        yield warn("PII", f"{quoted(said)}{where} says when somebody was born, and the brief does not.", span)


def private_spans(text: str) -> list[tuple[str, Span]]:
    """Return what looks like private data, and where; nothing twice."""
    accounts = [match.span() for match in _IBAN.finditer(text) if _is_iban(match[0])]
    accounts += [match.span() for match in _CARD.finditer(text) if _is_card(match[0])]
    in_accounts = Cover(len(text), accounts)
    phones = [
        match.span()
        for match in _PHONE.finditer(text)
        if sum(char.isdigit() for char in match[0]) >= _LEAST_PHONE_DIGITS
        and not in_accounts.meets((match.start(), match.start() + 1))
    ]
    folded, known = fold(text), Cover(len(text), phones)
    phones += [
        match.span()
        for match in _BARE_PHONE.finditer(text)
        if sum(char.isdigit() for char in match[0]) >= _LEAST_PHONE_DIGITS
        and not in_accounts.meets(match.span())
        and not known.meets(match.span())
        and (text[match.start()] == "0" or _called(folded, match.start()))
    ]
    return [
        *(("an address", match.span()) for match in _ADDRESS.finditer(text)),
        *(("an e-mail address", match.span()) for match in _EMAIL.finditer(text)),
        *(("a bank account or card", span) for span in accounts),
        *(("a phone number", span) for span in phones),
    ]


def _called(folded: Folded, start: int) -> bool:
    """Whether what stands before a number says that it is to be called."""
    at = bisect_left(folded.origin, start)
    return _CALLED.search(folded.text, max(0, at - 60), at) is not None


def _is_iban(text: str) -> bool:
    """Whether the check digits hold (ISO 13616: the number modulo 97 is 1)."""
    compact = text.replace(" ", "")
    digits = "".join(str(int(char, 36)) for char in compact[4:] + compact[:4])
    return 15 <= len(compact) <= 34 and int(digits) % 97 == 1


def _is_card(text: str) -> bool:
    """Whether the check digit holds (ISO/IEC 7812: every second digit from the right counts twice)."""
    digits = [int(char) for char in reversed(text) if char.isdigit()]
    return sum(digits[::2]) % 10 == -sum(sum(divmod(2 * digit, 10)) for digit in digits[1::2]) % 10


def _squeezed(text: str) -> str:
    return re.sub(r"[^\w@+]", "", fold(text).text)


def language(post: Reading) -> Iterator[Check]:
    wanted, found = post.policy.language, guess_language(post.text)
    if wanted and found and found != wanted and not reads_as(post.text, wanted):
        yield warn("LANGUAGE", f"The post reads as “{found}”, the brief is in “{wanted}”.")
