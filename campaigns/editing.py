"""An operator's edit of a post while it is under review: a new revision, and what the round asks about (domain.md 11).

Both are written in one transaction: nobody can decide on words that are no longer stored. Whoever has
the page open is told that it is stale (409) and sees what changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pydantic import ValidationError

from campaigns.asking import shown
from campaigns.errors import ConflictError, Fault, FaultsError, VersionConflictError
from campaigns.model.approval import ApprovalRound
from campaigns.model.campaign import Campaign
from campaigns.model.faults import faults_of
from campaigns.model.post import Post, PostContent
from campaigns.model.vocabulary import PostStatus, RoundStatus
from campaigns.planning import read_setting
from campaigns.rules.decisions import after_edit
from campaigns.rules.editing import require_text_editable
from campaigns.rules.guardrails import check_post
from campaigns.rules.policy_of import content_policy
from campaigns.store import Fact, Store


def edit_text(
    store: Store, campaign: Campaign, number: int, text: str, *, actor: str, reason: str, now: datetime
) -> Post:
    """Give a post of the open round another text, checked like the writer's, and return it; its approval is gone.

    Raises:
        FaultsError: no such post, or no text that a post can have.
        ConflictError: the campaign is not under review, or somebody has already decided in this round.
    """
    require_text_editable(campaign.status)
    while True:
        round_ = _undecided(store, campaign)
        posts = store.posts.list(campaign.tenant_id, campaign.id)
        before = next((post for post in posts if post.number == number and post.id in round_.posts), None)
        if before is None or before.content is None:
            raise FaultsError([Fault("post", f"there is no post {number} in this round", "UNKNOWN_POST")])
        after = _edited(store, campaign, before, text, posts, now)
        if after.content_hash() == before.content_hash():
            return before
        asked = _asks_about(round_, [after if post.id == after.id else post for post in posts], after)
        details = {"digest": asked.digest, "posts": [after.id]}
        fact = Fact(actor, "content_changed", now, reason=reason, round=round_.n, details=details)
        try:
            stored = store.posts.save_revision(after, fact=fact, asked=asked)
        except VersionConflictError:
            continue  # somebody decided, or was reminded, in this moment: look again
        if stored.content_hash() == after.content_hash():
            return stored  # else somebody else's edit was first


def _undecided(store: Store, campaign: Campaign) -> ApprovalRound:
    round_ = store.approvals.current_round(campaign.tenant_id, campaign.id)
    if round_ is None or round_.status is not RoundStatus.PENDING:
        raise ConflictError("nobody is being asked at the moment", {"currentStatus": str(campaign.status)})
    if store.approvals.decisions(campaign.tenant_id, campaign.id, round_.n):
        raise ConflictError("somebody has already decided in this round; have posts written again instead")
    return round_


def _edited(store: Store, campaign: Campaign, before: Post, text: str, posts: Sequence[Post], now: datetime) -> Post:
    assert before.content is not None
    try:
        content = PostContent.model_validate({**before.content.model_dump(), "text": text})
    except ValidationError as error:
        raise FaultsError(faults_of(error)) from None
    setting = read_setting(store, campaign.tenant_id, campaign.id)
    policy = content_policy(before, setting.config, campaign, setting.brand, setting.persona(before.persona_id))
    siblings = [
        post.content.text
        for post in posts
        if post.content is not None and post.platform == before.platform and post.id != before.id
    ]
    quality = check_post(content, post=before, policy=policy, siblings=siblings)
    changes: dict[str, object] = {
        "content": content,
        "quality": quality,
        "status": PostStatus.NEEDS_REVIEW if quality.blocked else PostStatus.COMPLETED,
        "comment_answers": [],
        "revision": before.revision + 1,
        "updated_at": now,
    }
    return after_edit(before, before.model_copy(update=changes))


def _asks_about(round_: ApprovalRound, posts: Sequence[Post], edited: Post) -> ApprovalRound:
    locked = [post_id for post_id in round_.locked if post_id != edited.id]
    return round_.model_copy(update={**shown([post for post in posts if post.id in round_.posts]), "locked": locked})
