"""Tokens that we sign (RFC 7515), and their parts, each spelled in exactly one way."""

import base64
from typing import Any

import jwt

from campaigns.keys.keyring import Key
from campaigns.model.strict_json import strict_json

_JWT = jwt.PyJWT()  # an own instance: algorithms registered elsewhere do not reach it


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


def signed(claims: dict[str, Any], key: Key, *, type_: str) -> str:
    """Return the token of these claims, signed with HS256; `type_` says what it is for."""
    return _JWT.encode(claims, key.secret, algorithm="HS256", headers={"typ": type_, "kid": key.kid})


def signed_payload(token: str, key: Key, *, audience: str, issuer: str) -> dict[str, Any]:
    """Return the claims of a token that this key signed; whether its time is over is for the caller's clock to say.

    Raises:
        jwt.InvalidTokenError, TypeError, ValueError: another key, issuer or audience, a claim missing, or no token.
    """
    return _JWT.decode(
        token,
        key.secret,
        algorithms=["HS256"],
        audience=audience,
        issuer=issuer,
        options={
            "require": ["iss", "aud", "sub", "iat", "exp"],
            "strict_aud": True,
            "enforce_minimum_key_length": True,
            "verify_exp": False,
            "verify_iat": False,
        },
    )
