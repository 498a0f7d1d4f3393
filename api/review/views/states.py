"""Every other page: the receipt, and what a link that is over says."""

from collections.abc import Sequence
from typing import Any

from fastapi.responses import HTMLResponse

from api.review.render import page
from api.review.views.page import masthead
from api.review.views.stages import next_asked
from api.review.visit import Visit
from campaigns.approval.invitations import Invitation, Standing
from campaigns.model.approval import ApproverDecision
from campaigns.model.post import Post
from campaigns.model.vocabulary import PLATFORM_NAMES, Decision, RoundStatus
from campaigns.rules.approval.decisions import missing_voices, undo_until, verdict_of
from campaigns.rules.approval.feedback import pointed
from campaigns.texts import Words

_SIGNS = {Standing.NEWER: "mail", Standing.REPLACED: "mail", Standing.EXPIRED: "clock", Standing.HALTED: "clock"}
_SIGN = {"approved": ("check", "good"), "needs_revision": ("pen", "warn"), "rejected": ("cross", "bad")}


def receipt_page(visit: Visit) -> HTMLResponse:
    """Return what was recorded, what happens next, and when."""
    words, found, round_ = visit.words, visit.found, visit.round
    said = found.own or (found.decisions[-1] if found.decisions else None)
    outcome = str(round_.outcome) if round_.status is RoundStatus.DECIDED else None
    sign, tone = _SIGN.get(outcome or "", ("check", "calm"))
    return page(
        "receipt.html",
        200,
        **masthead(visit),
        heading=words(f"done.{outcome or 'partial'}"),
        sign=sign,
        tone=tone,
        lead=_lead(visit, said),
        next=_next(visit, outcome),
        groups=_groups(visit, said) if said else [],
        rows=_rows(visit, said) if said else [],
        code=said.digest[:12] if said else "",
        mailed=found.own is not None,
        undo=_undo(visit),
    )


def _undo(visit: Visit) -> dict[str, str] | None:
    """Return the form that takes the reader's decision back, while it can be."""
    own = visit.found.own
    until = undo_until(visit.round, own) if own is not None else None
    if until is None or visit.now >= until:
        return None
    return {"path": visit.path(), "csrf": visit.csrf, "until": visit.words.clock(until, visit.reader_zone)}


def _lead(visit: Visit, said: ApproverDecision | None) -> str:
    words = visit.words
    if said is None:
        return words("done.no_need")
    at = words.both(said.at, visit.reader_zone, visit.zone)
    if visit.found.own is not None:
        return words(f"done.you_{said.decision}", at=at)
    return f"{words(f'done.they_{said.decision}', name=said.decided_by, at=at)} {words('done.no_need')}"


def _next(visit: Visit, outcome: str | None) -> list[str]:
    words, round_ = visit.words, visit.round
    if outcome is None:
        missing = missing_voices(round_, visit.found.decisions)
        until = words.both(round_.expires_at, visit.reader_zone, visit.zone)
        return [words("done.waiting", n=missing), words("done.next_waiting", at=until)]
    if outcome == Decision.NEEDS_REVISION:
        return [words("done.next_last" if visit.last_round else "done.next_needs_revision")]
    if outcome == Decision.REJECTED:
        return [words("done.next_rejected")]
    if round_.stage is not None and round_.stage.next is not None and (told := next_asked(visit)):
        return [told]
    going_out = [post for post in visit.posts if _verdict(visit, post.id) is Decision.APPROVED]
    if not going_out:
        return []
    first = min(post.scheduled_at for post in going_out)
    return [words("done.next_approved", at=words.both(first, visit.zone, visit.reader_zone))]


def _verdict(visit: Visit, post_id: str) -> Decision | None:
    said = [verdict_of(visit.round, each, post_id) for each in visit.found.decisions]
    return Decision.APPROVED if said and all(each is Decision.APPROVED for each in said) else None


def _groups(visit: Visit, said: ApproverDecision) -> list[tuple[str, str, list[Any]]]:
    words, groups = visit.words, []
    for verdict in Decision:
        chosen = [
            post
            for post in visit.posts
            if verdict_of(visit.round, said, post.id) is verdict and post.id not in visit.round.locked
        ]
        lines = [
            (
                post,
                PLATFORM_NAMES[post.platform],
                words.short_day(post.scheduled_at.astimezone(visit.zone).date()),
                pointed(said.posts[post.id].passage, said.posts[post.id].comment) if post.id in said.posts else "",
                words("edit.yours") if post.id in said.posts and said.posts[post.id].edit else None,
                _moved_to(visit, said, post),
            )
            for post in chosen
        ]
        if lines:
            groups.append((str(verdict), words(f"done.count_{verdict}", n=len(lines)), lines))
    return groups


def _moved_to(visit: Visit, said: ApproverDecision, post: Post) -> str:
    at = said.posts[post.id].move_to if post.id in said.posts else None
    return visit.words("move.to", at=visit.words.both(at, visit.zone, visit.reader_zone)) if at else ""


def _rows(visit: Visit, said: ApproverDecision) -> list[tuple[str, str]]:
    words = visit.words
    rows = [
        (words("done.by"), said.decided_by),
        (words("done.when"), words.both(said.at, visit.reader_zone, visit.zone)),
    ]
    return [*rows, (words("done.comment"), said.comments)] if said.comments else rows


def over_page(visit: Visit, *, note_left: bool = False, kept: Sequence[tuple[str, str]] = ()) -> HTMLResponse:
    """Return why this link decides nothing any more, without a word of the campaign but what the reader typed."""
    words, found = visit.words, visit.found
    match found.standing:
        case Standing.NEWER:
            lines = _newer(visit)
        case Standing.EXPIRED:
            lines = _expired(visit)
        case standing:
            lines = [words(f"state.{standing}.text")]
    if note_left:
        lines.append(words("state.expired.note"))
    return page(
        "closed.html",
        {Standing.NEWER: 200, Standing.HALTED: 503}.get(found.standing, 410),
        words=words,
        heading=words(f"state.{found.standing}.title"),
        lines=lines,
        sign=_SIGNS.get(found.standing, "stop"),
        kept=kept,
        relink=_relink(visit),
    )


def _newer(visit: Visit) -> list[str]:
    latest = visit.store.approvals.round(*visit.round.campaign_ref, visit.found.current)
    at = visit.words.moment(latest.opened_at, visit.reader_zone)
    key = "state.newer.text" if latest.status is RoundStatus.PENDING else "state.newer.over"
    return [visit.words(key, round=latest.n, at=at)]


def _expired(visit: Visit) -> list[str]:
    words, found, round_ = visit.words, visit.found, visit.round
    lines = [words("state.expired.was", at=words.moment(found.claims.expires_at, visit.reader_zone))]
    if found.own is not None:
        lines.append(words("state.expired.yours", at=words.moment(found.own.at, visit.reader_zone)))
    elif round_.status is RoundStatus.DECIDED:
        lines.append(words("state.expired.decided"))
    elif round_.status is RoundStatus.TIMED_OUT:
        outcome = {None: "timed_out", Decision.APPROVED: "approved"}.get(round_.outcome, "other")
        lines.append(words(f"state.expired.{outcome}"))
    elif visit.now < round_.expires_at:
        lines.append(words("state.expired.extended"))
    else:
        lines.append(words("state.expired.pending"))
    return lines


def _relink(visit: Visit) -> dict[str, str] | None:
    words, standing = visit.words, visit.found.standing
    if standing not in {Standing.NEWER, Standing.REPLACED, Standing.EXPIRED}:
        return None
    if standing is not Standing.NEWER and visit.found.own is not None:
        return None
    again = standing is not Standing.EXPIRED or visit.now < visit.round.expires_at
    return {
        "path": visit.path(),
        "csrf": visit.csrf,
        "label": words("state.resend" if again else "state.expired.ask"),
        "hint": words("state.resend_hint") if again else "",
    }


def said_page(
    words: Words,
    key: str,
    *,
    status: int,
    sign: str,
    headers: dict[str, str] | None = None,
    kept: Sequence[tuple[str, str]] = (),
    **values: Any,
) -> HTMLResponse:
    """Return a page of one title and one sentence (`state.<key>`), with what was typed where it would be lost."""
    lines = [words(f"state.{key}.text", **values)]
    title = words(f"state.{key}.title")
    return page(
        "closed.html", status, headers, words=words, heading=title, lines=lines, sign=sign, kept=kept, relink=None
    )


def code_page(visit: Visit, *, action: str, hidden: Sequence[tuple[str, str]], fault: str = "") -> HTMLResponse:
    """Return the question for the code that was sent; `hidden` is the form that it interrupts."""
    status = 422 if fault else 200
    return page("code.html", status, visit=visit, words=visit.words, action=action, hidden=hidden, fault=fault)


def conflict_page(visit: Visit, kept: list[tuple[str, str]], by: Invitation) -> HTMLResponse:
    """Return who decided before, with everything that was typed, so that nothing has to be typed again."""
    words = visit.words
    said = by.own or (by.decisions[-1] if by.decisions else None)
    lines = [words("state.conflict.text")]
    if said is not None:
        at = words.both(said.at, visit.reader_zone, visit.zone)
        who = "done.you_" if by.own is not None else "done.they_"
        lines.append(words(f"{who}{said.decision}", name=said.decided_by, at=at))
    title = words("state.conflict.title" if by.own is None else "state.conflict.own_title")
    return page("closed.html", 409, words=words, heading=title, lines=lines, sign="lock", kept=kept, relink=None)
