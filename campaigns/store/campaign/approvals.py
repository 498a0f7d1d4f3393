"""Approval rounds and decisions: one open round per campaign, one decision per approver, one outcome per round."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from campaigns.errors import ConflictError, FaultsError, GoneError, NotFoundError, RoundReopenedError
from campaigns.model.approval import ApprovalRound, ApproverDecision, ReviewDraft
from campaigns.model.campaign import TRANSITIONS, Campaign
from campaigns.model.fact import Fact
from campaigns.model.vocabulary import CampaignStatus, RoundStatus
from campaigns.rules.approval.gate import Case, Change, Gate, answer_of, is_put_again, require_askable
from campaigns.store.campaign.drafts import draft_item
from campaigns.store.campaign.usage import summed_up
from campaigns.store.commits.leases import Lease
from campaigns.store.commits.looks import look_after
from campaigns.store.commits.outbox import OutboxEntry, entry_of, outbox_item
from campaigns.store.commits.transaction import commit, contended
from campaigns.store.items import keys
from campaigns.store.items.campaign_items import replacing, with_changes
from campaigns.store.items.documents import item_of, readable, value_of
from campaigns.store.items.due import UNREADABLE, put_off, read_due, read_items, read_since
from campaigns.store.items.keys import Due
from campaigns.store.items.post_items import post_item, revision_item
from campaigns.store.items.round_state import End, next_open_state, next_state, ran_out_item, round_item
from campaigns.store.tables.table import (
    ABSENT,
    Check,
    ConditionFailed,
    Delete,
    Equals,
    Item,
    Key,
    Operation,
    Put,
    Repository,
    key_of,
)


@dataclass(frozen=True, slots=True)
class Done:
    """The case as it was found, what was written about it, and the round as it is stored now."""

    case: Case
    change: Change
    round: ApprovalRound


def nothing_follows(case: Case, change: Change) -> list[OutboxEntry]:  # noqa: ARG001 - one of its kind
    return []


Follows = Callable[[Case, Change], list[OutboxEntry]]
"""What must be done because of a change: entries for the outbox, written with it."""


class ApprovalRepository(Repository):
    """Rounds by campaign and number. Unknown, foreign and malformed ids all answer `NotFoundError`."""

    @contended
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
        passes_on: ApprovalRound | None = None,
    ) -> ApprovalRound:
        """Open round n, close the one before as superseded, put the campaign under review, audit and enqueue: at once.

        If round n is there already it is returned as stored: compare its digest. A campaign that goes on with it
        (an operator retried it) is put under review again, unless its approvers have asked for changes.

        Args:
            reopens: the campaign timed out, and an operator asks once more; any other is then refused.
            passes_on: the round before, whose stage has approved; exactly one of this and an undo wins.

        Raises:
            RoundReopenedError: `passes_on` is not as it is stored any more.
            ConflictError: n is not the next number, or the campaign is over, failed, or timed out.
            NotFoundError: there is no such campaign.
            LeaseLostError: the fence's owner no longer holds the campaign.
        """
        tenant_id, campaign_id, n = *round_.campaign_ref, round_.n
        pointer = keys.callback(round_.callback_id)
        target = {"tenant_id": tenant_id, "campaign_id": campaign_id, "n": n}
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
                Put(round_item(round_, campaign.schedule.zone), ABSENT),
                Put({**pointer._asdict(), "kind": "callback", **target}, ABSENT),
            ]
            if current is not None and current.status is RoundStatus.PENDING:
                closed = next_state(current, status=RoundStatus.SUPERSEDED, superseded_by=n)
                operations.append(Put(round_item(closed), Equals({"version": current.version})))
            shown = {"digest": round_.digest, **({"stage": round_.stage.name} if round_.stage else {})}
            told.append(Fact(actor, "round_opened", at, round=n, details=shown, since=campaign.created_at))
            if passes_on is not None and passes_on != current:
                raise RoundReopenedError("the decision was taken back in this moment")
        if CampaignStatus.AWAITING_REVIEW in TRANSITIONS[campaign.status]:
            asked = campaign.moved_to(CampaignStatus.AWAITING_REVIEW, at=at).model_copy(update={"round": n})
            asked, costs = summed_up(self._table, item, asked)
            operations.append(replacing(item, asked, {"moved_by": actor, "moved_for": reason, **costs}))
            told.append(Fact(actor, "moved", at, campaign.status, asked.status, reason, n))
        elif passes_on is not None and campaign.status is CampaignStatus.AWAITING_REVIEW and stored is round_:
            # The next stage's turn: the round before stands as it was read, and the campaign is at this one.
            changes = {"round": n, "updated_at": at, "version": campaign.version + 1}
            operations.append(replacing(item, campaign.model_copy(update=changes)))
            operations.append(Check(keys.round_(tenant_id, campaign_id, n - 1), Equals({"version": passes_on.version})))
        else:
            unmoved = Equals({"status": item["status"], "deleted": 0})
            operations.append(Check(keys.campaign(tenant_id, campaign_id), unmoved))
        operations.append(look_after(stored, at))
        try:
            commit(self._table, tenant_id, campaign_id, operations, facts=told, outbox=outbox, fence=fence)
        except ConditionFailed as failed:
            if stored is round_ and 1 in failed.failures and 0 not in failed.failures:
                raise ConflictError("this callback id is another round's") from failed
            raise
        return stored

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

    def due(self, now: datetime, *, limit: int = 1000) -> list[ApprovalRound]:
        """Return open rounds of all tenants about which something is to be done: people hear of them, or they end.

        The tenants take turns, of each the longest due comes first. A change may take a moment to show.
        """
        found: list[ApprovalRound] = []
        for item in read_items(self._table, read_due(self._table, Due.ROUNDS, now, limit=limit)):
            rounds = readable([item], ApprovalRound)
            if not rounds:
                put_off(self._table, key_of(item), Due.ROUNDS, until=now + UNREADABLE)
            found += rounds
        return found

    def put_off(self, round_: ApprovalRound, *, until: datetime) -> None:
        """Let a round that is due wait until then."""
        key = keys.round_(*round_.campaign_ref, round_.n)
        put_off(self._table, key, Due.ROUNDS, until=until)

    def unheard(self, round_: ApprovalRound, outbox: Sequence[OutboxEntry]) -> list[OutboxEntry]:
        """Return those of the entries about a round that were never enqueued."""
        pk = keys.campaign_partition(*round_.campaign_ref)
        known = {item["sk"] for item in self._table.query(pk, keys.OUTBOX)} if outbox else set()
        return [each for each in outbox if keys.outbox(each.tenant_id, each.subject_id, each.id).sk not in known]

    def tell_together(
        self, told: Sequence[tuple[ApprovalRound, ZoneInfo, Sequence[OutboxEntry]]], *, now: datetime
    ) -> int:
        """Enqueue what people are to hear of several rounds of a tenant, all or none, and return how many entries.

        What is done already (a reminder that another notice brings along) stands only where nobody enqueued it before.
        Nothing is written when that does not hold, or a round has changed since it was read: they are still due.
        """
        rounds = [
            Put(round_item(round_.model_copy(update={"told_until": now}), zone), Equals({"version": round_.version}))
            for round_, zone, _ in told
        ]
        entries = [entry for _, _, found in told for entry in found]
        brought = [Put(outbox_item(entry), ABSENT) for entry in entries if not entry.is_open]
        waiting = [entry for entry in entries if entry.is_open]
        first = told[0][0]
        try:
            commit(self._table, *first.campaign_ref, [*rounds, *brought], outbox=waiting)
        except ConditionFailed:
            return 0
        return len(entries)

    def tell(self, round_: ApprovalRound, zone: ZoneInfo, *, now: datetime, outbox: Sequence[OutboxEntry]) -> int:
        """Enqueue what people are to hear of an open round by now, and let it be due next; return how many are new.

        Nothing is written when the round has changed since it was read: it is still due.
        """
        new = self.unheard(round_, outbox)
        told = Put(round_item(round_.model_copy(update={"told_until": now}), zone), Equals({"version": round_.version}))
        try:
            commit(self._table, *round_.campaign_ref, [told], outbox=new)
        except ConditionFailed:
            return 0
        return len(new)

    def ended_since(self, instant: datetime) -> list[End]:
        """Return how rounds of all tenants ended that were decided or ran out after `instant`, for rates: each once."""
        ends: dict[Key, End] = {}
        for position in read_since(self._table, Due.ENDED_ROUNDS, instant):
            key = Key(position.pk, position.sk.replace(keys.RAN_OUT, keys.ROUNDS))
            if ends.get(key) is not End.RAN_OUT:
                ends[key] = End(position.index_sk.partition("#")[2])
        return list(ends.values())

    def decisions(self, tenant_id: str, campaign_id: str, n: int) -> list[ApproverDecision]:
        """Return what was decided in a round so far, by time."""
        pk = keys.campaign_partition(tenant_id, campaign_id)
        found = [value_of(item, ApproverDecision) for item in self._table.query(pk, keys.decisions(n))]
        return sorted(found, key=lambda decision: (decision.at, decision.approver_id))

    @contended
    def act(
        self,
        tenant_id: str,
        campaign_id: str,
        n: int,
        gate: Gate,
        *,
        follows: Follows = nothing_follows,
        answer: str | None = None,
        withdrawn: Collection[str] = (),
    ) -> Done:
        """Read the round, ask the gate, and write what it says with audit and outbox, if all that was read still holds.

        Somebody else was faster: it is read and asked again. So is a refusal, when what it is about has changed
        meanwhile. `answer` names the answer in question: whether it was taken back before is part of the case.
        Entries of the kinds `withdrawn` that wait are not delivered any more once the round is open again.

        Raises:
            NotFoundError: no such round or campaign.
            CampaignError: what the gate says; nothing was written.
        """
        case, campaign_item = self._case(tenant_id, campaign_id, n, answer)
        try:
            change = gate(case)
        except (ConflictError, GoneError, NotFoundError, FaultsError):
            if self._case(tenant_id, campaign_id, n, answer)[0] != case:
                raise ConditionFailed({}) from None  # what was refused is not what is stored: ask anew
            raise
        if change.idle:
            return Done(case, change, case.round)
        # Its version orders everything that happens in a round; a draft is nothing that happens.
        after = next_open_state(case.round, change.round) if change.facts else case.round
        operations = self._operations(case, campaign_item, change, after, withdrawn)
        entries = follows(case, change)
        commit(self._table, tenant_id, campaign_id, operations, facts=change.facts, outbox=entries)
        return Done(case, change, after)

    @staticmethod
    def closing(change: Change) -> list[Operation]:
        """Return the writes of a change that only closes the last round, to go with another write."""
        if change.idle:
            return []
        closed = next_state(change.round)
        return [
            Put(round_item(closed), Equals({"version": change.round.version})),
            Check(keys.round_(*closed.campaign_ref, closed.n + 1), ABSENT),
        ]

    def case(self, tenant_id: str, campaign_id: str, n: int) -> Case:
        """Return what an act on a round is decided on, as of now; also of a deleted campaign."""
        return self._case(tenant_id, campaign_id, n, None)[0]

    def _case(self, tenant_id: str, campaign_id: str, n: int, answer: str | None) -> tuple[Case, Item]:
        # The round first: whatever changes the decisions after it was read changes its version too.
        round_ = self.round(tenant_id, campaign_id, n)
        campaign_item = self._table.get(keys.campaign(tenant_id, campaign_id))
        if campaign_item is None:
            raise NotFoundError("campaign", campaign_id)
        latest = self.current_round(tenant_id, campaign_id)
        used = answer is not None and self._table.get(keys.used_answer(tenant_id, campaign_id, n, answer)) is not None
        case = Case(
            campaign=value_of(campaign_item, Campaign),
            round=round_,
            decisions=self.decisions(tenant_id, campaign_id, n),
            latest=latest.n if latest else n,
            used_up=used,
        )
        return case, campaign_item

    def _operations(
        self, case: Case, campaign_item: Item, change: Change, after: ApprovalRound, withdrawn: Collection[str]
    ) -> list[Operation]:
        """Return the writes of a change, on condition that everything the case says still holds."""
        tenant_id, campaign_id, n = *after.campaign_ref, after.n
        unchanged = Equals({"version": case.round.version})
        operations: list[Operation] = [
            Check(keys.round_(tenant_id, campaign_id, n), unchanged)
            if after is case.round
            else Put(round_item(after, case.campaign.schedule.zone), unchanged),
        ]
        if (after.status, after.expires_at) != (case.round.status, case.round.expires_at):
            operations.append(look_after(after, change.facts[0].at))
        if after.status is RoundStatus.PENDING and after.ran_out_at is not None and case.round.ran_out_at is None:
            operations.append(Put(ran_out_item(after, after.ran_out_at)))
        if change.facts:  # what is typed is kept while the round is as it was read, whatever else moves
            operations += self._around(case, campaign_item, change, after)
        if (new := change.recorded) is not None:
            key = keys.decision(tenant_id, campaign_id, n, new.approver_id)
            # One that is completed stands as the case says: the version of the round changes with every decision.
            operations.append(Put(item_of(key, "decision", new), ABSENT if change.completes is None else None))
        if (before := change.completes) is not None:
            used = keys.used_answer(tenant_id, campaign_id, n, answer_of(before))
            operations.append(Put({**used._asdict(), "kind": "used-answer"}))
        if (old := change.taken_back) is not None:
            operations.append(Delete(keys.decision(tenant_id, campaign_id, n, old.approver_id), Equals({})))
            used = keys.used_answer(tenant_id, campaign_id, n, answer_of(old))
            operations.append(Put({**used._asdict(), "kind": "used-answer"}))
            if after.status is RoundStatus.PENDING:
                operations += [Put(outbox_item(entry)) for entry in self._withdrawn(case.round, withdrawn, change)]
        for post in change.revisions:
            # The words as they were read are of the revision before, so nobody else's edit is overwritten.
            operations.append(Put(revision_item(post), ABSENT))
            operations.append(Put(post_item(post), Equals({"version": post.version - 1})))
        for approver_id in change.forgotten:
            operations.append(Delete(keys.draft(tenant_id, campaign_id, n, approver_id)))
        for approver_id in change.unproven:
            operations.append(Delete(keys.code(tenant_id, campaign_id, n, approver_id)))
        if after.expires_at > case.round.expires_at:
            operations += self._kept_longer(after)
        if change.draft is not None:
            approver_id, typed = change.draft
            operations.append(Put(draft_item(after, approver_id, typed)))
        return operations

    @staticmethod
    def _around(case: Case, campaign_item: Item, change: Change, after: ApprovalRound) -> list[Operation]:
        """Return the conditions that this is still the last round and the same campaign, or the write of new terms."""
        operations: list[Operation] = []
        if case.latest == after.n:
            operations.append(Check(keys.round_(*after.campaign_ref, after.n + 1), ABSENT))
        if change.terms is None:
            same = Equals({"version": case.campaign.version})
            return [*operations, Check(keys.campaign(*after.campaign_ref), same)]
        changes = {"approval": change.terms, "updated_at": change.facts[0].at}
        later = with_changes(case.campaign, changes, frozenset())
        return [*operations, replacing(campaign_item, later.model_copy(update={"version": later.version + 1}))]

    def _kept_longer(self, after: ApprovalRound) -> list[Operation]:
        """Return the writes that let every draft of a round live as long as its round does now."""
        operations: list[Operation] = []
        for approver in after.approvers:
            item = self._table.get(keys.draft(*after.campaign_ref, after.n, approver.id))
            if item is not None:
                kept = draft_item(after, approver.id, value_of(item, ReviewDraft))
                operations.append(Put(kept, Equals({"body": item["body"]})))
        return operations

    def _withdrawn(self, closed: ApprovalRound, kinds: Collection[str], change: Change) -> list[OutboxEntry]:
        """Return what still waits to be delivered because the round was closed, as done."""
        pk = keys.campaign_partition(*closed.campaign_ref)
        entries = [entry_of(item) for item in self._table.query(pk, keys.OUTBOX)]
        return [
            entry.model_copy(update={"done_at": change.facts[0].at})
            for entry in entries
            if entry.kind in kinds and entry.is_open and entry.payload.get("round") == closed.n
        ]
