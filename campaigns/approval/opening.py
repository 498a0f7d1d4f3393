"""Asking the approvers: a round is opened about exactly what is stored."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from campaigns.approval.notice_kinds import REVIEW_REQUEST, personal
from campaigns.approval.rounds import ACTOR, POLICY, OrderProof, Voice, decide
from campaigns.build.planning import read_setting, require_work
from campaigns.errors import ConflictError, IntegrityError, NobodyMayDecideError
from campaigns.keys.links import new_callback_id, new_jti
from campaigns.model.approval import ApprovalRound, DecisionRequest, RoundApprover
from campaigns.model.approval_terms import Approver
from campaigns.model.base import derived_id
from campaigns.model.campaign import Campaign
from campaigns.model.post import Post, Review
from campaigns.model.vocabulary import Decision, ReviewState, RoundStatus
from campaigns.rules.approval.decisions import everything_passed, expires_at, is_auto_approved, locked_posts
from campaigns.rules.approval.gate import what_is_shown
from campaigns.rules.approval.identities import Requester
from campaigns.store import Fact, Lease, OutboxEntry, Store


def open_round(
    store: Store,
    tenant_id: str,
    campaign_id: str,
    n: int,
    *,
    default_approver: Approver,
    now: datetime,
    facts: Sequence[Fact] = (),
    outbox: Sequence[OutboxEntry] = (),
    reopens: bool = False,
    fence: Lease | None = None,
) -> ApprovalRound:
    """Ask the approvers about what is stored now, in round n; a second call returns the round as it was asked.

    Posts approved before come along locked, posts rejected before stay out. What the brand's approval
    policy lets pass is approved by policy; when nothing is left for a person, the round is decided at once.

    Args:
        facts, outbox: what is audited, and what follows, with the opening.
        reopens: an operator asks once more about a campaign that timed out.

    Raises:
        IntegrityError: round n was asked about other content than is stored.
        ConflictError: the campaign is over or failed, n is not the next round, or no post is left to ask about.
        NobodyMayDecideError: everybody who could be asked is the requester, who may not decide.
        LeaseLostError: the fence's owner no longer holds the campaign.
    """
    setting = read_setting(store, tenant_id, campaign_id)
    campaign, review = setting.campaign, setting.config.review
    if not reopens:
        require_work(campaign)
    shown = [
        post
        for post in store.posts.list(tenant_id, campaign_id)
        if post.usable and not (post.review.state is ReviewState.REJECTED and post.review.round < n)
    ]
    if not shown:
        raise ConflictError("no post is left to decide on")
    before = store.approvals.round(tenant_id, campaign_id, n - 1).posts if n > 1 else {}
    reviews: dict[str, Review] = {}
    for post in shown:
        if post.review.round >= n or (_approved(post) and before.get(post.id) == post.content_hash()):
            continue
        passes = is_auto_approved(post, review.mode.value, review.threshold.value)
        by_policy = Review(state=ReviewState.APPROVED, round=n, by=POLICY, at=now)
        reviews[post.id] = by_policy if passes else Review(state=ReviewState.PENDING, round=n)
    store.posts.review(tenant_id, campaign_id, reviews, fence=fence)
    shown = [post.model_copy(update={"review": reviews.get(post.id, post.review)}) for post in shown]
    wanted = _round(campaign, shown, n, default_approver, now)
    asked = [] if everything_passed(wanted) else [approver.id for approver in wanted.approvers]
    notices = [personal(REVIEW_REQUEST, wanted, approver_id, due_at=now) for approver_id in asked]
    round_ = store.approvals.open_round(
        wanted, actor=ACTOR, at=now, facts=facts, outbox=[*notices, *outbox], reopens=reopens, fence=fence
    )
    if round_.digest != wanted.digest and round_.status is RoundStatus.PENDING:
        raise IntegrityError(f"round {n} was asked about other content than is stored")
    # The stored round says so, not the posts: a process that died after it noted their verdicts asks again.
    return _decided_by_policy(store, round_, now) if everything_passed(round_) else round_


def _approved(post: Post) -> bool:
    return post.review.state is ReviewState.APPROVED


def _round(
    campaign: Campaign, posts: Sequence[Post], n: int, default_approver: Approver, now: datetime
) -> ApprovalRound:
    terms = campaign.approval
    approvers = [
        RoundApprover(
            id=f"ap-{number}",
            name=approver.name,
            email=approver.email,
            locale=approver.locale,
            timezone=approver.timezone,
            jti=new_jti(),
        )
        for number, approver in enumerate(_asked(campaign, default_approver), start=1)
    ]
    return ApprovalRound(
        round_id=derived_id("round", campaign.tenant_id, campaign.id, n),
        callback_id=new_callback_id(),
        tenant_id=campaign.tenant_id,
        campaign_id=campaign.id,
        n=n,
        **what_is_shown(posts),
        locked=locked_posts(posts),
        approvers=approvers,
        quorum=terms.quorum,
        collect_all=terms.collect_all,
        on_timeout=terms.on_timeout,
        settle_seconds=terms.settle_seconds,
        opened_at=now,
        expires_at=expires_at(now, hours=terms.expires_in_hours, first_post=min(post.scheduled_at for post in posts)),
        reminders=terms.reminders,
    )


def _asked(campaign: Campaign, default_approver: Approver) -> list[Approver]:
    terms, requester = campaign.approval, Requester.of(campaign)
    named = terms.approvers or [default_approver]
    able = [each for each in named if not (terms.prevent_self_approval and requester.is_person(each))]
    if not able:
        # Refused with the brief; since then the default approver was changed, or the brief is from before.
        raise NobodyMayDecideError("everybody who would be asked is the requester, who may not decide")
    return able


def _decided_by_policy(store: Store, round_: ApprovalRound, now: datetime) -> ApprovalRound:
    proof = OrderProof(round_.digest, "the approval policy of the brand lets every post pass")
    voice = Voice(POLICY, "approval policy of the brand", "policy", proof)
    request = DecisionRequest(decision=Decision.APPROVED, callback_id=round_.callback_id)
    return decide(store, round_, voice, request, attempt_id=f"policy-{round_.n:04d}", now=now).round
