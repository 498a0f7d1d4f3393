"""Answering: what the form of the page asks for is recorded, kept as a draft, or refused with what is missing."""

import re
import secrets
from collections.abc import Callable, Sequence
from typing import Final

from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import ValidationError

from api.review.arriving import (
    Desk,
    admitted,
    as_it_stands,
    away,
    our_form,
    remember_code,
    too_often,
    unknown,
    visit_of,
)
from api.review.render import fragment
from api.review.showing import faults_of, review, send_step
from api.review.views.forms import (
    Answers,
    Faults,
    Form,
    answers_of_draft,
    answers_of_form,
    comment_of,
    comments_of,
    draft_of,
    faults_of_sending,
    request_of,
    rest_approved,
)
from api.review.views.own_words import looked_at
from api.review.views.page import stale_count
from api.review.views.states import code_page, conflict_page, over_page, said_page
from api.review.visit import Visit
from api.routers.approvals import client_of, record
from campaigns.approval.codes import Proof, prove, send_code
from campaigns.approval.editing import material_of
from campaigns.approval.invitations import LIVE, Standing
from campaigns.approval.renewing import send_again
from campaigns.approval.rounds import Voice, keep_draft, leave_note, undo
from campaigns.errors import (
    AlreadyDecidedError,
    AnswerTakenBackError,
    ApprovalLinkError,
    CampaignError,
    CodeRequiredError,
    FaultsError,
    GoneError,
    ItemTooLargeError,
    NotFoundError,
    SelfApprovalError,
    StaleReviewError,
    StoreUnavailableError,
    TooLateToUndoError,
)
from campaigns.keys.links import FORM_LIFETIME
from campaigns.model.post import MAX_TEXT
from campaigns.texts import Words

_REFUSALS: Final = (
    *(AlreadyDecidedError, AnswerTakenBackError, CodeRequiredError, FaultsError),
    *(GoneError, ItemTooLargeError, SelfApprovalError, StaleReviewError),
)
"""Why an answer may not be recorded, each with its page."""
_OF_THE_PAGE: Final = frozenset({"csrf", "code", "action"})


def answer(at: Desk, callback_id: str, body: bytes) -> Response:
    """Do what a form asks for, once it is known that a page of ours sent it, and when."""
    form = our_form(at, body)
    try:
        visit = admitted(at, callback_id, form)
        if isinstance(visit, Response):
            return visit
        issued = at.links.form_issued_at(visit.found.claims, form.one("csrf"), now=at.now) if form else None
        if form is None or issued is None:
            kept = comments_of(form) if form else []
            return said_page(visit.words, "foreign", status=403, sign="stop", kept=kept)
        if at.now - issued >= FORM_LIFETIME and visit.found.standing is Standing.OPEN:
            answers = answers_of_form(form, visit.posts)
            return review(visit, answers, status=409, note=visit.words("review.old_form"), stale=True)
        return _act(at, visit, form)
    except StoreUnavailableError:
        kept = comments_of(form) if form else []
        return _unsaved(at.words, kept)


def checked(at: Desk, callback_id: str, body: bytes) -> Response:
    """Return what is said beside the field of a text; 204 where nothing is to be said."""
    form = our_form(at, body)
    try:
        visit = visit_of(at, callback_id, form)
        if wait := at.limits.use(f"{callback_id}/check", at.network):
            return too_often(visit.words, wait)
        if form is None or at.links.form_issued_at(visit.found.claims, form.one("csrf"), now=at.now) is None:
            return said_page(visit.words, "foreign", status=403, sign="stop")
        post = next((each for each in visit.posts if str(each.number) == form.one("number")), None)
        text = form.text("text", MAX_TEXT)
        if visit.found.standing is not Standing.OPEN or post is None or not text or not visit.may_edit(post):
            return Response(status_code=204)
        material = material_of(visit.store, *visit.round.campaign_ref)
        own = looked_at(material, post, text, visit.words)
    except ApprovalLinkError:
        return unknown(at)
    except StoreUnavailableError:
        return away(at)
    blocked = {"X-Blocked": "yes" if own.blocked else "no"}
    return HTMLResponse(fragment("card.html", "checked", own, visit.words), headers=blocked)


def _act(at: Desk, visit: Visit, form: Form) -> Response:
    action = form.one("action")
    if action == "relink":
        return _relink(at, visit)
    if action == "send":
        return _send(at, visit, form)
    if action == "undo":
        return _proving(at, visit, form, lambda: _undo(at, visit))
    answers, number = answers_of_form(form, visit.posts), form.one("page")
    if visit.found.standing is not Standing.OPEN or not visit.may_decide:
        return _closed(visit, answers)
    if action == "take":
        return _proving(at, visit, form, lambda: _take(at, visit))
    shown = int(number) if number.isascii() and number.isdigit() and len(number) < 4 else 1
    if answers.digest != visit.round.digest:
        return _stale(visit, answers, shown)
    if action == "rest":
        # Not kept: only what a person sends on counts as a choice of theirs.
        filled = rest_approved(answers, visit.round)
        approved = sum(each.decision == "approved" for each in filled.posts.values())
        return review(visit, filled, number=shown, note=visit.words("review.filled", n=approved))
    if action == "review":
        return _to_send_step(at, visit, answers, shown)
    if action == "back":
        return review(visit, answers, number=shown)
    onward = int(action[5:8]) if action.startswith("page:") and action[5:8].isdigit() else shown
    if visit.needs_code and action.startswith("page:"):
        return review(visit, answers, number=onward)  # the form carries along what nobody may keep yet
    leads_to = visit.path(page=str(onward)) + ("#posts" if action.startswith("page:") else "")
    # Whoever presses a button on an empty form, a mail scanner perhaps, leaves nothing behind.
    if not answers.begun and visit.store.drafts.get(visit.round, visit.approver.id) is None:
        return RedirectResponse(leads_to, status_code=303)
    return _proving(at, visit, form, lambda: _kept(at, visit, answers, leads_to, shown))


def _to_send_step(at: Desk, visit: Visit, answers: Answers, shown: int) -> Response:
    """Lead to the last step; without the code the choices go along in the form, and the code is sent."""
    if faults := faults_of(visit, answers):
        if not visit.needs_code and answers.begun:
            _kept(at, visit, answers, "", shown)
        return review(visit, answers, number=shown, status=422, faults=faults)
    if visit.needs_code:
        send_code(visit.store, at.links, visit.round, visit.approver, now=at.now)
        return _delivering(at, visit, send_step(visit, answers, attempt_id=secrets.token_urlsafe(16)))
    return _kept(at, visit, answers, visit.path(step="send"), shown)


def _take(at: Desk, visit: Visit) -> Response:
    """Go on here with what was begun in another browser."""
    _, elsewhere = visit.draft()
    answers = answers_of_draft(elsewhere, visit.posts)
    return _kept(at, visit, answers, visit.path(), 1) if answers.begun else RedirectResponse(visit.path(), 303)


def _kept(at: Desk, visit: Visit, answers: Answers, leads_to: str, shown: int) -> Response:
    """Keep what was typed and lead on; what is over meanwhile says so itself."""
    try:
        keep_draft(visit.store, visit.round, _voice(at, visit), answers.saved(at.now, visit.browser), now=at.now)
    except StaleReviewError:
        return _stale(as_it_stands(at, visit), answers, shown)
    except (AlreadyDecidedError, SelfApprovalError, GoneError):
        return _closed(as_it_stands(at, visit), answers)
    except ItemTooLargeError:
        return _too_long(visit, answers, shown)
    return RedirectResponse(leads_to, status_code=303)


def _too_long(visit: Visit, answers: Answers, shown: int = 1) -> Response:
    return review(visit, answers, number=shown, status=413, note=visit.words("review.too_long"))


def _closed(visit: Visit, answers: Answers) -> Response:
    """Return why there is nothing to choose any more; what was typed is on it, for it is kept nowhere."""
    typed = _typed(visit, answers)
    if not typed or not visit.may_decide:
        return RedirectResponse(visit.path(), status_code=303)
    if visit.found.standing is Standing.OPEN:  # it was closed for a moment
        return review(visit, answers)
    if visit.found.standing in LIVE:
        return conflict_page(visit, typed, visit.found)
    return over_page(visit, kept=typed)


def _voice(at: Desk, visit: Visit) -> Voice:
    return visit.found.voice("link", client=client_of(at.links, at.network), code=visit.proven)


def _proving(at: Desk, visit: Visit, form: Form, act: Callable[[], Response]) -> Response:
    """Act, after the code where the campaign asks for one: the form waits on the page that asks for it."""
    if not visit.needs_code:
        return act()
    typed, fault = "".join(form.text("code", 20).split()), ""
    if re.fullmatch(r"[0-9]{6}", typed):
        proof = prove(visit.store, at.links, visit.round, visit.approver, typed, now=at.now)
        if proof is Proof.RIGHT:
            visit.proven = True
            return remember_code(at, visit, act())
        fault = visit.words(f"fault.code_{proof}")
    elif typed:
        fault = visit.words("fault.code")
    send_code(visit.store, at.links, visit.round, visit.approver, now=at.now)
    hidden = [(name, value) for name, values in form.values.items() for value in values if name not in _OF_THE_PAGE]
    return _delivering(at, visit, code_page(visit, action=form.one("action"), hidden=hidden, fault=fault))


def _stale(visit: Visit, answers: Answers, number: int) -> Response:
    changed = stale_count(visit, answers)
    note = visit.words("review.stale", n=max(1, changed))
    kept = Answers(answers.posts, answers.comments, answers.name, answers.confirmed, visit.round.digest)
    return review(visit, kept, number=number, status=409, note=note, stale=True)


def _relink(at: Desk, visit: Visit) -> Response:
    if visit.found.standing not in {Standing.NEWER, Standing.REPLACED, Standing.EXPIRED}:
        return RedirectResponse(visit.path(), status_code=303)
    sent = send_again(visit.store, visit.found, now=at.now)
    return _delivering(at, visit, said_page(visit.words, "sent" if sent else "asked", status=200, sign="mail"))


def _undo(at: Desk, visit: Visit) -> Response:
    own = visit.found.own
    draft = visit.store.drafts.get(visit.round, visit.approver.id)
    kept = draft_of(own, draft, visit.posts, zone=visit.zone, now=at.now) if own is not None else None
    try:
        undo(visit.store, visit.round, _voice(at, visit), now=at.now, kept=kept)
    except NotFoundError:  # taken back already: the button was pressed twice
        return RedirectResponse(visit.path(), status_code=303)
    except TooLateToUndoError:
        return said_page(visit.words, "too_late_to_undo", status=409, sign="clock")
    except GoneError:
        return RedirectResponse(visit.path(), status_code=303)
    return RedirectResponse(visit.path(step="undone"), status_code=303)


def _delivering(at: Desk, visit: Visit, response: Response) -> Response:
    """Return the answer and have the outbox delivered: bell and mail may fail or take their time."""
    at.courier.deliver(*visit.round.campaign_ref)
    return response


def _send(at: Desk, visit: Visit, form: Form, *, again: bool = False) -> Response:
    """Record what the form decides, and lead to the receipt.

    Args:
        again: it was refused by a round that is open by now, and is sent once more.
    """
    answers, knew_code = answers_of_form(form, visit.posts), visit.proven
    if visit.found.standing is Standing.OPEN and (missing := _missing(at, visit, form, answers)) is not None:
        return missing
    attempt = form.one("attemptId")
    try:
        request = request_of(answers, visit.round, visit.words, zone=visit.zone, attempt_id=attempt or None)
    except ValidationError:
        return said_page(visit.words, "foreign", status=422, sign="stop")
    client = client_of(at.links, at.network)
    try:
        record(visit.store, visit.found, request, channel="link", client=client, now=at.now, proven=visit.proven)
    except _REFUSALS as error:
        return _refused(at, visit, form, error, again=again)
    receipt = _delivering(at, visit, RedirectResponse(visit.path(), status_code=303))
    return remember_code(at, visit, receipt) if visit.proven and not knew_code else receipt


def _missing(at: Desk, visit: Visit, form: Form, answers: Answers) -> Response | None:
    """Return the page that says what keeps an open round's answer from being sent; None: nothing does."""
    if answers.digest != visit.round.digest:
        return _stale(visit, answers, 1)
    if choices := faults_of(visit, answers):
        return review(visit, answers, status=422, faults=choices)
    attempt = form.one("attemptId") or secrets.token_urlsafe(16)
    if faults := faults_of_sending(answers, visit.words, needs_code=visit.needs_code):
        step = send_step(visit, answers, attempt_id=attempt, faults=faults)
        if not visit.needs_code:
            return step
        send_code(visit.store, at.links, visit.round, visit.approver, now=at.now)
        return _delivering(at, visit, step)
    if visit.needs_code:
        proof = prove(visit.store, at.links, visit.round, visit.approver, answers.code, now=at.now)
        if proof is not Proof.RIGHT:
            return _code_again(at, visit, answers, proof, attempt_id=attempt)
        visit.proven = True
    return None


def _refused(at: Desk, visit: Visit, form: Form, error: CampaignError, *, again: bool) -> Response:
    """Return the page that says why an answer was not recorded; what was typed is on it."""
    answers, by_now = answers_of_form(form, visit.posts), as_it_stands(at, visit)
    is_open = by_now.found.standing is Standing.OPEN
    match error:
        case AnswerTakenBackError() if is_open:
            faults = Faults(fields={"confirm": visit.words("fault.taken_back")})
            return send_step(visit, answers, attempt_id=secrets.token_urlsafe(16), faults=faults)
        case StaleReviewError():
            return _stale(by_now, answers, 1)
        case FaultsError():
            faults = _shown_faults(visit, error)
            return send_step(visit, answers, attempt_id=form.one("attemptId"), faults=faults)
        case ItemTooLargeError():
            return _too_long(visit, answers)
        case AlreadyDecidedError() | SelfApprovalError():
            return conflict_page(visit, _typed(visit, answers), by_now.found)
        # Closed when it was asked, and open since: what keeps it from being sent was not looked at, a code perhaps.
        case _ if is_open and not again:
            return _send(at, by_now, form, again=True)
        case _ if is_open:
            return _unsaved(visit.words, _typed(visit, answers))
        case _ if by_now.found.standing in LIVE:
            return conflict_page(visit, _typed(visit, answers), by_now.found)
        case _:
            return _too_late(at, by_now, answers)


def _unsaved(words: Words, kept: Sequence[tuple[str, str]]) -> Response:
    return said_page(words, "unsaved", status=503, sign="alert", headers={"Retry-After": "5"}, kept=kept)


def _shown_faults(visit: Visit, error: FaultsError) -> Faults:
    if any(fault.code == "NOT_YOUR_NAME" for fault in error.faults):
        return Faults(fields={"decidedBy": visit.words("fault.not_your_name", name=visit.approver.name)})
    return Faults(fields={"comments": "; ".join(fault.message for fault in error.faults)})


def _code_again(at: Desk, visit: Visit, answers: Answers, proof: Proof, *, attempt_id: str) -> Response:
    """Say what is wrong with a code; one whose time is over is followed by another."""
    faults = Faults(fields={"code": visit.words(f"fault.code_{proof}")})
    if proof is Proof.OVER:
        send_code(visit.store, at.links, visit.round, visit.approver, now=at.now)
    return _delivering(at, visit, send_step(visit, answers, attempt_id=attempt_id, faults=faults))


def _too_late(at: Desk, visit: Visit, answers: Answers) -> Response:
    """Return why it is too late; what was typed is handed on, unless others may be asked in its author's place."""
    typed = _typed(visit, answers)
    if visit.found.standing is Standing.REPLACED:
        return over_page(visit, kept=typed)
    if note := "\n".join(f"{title} {text}".strip() for title, text in typed):
        leave_note(visit.store, visit.round, visit.approver.id, note, now=at.now)
    return _delivering(at, visit, over_page(visit, note_left=bool(note)))


def _typed(visit: Visit, answers: Answers) -> list[tuple[str, str]]:
    """Return the comments of a form, each with what it is about."""
    numbers = {post.id: str(post.number) for post in visit.posts}
    comments = [
        (f"{numbers[post_id]}.", comment)
        for post_id, each in answers.posts.items()
        if (comment := comment_of(each, visit.words))
    ]
    return [*([("", answers.comments)] if answers.comments else []), *comments]
