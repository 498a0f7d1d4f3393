"""The word lists that the rules look for, from `lexicon.json`: edited there, by people who write.

Lists of single words are one text with spaces; words are given as they are folded (without accents)
where they are compared word by word, and in any spelling where they are searched as phrases.
"""

from functools import lru_cache
from importlib.resources import files
from typing import Annotated

from pydantic import BeforeValidator

from campaigns.model.base import Wire

WordList = Annotated[tuple[str, ...], BeforeValidator(str.split)]


class Lexicon(Wire):
    """Phrases by what they give away.

    `names` are figures that are no statistics, `numbered_things` what a number names (bag #1), `everyday_names`
    words of the language that companies are named after.
    """

    stop_words: dict[str, WordList]
    months: dict[str, WordList]
    list_nouns: WordList
    names: tuple[str, ...]
    numbered_things: WordList
    everyday_names: WordList
    guarantees: tuple[str, ...]
    not_a_guarantee: tuple[str, ...]
    soft_cta: tuple[str, ...]
    strong_cta: tuple[str, ...]
    ai_tells: tuple[str, ...]
    placeholders: tuple[str, ...]


@lru_cache(maxsize=1)
def lexicon() -> Lexicon:
    """Return the word lists, read once."""
    return Lexicon.model_validate_json(files("campaigns.rules").joinpath("lexicon.json").read_text("utf-8"))


@lru_cache(maxsize=1)
def stop_words() -> frozenset[str]:
    """Return the words of every language that carry no meaning of their own."""
    return frozenset(word for words in lexicon().stop_words.values() for word in words)
