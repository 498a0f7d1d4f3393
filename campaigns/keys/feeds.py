"""Tokens of calendar feeds: random, signed by the ring of approval links, known to the store by their digest only.

The signature lets the door refuse a made-up token without a look into the store, and all of them with their key.
"""

import hashlib
import hmac
import re
import secrets
from typing import Final

from campaigns.keys.keyring import Key, KeyRing

_SHAPE: Final = re.compile(r"cal-([A-Za-z0-9_-]{32})\.([a-z0-9-]{1,32})\.([0-9a-f]{32})", re.ASCII)


class FeedTokens:
    """Makes tokens, and knows them again."""

    def __init__(self, ring: KeyRing) -> None:
        self._ring = ring

    def new(self) -> str:
        """Return a token that cannot be guessed (192 random bits)."""
        named, key = secrets.token_urlsafe(24), self._ring.signing
        return f"cal-{named}.{key.kid}.{_mac(key, named)}"

    def digest(self, token: str) -> str | None:
        """Return the SHA-256 that the store knows a token by, or None: it is none of ours, or its key is revoked."""
        parts = _SHAPE.fullmatch(token)
        key = self._ring.readable(parts[2]) if parts else None
        if parts is None or key is None or not hmac.compare_digest(_mac(key, parts[1]), parts[3]):
            return None
        return hashlib.sha256(token.encode()).hexdigest()


def _mac(key: Key, named: str) -> str:
    return hmac.new(key.secret, b"calendar-feed\x00" + named.encode(), hashlib.sha256).hexdigest()[:32]
