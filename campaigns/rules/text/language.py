"""Guesses the language of a text from its commonest words; says nothing when in doubt."""

import re
from functools import lru_cache
from typing import Final

from campaigns.rules.text.lexicon import lexicon
from campaigns.rules.text.matching import fold

_LEAST_HITS: Final = 4
_LEAST_LEAD: Final = 1.5

_SCRIPTS: Final = (
    # Enough to see that a text is not in the brief's language; not to tell Russian from Bulgarian.
    ("ja", "\u3040-\u30ff"),
    ("ko", "\uac00-\ud7af"),
    ("zh", "\u4e00-\u9fff"),
    ("ru", "\u0400-\u04ff"),
    ("ar", "\u0600-\u06ff"),
    ("he", "\u0590-\u05ff"),
    ("th", "\u0e00-\u0e7f"),
    ("el", "\u0370-\u03ff"),
    ("hi", "\u0900-\u097f"),
)


def guess_language(text: str) -> str | None:
    """Return an ISO 639-1 code, None when the text is too short or too mixed to tell.

    Latin scripts: the language with most of its common words in the text, if it is well ahead of the
    next. Other scripts: the best-known language that is written in it.
    """
    for code, letters in _SCRIPTS:
        of_script = len(re.findall(f"[{letters}]", text))
        if of_script >= _LEAST_HITS and of_script * 3 > sum(char.isalpha() for char in text):
            return code
    hits = sorted(((number, code) for code, number in _hits(text).items()), reverse=True)
    (most, code), (second, _) = hits[:2]
    return code if most >= _LEAST_HITS and most >= _LEAST_LEAD * second else None


def nearest_language(text: str) -> str | None:
    """Return the language that a text is most likely in, however little speaks for it; None: nothing does.

    For choosing words of ours to stand beside it; `guess_language` is for finding fault with a text.
    """
    hits = sorted(((number, code) for code, number in _hits(text).items()), reverse=True)
    (most, code), (second, _) = hits[:2]
    return guess_language(text) or (code if most > second else None)


def reads_as(text: str, language: str) -> bool:
    """Whether a text may be in a language all the same: it has at least half as many of its words as of the best's."""
    hits = _hits(text)
    return 2 * hits.get(language, 0) >= max(hits.values()) > 0


@lru_cache(maxsize=64)
def _hits(text: str) -> dict[str, int]:
    words = re.findall(r"[a-z]+", fold(text).text)
    return {code: sum(word in common for word in words) for code, common in _common_words()}


@lru_cache(maxsize=1)
def _common_words() -> tuple[tuple[str, frozenset[str]], ...]:
    return tuple((code, frozenset(words)) for code, words in lexicon().stop_words.items())
