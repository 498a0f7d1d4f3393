"""A visit: who opened the link, how it stands, and what there is to read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from campaigns.approval.invitations import Invitation
from campaigns.approval.rounds import may_decide
from campaigns.errors import NotFoundError
from campaigns.model.approval import ApprovalRound, ApproverDecision, RoundApprover
from campaigns.model.brand import Brand
from campaigns.model.campaign import Campaign
from campaigns.model.persona import Persona
from campaigns.model.post import Post, PostContent
from campaigns.rules.approval.decisions import changed_posts
from campaigns.store import Store
from campaigns.texts import Words


def path_of(callback_id: str, label: str, part: str = "", **query: str) -> str:
    """Return an address of the page; `label` names the approver where the browser holds more than one link."""
    named = {"as": label} if label else {}
    asked = urlencode({**named, **query})
    return f"/approve/{callback_id}{part}" + (f"?{asked}" if asked else "")


class Visit:
    """An invitation with its texts and zones; the rest is read from the store when a page needs it."""

    def __init__(
        self,
        store: Store,
        found: Invitation,
        words: Words,
        csrf: str,
        now: datetime,
        *,
        label: str = "",
        proven: bool = False,
    ) -> None:
        self.store = store
        self.found = found
        self.words = words
        self.csrf = csrf
        self.now = now
        self.label = label
        self.proven = proven
        """Whether this browser showed the code that a campaign may ask for."""

    @property
    def needs_code(self) -> bool:
        return self.campaign.approval.require_otp and not self.proven

    def path(self, part: str = "", **query: str) -> str:
        """Return an address of this visit."""
        return path_of(self.round.callback_id, self.label, part, **query)

    @property
    def round(self) -> ApprovalRound:
        return self.found.round

    @property
    def approver(self) -> RoundApprover:
        return self.found.approver

    @property
    def campaign(self) -> Campaign:
        return self.found.campaign

    @property
    def zone(self) -> ZoneInfo:
        return self.campaign.schedule.zone

    @property
    def reader_zone(self) -> ZoneInfo:
        return ZoneInfo(self.approver.timezone) if self.approver.timezone else self.zone

    @property
    def last_round(self) -> bool:
        """Whether no rewriting is left after this round."""
        return self.round.n > self.campaign.approval.max_revision_rounds

    @property
    def may_decide(self) -> bool:
        return may_decide(self.campaign, self.approver)

    @cached_property
    def posts(self) -> list[Post]:
        """Return the posts of the round in calendar order."""
        found = self.store.posts.list(self.round.tenant_id, self.round.campaign_id)
        return [post for post in found if post.id in self.round.posts]

    @property
    def settled(self) -> bool:
        """Whether what is stored is what the round asks about; not so for a moment while somebody edits."""
        return not changed_posts(self.round, self.posts) and all(post.content for post in self.posts)

    @cached_property
    def personas(self) -> Mapping[str, Persona]:
        found = {}
        for persona_id in self.campaign.participants.persona_ids:
            try:
                found[persona_id] = self.store.personas.get(self.round.tenant_id, persona_id)
            except NotFoundError:
                continue  # deleted since: the post is shown under its platform's name
        return found

    @cached_property
    def brand(self) -> Brand | None:
        try:
            brand_id = self.campaign.brand_id
            return self.store.brands.get(self.round.tenant_id, brand_id) if brand_id else None
        except NotFoundError:
            return None

    @cached_property
    def last(self) -> LastRound | None:
        """Return the round before this one, None in the first."""
        if self.round.n == 1:
            return None
        tenant_id, campaign_id, n = self.round.tenant_id, self.round.campaign_id, self.round.n - 1
        before = self.store.approvals.round(tenant_id, campaign_id, n)
        decisions = self.store.approvals.decisions(tenant_id, campaign_id, n)
        same = next((each for each in before.approvers if each.email == self.approver.email), None)
        return LastRound(before, decisions, same.id if same else None)

    def words_of_last_round(self, post: Post) -> PostContent | None:
        """Return what the last round showed of a post, None where it did not show it, or not other words."""
        shown = self.last.round.posts.get(post.id) if self.last else None
        if shown is None or shown == post.content_hash():
            return None
        kept = self.store.posts.revisions(post.tenant_id, post.campaign_id, post.id)
        return next((each.content for each in reversed(kept) if each.content_hash() == shown), None)

    def words_at(self, post: Post, revision: int) -> PostContent | None:
        """Return the words of an earlier revision, None where it is the present one or was never kept."""
        if revision == post.revision:
            return None
        kept = self.store.posts.revision(post.tenant_id, post.campaign_id, post.id, revision)
        return kept.content if kept else None


@dataclass(frozen=True, slots=True)
class LastRound:
    """The round before: what it showed, what was said in it, and which of its voices is the reader's own."""

    round: ApprovalRound
    decisions: list[ApproverDecision]
    own_id: str | None
