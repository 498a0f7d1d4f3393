"""What an operator can do to a campaign that does not go on by itself. Every act names who did it and why.

    retry        a failed campaign goes on where it stopped; posts that failed are written again
    regenerate   posts named by number are written again with a comment
    reopen       a campaign that timed out is put to its approvers once more
    resend       approvers who have not decided get their link again
    replace      an approver's link is made worthless, and another one goes to the same person or another
    revoke       an approver's link is made worthless
    extend       an open round gets more time
    decide_for   an operator decides in an approver's place, or in place of all
    redeliver    what was set aside in the outbox is tried again
    roll_back    a failed campaign goes back to the words that its approvers last saw

Each may be repeated; what needs a run leaves it in the outbox, in the same transaction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, TypeVar

from pydantic import BaseModel, ValidationError

from campaigns.approvals import Voice, decide
from campaigns.asking import open_round
from campaigns.errors import ConflictError, Fault, FaultsError
from campaigns.links import MAX_LIFETIME
from campaigns.model.approval import MIN_COMMENT, ApprovalRound, DecisionRequest, PostDecision, RoundApprover
from campaigns.model.approval_terms import Approval, Approver
from campaigns.model.base import content_hash
from campaigns.model.campaign import Campaign
from campaigns.model.faults import faults_of
from campaigns.model.post import Post
from campaigns.model.vocabulary import CampaignStatus, Decision, PostStatus, ReviewState, RoundStatus
from campaigns.notice_kinds import NEW_LINK, personal
from campaigns.resending import extend_round, renew_link
from campaigns.rules.decisions import outcome_of
from campaigns.store import Fact, OutboxEntry, Store
from campaigns.submission import START_RUN

OPERATOR: Final = "ap-operator"
"""Stands for an operator who decides in place of all approvers."""
LONGEST_OPEN: Final = MAX_LIFETIME - timedelta(days=1)


@dataclass(frozen=True, slots=True)
class By:
    """Who acts, and why: both stand in the audit."""

    name: str
    reason: str

    @property
    def actor(self) -> str:
        return f"operator:{self.name}"


def retry(store: Store, campaign: Campaign, by: By, *, now: datetime) -> Campaign:
    """Let a failed campaign go on where it stopped, with a new run; its checkpoints must be deleted before.

    Raises:
        ConflictError: it has not failed.
    """
    return _go_on(store, campaign, by, _failed(store, campaign), now)


def regenerate(
    store: Store, campaign: Campaign, by: By, *, numbers: Sequence[int], comment: str, now: datetime
) -> Campaign:
    """Have posts written again: of an open round as changes asked for, of a failed campaign by a retry.

    Raises:
        FaultsError: no such post, one that is approved or has no words yet, or no comment.
        ConflictError: the campaign is neither awaiting review nor failed.
    """
    posts = _numbered(store, campaign, numbers)
    if campaign.status is CampaignStatus.FAILED:
        if faults := [*_not_to_be_rewritten(posts), *_too_short(comment)]:
            raise FaultsError(faults)
        again = [post.model_copy(update={"instruction": comment}) for post in posts]
        # Failed ones of the same numbers come along with the comment.
        moved = _go_on(store, campaign, by, [*_failed(store, campaign), *again], now)
        _record(store, campaign, by, "regeneration_ordered", now, posts=sorted(numbers), comment=comment)
        return moved
    round_ = _open(store, campaign)
    said = {post.id: PostDecision(decision="needs_revision", comment=comment) for post in posts}
    request = _request(round_, Decision.NEEDS_REVISION, comment, said)
    _decide(store, round_, Voice(OPERATOR, by.name, "operator"), request, now)
    _record(store, campaign, by, "regeneration_ordered", now, posts=sorted(numbers))
    return campaign


def reopen(store: Store, campaign: Campaign, by: By, *, default_approver: Approver, now: datetime) -> ApprovalRound:
    """Put a campaign that timed out to its approvers once more, with new links and a new run.

    Raises:
        ConflictError: it has not timed out.
    """
    latest = store.approvals.current_round(campaign.tenant_id, campaign.id)
    if latest is None or campaign.status is not CampaignStatus.APPROVAL_TIMEOUT:
        raise _wrong(campaign, "only a campaign that timed out can be reopened")
    asked = latest.n > campaign.round and latest.status in {RoundStatus.PENDING, RoundStatus.DECIDED}
    n = latest.n if asked else latest.n + 1  # a round that was opened without its campaign is answered already
    return open_round(
        store,
        campaign.tenant_id,
        campaign.id,
        n,
        default_approver=default_approver,
        now=now,
        facts=[Fact(by.actor, "reopened", now, reason=by.reason, round=n)],
        outbox=[_new_run(campaign, f"reopen-{n}", now)],
        reopens=True,
    )


def resend(store: Store, campaign: Campaign, by: By, *, now: datetime) -> list[str]:
    """Send every approver who has not decided the link again; return their names.

    Raises:
        ConflictError: no round is open.
    """
    round_ = _open(store, campaign)
    decided = {each.approver_id for each in store.approvals.decisions(campaign.tenant_id, campaign.id, round_.n)}
    waiting = [each for each in round_.approvers if each.id not in decided and not each.revoked]
    store.outbox.add([personal(NEW_LINK, round_, each.id, now.isoformat(), due_at=now) for each in waiting])
    _record(store, campaign, by, "links_resent", now, approvers=[each.id for each in waiting])
    return [each.name for each in waiting]


def replace(
    store: Store, campaign: Campaign, by: By, *, approver: str, name: str = "", email: str = "", now: datetime
) -> RoundApprover:
    """Make an approver's link worthless and send another one, to another name or address where one is given.

    Later rounds ask whom this one asks.

    Raises:
        FaultsError: nobody of that name was asked, or the new name or address cannot be.
        ConflictError: no round is open, or that approver has decided.
    """
    round_ = _open(store, campaign)
    before = _one_asked(round_, approver)
    _require_silent(store, round_, before)
    whom = {"name": name or before.name, "email": email or before.email}
    after = _valid(Approver, {**whom, "locale": before.locale, "timezone": before.timezone})
    if (after.name, after.email) != (before.name, before.email):
        named_before = [
            Approver(name=each.name, email=each.email, locale=each.locale, timezone=each.timezone)
            for each in round_.approvers
        ]
        asked = [after if each.email == before.email else each for each in campaign.approval.approvers or named_before]
        # Not copied but read anew: nobody is asked twice, and what is stored can be read again.
        terms = _valid(Approval, {**campaign.approval.to_wire(), "approvers": [each.to_wire() for each in asked]})
        store.campaigns.update(campaign.tenant_id, campaign.id, {"approval": terms}, actor=by.actor, at=now)
    changed = renew_link(
        store, campaign.tenant_id, campaign.id, round_.n, before.id,
        name=after.name, email=after.email, actor=by.actor, reason=by.reason, now=now,
    )  # fmt: skip
    return next(each for each in changed.approvers if each.id == before.id)


def revoke(store: Store, campaign: Campaign, by: By, *, approver: str, now: datetime) -> RoundApprover:
    """Make an approver's link worthless; the others decide without that one.

    Raises:
        FaultsError: nobody of that name was asked.
        ConflictError: no round is open, that approver has decided, or nobody would be left to decide.
    """
    round_ = _open(store, campaign)
    asked = _one_asked(round_, approver)
    _require_silent(store, round_, asked)
    rest = [each.model_copy(update={"revoked": each.revoked or each.id == asked.id}) for each in round_.approvers]
    decisions = store.approvals.decisions(campaign.tenant_id, campaign.id, round_.n)
    open_ = [each for each in rest if not each.revoked and each.id not in {said.approver_id for said in decisions}]
    if not open_ or outcome_of(round_.model_copy(update={"approvers": rest}), decisions) is not None:
        raise _wrong(campaign, "nobody would be left to decide: replace the approver, or decide on behalf")
    store.approvals.revoke(
        campaign.tenant_id, campaign.id, round_.n, asked.id, actor=by.actor, at=now, reason=by.reason
    )
    return asked


def extend(store: Store, campaign: Campaign, by: By, *, hours: int, now: datetime) -> ApprovalRound:
    """Give the open round so many hours more; approvers who have not decided get a new link.

    Raises:
        FaultsError: no link lasts that long.
        ConflictError: no round is open.
    """
    round_ = _open(store, campaign)
    until = max(now, round_.expires_at) + timedelta(hours=hours)
    if until > now + LONGEST_OPEN:
        message = f"a round may be open for {LONGEST_OPEN.days} days from now at most"
        raise FaultsError([Fault("hours", message, "TOO_LATE")])
    return extend_round(
        store, campaign.tenant_id, campaign.id, round_.n, until=until, actor=by.actor, reason=by.reason, now=now
    )


def redeliver(store: Store, campaign: Campaign, by: By, *, now: datetime) -> list[str]:
    """Put back what was set aside in the outbox of the campaign; return the kinds.

    Raises:
        ConflictError: nothing was set aside.
    """
    aside = [entry for entry in store.outbox.of(campaign.tenant_id, campaign.id) if entry.is_quarantined]
    if not aside:
        raise _wrong(campaign, "nothing in the outbox of the campaign is set aside")
    _record(store, campaign, by, "outbox_redelivered", now, entries=[entry.id for entry in aside])
    for entry in aside:
        store.outbox.put_back(entry, at=now)
    return [entry.kind for entry in aside]


def decide_for(
    store: Store,
    campaign: Campaign,
    by: By,
    *,
    decision: Decision,
    comment: str,
    approver: str,
    now: datetime,
) -> ApprovalRound:
    """Decide in place of an approver (by name, e-mail or id; it counts as that voice), or, for "", of all.

    Raises:
        FaultsError: nobody of that name was asked, or no reason is given for a rejection or a change.
        ConflictError: no round is open, or that approver has decided.
    """
    round_ = _open(store, campaign)
    voice = Voice(OPERATOR, by.name, "operator")
    if approver:
        asked = _one_asked(round_, approver)
        voice = Voice(asked.id, f"{by.name} (for {asked.name})"[:100], "operator")
    request = _request(round_, decision, comment)
    closed = _decide(store, round_, voice, request, now)
    _record(store, campaign, by, "decided_on_behalf", now, approver=voice.approver_id, decision=str(decision))
    return closed


def roll_back(store: Store, campaign: Campaign, by: By, *, now: datetime) -> list[int]:
    """Undo what nobody has seen: every post gets the words of the last round back, as a new revision.

    Before the first round there is nothing to go back to but the plan: all words are put aside, and a
    retry writes them anew. The campaign stays failed. Return the numbers of the posts changed.

    Raises:
        ConflictError: the campaign has not failed.
    """
    if campaign.status is not CampaignStatus.FAILED:
        raise _wrong(campaign, "only a failed campaign can be rolled back; cancel one that is in work")
    latest = store.approvals.current_round(campaign.tenant_id, campaign.id)
    changed: list[int] = []
    for post in store.posts.list(campaign.tenant_id, campaign.id):
        if latest is None:
            if post.content is not None:
                _write_again(store, post.model_copy(update={"content": None, "quality": None}), now)
                changed.append(post.number)
        elif (shown := latest.posts.get(post.id)) is not None and post.content_hash() != shown:
            kept = store.posts.revisions(campaign.tenant_id, campaign.id, post.id)
            seen = next((one for one in reversed(kept) if one.content_hash() == shown), None)
            if seen is not None:
                restored = {"revision": post.revision + 1, "review": post.review, "updated_at": now}
                store.posts.save_revision(seen.model_copy(update=restored))
                changed.append(post.number)
    _record(store, campaign, by, "rolled_back", now, posts=changed)
    return changed


def _go_on(store: Store, campaign: Campaign, by: By, again: Sequence[Post], now: datetime) -> Campaign:
    if campaign.status is not CampaignStatus.FAILED:
        raise _wrong(campaign, "only a failed campaign can be started again")
    rewritten = {post.id: post for post in again}
    # Closed first: who dies between the two must not leave a round about words that are written again.
    if rewritten or any(each.status is PostStatus.GENERATING for each in _posts(store, campaign)):
        _close_round(store, campaign, by, now)
    for post in rewritten.values():
        _write_again(store, post, now)
    store.recoveries.forgive(campaign.tenant_id, campaign.id)
    changes: dict[str, object] = {"last_error": None}
    if campaign.last_error is not None and campaign.last_error.code == "REVISION_LIMIT":
        most = campaign.approval.max_revision_rounds + 1
        changes["approval"] = campaign.approval.model_copy(update={"max_revision_rounds": most})
    planned = campaign.plan_summary is not None
    return store.campaigns.move(
        campaign.tenant_id,
        campaign.id,
        CampaignStatus.GENERATING if planned else CampaignStatus.PLANNING,
        actor=by.actor,
        reason=by.reason,
        at=now,
        expect_version=campaign.version,
        changes=changes,
        outbox=[_new_run(campaign, f"retry-{campaign.version}", now)],
    )


def _close_round(store: Store, campaign: Campaign, by: By, now: datetime) -> None:
    """Close a round that shows words which are written again; the next one follows, and old links say so."""
    latest = store.approvals.current_round(campaign.tenant_id, campaign.id)
    if latest is not None and latest.status is RoundStatus.PENDING:
        closed = latest.model_copy(update={"status": RoundStatus.SUPERSEDED, "superseded_by": latest.n + 1})
        fact = Fact(by.actor, "round_closed", now, reason=by.reason, round=latest.n)
        store.approvals.update(closed, expect_version=latest.version, fact=fact)


def _write_again(store: Store, post: Post, now: datetime) -> None:
    """Make the post's next revision one that is not written yet."""
    changes = {"status": PostStatus.GENERATING, "revision": post.revision + 1, "last_error": None, "updated_at": now}
    store.posts.update(post.model_copy(update=changes), expect_version=post.version)


def _new_run(campaign: Campaign, attempt: str, now: datetime) -> OutboxEntry:
    return OutboxEntry.about(
        START_RUN, campaign.tenant_id, campaign.id, attempt, due_at=now, payload={"attempt": attempt}
    )


def _posts(store: Store, campaign: Campaign) -> list[Post]:
    return store.posts.list(campaign.tenant_id, campaign.id)


def _failed(store: Store, campaign: Campaign) -> list[Post]:
    return [post for post in _posts(store, campaign) if post.status is PostStatus.FAILED]


def _not_to_be_rewritten(posts: Sequence[Post]) -> list[Fault]:
    """Return why posts of a failed campaign cannot be written otherwise."""
    faults = []
    for post in posts:
        if post.review.state is ReviewState.APPROVED:
            faults.append(Fault("posts", f"post {post.number} is approved and stays as it is", "POST_LOCKED"))
        elif post.content is None:
            message = f"post {post.number} has no words yet: retry-campaign writes it"
            faults.append(Fault("posts", message, "NOT_WRITTEN"))
    return faults


def _too_short(comment: str) -> list[Fault]:
    if len(comment) >= MIN_COMMENT:
        return []
    return [Fault("comment", f"a comment of at least {MIN_COMMENT} characters is required", "COMMENT_REQUIRED")]


def _numbered(store: Store, campaign: Campaign, numbers: Sequence[int]) -> list[Post]:
    posts = {post.number: post for post in _posts(store, campaign)}
    faults = [Fault("posts", f"there is no post {number}", "UNKNOWN_POST") for number in numbers if number not in posts]
    if not numbers:
        faults = [Fault("posts", "name at least one post by its number", "REQUIRED")]
    if faults:
        raise FaultsError(faults)
    return [posts[number] for number in numbers]


def _open(store: Store, campaign: Campaign) -> ApprovalRound:
    latest = store.approvals.current_round(campaign.tenant_id, campaign.id)
    if latest is None or latest.status is not RoundStatus.PENDING:
        raise _wrong(campaign, "nobody is being asked at the moment")
    return latest


def _decide(
    store: Store, round_: ApprovalRound, voice: Voice, request: DecisionRequest, now: datetime
) -> ApprovalRound:
    said = request.to_wire()
    attempt = content_hash([round_.callback_id, voice.approver_id, voice.name, said])[:32]
    return decide(store, round_, voice, request, attempt_id=attempt, now=now).round


def _record(store: Store, campaign: Campaign, by: By, action: str, now: datetime, **details: object) -> None:
    fact = Fact(by.actor, action, now, reason=by.reason, round=campaign.round or None, details=details)
    store.record(campaign.tenant_id, campaign.id, fact)


def named(round_: ApprovalRound, name: str) -> list[RoundApprover]:
    """Return those who were asked and have this name, e-mail or id; links that were revoked do not count."""
    wanted = name.strip().casefold()
    return [
        each
        for each in round_.approvers
        if not each.revoked and wanted in {known.casefold() for known in (each.id, each.name, each.email)}
    ]


def _one_asked(round_: ApprovalRound, name: str) -> RoundApprover:
    asked = named(round_, name)
    if len(asked) != 1:
        known = ", ".join(f"{each.name} <{each.email}>" for each in round_.approvers if not each.revoked)
        raise FaultsError([Fault("approver", f"is not one of those who were asked: {known}", "UNKNOWN_APPROVER")])
    return asked[0]


def _require_silent(store: Store, round_: ApprovalRound, approver: RoundApprover) -> None:
    decisions = store.approvals.decisions(round_.tenant_id, round_.campaign_id, round_.n)
    if any(said.approver_id == approver.id for said in decisions):
        raise ConflictError(f"{approver.name} has decided, and that stands")


def _request(
    round_: ApprovalRound, decision: Decision, comment: str, posts: Mapping[str, PostDecision] | None = None
) -> DecisionRequest:
    said = {"decision": decision, "comments": comment, "callbackId": round_.callback_id}
    return _valid(DecisionRequest, {**said, "posts": {key: each.to_wire() for key, each in (posts or {}).items()}})


_Model = TypeVar("_Model", bound=BaseModel)


def _valid(model: type[_Model], given: Mapping[str, object]) -> _Model:
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise FaultsError(faults_of(error)) from error


def _wrong(campaign: Campaign, why: str) -> ConflictError:
    return ConflictError(f"{why}; this one is {campaign.status}", {"currentStatus": str(campaign.status)})
