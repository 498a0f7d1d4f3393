"""Where the posts of a tenant go once they are approved, and the signature that shows whom they are from.

The scheme is that of Standard Webhooks (standardwebhooks.com): `webhook-id`, `webhook-timestamp`, and in
`webhook-signature` one `v1,` and the Base64 of HMAC-SHA256 over `id.timestamp.body` for each secret.
"""

import base64
import binascii
import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

PREFIX: Final = "whsec_"
SHORTEST_SECRET: Final = 24
_TENANT: Final = re.compile(r"[a-z0-9][a-z0-9-]{1,62}", re.ASCII)
_HERE: Final = frozenset({"localhost", "127.0.0.1", "::1"})


class WebhookError(ValueError):
    """What is set is no list of webhooks; the words say what was expected and hold nothing of it."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """An address of a tenant's own, and the secrets that it knows: two while one is replaced by the other."""

    url: str
    secrets: tuple[bytes, ...] = field(repr=False)

    def headers(self, message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
        """Return the headers of a message; the same id again is the same message."""
        signed = f"{message_id}.{timestamp}.".encode() + body
        marks = [hmac.new(secret, signed, hashlib.sha256).digest() for secret in self.secrets]
        return {
            "webhook-id": message_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": " ".join(f"v1,{base64.b64encode(mark).decode()}" for mark in marks),
        }


def webhooks_of(text: str) -> Mapping[str, Webhook]:
    """Return the webhooks by tenant, from JSON such as `{"fernwood": {"url": "https://…", "secret": "whsec_…"}}`.

    Raises:
        WebhookError: it is something else.
    """
    try:
        given = json.loads(text) if text.strip() else {}
    except (ValueError, RecursionError):
        raise WebhookError("must be JSON: an object of tenants, each with url and secret") from None
    if not isinstance(given, dict):
        raise WebhookError("must be JSON: an object of tenants, each with url and secret")
    return {tenant: _webhook(tenant, each) for tenant, each in given.items()}


def _webhook(tenant: str, given: object) -> Webhook:
    if not _TENANT.fullmatch(tenant) or not isinstance(given, dict) or given.keys() != {"url", "secret"}:
        raise WebhookError("must have url and secret, and nothing else, for each tenant")
    url, secrets = given["url"], given["secret"]
    if not isinstance(url, str) or not isinstance(secrets, str):
        raise WebhookError("must have texts for url and secret")
    parts = urlsplit(url)
    if not parts.hostname or parts.username or (parts.scheme != "https" and parts.hostname not in _HERE):
        raise WebhookError("must have a url that begins with https://")
    return Webhook(url, tuple(_secret(each) for each in secrets.split()) or (_secret(""),))


def _secret(text: str) -> bytes:
    try:
        secret = base64.b64decode(text.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        secret = b""
    if not text.startswith(PREFIX) or len(secret) < SHORTEST_SECRET:
        raise WebhookError(f"must have a secret of {PREFIX} and at least {SHORTEST_SECRET} bytes in Base64")
    return secret
