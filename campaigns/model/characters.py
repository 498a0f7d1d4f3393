"""Which characters a text may hold: what people paste unseen is cleaned, what could hide words is refused.

The rule stands on Unicode's own properties. A character that is ignored when a text is drawn
(Default_Ignorable_Code_Point, UAX 44) stays only where a script or an emoji is drawn differently with it:

    ZWNJ, ZWJ             beside a letter of a cursive or an Indic script; ZWJ also between emoji (UTS 51)
    zero width space      between letters of scripts that write no spaces between words (UAX 14)
    VS15, VS16            after an emoji; VS16 within a keycap
    other selectors       after a Han character, a mathematical sign or a letter that has such variants
    Mongolian selectors   after a Mongolian letter, and its vowel separator between two
    tags                  in the three flags of subdivisions that are drawn: England, Scotland, Wales
    CGJ                   between two Hebrew points

Elsewhere it is removed: it came with the words out of Word, Slack or a phone, and nobody misses it.
Tags and selectors of plane 14 come with no words: they carry text or bytes past the eye, and are refused,
as are control characters and the two that turn the order of letters around (LRO, RLO).
"""

import unicodedata
from dataclasses import dataclass
from typing import Final

import regex

# What ends a line wherever texts are typed: Word's soft break is a vertical tab (UAX 14, classes BK, CR, NL).
_LINE_END: Final = regex.compile(r"\r\n|[\r\v\f\x85\u2028\u2029]")

_CURSIVE: Final = r"[\p{Joining_Type=D}\p{Joining_Type=R}\p{Joining_Type=L}\u0640\u064B-\u065F\u0670\u06D6-\u06ED]"
_INDIC: Final = (
    r"[[\p{Devanagari}\p{Bengali}\p{Gurmukhi}\p{Gujarati}\p{Oriya}\p{Tamil}\p{Telugu}\p{Kannada}\p{Malayalam}"
    r"\p{Sinhala}\p{Tibetan}\p{Khmer}\p{Myanmar}\p{Balinese}\p{Javanese}\p{Sundanese}\p{Newa}\p{Tirhuta}\p{Modi}"
    r"\p{Grantha}\p{Sharada}\p{Kaithi}\p{Chakma}\p{Meetei_Mayek}\p{Limbu}\p{Saurashtra}\p{Tai_Tham}\p{Cham}]"
    r"&&[\p{L}\p{M}]]"
)
_UNSPACED: Final = r"[[\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}\p{Tai_Tham}\p{Tibetan}\p{Javanese}]&&[\p{L}\p{M}]]"
_MONGOLIAN: Final = r"[\p{Mongolian}&&\p{L}]"
_EMOJI: Final = r"[\p{Emoji}--\p{Emoji_Component}]"
_PICTURE: Final = r"\p{Extended_Pictographic}"
_VARIED: Final = (
    r"[\p{Sm}\p{Myanmar}\p{Phags_Pa}\p{Egyptian_Hieroglyphs}\u3001\u3002\uFF01\uFF0C\uFF0E\uFF1A\uFF1B\uFF1F]"
)


def _tags(text: str) -> str:
    return "".join(chr(0xE0000 + ord(letter)) for letter in text)


# Selectors 17 to 48: no registered sequence of the Ideographic Variation Database uses a later one.
_HAN_VARIANT: Final = r"(?<=\p{Han})[\uFE00-\uFE02\U000E0100-\U000E011F]"
_FLAG: Final = f"\U0001f3f4(?:{'|'.join(_tags(each) for each in ('gbeng', 'gbsct', 'gbwls'))})\U000e007f"
_LEGIT: Final = "|".join(
    [
        _FLAG,
        _HAN_VARIANT,
        r"(?<=[0-9#*])\uFE0F(?=\u20E3)",
        rf"(?<={_EMOJI})[\uFE0E\uFE0F]",
        rf"(?<=(?:{_PICTURE}[\uFE0F\p{{Emoji_Modifier}}]?))\u200D(?={_PICTURE})",
        # One beside a letter is writing; a second one is a code.
        rf"(?<![\u200B-\u200D])[\u200C\u200D](?={_CURSIVE}|{_INDIC})|(?<={_CURSIVE}|{_INDIC})[\u200C\u200D]",
        rf"(?<={_UNSPACED})\u200B(?={_UNSPACED})",
        rf"(?<={_VARIED})[\uFE00\uFE01]",
        rf"(?<={_MONGOLIAN})[\u180B-\u180D\u180F]",
        rf"(?<={_MONGOLIAN}[\u180B-\u180D\u180F]?)\u180E(?={_MONGOLIAN})",
        r"(?<=[\u0591-\u05C7])\u034F(?=[\u0591-\u05C7])",
    ]
)
_IGNORED: Final = r"[\p{Default_Ignorable_Code_Point}\uFFF9-\uFFFB]"
_REFUSED: Final = r"[\p{Cc}\u202D\u202E[\p{Default_Ignorable_Code_Point}&&[\U000E0000-\U000EFFFF]]--[\t\n]]"
# More marks on one letter than any script writes (UAX 15, Stream-Safe Text Format) cover the words around it, and
# normalising sorts them in the square of their number. What is not drawn does not part them.
_HEAP: Final = r"(?<=[\p{M}\p{Default_Ignorable_Code_Point}]{30})\p{M}"

_SUSPECT: Final = regex.compile(rf"(?V1){_IGNORED}|{_REFUSED}")
_HIDING: Final = regex.compile(rf"(?V1)(?:{_FLAG}|{_HAN_VARIANT})(*SKIP)(*FAIL)|{_REFUSED}|{_HEAP}")
_STRAY: Final = regex.compile(rf"(?V1)(?:{_LEGIT})(*SKIP)(*FAIL)|{_IGNORED}")


@dataclass(frozen=True, slots=True)
class Hiding:
    """A character that a text must not hold, and where it stands; both numbers count from 1."""

    code_point: str
    line: int
    place: int


def hiding(text: str) -> Hiding | None:
    """Return the first character that could hide words, or None."""
    text = _LINE_END.sub("\n", text)
    found = _HIDING.search(text)
    if found is None:
        return None
    start = found.start()
    return Hiding(f"{ord(found[0]):04X}", text.count("\n", 0, start) + 1, start - text.rfind("\n", 0, start))


def without_hiding(text: str) -> str:
    """Return the text without the characters that `hiding` finds."""
    return str(_HIDING.sub("", _LINE_END.sub("\n", text)))


def cleaned(text: str) -> str:
    """Return the text in NFC, with plain line ends, trimmed, and without what is not drawn; idempotent."""
    text = _LINE_END.sub("\n", text)
    while _SUSPECT.search(text):
        # What stands beside a character that goes may itself be out of place then.
        if (less := unicodedata.normalize("NFC", _STRAY.sub("", text))) == text:
            break
        text = less
    return unicodedata.normalize("NFC", text).strip()
