"""What a round shows, and an edit of it while nobody has decided."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from campaigns.errors import ConflictError
from campaigns.model.fact import Fact
from campaigns.model.post import Post, round_digest
from campaigns.model.vocabulary import CampaignStatus, RoundStatus
from campaigns.rules.approval.decisions import blocked_posts, unapprovable_posts
from campaigns.rules.approval.gate.case import Case, Change


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
    return Change(round_, facts=[fact], revision=after)


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
