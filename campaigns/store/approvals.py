"""Approval rounds and decisions: one open round per campaign, one decision per approver, one outcome per round."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from campaigns.errors import (
    ConflictError,
    NotFoundError,
    RoundClosedError,
    VersionConflictError,
)
from campaigns.model.approval import ApprovalRound, ApproverDecision
from campaigns.model.campaign import TRANSITIONS, Campaign
from campaigns.model.vocabulary import CampaignStatus, Decision, RoundStatus
from campaigns.rules.decisions import undo_until
from campaigns.store import keys
from campaigns.store.audit import Fact
from campaigns.store.campaign_items import replacing
from campaigns.store.documents import item_of, readable, value_of
from campaigns.store.leases import Lease
from campaigns.store.outbox import OutboxEntry, outbox_item
from campaigns.store.round_state import (
    already_decided,
    is_put_again,
    next_state,
    require_askable,
    require_open,
    round_item,
    says_the_same,
    too_late_to_undo,
)
from campaigns.store.table import ABSENT, Check, ConditionFailed, Delete, Equals, Operation, Put, Table
from campaigns.store.transaction import attempts, commit

Rule = Callable[[ApprovalRound, Sequence[ApproverDecision]], Decision | None]
"""Says what a round's decisions so far come to: its outcome, or None while it stays open."""


@dataclass(frozen=True, slots=True)
class Decided:
    """The round after a decision, the decision as stored, and whether it had been recorded before."""

    round: ApprovalRound
    decision: ApproverDecision
    repeated: bool


class ApprovalRepository:
    """Rounds by campaign and number. Unknown, foreign and malformed ids all answer `NotFoundError`."""

    def __init__(self, table: Table) -> None:
        self._table = table

    # --- rounds ------------------------------------------------------------------------------------

    def open_round(
        self,
        round_: ApprovalRound,
        *,
        actor: str,
        at: datetime,
        facts: Sequence[Fact] = (),
        outbox: Sequence[OutboxEntry] = (),
        reopens: bool = False,
        fence: Lease | None = None,
    ) -> ApprovalRound:
        """Open round n, close the one before as superseded, put the campaign under review, audit and enqueue: at once.

        If round n is there already it is returned as stored: compare its digest. A campaign that goes on with it
        (an operator retried it) is put under review again, unless its approvers have asked for changes.

        Args:
            reopens: the campaign timed out, and an operator asks once more; any other is then refused.

        Raises:
            ConflictError: n is not the next number, or the campaign is over, failed, or timed out.
            NotFoundError: there is no such campaign.
            LeaseLostError: the fence's owner no longer holds the campaign.
        """
        tenant_id, campaign_id, n = round_.tenant_id, round_.campaign_id, round_.n
        pointer = keys.callback(round_.callback_id)
        target = {"tenant_id": tenant_id, "campaign_id": campaign_id, "n": n}
        for _ in attempts():
            item = self._table.get(keys.campaign(tenant_id, campaign_id))
            if item is None or item["deleted"]:
                raise NotFoundError("campaign", campaign_id)
            campaign, current = value_of(item, Campaign), self.current_round(tenant_id, campaign_id)
            told = list(facts)
            if current is not None and current.n >= n:
                if current.n > n or not is_put_again(campaign, current, reopens=reopens):
                    return self.round(tenant_id, campaign_id, n)
                stored, reason = current, f"round {n} was opened before"
                operations: list[Operation] = [
                    Check(keys.round_(tenant_id, campaign_id, n), Equals({"version": current.version}))
                ]
            else:
                if n != (current.n if current else 0) + 1:
                    raise ConflictError(f"round {n} is not the next one", {"currentRound": current.n if current else 0})
                require_askable(campaign, reopens=reopens)
                stored, reason = round_, f"round {n} opened"
                operations = [
                    Put(round_item(round_), ABSENT),
                    Put({**pointer._asdict(), "kind": "callback", **target}, ABSENT),
                ]
                if current is not None and current.status is RoundStatus.PENDING:
                    closed = next_state(current, status=RoundStatus.SUPERSEDED, superseded_by=n)
                    operations.append(Put(round_item(closed), Equals({"version": current.version})))
                told.append(Fact(actor, "round_opened", at, round=n, details={"digest": round_.digest}))
            if CampaignStatus.AWAITING_REVIEW in TRANSITIONS[campaign.status]:
                asked = campaign.moved_to(CampaignStatus.AWAITING_REVIEW, at=at).model_copy(update={"round": n})
                operations.append(replacing(item, asked, {"moved_by": actor, "moved_for": reason}))
                told.append(Fact(actor, "moved", at, campaign.status, asked.status, reason, n))
            else:
                unmoved = Equals({"status": item["status"], "deleted": 0})
                operations.append(Check(keys.campaign(tenant_id, campaign_id), unmoved))
            try:
                commit(self._table, tenant_id, campaign_id, operations, facts=told, outbox=outbox, fence=fence)
            except ConditionFailed as failed:
                if stored is round_ and 1 in failed.failures and 0 not in failed.failures:
                    raise ConflictError("this callback id is another round's") from failed
                continue
            return stored
        raise AssertionError  # `attempts` ends by raising

    def round(self, tenant_id: str, campaign_id: str, n: int) -> ApprovalRound:
        item = self._table.get(keys.round_(tenant_id, campaign_id, n))
        if item is None:
            raise NotFoundError("round", str(n))
        return value_of(item, ApprovalRound)

    def rounds(self, tenant_id: str, campaign_id: str) -> list[ApprovalRound]:
        """Return all rounds of a campaign, the first one first."""
        pk = keys.campaign_partition(tenant_id, campaign_id)
        return [value_of(item, ApprovalRound) for item in self._table.query(pk, keys.ROUNDS)]

    def current_round(self, tenant_id: str, campaign_id: str) -> ApprovalRound | None:
        """Return the latest round, open or not; None: nobody was asked yet."""
        pk = keys.campaign_partition(tenant_id, campaign_id)
        items = self._table.query(pk, keys.ROUNDS, limit=1, reverse=True)
        return value_of(items[0], ApprovalRound) if items else None

    def by_callback(self, callback_id: str) -> ApprovalRound:
        """Return the round that a link names. Compare its tenant and campaign with the claims of the link."""
        pointer = self._table.get(keys.callback(callback_id))
        if pointer is None:
            raise NotFoundError("approval", "of this link")
        return self.round(pointer["tenant_id"], pointer["campaign_id"], pointer["n"])

    def pending(self, *, until: datetime | None = None, limit: int = 100) -> list[ApprovalRound]:
        """Return open rounds of all tenants by expiry, those expiring up to `until`; a change may take a moment."""
        high = keys.until(until) if until else None
        items = self._table.query_index("due", keys.DUE_ROUNDS, high=high, limit=limit)
        return readable(items, ApprovalRound)

    def ended_since(self, instant: datetime, *, limit: int = 1000) -> list[ApprovalRound]:
        """Return rounds of all tenants that were decided or timed out after `instant`, latest first, for rates."""
        items = self._table.query_index("due", keys.ENDED_ROUNDS, limit=limit, reverse=True)
        rounds = readable(items, ApprovalRound)
        return [round_ for round_ in rounds if round_.decided_at is not None and round_.decided_at > instant]

    def due(self, now: datetime, *, limit: int = 100) -> list[ApprovalRound]:
        """Return open rounds of all tenants whose time is over, longest first."""
        return self.pending(until=now, limit=limit)

    def update(
        self,
        round_: ApprovalRound,
        *,
        expect_version: int,
        fact: Fact | None = None,
        outbox: Sequence[OutboxEntry] = (),
    ) -> ApprovalRound:
        """Replace a round that is still open (reminders sent, revoked approvers, new expiry); return the stored one.

        Raises:
            VersionConflictError: `expect_version` is not the stored version.
            RoundClosedError: it is no longer open.
        """
        changed = round_.model_copy(update={"version": expect_version + 1})
        write = Put(round_item(changed), Equals({"version": expect_version, "status": str(RoundStatus.PENDING)}))
        facts = [fact] if fact else []
        try:
            commit(self._table, round_.tenant_id, round_.campaign_id, [write], facts=facts, outbox=outbox)
        except ConditionFailed as failed:
            stored = self.round(round_.tenant_id, round_.campaign_id, round_.n)
            if stored.status is not RoundStatus.PENDING:
                raise RoundClosedError(f"this round is {stored.status}", {"status": str(stored.status)}) from failed
            raise VersionConflictError(
                "the round was changed since it was read", {"currentVersion": stored.version}
            ) from failed
        return changed

    def revoke(
        self, tenant_id: str, campaign_id: str, n: int, approver_id: str, *, actor: str, at: datetime, reason: str
    ) -> ApprovalRound:
        """Make one approver's link of an open round worthless.

        Raises:
            NotFoundError: nobody of this id was asked.
        """
        approvers = self.round(tenant_id, campaign_id, n).approvers
        if approver_id not in {approver.id for approver in approvers}:
            raise NotFoundError("approver", approver_id)
        changed = [a.model_copy(update={"revoked": a.revoked or a.id == approver_id}) for a in approvers]
        fact = Fact(actor, "link_revoked", at, reason=reason, round=n, details={"approver": approver_id})
        return self._change(tenant_id, campaign_id, n, {"approvers": changed}, fact)

    def time_out(
        self,
        tenant_id: str,
        campaign_id: str,
        n: int,
        *,
        at: datetime,
        actor: str = "housekeeping",
        rule: Rule | None = None,
        outbox: Sequence[OutboxEntry] = (),
    ) -> ApprovalRound:
        """Close an open round whose time is over and return the stored one; whatever closed it first stands.

        `rule` says what the campaign's policy makes of the decisions that there are; it is asked again
        when somebody decided in this moment. Without one, nothing was decided.

        Raises:
            ConflictError: its time is not over yet.
        """
        for _ in attempts():
            current = self.round(tenant_id, campaign_id, n)
            if current.status is not RoundStatus.PENDING:
                return current
            if at < current.expires_at:
                raise ConflictError("the round has not expired", {"expiresAt": current.expires_at.isoformat()})
            outcome = rule(current, self.decisions(tenant_id, campaign_id, n)) if rule else None
            ran_out_at = current.ran_out_at or at
            closed = next_state(
                current, status=RoundStatus.TIMED_OUT, outcome=outcome, decided_at=at, ran_out_at=ran_out_at
            )
            write = Put(round_item(closed), Equals({"version": current.version}))
            details = {"outcome": str(outcome)} if outcome else {}
            fact = Fact(actor, "round_timed_out", at, round=n, details=details)
            try:
                commit(self._table, tenant_id, campaign_id, [write], facts=[fact], outbox=outbox)
            except ConditionFailed:
                continue
            return closed
        raise AssertionError  # `attempts` ends by raising

    # --- decisions ---------------------------------------------------------------------------------

    def decisions(self, tenant_id: str, campaign_id: str, n: int) -> list[ApproverDecision]:
        """Return what was decided in a round so far, by time."""
        pk = keys.campaign_partition(tenant_id, campaign_id)
        found = [value_of(item, ApproverDecision) for item in self._table.query(pk, keys.decisions(n))]
        return sorted(found, key=lambda decision: (decision.at, decision.approver_id))

    def decide(
        self,
        decision: ApproverDecision,
        *,
        rule: Rule,
        outbox: Sequence[OutboxEntry] = (),
        doorbell: Sequence[OutboxEntry] = (),
    ) -> Decided:
        """Record a decision, close the round when `rule` says so, audit and enqueue, in one transaction.

        `rule` sees every decision of the round with this one, and again whenever somebody else was
        faster, so that two approvers at once never leave a complete round open. `outbox` goes out in
        any case, `doorbell` only if this decision closes the round. The same approver saying the same
        again is answered with what is stored: the answer to the first attempt may have been lost.

        Raises:
            AlreadyDecidedError: this approver or, for the whole round, others decided before; who, what and when.
            RoundExpiredError, RoundClosedError: too late, superseded, cancelled or this link was revoked.
            StaleReviewError: the decision is about other content than the round shows.
            NotFoundError: no such round, or nobody of this id was asked.
        """
        tenant_id, campaign_id, n = decision.tenant_id, decision.campaign_id, decision.round
        key = keys.decision(tenant_id, campaign_id, n, decision.approver_id)
        for _ in attempts():
            current = self.round(tenant_id, campaign_id, n)
            before = self.decisions(tenant_id, campaign_id, n)
            own = next((one for one in before if one.approver_id == decision.approver_id), None)
            if own is not None:
                if says_the_same(own, decision):
                    return Decided(current, own, repeated=True)
                raise already_decided(own)  # also an attempt of before with another answer in it
            require_open(current, before, decision)
            outcome = rule(current, sorted([*before, decision], key=lambda one: (one.at, one.approver_id)))
            after = next_state(current)
            if outcome is not None:
                after = next_state(
                    current,
                    status=RoundStatus.DECIDED,
                    outcome=outcome,
                    decided_at=decision.at,
                    settles_at=undo_until(current, decision),
                )
            # The round is written in any case: its version orders the decisions of the round.
            operations = [
                Put(item_of(key, "decision", decision), ABSENT),
                Put(round_item(after), Equals({"version": current.version})),
            ]
            details = {
                "decision": str(decision.decision),
                "decidedBy": decision.decided_by,
                "channel": decision.channel,
                "digest": decision.digest,
                **({"outcome": str(outcome)} if outcome else {}),
            }
            fact = Fact(decision.approver_id, "decided", decision.at, round=n, details=details)
            entries = [*outbox, *(doorbell if outcome else ())]
            try:
                commit(self._table, tenant_id, campaign_id, operations, facts=[fact], outbox=entries)
            except ConditionFailed:
                continue
            return Decided(after, decision, repeated=False)
        raise AssertionError  # `attempts` ends by raising

    def undo(
        self, tenant_id: str, campaign_id: str, n: int, approver_id: str, *, doorbell: Collection[str], at: datetime
    ) -> ApprovalRound:
        """Take back what an approver said, open the round again if it was closed, and audit it, in one transaction.

        Entries of the kinds `doorbell` that wait for the round to settle are not delivered any more.

        Raises:
            NotFoundError: this approver has said nothing in this round.
            TooLateToUndoError: it has taken effect, or a newer round was opened.
        """
        key = keys.decision(tenant_id, campaign_id, n, approver_id)
        for _ in attempts():
            current = self.round(tenant_id, campaign_id, n)
            item = self._table.get(key)
            if item is None:
                raise NotFoundError("decision", approver_id)
            said = value_of(item, ApproverDecision)
            until = undo_until(current, said)
            if until is None or at >= until:
                raise too_late_to_undo(said, until)
            reopened = next_state(current, status=RoundStatus.PENDING, outcome=None, decided_at=None, settles_at=None)
            operations: list[Operation] = [
                Put(round_item(reopened), Equals({"version": current.version})),
                Delete(key, Equals({})),
                Check(keys.campaign(tenant_id, campaign_id), Equals({"status": str(CampaignStatus.AWAITING_REVIEW)})),
                *(Put(outbox_item(entry)) for entry in self._withdrawn(current, doorbell, at)),
            ]
            details = {"decision": str(said.decision), "decidedBy": said.decided_by, "decidedAt": keys.instant(said.at)}
            try:
                commit(
                    self._table, tenant_id, campaign_id, operations,
                    facts=[Fact(approver_id, "undone", at, round=n, details=details)],
                )  # fmt: skip
            except ConditionFailed as failed:
                if 2 in failed.failures:
                    raise too_late_to_undo(said, until) from failed
                continue
            return reopened
        raise AssertionError  # `attempts` ends by raising

    def _withdrawn(self, closed: ApprovalRound, doorbell: Collection[str], at: datetime) -> list[OutboxEntry]:
        """Return what still waits to be delivered because the round was closed, as done."""
        pk = keys.campaign_partition(closed.tenant_id, closed.campaign_id)
        entries = [value_of(item, OutboxEntry) for item in self._table.query(pk, keys.OUTBOX)]
        return [
            entry.model_copy(update={"done_at": at})
            for entry in entries
            if entry.kind in doorbell and entry.is_open and entry.payload.get("round") == closed.n
        ]

    def _change(
        self, tenant_id: str, campaign_id: str, n: int, changes: dict[str, object], fact: Fact
    ) -> ApprovalRound:
        for _ in attempts():
            current = self.round(tenant_id, campaign_id, n)
            try:
                changed = current.model_copy(update=changes)
                return self.update(changed, expect_version=current.version, fact=fact)
            except VersionConflictError:
                continue
        raise AssertionError  # `attempts` ends by raising
