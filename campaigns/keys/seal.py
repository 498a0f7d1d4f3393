"""Seals bytes for one place: AES-256-GCM, so that what is opened is what we sealed, there and nowhere else.

    sealed = "CKPT" | format version (1 byte) | length of kid (1 byte) | kid | nonce (12 bytes) | ciphertext and tag

The header is authenticated together with the place (tenant, campaign, storage key): bytes copied to
another key, another campaign or another tenant do not open. Nothing is decoded before the tag holds.
"""

import os
import struct
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from campaigns.errors import SealBroken
from campaigns.keys.keyring import KeyRing

MAGIC: Final = b"CKPT"
FORMAT_VERSION: Final = 1
# NIST SP 800-38D section 8.3: at most 2^32 random 96-bit nonces under one key. Rotate long before.
NONCE_BYTES: Final = 12
TAG_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class AssociatedData:
    """The place that sealed bytes belong to."""

    tenant_id: str
    campaign_id: str
    storage_key: str

    def to_bytes(self, header: bytes) -> bytes:
        """Return an injective encoding: every part is preceded by its length in bytes."""
        parts = (header, self.tenant_id.encode(), self.campaign_id.encode(), self.storage_key.encode())
        return b"".join(struct.pack(">I", len(part)) + part for part in parts)


@dataclass(frozen=True, slots=True)
class Sealer:
    """Seals with the signing key of the ring; opens with every key that is not revoked."""

    ring: KeyRing

    def seal(self, plain: bytes, *, context: AssociatedData) -> bytes:
        """Return `plain`, encrypted and bound to `context`; a fresh nonce each time."""
        key = self.ring.signing
        kid = key.kid.encode("ascii")
        header = MAGIC + bytes((FORMAT_VERSION, len(kid))) + kid
        nonce = os.urandom(NONCE_BYTES)
        return header + nonce + AESGCM(key.secret).encrypt(nonce, plain, context.to_bytes(header))

    def open(self, sealed: bytes, *, context: AssociatedData) -> bytes:
        """Return the bytes that were sealed for exactly this context.

        Raises:
            SealBroken: not sealed, of an unknown format, cut short, sealed with an unknown or revoked
                key, changed, or sealed for another place.
        """
        header, kid = _read_header(sealed)
        if len(sealed) < len(header) + NONCE_BYTES + TAG_BYTES:
            raise SealBroken("truncated")
        key = self.ring.readable(kid)
        if key is None:
            raise SealBroken("revoked_key" if kid in self.ring.keys else "unknown_key")
        nonce = sealed[len(header) : len(header) + NONCE_BYTES]
        try:
            return AESGCM(key.secret).decrypt(nonce, sealed[len(header) + NONCE_BYTES :], context.to_bytes(header))
        except InvalidTag:
            raise SealBroken("not_authentic") from None


def _read_header(sealed: bytes) -> tuple[bytes, str]:
    """Return the header and the key id in it."""
    if sealed[: len(MAGIC)] != MAGIC:
        raise SealBroken("not_sealed")
    if len(sealed) < len(MAGIC) + 2:
        raise SealBroken("truncated")
    version, length = sealed[len(MAGIC)], sealed[len(MAGIC) + 1]
    if version != FORMAT_VERSION:
        raise SealBroken("unknown_format")
    header = sealed[: len(MAGIC) + 2 + length]
    if len(header) < len(MAGIC) + 2 + length:
        raise SealBroken("truncated")
    # latin-1 reads every byte, so that a strange id is an unknown one and no other error.
    return header, header[len(MAGIC) + 2 :].decode("latin-1")
