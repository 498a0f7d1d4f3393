"""What an approver changes in a post while deciding on it: its words, in the approver's own name, or its time. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from pydantic import ValidationError

from campaigns.errors import Fault
from campaigns.model.approval import ApprovalRound, ApproverDecision, DecisionRequest, PostDecision
from campaigns.model.brief import CampaignBrief
from campaigns.model.faults import faults_of
from campaigns.model.library.brand import Brand
from campaigns.model.library.persona import Persona
from campaigns.model.post import Check, Post, PostContent, Quality
from campaigns.model.terms.approval_terms import Approval
from campaigns.model.vocabulary import PostStatus
from campaigns.rules.approval.decisions import LAST_CALL, after_edit
from campaigns.rules.calendar.giving import given_on
from campaigns.rules.calendar.moving import Board, refusal_of
from campaigns.rules.calendar.slots.demand import Terms
from campaigns.rules.calendar.slots.openings import own_terms
from campaigns.rules.guardrails import check_post
from campaigns.rules.guardrails.policy_of import content_policy
from campaigns.rules.merge.config import MergedConfig

MOST_CHANGED: Final = 30
"""The most posts that one answer may change: they are written in one transaction, which is bounded."""


@dataclass(frozen=True, slots=True)
class Material:
    """All posts of a campaign as they are stored, and what words and moments are judged by."""

    posts: Sequence[Post]
    brief: CampaignBrief
    config: MergedConfig
    brand: Brand | None
    personas: Mapping[str, Persona]

    def post(self, post_id: str) -> Post | None:
        return next((post for post in self.posts if post.id == post_id), None)


@dataclass(frozen=True, slots=True)
class Rewritten:
    """The posts as an answer leaves them, those that it changes, and why it cannot be recorded."""

    changed: Sequence[Post] = ()
    faults: Sequence[Fault] = ()


def content_with(before: Post, text: str) -> PostContent:
    """Return the content of a post with another text.

    Raises:
        ValidationError: no post can have this text.
    """
    assert before.content is not None
    return PostContent.model_validate({**before.content.model_dump(), "text": text})


def judged(material: Material, before: Post, content: PostContent) -> Quality:
    """Return what the guardrails find in words that are to replace those of a post."""
    policy = content_policy(
        before, material.config, material.brief, material.brand, material.personas[before.persona_id]
    )
    siblings = [
        post.content.text
        for post in material.posts
        if post.content is not None and post.platform == before.platform and post.id != before.id
    ]
    return check_post(content, post=before, policy=policy, siblings=siblings)


def _out_at(material: Material, post: Post, at: datetime) -> dict[str, Any]:
    """Return what changes of a post that goes out at another time: that, and what it carries on its day."""
    if at == post.scheduled_at:
        return {}
    day = at.astimezone(material.brief.schedule.zone).date()
    given, required = given_on(material.brief, post.given, post.required_inclusions, day)
    return {"scheduled_at": at, "given": given, "required_inclusions": required}


def found_then(material: Material, post: Post, at: datetime) -> list[Check]:
    """Return what the guardrails find in the words of a post when it goes out at another time, and not at its own."""
    if post.content is None or at == post.scheduled_at:
        return []
    known = {(check.code, check.message) for check in judged(material, post, post.content).checks}
    there = judged(material, post.model_copy(update=_out_at(material, post, at)), post.content).checks
    return [check for check in there if (check.code, check.message) not in known]


def _with(quality: Quality | None, gained: Sequence[Check]) -> Quality | None:
    """Return what was found, and what was found besides; whoever wrote the words may have found what no rule can."""
    if quality is None or not gained:
        return quality
    return quality.model_copy(update={"checks": [*quality.checks, *gained]})


def reworded(material: Material, before: Post, text: str, *, by: str, now: datetime) -> Post:
    """Return the next revision of a post, with another text and in the name of whoever wrote it.

    Raises:
        ValidationError: no post can have this text.
    """
    content = content_with(before, text)
    quality = judged(material, before, content)
    words: dict[str, Any] = {
        "content": content,
        "quality": quality,
        "status": PostStatus.NEEDS_REVIEW if quality.blocked else PostStatus.COMPLETED,
        "comment_answers": [],
        "edited_by": by,
    }
    return _next(before, words, now)


def restored(now_stored: Post, before: Post, *, now: datetime) -> Post:
    """Return the next revision of a post, with everything that people see as it was before."""
    words = {
        name: getattr(before, name)
        for name in (
            "content", "quality", "status", "comment_answers", "edited_by", "scheduled_at", "given",
            "required_inclusions",
        )
    }  # fmt: skip
    return _next(now_stored, words, now)


def _next(before: Post, words: Mapping[str, Any], now: datetime) -> Post:
    counted = {"revision": before.revision + 1, "version": before.version + 1, "updated_at": now}
    return after_edit(before, before.model_copy(update={**words, **counted}))


def rewritten(
    material: Material, round_: ApprovalRound, request: DecisionRequest, *, terms: Approval, by: str, now: datetime
) -> Rewritten:
    """Return the posts that an answer changes: in their words, in their time, or in both.

    Args:
        terms: what the campaign lets approvers change.
        by: in whose name.
    """
    posts = {post.id: post for post in material.posts}
    faults: list[Fault] = []
    for post_id, said in request.posts.items():
        before = posts.get(post_id)
        if before is None or before.content is None or post_id not in round_.posts:
            continue
        by_then = replace(material, posts=list(posts.values()))
        moved_to = before
        if said.move_to is not None:
            told, moved_to = _moved(by_then, round_, before, said, terms, now)
            faults += told
            posts[post_id] = moved_to
        if said.edit is not None:
            told, after = _edited(by_then, round_, before, said, terms, by, now, at=moved_to.scheduled_at)
            faults += told
            posts[post_id] = moved_to if after is before else after
    moved = {post.id for post in material.posts if posts[post.id].scheduled_at != post.scheduled_at}
    faults += _misplaced(material, round_, [posts[each] for each in moved], list(posts.values()))
    changed = [posts[post.id] for post in material.posts if posts[post.id].content_hash() != post.content_hash()]
    if len(changed) > MOST_CHANGED:
        message = f"changes {len(changed)} posts, at most {MOST_CHANGED} in one answer: send the others after it"
        faults.append(Fault("posts", message, "TOO_MANY_CHANGES"))
    return Rewritten(changed, faults)


def _edited(
    material: Material,
    round_: ApprovalRound,
    before: Post,
    said: PostDecision,
    terms: Approval,
    by: str,
    now: datetime,
    *,
    at: datetime,
) -> tuple[list[Fault], Post]:
    """Return a post in other words, which are judged by when they go out."""
    path = f"posts.{before.id}.edit"
    if refused := _refused(round_, before.id, said, path, allowed=terms.allow_edits, kind="EDIT"):
        return [refused], before
    due = before.model_copy(update=_out_at(material, before, at))
    try:
        after = reworded(material, due, said.edit or "", by=by, now=now)
    except ValidationError as error:
        return faults_of(error, under=path), before
    blocks = [Fault(path, check.message, "EDIT_BLOCKED") for check in blocks_of(after.quality)]
    return blocks, after if after.content_hash() != due.content_hash() else before


def _moved(
    material: Material, round_: ApprovalRound, before: Post, said: PostDecision, terms: Approval, now: datetime
) -> tuple[list[Fault], Post]:
    """Return a post in another place, unless its words would be wrong there: they name their day, perhaps."""
    path = f"posts.{before.id}.moveTo"
    if refused := _refused(round_, before.id, said, path, allowed=terms.allow_moves, kind="MOVE"):
        return [refused], before
    if said.move_to is None or said.move_to == before.scheduled_at:
        return [], before
    after = _next(before, _out_at(material, before, said.move_to), now)
    if said.edit is not None or before.content is None:
        return [], after  # the words that replace these are judged instead
    gained = found_then(material, before, said.move_to)
    if blocks := [check for check in gained if check.severity == "block"]:
        return [Fault(path, check.message, "MOVE_BREAKS_RULE") for check in blocks], after
    return [], after.model_copy(update={"quality": _with(before.quality, gained)})


def board_of(material: Material, round_: ApprovalRound, posts: Sequence[Post] | None = None) -> Board:
    """Return the places of a campaign's posts; nobody's time to decide is cut short by a post that goes out sooner.

    The stages behind the one that is asked keep their hours.
    """
    later = material.brief.approval.in_stages[round_.stage.n :] if round_.stage else []
    earliest = round_.expires_at + timedelta(hours=sum(stage.expires_in_hours for stage in later)) + LAST_CALL
    terms = Terms.of(material.brief, material.config)
    own = own_terms(material.brief, terms)
    return Board(terms, material.posts if posts is None else posts, earliest=earliest, own=own)


def _misplaced(
    material: Material, round_: ApprovalRound, moved: Sequence[Post], posts: Sequence[Post]
) -> Iterator[Fault]:
    if not moved:
        return
    board = board_of(material, round_, posts)
    for post in moved:
        if (rule := board.broken(post, post.scheduled_at)) is not None:
            yield Fault(f"posts.{post.id}.moveTo", refusal_of(rule, board.terms_of(post)), "MOVE_BREAKS_RULE")


def _refused(
    round_: ApprovalRound, post_id: str, said: PostDecision, path: str, *, allowed: bool, kind: Literal["EDIT", "MOVE"]
) -> Fault | None:
    if not allowed and kind == "EDIT":
        return Fault(path, "approvers of this campaign do not change its words: ask for changes", "EDIT_NOT_ALLOWED")
    if not allowed:
        return Fault(path, "approvers of this campaign do not move its posts: ask for changes", "MOVE_NOT_ALLOWED")
    if post_id in round_.locked:
        return Fault(path, "was approved in an earlier round and stays as it is", "POST_LOCKED")
    if said.decision != "approved":
        what = "version" if kind == "EDIT" else "time"
        return Fault(path, f"is your own {what}: approve the post with it, or leave it out", "CHANGE_NOT_APPROVED")
    return None


def blocks_of(quality: Quality | None) -> list[Check]:
    """Return the findings that words of an approver may not have."""
    return [check for check in (quality.checks if quality else []) if check.severity == "block"]


def taken_back(
    said: ApproverDecision, material: Material, round_: ApprovalRound, kept: Mapping[str, Post], *, now: datetime
) -> list[Post]:
    """Return the posts that get back what a decision replaced; what was changed again since keeps its words.

    A post whose place is not free any more, or on a day or in a week that has its posts by now, keeps the time of now,
    and its words are judged by that.

    Args:
        kept: the revisions that the decision replaced, by post.
    """
    back = [post for post in material.posts if post.id in kept and post.content_hash() == said.words.get(post.id)]
    before = {post.id: kept[post.id] for post in back}
    while taken := _taken(back, before, material, round_):
        before |= {post.id: _kept_there(material, kept[post.id], post.scheduled_at) for post in taken}
    return [restored(post, before[post.id], now=now) for post in back]


def _kept_there(material: Material, before: Post, at: datetime) -> Post:
    """Return what a post was, but for its time."""
    quality = _with(before.quality, found_then(material, before, at))
    blocked = quality is not None and quality.blocked
    status = PostStatus.NEEDS_REVIEW if blocked else before.status
    return before.model_copy(update={**_out_at(material, before, at), "quality": quality, "status": status})


def _taken(back: Sequence[Post], before: Mapping[str, Post], material: Material, round_: ApprovalRound) -> list[Post]:
    """Return the posts that would go back to a place that is not free, when the others go back too."""
    moved = [post for post in back if before[post.id].scheduled_at != post.scheduled_at]
    if not moved:
        return []
    board = board_of(material, round_, [before.get(post.id, post) for post in material.posts])
    return [post for post in moved if board.taken(before[post.id], before[post.id].scheduled_at) is not None]
