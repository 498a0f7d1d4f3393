"""An operator's edit of a post while it is under review: a new revision, and what the round asks about (domain.md 11).

Both are written in one transaction: nobody can decide on words that are no longer stored. Whoever has
the page open is told that it is stale (409) and sees what changed.
"""

from datetime import datetime

from pydantic import ValidationError

from campaigns.build.planning import read_setting
from campaigns.errors import ConflictError, Fault, FaultsError
from campaigns.model.campaign import Campaign
from campaigns.model.faults import faults_of
from campaigns.model.post import Post
from campaigns.rules.approval import gate
from campaigns.rules.approval.gate import Case, Change
from campaigns.rules.approval.rewriting import Material, reworded
from campaigns.store import Store


def material_of(store: Store, tenant_id: str, campaign_id: str) -> Material:
    """Return the posts of a campaign as they are stored now, and what their words are judged by."""
    setting = read_setting(store, tenant_id, campaign_id)
    return Material(
        posts=store.posts.list(tenant_id, campaign_id),
        brief=setting.campaign,
        config=setting.config,
        brand=setting.brand,
        personas={persona.id: persona for persona in setting.personas},
    )


def edit_text(
    store: Store, campaign: Campaign, number: int, text: str, *, actor: str, reason: str, now: datetime
) -> Post:
    """Give a post of the open round another text, checked like the writer's, and return it; its approval is gone.

    Raises:
        FaultsError: no such post, or no text that a post can have.
        ConflictError: the campaign is not under review, or somebody has already decided in this round.
    """
    latest = store.approvals.current_round(*campaign.ref)
    if latest is None:
        raise ConflictError("nobody is being asked at the moment", {"currentStatus": str(campaign.status)})
    shown: list[Post] = []

    def edited(case: Case) -> Change:
        gate.require_undecided(case)
        material = material_of(store, *campaign.ref)
        before = next((post for post in material.posts if post.number == number and post.id in case.round.posts), None)
        if before is None or before.content is None:
            raise FaultsError([Fault("post", f"there is no post {number} in this round", "UNKNOWN_POST")])
        try:
            after = reworded(material, before, text, by=actor, now=now)
        except ValidationError as error:
            raise FaultsError(faults_of(error)) from None
        shown[:] = [before, after]
        return gate.edit(case, before, after, posts=material.posts, actor=actor, reason=reason, now=now)

    done = store.approvals.act(*campaign.ref, latest.n, edited)
    before, after = shown
    return before if done.change.idle else after
