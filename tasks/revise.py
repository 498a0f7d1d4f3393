"""Revise: which posts are written again, because an approver asked for it."""

from collections.abc import Sequence
from datetime import UTC, datetime

from campaigns.approval.outcomes import revision_begun, start_revision
from campaigns.build.planning import read_setting
from campaigns.model.post import Post
from campaigns.store import Store
from campaigns.wiring import get_store
from tasks.checkpoints.receipts import receipted
from tasks.engine.lease import fence
from tasks.engine.policies import step
from tasks.plan import label_of
from tasks.showing.board import TAGS, show
from tasks.showing.events import tell
from tasks.steps import AskedRound, PlannedPost, Revision, SavedCampaign


@step(
    "revise",
    called="revise after round {asked.n}",
    returns=Revision,
    inputs=lambda parameters: {"round": parameters["asked"].n},
)
def revise_posts(campaign: SavedCampaign, asked: AskedRound) -> Revision:
    """Return the posts that the round wants changed, each at its next revision; approved ones stay as they are."""
    store = get_store()
    posts = start_revision(store, *campaign.ref, asked.n, now=datetime.now(UTC), fence=fence(campaign))
    tell("review.decided", *campaign.ref, campaign.name, round=asked.n, outcome="needs_revision")
    return _revision(store, campaign, asked, posts)


def revised(campaign: SavedCampaign, asked: AskedRound) -> Revision:
    """Return the posts that the store says are to be written again after the round."""
    revision = receipted(revise_posts, lambda found: _is_under_way(campaign, asked, found), campaign, asked)
    show(campaign, TAGS)
    return revision


def _is_under_way(campaign: SavedCampaign, asked: AskedRound, found: Revision) -> bool:
    store = get_store()
    posts = revision_begun(store, *campaign.ref, asked.n)
    return posts is not None and _revision(store, campaign, asked, posts) == found


def _revision(store: Store, campaign: SavedCampaign, asked: AskedRound, posts: Sequence[Post]) -> Revision:
    shown = store.approvals.round(*campaign.ref, asked.n).posts
    setting = read_setting(store, *campaign.ref)
    return Revision(
        posts=[
            PlannedPost(
                id=post.id,
                number=post.number,
                # Once rewritten it is not what was shown, and stays as it is.
                revision=post.revision + (post.content_hash() == shown.get(post.id)),
                label=f"{label_of(post, setting.persona(post.persona_id).name)} · round {asked.n + 1}",
            )
            for post in posts
        ]
    )
