"""Links once more: sent again on request, renewed or given more time by an operator."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from campaigns.errors import ConflictError, NotFoundError, VersionConflictError
from campaigns.invitations import Invitation, Standing
from campaigns.links import new_jti
from campaigns.model.approval import ApprovalRound, ReviewDraft
from campaigns.model.vocabulary import RoundStatus
from campaigns.notice_kinds import EXTENDED, LINK_WANTED, NEW_LINK, REVIEW_REQUEST, personal, to_the_team
from campaigns.store import Fact, OutboxEntry, Store

_Change = Callable[[ApprovalRound], tuple[ApprovalRound, Fact, list[OutboxEntry]]]

AT_MOST_EVERY: Final = timedelta(minutes=10)
"""Whoever holds an old link may have it sent again; not more often, it is somebody else's mailbox perhaps."""


def send_again(store: Store, found: Invitation, *, now: datetime) -> bool:
    """Send the link that is good now to the address on file; False: there is none, its people were told instead."""
    slot = int(now.timestamp() // AT_MOST_EVERY.total_seconds())
    round_, approver = found.round, found.approver
    if found.standing is Standing.NEWER:
        round_ = store.approvals.round(round_.tenant_id, round_.campaign_id, found.current)
        same = next((each for each in round_.approvers if each.email == found.approver.email), None)
        if same is None or same.revoked:
            return False
        approver = same
    if round_.status is RoundStatus.PENDING and now < round_.expires_at:
        store.outbox.add([personal(NEW_LINK, round_, approver.id, slot, due_at=now)])
        return True
    store.outbox.add([to_the_team(LINK_WANTED, round_, approver.id, slot, due_at=now, approver=approver.id)])
    return False


def renew_link(
    store: Store,
    tenant_id: str,
    campaign_id: str,
    n: int,
    approver_id: str,
    *,
    actor: str,
    reason: str,
    now: datetime,
    name: str | None = None,
    email: str | None = None,
) -> ApprovalRound:
    """Make the link that an approver has worthless and send another one, to another person or address if given.

    Raises:
        NotFoundError: nobody of this id was asked.
        RoundClosedError: the round is over.
    """

    def renewed(current: ApprovalRound) -> tuple[ApprovalRound, Fact, list[OutboxEntry]]:
        before = next((each for each in current.approvers if each.id == approver_id), None)
        if before is None:
            raise NotFoundError("approver", approver_id)
        jti = new_jti()
        whom = {"name": name or before.name, "email": email or before.email}
        after = before.model_copy(update={**whom, "jti": jti, "revoked": False})
        later = current.model_copy(
            update={"approvers": [after if each.id == approver_id else each for each in current.approvers]}
        )
        details = {"approver": approver_id, "name": after.name}
        fact = Fact(actor, "link_renewed", now, reason=reason, round=n, details=details)
        if after.email == before.email:
            return later, fact, [personal(NEW_LINK, later, approver_id, jti[:8], due_at=now, renewed=True)]
        # Whoever is new to it has read nothing, and must not find the other's draft.
        store.drafts.save(later, approver_id, ReviewDraft(digest="", saved_at=now))
        return later, fact, [personal(REVIEW_REQUEST, later, approver_id, jti[:8], due_at=now)]

    return _change(store, tenant_id, campaign_id, n, renewed)


def extend_round(
    store: Store,
    tenant_id: str,
    campaign_id: str,
    n: int,
    *,
    until: datetime,
    actor: str,
    reason: str,
    now: datetime,
    ran_out: bool = False,
) -> ApprovalRound:
    """Give an open round more time; whoever has not decided gets a new link, for the old one ends when it did.

    Args:
        ran_out: its time is over; noted in the same write, so that it counts as such however it ends.

    Raises:
        ConflictError: `until` is not later than the round ends anyway.
        RoundClosedError: the round is over.
    """

    def extended(current: ApprovalRound) -> tuple[ApprovalRound, Fact, list[OutboxEntry]]:
        if until <= current.expires_at:
            raise ConflictError("that is no more time", {"expiresAt": current.expires_at.isoformat()})
        decided = {each.approver_id for each in store.approvals.decisions(tenant_id, campaign_id, n)}
        ran_out_at = (current.ran_out_at or now) if ran_out else current.ran_out_at
        later = current.model_copy(update={"expires_at": until, "extended": True, "ran_out_at": ran_out_at})
        details = {"expiresAt": until.isoformat()}
        fact = Fact(actor, "round_extended", now, reason=reason, round=n, details=details)
        notices = [
            personal(EXTENDED, later, each.id, until.isoformat(), due_at=now)
            for each in later.approvers
            if each.id not in decided and not each.revoked
        ]
        return later, fact, notices

    return _change(store, tenant_id, campaign_id, n, extended)


def _change(store: Store, tenant_id: str, campaign_id: str, n: int, change: _Change) -> ApprovalRound:
    while True:
        current = store.approvals.round(tenant_id, campaign_id, n)
        changed, fact, outbox = change(current)
        try:
            return store.approvals.update(changed, expect_version=current.version, fact=fact, outbox=outbox)
        except VersionConflictError:
            continue  # somebody decided in this moment: look again
