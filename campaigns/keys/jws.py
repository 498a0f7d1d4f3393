"""The parts of a signed token (RFC 7515), each spelled in exactly one way."""

import base64
from typing import Any

from campaigns.model.strict_json import strict_json


def part_of(token: str, number: int) -> bytes:
    """Return the bytes of header (0) or payload (1).

    Raises:
        ValueError: it is not base64url, or not spelled as we write it.
    """
    part = token.split(".")[number]
    raw = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    # The last letter of an unpadded text may carry unused bits: only one spelling counts.
    if base64.urlsafe_b64encode(raw).decode().rstrip("=") != part:
        raise ValueError("not the only spelling")
    return raw


def object_of(token: str, number: int) -> dict[str, Any]:
    """Return the JSON object of a part, every name of it once.

    Raises:
        ValueError, RecursionError: it is none.
    """
    found = strict_json(part_of(token, number).decode("utf-8"))
    if isinstance(found, dict):
        return found
    raise ValueError("not an object")
