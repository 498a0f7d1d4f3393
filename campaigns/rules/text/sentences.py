"""The sentences of a text, as people would point at them."""

import re
from typing import Final

_SENTENCE_END: Final = re.compile(
    r"(?<=[.!?])(?<!\bDr\.)(?<!\bMr\.)(?<!\bMs\.)(?<!\bMrs\.)(?<!\bProf\.)(?<!\bSt\.)(?<!\bNo\.)(?<!\bNr\.)(?<!\bSr\.)(?<!\bSra\.)\s+"
    r"|(?<=[。！？।])(?![」』”）)])\s*|\n+"
)


def sentences(text: str) -> list[str]:
    """Return the sentences of a text, in order, each once."""
    parts = (part.strip() for part in _SENTENCE_END.split(text))
    return list(dict.fromkeys(part for part in parts if part))
