"""The beginning and the end of a round: ask, expire, close."""

from collections.abc import Sequence
from datetime import datetime

from campaigns.errors import ConflictError
from campaigns.model.approval import ApprovalRound
from campaigns.model.campaign import AT_REST, Campaign
from campaigns.model.fact import Fact
from campaigns.model.post import Post
from campaigns.model.vocabulary import CampaignStatus, Decision, RoundStatus
from campaigns.rules.approval.decisions import LAST_CALL, extends, timeout_outcome
from campaigns.rules.approval.gate.case import Case, Change
from campaigns.rules.approval.gate.orders import extend
from campaigns.rules.approval.stages import ended, stage_ends_at


def expire(case: Case, *, posts: Sequence[Post], actor: str, now: datetime) -> Change:
    """End a round whose time is over, or give it more where that is agreed; nothing where it is not over.

    `reject` ends it undecided, `approve` approves what nobody objected to and no check blocks, `extend` gives
    the same time once more where the first post leaves any. A campaign that failed is approved by no policy.
    """
    round_ = case.round
    if round_.status is not RoundStatus.PENDING or now < round_.expires_at:
        return Change(round_)
    if extends(round_) and (until := _once_more(case, posts, now)) is not None:
        reason = "nobody decided in time: extended once, as agreed"
        return extend(case, until, posts=posts, actor=actor, reason=reason, now=now, by_policy=True)
    outcome = None if case.campaign.status in AT_REST else timeout_outcome(round_, case.decisions)
    ran_out_at = round_.ran_out_at or now
    over = {"status": RoundStatus.TIMED_OUT, "outcome": outcome, "decided_at": now, "ran_out_at": ran_out_at}
    details = {"outcome": str(outcome)} if outcome else {}
    fact = Fact(actor, "round_timed_out", now, round=round_.n, details=details)
    return Change(ended(round_, case.decisions, over), facts=[fact], by_policy=True)


def _once_more(case: Case, posts: Sequence[Post], now: datetime) -> datetime | None:
    """Return the end of the same time once more; None where the first post leaves none."""
    round_ = case.round
    shown = [post for post in posts if post.id in round_.posts]
    first_post = min((post.scheduled_at for post in shown), default=now)
    hours = max(1, round((round_.expires_at - round_.opened_at).total_seconds() / 3600))
    stage = round_.stage.n if round_.stage else 1
    until = stage_ends_at(case.campaign.approval, stage, shown, now, hours=hours)
    return None if first_post - LAST_CALL <= now or until <= round_.expires_at else until


def close(case: Case, *, actor: str, reason: str, now: datetime) -> Change:
    """Close a round that shows words which are written again; the next one follows, and old links say so."""
    if case.latest != case.round.n or case.round.status is not RoundStatus.PENDING:
        return Change(case.round)
    closed = {"status": RoundStatus.SUPERSEDED, "superseded_by": case.round.n + 1}
    fact = Fact(actor, "round_closed", now, reason=reason, round=case.round.n)
    return Change(case.round.model_copy(update=closed), facts=[fact])


def require_askable(campaign: Campaign, *, reopens: bool) -> None:
    """Refuse a new round for a campaign that is not at its approvers' turn.

    Raises:
        ConflictError: it is over or failed; only what timed out is reopened, and by nothing but an operator's order.
    """
    timed_out = campaign.status is CampaignStatus.APPROVAL_TIMEOUT
    if timed_out is not reopens or (not timed_out and campaign.status in AT_REST | {CampaignStatus.APPROVED}):
        raise ConflictError(f"the campaign is {campaign.status}", {"currentStatus": str(campaign.status)})


def is_put_again(campaign: Campaign, latest: ApprovalRound, *, reopens: bool) -> bool:
    """Whether a campaign that goes on is put under review with the round that it has, not with another one."""
    if latest.status in {RoundStatus.SUPERSEDED, RoundStatus.CANCELLED} or latest.outcome is Decision.NEEDS_REVISION:
        return False
    if reopens:  # the round of a reopening that died half way
        return campaign.status is CampaignStatus.APPROVAL_TIMEOUT and campaign.round < latest.n
    return campaign.status is CampaignStatus.GENERATING
