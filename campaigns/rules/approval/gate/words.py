"""What a round shows, an edit of it while nobody has decided, and what becomes of decisions when words change."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from campaigns.errors import ConflictError
from campaigns.model.approval import ApprovalRound, ApproverDecision, PostDecision
from campaigns.model.base import cut
from campaigns.model.fact import Fact
from campaigns.model.post import Post, round_digest
from campaigns.model.vocabulary import CampaignStatus, Decision, RoundStatus
from campaigns.rules.approval.decisions import (
    asked_again,
    blocked_posts,
    campaign_decision,
    unapprovable_posts,
    verdict_of,
)
from campaigns.rules.approval.gate.case import Case, Change, Voice
from campaigns.rules.approval.gate.conditions import already_decided


def edit(
    case: Case, before: Post, after: Post, *, posts: Sequence[Post], actor: str, reason: str, now: datetime
) -> Change:
    """Give a post of the open round other words; the round asks about them from then on.

    Raises:
        ConflictError: the campaign is not under review, or somebody has already decided in this round.
    """
    require_undecided(case)
    if after.content_hash() == before.content_hash():
        return Change(case.round)
    shown = [after if post.id == after.id else post for post in posts if post.id in case.round.posts]
    locked = [post_id for post_id in case.round.locked if post_id != after.id]
    round_ = case.round.model_copy(update={**what_is_shown(shown), "locked": locked, "changed_at": now})
    details = {"digest": round_.digest, "posts": [after.id]}
    fact = Fact(actor, "content_changed", now, reason=reason, round=case.round.n, details=details)
    return Change(round_, facts=[fact], revisions=[after])


def require_undecided(case: Case) -> None:
    """Refuse an edit outside of a review, and of what somebody has decided on.

    Raises:
        ConflictError.
    """
    status = case.campaign.status
    if status is not CampaignStatus.AWAITING_REVIEW:
        raise ConflictError(
            f"the text of a post can be edited while the campaign awaits review, not while it is {status}",
            {"currentStatus": str(status)},
        )
    if case.latest != case.round.n or case.round.status is not RoundStatus.PENDING:
        raise ConflictError("nobody is being asked at the moment", {"currentStatus": str(status)})
    if case.decisions:
        raise ConflictError("somebody has already decided in this round; have posts written again instead")


def what_is_shown(posts: Sequence[Post]) -> dict[str, Any]:
    """Return the fields of a round that say what it is about."""
    return {
        "digest": round_digest(list(posts)),
        "posts": {post.id: post.content_hash() for post in posts},
        "blocked": blocked_posts(posts),
        "unapprovable": unapprovable_posts(posts),
    }


def with_revisions(
    round_: ApprovalRound, posts: Sequence[Post], changed: Sequence[Post], now: datetime
) -> ApprovalRound:
    """Return the round as it is about these revisions of its posts."""
    if not changed:
        return round_
    new = {post.id: post for post in changed}
    shown = [new.get(post.id, post) for post in posts if post.id in round_.posts]
    return round_.model_copy(update={**what_is_shown(shown), "changed_at": now})


def content_changed(case: Case, shown: ApprovalRound, changed: Sequence[Post], voice: Voice, now: datetime) -> Fact:
    """Return the entry of the audit of what an approver changed."""
    details = {"digest": shown.digest, "posts": [post.id for post in changed], "by": voice.name}
    return Fact(voice.approver_id, "content_changed", now, round=case.round.n, details=details)


def completing(
    before: ApprovalRound, shown: ApprovalRound, own: ApproverDecision, said: ApproverDecision
) -> ApproverDecision:
    """Return what somebody says in all who was asked again about posts that were changed since the first decision.

    Of the other posts, what was said first stands.

    Args:
        before: the round as it is stored.
        shown: the round as the second answer leaves it.

    Raises:
        AlreadyDecidedError: the second one says otherwise of a post that was not changed.
    """
    again = asked_again(before, own)
    posts: dict[str, PostDecision] = {}
    for post_id in before.posts:
        first, second = verdict_of(before, own, post_id), verdict_of(shown, said, post_id)
        named = said.posts.get(post_id)
        if first is None or post_id in again:
            if second is not None and post_id not in before.locked:
                posts[post_id] = named or _named(second)
        elif named is not None and second is not first:
            raise already_decided(own)
        elif post_id not in before.locked:
            edited = named if named is not None and (named.edit is not None or named.move_to is not None) else None
            posts[post_id] = edited or own.posts.get(post_id) or _named(first)
    comments = "\n".join(dict.fromkeys(text for text in (own.comments, said.comments) if text))
    untouched = {each: n for each, n in own.replaced.items() if own.words.get(each) == before.posts.get(each)}
    merged: dict[str, Any] = {
        "posts": posts,
        "comments": cut(comments, at_most=5000),
        "replaced": {**said.replaced, **untouched},
        "first_at": own.first_at or own.at,
    }
    whole = said.model_copy(update=merged)
    decision = campaign_decision(verdict_of(shown, whole, post_id) for post_id in shown.posts)
    return whole.model_copy(update={"decision": decision or said.decision})


def _named(verdict: Decision) -> PostDecision:
    return PostDecision.model_validate({"decision": str(verdict)})
