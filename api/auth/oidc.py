"""Tokens of an OpenID provider: RS256 and ES256, verified with the keys that it publishes (RFC 7517, RFC 9068)."""

import asyncio
import json
import logging
import re
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from datetime import datetime
from typing import Annotated, Any, Final

import httpx
import jwt
from jwt import PyJWK, PyJWKSet
from pydantic import ConfigDict, Field, StrictInt, StrictStr, TypeAdapter, ValidationError

from api.auth.identity import Caller, Subject, TokenRefusedError, require_time, strict_part
from api.http.problems import Problem, problem
from campaigns.model.base import TenantId, Wire
from campaigns.model.terms.approval_terms import EMAIL

log = logging.getLogger("campaigns.api")

FETCH_SECONDS: Final = 5
"""For the whole answer."""
MAX_ANSWER_BYTES: Final = 256 * 1024
WAIT_SECONDS: Final = 1.0
WAITERS: Final = 2
"""Threads that may wait for keys, of some forty that serve everybody."""
FRESH_SECONDS: Final = 300
# A made-up key id must not make us ask the provider each time.
REFRESH_SECONDS: Final = 30
# How long known keys serve while the provider does not answer; a key it withdraws lives no longer than that.
STALE_SECONDS: Final = 3600

_TENANT: Final[TypeAdapter[str]] = TypeAdapter(TenantId)


class ProviderClaims(Wire):
    """The claims of a provider's token that we rely on; others are its own business."""

    model_config = ConfigDict(strict=True, extra="ignore")

    sub: Subject
    iat: StrictInt
    exp: StrictInt
    nbf: StrictInt | None = None


Scopes = Annotated[StrictStr | list[StrictStr], Field(union_mode="left_to_right")]
_SCOPES: Final[TypeAdapter[str | list[str]]] = TypeAdapter(Scopes)


class Jwks:
    """The provider's signing keys by id, fetched in the background and kept.

    What is known serves while it is renewed. A caller who needs what is not known waits for a moment, and at most
    `WAITERS` of them at once: the others are told to come again, so a provider that drips is in nobody's way.
    """

    def __init__(self, url: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._url = url
        self._clock = clock
        self._lock = threading.Lock()  # held for look-ups only, never while something is fetched
        self._waiters = threading.BoundedSemaphore(WAITERS)
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="jwks")
        self._keys: dict[str, PyJWK] = {}
        self._fetched_at: float | None = None
        self._tried_at: float | None = None
        self._fetching: Future[None] | None = None

    def key(self, kid: str) -> PyJWK | None:
        """Return the key, or None when the provider has none of this id.

        Raises:
            Problem: the keys are not here yet, or cannot be fetched and those we know are too old (503).
        """
        fetching = self._renew(kid)
        known, fresh_enough = self._known(kid)
        if fetching is not None and not (known and fresh_enough):
            if self._waiters.acquire(blocking=False):
                try:
                    wait([fetching], timeout=WAIT_SECONDS)
                finally:
                    self._waiters.release()
            known, fresh_enough = self._known(kid)
            if known is None and not fetching.done():
                raise _unavailable(retry_after=1)
        if not fresh_enough:
            raise _unavailable(retry_after=5)
        return known

    def _known(self, kid: str) -> tuple[PyJWK | None, bool]:
        with self._lock:
            recent = self._fetched_at is not None and self._clock() - self._fetched_at <= STALE_SECONDS
            return self._keys.get(kid), recent

    def _renew(self, kid: str) -> Future[None] | None:
        """Begin to fetch if it is time, and return the fetch that is under way."""
        with self._lock:
            now = self._clock()
            fresh = self._fetched_at is not None and now - self._fetched_at < FRESH_SECONDS
            rested = self._tried_at is None or now - self._tried_at >= REFRESH_SECONDS
            under_way = self._fetching is not None and not self._fetching.done()
            if (not fresh or kid not in self._keys) and rested and not under_way:
                self._tried_at = now
                self._fetching = self._worker.submit(self._fetch, now)
                return self._fetching
            return self._fetching if under_way else None

    def _fetch(self, now: float) -> None:
        try:
            found = PyJWKSet.from_dict(asyncio.run(_asked(self._url))).keys
        except (
            jwt.PyJWTError,
            httpx.HTTPError,
            ValueError,
            TypeError,
            AttributeError,
            RecursionError,
            OSError,
        ) as error:
            log.warning("the keys of the identity provider cannot be fetched: %s", type(error).__name__)
            return
        with self._lock:
            self._keys = {key.key_id: key for key in found if key.key_id and key.public_key_use in {None, "sig"}}
            self._fetched_at = now


async def _asked(url: str) -> dict[str, Any]:
    """Return what the provider publishes.

    Raises:
        OSError: not within `FETCH_SECONDS` in all, however it drips (TimeoutError).
        httpx.HTTPError, ValueError: no answer, or none that is JSON and of a sane size.
    """
    async with (
        asyncio.timeout(FETCH_SECONDS),
        httpx.AsyncClient(verify=ssl.create_default_context(), follow_redirects=True, max_redirects=3) as client,
        client.stream("GET", url) as answer,
    ):
        answer.raise_for_status()
        body = b""
        async for part in answer.aiter_bytes():
            body += part
            if len(body) > MAX_ANSWER_BYTES:
                raise ValueError("the answer is too large")
    found: dict[str, Any] = json.loads(body)
    return found


def _unavailable(*, retry_after: int) -> Problem:
    message = "the keys of the identity provider cannot be had at the moment"
    return problem("IDENTITY_UNAVAILABLE", message, retry_after=retry_after)


class ProviderTokens:
    """Tokens of one provider for this API."""

    algorithms: frozenset[str] = frozenset({"RS256", "ES256"})
    may_wait: bool = True

    def __init__(
        self, jwks: Jwks, *, issuer: str, audience: str, tenant_claim: str, scope_claim: str, email_claim: str
    ) -> None:
        self._jwks = jwks
        self._issuer = issuer
        self._audience = audience
        self._tenant_claim = tenant_claim
        self._scope_claim = scope_claim
        self._email_claim = email_claim
        self._jwt = jwt.PyJWT()

    def read(self, token: str, header: dict[str, Any], *, now: datetime) -> Caller:
        kid, typ = header.get("kid"), str(header.get("typ", "JWT")).lower()
        if not isinstance(kid, str) or typ not in {"jwt", "at+jwt", "application/at+jwt"} or "crit" in header:
            raise TokenRefusedError("header")
        key = self._jwks.key(kid)
        if key is None:
            raise TokenRefusedError("key unknown")
        try:
            payload = self._jwt.decode(
                token,
                key,
                algorithms=sorted(self.algorithms),
                audience=self._audience,
                issuer=self._issuer,
                options={
                    "require": ["iss", "aud", "sub", "iat", "exp"],
                    "enforce_minimum_key_length": True,
                    "verify_exp": False,  # compared below with the clock of the caller
                    "verify_iat": False,
                    "verify_nbf": False,
                },
            )
            claims = ProviderClaims.model_validate(payload)
            tenant_id = _TENANT.validate_python(payload.get(self._tenant_claim), strict=True)
            scopes = _SCOPES.validate_python(payload.get(self._scope_claim, ""), strict=True)
        except (jwt.PyJWTError, ValidationError, TypeError, ValueError) as error:
            raise TokenRefusedError(f"claims: {type(error).__name__}") from None
        if strict_part(token, 1) != payload:
            raise TokenRefusedError("claims: ambiguous")
        require_time(claims.iat, claims.exp, now=now)
        if claims.nbf is not None and now.timestamp() + 60 < claims.nbf:
            raise TokenRefusedError("not yet valid")
        granted = frozenset(scopes.split() if isinstance(scopes, str) else scopes)
        return Caller(claims.sub, tenant_id, granted, self._email(payload))

    def _email(self, payload: Mapping[str, Any]) -> str | None:
        """Return the caller's address, None: there is none, or the provider says that it is not verified."""
        given = payload.get(self._email_claim)
        if not isinstance(given, str) or payload.get("email_verified") in {False, "false"}:
            return None
        return given if len(given) <= 254 and re.fullmatch(EMAIL, given) else None
