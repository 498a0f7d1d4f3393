"""What the gate is asked about, and what it answers: a voice with its proof, a round as stored, what is written."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from campaigns.model.approval import ApprovalRound, ApproverDecision, Channel, ReviewDraft, RoundApprover
from campaigns.model.campaign import Campaign
from campaigns.model.fact import Fact
from campaigns.model.post import Post
from campaigns.model.terms.approval_terms import Approval
from campaigns.rules.approval.decisions import still_asked


@dataclass(frozen=True, slots=True)
class LinkProof:
    """A verified link: which one, for how long, and the digest of what it was made for (none on links of before).

    `code` says that its holder typed the code that was sent to the approver's address.
    """

    jti: str
    issued_at: datetime
    expires_at: datetime
    digest: str | None
    code: bool = False


@dataclass(frozen=True, slots=True)
class FormProof:
    """The form of one pause in Prefect: the round that it asked about and the digest that it showed.

    Prefect knows no users: `typed` is the name or address that somebody typed, `decide_as` what they chose.
    """

    round: int
    digest: str
    typed: str
    decide_as: Literal["approver", "operator"]


@dataclass(frozen=True, slots=True)
class OrderProof:
    """An order of an operator, or of a policy: why, and the digest of what was stored when it was given.

    `operator` is the operator's own name, whomever the order is for; "" where it is a policy's. `instead_of` is
    the approver whom it is for, as asked when it was given; None: all.
    """

    digest: str
    reason: str
    operator: str = ""
    instead_of: RoundApprover | None = None


@dataclass(frozen=True, slots=True)
class Voice:
    """Who speaks, by which way, how that is known, and from where (a fingerprint, never an address)."""

    approver_id: str
    name: str
    channel: Channel
    proof: LinkProof | FormProof | OrderProof
    client: str | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """What is stored about a round, read together. `latest` is the number of the campaign's last round.

    `used_up` says that the answer in question was recorded before and taken back.
    """

    campaign: Campaign
    round: ApprovalRound
    decisions: Sequence[ApproverDecision]
    latest: int
    used_up: bool = False

    def said_by(self, approver_id: str) -> ApproverDecision | None:
        return next((each for each in self.decisions if each.approver_id == approver_id), None)

    @property
    def silent(self) -> list[RoundApprover]:
        """Those who have a good link and something to decide."""
        return still_asked(self.round, self.decisions)

    def asked(self, approver_id: str) -> RoundApprover | None:
        return next((each for each in self.round.approvers if each.id == approver_id), None)


@dataclass(frozen=True, slots=True)
class Change:
    """What is written, all or nothing; without `facts` and `draft` there is nothing to write.

    Args:
        round: as it is afterwards; its version is the store's to count.
        recorded: a decision that is new, `taken_back` one that is removed, and its answer used up.
        completes: the decision of before that `recorded` takes the place of: its author was asked again about a part.
        stands: the decision that was recorded before, when the same was said again.
        terms: the campaign's terms for its later rounds.
        forgotten: approvers whose drafts are void.
        unproven: approvers whose codes are void.
        revisions: posts with new words, each with the version after the one that was read.
        by_policy: the terms did this, nobody ordered it.
    """

    round: ApprovalRound
    facts: Sequence[Fact] = ()
    recorded: ApproverDecision | None = None
    taken_back: ApproverDecision | None = None
    stands: ApproverDecision | None = None
    completes: ApproverDecision | None = None
    terms: Approval | None = None
    forgotten: Sequence[str] = ()
    unproven: Sequence[str] = ()
    revisions: Sequence[Post] = ()
    draft: tuple[str, ReviewDraft] | None = None
    by_policy: bool = False

    @property
    def idle(self) -> bool:
        return not self.facts and self.draft is None


Gate = Callable[[Case], Change]
"""One act, asked about what was just read."""
