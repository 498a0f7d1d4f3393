"""The approval page: opening a link shows, sending the form decides (process.md section 4).

The token leaves the address bar at once: the link answers with a cookie for this review alone and a
redirect, so that neither history nor Referer keeps it. GET and HEAD change nothing but an audit entry.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import FileResponse, RedirectResponse, Response
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool

from api.auth.approval_limits import ApprovalLimits, Limits, Network
from api.courier import Courier
from api.dependencies import Links, Now, TheCourier, TheStore
from api.review.forms import (
    Answers,
    Faults,
    Form,
    answers_of_draft,
    answers_of_form,
    comment_of,
    comments_of,
    draft_of,
    faults_of_choices,
    faults_of_sending,
    request_of,
    rest_approved,
)
from api.review.page import findings_count, lead, review_page, send_page, stale_count
from api.review.render import STATIC, page, stylesheet, stylesheet_name
from api.review.states import code_page, conflict_page, over_page, receipt_page, said_page
from api.review.visit import Visit, path_of
from api.routers.approvals import client_of, record
from api.routers.export import posts_file
from campaigns.approval.codes import Proof, prove, send_code
from campaigns.approval.invitations import LIVE, Standing, invitation
from campaigns.approval.renewing import send_again
from campaigns.approval.rounds import Voice, keep_draft, leave_note, note_opened, undo
from campaigns.errors import (
    AlreadyDecidedError,
    AnswerTakenBackError,
    ApprovalLinkError,
    CodeRequiredError,
    FaultsError,
    GoneError,
    NotFoundError,
    SelfApprovalError,
    StaleReviewError,
    StoreUnavailableError,
    TooLateToUndoError,
)
from campaigns.keys.links import FORM_LIFETIME, LinkClaims, LinkSigner
from campaigns.settings import get_settings
from campaigns.store import Store
from campaigns.texts import Words, words_for

router = APIRouter(prefix="/approve", include_in_schema=False)

COOKIE: Final = "approval"
"""Holds the link opened first; links of other approvers of the round are `approval-{approver id}` beside it."""
_COOKIES: Final = re.compile(rf"{COOKIE}(-ap-[0-9a-z]{{1,32}})?")
MAX_COOKIES: Final = 11
FORM_TYPE: Final = "application/x-www-form-urlencoded"
_OF_THE_PAGE: Final = frozenset({"csrf", "code", "action"})


@router.api_route("/static/{name}", methods=["GET", "HEAD"])
def static(name: str) -> Response:
    """Serve the style sheet and the icon, and nothing else."""
    if name == stylesheet_name():
        kept = {"Cache-Control": "public, max-age=31536000, immutable"}
        return Response(stylesheet(), media_type="text/css", headers=kept)
    if name == "icon.svg":
        kept = {"Cache-Control": "public, max-age=3600"}
        return FileResponse(STATIC / name, media_type="image/svg+xml", headers=kept)
    return Response(status_code=404)


@dataclass(frozen=True, slots=True)
class Desk:
    """What a request to the page is answered with."""

    request: Request
    store: Store
    links: LinkSigner
    now: datetime
    limits: ApprovalLimits
    network: str
    courier: Courier

    @property
    def words(self) -> Words:
        """The texts for somebody not yet known; an approver's own language wins later."""
        return words_for(None, self.request.headers.get("accept-language", ""))


def desk(
    request: Request, store: TheStore, links: Links, now: Now, limits: Limits, network: Network, courier: TheCourier
) -> Desk:
    return Desk(request, store, links, now, limits, network, courier)


TheDesk = Annotated[Desk, Depends(desk)]


@router.api_route("/{callback_id}", methods=["GET", "HEAD"])
def open_link(
    callback_id: str,
    at: TheDesk,
    token: Annotated[str | None, Query()] = None,
    nonce: Annotated[str | None, Query()] = None,
    page: Annotated[str, Query()] = "1",
    step: Annotated[str, Query()] = "",
) -> Response:
    """Show the posts of the round, or what became of it. Never decides."""
    try:
        if token is not None:
            return _enter(at, callback_id, token, nonce or "")
        visit = _admitted(at, callback_id)
        if isinstance(visit, Response):
            return visit
        return _show(visit, number=int(page) if page.isascii() and page.isdigit() and len(page) < 4 else 1, step=step)
    except ApprovalLinkError:
        return _unknown(at)
    except StoreUnavailableError:
        return _away(at)


@router.api_route("/{callback_id}/posts.csv", methods=["GET", "HEAD"])
def posts_as_table(callback_id: str, at: TheDesk) -> Response:
    """Return the posts of the round as a table."""
    return _download(at, callback_id, "csv")


@router.api_route("/{callback_id}/posts.ics", methods=["GET", "HEAD"])
def posts_as_calendar(callback_id: str, at: TheDesk) -> Response:
    """Return the posts of the round as a calendar."""
    return _download(at, callback_id, "ics")


@router.api_route("/{anything:path}", methods=["GET", "HEAD"])
def no_link(at: TheDesk) -> Response:
    """Answer what is no link at all like a wrong one."""
    return _unknown(at)


@router.post("/{callback_id}")
async def send_form(callback_id: str, at: TheDesk) -> Response:
    """Keep a draft, or record what the form says and answer with the receipt."""
    # Before the form is read: nobody without a link of ours makes us take in a mebibyte.
    if not any(map(at.links.is_ours, _cookies(at).values())):
        return _unknown(at)
    body = await at.request.body()
    return await run_in_threadpool(_answer, at, callback_id, body)


# --- coming in ----------------------------------------------------------------------------------------


def _enter(at: Desk, callback_id: str, token: str, nonce: str) -> Response:
    claims = at.links.verify(token, now=at.now)
    at.links.check_nonce(token, nonce)
    if claims.callback_id != callback_id:
        raise ApprovalLinkError
    found = invitation(at.store, claims, now=at.now)
    if at.request.method == "GET" and at.limits.first_opening(callback_id, found.approver.id, at.network):
        headers = at.request.headers
        prefetch = "prefetch" in f"{headers.get('sec-purpose', '')} {headers.get('purpose', '')}".lower()
        client = client_of(at.links, at.network)
        # A trail that cannot be written just now must not keep anybody from reading.
        with suppress(StoreUnavailableError):
            note_opened(at.store, found.round, found.approver.id, client=client, prefetch=prefetch, now=at.now)
    first = _held(at, callback_id).get(COOKIE)
    label = found.approver.id if first is not None and first.sub != claims.sub else ""
    response = RedirectResponse(path_of(callback_id, label), status_code=303)
    # As long as the link and a day more: a page left open is never worth less than it says, and then says why.
    kept = max(claims.expires_at - at.now, timedelta()) + FORM_LIFETIME
    response.set_cookie(
        f"{COOKIE}-{label}" if label else COOKIE, token,
        max_age=int(kept.total_seconds()), path=f"/approve/{callback_id}", httponly=True, samesite="lax",
        secure=get_settings().api_base_url.startswith("https://"),
    )  # fmt: skip
    return response


def _cookies(at: Desk) -> dict[str, str]:
    held = at.request.cookies
    return {name: held[name] for name in sorted(filter(_COOKIES.fullmatch, held))[:MAX_COOKIES]}


def _held(at: Desk, callback_id: str) -> dict[str, LinkClaims]:
    """Return the links of this round that the browser holds, by the name of their cookie; the first opened first."""
    held: dict[str, LinkClaims] = {}
    for name, token in _cookies(at).items():
        with suppress(ApprovalLinkError):
            claims = at.links.verify(token, now=at.now)
            if claims.callback_id == callback_id:
                held[name] = claims
    return held


def _admitted(at: Desk, callback_id: str, form: Form | None = None) -> Visit | Response:
    """Return the visit of whoever holds a link of ours, or what everybody else is answered."""
    try:
        visit = _visit(at, callback_id, form)
    except ApprovalLinkError:
        return _unknown(at)
    if wait := at.limits.use(callback_id, at.network):
        return _too_often(visit.words, wait)
    return visit


def _visit(at: Desk, callback_id: str, form: Form | None = None) -> Visit:
    """Return the visit of the link that the form was made for, else of the one that the address names.

    Two approvers may use one browser: neither opening nor sending one's page touches the other's.
    """
    held = _held(at, callback_id)
    named = at.request.query_params.get("as", "")
    name = f"{COOKIE}-{named}" if f"{COOKIE}-{named}" in held else next(iter(held), "")
    if form is not None:
        sent = form.one("csrf")
        made_for = (each for each in held if at.links.form_issued_at(held[each], sent, now=at.now))
        name = next(made_for, name)
    if name not in held:
        raise ApprovalLinkError
    claims = held[name]
    found = invitation(at.store, claims, now=at.now)
    words = words_for(found.approver.locale, at.request.headers.get("accept-language", ""))
    shown = at.request.cookies.get(_code_cookie(found.approver.id), "")
    proven = at.links.code_was_shown(claims, shown, now=at.now)
    label = "" if name == COOKIE else claims.sub
    csrf = at.links.form_token(claims, now=at.now)
    return Visit(at.store, found, words, csrf, at.now, label=label, proven=proven)


def _again(at: Desk, visit: Visit) -> Visit:
    """Return the visit as it stands by now."""
    found = invitation(at.store, visit.found.claims, now=at.now)
    return Visit(at.store, found, visit.words, visit.csrf, at.now, label=visit.label, proven=visit.proven)


def _code_cookie(approver_id: str) -> str:
    return f"code-{approver_id}"


def _remember_code(at: Desk, visit: Visit, response: Response) -> Response:
    """Return the answer, with which this browser need not be asked for a code of this link again for a day."""
    response.set_cookie(
        _code_cookie(visit.approver.id), at.links.code_token(visit.found.claims, now=at.now),
        max_age=int(FORM_LIFETIME.total_seconds()), path=f"/approve/{visit.round.callback_id}", httponly=True,
        samesite="lax", secure=get_settings().api_base_url.startswith("https://"),
    )  # fmt: skip
    return response


def _unknown(at: Desk) -> Response:
    """Answer every link that is none of ours alike; whoever tries many is slowed down."""
    if wait := at.limits.wrong(at.network):
        return _too_often(at.words, wait)
    return said_page(at.words, "unknown", status=404, sign="link")


def _away(at: Desk) -> Response:
    return said_page(at.words, "away", status=503, sign="clock", headers={"Retry-After": "5"})


def _too_often(words: Words, wait: float) -> Response:
    seconds = max(1, round(wait))
    return said_page(words, "limited", status=429, sign="clock", headers={"Retry-After": str(seconds)}, n=seconds)


# --- showing ------------------------------------------------------------------------------------------


def _show(visit: Visit, *, number: int, step: str) -> Response:
    match visit.found.standing:
        case Standing.OPEN:
            pass
        case Standing.DECIDED | Standing.CLOSED:
            return receipt_page(visit)
        case _:
            return over_page(visit)
    if not visit.settled:
        words = visit.words
        return said_page(words, "settling", status=503, sign="clock", headers={"Retry-After": "30"})
    draft = visit.store.drafts.get(visit.round, visit.approver.id)
    answers = answers_of_draft(draft, visit.posts)
    if step == "send" and visit.may_decide and answers.digest == visit.round.digest:
        if not faults_of_choices(answers, visit.posts, visit.round, visit.words):
            return _send_step(visit, answers, attempt_id=secrets.token_urlsafe(16))
        return RedirectResponse(visit.path(), status_code=303)
    if stale := stale_count(visit, answers):
        return _review(visit, answers, number=number, note=visit.words("review.stale", n=stale), stale=True)
    note = ""
    if step == "undone":
        note = visit.words("undo.done")
    elif draft is not None and answers.begun:
        note = visit.words("review.draft", at=visit.words.moment(draft.saved_at, visit.reader_zone))
    return _review(visit, answers, number=number, note=note)


def _download(at: Desk, callback_id: str, format_: Literal["csv", "ics"]) -> Response:
    """Return the posts as a file; where they may not be shown, the page says why."""
    try:
        visit = _admitted(at, callback_id)
        if isinstance(visit, Response):
            return visit
        if visit.found.standing not in LIVE or not visit.settled:
            return RedirectResponse(visit.path(), status_code=303)
        return posts_file(format_, visit.campaign, visit.posts, visit.personas)
    except StoreUnavailableError:
        return _away(at)


def _review(
    visit: Visit,
    answers: Answers,
    *,
    number: int = 1,
    status: int = 200,
    faults: Faults | None = None,
    note: str = "",
    stale: bool = False,
) -> Response:
    values = review_page(visit, answers, number=number, faults=faults, note=note, stale=stale)
    return page("review.html", status, lead=lead(visit, visit.words), findings=findings_count(visit.posts), **values)


def _send_step(visit: Visit, answers: Answers, *, attempt_id: str, faults: Faults | None = None) -> Response:
    status = 422 if faults else 200
    return page("send.html", status, **send_page(visit, answers, attempt_id=attempt_id, faults=faults))


# --- answering ----------------------------------------------------------------------------------------


def _answer(at: Desk, callback_id: str, body: bytes) -> Response:
    form = _our_form(at, body)
    try:
        visit = _admitted(at, callback_id, form)
        if isinstance(visit, Response):
            return visit
        issued = at.links.form_issued_at(visit.found.claims, form.one("csrf"), now=at.now) if form else None
        if form is None or issued is None:
            kept = comments_of(form) if form else []
            return said_page(visit.words, "foreign", status=403, sign="stop", kept=kept)
        if at.now - issued >= FORM_LIFETIME and visit.found.standing is Standing.OPEN:
            answers = answers_of_form(form, visit.posts)
            return _review(visit, answers, status=409, note=visit.words("review.old_form"), stale=True)
        return _act(at, visit, form)
    except StoreUnavailableError:
        kept = comments_of(form) if form else []
        return said_page(at.words, "unsaved", status=503, sign="alert", headers={"Retry-After": "5"}, kept=kept)


def _our_form(at: Desk, body: bytes) -> Form | None:
    """Return the form if a page of ours sent it, as its type and its origin say; its token is for the caller."""
    headers, base = at.request.headers, get_settings().api_base_url
    if headers.get("content-type", "").partition(";")[0].strip().lower() != FORM_TYPE:
        return None
    if headers.get("origin", base) != base or headers.get("sec-fetch-site", "same-origin") != "same-origin":
        return None
    try:
        return Form.parse(body)
    except ValueError:
        return None


def _act(at: Desk, visit: Visit, form: Form) -> Response:
    action = form.one("action")
    if action == "relink":
        return _relink(at, visit)
    if action == "send":
        return _send(at, visit, form)
    if action == "undo":
        return _proving(at, visit, form, lambda: _undo(at, visit))
    if visit.found.standing is not Standing.OPEN or not visit.may_decide:
        return RedirectResponse(visit.path(), status_code=303)
    answers, number = answers_of_form(form, visit.posts), form.one("page")
    shown = int(number) if number.isascii() and number.isdigit() and len(number) < 4 else 1
    if answers.digest != visit.round.digest:
        return _stale(visit, answers, shown)
    if action == "rest":
        # Not kept: only what a person sends on counts as a choice of theirs.
        filled = rest_approved(answers, visit.round)
        approved = sum(each.decision == "approved" for each in filled.posts.values())
        return _review(visit, filled, number=shown, note=visit.words("review.filled", n=approved))
    if action == "review":
        return _to_send_step(at, visit, answers, shown)
    if action == "back":
        return _review(visit, answers, number=shown)
    onward = int(action[5:8]) if action.startswith("page:") and action[5:8].isdigit() else shown
    if visit.needs_code and action.startswith("page:"):
        return _review(visit, answers, number=onward)  # the form carries along what nobody may keep yet
    leads_to = visit.path(page=str(onward)) + ("#posts" if action.startswith("page:") else "")
    # Whoever presses a button on an empty form, a mail scanner perhaps, leaves nothing behind.
    if not answers.begun and visit.store.drafts.get(visit.round, visit.approver.id) is None:
        return RedirectResponse(leads_to, status_code=303)
    return _proving(at, visit, form, lambda: _kept(at, visit, answers, leads_to, shown))


def _to_send_step(at: Desk, visit: Visit, answers: Answers, shown: int) -> Response:
    """Lead to the last step; without the code the choices go along in the form, and the code is sent."""
    if faults := faults_of_choices(answers, visit.posts, visit.round, visit.words):
        if not visit.needs_code and answers.begun:
            _kept(at, visit, answers, "", shown)
        return _review(visit, answers, number=shown, status=422, faults=faults)
    if visit.needs_code:
        send_code(visit.store, visit.round, visit.approver, now=at.now)
        return _delivering(at, visit, _send_step(visit, answers, attempt_id=secrets.token_urlsafe(16)))
    return _kept(at, visit, answers, visit.path(step="send"), shown)


def _kept(at: Desk, visit: Visit, answers: Answers, leads_to: str, shown: int) -> Response:
    """Keep what was typed and lead on; what is over meanwhile says so itself."""
    try:
        keep_draft(visit.store, visit.round, _voice(at, visit), answers.saved(at.now), now=at.now)
    except StaleReviewError:
        return _stale(_again(at, visit), answers, shown)
    except (AlreadyDecidedError, SelfApprovalError, GoneError):
        return RedirectResponse(visit.path(), status_code=303)
    return RedirectResponse(leads_to, status_code=303)


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
            return _remember_code(at, visit, act())
        fault = visit.words(f"fault.code_{proof}")
    elif typed:
        fault = visit.words("fault.code")
    send_code(visit.store, visit.round, visit.approver, now=at.now)
    hidden = [(name, value) for name, values in form.values.items() for value in values if name not in _OF_THE_PAGE]
    return _delivering(at, visit, code_page(visit, action=form.one("action"), hidden=hidden, fault=fault))


def _stale(visit: Visit, answers: Answers, number: int) -> Response:
    changed = stale_count(visit, answers)
    note = visit.words("review.stale", n=max(1, changed))
    kept = Answers(answers.posts, answers.comments, answers.name, answers.confirmed, visit.round.digest)
    return _review(visit, kept, number=number, status=409, note=note, stale=True)


def _relink(at: Desk, visit: Visit) -> Response:
    if visit.found.standing not in {Standing.NEWER, Standing.REPLACED, Standing.EXPIRED}:
        return RedirectResponse(visit.path(), status_code=303)
    sent = send_again(visit.store, visit.found, now=at.now)
    return _delivering(at, visit, said_page(visit.words, "sent" if sent else "asked", status=200, sign="mail"))


def _undo(at: Desk, visit: Visit) -> Response:
    own = visit.found.own
    draft = visit.store.drafts.get(visit.round, visit.approver.id)
    kept = draft_of(own, draft, visit.posts, at.now) if own is not None else None
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
    at.courier.deliver(visit.round.tenant_id, visit.round.campaign_id)
    return response


def _send(at: Desk, visit: Visit, form: Form) -> Response:
    answers = answers_of_form(form, visit.posts)
    showed_code = False
    if visit.found.standing is Standing.OPEN:
        if answers.digest != visit.round.digest:
            return _stale(visit, answers, 1)
        if choices := faults_of_choices(answers, visit.posts, visit.round, visit.words):
            return _review(visit, answers, status=422, faults=choices)
        attempt = form.one("attemptId") or secrets.token_urlsafe(16)
        if faults := faults_of_sending(answers, visit.words, needs_code=visit.needs_code):
            return _send_step(visit, answers, attempt_id=attempt, faults=faults)
        if visit.needs_code:
            proof = prove(visit.store, at.links, visit.round, visit.approver, answers.code, now=at.now)
            if proof is not Proof.RIGHT:
                return _code_again(at, visit, answers, proof, attempt_id=attempt)
            visit.proven = showed_code = True
    try:
        request = request_of(answers, visit.round, visit.words, attempt_id=form.one("attemptId") or None)
    except ValidationError:
        return said_page(visit.words, "foreign", status=422, sign="stop")
    try:
        client = client_of(at.links, at.network)
        record(visit.store, visit.found, request, channel="link", client=client, now=at.now, proven=visit.proven)
    except AnswerTakenBackError:
        by_now = invitation(visit.store, visit.found.claims, now=at.now)
        if by_now.standing not in LIVE:
            return _too_late(at, visit, answers)
        if by_now.standing is not Standing.OPEN:
            return conflict_page(visit, _typed(visit, answers), by_now)
        faults = Faults(fields={"confirm": visit.words("fault.taken_back")})
        return _send_step(visit, answers, attempt_id=secrets.token_urlsafe(16), faults=faults)
    except CodeRequiredError:  # it was not asked for: the campaign was decided a moment ago, and is open again
        return RedirectResponse(visit.path(), status_code=303)
    except (AlreadyDecidedError, SelfApprovalError):
        now_found = invitation(visit.store, visit.found.claims, now=at.now)
        return conflict_page(visit, _typed(visit, answers), now_found)
    except StaleReviewError:
        fresh = _again(at, visit)
        return _stale(fresh, answers, 1)
    except FaultsError as error:
        return _send_step(
            visit, answers, attempt_id=form.one("attemptId"),
            faults=_shown_faults(visit, error),
        )  # fmt: skip
    except GoneError:
        return _too_late(at, visit, answers)
    receipt = _delivering(at, visit, RedirectResponse(visit.path(), status_code=303))
    return _remember_code(at, visit, receipt) if showed_code else receipt


def _shown_faults(visit: Visit, error: FaultsError) -> Faults:
    if any(fault.code == "NOT_YOUR_NAME" for fault in error.faults):
        return Faults(fields={"decidedBy": visit.words("fault.not_your_name", name=visit.approver.name)})
    return Faults(fields={"comments": "; ".join(fault.message for fault in error.faults)})


def _code_again(at: Desk, visit: Visit, answers: Answers, proof: Proof, *, attempt_id: str) -> Response:
    """Say what is wrong with a code; one whose time is over is followed by another."""
    faults = Faults(fields={"code": visit.words(f"fault.code_{proof}")})
    if proof is Proof.OVER:
        send_code(visit.store, visit.round, visit.approver, now=at.now)
    return _delivering(at, visit, _send_step(visit, answers, attempt_id=attempt_id, faults=faults))


def _too_late(at: Desk, visit: Visit, answers: Answers) -> Response:
    over = _again(at, visit)
    if over.found.standing in LIVE:
        return RedirectResponse(visit.path(), status_code=303)
    note = "\n".join(f"{title} {text}".strip() for title, text in _typed(visit, answers))
    if note:
        leave_note(visit.store, visit.round, visit.approver.id, note, now=at.now)
    return _delivering(at, visit, over_page(over, note_left=bool(note)))


def _typed(visit: Visit, answers: Answers) -> list[tuple[str, str]]:
    """Return the comments of a form, each with what it is about."""
    numbers = {post.id: str(post.number) for post in visit.posts}
    comments = [
        (f"{numbers[post_id]}.", comment)
        for post_id, each in answers.posts.items()
        if (comment := comment_of(each, visit.words))
    ]
    return [*([("", answers.comments)] if answers.comments else []), *comments]
