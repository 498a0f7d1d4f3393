"""Approval rounds: asked once, decided once, applied once (process.md section 4).

Every act here may be repeated: what is stored first stands. What may be done is for `campaigns.rules.approval.gate` to
say, whoever calls, over HTTP, from the Prefect form or by policy; what follows from it is said here.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from campaigns.approval.editing import material_of
from campaigns.approval.messages.events import told_to_prefect
from campaigns.approval.messages.notice_kinds import (
    CHANGED,
    EXPIRED,
    EXTENDED,
    NEW_LINK,
    NOTE,
    RECEIPT,
    RESULT,
    REVIEW_REQUEST,
    personal,
    to_the_team,
)
from campaigns.model.approval import ApprovalRound, ApproverDecision, DecisionRequest, ReviewDraft
from campaigns.model.base import content_hash, cut
from campaigns.model.clocks import CLOCKS
from campaigns.model.fact import Fact
from campaigns.model.vocabulary import CampaignStatus, RoundStatus
from campaigns.rules.approval import gate
from campaigns.rules.approval.gate import Case, Change, FormProof, LinkProof, OrderProof, Voice, may_decide
from campaigns.store import OutboxEntry, Store

__all__ = [
    "ACTOR", "POLICY", "RING", "Decided", "FormProof", "LinkProof", "OrderProof", "Outcome", "Voice",
    "came_to", "decide", "follows", "is_settling", "keep_draft", "leave_note", "may_decide", "note_opened",
    "outcome", "round_to_ask", "undo",
]  # fmt: skip

ACTOR: Final = "build-campaign"
POLICY: Final = "policy"
RING: Final = "ring"
UNDO_LEEWAY: Final = CLOCKS
"""The run's clock and the API's differ: what can no longer be taken back takes effect that much later."""


class Outcome(StrEnum):
    """What a round came to."""

    APPROVED = "approved"
    PASSED_ON = "passed_on"
    """Its stage has approved, and the next one is asked."""
    REJECTED = "rejected"
    NEEDS_REVISION = "needs_revision"
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Decided:
    """The round after a decision, the decision as stored, and whether it had been recorded before."""

    round: ApprovalRound
    decision: ApproverDecision
    repeated: bool


def decide(
    store: Store,
    round_: ApprovalRound,
    voice: Voice,
    request: DecisionRequest,
    *,
    attempt_id: str,
    now: datetime,
    order: Fact | None = None,
) -> Decided:
    """Record what somebody says, and close the round when that completes its quorum.

    Args:
        round_: which round it is about; nothing else of it counts.
        attempt_id: names this answer. It is used once: taken back, it is not recorded again.
        order: the operator's act that this is part of, for the audit.

    Raises:
        CampaignError: as `gate.decide`; nothing was recorded.
    """

    def decided(case: Case) -> Change:
        material = material_of(store, *round_.campaign_ref) if request.is_about_words else None
        return gate.decide(case, voice, request, attempt_id=attempt_id, now=now, order=order, material=material)

    done = store.approvals.act(
        *round_.campaign_ref, round_.n, decided,
        follows=follows, answer=gate.answer_id(voice, attempt_id),
    )  # fmt: skip
    said = done.change.recorded or done.change.stands
    assert said is not None
    return Decided(done.round, said, repeated=done.change.recorded is None)


def undo(
    store: Store, round_: ApprovalRound, voice: Voice, *, now: datetime, kept: ReviewDraft | None = None
) -> ApprovalRound:
    """Take back what an approver said, and return the round as it is then; `kept` becomes the approver's draft.

    Raises:
        CampaignError: as `gate.undo`; nothing was changed.
    """

    def undone(case: Case) -> Change:
        said = case.said_by(voice.approver_id)
        replaced = said.replaced if said is not None else {}
        found = {post_id: store.posts.revision(*round_.campaign_ref, post_id, n) for post_id, n in replaced.items()}
        before = {post_id: post for post_id, post in found.items() if post is not None}
        material = material_of(store, *round_.campaign_ref) if replaced else None
        return gate.undo(case, voice, now=now, kept=kept, material=material, before=before)

    return store.approvals.act(*round_.campaign_ref, round_.n, undone, follows=follows, withdrawn=(RING, RESULT)).round


def keep_draft(store: Store, round_: ApprovalRound, voice: Voice, draft: ReviewDraft, *, now: datetime) -> None:
    """Keep what an approver has typed and not sent.

    Raises:
        CampaignError: as `gate.draft`; nothing was kept.
    """
    store.approvals.act(*round_.campaign_ref, round_.n, lambda case: gate.draft(case, voice, draft, now=now))


def follows(case: Case, change: Change) -> list[OutboxEntry]:
    """Return the outbox entries that follow from a change of a round.

    The approver who decided gets a receipt. A round that closes wakes the run; the team hears of it once the decision
    can no longer be taken back. Approvers with a new link or more time get a notice.
    """
    before, after, now = case.round, change.round, change.facts[0].at
    entries: list[OutboxEntry] = []
    if (said := change.recorded) is not None and case.asked(said.approver_id) is not None:
        entries.append(personal(RECEIPT, before, said.approver_id, before.version, now, due_at=now))
    if before.status is RoundStatus.PENDING and after.status in {RoundStatus.DECIDED, RoundStatus.TIMED_OUT}:
        entries += _closed(before, after, now)
        entries += [_told_of_its_end(before, after, now)] if after.status is RoundStatus.TIMED_OUT else []
    if after.expires_at > before.expires_at:
        entries += _extended(case, change, now)
    if after.status is RoundStatus.PENDING:
        entries += _asked_again(case, change, now)
    for known, asked in zip(before.approvers, after.approvers, strict=True):
        if asked.jti != known.jti:
            kind = NEW_LINK if asked.email == known.email else REVIEW_REQUEST
            more = {"renewed": True} if kind == NEW_LINK else {}
            entries.append(personal(kind, after, asked.id, asked.jti[:8], due_at=now, **more))
    return entries


def _asked_again(case: Case, change: Change, now: datetime) -> list[OutboxEntry]:
    """Return who hears that words were changed: their decisions on them count once they say what of the new ones."""
    able = {each.id for each in case.round.approvers if not each.revoked}
    return [
        personal(CHANGED, change.round, said.approver_id, case.round.version, now, due_at=now)
        for said in case.decisions
        if said.approver_id in able
        and said is not change.completes
        and said is not change.taken_back
        and set(gate.asked_again(change.round, said)) - set(gate.asked_again(case.round, said))
    ]


def _closed(before: ApprovalRound, after: ApprovalRound, now: datetime) -> list[OutboxEntry]:
    """A round that is closed again after a decision was taken back is another fact."""
    fact = (before.version, now)
    due = now if after.settles_at is None else after.settles_at + UNDO_LEEWAY
    kind = RESULT if after.status is RoundStatus.DECIDED else EXPIRED
    bell = OutboxEntry.about(RING, *before.campaign_ref, before.n, *fact, due_at=due, payload={"round": before.n})
    return [bell, to_the_team(kind, before, *fact, due_at=due)]


def _told_of_its_end(before: ApprovalRound, after: ApprovalRound, now: datetime) -> OutboxEntry:
    place = *before.campaign_ref, before.n
    came_to = str(after.outcome or Outcome.TIMED_OUT)
    return told_to_prefect("review.expired", *place, before.version, now, at=now, outcome=came_to)


def _extended(case: Case, change: Change, now: datetime) -> list[OutboxEntry]:
    """Who has not decided needs a new link, for the old one ends when it did."""
    until = change.round.expires_at.isoformat()
    entries = [personal(EXTENDED, change.round, each.id, until, due_at=now) for each in case.silent]
    return [*entries, *([to_the_team(EXPIRED, change.round, until, due_at=now)] if change.by_policy else [])]


def outcome(store: Store, tenant_id: str, campaign_id: str, n: int, *, now: datetime) -> Outcome | None:
    """Return what round n came to, or None while it is open or a decision may still be taken back."""
    return came_to(store.approvals.round(tenant_id, campaign_id, n), now)


def came_to(round_: ApprovalRound, now: datetime) -> Outcome | None:
    """Return what a round came to, or None while it is open or a decision may still be taken back."""
    if is_settling(round_, now):
        return None
    match round_.status:
        case RoundStatus.PENDING:
            return None
        case RoundStatus.CANCELLED | RoundStatus.SUPERSEDED:
            return Outcome.CANCELLED
        case RoundStatus.TIMED_OUT | RoundStatus.DECIDED:
            if round_.stage is not None and round_.stage.next is not None:
                return Outcome.PASSED_ON
            return Outcome(round_.outcome) if round_.outcome else Outcome.TIMED_OUT


def is_settling(round_: ApprovalRound, now: datetime) -> bool:
    """Whether the round is decided and the decision may still be taken back."""
    return round_.settles_at is not None and now < round_.settles_at + UNDO_LEEWAY


def round_to_ask(store: Store, tenant_id: str, campaign_id: str) -> int:
    """Return the number of the round that a run starts with: the latest, or the next after one closed for nothing."""
    latest = store.approvals.current_round(tenant_id, campaign_id)
    if latest is None:
        return 1
    over = latest.status in {RoundStatus.SUPERSEDED, RoundStatus.CANCELLED}
    if over and store.campaigns.get(tenant_id, campaign_id).status is CampaignStatus.GENERATING:
        return latest.n + 1
    return latest.n


def note_opened(
    store: Store, round_: ApprovalRound, approver_id: str, *, client: str, prefetch: bool, now: datetime
) -> None:
    """Note that a link was opened: by whom is not known, mail scanners open links too."""
    details = {"verified": False, "prefetch": prefetch, "client": client}
    fact = Fact(approver_id, "opened", now, round=round_.n, details=details)
    store.record(*round_.campaign_ref, fact)


def leave_note(store: Store, round_: ApprovalRound, approver_id: str, text: str, *, now: datetime) -> None:
    """Hand on a comment that came too late to decide anything: to the audit, and to the people who run the campaign."""
    text = cut(text, at_most=5000)
    note = content_hash([round_.callback_id, approver_id, now.isoformat(), text])[:16]
    fact = Fact(
        approver_id, "commented", now, round=round_.n, details={"comment": text, "late": True, "note": note}
    )  # fmt: skip
    told = to_the_team(NOTE, round_, approver_id, note, due_at=now, approver=approver_id, note=note)
    store.record(*round_.campaign_ref, fact, outbox=[told])
