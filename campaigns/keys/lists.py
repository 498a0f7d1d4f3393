"""Links to the list of an approver: signed, short of life, and worth a code that goes to the approver's address.

A token names one round and the approver in it; whose list it is follows from the address that the round has. So no
address stands in it, only a mark of it, and nothing is stored for it. Withdrawing the approver from that round ends it,
and so does replacing them: whoever held it, and showed a code, does not come to hold the list of somebody else.
"""

import base64
import hmac
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import urlencode

from campaigns.errors import ApprovalLinkError
from campaigns.keys.keyring import Key, KeyRing
from campaigns.keys.stamps import mac, stamp, stamped_at
from campaigns.model.approval import ApprovalRound, RoundApprover

LIST_PATH: Final = "/approve/list"
LIST_LIFETIME: Final = timedelta(days=3)
PROVEN_FOR: Final = timedelta(hours=12)
"""How long a browser that showed the code is not asked for another."""

_SHAPE: Final = re.compile(r"([A-Za-z0-9_-]{20,300})\.([a-z0-9-]{1,32})\.([0-9a-f]{32})", re.ASCII)


@dataclass(frozen=True, slots=True)
class ListClaims:
    """Whose list it is: that of an approver of a round; and until when the link leads there.

    `mark` is of the address that the approver had when it was signed, with the key of this id.
    """

    tenant_id: str
    campaign_id: str
    round: int
    approver_id: str
    expires_at: datetime
    kid: str
    mark: str

    def expired(self, now: datetime) -> bool:
        return now >= self.expires_at


class ListLinks:
    """Signs and reads tokens of lists, and what a browser shows after it showed the code."""

    def __init__(self, ring: KeyRing) -> None:
        self._ring = ring

    def url(self, base_url: str, round_: ApprovalRound, approver: RoundApprover, *, now: datetime) -> str:
        """Return the address of the approver's list."""
        return f"{base_url.rstrip('/')}{LIST_PATH}?{urlencode({'token': self.sign(round_, approver, now=now)})}"

    def sign(self, round_: ApprovalRound, approver: RoundApprover, *, now: datetime) -> str:
        until, key = int((now + LIST_LIFETIME).timestamp()), self._ring.signing
        named = [*round_.campaign_ref, round_.n, approver.id, until, _mark(key, approver)]
        said = json.dumps(named, separators=(",", ":")).encode()
        payload = base64.urlsafe_b64encode(said).decode().rstrip("=")
        return f"{payload}.{key.kid}.{mac(key, b'approver-list', payload)}"

    def read(self, token: str) -> ListClaims:
        """Return what a token of ours says, expired or not.

        Raises:
            ApprovalLinkError: it is none of ours, or its key is revoked.
        """
        parts = _SHAPE.fullmatch(token)
        key = self._ring.readable(parts[2]) if parts else None
        if parts is None or key is None or not hmac.compare_digest(mac(key, b"approver-list", parts[1]), parts[3]):
            raise ApprovalLinkError
        # Signed: it is as `sign` wrote it.
        said = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
        if len(said) != 6:  # of a release before there were marks
            raise ApprovalLinkError
        tenant_id, campaign_id, n, approver_id, until, mark = said
        return ListClaims(
            tenant_id, campaign_id, n, approver_id, datetime.fromtimestamp(until, UTC), key.kid, mark
        )  # fmt: skip

    def is_for(self, claims: ListClaims, approver: RoundApprover) -> bool:
        """Whether the approver still is the person that a token was signed for."""
        key = self._ring.readable(claims.kid)
        return key is not None and hmac.compare_digest(_mark(key, approver), claims.mark)

    def form(self, token: str, *, now: datetime) -> str:
        """Return what a form on the page of this token carries, so that no other site can send it."""
        return stamp(self._ring, b"approver-list-form", token, now=now)

    def is_form_of(self, token: str, form: str, *, now: datetime) -> bool:
        return self._is_fresh(b"approver-list-form", token, form, now)

    def proof(self, token: str, *, now: datetime) -> str:
        """Return what shows that whoever holds this token typed the code that was sent to the approver."""
        return stamp(self._ring, b"approver-list-proven", token, now=now)

    def is_proven(self, token: str, proof: str, *, now: datetime) -> bool:
        return self._is_fresh(b"approver-list-proven", token, proof, now)

    def _is_fresh(self, label: bytes, token: str, given: str, now: datetime) -> bool:
        at = stamped_at(self._ring, label, token, given, now=now)
        return at is not None and now < at + PROVEN_FOR


def _mark(key: Key, approver: RoundApprover) -> str:
    return mac(key, b"approver-list-for", approver.email.casefold())[:16]
