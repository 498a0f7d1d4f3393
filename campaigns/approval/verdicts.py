"""What a closed round came to, written on its posts."""

from collections.abc import Mapping
from typing import Final

from campaigns.approval.rounds import POLICY
from campaigns.model.approval import ApprovalRound
from campaigns.model.base import cut
from campaigns.model.post import Review
from campaigns.model.vocabulary import Decision, ReviewState
from campaigns.rules.approval.decisions import post_verdicts
from campaigns.rules.approval.feedback import joined, overall_remarks, remarks_on
from campaigns.rules.approval.stages import cleared_by
from campaigns.store import Lease, Store

_REVIEW_OF: Final[Mapping[Decision, ReviewState]] = {
    Decision.APPROVED: ReviewState.APPROVED,
    Decision.REJECTED: ReviewState.REJECTED,
    Decision.NEEDS_REVISION: ReviewState.CHANGES_REQUESTED,
}


def note_verdicts(store: Store, round_: ApprovalRound, fence: Lease | None) -> None:
    """Write on each post what was decided on it; of a post that was approved before, that stays as it was.

    Where approval goes in stages, a post stands as approved once every stage has approved it; until then it is pending.
    Posts leave when the whole campaign is approved. One whose time came before that is not published late: it expires,
    also where an earlier round or the policy of the brand approved it in time.
    What was noted of a decision that was taken back in this moment is replaced, also where nothing is said of the post
    any more.
    """
    decisions = store.approvals.decisions(*round_.campaign_ref, round_.n)
    at = round_.decided_at or round_.expires_at
    posts = {post.id: post for post in store.posts.list(*round_.campaign_ref)}
    reviews: dict[str, Review] = {}
    cleared = cleared_by(round_, decisions)
    final = round_.outcome is Decision.APPROVED and not (round_.stage and round_.stage.next)
    for post_id, (verdict, said_by) in post_verdicts(round_, decisions).items():
        was_approved = posts[post_id].review.state is ReviewState.APPROVED
        missed = verdict is Decision.APPROVED and posts[post_id].scheduled_at <= at
        # Before the last word it stays locked: nobody is asked about it anew.
        stays = was_approved and not (missed and final)
        if post_id in round_.locked and verdict is Decision.APPROVED and stays:
            continue
        if round_.stage and verdict is Decision.APPROVED and len(cleared[post_id]) < len(round_.stage.names):
            reviews[post_id] = Review(state=ReviewState.PENDING, round=round_.n)
            continue
        remarks = remarks_on(post_id, decisions) or overall_remarks(decisions)
        reviews[post_id] = Review(
            state=ReviewState.EXPIRED if missed else _REVIEW_OF[verdict],
            round=round_.n,
            by=said_by.decided_by if said_by else POLICY,
            at=at,
            comment=cut(joined(remarks), at_most=5000) or None,
        )
    for post_id in round_.posts.keys() - reviews.keys() - set(round_.locked):
        if posts[post_id].review.round == round_.n:
            reviews[post_id] = Review(state=ReviewState.PENDING, round=round_.n)
    store.posts.review(*round_.campaign_ref, reviews, fence=fence)


def note_expiry(store: Store, round_: ApprovalRound, fence: Lease | None) -> None:
    expired = Review(state=ReviewState.EXPIRED, round=round_.n, at=round_.decided_at)
    store.posts.review(*round_.campaign_ref, dict.fromkeys(round_.posts, expired), fence=fence)
