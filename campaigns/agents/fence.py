"""The fence between our words and everybody else's.

What people typed goes to a model as JSON between two marks. Inside, `<`, `>` and `&` are written as
JSON escapes, so no text, whoever typed it, can hold the closing mark: it stays data.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

_ESCAPES: Final = {ord("<"): "\\u003c", ord(">"): "\\u003e", ord("&"): "\\u0026"}
_BLOCK: Final = re.compile(r'<data name="([a-z_]+)">\n(.*?)\n</data>', re.DOTALL)


def fenced(name: str, value: Mapping[str, Any]) -> str:
    """Return the value as one block of data with this name; what is null or empty is left out."""
    text = json.dumps(_without_blanks(value), ensure_ascii=False, indent=1).translate(_ESCAPES)
    return f'<data name="{name}">\n{text}\n</data>'


def unfenced(prompt: str) -> dict[str, dict[str, Any]]:
    """Return the blocks of data of a prompt by name, as the offline writer and the stand-in server read them."""
    return {name: json.loads(body) for name, body in _BLOCK.findall(prompt)}


def _without_blanks(value: Any) -> Any:
    if isinstance(value, Mapping):
        kept = {key: _without_blanks(item) for key, item in value.items()}
        return {key: item for key, item in kept.items() if item not in (None, "", [], {})}
    if isinstance(value, list | tuple):
        return [_without_blanks(item) for item in value]
    return value
