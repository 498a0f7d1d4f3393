"""Whether what is stored about a campaign agrees with itself. Reads only."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from campaigns.approval.rounds import POLICY
from campaigns.model.approval import ApprovalRound, ApproverDecision
from campaigns.model.campaign import TRANSITIONS, Campaign
from campaigns.model.post import Post, round_digest
from campaigns.model.vocabulary import CampaignStatus, Decision, PostStatus, ReviewState, RoundStatus
from campaigns.operations.watching.alarms import UNDELIVERED_AFTER
from campaigns.rules.approval.decisions import outcome_of, post_verdicts
from campaigns.rules.approval.gate import is_put_again
from campaigns.rules.approval.stages import carried, cleared_by, next_stage
from campaigns.store import Store

S = CampaignStatus
LONG: Final = timedelta(minutes=15)
"""In this time a run has done what follows from the end of a round."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that does not agree: a stable code, what was found, and what to do. No text of a user."""

    code: str
    found: str


def check(store: Store, campaign: Campaign, *, now: datetime) -> list[Finding]:
    """Return everything about a campaign that does not agree."""
    posts, rounds = store.posts.list(*campaign.ref), store.approvals.rounds(*campaign.ref)
    return [
        *_trail(store, campaign),
        *_posts(store, campaign, posts),
        *_rounds(store, campaign, rounds),
        *_turns(campaign, rounds, now),
        *_locked(store, campaign, posts, rounds),
        *_stages(store, campaign, posts, rounds),
        *_terms(campaign, rounds),
        *_shown(campaign, posts, rounds),
        *check_outbox(store, *campaign.ref, now=now),
    ]


def _trail(store: Store, campaign: Campaign) -> Iterator[Finding]:
    if (broken := store.audit.verify(*campaign.ref)) is not None:
        yield Finding("AUDIT_BROKEN", f"entry {broken.seq}: {broken.reason}")
        return
    status = CampaignStatus.PLANNING
    for entry in store.audit.entries(*campaign.ref):
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
        kept = store.posts.revision(*campaign.ref, post.id, post.revision)
        if kept is not None and kept.content_hash() != post.content_hash():
            yield Finding("POST_CHANGED", f"post {post.number} is not its revision {post.revision}")


def _rounds(store: Store, campaign: Campaign, rounds: list[ApprovalRound]) -> Iterator[Finding]:
    still_open = [round_.n for round_ in rounds if round_.status is RoundStatus.PENDING]
    if [round_.n for round_ in rounds] != list(range(1, len(rounds) + 1)):
        yield Finding("ROUND_MISSING", f"the rounds are {[round_.n for round_ in rounds]}")
    if len(still_open) > 1 or (still_open and still_open[0] != len(rounds)):
        found = f"round {still_open[0]} is open although it is not the latest"
        yield Finding("ROUND_LEFT_OPEN", f"{found}: what is said in it has no effect; resend-links, and cancel-campaign"
                      " if it was approved because of it")  # fmt: skip
    elif still_open and campaign.status not in {S.AWAITING_REVIEW, S.GENERATING, S.APPROVAL_TIMEOUT}:
        found = f"round {still_open[0]} is open although the campaign is {campaign.status}"
        advice = ": retry-campaign goes on with it" if campaign.status is S.FAILED else ""
        yield Finding("ROUND_LEFT_OPEN", f"{found}{advice}")
    for round_ in rounds:
        decisions = store.approvals.decisions(*campaign.ref, round_.n)
        if round_.status is RoundStatus.DECIDED and outcome_of(round_, decisions) != round_.outcome:
            yield Finding("OUTCOME_WRONG", f"round {round_.n} says {round_.outcome}, its decisions do not")
        # Where approvers may change posts, what was said of the words before just does not count.
        foreign = [each.approver_id for each in decisions if each.digest != round_.digest and not each.words]
        if foreign:
            yield Finding("DECISION_ON_OTHER_CONTENT", f"round {round_.n}: {', '.join(foreign)}")


def _turns(campaign: Campaign, rounds: list[ApprovalRound], now: datetime) -> Iterator[Finding]:
    """Yield where the campaign and its latest round are not at the same point."""
    if not rounds:
        return
    latest = rounds[-1]
    came_to = f"round {latest.n} is {latest.status}"
    if campaign.status is S.APPROVAL_TIMEOUT and campaign.round < latest.n and latest.status in _ANSWERABLE:
        found = f"{came_to} although the campaign timed out at round {campaign.round}"
        yield Finding("REOPENING_HALF_DONE", f"{found}: reopen-campaign goes on with it")
    if campaign.status is S.GENERATING and is_put_again(campaign, latest, reopens=False) and _is_old(latest, now):
        found = f"{came_to} although the campaign is {campaign.status}"
        yield Finding("ROUND_WITHOUT_CAMPAIGN", f"{found}: press Resume on its run in Prefect; it puts it under review")
    if campaign.status is S.AWAITING_REVIEW and latest.status in _CLOSED and _is_old(latest, now):
        found = f"{came_to} since {latest.decided_at:%Y-%m-%d %H:%M UTC}, and nothing followed"
        yield Finding(
            "OUTCOME_NOT_APPLIED", f"{found}: run housekeeping; if it stays, set its run to Crashed in Prefect"
        )
    error = campaign.last_error
    decided_at = latest.decided_at if latest.status is RoundStatus.DECIDED else None
    if campaign.status is S.FAILED and decided_at is not None and error is not None and decided_at > error.at:
        found = f"round {latest.n} was decided after the campaign had failed"
        yield Finding("DECIDED_AFTER_FAILURE", f"{found}: retry-campaign gives that effect")


_CLOSED: Final = frozenset({RoundStatus.DECIDED, RoundStatus.TIMED_OUT})
_ANSWERABLE: Final = frozenset({RoundStatus.PENDING, RoundStatus.DECIDED})


def _is_old(round_: ApprovalRound, now: datetime) -> bool:
    """Whether a run had the time to do what follows."""
    return now - (round_.settles_at or round_.decided_at or round_.opened_at) > LONG


def _locked(store: Store, campaign: Campaign, posts: list[Post], rounds: list[ApprovalRound]) -> Iterator[Finding]:
    """Yield posts that stand as approved before, although nobody's approval stands."""
    approved = {post.id for post in posts if post.review.by == POLICY}
    for round_ in rounds:
        if missing := [post.number for post in posts if post.id in set(round_.locked) - approved]:
            found = f"round {round_.n} takes posts {', '.join(map(str, missing))} for approved, and no decision stands"
            yield Finding("LOCKED_WITHOUT_APPROVAL", f"{found}: cancel-campaign, or regenerate-posts while it is open")
        if round_.status in _CLOSED:
            decisions = store.approvals.decisions(*campaign.ref, round_.n)
            verdicts = post_verdicts(round_, decisions)
            approved |= {post_id for post_id, (said, _) in verdicts.items() if said is Decision.APPROVED}


def _stages(store: Store, campaign: Campaign, posts: list[Post], rounds: list[ApprovalRound]) -> Iterator[Finding]:
    """Yield where a stage is taken to have approved what it has not, or was passed over."""
    by_policy = {post.id for post in posts if post.review.by == POLICY}
    before: ApprovalRound | None = None
    said: list[ApproverDecision] = []
    for round_ in rounds:
        for post_id, words in round_.posts.items() if round_.stage else ():
            stages = round_.stage.cleared.get(words, []) if round_.stage else []
            if post_id not in by_policy and set(stages) - set(carried(campaign.approval, before, said, post_id, words)):
                yield Finding("STAGE_NOT_APPROVED", f"round {round_.n} takes {post_id} for approved by stages {stages},"
                              " and they have not: cancel-campaign")  # fmt: skip
        before, said = round_, store.approvals.decisions(*campaign.ref, round_.n)
        if round_.stage is not None and round_.stage.next != next_stage(round_, said):
            yield Finding("STAGE_WRONG", f"round {round_.n} names stage {round_.stage.next} as the next one, its"
                          f" decisions {next_stage(round_, said)}")  # fmt: skip
    if before is not None and before.stage is not None and campaign.status in {S.APPROVED, S.COMPLETED}:
        cleared = cleared_by(before, said)
        for post in posts:
            missing = len(before.stage.names) - len(cleared.get(post.id, []))
            if post.review.state is ReviewState.APPROVED and missing:
                yield Finding("STAGE_SKIPPED", f"post {post.number} is approved, and {missing} stages were not asked")


def _terms(campaign: Campaign, rounds: list[ApprovalRound]) -> Iterator[Finding]:
    """Yield whom the next round would ask in place of somebody who is asked now."""
    stage = rounds[-1].stage if rounds else None
    whom = campaign.approval.stage(stage.n if stage else 1).approvers
    if not rounds or rounds[-1].status is not RoundStatus.PENDING or not whom:
        return
    asked = {each.email.casefold() for each in rounds[-1].approvers}
    named = {each.email.casefold(): n for n, each in enumerate(whom, start=1)}
    if asked - named.keys() and (others := [str(n) for email, n in named.items() if email not in asked]):
        found = f"the terms name approver {', '.join(others)}, whom round {rounds[-1].n} does not ask"
        yield Finding("TERMS_NAME_OTHERS", f"{found}: replace-approver again, or the next round asks who was replaced")


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
        elif entry.is_open and now - entry.due_since > UNDELIVERED_AFTER:
            yield Finding("UNDELIVERED", f"{entry.kind}, tried {entry.attempts} times: {entry.last_error}")
