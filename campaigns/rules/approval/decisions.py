"""How an approval round is decided (domain.md section 17). Pure: time, posts and decisions come in.

a round opens      expires_at, blocked_posts, unapprovable_posts, locked_posts
a decision comes   decision_faults, outcome_of, missing_voices, asked_again, still_asked
a decision goes    undo_until
a round is closed  post_verdicts, revision_allowed
nobody decided     extends, timeout_policy, timeout_outcome
words change       after_edit, changed_posts
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

from campaigns.errors import Fault
from campaigns.model.approval import MIN_COMMENT, ApprovalRound, ApproverDecision, DecisionRequest, RoundApprover
from campaigns.model.post import OFFLINE, Post, Review
from campaigns.model.vocabulary import ApprovalMode, Decision, OnTimeout, ReviewState, RoundStatus
from campaigns.rules.guardrails import legal_blocks, legal_findings

LAST_CALL: Final = timedelta(hours=1)
"""A round ends at the latest this long before its first post."""


def expires_at(opened_at: datetime, *, hours: int, first_post: datetime) -> datetime:
    """Return when a round ends: after its hours, or an hour before its first post when that is sooner.

    A first post that leaves no time at all does not shorten the round; it will expire by itself.
    """
    regular = opened_at + timedelta(hours=hours)
    last_call = first_post - LAST_CALL
    return min(regular, last_call) if last_call > opened_at else regular


def blocked_posts(posts: Iterable[Post]) -> list[str]:
    """Return the posts that a guardrail blocks: "approve all" leaves them out."""
    return [post.id for post in posts if post.quality is not None and post.quality.blocked]


def unapprovable_posts(posts: Iterable[Post]) -> list[str]:
    """Return the posts with a block of legal kind: nobody approves them without an edit."""
    return [post.id for post in posts if legal_blocks(post.quality)]


def locked_posts(posts: Iterable[Post]) -> list[str]:
    """Return the posts that were approved before: they stay byte for byte."""
    return [post.id for post in posts if post.review.state is ReviewState.APPROVED]


def is_auto_approved(post: Post, mode: ApprovalMode, threshold: float) -> bool:
    """Whether a post goes through without a person: only where the policy says so.

    Never with a block, with a finding of a legal kind (a warning included), or when the offline writer wrote it.
    """
    quality = post.quality
    if quality is None or quality.blocked or legal_findings(quality) or mode == "always_review":
        return False
    if post.usage.model == OFFLINE:
        return False
    return mode == "auto_approve" or quality.score >= threshold


MAX_COMMENT_BYTES: Final = 200_000
"""All comments of one answer together, in UTF-8: a decision is one item, and an item has 400 KB."""


def decision_faults(round_: ApprovalRound, request: DecisionRequest) -> list[Fault]:
    """Return why a decision cannot be recorded: strange or locked posts, legal blocks, no comment, nothing approved."""
    faults: list[Fault] = []
    for post_id, said in request.posts.items():
        path = f"posts.{post_id}"
        if post_id not in round_.posts:
            faults.append(Fault(path, "is not a post of this round", "UNKNOWN_POST"))
        elif said.decision != "approved" and post_id in round_.locked and request.decision is not Decision.REJECTED:
            faults.append(
                Fault(f"{path}.decision", "was approved in an earlier round and stays as it is", "POST_LOCKED")
            )
        elif said.decision == "approved" and post_id in round_.unapprovable:
            message = "cannot be approved as it is: a claim or a competitor has to be taken out first"
            faults.append(Fault(f"{path}.decision", message, "LEGAL_BLOCK"))
        elif said.decision != "approved" and max(len(said.comment), len(request.comments)) < MIN_COMMENT:
            message = f"a comment of at least {MIN_COMMENT} characters is required to reject or to ask for changes"
            faults.append(Fault(f"{path}.comment", message, "COMMENT_REQUIRED"))
    named = {post_id for post_id in request.posts if post_id in round_.posts}
    undecided = set(round_.posts) - named - set(round_.blocked)
    if request.decision is Decision.APPROVED and not named and not undecided:
        message = "approves nothing: every post is blocked by a check; decide post by post"
        faults.append(Fault("decision", message, "NOTHING_TO_APPROVE"))
    return [*faults, *_too_much(request)]


def contradictions(round_: ApprovalRound, decision: ApproverDecision) -> list[Fault]:
    """Return what is wrong with a decision on the whole that is not what is said of its posts."""
    derived = campaign_decision(verdict_of(round_, decision, post_id) for post_id in round_.posts)
    if derived is None or derived is decision.decision:
        return []
    message = f"says {decision.decision}, but what is said of the posts comes to {derived}"
    return [Fault("decision", message, "DECISION_CONTRADICTS_POSTS")]


def _too_much(request: DecisionRequest) -> list[Fault]:
    texts = [text for each in request.posts.values() for text in (each.comment, each.edit or "")]
    size = len(request.comments.encode()) + sum(len(text.encode()) for text in texts)
    if size <= MAX_COMMENT_BYTES:
        return []
    return [Fault("comments", f"all comments together have {size} bytes, at most {MAX_COMMENT_BYTES}", "TOO_LONG")]


def verdict_of(round_: ApprovalRound, said: ApproverDecision, post_id: str) -> Decision | None:
    """Return what one approver says of one post, None: nothing, it stays open.

    A post that is named has its own verdict. For the others the decision as a whole stands, but

    - approving all leaves out blocked posts,
    - asking for changes means the posts named for it where there are any, else all,
    - posts approved in an earlier round stay approved, unless everything is rejected.

    Of a post that was changed since, it says nothing.
    """
    if said.words and said.words.get(post_id) != round_.posts.get(post_id):
        return None
    if (own := said.posts.get(post_id)) and post_id not in round_.locked:
        verdict = Decision(own.decision)
        return None if verdict is Decision.APPROVED and post_id in round_.unapprovable else verdict
    match said.decision:
        case Decision.REJECTED:
            return Decision.REJECTED
        case _ if post_id in round_.locked:
            return Decision.APPROVED
        case Decision.APPROVED:
            return None if post_id in round_.blocked else Decision.APPROVED
        case Decision.NEEDS_REVISION:
            named = any(own.decision == "needs_revision" for own in said.posts.values())
            return None if named else Decision.NEEDS_REVISION


def campaign_decision(verdicts: Iterable[Decision | None]) -> Decision | None:
    """Derive the decision on a campaign from those on its posts; None when nothing was said of any.

    Any change asked for: needs revision. Else anything approved: approved, rejected posts are skipped.
    Else rejected.
    """
    said = set(verdicts)
    for decision in (Decision.NEEDS_REVISION, Decision.APPROVED, Decision.REJECTED):
        if decision in said:
            return decision
    return None


def outcome_of(round_: ApprovalRound, decisions: Sequence[ApproverDecision]) -> Decision | None:
    """Return what the decisions so far come to, or None while the quorum is not complete.

    With the quorum `all` the first rejection ends the round, unless it is to collect everybody's voice.

    Args:
        decisions: in the order in which they came; of one approver the first counts.
    """
    voices, asked = _voices(round_, decisions), {approver.id for approver in round_.approvers}
    ends_all = round_.quorum == "all" and not round_.collect_all
    heard_out = [said for said in voices if not asked_again(round_, said)]
    if ends_all and any(_own(round_, said) is Decision.REJECTED for said in heard_out):
        return Decision.REJECTED
    heard = sum(said.approver_id in asked for said in heard_out)
    if heard < needed_voices(round_) and not any(_overrules(round_, said) for said in voices):
        return None
    return campaign_decision(_merged(round_, voices).values())


def _overrules(round_: ApprovalRound, said: ApproverDecision) -> bool:
    """Whether this voice needs no quorum: the policy's, or an operator's who decides in nobody's particular place.

    Operators decide through a deployment of theirs, or in the form behind Prefect's Resume.
    """
    asked = {approver.id for approver in round_.approvers}
    return said.channel == "policy" or (said.channel in {"operator", "prefect_ui"} and said.approver_id not in asked)


def needed_voices(round_: ApprovalRound) -> int:
    """Return how many approvers have to decide; never more than can."""
    able = max(1, sum(not approver.revoked for approver in round_.approvers))
    if round_.quorum == "any":
        return 1
    return able if round_.quorum == "all" else min(int(round_.quorum), able)


def missing_voices(round_: ApprovalRound, decisions: Iterable[ApproverDecision]) -> int:
    """Return how many more answers an open round waits for, 1 at least; who is asked again has not answered."""
    heard = {said.approver_id for said in decisions if not asked_again(round_, said)}
    return max(1, needed_voices(round_) - len(heard))


def asked_again(round_: ApprovalRound, said: ApproverDecision) -> list[str]:
    """Return the posts that were changed since somebody decided: that voice counts once it has said what of them."""
    return [post_id for post_id, words in round_.posts.items() if said.words and said.words.get(post_id) != words]


def still_asked(round_: ApprovalRound, decisions: Iterable[ApproverDecision]) -> list[RoundApprover]:
    """Return those who have a good link and something to decide: they said nothing, or posts were changed since."""
    heard = {said.approver_id for said in decisions if not asked_again(round_, said)}
    return [each for each in round_.approvers if each.id not in heard and not each.revoked]


def _own(round_: ApprovalRound, said: ApproverDecision) -> Decision | None:
    return campaign_decision(verdict_of(round_, said, post_id) for post_id in round_.posts)


def _voices(round_: ApprovalRound, decisions: Sequence[ApproverDecision]) -> list[ApproverDecision]:
    """Return the voices that count: an order in place of all is carried out as it was given, whatever others said."""
    first: dict[str, ApproverDecision] = {}
    for said in decisions:
        # Where approvers may change posts, a decision says of each which words it is about.
        about_it = said.digest == round_.digest or bool(said.words)
        if said.round == round_.n and about_it and _own(round_, said) is not None:
            first.setdefault(said.approver_id, said)
    voices = list(first.values())
    return [said for said in voices if _overrules(round_, said)] or voices


_STRICTNESS: Final = {Decision.APPROVED: 0, Decision.NEEDS_REVISION: 1, Decision.REJECTED: 2}


def _merged(round_: ApprovalRound, voices: Sequence[ApproverDecision]) -> dict[str, Decision | None]:
    merged: dict[str, Decision | None] = {}
    for post_id in round_.posts:
        said = [verdict for voice in voices if (verdict := verdict_of(round_, voice, post_id)) is not None]
        merged[post_id] = max(said, key=_STRICTNESS.__getitem__, default=None)
    return merged


def undo_until(round_: ApprovalRound, said: ApproverDecision) -> datetime | None:
    """Return when a decision can no longer be taken back; None: it cannot be.

    It can where the round gives time for it, lasts, and asked whoever decided: nobody has a link to take
    back with what policy, or an operator in place of all, has decided. Links end with their round, and a
    round whose time is over is not opened again.
    """
    asked = any(approver.id == said.approver_id for approver in round_.approvers)
    in_effect = round_.status is RoundStatus.DECIDED and round_.settles_at is None
    lasts = round_.status in {RoundStatus.PENDING, RoundStatus.DECIDED} and not in_effect
    if not round_.settle_seconds or not asked or not lasts:
        return None
    return min(said.at + timedelta(seconds=round_.settle_seconds), round_.expires_at)


def post_verdicts(
    round_: ApprovalRound, decisions: Sequence[ApproverDecision]
) -> dict[str, tuple[Decision, ApproverDecision | None]]:
    """Return the verdict on each post of a closed round, and whose it is; the strictest voice counts.

    Posts of which nobody said anything are missing: they stay as they are. Whose it is is None where
    the round ended by policy. A rejected campaign has no approved posts.
    """
    voices = _voices(round_, decisions)
    verdicts: dict[str, tuple[Decision, ApproverDecision | None]] = {}
    for post_id in round_.posts:
        said = [(verdict, voice) for voice in voices if (verdict := verdict_of(round_, voice, post_id)) is not None]
        if said:
            verdicts[post_id] = max(said, key=lambda entry: _STRICTNESS[entry[0]])
        elif round_.outcome is Decision.APPROVED and post_id not in round_.blocked:
            verdicts[post_id] = (Decision.APPROVED, None)
        if round_.outcome is Decision.REJECTED:
            by = next((voice for voice in voices if _own(round_, voice) is Decision.REJECTED), None)
            verdicts[post_id] = (Decision.REJECTED, by)
    return verdicts


def revision_allowed(round_number: int, max_revision_rounds: int) -> bool:
    """Whether another round may follow this one when changes are asked for."""
    return round_number <= max_revision_rounds


def extends(round_: ApprovalRound) -> bool:
    """Whether a round whose time is over gets the same time once more."""
    return round_.on_timeout == "extend" and not round_.extended


def timeout_policy(round_: ApprovalRound) -> OnTimeout:
    """Return what happens if nobody decides: a round that got more time gets none again, and ends undecided."""
    return "reject" if round_.on_timeout == "extend" and round_.extended else round_.on_timeout


def timeout_outcome(round_: ApprovalRound, decisions: Sequence[ApproverDecision]) -> Decision | None:
    """Return what the policy makes of a round whose time is over; None: it ends undecided.

    Only `approve` decides, and only for what nobody objected to and no check blocks: a change or a
    rejection that somebody asked for still stands.
    """
    if round_.on_timeout != "approve":
        return None
    voices = _voices(round_, decisions)
    merged = _merged(round_, voices)
    silent = {post_id for post_id, verdict in merged.items() if verdict is None and post_id not in round_.blocked}
    return campaign_decision(Decision.APPROVED if post_id in silent else merged[post_id] for post_id in merged)


def after_edit(before: Post, after: Post) -> Post:
    """Return the edited post; when an approver would see a difference, its approval is gone."""
    if before.content_hash() == after.content_hash() or before.review.state is ReviewState.NONE:
        return after
    return after.model_copy(update={"review": Review(state=ReviewState.PENDING, round=before.review.round)})


def changed_posts(round_: ApprovalRound, posts: Iterable[Post]) -> list[str]:
    """Return the posts that are not what the round shows: changed, new or gone."""
    now = {post.id: post.content_hash() for post in posts}
    return [post_id for post_id in {**round_.posts, **now} if round_.posts.get(post_id) != now.get(post_id)]


def everything_passed(round_: ApprovalRound) -> bool:
    """Whether the policy of the brand leaves nothing for a person to look at."""
    return round_.n == 1 and len(round_.locked) == len(round_.posts)
