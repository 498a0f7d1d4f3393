"""What the review page and its send step say, as values for the templates."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from api.review.views.brandmark import brand_mark
from api.review.views.cards import Card, Past, Said, Setting, card
from api.review.views.forms import Answers, Faults, comment_of, instant_of_wall, unexplained
from api.review.views.moments import moments
from api.review.views.month import grids
from api.review.views.stages import next_asked, place, stage_lines
from api.review.visit import Visit
from campaigns.approval.rounds import POLICY
from campaigns.model.approval import PostDraft
from campaigns.model.post import Post
from campaigns.model.vocabulary import PLATFORM_NAMES, PLATFORMS, Decision
from campaigns.rules.approval.decisions import timeout_policy
from campaigns.rules.approval.feedback import overall_remarks, pointed, remarks_on
from campaigns.texts import Words

if TYPE_CHECKING:
    from api.review.views.own_words import OwnWords

POSTS_A_PAGE: Final = 20
"""Posts on one page: 100 kB at most."""


@dataclass(frozen=True, slots=True)
class ShownDay:
    """The posts of one local day."""

    title: str
    iso: str
    cards: list[Card]


def review_page(
    visit: Visit,
    answers: Answers,
    *,
    number: int = 1,
    faults: Faults | None = None,
    note: str = "",
    stale: bool = False,
    own: Mapping[str, OwnWords] | None = None,
) -> dict[str, Any]:
    """Return the values of `review.html`: one page of posts, with what was chosen so far."""
    faults = faults or Faults()
    pages = max(1, math.ceil(len(visit.posts) / POSTS_A_PAGE))
    number = min(max(number, 1), pages)
    if faults.posts:
        first = next(index for index, post in enumerate(visit.posts) if post.id in faults.posts)
        number = first // POSTS_A_PAGE + 1
    here = visit.posts[(number - 1) * POSTS_A_PAGE : number * POSTS_A_PAGE]
    cards = [_card(visit, post, answers, faults) for post in here]
    offered = moments(visit, answers, here)
    open_posts = [post for post in visit.posts if post.id not in visit.round.locked]
    shown = {post.id for post in here}
    elsewhere = [post for post in open_posts if post.id not in shown]
    return {
        **masthead(visit),
        "days": _days(visit, here, cards),
        "agenda": _agenda(visit),
        "months": grids(
            visit.posts, visit.words, visit.zone, personas=visit.personas, order=visit.campaign.participants.persona_ids
        ),
        "page_of": {post.number: index // POSTS_A_PAGE + 1 for index, post in enumerate(visit.posts)},
        "changes": _changes(visit, cards),
        "filters": _filters(visit.posts),
        "speakers": _speakers(visit),
        "brief": _brief(visit),
        "answers": answers,
        "moments": {post.number: each for post in here if (each := offered.get(post.id)) is not None},
        "own": {post.number: (own or {})[post.id] for post in here if post.id in (own or {})},
        "faults": [(post.number, faults.posts[post.id]) for post in visit.posts if post.id in faults.posts],
        "undecided": [
            post.number for post in visit.posts if post.id in faults.posts and answers.posts[post.id].decision is None
        ],
        "note": note,
        "stale": stale,
        "policy": timeout_policy(visit.round),
        "heard": _heard(visit),
        "open_count": len(open_posts),
        "restable": [post for post in open_posts if post.id not in visit.round.blocked],
        "elsewhere": [(post, answers.posts[post.id]) for post in elsewhere],
        "page": number,
        "pages": pages,
        "shown": (
            number * POSTS_A_PAGE - POSTS_A_PAGE + 1,
            number * POSTS_A_PAGE - POSTS_A_PAGE + len(here),
            len(visit.posts),
        ),
        "read_only": not visit.may_decide,
    }


def send_page(
    visit: Visit,
    answers: Answers,
    *,
    attempt_id: str,
    faults: Faults | None = None,
    own: Mapping[str, OwnWords] | None = None,
) -> dict[str, Any]:
    """Return the values of `send.html`: what will be recorded, in short, and the last questions."""
    words = visit.words
    groups = []
    for verdict in ("approved", "needs_revision", "rejected"):
        chosen = [post for post in visit.posts if answers.posts[post.id].decision == verdict]
        chosen = [post for post in chosen if post.id not in visit.round.locked]
        if chosen:
            lines = [
                (post, PLATFORM_NAMES[post.platform], words.short_day(post.scheduled_at.astimezone(visit.zone).date()),
                 pointed(answers.posts[post.id].passage, comment_of(answers.posts[post.id], words)),
                 (own or {}).get(post.id), _moved_to(visit, answers.posts[post.id].move_to))
                for post in chosen
            ]  # fmt: skip
            groups.append((verdict, words(f"send.{verdict}", n=len(chosen)), lines))
    verdicts = {verdict for verdict, _, _ in groups}
    then = _then(verdicts, last=visit.last_round, kept=bool(visit.round.locked))
    return {
        **masthead(visit),
        "groups": groups,
        "kept": len(visit.found.round.locked),
        "then": then,
        "answers": answers,
        "name": answers.name or visit.approver.name,
        "attempt_id": attempt_id,
        "unexplained": unexplained(answers, words),
        "needs_code": visit.needs_code,
        "faults": faults.fields if faults else {},
        "hidden": [(post, answers.posts[post.id]) for post in visit.posts if post.id not in visit.round.locked],
    }


def _moved_to(visit: Visit, wall: str | None) -> str:
    """Return where a post is moved to, in words."""
    if not wall:
        return ""
    at = visit.words.both(instant_of_wall(wall, visit.zone), visit.zone, visit.reader_zone)
    return visit.words("move.to", at=at)


def _then(verdicts: set[str], *, last: bool, kept: bool) -> str:
    if "needs_revision" in verdicts:
        return "send.then_last" if last else "send.then_needs_revision"
    return "send.then_rejected" if verdicts == {"rejected"} and not kept else "send.then_approved"


def masthead(visit: Visit) -> dict[str, Any]:
    """Return what every page of a live review begins with."""
    words, round_, campaign = visit.words, visit.round, visit.campaign
    platforms = [PLATFORM_NAMES[each] for each in campaign.participants.platforms]
    return {
        "visit": visit,
        "words": words,
        "mark": brand_mark(visit.brand.name if visit.brand else campaign.name, visit.brand),
        "brand": visit.brand.name if visit.brand else "",
        "platforms": words.listed(platforms),
        "rounds": campaign.approval.max_revision_rounds + 1,
        "place": place(visit),
        "stages": stage_lines(visit),
        "next_stage": next_asked(visit),
        "until": words.both(round_.expires_at, visit.reader_zone, visit.zone),
        "first_post": words.both(min(post.scheduled_at for post in visit.posts), visit.zone, visit.reader_zone)
        if visit.posts
        else "",
        "asked": _asked(visit),
    }


def _heard(visit: Visit) -> list[str]:
    """Return what other approvers have sent so far; the reader may disagree."""
    return [
        visit.words(
            f"done.they_{said.decision}", name=said.decided_by, at=visit.words.moment(said.at, visit.reader_zone)
        )
        for said in visit.found.decisions
        if said.approver_id != visit.approver.id
    ]


def _asked(visit: Visit) -> str:
    words, round_ = visit.words, visit.round
    names = [
        words("asked.you") if approver.id == visit.approver.id else approver.name
        for approver in round_.approvers
        if not approver.revoked
    ]
    if len(names) <= 1:
        return words.listed(names)
    key = {"any": "asked.any", "all": "asked.all"}.get(round_.quorum, "asked.some")
    return words(key, names=words.listed(names), count=round_.quorum)


def _brief(visit: Visit) -> list[tuple[str, list[str]]]:
    words, campaign = visit.words, visit.campaign
    action = campaign.brief.primary_cta
    call = " · ".join(part for part in (action.text, action.url) if part) if action else ""
    rows = [
        ("brief.description", [campaign.brief.description]),
        ("brief.objective", [words(f"objective.{campaign.brief.objective}")]),
        ("brief.cta", [call] if call else []),
        ("brief.inclusions", campaign.messaging.all_inclusions()),
        ("brief.avoid", list(campaign.messaging.campaign_avoid_topics)),
        ("brief.notes", list(campaign.plan_summary.warnings) if campaign.plan_summary else []),
    ]
    return [(words(key), values) for key, values in rows if values]


def _card(visit: Visit, post: Post, answers: Answers, faults: Faults) -> Card:
    words, choice = visit.words, answers.posts.get(post.id, PostDraft(revision=post.revision))
    setting = Setting(
        words=words,
        zone=visit.zone,
        reader=visit.reader_zone,
        personas=visit.personas,
        persona_order=visit.campaign.participants.persona_ids,
        now=visit.now,
    )
    past, badge = None, None
    if (decided := visit.words_decided_on(post)) is not None:
        past, badge = Past(decided, "stale"), "stale"
    elif (seen := visit.words_at(post, choice.revision)) is not None:
        past, badge = Past(seen, "stale"), "stale"
    elif (before := visit.words_of_last_round(post)) is not None:
        past, badge = (None, "moved") if before == post.content else (Past(before, "rewritten"), "rewritten")
    elif visit.last is not None and post.id in visit.last.round.posts and post.id not in visit.round.locked:
        badge = "same"
    return card(
        post,
        setting,
        choice=choice,
        past=past,
        said=_said(visit, post) if badge == "rewritten" else (),
        locked=_locked(visit, post),
        badge=badge,
        own=(choice.edit or post.content.text) if post.content and visit.may_edit(post) else None,
        fault=faults.posts.get(post.id),
    )


def _locked(visit: Visit, post: Post) -> str | None:
    if post.id not in visit.round.locked:
        return None
    if post.id not in visit.found.round.locked:
        return visit.words("post.yours")
    if post.review.by == POLICY:
        return visit.words("post.auto")
    name, round_ = visit.approved_by(post)
    return visit.words("post.locked", name=name, round=round_)


def _said(visit: Visit, post: Post) -> list[Said]:
    if visit.last is None or (visit.last.round.outcome is Decision.APPROVED and not post.comment_answers):
        return []  # nobody asked for it: an approver rewrote it, whose name it has
    answers = {answer.comment: answer.answer for answer in post.comment_answers}
    leftover = [answer.answer for answer in post.comment_answers]
    own = {
        each.decided_by
        for each in visit.last.decisions
        if each.approver_id == visit.last.own_id and each.round == visit.last.round.n
    }
    said = []
    remarks = remarks_on(post.id, visit.last.decisions) or overall_remarks(visit.last.decisions)
    for position, remark in enumerate(remarks):
        who = visit.words("changes.asked_you") if remark.by in own else visit.words("changes.asked", name=remark.by)
        answer = answers.get(remark.text) or (leftover[position] if position < len(leftover) else None)
        said.append(Said(who, remark.text, answer, remark.passage))
    return said


def _changes(visit: Visit, cards: Sequence[Card]) -> dict[str, Any] | None:
    if visit.last is None:
        return None
    rewritten = [each for each in cards if each.badge in {"rewritten", "moved"}]
    whole = [(remark.by, remark.text) for remark in overall_remarks(visit.last.decisions)]
    return {"rewritten": rewritten, "whole": whole, "unchanged": len(visit.round.locked)}


def _days(visit: Visit, posts: Iterable[Post], cards: Sequence[Card]) -> list[ShownDay]:
    words = visit.words
    local = {post.number: post.scheduled_at.astimezone(visit.zone).date() for post in posts}
    return [
        ShownDay(words.full_day(day), day.isoformat(), list(group))
        for day, group in groupby(cards, key=lambda each: local[each.number])
    ]


def _agenda(visit: Visit) -> list[tuple[str, list[tuple[int, str, str, str, int]]]]:
    """Return, by day, the number, time, platform, name and page of every post."""
    words, zone = visit.words, visit.zone
    rows = [
        (post.scheduled_at.astimezone(zone).date(),
         (post.number, words.clock(post.scheduled_at, zone), post.platform, PLATFORM_NAMES[post.platform],
          index // POSTS_A_PAGE + 1))
        for index, post in enumerate(visit.posts)
    ]  # fmt: skip
    return [
        (words.short_day(day), [row for _, row in group]) for day, group in groupby(rows, key=lambda entry: entry[0])
    ]


def _filters(posts: Sequence[Post]) -> list[tuple[int, str, str, int]]:
    """Return place, slug, name and count of each platform, in the order of the posts; none where there is only one."""
    counts = Counter(post.platform for post in posts)
    return (
        [(PLATFORMS.index(slug), slug, PLATFORM_NAMES[slug], count) for slug, count in counts.items()]
        if len(counts) > 1
        else []
    )


def _speakers(visit: Visit) -> list[tuple[int, str, int]]:
    """Return position, name and count of each persona that has posts; none where there is only one."""
    counts = Counter(post.persona_id for post in visit.posts)
    order = list(visit.campaign.participants.persona_ids)
    known = [persona for persona in order if counts[persona] and persona in visit.personas]
    if len(known) < 2:
        return []
    return [(order.index(persona), visit.personas[persona].name, counts[persona]) for persona in known]


def findings_count(posts: Sequence[Post]) -> int:
    return sum(bool(post.quality and post.quality.checks) for post in posts)


def stale_count(visit: Visit, answers: Answers) -> int:
    """Return how many posts are not what the form was shown."""
    return sum(answers.posts[post.id].revision != post.revision for post in visit.posts if post.id in answers.posts)


def lead(visit: Visit, words: Words) -> str:
    """Return the sentence below the title."""
    platforms = words.listed([PLATFORM_NAMES[each] for each in visit.campaign.participants.platforms])
    open_posts = [post for post in visit.posts if post.id not in visit.round.locked]
    if visit.again:
        return words("review.asked_again", n=len(visit.again))
    if visit.last is not None:
        rewritten = sum(visit.last.round.posts.get(post.id) not in {None, post.content_hash()} for post in open_posts)
        return words("review.lead_again", n=rewritten)
    return words("review.lead", n=len(visit.posts), platforms=platforms)
