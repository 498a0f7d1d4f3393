"""How long a text is, by the name of a way to count; the files of the platforms choose one."""

import re
from collections.abc import Callable, Mapping
from typing import Final

import regex

from campaigns.model.platforms import Counting
from campaigns.rules.text.limits.x_length import emoji_sequences, weighted_length

_CLUSTER = regex.compile(r"\X")
_FLAG_BEFORE_ANOTHER: Final = re.compile("[\U0001f1e6-\U0001f1ff]{2}(?=[\U0001f1e6-\U0001f1ff])")
# Reserved in the `commentary` of LinkedIn's Posts API: each is sent with a backslash, which counts.
_LINKEDIN_RESERVED: Final = "\\|{}@[]()<>#*_~"


def _utf16(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


def _graphemes(text: str) -> int:
    if text.isascii() and "\r" not in text:
        return len(text)
    # A long row of flags is counted here: each would be looked for from the beginning of the row.
    rest, flags = _FLAG_BEFORE_ANOTHER.subn("", text)
    return flags + len(_CLUSTER.findall(rest))


def _linkedin(text: str) -> int:
    return _utf16(text) + sum(map(text.count, _LINKEDIN_RESERVED))


def _emoji_bytes(text: str) -> int:
    """Code points, and an emoji as many as it has bytes."""
    return len(text) + sum(_bytes(text[start:end]) - (end - start) for start, end in emoji_sequences(text))


COUNTED: Final[Mapping[Counting, Callable[[str], int]]] = {
    "weighted": weighted_length,
    "linkedin_escaped": _linkedin,
    "code_points": len,
    "utf16": _utf16,
    "graphemes": _graphemes,
    "emoji_bytes": _emoji_bytes,
    "bytes": _bytes,
}
"""Each takes a text in NFC."""
