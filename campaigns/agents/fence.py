"""The fence between our words and everybody else's.

What people typed goes to a model as JSON between two marks. Inside, `<`, `>` and `&` are written as
JSON escapes, so no text, whoever typed it, can hold the closing mark: it stays data. So are the characters that
a model may take for them: what NFKC makes of them holds one, or they look like one (Unicode's confusables).
"""

import json
import re
from collections.abc import Mapping
from typing import Any, Final, Literal


def _utf16(char: str) -> tuple[int, ...]:
    data = char.encode("utf-16-be")
    return tuple(int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 2))


_MARKS: Final = (
    "<>&"
    "\u226e\u226f\ufe60\ufe64\ufe65\uff06\uff1c\uff1e"
    "\u02c2\u02c3\u1433\u1438\u16b2\u2039\u203a\u2329\u232a"
    "\u276c\u276d\u276e\u276f\u2770\u2771\u27e8\u27e9\u29fc\u29fd\u3008\u3009"
    "\ufe3f\ufe40\U00016f3f\U0001d236\U0001d237"
)
_ESCAPES: Final = {ord(mark): "".join(f"\\u{unit:04x}" for unit in _utf16(mark)) for mark in _MARKS}
_BLOCK: Final = re.compile(r'<(data|wishes) name="([a-z_]+)">\n(.*?)\n</\1>', re.DOTALL)


def fenced(name: str, value: Mapping[str, Any], *, kind: Literal["data", "wishes"] = "data") -> str:
    """Return the value as one block with this name; what is null or empty is left out.

    Args:
        kind: `data` is material and orders nothing; `wishes` are of people who may say what they want changed.
    """
    # Without blanks: an indented one costs a quarter more.
    text = json.dumps(_without_blanks(value), ensure_ascii=False, separators=(",", ":")).translate(_ESCAPES)
    return f'<{kind} name="{name}">\n{text}\n</{kind}>'


def unfenced(prompt: str) -> dict[str, dict[str, Any]]:
    """Return the blocks of data of a prompt by name, as the offline writer and the stand-in server read them."""
    return {name: json.loads(body) for _, name, body in _BLOCK.findall(prompt)}


def _without_blanks(value: Any) -> Any:
    if isinstance(value, Mapping):
        kept = {key: _without_blanks(item) for key, item in value.items()}
        return {key: item for key, item in kept.items() if item not in (None, "", [], {})}
    if isinstance(value, list | tuple):
        return [_without_blanks(item) for item in value]
    return value
