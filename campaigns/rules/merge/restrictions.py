"""What a brand's restrictions, in free words, mean to the checks; what none understands is said to be unchecked.

"no health claims"       the check on health, even where the brief makes the claim
"never say “cheapest”"   the words in quotes are a phrase to avoid
"keep it classy"         no check: the plan says so, and a person has to look
"""

import re
from collections.abc import Iterable, Iterator
from typing import Final, Literal, NamedTuple

from campaigns.rules.text.matching import fold

Forbidden = Literal["health", "superlative", "offer", "checked"]
"""The kind of claim that is ruled out; `checked`: a check stops it for every brand."""

_NO: Final = re.compile(
    r"\b(?:no|never|avoid|without|not|don'?t|kein\w*|nie|nicht|ohne|pas|jamais|aucun\w*|sans|sin|nunca|ningun\w*|evitar)\b"
)
_KINDS: Final[dict[Forbidden, re.Pattern[str]]] = {
    "health": re.compile(
        r"\b(?:health|medical|therapeutic|medicinal|gesundheit\w*|medizin\w*|heil\w*|sante|medical\w*|salud|medic\w*)\b"
    ),
    "superlative": re.compile(r"\b(?:superlativ\w*|superlatif\w*|superlativo\w*|exaggerat\w*|best in)\b"),
    "offer": re.compile(
        r"\b(?:discount\w*|offers?|price\w*|rabatt\w*|angebot\w*|preis\w*|remise\w*|prix|descuento\w*|precio\w*)\b"
    ),
    "checked": re.compile(
        r"\b(?:competitor\w*|wettbewerb\w*|konkurren\w*|concurrent\w*|competidor\w*|profan\w*|swear\w*|guarantee\w*|garanti\w*"
        r"|shout\w*|caps|capitals|click ?bait|testimonial\w*|unsourced|insult\w*|markdown|placeholder\w*)\b"
    ),
}
_QUOTED: Final = re.compile(r"[“\"„«]([^“”\"„«»]{1,200})[”\"“»]")


class Restriction(NamedTuple):
    """A restriction as the checks read it: the kind it forbids, phrases it forbids; neither: it is unchecked."""

    text: str
    forbids: Forbidden | None
    phrases: tuple[str, ...]

    @property
    def checked(self) -> bool:
        return self.forbids is not None or bool(self.phrases)


def read_restriction(text: str) -> Restriction:
    """Return what a restriction means to the checks."""
    folded = fold(text).text
    phrases = tuple(found.strip() for found in _QUOTED.findall(text)) if _NO.search(folded) else ()
    kinds = (kind for kind, pattern in _KINDS.items() if pattern.search(folded))
    return Restriction(text, next(kinds, None) if _NO.search(folded) else None, phrases)


def unchecked(restrictions: Iterable[str]) -> Iterator[str]:
    """Yield a warning for each restriction that no check understands."""
    for text in restrictions:
        if not read_restriction(text).checked:
            yield f"the restriction “{text}” is not checked: the writer is told, and a person has to look"
