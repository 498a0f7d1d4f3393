"""Stamps: when something was handed out, and that it was us, for one purpose and one subject.

The label of a purpose is authenticated with the text, so that a code of one purpose serves no other.
"""

import hashlib
import hmac
import re
from datetime import UTC, datetime, timedelta
from typing import Final

from campaigns.keys.keyring import Key, KeyRing

CLOCK_LEEWAY: Final = timedelta(seconds=60)
_STAMP: Final = re.compile(r"([0-9]{1,12})\.([a-z0-9-]{1,32})\.([0-9a-f]{32})", re.ASCII)


def mac(key: Key, label: bytes, text: str) -> str:
    """Return the code of a text for one purpose: 128 bits of HMAC-SHA-256, in hexadecimal digits."""
    return hmac.new(key.secret, label + b"\x00" + text.encode(), hashlib.sha256).hexdigest()[:32]


def stamp(ring: KeyRing, label: bytes, text: str, *, now: datetime) -> str:
    issued, key = int(now.timestamp()), ring.signing
    return f"{issued}.{key.kid}.{mac(key, label, f'{issued}.{text}')}"


def stamped_at(ring: KeyRing, label: bytes, text: str, given: str, *, now: datetime) -> datetime | None:
    """Return when it was stamped; None: it is no stamp of ours for this, or one from the future."""
    parts = _STAMP.fullmatch(given)
    key = ring.readable(parts[2]) if parts else None
    if parts is None or key is None or not hmac.compare_digest(mac(key, label, f"{parts[1]}.{text}"), parts[3]):
        return None
    at = datetime.fromtimestamp(int(parts[1]), UTC)
    return at if at - CLOCK_LEEWAY <= now else None
