"""Where a listing goes on: a text that only this listing, with these filters, takes back, and only as it was given.

The check in it is no signature. Whoever makes one up names another place in a listing that is theirs: what is
listed comes from the request and never from the cursor.
"""

import base64
import binascii
import hashlib
import json
from re import Pattern

from campaigns.errors import Fault, FaultsError


def cursor_of(listing: tuple[str, ...], place: tuple[str, ...]) -> str:
    """Return the cursor of a place in a listing; `listing` names what is listed, of whom and by which filters."""
    text = json.dumps([_check(listing, place), *place], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def place_of(listing: tuple[str, ...], cursor: str, *shapes: Pattern[str]) -> tuple[str, ...]:
    """Return the place that a cursor of this listing names: a part for each shape.

    Raises:
        FaultsError: it is not one of this listing (code `CURSOR_INVALID`).
    """
    try:
        found = json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
        check, *place = found
        if not all(shape.fullmatch(part) for shape, part in zip(shapes, place, strict=True)):
            raise ValueError
    except (binascii.Error, ValueError, TypeError, RecursionError):
        raise _not_ours() from None
    if check != _check(listing, tuple(place)):
        raise _not_ours()
    return tuple(place)


def _check(listing: tuple[str, ...], place: tuple[str, ...]) -> str:
    return hashlib.sha256(json.dumps([listing, place]).encode()).hexdigest()[:24]


def _not_ours() -> FaultsError:
    return FaultsError([Fault("cursor", "is not a cursor of this list with these filters", "CURSOR_INVALID")])
