"""Words of users in Prefect's markdown: shown as words, never as a link, a picture or a tag."""

import string
from typing import Final

_ENTITIES: Final = {"<": "&lt;", ">": "&gt;", "&": "&amp;"}
_ESCAPED: Final = str.maketrans({sign: _ENTITIES.get(sign, f"\\{sign}") for sign in string.punctuation})


def words(text: str) -> str:
    """Return one line of markdown that reads as the text does."""
    return " ".join(text.split()).translate(_ESCAPED)
