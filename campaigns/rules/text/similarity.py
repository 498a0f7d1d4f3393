"""How alike two texts are: posts that repeat each other, topics that say the same.

Both measures are symmetric, lie between 0 and 1, and cost time linear in the texts.
"""

import re
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from campaigns.rules.text.matching import fold

DUPLICATE_POST: Final = 0.9
"""From here on two posts on one platform are the same (domain.md section 15); X refuses identical ones."""

DUPLICATE_TOPIC: Final = 0.85
"""From here on two topics of one pillar are the same (domain.md section 14, rule 10)."""

_URL: Final = re.compile(r"https?://\S+")
_GRAM: Final = 3
_BITS: Final = 4096


def similarity(one: str, other: str) -> float:
    """Return the share of letter triples that two texts have in common (Sørensen-Dice over multisets).

    Case, accents, punctuation, spacing and links do not count: two posts that differ only in the link
    are the same post to a reader. Texts without any word are alike only to each other.
    """
    grams, other_grams = _grams(one), _grams(other)
    total = grams.total() + other_grams.total()
    if not total:
        return 1.0
    return 2 * (grams & other_grams).total() / total


@lru_cache(maxsize=1024)
def _grams(text: str) -> Counter[str]:
    words = re.findall(r"\w+", fold(_URL.sub(" ", text)).text)
    padded = f"  {' '.join(words)} " if words else ""
    return Counter(padded[start : start + _GRAM] for start in range(len(padded) - _GRAM + 1))


def duplicate_of(text: str, others: Iterable[str]) -> tuple[float, str]:
    """Return the highest similarity to any of the others and that text; (0, "") when none is the same post.

    A text that cannot be is not compared, which costs a hundredth: a post is held against every other one.
    """
    near = [other for other in others if _at_most(text, other) >= DUPLICATE_POST]
    best = max(((similarity(text, other), other) for other in near), default=(0.0, ""))
    return best if best[0] >= DUPLICATE_POST else (0.0, "")


def _at_most(one: str, other: str) -> float:
    """Return a bound of their similarity: each triple that one of them lacks is missing from what they share."""
    (bits, size), (other_bits, other_size) = _bits(one), _bits(other)
    if not size + other_size:
        return 1.0
    shared = min(size - (bits & ~other_bits).bit_count(), other_size - (other_bits & ~bits).bit_count())
    return 2 * shared / (size + other_size)


@lru_cache(maxsize=1024)
def _bits(text: str) -> tuple[int, int]:
    """Return the triples of a text as a set of bits, where two may share one, and how many triples there are."""
    grams = _grams(text)
    return sum({1 << hash(gram) % _BITS for gram in grams}), grams.total()
