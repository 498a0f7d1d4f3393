"""An operator's edit of a post while it is under review: a new revision, and what the round asks about (domain.md 11).

Both are written in one transaction: nobody can decide on words that are no longer stored. Whoever has
the page open is told that it is stale (409) and sees what changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pydantic import ValidationError

from campaigns.build.planning import read_setting
from campaigns.errors import ConflictError, Fault, FaultsError
from campaigns.model.campaign import Campaign
from campaigns.model.faults import faults_of
from campaigns.model.post import Post, PostContent
from campaigns.model.vocabulary import PostStatus
from campaigns.rules.approval import gate
from campaigns.rules.approval.decisions import after_edit
from campaigns.rules.approval.gate import Case, Change
from campaigns.rules.guardrails import check_post
from campaigns.rules.guardrails.policy_of import content_policy
from campaigns.store import Store


def edit_text(
    store: Store, campaign: Campaign, number: int, text: str, *, actor: str, reason: str, now: datetime
) -> Post:
    """Give a post of the open round another text, checked like the writer's, and return it; its approval is gone.

    Raises:
        FaultsError: no such post, or no text that a post can have.
        ConflictError: the campaign is not under review, or somebody has already decided in this round.
    """
    latest = store.approvals.current_round(campaign.tenant_id, campaign.id)
    if latest is None:
        raise ConflictError("nobody is being asked at the moment", {"currentStatus": str(campaign.status)})
    shown: list[Post] = []

    def edited(case: Case) -> Change:
        gate.require_undecided(case)
        posts = store.posts.list(campaign.tenant_id, campaign.id)
        before = next((post for post in posts if post.number == number and post.id in case.round.posts), None)
        if before is None or before.content is None:
            raise FaultsError([Fault("post", f"there is no post {number} in this round", "UNKNOWN_POST")])
        after = _edited(store, case.campaign, before, text, posts, now)
        shown[:] = [before, after]
        return gate.edit(case, before, after, posts=posts, actor=actor, reason=reason, now=now)

    done = store.approvals.act(campaign.tenant_id, campaign.id, latest.n, edited)
    before, after = shown
    return before if done.change.idle else after


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
        "version": before.version + 1,
        "updated_at": now,
    }
    return after_edit(before, before.model_copy(update=changes))
