"""Key rings: named keys with a state, so that keys can be changed while what they signed or sealed lives on.

A ring is written `kid:state:base64url,…` where state is `sign` (new things are made with it; exactly
one), `verify` (old things are still read with it) or `revoked` (known, and refused).
"""

import base64
import binascii
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Self

KeyState = Literal["sign", "verify", "revoked"]

# HS256 keys carry at least as many bits as the hash (RFC 7518 section 3.2); AES-256 takes 32 bytes.
KEY_BYTES = 32
_ENCODED = re.compile(r"[A-Za-z0-9_-]+={0,2}", re.ASCII)
_KID = re.compile(r"[a-z0-9][a-z0-9-]{0,31}", re.ASCII)


class KeyRingError(ValueError):
    """The ring cannot be used as written. The message never contains key material."""


@dataclass(frozen=True, slots=True, repr=False)
class Key:
    """32 bytes with a name. Not printable, so that it cannot reach a log."""

    kid: str
    state: KeyState
    secret: bytes

    def __repr__(self) -> str:
        return f"Key({self.kid}, {self.state})"


@dataclass(frozen=True, slots=True)
class KeyRing:
    """Keys by id. Look-up is by dict only: an unknown id is refused, never tried against every key."""

    keys: Mapping[str, Key]
    signing: Key

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a ring.

        Raises:
            KeyRingError: no or several signing keys, a bad id, state or length, an id used twice.
        """
        keys: dict[str, Key] = {}
        for position, part in enumerate((part.strip() for part in text.split(",") if part.strip()), start=1):
            fields = part.split(":")
            if len(fields) != 3 or not _KID.fullmatch(fields[0]) or fields[1] not in {"sign", "verify", "revoked"}:
                raise KeyRingError(f"key {position} must be written kid:sign|verify|revoked:base64url")
            kid, state, encoded = fields
            # Python's decoder leaves out what it does not know: a slip of the hand would be another key.
            if not _ENCODED.fullmatch(encoded):
                raise KeyRingError(f"key {kid} is not base64url: letters, digits, - and _ only")
            try:
                secret = base64.urlsafe_b64decode(encoded.rstrip("=") + "=" * (-len(encoded.rstrip("=")) % 4))
            except (binascii.Error, ValueError):
                raise KeyRingError(f"key {kid} is not base64url") from None
            if len(secret) != KEY_BYTES:
                raise KeyRingError(f"key {kid} must be {KEY_BYTES} bytes, not {len(secret)}")
            if kid in keys:
                raise KeyRingError(f"key {kid} is named twice")
            keys[kid] = Key(kid, state, secret)  # type: ignore[arg-type]  # checked against the three states
        signing = [key for key in keys.values() if key.state == "sign"]
        if len(signing) != 1:
            raise KeyRingError(f"a ring needs exactly one key in state sign, not {len(signing)}")
        return cls(keys, signing[0])

    def readable(self, kid: str) -> Key | None:
        """Return the key that may still be read with, or None when it is unknown or revoked."""
        key = self.keys.get(kid)
        return key if key is not None and key.state != "revoked" else None


def new_ring(kid: str = "k1") -> str:
    """Return a ring of one fresh random key, ready for a setting; in one ring each key has a `kid` of its own."""
    return f"{kid}:sign:{base64.urlsafe_b64encode(secrets.token_bytes(KEY_BYTES)).decode().rstrip('=')}"
