"""Whether what is stored about a campaign agrees with itself. Reads only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from campaigns.model.approval import ApprovalRound
from campaigns.model.campaign import TRANSITIONS, Campaign
from campaigns.model.post import Post, round_digest
from campaigns.model.vocabulary import CampaignStatus, Decision, PostStatus, RoundStatus
from campaigns.rates import OFTEN
from campaigns.rules.decisions import outcome_of
from campaigns.store import Store

S = CampaignStatus
LONG: Final = timedelta(minutes=15)
"""What waits longer in the outbox is stuck, not late."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that does not agree: a stable code, and what was found. No text of a user."""

    code: str
    found: str


def check(store: Store, campaign: Campaign, *, now: datetime) -> list[Finding]:
    """Return everything about a campaign that does not agree."""
    place = campaign.tenant_id, campaign.id
    posts, rounds = store.posts.list(*place), store.approvals.rounds(*place)
    return [
        *_trail(store, campaign),
        *_posts(store, campaign, posts),
        *_rounds(store, campaign, rounds),
        *_shown(campaign, posts, rounds),
        *check_outbox(store, *place, now=now),
    ]


def _trail(store: Store, campaign: Campaign) -> Iterator[Finding]:
    if (broken := store.audit.verify(campaign.tenant_id, campaign.id)) is not None:
        yield Finding("AUDIT_BROKEN", f"entry {broken.seq}: {broken.reason}")
        return
    status = CampaignStatus.PLANNING
    for entry in store.audit.entries(campaign.tenant_id, campaign.id):
        if entry.action != "moved" or entry.to_status is None:
            continue
        if entry.from_status != status or CampaignStatus(entry.to_status) not in TRANSITIONS[status]:
            yield Finding("STATUS_JUMP", f"entry {entry.seq} goes from {entry.from_status} to {entry.to_status}")
        status = CampaignStatus(entry.to_status)
    if status != campaign.status:
        yield Finding("STATUS_NOT_AUDITED", f"the trail ends in {status}, the campaign is {campaign.status}")


def _posts(store: Store, campaign: Campaign, posts: list[Post]) -> Iterator[Finding]:
    planned = campaign.plan_summary.total_posts if campaign.plan_summary else None
    if planned is not None and planned != len(posts):
        yield Finding("POSTS_MISSING", f"{planned} posts were planned, {len(posts)} are stored")
    for post in posts:
        if post.status in {PostStatus.COMPLETED, PostStatus.NEEDS_REVIEW} and post.content is None:
            yield Finding("POST_EMPTY", f"post {post.number} is {post.status} and has no words")
        kept = store.posts.revision(campaign.tenant_id, campaign.id, post.id, post.revision)
        if kept is not None and kept.content_hash() != post.content_hash():
            yield Finding("POST_CHANGED", f"post {post.number} is not its revision {post.revision}")


def _rounds(store: Store, campaign: Campaign, rounds: list[ApprovalRound]) -> Iterator[Finding]:
    still_open = [round_.n for round_ in rounds if round_.status is RoundStatus.PENDING]
    if [round_.n for round_ in rounds] != list(range(1, len(rounds) + 1)):
        yield Finding("ROUND_MISSING", f"the rounds are {[round_.n for round_ in rounds]}")
    if len(still_open) > 1 or (still_open and still_open[0] != len(rounds)):
        yield Finding("ROUND_LEFT_OPEN", f"round {still_open[0]} is open although it is not the latest")
    if still_open and campaign.status not in {S.AWAITING_REVIEW, S.GENERATING}:
        yield Finding("ROUND_LEFT_OPEN", f"round {still_open[0]} is open although the campaign is {campaign.status}")
    for round_ in rounds:
        decisions = store.approvals.decisions(campaign.tenant_id, campaign.id, round_.n)
        if round_.status is RoundStatus.DECIDED and outcome_of(round_, decisions) != round_.outcome:
            yield Finding("OUTCOME_WRONG", f"round {round_.n} says {round_.outcome}, its decisions do not")
        foreign = [each.approver_id for each in decisions if each.digest != round_.digest]
        if foreign:
            yield Finding("DECISION_ON_OTHER_CONTENT", f"round {round_.n}: {', '.join(foreign)}")


def _shown(campaign: Campaign, posts: list[Post], rounds: list[ApprovalRound]) -> Iterator[Finding]:
    if not rounds:
        if campaign.status in {S.AWAITING_REVIEW, S.APPROVED, S.COMPLETED}:
            yield Finding("NEVER_ASKED", f"the campaign is {campaign.status}, and nobody was asked")
        return
    latest = rounds[-1]
    if campaign.status in {S.AWAITING_REVIEW, S.APPROVED, S.COMPLETED}:
        shown = [post for post in posts if post.id in latest.posts]
        if round_digest(shown) != latest.digest:
            yield Finding("NOT_WHAT_WAS_SHOWN", f"the posts are not those of round {latest.n}")
    if campaign.status in {S.APPROVED, S.COMPLETED} and latest.outcome is not Decision.APPROVED:
        yield Finding("NOT_APPROVED", f"the campaign is {campaign.status}, round {latest.n} came to {latest.outcome}")


def check_outbox(store: Store, tenant_id: str, subject_id: str, *, now: datetime) -> Iterator[Finding]:
    """Yield what was not delivered that is about a campaign or persona."""
    for entry in store.outbox.of(tenant_id, subject_id):
        if entry.is_quarantined:
            yield Finding("QUARANTINED", f"{entry.kind}, set aside after {entry.attempts} times: {entry.last_error}")
        elif entry.is_open and (entry.attempts >= OFTEN or now - entry.due_at > LONG):
            yield Finding("UNDELIVERED", f"{entry.kind}, tried {entry.attempts} times: {entry.last_error}")
