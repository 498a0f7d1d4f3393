"""What follows from a decided round: publish what was approved, rewrite what was asked, or end (domain.md 10, 17)."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import uuid4

from campaigns.approval.opening import open_round
from campaigns.approval.rounds import ACTOR, Outcome, came_to
from campaigns.approval.standing import stages_of
from campaigns.approval.verdicts import note_expiry, note_verdicts
from campaigns.errors import ConflictError, IntegrityError, LeaseLostError, RoundReopenedError
from campaigns.model.approval import ApprovalRound
from campaigns.model.campaign import Campaign, Move
from campaigns.model.post import LastError, Post, round_digest
from campaigns.model.vocabulary import CampaignStatus, Decision
from campaigns.rules.approval.decisions import post_verdicts, revision_allowed
from campaigns.settings import get_settings
from campaigns.store import Lease, OutboxEntry, Store

TAKES_EFFECT: Final = timedelta(seconds=30)
"""The longest time for an outcome to be written; after that the run of a process that died may take the campaign."""


def start_revision(
    store: Store, tenant_id: str, campaign_id: str, n: int, *, now: datetime, fence: Lease | None = None
) -> list[Post]:
    """Note the verdicts of round n and return the posts to write again; none when the round limit is reached.

    At the limit the campaign ends as failed with the code `REVISION_LIMIT`. A repeated call returns the same,
    and moves nothing once a later round was opened.

    Raises:
        RoundReopenedError: no changes are asked for, or that may still be taken back; nothing is written again.
    """
    campaign = store.campaigns.get(tenant_id, campaign_id)
    round_ = store.approvals.round(tenant_id, campaign_id, n)
    if campaign.round > n:
        return _asked_for(store, round_)
    if campaign.status is CampaignStatus.AWAITING_REVIEW:
        _require_outcome(round_, Outcome.NEEDS_REVISION, now)
        note_verdicts(store, round_, fence)
        reason = f"round {n}: changes asked for"
        campaign = _move(store, campaign, CampaignStatus.NEEDS_REVISION, n, now, fence, reason=reason, decided=round_)
    if campaign.status is CampaignStatus.NEEDS_REVISION:
        times = round_.stage.revisions + 1 if round_.stage else n
        most = campaign.approval.max_revision_rounds
        if not revision_allowed(times, most):
            message = f"changes were asked for {times} times; at most {most} are allowed"
            error = LastError(code="REVISION_LIMIT", message=message, at=now, retryable=True)
            _move(store, campaign, CampaignStatus.FAILED, n, now, fence, reason="REVISION_LIMIT", last_error=error)
            return []
        campaign = _move(store, campaign, CampaignStatus.GENERATING, n, now, fence, reason=f"revision after round {n}")
    if campaign.status is CampaignStatus.FAILED:
        return []
    return _asked_for(store, round_)


def revision_begun(store: Store, tenant_id: str, campaign_id: str, n: int) -> list[Post] | None:
    """Return what `start_revision` of round n returned when it took effect; None: it did not, or must again."""
    campaign = store.campaigns.get(tenant_id, campaign_id)
    if campaign.round < n or campaign.status in {CampaignStatus.AWAITING_REVIEW, CampaignStatus.NEEDS_REVISION}:
        return None if campaign.round <= n else _asked_for(store, store.approvals.round(tenant_id, campaign_id, n))
    if campaign.status is CampaignStatus.FAILED:
        return []
    return _asked_for(store, store.approvals.round(tenant_id, campaign_id, n))


def _asked_for(store: Store, round_: ApprovalRound) -> list[Post]:
    decisions = store.approvals.decisions(*round_.campaign_ref, round_.n)
    asked = {
        post_id
        for post_id, (verdict, _) in post_verdicts(round_, decisions).items()
        if verdict is Decision.NEEDS_REVISION
    }
    return [post for post in store.posts.list(*round_.campaign_ref) if post.id in asked]


def apply(
    store: Store,
    tenant_id: str,
    campaign_id: str,
    n: int,
    outcome: Outcome,
    *,
    now: datetime,
    fence: Lease | None = None,
) -> Campaign:
    """End the campaign as round n came to; a repeated call returns the stored end.

    Raises:
        IntegrityError: what is stored is not what was approved. The campaign is failed, nothing is handed over.
        RoundReopenedError: that is not what the round comes to, or may still be taken back; nothing takes effect.
        ConflictError: the campaign is at another round.
    """
    campaign = store.campaigns.get(tenant_id, campaign_id)
    round_ = store.approvals.round(tenant_id, campaign_id, n)
    if campaign.status is CampaignStatus.AWAITING_REVIEW:
        if campaign.round != n:
            raise ConflictError(f"the campaign is at round {campaign.round}, not {n}", {"round": campaign.round})
        _require_outcome(round_, outcome, now)
        match outcome:
            case Outcome.APPROVED:
                _require_unchanged(store, campaign, round_, now, fence)
                note_verdicts(store, round_, fence)
                reason = f"round {n}: approved"
                campaign = _move(store, campaign, CampaignStatus.APPROVED, n, now, fence, reason=reason, decided=round_)
            case Outcome.REJECTED:
                note_verdicts(store, round_, fence)
                reason = f"round {n}: rejected"
                campaign = _move(store, campaign, CampaignStatus.REJECTED, n, now, fence, reason=reason, decided=round_)
            case Outcome.TIMED_OUT:
                note_expiry(store, round_, fence)
                campaign = _move(
                    store,
                    campaign,
                    CampaignStatus.APPROVAL_TIMEOUT,
                    n,
                    now,
                    fence,
                    reason=f"round {n}: nobody decided in time",
                )
            case Outcome.NEEDS_REVISION | Outcome.PASSED_ON | Outcome.CANCELLED:
                pass
    if campaign.status is CampaignStatus.APPROVED:
        _require_unchanged(store, campaign, round_, now, fence)
        campaign = _move(store, campaign, CampaignStatus.COMPLETED, n, now, fence, reason="approved posts handed over")
    return campaign


def conclude(store: Store, campaign: Campaign, *, now: datetime) -> Campaign:
    """Let the round of a campaign that waits take effect where it was decided, and return the campaign as it is then.

    A stage that has approved opens the round of the next one.
    The run, woken after that, finds it done. Changes that are asked for are the run's work, and a campaign that a
    process builds at this moment is left to it.
    """
    tenant_id, campaign_id = campaign.ref
    outcome = came_to(store.approvals.round(tenant_id, campaign_id, campaign.round), now)
    if outcome not in {Outcome.APPROVED, Outcome.PASSED_ON, Outcome.REJECTED, Outcome.TIMED_OUT}:
        return campaign
    try:
        lease = store.leases.acquire(tenant_id, campaign_id, owner=f"effect:{uuid4()}", now=now, ttl=TAKES_EFFECT)
    except LeaseLostError:
        return campaign
    try:
        if outcome is Outcome.PASSED_ON:
            n, whom = campaign.round + 1, get_settings().default_approver()
            open_round(store, tenant_id, campaign_id, n, default_approver=whom, now=now, fence=lease)
            return store.campaigns.get(tenant_id, campaign_id)
        return apply(store, tenant_id, campaign_id, campaign.round, outcome, now=now, fence=lease)
    except (ConflictError, IntegrityError):  # taken back in this moment, or failed with a reason
        return store.campaigns.get(tenant_id, campaign_id)
    finally:
        store.leases.release(lease)


def passed_on(store: Store, campaign: Campaign) -> bool:
    """Return whether a campaign waits in the round that followed from a stage that has approved."""
    if campaign.status is not CampaignStatus.AWAITING_REVIEW or campaign.round == 1:
        return False
    before = store.approvals.round(*campaign.ref, campaign.round - 1)
    return before.stage is not None and before.stage.next is not None


def decided_by(store: Store, round_: ApprovalRound) -> str:
    """Return who decided, for people to read; empty when nobody did. An approval in stages is that of them all."""
    decided = [each for stage in stages_of(store, round_) for each in stage.decisions] if round_.stage else []
    names = [each.decided_by for each in decided or store.approvals.decisions(*round_.campaign_ref, round_.n)]
    return ", ".join(dict.fromkeys(names))


def _require_outcome(round_: ApprovalRound, outcome: Outcome, now: datetime) -> None:
    """Refuse an outcome that was read before, and is not, or not yet, what the round comes to."""
    if came_to(round_, now) is not outcome:
        why = "its decision was taken back, or may still be"
        raise RoundReopenedError(f"round {round_.n} does not come to {outcome} at this moment: {why}")


def _require_unchanged(
    store: Store, campaign: Campaign, round_: ApprovalRound, now: datetime, fence: Lease | None
) -> None:
    shown = [post for post in store.posts.list(*campaign.ref) if post.id in round_.posts]
    if round_digest(shown) == round_.digest:
        return
    message = "the stored posts are not the ones that were approved; nothing was handed over"
    error = LastError(code="INTEGRITY", message=message, at=now, retryable=False)
    _move(store, campaign, CampaignStatus.FAILED, round_.n, now, fence, reason="INTEGRITY", last_error=error)
    raise IntegrityError(message)


def _move(
    store: Store,
    campaign: Campaign,
    to: CampaignStatus,
    n: int,
    now: datetime,
    fence: Lease | None,
    *,
    reason: str,
    decided: ApprovalRound | None = None,
    **changes: object,
) -> Campaign:
    return store.campaigns.move(
        *campaign.ref,
        Move(to, actor=ACTOR, reason=reason, at=now, round=n, changes=changes, idempotent=True),
        decided=decided,
        fence=fence,
        outbox=_handed_over(campaign, now) if to is CampaignStatus.COMPLETED else [],
    )


HAND_OVER: Final = "hand_over"
"""The approved posts go to the webhook of their tenant."""


def _handed_over(campaign: Campaign, now: datetime) -> list[OutboxEntry]:
    if get_settings().webhook_of(campaign.tenant_id) is None:
        return []
    return [OutboxEntry.about(HAND_OVER, *campaign.ref, due_at=now)]


def approved_posts(posts: Sequence[Post]) -> list[Post]:
    """Return the posts that go out."""
    return [post for post in posts if post.goes_out]
