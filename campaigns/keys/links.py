"""Approval links: signs the token of one approver of one round, and reads it back strictly.

What PyJWT accepts is wider than what we issue: padding, `exp` as text, lists as
claims, duplicate keys, any `typ`. So the shape is checked before decoding and the claims after it,
and the server's own record decides; a token only points at it.
"""

import hashlib
import hmac
import json
import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import ceil
from typing import Annotated, Any, Final, Literal
from urllib.parse import quote

from pydantic import ConfigDict, Field, StrictInt, StrictStr, StringConstraints

from campaigns.errors import ApprovalLinkError, RoundExpiredError
from campaigns.keys.jws import object_of, part_of, signed, signed_payload
from campaigns.keys.keyring import Key, KeyRing
from campaigns.keys.stamps import CLOCK_LEEWAY, mac, stamp, stamped_at
from campaigns.model.approval import ApprovalRound, RoundApprover
from campaigns.model.base import CampaignId, Maybe, TenantId, Wire

TYPE: Final = "approval+jwt"
ISSUER: Final = "campaign-orchestration"
AUDIENCE: Final = "approval-link"
MAX_TOKEN_LENGTH: Final = 1024
# 30 days: the longest a round may be open (domain.md section 3), plus an extension of the same length.
MAX_LIFETIME: Final = timedelta(days=61)
FORM_LIFETIME: Final = timedelta(hours=24)

_SHAPE = re.compile(r"[A-Za-z0-9_-]{10,400}\.[A-Za-z0-9_-]{10,800}\.[A-Za-z0-9_-]{43}", re.ASCII)


class LinkClaims(Wire):
    """What a token says, typed strictly, and nothing else may be there.

    `digest` names the content that the link was made for; only links of before it was added have none.
    """

    model_config = ConfigDict(strict=True)

    iss: Literal["campaign-orchestration"]
    aud: Literal["approval-link"]
    sub: Annotated[StrictStr, StringConstraints(pattern=r"^ap-[0-9a-z]{1,32}$")]
    jti: Annotated[StrictStr, StringConstraints(pattern=r"^[0-9A-Za-z_-]{16,32}$")]
    iat: StrictInt
    exp: StrictInt
    type: Literal["approval"]
    callback_id: Annotated[StrictStr, StringConstraints(pattern=r"^[0-9A-Za-z_-]{22,64}$")]
    tenant_id: TenantId
    campaign_id: CampaignId
    round: Annotated[StrictInt, Field(ge=1, le=1000)]
    digest: Maybe[Annotated[StrictStr, StringConstraints(pattern=r"^[0-9a-f]{64}$")]] = None

    @property
    def issued_at(self) -> datetime:
        return datetime.fromtimestamp(self.iat, UTC)

    @property
    def expires_at(self) -> datetime:
        return datetime.fromtimestamp(self.exp, UTC)

    def expired(self, now: datetime) -> bool:
        return now >= self.expires_at


# No token was issued after it, whatever a clock says.
_ANY_TIME: Final = datetime(9999, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class ApprovalLink:
    """A token and its nonce; never logged, never stored."""

    callback_id: str
    token: str
    nonce: str

    def url(self, base_url: str) -> str:
        """Return the address to send: `{base}/approve/{callbackId}?token=…&nonce=…`."""
        return f"{base_url}/approve/{quote(self.callback_id)}?token={self.token}&nonce={self.nonce}"


class LinkSigner:
    """Signs and reads approval links with one key ring."""

    def __init__(self, ring: KeyRing) -> None:
        self._ring = ring

    def sign(self, round_: ApprovalRound, approver: RoundApprover, *, now: datetime) -> ApprovalLink:
        """Return the link of one approver of one round, good until the round expires."""
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": approver.id,
            "jti": approver.jti,
            # Never before its round: a clock that is behind must not make links that are good for nothing.
            "iat": int(max(now, round_.opened_at).timestamp()),
            # Rounded up: the round says when it is over, and no link is over before its round.
            "exp": ceil(round_.expires_at.timestamp()),
            "type": "approval",
            "callbackId": round_.callback_id,
            "tenantId": round_.tenant_id,
            "campaignId": round_.campaign_id,
            "round": round_.n,
            "digest": round_.digest,
        }
        key = self._ring.signing
        token = signed(claims, key, type_=TYPE)
        return ApprovalLink(round_.callback_id, token, _nonce(key, token))

    def read(self, token: str, *, now: datetime) -> LinkClaims:
        """Return the claims of a token of ours whose time is not over.

        Raises:
            ApprovalLinkError: anything but a token that `sign` made with a key that is still readable.
            RoundExpiredError: ours, but its time is over.
        """
        claims = self.verify(token, now=now)
        if claims.expired(now):
            raise RoundExpiredError("the time to decide has passed", {"expiredAt": claims.expires_at.isoformat()})
        return claims

    def verify(self, token: str, *, now: datetime) -> LinkClaims:
        """Return the claims of a token of ours, expired or not: what it leads to then is for the record to say.

        Raises:
            ApprovalLinkError: see `read`.
        """
        if len(token) > MAX_TOKEN_LENGTH or not _SHAPE.fullmatch(token):
            raise ApprovalLinkError
        try:
            return self._verified(token, now)
        except ApprovalLinkError:
            raise
        # Whatever a forged token makes the libraries raise, it is not a link of ours: UnicodeEncodeError and
        # TypeError were seen besides InvalidTokenError.
        except Exception:
            raise ApprovalLinkError from None

    def is_ours(self, token: str) -> bool:
        """Whether `sign` made this token, at whatever time: the cheap look before anything is read for its holder."""
        try:
            self.verify(token, now=_ANY_TIME)
        except ApprovalLinkError:
            return False
        return True

    def _verified(self, token: str, now: datetime) -> LinkClaims:
        claims = LinkClaims.model_validate(signed_payload(token, self._key(token), audience=AUDIENCE, issuer=ISSUER))
        lifetime = claims.exp - claims.iat
        if not 0 < lifetime <= MAX_LIFETIME.total_seconds() or not self._canonical(token, claims):
            raise ApprovalLinkError
        if claims.iat > (now + CLOCK_LEEWAY).timestamp():
            raise ApprovalLinkError
        return claims

    def check_nonce(self, token: str, nonce: str) -> None:
        """Raise `ApprovalLinkError` unless the nonce belongs to this token (compared in constant time)."""
        if not hmac.compare_digest(_nonce(self._key(token), token).encode(), nonce.encode()):
            raise ApprovalLinkError

    def form_token(self, claims: LinkClaims, *, now: datetime) -> str:
        """Return what a form on the page of this link must carry, so that no other site can send it.

        It belongs to the link, not to one token of it: a reminder brings the same link in another token, and
        whoever opens it meanwhile goes on typing in the page that is open already.
        """
        return stamp(self._ring, b"approval-form", _named(claims), now=now)

    def code_token(self, claims: LinkClaims, *, now: datetime) -> str:
        """Return what shows that whoever holds this link typed the code that was sent to the approver's address."""
        return stamp(self._ring, b"approval-code-shown", _named(claims), now=now)

    def code_was_shown(self, claims: LinkClaims, code_token: str, *, now: datetime) -> bool:
        """Whether this is a `code_token` of the same link, not older than a form may be."""
        at = stamped_at(self._ring, b"approval-code-shown", _named(claims), code_token, now=now)
        return at is not None and now < at + FORM_LIFETIME

    def form_issued_at(self, claims: LinkClaims, form_token: str, *, now: datetime) -> datetime | None:
        """Return when a form of this link was handed out, or None when it was not."""
        return stamped_at(self._ring, b"approval-form", _named(claims), form_token, now=now)

    @property
    def signing_kid(self) -> str:
        """The name of the key that whatever is made now is made with."""
        return self._ring.signing.kid

    def reads(self, kid: str | None) -> bool:
        """Whether the key of that name may still be read with; none is that which signs."""
        return kid is None or self._ring.readable(kid) is not None

    def one_time_code(self, approver: RoundApprover, issued_at: datetime, kid: str | None = None) -> str:
        """Return six digits that only the holder of our key can make; nothing keeps them.

        Args:
            kid: the key that signed when the code was issued, so that it is the same everywhere while keys change.

        Raises:
            ApprovalLinkError: that key is unknown or revoked.
        """
        key = self._ring.signing if kid is None else self._ring.readable(kid)
        if key is None:
            raise ApprovalLinkError
        message = b"approval-code\x00" + f"{int(issued_at.timestamp())}.{approver.jti}".encode()
        digest = hmac.new(key.secret, message, hashlib.sha256).digest()
        return f"{int.from_bytes(digest[:8]) % 1_000_000:06d}"

    def fingerprint(self, text: str) -> str:
        """Return what stands for an address in the audit: the same for the same, and not to be guessed back."""
        return mac(self._ring.signing, b"approval-client", text)[:16]

    def _key(self, token: str) -> Key:
        key = self._ring.readable(self._jwt_header(token)["kid"])
        if key is None:
            raise ApprovalLinkError
        return key

    @staticmethod
    def _jwt_header(token: str) -> dict[str, Any]:
        header = object_of(token, 0)
        if set(header) != {"alg", "kid", "typ"} or header["alg"] != "HS256" or header["typ"] != TYPE:
            raise ApprovalLinkError
        if not isinstance(header["kid"], str):
            raise ApprovalLinkError
        return header

    @staticmethod
    def _canonical(token: str, claims: LinkClaims) -> bool:
        """Whether the payload is byte for byte what we would have written: no duplicates, no odd spelling."""
        written = json.dumps(claims.to_wire(), separators=(",", ":")).encode()
        return part_of(token, 1) == written


def _nonce(key: Key, token: str) -> str:
    # Derived, so that it can be re-made for a reminder.
    return mac(key, b"approval-link-nonce", token)


def _named(claims: LinkClaims) -> str:
    return f"{claims.callback_id}.{claims.sub}.{claims.jti}"


def new_callback_id() -> str:
    """Return an id that cannot be guessed (192 random bits, URL-safe)."""
    return secrets.token_urlsafe(24)


def new_jti() -> str:
    """Return the id of one link (128 random bits, URL-safe)."""
    return secrets.token_urlsafe(16)
