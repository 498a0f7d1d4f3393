"""What an operator can do to a campaign that does not go on by itself. Every act names who did it and why.

Each is `(store, campaign, by, now, …)`, may be repeated, and returns in one sentence what it came to. What needs a
run leaves it in the outbox, in the same transaction.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeVar

from pydantic import BaseModel, ValidationError

from campaigns.approval.editing import edit_text
from campaigns.approval.messages.notice_kinds import NEW_LINK, personal
from campaigns.approval.opening import open_round
from campaigns.approval.renewing import extend_round, renew_link, revoke_link
from campaigns.approval.rounds import OrderProof, Voice, decide
from campaigns.build.submission import START_RUN
from campaigns.errors import ConflictError, Fault, FaultsError
from campaigns.model.approval import MIN_COMMENT, ApprovalRound, DecisionRequest, PostDecision
from campaigns.model.base import content_hash, visible_text
from campaigns.model.campaign import AT_REST, Campaign, Move
from campaigns.model.faults import faults_of
from campaigns.model.post import Post
from campaigns.model.terms.approval_terms import Approver
from campaigns.model.vocabulary import CampaignStatus, Decision, PostStatus, ReviewState, RoundStatus
from campaigns.operations.cancelling import cancel as cancel_campaign
from campaigns.rules.approval import gate
from campaigns.rules.approval.gate import Case, Change
from campaigns.store import Fact, OutboxEntry, Store
from campaigns.store.items.post_items import replacing_posts

OPERATOR: Final = "ap-operator"
"""Stands for an operator who decides in place of all approvers."""

AT_ONCE: Final = 20
"""Posts or outbox entries in one transaction: a post with its revision has at most twice 80 KB, and it holds 4 MB."""


@dataclass(frozen=True, slots=True)
class By:
    """The operator who acts and the reason; the audit keeps both."""

    name: str
    reason: str

    def __post_init__(self) -> None:
        # What is read in the audit is all that stands there.
        object.__setattr__(self, "name", visible_text(self.name))
        object.__setattr__(self, "reason", visible_text(self.reason))

    @property
    def actor(self) -> str:
        return f"operator:{self.name}"

    def fact(self, action: str, now: datetime, n: int | None, **details: object) -> Fact:
        """Return the entry about an act of this operator in round n."""
        return Fact(self.actor, action, now, reason=self.reason, round=n, details=details)


def retry(store: Store, campaign: Campaign, by: By, now: datetime) -> str:
    """Let a failed campaign go on where it stopped, with a new run; its checkpoints must be deleted before.

    Raises:
        ConflictError: it has not failed.
    """
    moved = _go_on(store, campaign, by, _failed(store, campaign), now)
    return f"the campaign is {moved.status} again, with a new run"


def regenerate(store: Store, campaign: Campaign, by: By, now: datetime, *, numbers: Sequence[int], comment: str) -> str:
    """Have posts written again: of an open round as changes asked for, of a failed campaign by a retry.

    Raises:
        FaultsError: no such post, one that is approved or has no words yet, or no comment.
        ConflictError: the campaign is neither awaiting review nor failed.
    """
    posts = _numbered(store, campaign, numbers)
    comment = _valid(PostDecision, {"decision": "needs_revision", "comment": comment}).comment
    done = f"posts {', '.join(map(str, numbers))} are written again"
    if campaign.status is CampaignStatus.FAILED:
        if faults := [*_not_to_be_rewritten(posts), *_too_short(comment)]:
            raise FaultsError(faults)
        again = [post.model_copy(update={"instruction": comment}) for post in posts]
        # Failed ones of the same numbers come along with the comment.
        _go_on(store, campaign, by, [*_failed(store, campaign), *again], now, ordered=numbers, comment=comment)
        return done
    round_ = _open(store, campaign)
    said = {post.id: PostDecision(decision="needs_revision", comment=comment) for post in posts}
    request = _request(round_, Decision.NEEDS_REVISION, comment, said)
    order = by.fact("regeneration_ordered", now, round_.n, posts=sorted(numbers))
    voice = Voice(OPERATOR, by.name, "operator", OrderProof(round_.digest, by.reason, by.name))
    _decide(store, round_, voice, request, order, now)
    return done


def edit(store: Store, campaign: Campaign, by: By, now: datetime, *, post: int, text: str) -> str:
    """Give a post under review another text, which is checked like the writer's.

    Raises:
        FaultsError: no such post, or the text cannot be one.
        ConflictError: no round is open, or somebody has decided.
    """
    edited = edit_text(store, campaign, post, text, actor=by.actor, reason=by.reason, now=now)
    found = [f"{check.code}: {check.message}" for check in edited.quality.checks] if edited.quality else []
    return f"post {post} has another text" + (f"; its checks found {'; '.join(found)}" if found else "")


def cancel(store: Store, campaign: Campaign, by: By, now: datetime) -> str:
    """End a campaign that is not decided yet.

    Raises:
        ConflictError: it is decided, or has ended.
    """
    cancel_campaign(store, *campaign.ref, actor=by.actor, reason=by.reason, now=now)
    return "the campaign is cancelled, its links are closed"


def raise_budget(store: Store, campaign: Campaign, by: By, now: datetime, *, dollars: float) -> str:
    """Let more be spent on a campaign; one that is built goes by it from its next call on.

    Raises:
        FaultsError: it is not more than it was.
        ConflictError: the campaign has no budget, or has ended.
    """
    if campaign.status in AT_REST and campaign.status is not CampaignStatus.FAILED:
        raise _wrong(campaign, "nothing more is spent on a campaign that has ended")
    before = campaign.budget_usd
    if before is None:
        raise _wrong(campaign, "there is no budget to raise")
    if dollars <= before:
        raise FaultsError([Fault("dollars", f"must be more than the {before:g} that may be spent now", "OUT_OF_RANGE")])
    store.campaigns.update(
        *campaign.ref, {"budget_usd": dollars},
        actor=by.actor, reason=by.reason, at=now, expect_version=campaign.version,
    )  # fmt: skip
    goes_on = "; retry-campaign lets it go on" if campaign.status is CampaignStatus.FAILED else ""
    return f"{dollars:g} US dollars may be spent, {before:g} before{goes_on}"


def reopen(store: Store, campaign: Campaign, by: By, now: datetime, *, default_approver: Approver) -> str:
    """Put a campaign that timed out to its approvers once more, with new links and a new run.

    Raises:
        ConflictError: it has not timed out.
    """
    latest = store.approvals.current_round(*campaign.ref)
    if latest is None or campaign.status is not CampaignStatus.APPROVAL_TIMEOUT:
        raise _wrong(campaign, "only a campaign that timed out can be reopened")
    asked = latest.n > campaign.round and latest.status in {RoundStatus.PENDING, RoundStatus.DECIDED}
    n = latest.n if asked else latest.n + 1  # a round that was opened without its campaign is answered already
    round_ = open_round(
        store,
        *campaign.ref,
        n,
        default_approver=default_approver,
        now=now,
        facts=[Fact(by.actor, "reopened", now, reason=by.reason, round=n)],
        outbox=[_new_run(campaign, f"reopen-{n}", now)],
        reopens=True,
    )
    return _open_until(round_)


def resend(store: Store, campaign: Campaign, by: By, now: datetime) -> str:
    """Send every approver who has not decided the link again.

    Raises:
        ConflictError: no round is open.
    """

    def links(case: Case, _: Change) -> list[OutboxEntry]:
        return [personal(NEW_LINK, case.round, each.id, now.isoformat(), due_at=now) for each in case.silent]

    done = store.approvals.act(
        *campaign.ref, _open(store, campaign).n,
        lambda case: gate.resend(case, actor=by.actor, reason=by.reason, now=now),
        follows=links,
    )  # fmt: skip
    names = [each.name for each in done.case.silent]
    return f"the link goes to {', '.join(names)} again" if names else "everybody has decided"


def replace(
    store: Store, campaign: Campaign, by: By, now: datetime, *, approver: str, name: str = "", email: str = ""
) -> str:
    """Make an approver's link worthless and send another one, to another name or address where one is given.

    Later rounds ask whom this one asks.

    Raises:
        FaultsError: nobody of that name was asked, or the new name or address cannot be.
        ConflictError: no round is open, or that approver has decided.
    """
    asked = renew_link(
        store, *campaign.ref, _open(store, campaign).n, approver,
        name=name, email=email, actor=by.actor, reason=by.reason, now=now,
    )  # fmt: skip
    return f"the old link is worthless, a new one goes to {asked.name} <{asked.email}>"


def revoke(store: Store, campaign: Campaign, by: By, now: datetime, *, approver: str) -> str:
    """Make an approver's link worthless; the others decide without that one, or have decided by now.

    Raises:
        FaultsError: nobody of that name was asked.
        ConflictError: no round is open, that approver has decided, or nobody would be left to decide.
    """
    round_ = revoke_link(
        store, *campaign.ref, _open(store, campaign).n, approver,
        actor=by.actor, reason=by.reason, now=now,
    )  # fmt: skip
    done = f"the link of {approver} is worthless"
    return f"{done}, and round {round_.n} came to {round_.outcome}" if round_.outcome else done


def extend(store: Store, campaign: Campaign, by: By, now: datetime, *, hours: int) -> str:
    """Give the open round so many hours more; approvers who have not decided get a new link.

    Raises:
        FaultsError: no link lasts that long.
        ConflictError: no round is open.
    """
    n = _open(store, campaign).n
    round_ = extend_round(store, *campaign.ref, n, until=hours, actor=by.actor, reason=by.reason, now=now)
    late = gate.due_before(round_, _posts(store, campaign), round_.expires_at)
    if not late:
        return _open_until(round_)
    numbers, first = ", ".join(str(post.number) for post in late), min(post.scheduled_at for post in late)
    lost = f"posts {numbers} do not go out unless approved before they are due"
    return f"{_open_until(round_)}; {lost}, the first at {first:%d %b %Y %H:%M UTC}"


def redeliver(store: Store, campaign: Campaign, by: By, now: datetime) -> str:
    """Put back what was set aside in the outbox of the campaign.

    Raises:
        ConflictError: nothing was set aside.
    """
    aside = [entry for entry in store.outbox.of(*campaign.ref) if entry.is_quarantined]
    if not aside:
        raise _wrong(campaign, "nothing in the outbox of the campaign is set aside")
    for batch in _batches(aside):
        entries = [entry.id for entry in batch]
        fact = by.fact("outbox_redelivered", now, campaign.round or None, entries=entries)
        store.redeliver(batch, fact=fact, at=now)
    return f"tried again: {', '.join(entry.kind for entry in aside)}"


def decide_for(
    store: Store, campaign: Campaign, by: By, now: datetime, *, decision: Decision, comment: str, approver: str
) -> str:
    """Decide in place of an approver (by name, e-mail or id; it counts as that voice), or, for "", of all.

    Raises:
        FaultsError: nobody of that name was asked, or no reason is given for a rejection or a change.
        ConflictError: no round is open, or that approver has decided.
    """
    round_ = _open(store, campaign)
    approver_id, name, asked = OPERATOR, by.name, None
    if approver:
        asked = gate.one_asked(round_, approver)
        approver_id, name = asked.id, f"{by.name} (for {asked.name})"[:100]
    order = by.fact("decided_on_behalf", now, round_.n, approver=approver_id, decision=str(decision))
    voice = Voice(approver_id, name, "operator", OrderProof(round_.digest, by.reason, by.name, asked))
    decided = _decide(store, round_, voice, _request(round_, decision, comment), order, now)
    if decided.outcome:
        return f"round {decided.n} came to {decided.outcome}"
    return f"round {decided.n} waits for others"


def roll_back(store: Store, campaign: Campaign, by: By, now: datetime) -> str:
    """Undo what nobody has seen: every post gets the words of the last round back, as a new revision.

    Before the first round there is nothing to go back to but the plan: all words are put aside, and a
    retry writes them anew. The campaign stays failed.

    Raises:
        ConflictError: the campaign has not failed.
    """
    if campaign.status is not CampaignStatus.FAILED:
        raise _wrong(campaign, "only a failed campaign can be rolled back; cancel one that is in work")
    latest = store.approvals.current_round(*campaign.ref)
    unwritten: list[Post] = []
    restored: list[Post] = []
    for post in store.posts.list(*campaign.ref):
        if latest is None:
            if post.content is not None:
                unwritten.append(_to_write_again(post.model_copy(update={"content": None, "quality": None}), now))
        elif (shown := latest.posts.get(post.id)) is not None and post.content_hash() != shown:
            kept = store.posts.revisions(*campaign.ref, post.id)
            seen = next((one for one in reversed(kept) if one.content_hash() == shown), None)
            if seen is not None:
                next_ = {"revision": post.revision + 1, "version": post.version, "review": post.review}
                restored.append(seen.model_copy(update={**next_, "updated_at": now}))
    changed = unwritten or restored
    for batch in _batches(changed):
        fact = by.fact("rolled_back", now, campaign.round or None, posts=[post.number for post in batch])
        store.posts.rewrite(campaign, batch, facts=[fact], keep=bool(restored))
    numbers = ", ".join(str(post.number) for post in changed)
    return f"posts {numbers} went back" if changed else "there was nothing to undo"


def _go_on(
    store: Store,
    campaign: Campaign,
    by: By,
    again: Sequence[Post],
    now: datetime,
    *,
    ordered: Sequence[int] = (),
    comment: str = "",
) -> Campaign:
    """Let a failed campaign go on, with posts that are written again; `ordered` are those that an operator named.

    It is one transaction, but for more posts than one holds: those are made ready before, while nobody can decide
    on a failed campaign, and whoever dies in between leaves posts that the next retry takes along.
    """

    def facts(posts: Sequence[Post]) -> list[Fact]:
        named = sorted(post.number for post in posts if post.number in ordered)
        more = {"posts": named, "comment": comment}
        return [by.fact("regeneration_ordered", now, campaign.round or None, **more)] if named else []

    if campaign.status is not CampaignStatus.FAILED:
        raise _wrong(campaign, "only a failed campaign can be started again")
    rewritten = [_to_write_again(post, now) for post in {post.id: post for post in again}.values()]
    *before, last = _batches(rewritten) or [[]]
    for batch in before:
        store.posts.rewrite(campaign, batch, facts=facts(batch))
    closed = None
    if rewritten or any(each.status is PostStatus.GENERATING for each in _posts(store, campaign)):
        closed = _closed_round(store, campaign, by, now)
    store.recoveries.forgive(*campaign.ref)
    changes: dict[str, object] = {"last_error": None}
    if campaign.last_error is not None and campaign.last_error.code == "REVISION_LIMIT":
        most = campaign.approval.max_revision_rounds + 1
        changes["approval"] = campaign.approval.model_copy(update={"max_revision_rounds": most})
    to = CampaignStatus.GENERATING if campaign.plan_summary is not None else CampaignStatus.PLANNING
    return store.campaigns.move(
        *campaign.ref,
        Move(to, actor=by.actor, reason=by.reason, at=now, changes=changes),
        expect_version=campaign.version,
        outbox=[_new_run(campaign, f"retry-{campaign.version}", now)],
        beside=[*replacing_posts(last), *(store.approvals.closing(closed) if closed else [])],
        facts=[*(closed.facts if closed else []), *facts(last)],
    )


def _closed_round(store: Store, campaign: Campaign, by: By, now: datetime) -> Change | None:
    """Return how the round is closed that shows words which are written again; None: nobody was asked yet."""
    latest = store.approvals.current_round(*campaign.ref)
    if latest is None:
        return None
    case = store.approvals.case(*campaign.ref, latest.n)
    return gate.close(case, actor=by.actor, reason=by.reason, now=now)


def _to_write_again(post: Post, now: datetime) -> Post:
    """Return the post with a next revision that is not written yet."""
    changes = {"status": PostStatus.GENERATING, "revision": post.revision + 1, "last_error": None, "updated_at": now}
    return post.model_copy(update=changes)


def _open_until(round_: ApprovalRound) -> str:
    return f"round {round_.n} is open until {round_.expires_at:%d %b %Y %H:%M UTC}"


def _new_run(campaign: Campaign, attempt: str, now: datetime) -> OutboxEntry:
    return OutboxEntry.about(START_RUN, *campaign.ref, attempt, due_at=now, payload={"attempt": attempt})


_T = TypeVar("_T")


def _batches(things: Sequence[_T]) -> list[Sequence[_T]]:
    """Return the things in parts that one transaction holds."""
    return [things[start : start + AT_ONCE] for start in range(0, len(things), AT_ONCE)]


def _posts(store: Store, campaign: Campaign) -> list[Post]:
    return store.posts.list(*campaign.ref)


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
    latest = store.approvals.current_round(*campaign.ref)
    if latest is None or latest.status is not RoundStatus.PENDING:
        raise _wrong(campaign, "nobody is being asked at the moment")
    return latest


def _decide(
    store: Store, round_: ApprovalRound, voice: Voice, request: DecisionRequest, order: Fact, now: datetime
) -> ApprovalRound:
    """Decide as an operator: about what is stored at this moment. What is edited in between is decided on by nobody."""
    said = [round_.callback_id, voice.approver_id, voice.name, order.at.isoformat(), request.to_wire()]
    attempt = content_hash(said)[:32]
    return decide(store, round_, voice, request, attempt_id=attempt, now=now, order=order).round


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
