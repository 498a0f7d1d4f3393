"""The form of the review page: what was typed, what is still missing, and what it says when it is sent.

Fields, `N` being the number of a post: `d.N` decision, `c.N` comment, `s.N` the passage that it is about,
`q.N` quick reasons, `e.N` the text in the approver's own words, `t.N` another time of those offered, `w.N` one that
was typed (both wall times of the campaign), `r.N` the revision that was shown. Nothing is preselected; what comes
back is only what somebody chose.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Final, get_args
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

from api.review.views.cards import REASONS
from campaigns.model.approval import (
    MAX_PASSAGE,
    MIN_COMMENT,
    WALL_TIME,
    ApprovalRound,
    ApproverDecision,
    DecisionRequest,
    PostDecision,
    PostDraft,
    PostVerdict,
    ReviewDraft,
)
from campaigns.model.base import visible_text
from campaigns.model.post import MAX_TEXT, Post
from campaigns.model.terms.schedule import local_instant
from campaigns.model.vocabulary import Decision
from campaigns.rules.approval.decisions import campaign_decision
from campaigns.rules.approval.passages import points_into
from campaigns.rules.merge.defaults import MOST_POSTS_EVER
from campaigns.texts import Words

MAX_FIELDS: Final = 20 * MOST_POSTS_EVER
MAX_COMMENT: Final = 5000
MAX_NAME: Final = 100
_NEVER: Final = datetime(1, 1, 2, tzinfo=UTC)
_WALL_TIME: Final = re.compile(WALL_TIME)
_VERDICTS: Final = frozenset(get_args(PostVerdict))


@dataclass(frozen=True, slots=True)
class Form:
    """A form as it was sent; the first value of a field that comes twice counts, but for the reasons."""

    values: Mapping[str, list[str]]

    @classmethod
    def parse(cls, body: bytes) -> Form:
        """Read `application/x-www-form-urlencoded`.

        Raises:
            ValueError: more fields than any page of ours has.
        """
        values: dict[str, list[str]] = {}
        text = body.decode("ascii", "replace")
        for name, value in parse_qsl(text, keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="replace"):
            values.setdefault(name, []).append(value)
        return cls(values)

    def one(self, name: str) -> str:
        return self.values.get(name, [""])[0]

    def text(self, name: str, most: int) -> str:
        return visible_text(self.one(name))[:most]


@dataclass(frozen=True, slots=True)
class Answers:
    """What was chosen for each post, by post id; posts without a choice are there too."""

    posts: Mapping[str, PostDraft]
    comments: str = ""
    name: str = ""
    confirmed: bool = False
    digest: str = ""
    code: str = ""

    def saved(self, at: datetime, browser: str = "") -> ReviewDraft:
        posts = {post_id: each for post_id, each in self.posts.items() if _says_something(each)}
        return ReviewDraft(
            digest=self.digest, posts=posts, comments=self.comments, decided_by=self.name, browser=browser, saved_at=at
        )

    @property
    def begun(self) -> bool:
        return bool(self.comments) or any(map(_says_something, self.posts.values()))


def _says_something(choice: PostDraft) -> bool:
    return bool(choice.decision or choice.comment or choice.reasons or choice.edit or choice.move_to)


def answers_of_form(form: Form, posts: Sequence[Post]) -> Answers:
    """Return what a form says; fields that no page of ours has are left alone."""
    return Answers(
        posts={post.id: _choice(form, post) for post in posts},
        comments=form.text("comments", MAX_COMMENT),
        name=" ".join(form.text("decidedBy", MAX_NAME).split()),
        confirmed=form.one("confirm") == "yes",
        digest=form.one("digest") if form.one("digest").isalnum() else "",
        code="".join(form.text("code", 20).split()),
    )


def _choice(form: Form, post: Post) -> PostDraft:
    decision, revision = form.one(f"d.{post.number}"), form.one(f"r.{post.number}")
    return PostDraft(
        decision=decision if decision in _VERDICTS else None,
        move_to=_wall_time(form.one(f"w.{post.number}") or form.one(f"t.{post.number}")),
        edit=_own_words(form.text(f"e.{post.number}", MAX_TEXT), post),
        reasons=[reason for reason in REASONS if reason in form.values.get(f"q.{post.number}", [])],
        comment=form.text(f"c.{post.number}", MAX_COMMENT),
        passage=" ".join(form.text(f"s.{post.number}", MAX_PASSAGE).split()) or None,
        revision=int(revision) if revision.isascii() and revision.isdigit() and len(revision) < 6 else post.revision,
    )


def _own_words(typed: str, post: Post) -> str | None:
    """Return what was typed instead of a post's text; None where that is as it was, or nothing."""
    as_it_is = visible_text(post.content.text) if post.content else ""
    return typed if typed and typed != as_it_is else None


def _wall_time(typed: str) -> str | None:
    """Return a wall time to the minute, as browsers send it; None where it is none."""
    return typed[:16] if _WALL_TIME.match(typed[:16]) else None


def comments_of(form: Form) -> list[tuple[str, str]]:
    """Return what was typed, each with the number of its post, also where nobody knows the posts just now."""
    numbers = sorted(int(name[2:]) for name in form.values if re.fullmatch(r"c\.[0-9]{1,4}", name))
    typed = [("", form.text("comments", MAX_COMMENT))]
    typed += [(f"{number}.", form.text(f"c.{number}", MAX_COMMENT)) for number in numbers]
    return [(title, text) for title, text in typed if text]


def answers_of_draft(draft: ReviewDraft | None, posts: Sequence[Post]) -> Answers:
    """Return what was saved, for the posts that there are."""
    kept = draft.posts if draft else {}
    return Answers(
        posts={post.id: kept.get(post.id, PostDraft(revision=post.revision)) for post in posts},
        comments=draft.comments if draft else "",
        name=draft.decided_by if draft else "",
        digest=draft.digest if draft else "",
    )


def draft_of(
    said: ApproverDecision, draft: ReviewDraft | None, posts: Sequence[Post], *, zone: ZoneInfo, now: datetime
) -> ReviewDraft:
    """Return what somebody who takes a decision back goes on from: the draft it came from, else what was recorded."""
    whole = {"comments": said.comments, "decided_by": said.decided_by, "saved_at": now}
    if draft is not None:  # what the last step asked for came after it
        return draft.model_copy(update=whole)
    revisions = {post.id: post.revision for post in posts}
    chosen = {
        post_id: PostDraft(
            decision=each.decision,
            comment=each.comment,
            passage=each.passage,
            edit=each.edit,
            move_to=wall_of(each.move_to, zone) if each.move_to else None,
            revision=revisions.get(post_id, 0),
        )
        for post_id, each in said.posts.items()
    }
    return ReviewDraft.model_validate({"digest": said.digest, "posts": chosen, **whole})


def rest_approved(answers: Answers, round_: ApprovalRound) -> Answers:
    """Return the answers with every post approved that nothing was said of; blocked ones are not among "all"."""
    posts = {
        post_id: each.model_copy(update={"decision": "approved"})
        if each.decision is None and (each.edit or post_id not in round_.blocked) and post_id not in round_.locked
        else each
        for post_id, each in answers.posts.items()
    }
    return Answers(posts, answers.comments, answers.name, answers.confirmed, answers.digest)


@dataclass(frozen=True, slots=True)
class Faults:
    """What keeps a form from being sent: by post id, and on the send step by field."""

    posts: Mapping[str, str] = field(default_factory=dict)
    fields: Mapping[str, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.posts or self.fields)


def faults_of_choices(answers: Answers, posts: Sequence[Post], round_: ApprovalRound, words: Words) -> Faults:
    """Return which posts have no decision yet, or one that cannot be."""
    faults: dict[str, str] = {}
    for post in posts:
        if post.id in round_.locked:
            continue
        choice, number = answers.posts[post.id], str(post.number)
        if choice.decision is None:
            faults[post.id] = words("fault.undecided", number=number)
        elif choice.decision != "approved" and choice.edit:
            faults[post.id] = words("fault.edit_not_approved", number=number)
        elif choice.decision != "approved" and choice.move_to:
            faults[post.id] = words("fault.move_not_approved", number=number)
        elif choice.decision == "approved" and post.id in round_.unapprovable and not choice.edit:
            faults[post.id] = words("fault.legal", number=number)
        elif choice.passage and not points_into(post, choice.passage):
            faults[post.id] = words("fault.passage", number=number)
    return Faults(posts=faults)


def unexplained(answers: Answers, words: Words) -> int:
    """Return how many posts are not approved without a word on why: the comment on the whole has to say it."""
    return sum(
        each.decision not in {None, "approved"} and len(comment_of(each, words)) < MIN_COMMENT
        for each in answers.posts.values()
    )


def faults_of_sending(answers: Answers, words: Words, *, needs_code: bool = False) -> Faults:
    """Return what the send step still needs."""
    faults: dict[str, str] = {}
    if (missing := unexplained(answers, words)) and len(answers.comments) < MIN_COMMENT:
        faults["comments"] = words("send.comment_needed", n=missing)
    if not answers.name:
        faults["decidedBy"] = words("fault.name")
    if not answers.confirmed:
        faults["confirm"] = words("fault.confirm")
    if needs_code and not re.fullmatch(r"[0-9]{6}", answers.code):
        faults["code"] = words("fault.code")
    return Faults(fields=faults)


def comment_of(choice: PostDraft, words: Words) -> str:
    """Return the comment as it is recorded: the quick reasons first, then what was typed."""
    reasons = words.listed([words(f"reason.{reason}") for reason in choice.reasons]) if choice.reasons else ""
    return f"{reasons}: {choice.comment}" if reasons and choice.comment else reasons or choice.comment


def instant_of_wall(wall: str, zone: ZoneInfo) -> datetime:
    """Return the instant of a wall time such as `2027-03-16T09:30`; long ago where there is no such day."""
    day, _, clock = wall.partition("T")
    hours, _, minutes = clock.partition(":")
    try:
        return local_instant(date.fromisoformat(day), int(hours) * 60 + int(minutes), zone)
    except (ValueError, OverflowError):
        return _NEVER


def wall_of(at: datetime, zone: ZoneInfo) -> str:
    return f"{at.astimezone(zone):%Y-%m-%dT%H:%M}"


def request_of(
    answers: Answers, round_: ApprovalRound, words: Words, *, zone: ZoneInfo, attempt_id: str | None
) -> DecisionRequest:
    """Return the decision that the answers come to.

    Raises:
        ValidationError: it is not one; the page checks what people can get wrong before.
    """
    chosen = {
        post_id: PostDecision(
            decision=each.decision,
            comment=comment_of(each, words)[:MAX_COMMENT],
            passage=each.passage if comment_of(each, words) else None,
            edit=each.edit,
            move_to=instant_of_wall(each.move_to, zone) if each.move_to else None,
        )
        for post_id, each in answers.posts.items()
        if each.decision is not None and post_id not in round_.locked
    }
    verdicts = [Decision(each.decision) for each in chosen.values()] + [Decision.APPROVED for _ in round_.locked]
    return DecisionRequest(
        decision=campaign_decision(verdicts) or Decision.APPROVED,
        comments=answers.comments,
        callback_id=round_.callback_id,
        posts=chosen,
        decided_by=answers.name or None,
        digest=answers.digest or None,
        attempt_id=attempt_id,
    )
