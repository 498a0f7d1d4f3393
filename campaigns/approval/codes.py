"""The code that `requireOtp` asks for: six digits to the address on file, so that a forwarded link decides nothing.

Ten minutes, five tries. A code whose tries are used up is replaced only when its time
is over: whoever guesses has thirty tries an hour.
"""

import hmac
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from campaigns.approval.messages.notice_kinds import CODE, personal
from campaigns.keys.links import LinkSigner
from campaigns.model.approval import ApprovalRound, OneTimeCode, RoundApprover
from campaigns.store import Store

LIFETIME: Final = timedelta(minutes=10)
TRIES: Final = 5


class Proof(StrEnum):
    """What a typed code is worth."""

    RIGHT = "right"
    WRONG = "wrong"
    USED_UP = "used_up"
    OVER = "over"


def send_code(
    store: Store, links: LinkSigner, round_: ApprovalRound, approver: RoundApprover, *, now: datetime, kind: str = CODE
) -> None:
    """Leave a code for the approver in the outbox, unless one is on its way or good still; `kind`: what it says."""
    last = store.codes.get(round_, approver.id)
    if last is not None and not _is_over(last, links, now):
        return
    code = OneTimeCode(issued_at=now.replace(microsecond=0), kid=links.signing_kid)
    at = code.issued_at.isoformat()
    # In one write: a code that is there and not on its way would keep out every other until its time is over.
    mail = personal(kind, round_, approver.id, at, due_at=now, issued=at, kid=code.kid)
    store.codes.replace(round_, approver.id, code, instead_of=last, outbox=[mail])


def prove(
    store: Store, links: LinkSigner, round_: ApprovalRound, approver: RoundApprover, typed: str, *, now: datetime
) -> Proof:
    """Compare a typed code; the try is counted before, so that guesses at the same moment count one by one."""
    while True:
        last = store.codes.get(round_, approver.id)
        if last is None or _is_over(last, links, now):
            return Proof.OVER
        if last.tries >= TRIES:
            return Proof.USED_UP
        tried = last.model_copy(update={"tries": last.tries + 1})
        if store.codes.replace(round_, approver.id, tried, instead_of=last):
            right = links.one_time_code(approver, last.issued_at, last.kid)
            return Proof.RIGHT if hmac.compare_digest(right.encode(), typed.encode()) else Proof.WRONG


def _is_over(code: OneTimeCode, links: LinkSigner, now: datetime) -> bool:
    """Whether nobody can prove anything with a code any more: its time has passed, or its key was revoked."""
    return now >= code.issued_at + LIFETIME or not links.reads(code.kid)
