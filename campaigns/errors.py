"""What can go wrong, by what a caller has to do about it.

    CampaignError
    ├── FaultsError                 the input is wrong; every fault at once        (422)
    │   ├── BadBriefError             a brief that breaks a rule of the domain
    │   ├── ImpossibleBriefError      a brief whose calendar cannot exist
    │   └── InsufficientExamplesError too few examples to read a style from
    ├── NotFoundError               unknown, or another tenant's: the same answer (404)
    ├── ConflictError               the stored state says no                       (409)
    │   ├── IllegalTransitionError
    │   ├── VersionConflictError
    │   ├── IdempotencyMismatchError  same key, other body                          (422)
    │   ├── NotDueError               a period in which a template does not come
    │   ├── AlreadyDecidedError
    │   ├── StaleReviewError          the page showed other content
    │   ├── LimitReachedError         a tenant has as many of these as it may
    │   ├── AnswerTakenBackError      this very answer was undone
    │   ├── SelfApprovalError         the requester may not decide
    │   ├── NobodyMayDecideError      nobody else is left who may
    │   ├── CodeRequiredError         the campaign asks for a code by e-mail
    │   ├── TooLateToUndoError        a decision that has taken effect
    │   ├── RoundReopenedError        a decision that was taken back in this moment  (retryable)
    │   └── LeaseLostError            another process builds this campaign
    ├── GoneError                   was there, is over                             (410)
    │   ├── RoundExpiredError
    │   └── RoundClosedError          superseded, cancelled, revoked
    ├── ApprovalLinkError           not a link of ours                             (404)
    ├── StoreUnavailableError       try again                                      (503, retryable)
    │   └── NewerReleaseError         once the later release is back
    ├── BusyError                   too much waits to be built: try again later    (503, retryable)
    │   └── TenantBusyError           of this tenant                                  (429)
    ├── ItemTooLargeError           more than the store keeps in one place         (413)
    ├── AgentError                  the model's side; `retryable` says what to do
    ├── BuildTimeoutError           the build has worked as long as it may
    └── IntegrityError              stored content is not what was approved or sealed
        └── SealBroken                bytes that our key ring did not seal for this place

The `code` of a class is public (`lastError`, logs, the API's body, where what is ours to mend is `INTERNAL`) and
stable. Rename the class freely, the code never. Constructors hand exactly their arguments to
`super().__init__`, so that an error survives the pickling between processes; the words are built in `__str__`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with an input: where (camelCase path), what was expected, and a stable code."""

    field: str
    message: str
    code: str

    def to_wire(self) -> dict[str, str]:
        return {"field": self.field, "message": self.message, "code": self.code}


class CampaignError(Exception):
    """Base of the tree; never raised itself."""

    code: ClassVar[str] = "CAMPAIGN_ERROR"
    retryable: bool = False


MOST_TOLD: Final = 100
"""The most faults listed in one answer. The rest follows once these are mended."""


class FaultsError(CampaignError):
    """An input with at least one fault; all of them are told, in the order of the input."""

    code = "VALIDATION_ERROR"

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__(faults)
        self.faults: tuple[Fault, ...] = tuple(faults)

    @property
    def told(self) -> tuple[Fault, ...]:
        """The faults that are listed for people and callers: the first `MOST_TOLD`."""
        return self.faults[:MOST_TOLD]

    @property
    def untold(self) -> int:
        """How many more there are."""
        return len(self.faults) - len(self.told)

    def __str__(self) -> str:
        count = len(self.faults)
        head = "1 fault" if count == 1 else f"{count} faults"
        more = f"; and {self.untold} more" if self.untold else ""
        return f"{head}: " + "; ".join(f"{fault.field}: {fault.message}" for fault in self.told) + more


class BadBriefError(FaultsError):
    """The brief breaks a rule (domain.md sections 3, 8, 13)."""

    code = "BRIEF_INVALID"


class ImpossibleBriefError(FaultsError):
    """No calendar can satisfy the brief; each fault carries the numbers and the smallest changes that help."""

    code = "BRIEF_IMPOSSIBLE"


class InsufficientExamplesError(FaultsError):
    """Too few writing examples to read a style from: `details` says how many are `required` and `provided`."""

    code = "INSUFFICIENT_EXAMPLES"

    def __init__(self, required: int, provided: int) -> None:
        words = f"a style is read from at least {required} examples, and there are {provided}"
        super().__init__([Fault("examples", words, self.code)])
        self.args = (required, provided)
        self.details = {"required": required, "provided": provided}


class NotFoundError(CampaignError):
    """`what` (a kind, in lower case) with this id is unknown to the tenant."""

    code = "NOT_FOUND"

    def __init__(self, what: str, identifier: str) -> None:
        super().__init__(what, identifier)
        self.what = what
        self.identifier = identifier

    def __str__(self) -> str:
        return f"no {self.what} {self.identifier}"


class ConflictError(CampaignError):
    """The stored state refuses the change; `details` tells the caller what it is now."""

    code = "CONFLICT"

    def __init__(self, message: str, details: Mapping[str, Any] | None = None) -> None:
        super().__init__(message, details)
        self.message = message
        self.details: dict[str, Any] = dict(details or {})

    def __str__(self) -> str:
        return self.message


class NotDueError(ConflictError):
    """The template does not come in this period: its rule, its first day or its end say so."""

    code = "NOT_DUE"


class LimitReachedError(ConflictError):
    """There are as many as there may be; `details` says the `limit`. Delete one that is not needed, then try again."""

    code = "LIMIT_REACHED"

    def __init__(self, what: str, limit: int) -> None:
        super().__init__(f"there are {limit} {what} already, and no more are taken: delete one first", {"limit": limit})


class IllegalTransitionError(ConflictError):
    """The status machine (domain.md section 10) has no such step."""

    code = "ILLEGAL_TRANSITION"


class VersionConflictError(ConflictError):
    """Somebody else changed the entity since it was read."""

    code = "VERSION_CONFLICT"


class IdempotencyMismatchError(ConflictError):
    """The idempotency key was used before with another body."""

    code = "IDEMPOTENCY_MISMATCH"


class AlreadyDecidedError(ConflictError):
    """The round has its decision already; `details` says what, who and when."""

    code = "ALREADY_DECIDED"


class AnswerTakenBackError(ConflictError):
    """The same answer was recorded before and taken back: it is not recorded again, another one is."""

    code = "ANSWER_TAKEN_BACK"


class StaleReviewError(ConflictError):
    """The content changed since it was shown; nothing was recorded."""

    code = "REVIEW_STALE"


class SelfApprovalError(ConflictError):
    """The requester may not decide on the campaign; nothing was recorded."""

    code = "SELF_APPROVAL"


class NobodyMayDecideError(ConflictError):
    """The requester may not decide, and nobody else is left, or not enough; the message says what helps."""

    code = "NOBODY_MAY_DECIDE"


class CodeRequiredError(ConflictError):
    """The campaign asks approvers for a code that is sent by e-mail: decide on the review page."""

    code = "CODE_REQUIRED"


class TooLateToUndoError(ConflictError):
    """The decision has taken effect and stands; `details` says since when."""

    code = "TOO_LATE_TO_UNDO"


class RoundReopenedError(ConflictError):
    """The decision was taken back before it took effect: the round is open again, and is waited for."""

    code = "ROUND_REOPENED"
    retryable = True


class LeaseLostError(ConflictError):
    """Another process holds the campaign; this one must stop writing."""

    code = "LEASE_LOST"


class GoneError(CampaignError):
    """It was there and is over; `details` says why and when."""

    code = "GONE"

    def __init__(self, message: str, details: Mapping[str, Any] | None = None) -> None:
        super().__init__(message, details)
        self.message = message
        self.details: dict[str, Any] = dict(details or {})

    def __str__(self) -> str:
        return self.message


class RoundExpiredError(GoneError):
    """The time to decide has passed."""

    code = "ROUND_EXPIRED"


class RoundClosedError(GoneError):
    """The round was superseded, cancelled or its link revoked."""

    code = "ROUND_CLOSED"


class ApprovalLinkError(CampaignError):
    """Not a link of ours. One class for every reason, so that nothing can be learnt from the answer."""

    code = "LINK_INVALID"


class StoreUnavailableError(CampaignError):
    """The store did not answer, or not in time; nothing is known about the write."""

    code = "STORE_UNAVAILABLE"
    retryable = True


class NewerReleaseError(StoreUnavailableError, ValueError):
    """A later release wrote this, and was rolled back. Nothing is lost; it goes on when that one runs again."""

    code = "NEWER_RELEASE"

    def __init__(self, kind: str, fields: tuple[str, ...]) -> None:
        super().__init__(kind, fields)
        self.kind = kind
        self.fields = fields

    def __str__(self) -> str:
        return f"{self.kind} has {', '.join(self.fields)}, which this release does not know; a later one wrote it"


class BusyError(CampaignError):
    """More campaigns wait to be built than are taken; nothing was stored. Send it again after Retry-After."""

    code = "BACKLOG_FULL"
    retryable = True
    whose = "of all tenants"

    def __init__(self, limit: int, retry_after: int) -> None:
        super().__init__(limit, retry_after)
        self.limit = limit
        self.retry_after = retry_after
        self.details = {"limit": limit}

    def __str__(self) -> str:
        return f"{self.limit} campaigns {self.whose} wait to be built, and no more are taken now"


class TenantBusyError(BusyError):
    """More campaigns of the tenant wait to be built than are taken; nothing was stored. Send it after Retry-After."""

    code = "TENANT_BACKLOG_FULL"
    whose = "of this tenant"


class ItemTooLargeError(CampaignError):
    """More than the store keeps in one item or writes at once; `size` and `limit` in bytes."""

    code = "ITEM_TOO_LARGE"

    def __init__(self, what: str, size: int, limit: int) -> None:
        super().__init__(what, size, limit)
        self.what = what
        self.size = size
        self.limit = limit

    def __str__(self) -> str:
        return f"{self.what} of {self.size} bytes is above the {self.limit} the store takes"


class AgentError(CampaignError):
    """A model call that ended without usable output.

    `reason` is one of the codes in `campaigns.agents.contracts`; `retryable` follows from it.
    """

    code = "AGENT_ERROR"

    def __init__(
        self, reason: str, message: str, retryable: bool = False, details: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(reason, message, retryable, details)
        self.reason = reason
        self.message = message
        self.retryable = retryable
        self.details: dict[str, Any] = dict(details or {})

    def __str__(self) -> str:
        return f"{self.reason}: {self.message}"


class BuildTimeoutError(CampaignError):
    """The build has worked as long as it may, in `seconds`; the time in which people are waited for does not count."""

    code = "BUILD_TIMEOUT"

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds

    def __str__(self) -> str:
        return f"the build has worked for {self.seconds:g} seconds, as long as it may; what is written stays"


class IntegrityError(CampaignError):
    """What is stored is not what was shown, approved or sealed. Never published, always alarmed."""

    code = "INTEGRITY"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    def __str__(self) -> str:
        return self.message


class SealBroken(IntegrityError):
    """Sealed bytes that cannot be opened; `reason` is a code of `campaigns.keys.seal`. Nothing was decoded."""

    code = "SEAL_BROKEN"

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return f"the seal is broken: {self.reason}"
