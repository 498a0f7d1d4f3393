"""Who calls: the bearer token and the tenant it speaks for (process.md section 6).

Two kinds of token, each with its own keys and its own algorithms, chosen by the algorithm that the
header names, so that no key can ever be used with a foreign algorithm:

    HS256          signed by us with the ring CAMPAIGNS_API_KEYS (development, one machine, service accounts)
    RS256, ES256   signed by an OpenID provider, keys from its JWKS (api.auth.oidc)

What PyJWT accepts is wider than what we issue, so the shape is checked before it
decodes and the claims, strictly, after it.
"""

import re
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, Final, Literal, Protocol, cast, get_args

import jwt
from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import ConfigDict, StrictInt, StrictStr, StringConstraints, ValidationError

from api.http.problems import problem
from campaigns.keys.jws import object_of, signed, signed_payload
from campaigns.keys.keyring import KeyRing
from campaigns.model.base import TenantId, Wire
from campaigns.model.terms.approval_terms import EMAIL

ISSUER: Final = "campaign-orchestration"
AUDIENCE: Final = "campaign-api"
TYPE: Final = "api+jwt"
MAX_TOKEN_LENGTH: Final = 8192
MAX_LIFETIME: Final = timedelta(days=90)
CLOCK_LEEWAY: Final = timedelta(seconds=60)

_SHAPE = re.compile(r"[\w-]{10,1000}\.[\w-]{10,6000}\.[\w-]{43,700}", re.ASCII)

Scope = Literal[
    "campaigns:read",
    "campaigns:write",
    "personas:read",
    "personas:write",
    "brands:read",
    "brands:write",
    "templates:read",
    "templates:write",
    "operations:read",
]
SCOPES: Final[tuple[Scope, ...]] = get_args(Scope)

EVERY_TENANT: Final = "*"
"""The tenant of a caller who may see every one of them; nothing is stored under it, and no token names it."""

Subject = Annotated[StrictStr, StringConstraints(pattern=r"^[\x21-\x7e]{1,200}$")]


@dataclass(frozen=True, slots=True)
class Caller:
    """A verified caller and the one tenant it acts for; `email` is None where the token names no address."""

    sub: str
    tenant_id: str
    scopes: frozenset[str]
    email: str | None = None

    def may(self, scope: Scope) -> bool:
        return scope in self.scopes


class TokenRefusedError(Exception):
    """Not a token that we accept. `reason` is for our logs; callers get one answer for every reason."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class TokenReader(Protocol):
    """Reads the tokens of some algorithms."""

    algorithms: frozenset[str]
    may_wait: bool
    """Whether reading may ask somebody over the network."""

    def read(self, token: str, header: dict[str, Any], *, now: datetime) -> Caller:
        """Return who the token speaks for.

        Raises:
            TokenRefusedError: it is not valid now.
            Problem: its keys cannot be had at the moment (503).
        """


class Identity:
    """Knows callers by their tokens."""

    def __init__(self, readers: Iterable[TokenReader]) -> None:
        self._readers = {algorithm: reader for reader in readers for algorithm in reader.algorithms}
        self.may_wait = any(reader.may_wait for reader in self._readers.values())

    def caller(self, authorization: list[str], *, now: datetime) -> Caller:
        """Return the caller of the Authorization headers of a request.

        Raises:
            TokenRefusedError: none, several, another scheme, or no valid token.
        """
        if len(authorization) != 1:
            raise TokenRefusedError("token missing" if not authorization else "several tokens")
        scheme, _, token = authorization[0].partition(" ")
        if scheme.lower() != "bearer":
            raise TokenRefusedError("scheme is not bearer")
        if len(token) > MAX_TOKEN_LENGTH or not _SHAPE.fullmatch(token):
            raise TokenRefusedError("token shape")
        header = strict_part(token, 0)
        reader = self._readers.get(str(header.get("alg")))
        if reader is None:
            raise TokenRefusedError("algorithm")
        return reader.read(token, header, now=now)


class OwnClaims(Wire):
    """The claims of a token of ours: every one but the address required, strictly typed, nothing else."""

    model_config = ConfigDict(strict=True)

    iss: Literal["campaign-orchestration"]
    aud: Literal["campaign-api"]
    sub: Subject
    tenant_id: TenantId
    scope: StrictStr
    iat: StrictInt
    exp: StrictInt
    jti: StrictStr
    email: Annotated[StrictStr, StringConstraints(pattern=EMAIL, max_length=254)] | None = None


class OwnTokens:
    """HS256 tokens signed with our ring."""

    algorithms: frozenset[str] = frozenset({"HS256"})
    may_wait: bool = False

    def __init__(self, ring: KeyRing) -> None:
        self._ring = ring

    def read(self, token: str, header: dict[str, Any], *, now: datetime) -> Caller:
        if set(header) != {"alg", "kid", "typ"} or header["typ"] != TYPE:
            raise TokenRefusedError("header")
        key = self._ring.readable(str(header["kid"]))
        if key is None:
            raise TokenRefusedError("key unknown or revoked")
        try:
            payload = signed_payload(token, key, audience=AUDIENCE, issuer=ISSUER)
            claims = OwnClaims.model_validate(payload)
        except (jwt.InvalidTokenError, ValidationError, TypeError, ValueError) as error:
            raise TokenRefusedError(f"claims: {type(error).__name__}") from None
        if strict_part(token, 1) != payload:
            raise TokenRefusedError("claims: ambiguous")
        require_time(claims.iat, claims.exp, now=now)
        return Caller(claims.sub, claims.tenant_id, frozenset(claims.scope.split()), claims.email)


def mint(
    ring: KeyRing,
    *,
    tenant_id: str,
    subject: str,
    scopes: Iterable[str],
    ttl: timedelta,
    now: datetime,
    email: str | None = None,
) -> str:
    """Return a bearer token for the API, signed with our ring."""
    claims = OwnClaims(
        iss=ISSUER,
        aud=AUDIENCE,
        sub=subject,
        tenant_id=tenant_id,
        scope=" ".join(scopes),
        iat=int(now.timestamp()),
        exp=int((now + ttl).timestamp()),
        jti=secrets.token_urlsafe(12),
        email=email,
    )
    return signed(claims.to_wire(), ring.signing, type_=TYPE)


def require_time(iat: int, exp: int, *, now: datetime) -> None:
    """Refuse a token outside of its time, from the future, or of a life longer than we grant."""
    if not 0 < exp - iat <= MAX_LIFETIME.total_seconds():
        raise TokenRefusedError("lifetime")
    if iat > (now + CLOCK_LEEWAY).timestamp():
        raise TokenRefusedError("issued in the future")
    if now.timestamp() >= exp:
        raise TokenRefusedError("expired")


def strict_part(token: str, number: int) -> dict[str, Any]:
    """Return header (0) or payload (1) of a token, spelled and named in exactly one way."""
    try:
        return object_of(token, number)
    except (ValueError, RecursionError):
        raise TokenRefusedError("token shape") from None


# The gate has verified the token before any body was read; this only tells OpenAPI about it.
_bearer = HTTPBearer(
    auto_error=False,
    scheme_name="bearer",
    description="A JWT: HS256 from `python -m api.auth.tokens`, or RS256/ES256 from the configured OpenID provider",
)


async def caller(
    request: Request, _: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)] = None
) -> Caller:
    """Return the caller whom the gate let in."""
    return cast(Caller, request.state.caller)


AnyCaller = Annotated[Caller, Depends(caller)]


def needs(scope: Scope) -> Callable[..., Any]:
    """Return the dependency that gives a caller who holds a scope, and refuses others with 403."""

    async def allowed(request: Request, found: AnyCaller) -> Caller:
        if not found.may(scope):
            request.state.denied = f"scope {scope} missing"
            raise problem("SCOPE_MISSING", f"the token lacks the scope {scope}")
        return found

    return allowed
