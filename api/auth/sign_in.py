"""Prefect's sign-in at our door: whoever runs the installation opens its status in a browser, with no token.

Prefect's server asks for one name and one password (`PREFECT_API_AUTH_STRING`), and whoever has them may do anything
for every tenant (docs/trust.md). Here they open the status, and nothing else.
"""

import base64
import binascii
import hmac
from collections.abc import Callable
from typing import Final

from api.auth.identity import EVERY_TENANT, Caller, TokenRefusedError
from api.auth.limits import RateLimiter, too_many

STATUS_PATH: Final = "/status"
CHALLENGE: Final = 'Basic realm="Prefect", charset="UTF-8"'
"""What makes a browser ask for name and password."""
_TRIES_A_MINUTE: Final = 30
_MOST_LETTERS: Final = 1000


class SignIn:
    """Compares names and passwords with those of Prefect's server."""

    def __init__(self, wanted: Callable[[], str | None]) -> None:
        """`wanted`: returns them as `name:password`, None where Prefect asks for none; it may take a moment."""
        self._wanted = wanted
        self._tries = RateLimiter(per_minute=_TRIES_A_MINUTE, burst=_TRIES_A_MINUTE)

    @property
    def is_known(self) -> bool:
        """Whether there is anything to sign in with."""
        return self._wanted() is not None

    def caller(self, authorization: str, *, network: str) -> Caller:
        """Return whoever signs in with this Authorization header, which may read how every tenant is.

        Raises:
            TokenRefusedError: not Prefect's name and password, or there are none.
            Problem: too many tries from this network (429); right ones count too, or guessing would be free.
        """
        if wait := self._tries.take(network):
            raise too_many(wait)
        wanted, given = self._wanted(), _given(authorization)
        if wanted is None or not hmac.compare_digest(wanted.encode(), given):
            raise TokenRefusedError("not Prefect's sign-in")
        return Caller("prefect", EVERY_TENANT, frozenset({"operations:read"}))


def is_basic(authorization: list[str]) -> bool:
    """Whether a request brings a name and a password."""
    return len(authorization) == 1 and authorization[0].lower().startswith("basic ")


def _given(authorization: str) -> bytes:
    encoded = authorization.partition(" ")[2].strip()
    if len(encoded) > _MOST_LETTERS:
        raise TokenRefusedError("sign-in too long")
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise TokenRefusedError("sign-in shape") from None
