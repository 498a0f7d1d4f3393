"""The notices that there are, and their entries in the outbox: never a link, a token or an address in them."""

from datetime import datetime
from typing import Any, Final

from campaigns.model.approval import ApprovalRound
from campaigns.store import OutboxEntry

REVIEW_REQUEST: Final = "review_request"
REMINDER: Final = "reminder"
EXTENDED: Final = "extended"
NEW_LINK: Final = "new_link"
RECEIPT: Final = "receipt"
CODE: Final = "code"
CHANGED: Final = "changed"
DIGEST: Final = "digest"
LIST_LINK: Final = "list_link"
LIST_CODE: Final = "list_code"
OF_A_PERSON: Final = (DIGEST, LIST_LINK, LIST_CODE)
"""To one approver about all that waits for them; kept with one of the rounds."""
PERSONAL: Final = (REVIEW_REQUEST, REMINDER, EXTENDED, NEW_LINK, CHANGED, RECEIPT, CODE)
"""To one approver. All but receipt and code carry that approver's link; links and codes are made when they are sent."""

RESULT: Final = "result"
EXPIRED: Final = "expired"
NOTE: Final = "note"
STILL_WAITING: Final = "still_waiting"
LINK_WANTED: Final = "link_wanted"
TEAM: Final = (RESULT, EXPIRED, NOTE, STILL_WAITING, LINK_WANTED)
"""To the people who run the campaign; never with a link that decides."""

NOTICE_KINDS: Final = (*PERSONAL, *OF_A_PERSON, *TEAM)


def personal(
    kind: str, round_: ApprovalRound, approver_id: str, *fact: object, due_at: datetime, **payload: Any
) -> OutboxEntry:
    """Return the entry of a notice to one approver; the same kind, round, approver and fact is sent once."""
    return OutboxEntry.about(
        kind, *round_.campaign_ref, round_.n, approver_id, *fact,
        due_at=due_at, payload={"round": round_.n, "approver": approver_id, **payload},
    )  # fmt: skip


def to_the_team(kind: str, round_: ApprovalRound, *fact: object, due_at: datetime, **payload: Any) -> OutboxEntry:
    """Return the entry of a notice to the people who run the campaign."""
    return OutboxEntry.about(
        kind, *round_.campaign_ref, round_.n, *fact,
        due_at=due_at, payload={"round": round_.n, **payload},
    )  # fmt: skip
