"""Links once more: sent again on request, renewed, revoked or given more time by an operator."""

from datetime import datetime, timedelta
from typing import Final

from campaigns.approval.invitations import Invitation, Standing
from campaigns.approval.messages.notice_kinds import LINK_WANTED, NEW_LINK, personal, to_the_team
from campaigns.approval.rounds import follows
from campaigns.keys.links import new_jti
from campaigns.model.approval import ApprovalRound, RoundApprover
from campaigns.model.vocabulary import RoundStatus
from campaigns.rules.approval import gate
from campaigns.rules.approval.gate import Case, Change
from campaigns.store import Store

AT_MOST_EVERY: Final = timedelta(minutes=10)
"""Shortest time between two links that are sent again to one approver: the mailbox may be somebody else's."""


def send_again(store: Store, found: Invitation, *, now: datetime) -> bool:
    """Send the link that is good now to the address on file; False: there is none, its people were told instead."""
    slot = int(now.timestamp() // AT_MOST_EVERY.total_seconds())
    round_, approver = found.round, found.approver
    if found.standing is Standing.NEWER:
        round_ = store.approvals.round(*round_.campaign_ref, found.current)
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
    approver: str,
    *,
    actor: str,
    reason: str,
    now: datetime,
    name: str = "",
    email: str = "",
) -> RoundApprover:
    """Make the link that an approver has worthless and send another one, to another person or address if given.

    Args:
        approver: name, e-mail or id of whoever was asked.

    Raises:
        CampaignError: as `gate.replace`; nothing was changed.
    """
    jti = new_jti()
    done = store.approvals.act(
        tenant_id, campaign_id, n,
        lambda case: gate.replace(
            case, approver, jti=jti, name=name, email=email, actor=actor, reason=reason, now=now
        ),
        follows=follows,
    )  # fmt: skip
    return next(each for each in done.round.approvers if each.jti == jti)


def revoke_link(
    store: Store, tenant_id: str, campaign_id: str, n: int, approver: str, *, actor: str, reason: str, now: datetime
) -> ApprovalRound:
    """Make one approver's link worthless, and return the round: decided, when everybody left has decided.

    Raises:
        CampaignError: as `gate.revoke`; nothing was changed.
    """
    return store.approvals.act(
        tenant_id, campaign_id, n,
        lambda case: gate.revoke(case, approver, actor=actor, reason=reason, now=now),
        follows=follows,
    ).round  # fmt: skip


def extend_round(
    store: Store,
    tenant_id: str,
    campaign_id: str,
    n: int,
    *,
    until: datetime | int,
    actor: str,
    reason: str,
    now: datetime,
) -> ApprovalRound:
    """Give an open round more time; whoever has not decided gets a new link, for the old one ends when it did.

    Args:
        until: a moment, or so many hours more.

    Raises:
        CampaignError: as `gate.extend`; nothing was changed.
    """

    def extended(case: Case) -> Change:
        posts = store.posts.list(tenant_id, campaign_id)  # read anew at every attempt: until then they may be moved
        end = gate.later(case.round, until, now=now) if isinstance(until, int) else until
        return gate.extend(case, end, posts=posts, actor=actor, reason=reason, now=now)

    return store.approvals.act(tenant_id, campaign_id, n, extended, follows=follows).round
