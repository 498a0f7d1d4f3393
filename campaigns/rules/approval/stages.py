"""Approval in stages: what each has approved, who is asked next, about which posts (design/domain.md 17). Pure.

A round belongs to one stage. It shows what the stages before it have approved, and of each post which stages have
approved exactly these words; other words, whoever wrote them, were approved by nobody. After a round the first stage is
asked that has not approved all that goes on; nothing is left to ask: it is approved.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from campaigns.model.approval import ApprovalRound, ApproverDecision, RoundStage
from campaigns.model.post import Post
from campaigns.model.terms.approval_terms import Approval
from campaigns.model.vocabulary import Decision, RoundStatus
from campaigns.rules.approval.decisions import LAST_CALL, expires_at, post_verdicts


def verdicts_of(round_: ApprovalRound, decisions: Sequence[ApproverDecision]) -> dict[str, Decision]:
    """Return what a round came to for each post; nothing where it came to nothing."""
    ended = round_.status in {RoundStatus.DECIDED, RoundStatus.TIMED_OUT} and round_.outcome is not None
    verdicts = post_verdicts(round_, decisions) if ended else {}
    return {post_id: verdict for post_id, (verdict, _) in verdicts.items()}


def cleared_by(round_: ApprovalRound, decisions: Sequence[ApproverDecision]) -> dict[str, list[int]]:
    """Return which stages have approved each post as the round shows it, with what the round came to."""
    stage, verdicts = round_.stage, verdicts_of(round_, decisions)
    if stage is None:
        return {}
    own = {post_id for post_id, verdict in verdicts.items() if verdict is Decision.APPROVED}
    return {
        post_id: sorted({*stage.cleared.get(words, []), *([stage.n] if post_id in own else [])})
        for post_id, words in round_.posts.items()
    }


def next_stage(round_: ApprovalRound, decisions: Sequence[ApproverDecision]) -> int | None:
    """Return the stage that is asked after this round has approved; None: it was the last, or has not approved."""
    if round_.stage is None or round_.outcome is not Decision.APPROVED:
        return None
    cleared, verdicts = cleared_by(round_, decisions), verdicts_of(round_, decisions)
    going = [cleared[post_id] for post_id, verdict in verdicts.items() if verdict is Decision.APPROVED]
    return _first_lacking(going, len(round_.stage.names))


def asked_after(round_: ApprovalRound) -> int | None:
    """Return the stage that follows when this round approves all that it shows; None: it is the last."""
    if round_.stage is None:
        return None
    stage = round_.stage
    going = [{*stage.cleared.get(words, []), stage.n} for words in round_.posts.values()]
    return _first_lacking(going, len(stage.names))


def ended(round_: ApprovalRound, decisions: Sequence[ApproverDecision], changes: Mapping[str, Any]) -> ApprovalRound:
    """Return the round with another end, or open again; which stage follows is noted with it."""
    after = round_.model_copy(update=dict(changes))
    if after.stage is None:
        return after
    return after.model_copy(update={"stage": after.stage.model_copy(update={"next": next_stage(after, decisions)})})


def stage_to_open(
    terms: Approval,
    posts: Sequence[Post],
    passed: Iterable[str],
    before: ApprovalRound | None,
    decisions: Sequence[ApproverDecision],
) -> RoundStage | None:
    """Return the stage of the round that follows; None where the terms name no stages.

    Args:
        posts: those with words that nobody has rejected.
        passed: the posts that the policy of the brand lets through: no stage is asked about them.
        before: the round before, and the decisions in it.
    """
    if not terms.stages:
        return None
    names = [stage.name for stage in terms.stages]
    everybody = list(range(1, len(names) + 1))
    last = before.stage if before is not None and before.stage is not None else RoundStage(n=1, names=names)
    left_out = _left_out(before, decisions)
    hashed = {post.id: post.content_hash() for post in posts}
    shown = {post_id: words for post_id, words in hashed.items() if left_out.get(post_id) != words}
    waived = set(passed)
    cleared = {
        words: everybody if post_id in waived else carried(terms, before, decisions, post_id, words)
        for post_id, words in shown.items()
    }
    asked_for = before is not None and before.outcome is Decision.NEEDS_REVISION
    return RoundStage(
        n=_first_lacking(cleared.values(), len(names)) or len(names),
        names=names,
        cleared={words: stages for words, stages in cleared.items() if stages},
        left_out=left_out,
        revisions=last.revisions + asked_for,
    )


def approved_before(stage: RoundStage, posts: Iterable[Post]) -> list[str]:
    """Return the posts that the stage of a round has approved already, in the words that they have."""
    return [post.id for post in posts if stage.n in stage.cleared.get(post.content_hash(), [])]


def _first_lacking(cleared: Iterable[Collection[int]], stages: int) -> int | None:
    approved = list(cleared)
    return next((n for n in range(1, stages + 1) if any(n not in each for each in approved)), None)


def _left_out(before: ApprovalRound | None, decisions: Sequence[ApproverDecision]) -> dict[str, str]:
    """Return the posts that do not go on, in the words in which a stage passed them over."""
    if before is None or before.stage is None:
        return {}
    left = dict(before.stage.left_out)
    if before.outcome is Decision.APPROVED:
        verdicts = verdicts_of(before, decisions)
        left |= {each: words for each, words in before.posts.items() if verdicts.get(each) is not Decision.APPROVED}
    return left


def carried(
    terms: Approval, before: ApprovalRound | None, decisions: Sequence[ApproverDecision], post_id: str, words: str
) -> list[int]:
    """Return the stages that need not be asked about a post after a round, when its words have this hash now.

    They have approved exactly these; or a later stage wanted others, and its changes do not go back so far.
    """
    if before is None or before.stage is None or post_id not in before.posts:
        return []
    known = cleared_by(before, decisions)[post_id]
    if before.posts[post_id] == words:
        return known
    if verdicts_of(before, decisions).get(post_id) is not Decision.NEEDS_REVISION:
        return []
    return [n for n in known if n < terms.returns_to(before.stage.n)]


def stage_ends_at(terms: Approval, n: int, posts: Sequence[Post], now: datetime, *, hours: int) -> datetime:
    """Return when a round of stage n ends that is opened now: planned backwards from the first post.

    The stages behind it keep their hours; where there is not time for all, each gets its share of what there is.
    """
    later = sum(stage.expires_in_hours for stage in terms.in_stages[n:])
    due = [post.scheduled_at for post in posts]
    if not terms.stages:
        return expires_at(now, hours=hours, first_post=min(due))
    ahead = [at for at in due if at > now + LAST_CALL] or due
    left = min(ahead) - LAST_CALL - now
    if left <= timedelta() or left >= timedelta(hours=hours + later):
        return now + timedelta(hours=hours)
    return now + left * hours / (hours + later)
