"""How a post treats its readers: no insults, no shouting, no bait, nothing that a screen reader cannot read."""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

import regex

from campaigns.model.post import Check, Post
from campaigns.rules.guardrails.reading import Reading, block, quoted, warn
from campaigns.rules.text.matching import fold
from campaigns.rules.text.phrases import phrase_book

_MOST_SHOUTED: Final = 2
"""Words in capitals; more of them shout. Short ones are abbreviations."""
_SHOUTED: Final = regex.compile(r"(?<![\w#@])\p{Lu}{4,}+(?!\w)")
"""Only scripts with capitals shout."""
_LOWER: Final = regex.compile(r"\p{Ll}")
_MOST_EXCLAIMED: Final = 2
_EXCLAIMED: Final = re.compile(r"[!¡！]")

_MASKED: Final = re.compile(r"(?<!\w)([^\W\d_]{1,12})([*#@%&•]{1,6})([^\W\d_]{0,12})(?![\w@.])")

_FONT: Final = re.compile(
    r"[\U0001d400-\U0001d7ff\U0001f130-\U0001f149\U0001f150-\U0001f169\U0001f170-\U0001f189\u24b6-\u24e9]"
)
"""Letters of mathematics and letters in circles and squares: a screen reader spells them out, or skips them."""
_FULL_WIDTH: Final = re.compile(r"[\uff21-\uff3a\uff41-\uff5a]")
_EAST_ASIAN: Final = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7af]")
_STACKED: Final = re.compile(r"[\u0300-\u036f]{3,}")
_LEAST_FONT: Final = 3


def profanity(post: Reading) -> Iterator[Check]:
    for said, span, where in post.phrases("profanity"):
        yield block("PROFANITY", f"{quoted(said)}{where} is a swear word.", span)
    yield from _masked(post)
    for said, span, where in post.phrases("insult"):
        yield warn("PROFANITY", f"{quoted(said)}{where} may insult somebody.", span)


def _masked(post: Reading) -> Iterator[Check]:
    """Find swear words with letters blotted out: sh*t, f@cking, Sch**ße."""
    folded = fold(post.text)
    for match in _MASKED.finditer(folded.text):
        word, marks = match[0], len(match[2])
        footnote = not match[3] and marks == 1
        if not footnote and any(_may_be(word, oath) for code in post.languages for oath in _oaths(code)):
            span = folded.span(*match.span())
            yield block("PROFANITY", f"{quoted(post.text[span[0] : span[1]])} is a swear word.", span)


def _may_be(word: str, oath: str) -> bool:
    """Whether a masked word can be an oath of the list, which ends in * when it is only a beginning."""
    stem = oath.rstrip("*")
    long_enough = len(word) >= len(stem) if oath.endswith("*") else len(word) == len(stem)
    return long_enough and all(seen == meant or not seen.isalpha() for seen, meant in zip(word, stem, strict=False))


@lru_cache(maxsize=8)
def _oaths(language: str) -> tuple[str, ...]:
    oaths = [fold(oath).text for oath in phrase_book(language).lists["profanity"]]
    return tuple(oath for oath in oaths if " " not in oath and "|" not in oath and not oath.startswith("*"))


def clickbait(post: Reading) -> Iterator[Check]:
    for said, span, where in post.phrases("clickbait", sourced=True):
        yield warn("CLICKBAIT", f"{quoted(said)}{where} is bait: it promises and does not tell.", span)


def shouting(post: Reading) -> Iterator[Check]:
    shouted = [match.span() for match in _SHOUTED.finditer(post.text)]
    whole = len(shouted) > 1 and not _LOWER.search(post.text)
    if len(shouted) > _MOST_SHOUTED or whole:
        yield warn(
            "SHOUTING", f"{len(shouted)} words in capitals shout, and screen readers spell them out.", shouted[0]
        )
    exclaimed = [match.span() for match in _EXCLAIMED.finditer(post.text)]
    opened = post.text.count("¡")
    if len(exclaimed) - opened > _MOST_EXCLAIMED:
        yield warn("SHOUTING", f"{len(exclaimed) - opened} exclamation marks shout.", exclaimed[-1])


def unicode_fonts(post: Reading) -> Iterator[Check]:
    letters = [match.start() for match in _FONT.finditer(post.text)]
    if not _EAST_ASIAN.search(post.text):
        letters += [match.start() for match in _FULL_WIDTH.finditer(post.text)]
    if len(letters) >= _LEAST_FONT:
        span = min(letters), max(letters) + 1
        yield warn(
            "ACCESSIBILITY", f"{quoted(post.text[span[0] : span[1]])} is in letters that screen readers skip.", span
        )
    if stacked := _STACKED.search(post.text):
        yield warn("ACCESSIBILITY", "Marks piled on a letter cannot be read, by nobody.", stacked.span())


_FILE_NAME: Final = re.compile(
    r"^\S{1,200}\.(?:jpe?g|png|gif|webp|heic|svg|mp4|mov)$|^(?:img|dsc|image|screenshot)[\W_\d]*$", re.I
)
_LEAST_ALT: Final = 3
"""Words of an alt text that says something."""


def alt_text(post: Reading) -> Iterator[Check]:
    said = (post.content.alt_text or "").strip()
    if not said:
        if isinstance(post.post, Post) and post.post.asset_requirements.image_required:
            yield warn("ALT_TEXT_MISSING", "The picture has no alt text: who cannot see it, misses it.")
        return
    if _FILE_NAME.search(said):
        yield warn("ALT_TEXT", f"The alt text is the name of a file: {quoted(said)}. Say what can be seen.")
        return
    words = re.findall(r"\w+", fold(said).text)
    together = " ".join(words)
    useless = {fold(phrase).text for code in post.languages for phrase in phrase_book(code).lists["altUseless"]}
    rest = next(
        (together.removeprefix(phrase) for phrase in useless if f"{together} ".startswith(f"{phrase} ")), together
    )
    apart = not _EAST_ASIAN.search(said)
    if not rest.strip() or (apart and len(words) < _LEAST_ALT):
        yield warn("ALT_TEXT", f"The alt text says nothing: {quoted(said)}. Say what can be seen.")
    elif said == post.text.strip():
        yield warn("ALT_TEXT", "The alt text repeats the post. Say what can be seen.")
    elif re.search(r"[,;:\-–—…]$|\.\.\.$", said):
        yield warn("ALT_TEXT", f"The alt text stops in the middle: {quoted(said[-40:])}.")
