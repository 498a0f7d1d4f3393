"""Campaigns: created once, moved by compare-and-set with an audit entry in the same transaction."""

import builtins  # a method named `list` hides the type
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from campaigns.errors import (
    AlreadyDecidedError,
    ConflictError,
    IdempotencyMismatchError,
    NotFoundError,
    RoundReopenedError,
    VersionConflictError,
)
from campaigns.model.approval import ApprovalRound
from campaigns.model.base import content_hash
from campaigns.model.brief import CampaignBrief
from campaigns.model.campaign import AT_REST, FINAL, Campaign, Move
from campaigns.model.fact import Fact
from campaigns.model.post import ModelUsage
from campaigns.model.vocabulary import CampaignStatus, Decision, RoundStatus
from campaigns.store.campaign.approvals import ApprovalRepository
from campaigns.store.campaign.idempotency import IdempotencyRecord, IdempotencyRepository, idempotency_item
from campaigns.store.campaign.usage import SUMMED, before_notes, by_purpose, note, notes, spent, summed_up
from campaigns.store.commits.leases import Lease
from campaigns.store.commits.looks import SOON, LookRepository, look_at
from campaigns.store.commits.outbox import OutboxEntry
from campaigns.store.commits.transaction import commit, contended
from campaigns.store.items import keys
from campaigns.store.items.campaign_items import (
    FIXED,
    FIXED_IN_A_MOVE,
    Ended,
    campaign_item,
    ended_of,
    expect_version_of,
    ref_operations,
    replacing,
    with_changes,
)
from campaigns.store.items.documents import Page, read_page, readable, value_of
from campaigns.store.items.due import read_due, read_since
from campaigns.store.items.keys import Due
from campaigns.store.items.round_state import round_item
from campaigns.store.tables.table import ABSENT, Check, ConditionFailed, Equals, Index, Item, Key, Operation, Put, Table
from campaigns.telemetry.measures import measures_of_usage
from campaigns.telemetry.recorder import recorder

KEPT_AFTER_DELETION: Final = timedelta(days=90)
"""Campaign, posts and audit trail stay that long after a deletion (issue: audit at least 90 days)."""

BUILT: Final = (CampaignStatus.PLANNING, CampaignStatus.GENERATING, CampaignStatus.NEEDS_REVISION)
"""A campaign in these is worked on, or waits for it."""

UNFINISHED: Final = frozenset(CampaignStatus) - FINAL
"""Also a failed one and one that timed out: an operator lets them go on."""


@dataclass(frozen=True, slots=True)
class Created:
    """The stored campaign, whether this call created it, and the answer kept for the idempotency key."""

    campaign: Campaign
    created: bool
    answer: Mapping[str, Any] | None = None


class CampaignRepository:
    """Campaigns of every tenant. Unknown, foreign, malformed and deleted ids all answer `NotFoundError`."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._approvals = ApprovalRepository(table)
        self._idempotency = IdempotencyRepository(table)
        self._looks = LookRepository(table)

    @contended
    def create(
        self,
        campaign: Campaign,
        *,
        actor: str,
        at: datetime,
        idempotency: IdempotencyRecord | None = None,
        outbox: Sequence[OutboxEntry] = (),
        rests_on: Sequence[Check] = (),
    ) -> Created:
        """Write the campaign, its idempotency record, its reference, its first audit entry and the outbox at once.

        The same id, key or external reference with the same body answers with the campaign stored first,
        and a key that is new belongs to that campaign from then on. `rests_on`: the brand and personas as they were
        read (`as_read`).

        Raises:
            VersionConflictError: one of them was changed or deleted since; nothing was written.
            IdempotencyMismatchError: the id, key or reference was used with another body.
        """
        key = keys.campaign(*campaign.ref)
        body = content_hash(campaign.brief_only().to_wire())
        item = campaign_item(campaign, {"body_hash": body})
        operations: list[Operation] = [Put(item, ABSENT), *ref_operations(None, campaign, body)]
        soon = look_at(*campaign.ref, at + SOON)
        fact = Fact(actor, "created", at, to_status=campaign.status)
        writes = list(operations)
        if idempotency is not None:
            found = self._idempotency.get(campaign.tenant_id, idempotency.key, now=at)
            if found is not None:
                return self._repeated(campaign.tenant_id, found, idempotency)
            record = idempotency_item(campaign.tenant_id, idempotency, campaign_id=campaign.id)
            # An expired record may still lie there; whoever replaces it must be the only one.
            writes.append(Put(record, self._idempotency.unused(campaign.tenant_id, idempotency.key, now=at)))
        first = len(writes)
        writes += [*rests_on, soon]
        try:
            commit(self._table, *campaign.ref, writes, facts=[fact], outbox=outbox)
        except ConditionFailed as failed:
            if idempotency is not None and len(operations) in failed.failures:
                raise  # the key was used in this moment: the next look finds its answer
            if min(failed.failures) >= first:
                raise _not_as_read() from failed
            existing = failed.failures[min(failed.failures)]
            stored = self._existing(campaign.tenant_id, existing, body, key) if existing else None
            if stored is None:
                raise
            return self._named(stored, idempotency, at=at)
        return Created(campaign, created=True, answer=idempotency.answer if idempotency else None)

    def repeated(
        self,
        tenant_id: str,
        campaign_id: str,
        brief: CampaignBrief,
        *,
        idempotency: IdempotencyRecord | None,
        at: datetime,
    ) -> Created | None:
        """Return what `create` would find stored before for the same key, id or reference; None: the brief is new.

        Asked before the brief is checked against the clock: a repetition is answered as the first time,
        also when its first day has passed meanwhile.

        Raises:
            IdempotencyMismatchError: the id, key or reference was used with another body.
        """
        if idempotency is not None:
            found = self._idempotency.get(tenant_id, idempotency.key, now=at)
            if found is not None:
                return self._repeated(tenant_id, found, idempotency)
        key, ref = keys.campaign(tenant_id, campaign_id), brief.metadata.external_ref
        existing = self._table.get(key) or (self._table.get(keys.external_ref(tenant_id, ref)) if ref else None)
        if existing is None:
            return None
        stored = self._existing(tenant_id, existing, content_hash(brief.to_wire()), key)
        return self._named(stored, idempotency, at=at) if stored else None

    def being_built(self, tenant_id: str, *, limit: int) -> int:
        """Return how many campaigns of a tenant are built or wait for it, at most `limit`; keys are counted only."""
        found = 0
        for status in BUILT:
            partition = keys.status_partition(tenant_id, status)
            found += len(self._table.positions("status", partition, limit=limit - found)) if found < limit else 0
        return found

    def require_brief(self, tenant_id: str, campaign_id: str, brief: CampaignBrief) -> None:
        """Refuse another brief than the campaign was created with.

        Raises:
            IdempotencyMismatchError: it is another one.
        """
        self._existing(
            tenant_id, self._read(tenant_id, campaign_id), content_hash(brief.to_wire()),
            keys.campaign(tenant_id, campaign_id),
        )  # fmt: skip

    def _named(self, stored: Created, given: IdempotencyRecord | None, *, at: datetime) -> Created:
        """Keep a key that came with a repetition under another name: with another body it must not pass later."""
        if given is not None:
            campaign = stored.campaign
            record = replace(given, answer={"id": campaign.id}, campaign_id=campaign.id)
            self._idempotency.put(campaign.tenant_id, record, now=at)
        return stored

    def _repeated(self, tenant_id: str, found: IdempotencyRecord, given: IdempotencyRecord) -> Created:
        if found.fingerprint != given.fingerprint or found.campaign_id is None:
            raise IdempotencyMismatchError("this idempotency key was used with another request")
        stored = self.get(tenant_id, found.campaign_id, deleted=True)
        return Created(stored, created=False, answer=found.answer)

    def _existing(self, tenant_id: str, existing: Item, body: str, key: Key) -> Created | None:
        """Return the campaign that an item is or names, None: it was deleted since, and its reference is free again."""
        if existing["body_hash"] != body:
            what = "campaign id" if existing["sk"] == key.sk else "external reference"
            raise IdempotencyMismatchError(f"this {what} was used with another brief")
        if "body" in existing:
            return Created(value_of(existing, Campaign), created=False)
        try:
            stored = self.get(tenant_id, existing["campaign_id"])
        except NotFoundError:
            return None
        return Created(stored, created=False)

    def get(self, tenant_id: str, campaign_id: str, *, deleted: bool = False, costs: bool = True) -> Campaign:
        """Return the campaign as of now; a deleted one only when asked for.

        Args:
            costs: add up what was noted for it so far: a read that grows with its posts.
        """
        item = self._read(tenant_id, campaign_id, deleted=deleted)
        campaign = value_of(item, Campaign)
        if not costs or campaign.status in SUMMED:
            return campaign
        return campaign.model_copy(update={"usage": spent(self._table, item)})

    def list(
        self,
        tenant_id: str,
        *,
        status: CampaignStatus | None = None,
        brand_id: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[Campaign]:
        """Return campaigns, newest first; a change may take a moment to show, and costs show when a build is over."""
        index: Index
        if brand_id is not None:
            index, pk = "brand", keys.brand_partition(tenant_id, brand_id)
        elif status is not None:
            index, pk = "status", keys.status_partition(tenant_id, status)
        else:
            index, pk = "list", keys.list_partition(tenant_id, "campaign")

        def read(item: Item) -> Campaign | None:
            return value_of(item, Campaign) if status is None or item["status"] == status else None

        narrowed = status or ""
        return read_page(self._table, index, pk, limit=limit, cursor=cursor, reverse=True, read=read, narrowed=narrowed)

    def live_using(
        self, tenant_id: str, *, persona_id: str | None = None, brand_id: str | None = None
    ) -> builtins.list[str]:
        """Return the ids of campaigns that may still go on and use this persona or brand."""
        found: list[str] = []
        for status in sorted(UNFINISHED):
            for item in self._table.query_index("status", keys.status_partition(tenant_id, status)):
                campaign = value_of(item, Campaign)
                if persona_id in campaign.participants.persona_ids or (brand_id and campaign.brand_id == brand_id):
                    found.append(campaign.id)
        return found

    def in_work(self) -> Iterator[Campaign]:
        """Yield every campaign that a run should be working on or waiting for; a change may take a moment to show."""
        for look in self._looks.all():
            item = self._table.get(keys.campaign(look.tenant_id, look.campaign_id))
            yield from (each for each in readable([item] if item else [], Campaign) if each.status not in AT_REST)

    def ended_before(self, instant: datetime) -> builtins.list[Ended]:
        """Return 100 campaigns at rest since before `instant` whose checkpoints remain, the tenants in turn."""
        return [ended_of(position) for position in read_due(self._table, Due.ENDED, instant, limit=100)]

    def ended_since(self, instant: datetime) -> builtins.list[Ended]:
        """Return campaigns of all tenants that came to rest after `instant`, latest first, for rates and alerts."""
        return [ended_of(position) for position in reversed(read_since(self._table, Due.ENDED, instant))]

    @contended
    def move(
        self,
        tenant_id: str,
        campaign_id: str,
        move: Move,
        *,
        expect_version: int | None = None,
        outbox: Sequence[OutboxEntry] = (),
        decided: ApprovalRound | None = None,
        beside: Sequence[Operation] = (),
        facts: Sequence[Fact] = (),
        fence: Lease | None = None,
    ) -> Campaign:
        """Move to the next status, with an audit entry in the same transaction, and return the stored campaign.

        Cancelling closes the open round with it. `decided` is the round whose decision takes effect: exactly one of
        this move and an undo wins. `beside` is written with it, and `facts` are audited after it.

        Raises:
            IllegalTransitionError: the status machine has no such step.
            VersionConflictError: `expect_version` is not the stored version, or a condition of `beside` does not hold.
            AlreadyDecidedError: cancelled although its approvers have just approved or rejected it.
            RoundReopenedError: `decided` is not as it is stored any more.
            LeaseLostError: the fence's owner no longer holds the campaign.
        """
        to, at = move.to, move.at
        item = self._read(tenant_id, campaign_id)
        campaign = value_of(item, Campaign)
        by = {"moved_by": move.actor, "moved_for": move.reason}
        if move.idempotent and campaign.status == to and by == {name: item.get(name) for name in by}:
            return campaign
        expect_version_of(campaign, expect_version)
        moved = with_changes(campaign.moved_to(to, at=at), move.changes, FIXED_IN_A_MOVE)
        moved, costs = summed_up(self._table, item, moved)
        extra = {**by, **costs}
        if to in AT_REST:
            extra["ended_at"] = keys.instant(at)
        fact = Fact(move.actor, "moved", at, campaign.status, to, move.reason, move.round, since=campaign.created_at)
        standing = [_stands(decided)] if decided is not None else []
        operations = [replacing(item, moved, extra), *standing, *self._closing_round(campaign, to)]
        told, first = [fact, *facts], len(operations)
        operations += [*beside, look_at(tenant_id, campaign_id, at + SOON)]
        try:
            commit(self._table, tenant_id, campaign_id, operations, facts=told, outbox=outbox, fence=fence)
        except ConditionFailed as failed:
            if standing and 1 in failed.failures:
                raise RoundReopenedError("the decision was taken back in this moment") from failed
            if min(failed.failures) >= first:
                raise VersionConflictError(
                    "a post or a round was changed since it was read: look at the campaign, and order anew",
                    {"currentVersion": campaign.version, "currentStatus": str(campaign.status)},
                ) from failed
            raise
        if to in SUMMED and campaign.status not in SUMMED:
            return moved.model_copy(update={"usage": self._summed(tenant_id, campaign_id).usage})
        return moved

    @contended
    def update(
        self,
        tenant_id: str,
        campaign_id: str,
        changes: Mapping[str, Any],
        *,
        actor: str,
        at: datetime,
        reason: str | None = None,
        expect_version: int | None = None,
        rests_on: Sequence[Check] = (),
        fence: Lease | None = None,
    ) -> Campaign:
        """Change fields other than the status, audited by name of field, and return the stored campaign.

        `rests_on`: the brand and personas as they were read (`as_read`).

        Raises:
            VersionConflictError: `expect_version` is not the stored version, or `rests_on` does not hold any more.
            ConflictError: the new external reference is another campaign's.
        """
        item = self._read(tenant_id, campaign_id)
        campaign = value_of(item, Campaign)
        expect_version_of(campaign, expect_version)
        changed = with_changes(campaign, {**changes, "updated_at": at}, FIXED)
        changed = changed.model_copy(update={"version": campaign.version + 1})
        changed, costs = summed_up(self._table, item, changed)
        fact = Fact(actor, "changed", at, reason=reason, details={"fields": sorted(changes)})
        operations = [replacing(item, changed, costs), *ref_operations(campaign, changed, item["body_hash"])]
        first = len(operations)
        try:
            commit(self._table, tenant_id, campaign_id, [*operations, *rests_on], facts=[fact], fence=fence)
        except ConditionFailed as failed:
            if min(failed.failures) >= first:
                raise _not_as_read() from failed
            if 0 not in failed.failures:
                raise ConflictError("this external reference is another campaign's") from failed
            raise
        return changed

    def add_usage(self, tenant_id: str, campaign_id: str, usage: ModelUsage, *, once: str, about: str = "") -> None:
        """Add a cost, once for each `once` (such as post, revision and attempt). The version stays: no edit is lost.

        `about`: what it was for: the plan, or the id of a post.
        """
        self._read(tenant_id, campaign_id, deleted=True)
        with suppress(ConditionFailed):  # it is noted already
            self._table.write(Put(note(tenant_id, campaign_id, usage, once=once, about=about), ABSENT))
            recorder.record(measures_of_usage(usage))
        if self._read(tenant_id, campaign_id, deleted=True)["status"] in SUMMED:
            self._summed(tenant_id, campaign_id)

    def costs_by_purpose(self, tenant_id: str, campaign_id: str) -> dict[str, ModelUsage]:
        """Return what was noted of a campaign's costs by what it was for: the plan, or the id of a post."""
        return by_purpose(self._table, tenant_id, campaign_id)

    def of_month(
        self, tenant_id: str, first: datetime, after: datetime, *, limit: int, cursor: str | None
    ) -> Page[Campaign]:
        """Return campaigns that were created from `first` until before `after`, newest first, with costs as of now."""

        def read(item: Item) -> Campaign | None:
            campaign = value_of(item, Campaign)
            if campaign.status in SUMMED:
                return campaign
            return campaign.model_copy(update={"usage": spent(self._table, item)})

        return read_page(
            self._table, "list", keys.list_partition(tenant_id, "campaign"), limit=limit, cursor=cursor,
            reverse=True, read=read, low=keys.after(first), high=keys.until(after - timedelta(microseconds=1)),
        )  # fmt: skip

    def cost_notes(self, tenant_id: str, campaign_id: str) -> builtins.list[ModelUsage]:
        """Return what was noted of a campaign's costs, answer by answer."""
        return notes(self._table, tenant_id, campaign_id)

    @contended
    def delete(
        self, tenant_id: str, campaign_id: str, *, actor: str, at: datetime, expect_version: int | None = None
    ) -> None:
        """Hide a campaign at rest and free its external reference; purged with its audit trail after 90 days.

        Raises:
            ConflictError: it is still being worked on; `details` says in which status.
            VersionConflictError: `expect_version` is not the stored version.
        """
        item = self._read(tenant_id, campaign_id)
        campaign = value_of(item, Campaign)
        expect_version_of(campaign, expect_version)
        if campaign.status not in AT_REST:
            raise ConflictError(
                f"a campaign that is {campaign.status} cannot be deleted", {"currentStatus": str(campaign.status)}
            )
        gone = campaign.model_copy(update={"deleted_at": at, "updated_at": at, "version": campaign.version + 1})
        stone = keys.tombstone(tenant_id, campaign_id)
        operations: list[Operation] = [
            replacing(item, gone),
            Put({**stone._asdict(), "kind": "tombstone", **keys.purged_whole_after(at + KEPT_AFTER_DELETION, stone)}),
            *ref_operations(campaign, None, ""),
        ]
        commit(self._table, tenant_id, campaign_id, operations, facts=[Fact(actor, "deleted", at)])

    @contended
    def forget_checkpoints(self, tenant_id: str, campaign_id: str) -> None:
        """Note that no checkpoint of this campaign remains: it leaves `ended_before` until it is worked on again."""
        item = self._read(tenant_id, campaign_id, deleted=True)
        self._table.write(replacing(item, value_of(item, Campaign), {"ended_at": ""}))

    @contended
    def _summed(self, tenant_id: str, campaign_id: str) -> Campaign:
        """Return the campaign with all that was noted of its costs; one at rest has it in itself from then on."""
        item = self._read(tenant_id, campaign_id, deleted=True)
        stored = value_of(item, Campaign)
        campaign = stored.model_copy(update={"usage": spent(self._table, item)})
        if stored.status in SUMMED and campaign.usage != stored.usage:
            self._table.write(replacing(item, campaign, before_notes(item)))
        return campaign

    def _read(self, tenant_id: str, campaign_id: str, *, deleted: bool = False) -> Item:
        item = self._table.get(keys.campaign(tenant_id, campaign_id))
        if item is None or (item["deleted"] and not deleted):
            raise NotFoundError("campaign", campaign_id)
        return item

    def _closing_round(self, campaign: Campaign, to: CampaignStatus) -> builtins.list[Operation]:
        """Return what closes the open round of a campaign that is cancelled; nothing for other moves."""
        if to is not CampaignStatus.CANCELLED:
            return []
        current = self._approvals.current_round(*campaign.ref)
        n = current.n if current else 0
        # Exactly one of "cancelled" and "a new round" wins; `open_round` checks the campaign in its turn.
        operations: list[Operation] = [Check(keys.round_(*campaign.ref, n + 1), ABSENT)]
        if current is None:
            return operations
        settled = current.outcome in {Decision.APPROVED, Decision.REJECTED}
        if campaign.status is CampaignStatus.AWAITING_REVIEW and current.status is RoundStatus.DECIDED and settled:
            raise AlreadyDecidedError(
                f"its approvers have just said {current.outcome}",
                {"decision": current.outcome, "at": current.decided_at.isoformat() if current.decided_at else None},
            )
        if current.status is RoundStatus.PENDING:
            closed = current.model_copy(update={"status": RoundStatus.CANCELLED, "version": current.version + 1})
            operations.append(Put(round_item(closed), Equals({"version": current.version})))
        return operations


def _stands(decided: ApprovalRound) -> Operation:
    key = keys.round_(*decided.campaign_ref, decided.n)
    return Check(key, Equals({"version": decided.version}))


def _not_as_read() -> VersionConflictError:
    return VersionConflictError("the brand or a persona was changed since it was read")
