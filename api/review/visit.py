"""A visit: who opened the link, how it stands, and what there is to read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from campaigns.approval.invitations import Invitation, Standing
from campaigns.approval.rounds import may_decide
from campaigns.approval.standing import StageStanding, stages_of
from campaigns.build.submission import brand_of, personas_of
from campaigns.model.approval import ApprovalRound, ApproverDecision, ReviewDraft, RoundApprover
from campaigns.model.campaign import Campaign
from campaigns.model.library.brand import Brand
from campaigns.model.library.persona import Persona
from campaigns.model.post import Post, PostContent
from campaigns.rules.approval.decisions import changed_posts
from campaigns.store import Store
from campaigns.texts import Words


def path_of(callback_id: str, label: str, part: str = "", **query: str) -> str:
    """Return an address of the page; `label` names the approver where the browser holds more than one link."""
    named = {"as": label} if label else {}
    asked = urlencode({**named, **query})
    return f"/approve/{callback_id}{part}" + (f"?{asked}" if asked else "")


@dataclass(eq=False)
class Visit:
    """An invitation with its texts and zones; the rest is read from the store when a page needs it."""

    store: Store
    found: Invitation
    words: Words
    csrf: str
    now: datetime
    label: str = field(default="", kw_only=True)
    browser: str = field(default="", kw_only=True)
    """Says which browser it is, where it takes cookies of ours."""
    proven: bool = field(default=False, kw_only=True)
    """Whether this browser showed the code that a campaign may ask for."""

    @property
    def needs_code(self) -> bool:
        return self.campaign.approval.require_otp and not self.proven

    def draft(self) -> tuple[ReviewDraft | None, ReviewDraft | None]:
        """Return what this browser has begun, and what another one has: a machine that reads mail, perhaps."""
        draft = self.store.drafts.get(self.round, self.approver.id)
        if draft is not None and self.found.own is not None and draft.saved_at <= self.found.own.at:
            return None, None  # it became the decision that is to be completed: nothing is chosen for anybody
        if draft is not None and draft.browser not in {"", self.browser}:
            return None, draft
        return draft, None

    def path(self, part: str = "", **query: str) -> str:
        """Return an address of this visit."""
        return path_of(self.round.callback_id, self.label, part, **query)

    @cached_property
    def round(self) -> ApprovalRound:
        """The round; for whoever is asked again, the posts that are as they were decided on are as good as locked."""
        round_ = self.found.round
        if not self.again:
            return round_
        settled = [post_id for post_id in round_.posts if post_id not in self.again]
        return round_.model_copy(update={"locked": list(dict.fromkeys([*round_.locked, *settled]))})

    @property
    def again(self) -> list[str]:
        """The posts that were changed since the reader decided, while that is asked."""
        return self.found.asked_again if self.found.standing is Standing.OPEN else []

    def may_move(self, post: Post) -> bool:
        return self.campaign.approval.allow_moves and self.may_decide and post.id not in self.round.locked

    def may_edit(self, post: Post) -> bool:
        return self.campaign.approval.allow_edits and self.may_decide and post.id not in self.round.locked

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
        return self.approver.zone(self.zone)

    @property
    def last_round(self) -> bool:
        """Whether no rewriting is left after this round."""
        times = self.round.stage.revisions + 1 if self.round.stage else self.round.n
        return times > self.campaign.approval.max_revision_rounds

    @property
    def may_decide(self) -> bool:
        return may_decide(self.campaign, self.approver)

    @cached_property
    def posts(self) -> list[Post]:
        """Return the posts of the round in calendar order."""
        found = self.store.posts.list(*self.round.campaign_ref)
        return [post for post in found if post.id in self.round.posts]

    @property
    def settled(self) -> bool:
        """Whether what is stored is what the round asks about; not so for a moment while somebody edits."""
        return not changed_posts(self.round, self.posts) and all(post.content for post in self.posts)

    @cached_property
    def personas(self) -> Mapping[str, Persona]:
        """Return those that are left; a post of another is shown under its platform's name."""
        return personas_of(self.store, self.round.tenant_id, self.campaign.participants.persona_ids)

    @cached_property
    def brand(self) -> Brand | None:
        return brand_of(self.store, self.round.tenant_id, self.campaign.brand_id)

    @cached_property
    def last(self) -> LastRound | None:
        """Return the round before this one, None in the first; where approval goes in stages, the same stage's."""
        if self.round.n == 1:
            return None
        tenant_id, campaign_id, n = *self.round.campaign_ref, self.round.n - 1
        if self.round.stage is not None:
            found = [each for each in self.history if each.stage and each.stage.n == self.round.stage.n]
            if not found:
                return None
            n = found[-1].n
        before = self.store.approvals.round(tenant_id, campaign_id, n)
        # What was said since, in other stages, is what was rewritten for.
        since = range(n, self.round.n)
        decisions = [each for one in since for each in self.store.approvals.decisions(tenant_id, campaign_id, one)]
        same = next((each for each in before.approvers if each.email == self.approver.email), None)
        return LastRound(before, decisions, same.id if same else None)

    @cached_property
    def history(self) -> list[ApprovalRound]:
        """Return the rounds before this one."""
        found = self.store.approvals.rounds(*self.round.campaign_ref)
        return [each for each in found if each.n < self.round.n]

    @cached_property
    def stages(self) -> list[StageStanding]:
        """Return how it stands with each stage now; none without stages."""
        if self.round.stage is None:
            return []
        latest = self.store.approvals.current_round(*self.round.campaign_ref)
        return stages_of(self.store, latest or self.round)

    def approved_by(self, post: Post) -> tuple[str, int]:
        """Return who approved a locked post in this stage, and in which round."""
        if self.round.stage is None:
            return post.review.by or "", post.review.round
        for each in reversed(self.history):
            asked = each.stage is not None and each.stage.n == self.round.stage.n and post.id not in each.locked
            if asked and each.outcome and each.posts.get(post.id) == post.content_hash():
                names = [said.decided_by for said in self.store.approvals.decisions(*self.round.campaign_ref, each.n)]
                return self.words.listed(list(dict.fromkeys(names))), each.n
        return "", self.round.n

    def words_of_last_round(self, post: Post) -> PostContent | None:
        """Return what the last round showed of a post, None where it did not show it, or not other words."""
        shown = self.last.round.posts.get(post.id) if self.last else None
        if shown is None or shown == post.content_hash():
            return None
        kept = self.store.posts.revisions(*post.campaign_ref, post.id)
        return next((each.content for each in reversed(kept) if each.content_hash() == shown), None)

    def words_decided_on(self, post: Post) -> PostContent | None:
        """Return the words that the reader decided on, of a post that was changed since."""
        if self.found.own is None or post.id not in self.again:
            return None
        kept = self.store.posts.revisions(*post.campaign_ref, post.id)
        wanted = self.found.own.words.get(post.id)
        return next((each.content for each in reversed(kept) if each.content_hash() == wanted), None)

    def words_at(self, post: Post, revision: int) -> PostContent | None:
        """Return the words of an earlier revision, None where it is the present one or was never kept."""
        if revision == post.revision:
            return None
        kept = self.store.posts.revision(*post.campaign_ref, post.id, revision)
        return kept.content if kept else None


@dataclass(frozen=True, slots=True)
class LastRound:
    """The round before: what it showed, what was said in it, and which of its voices is the reader's own."""

    round: ApprovalRound
    decisions: list[ApproverDecision]
    own_id: str | None
