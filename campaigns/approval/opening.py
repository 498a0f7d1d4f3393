"""Asking the approvers: a round is opened about exactly what is stored."""

from collections.abc import Sequence
from datetime import datetime

from campaigns.approval.messages.notice_kinds import REVIEW_REQUEST, personal
from campaigns.approval.rounds import ACTOR, POLICY, OrderProof, Outcome, Voice, came_to, decide
from campaigns.approval.verdicts import note_verdicts
from campaigns.build.planning import fail, read_setting, require_work
from campaigns.errors import ConflictError, IntegrityError, NobodyMayDecideError, RoundReopenedError
from campaigns.keys.links import new_callback_id, new_jti
from campaigns.model.approval import ApprovalRound, DecisionRequest, RoundApprover, RoundStage
from campaigns.model.base import derived_id
from campaigns.model.campaign import Campaign
from campaigns.model.post import Post, Review, round_digest
from campaigns.model.terms.approval_terms import Approver, StageTerms
from campaigns.model.vocabulary import CampaignStatus, Decision, ReviewState, RoundStatus
from campaigns.rules.approval.decisions import everything_passed, is_auto_approved, locked_posts
from campaigns.rules.approval.gate import what_is_shown
from campaigns.rules.approval.identities import Requester
from campaigns.rules.approval.stages import approved_before, stage_ends_at, stage_to_open
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
    policy lets pass is approved by policy; when nothing is left for a person, the round is decided at once. Where
    approval goes in stages, the round is that of the first stage that has not approved all that goes on.

    Args:
        facts, outbox: what is audited, and what follows, with the opening.
        reopens: an operator asks once more about a campaign that timed out.

    Raises:
        IntegrityError: round n was asked about other content than is stored.
        ConflictError: the campaign is over or failed, n is not the next round, or no post is left to ask about.
        NobodyMayDecideError: everybody who could be asked is the requester, who may not decide.
        RoundReopenedError: the stage of the round before has not approved after all.
        LeaseLostError: the fence's owner no longer holds the campaign.
    """
    setting = read_setting(store, tenant_id, campaign_id)
    campaign, review = setting.campaign, setting.config.review
    if not reopens:
        require_work(campaign)
    before = store.approvals.round(tenant_id, campaign_id, n - 1) if n > 1 else None
    passed_on = _passed_on(store, campaign, before, now, fence) if before else False
    shown = [
        post
        for post in store.posts.list(tenant_id, campaign_id)
        if post.usable and not (post.review.state is ReviewState.REJECTED and post.review.round < n)
    ]
    # Stages are asked about all words that came after the first round: those that people wrote, or wished for.
    by_score = before is None or not campaign.approval.stages
    passing = [
        post.id for post in shown if by_score and is_auto_approved(post, review.mode.value, review.threshold.value)
    ]
    said = store.approvals.decisions(tenant_id, campaign_id, before.n) if before and before.stage else []
    stage = stage_to_open(campaign.approval, shown, passing, before, said)
    if stage is not None:
        shown = [post for post in shown if stage.left_out.get(post.id) != post.content_hash()]
    if not shown:
        raise ConflictError("no post is left to decide on")
    reviews: dict[str, Review] = {}
    for post in shown:
        if post.review.round >= n or _stays_approved(post, stage, before):
            continue
        by_policy = Review(state=ReviewState.APPROVED, round=n, by=POLICY, at=now)
        reviews[post.id] = by_policy if post.id in passing else Review(state=ReviewState.PENDING, round=n)
    store.posts.review(tenant_id, campaign_id, reviews, fence=fence)
    shown = [post.model_copy(update={"review": reviews.get(post.id, post.review)}) for post in shown]
    wanted = _round(campaign, shown, n, stage, default_approver, now)
    asked = [] if everything_passed(wanted) else [approver.id for approver in wanted.approvers]
    notices = [personal(REVIEW_REQUEST, wanted, approver_id, due_at=now) for approver_id in asked]
    approved = [_approved_by(before, now)] if before and passed_on else []
    round_ = store.approvals.open_round(
        wanted, actor=ACTOR, at=now, facts=[*approved, *facts], outbox=[*notices, *outbox], reopens=reopens,
        passes_on=before if passed_on else None, fence=fence,
    )  # fmt: skip
    if round_.digest != wanted.digest and round_.status is RoundStatus.PENDING:
        raise IntegrityError(f"round {n} was asked about other content than is stored")
    # The stored round says so, not the posts: a process that died after it noted their verdicts asks again.
    return _decided_by_policy(store, round_, now) if everything_passed(round_) else round_


def _passed_on(store: Store, campaign: Campaign, before: ApprovalRound, now: datetime, fence: Lease | None) -> bool:
    """Return whether the round follows from a stage that has approved, whose verdicts are noted then.

    Raises:
        IntegrityError: what is stored is not what it approved. The campaign is failed, nobody is asked.
        RoundReopenedError: it has not approved, or may still take that back.
    """
    if campaign.round != before.n or campaign.status is not CampaignStatus.AWAITING_REVIEW or before.stage is None:
        return False
    if came_to(before, now) is not Outcome.PASSED_ON:
        why = "its decision was taken back, or may still be"
        raise RoundReopenedError(f"the stage of round {before.n} has not approved at this moment: {why}")
    approved = [post for post in store.posts.list(*campaign.ref) if post.id in before.posts]
    if round_digest(approved) != before.digest:
        message = f"the stored posts are not the ones that {before.stage.name} approved; nobody else was asked"
        fail(store, campaign, code=IntegrityError.code, message=message, retryable=False, now=now, fence=fence)
        raise IntegrityError(message)
    note_verdicts(store, before, fence)
    return True


def _stays_approved(post: Post, stage: RoundStage | None, before: ApprovalRound | None) -> bool:
    if post.review.state is not ReviewState.APPROVED:
        return False
    if stage is not None:
        return len(stage.cleared.get(post.content_hash(), [])) == len(stage.names)
    return before is not None and before.posts.get(post.id) == post.content_hash()


def _approved_by(before: ApprovalRound, now: datetime) -> Fact:
    assert before.stage is not None
    stage = before.stage
    details = {"stage": stage.name, "n": stage.n, "of": len(stage.names)}
    return Fact(ACTOR, "stage_approved", now, round=before.n, details=details)


def _round(
    campaign: Campaign,
    posts: Sequence[Post],
    n: int,
    stage: RoundStage | None,
    default_approver: Approver,
    now: datetime,
) -> ApprovalRound:
    number = stage.n if stage else 1
    terms = campaign.approval.stage(number)
    approvers = [
        RoundApprover(
            id=f"ap-{number}",
            name=approver.name,
            email=approver.email,
            locale=approver.locale,
            timezone=approver.timezone,
            jti=new_jti(),
        )
        for number, approver in enumerate(_asked(campaign, terms, default_approver), start=1)
    ]
    return ApprovalRound(
        round_id=derived_id("round", *campaign.ref, n),
        callback_id=new_callback_id(),
        tenant_id=campaign.tenant_id,
        campaign_id=campaign.id,
        n=n,
        **what_is_shown(posts),
        locked=locked_posts(posts) if stage is None else approved_before(stage, posts),
        approvers=approvers,
        quorum=terms.quorum,
        collect_all=terms.collect_all,
        on_timeout=terms.on_timeout,
        settle_seconds=campaign.approval.settle_seconds,
        opened_at=now,
        expires_at=stage_ends_at(campaign.approval, number, posts, now, hours=terms.expires_in_hours),
        reminders=terms.reminders,
        stage=stage,
    )


def _asked(campaign: Campaign, terms: StageTerms, default_approver: Approver) -> list[Approver]:
    prevented, requester = campaign.approval.prevent_self_approval, Requester.of(campaign)
    named = terms.approvers or [default_approver]
    able = [each for each in named if not (prevented and requester.is_person(each))]
    if not able:
        # Refused with the brief; since then the default approver was changed, or the brief is from before.
        raise NobodyMayDecideError(
            "everybody who would be asked is the requester, who may not decide: name one more approver in the brief, "
            "then retry-campaign"
        )
    return able


def _decided_by_policy(store: Store, round_: ApprovalRound, now: datetime) -> ApprovalRound:
    proof = OrderProof(round_.digest, "the approval policy of the brand lets every post pass")
    voice = Voice(POLICY, "approval policy of the brand", "policy", proof)
    request = DecisionRequest(decision=Decision.APPROVED, callback_id=round_.callback_id)
    return decide(store, round_, voice, request, attempt_id=f"policy-{round_.n:04d}", now=now).round
