"""A tile with the brand's letters in the brand's first colour: the page is theirs, and loads nothing from anywhere."""

import re
from dataclasses import dataclass
from typing import Final

from campaigns.model.library.brand import Brand

_HEX: Final = re.compile(r"#([0-9a-fA-F]{6})\b")
_INK, _PAPER = "#16181d", "#ffffff"


@dataclass(frozen=True, slots=True)
class BrandMark:
    """Letters, the colour of the tile and the colour of the letters on it."""

    letters: str
    tile: str
    ink: str


def brand_mark(name: str, brand: Brand | None) -> BrandMark:
    """Return the tile of a brand; its palette may hold words, so the first hex colour counts."""
    letters = "".join(word[0] for word in re.findall(r"\w+", name)[:2]).upper() or "·"
    palette = brand.visual_identity.color_palette if brand else []
    tile = next((match[0] for entry in palette if (match := _HEX.search(entry))), "#24324a")
    return BrandMark(letters, tile, _PAPER if _luminance(tile) < 0.18 else _INK)


def _luminance(colour: str) -> float:
    """Return the relative luminance (WCAG 2.2); at 0.18 black and white letters contrast alike."""
    channels = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
