"""Showing: the page of a round as it stands, its last step, its posts as a file. Nothing here writes."""

import secrets
from typing import Literal

from fastapi.responses import RedirectResponse, Response

from api.review.arriving import Desk, admitted, away
from api.review.render import SCRIPTED, page
from api.review.views.forms import Answers, Faults, answers_of_draft, faults_of_choices
from api.review.views.moments import faults_of_moments
from api.review.views.own_words import faults_of_own_words, own_words
from api.review.views.page import findings_count, lead, review_page, send_page, stale_count
from api.review.views.states import over_page, receipt_page, said_page
from api.review.visit import Visit
from api.routers.export import posts_file
from campaigns.approval.invitations import LIVE, Standing
from campaigns.approval.standing import approved_by
from campaigns.errors import StoreUnavailableError
from campaigns.model.approval import ReviewDraft


def show(visit: Visit, *, number: int, step: str) -> Response:
    """Return the page of the round as it stands: to decide on, the receipt, or why it is over."""
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
    draft, elsewhere = visit.draft()
    answers = answers_of_draft(draft, visit.posts)
    if step == "send" and visit.may_decide and answers.digest == visit.round.digest:
        if not faults_of(visit, answers):
            return send_step(visit, answers, attempt_id=secrets.token_urlsafe(16))
        return RedirectResponse(visit.path(), status_code=303)
    if stale := stale_count(visit, answers):
        return review(visit, answers, number=number, note=visit.words("review.stale", n=stale), stale=True)
    note = ""
    if step == "undone":
        note = visit.words("undo.done")
    elif draft is not None and answers.begun:
        note = visit.words("review.draft", at=visit.words.moment(draft.saved_at, visit.reader_zone))
    return review(visit, answers, number=number, note=note, elsewhere=elsewhere)


def download(at: Desk, callback_id: str, format_: Literal["csv", "ics"]) -> Response:
    """Return the posts as a file; where they may not be shown, the page says why."""
    try:
        visit = admitted(at, callback_id)
        if isinstance(visit, Response):
            return visit
        if visit.found.standing not in LIVE or not visit.settled:
            return RedirectResponse(visit.path(), status_code=303)
        stages = approved_by(at.store, visit.round)
        return posts_file(format_, visit.campaign, visit.posts, visit.personas, stages)
    except StoreUnavailableError:
        return away(at)


def review(
    visit: Visit,
    answers: Answers,
    *,
    number: int = 1,
    status: int = 200,
    faults: Faults | None = None,
    note: str = "",
    stale: bool = False,
    elsewhere: ReviewDraft | None = None,
) -> Response:
    """Return the page with the posts, and what was chosen so far."""
    own = own_words(visit, answers)
    values = review_page(visit, answers, number=number, faults=faults, note=note, stale=stale, own=own)
    values["begun_elsewhere"] = visit.words.moment(elsewhere.saved_at, visit.reader_zone) if elsewhere else ""
    return page(
        "review.html", status, SCRIPTED, lead=lead(visit, visit.words), findings=findings_count(visit.posts), **values
    )


def send_step(visit: Visit, answers: Answers, *, attempt_id: str, faults: Faults | None = None) -> Response:
    """Return the last step: the choices once more, and who sends them."""
    status = 422 if faults else 200
    values = send_page(visit, answers, attempt_id=attempt_id, faults=faults, own=own_words(visit, answers))
    return page("send.html", status, **values)


def faults_of(visit: Visit, answers: Answers) -> Faults:
    """Return what keeps the choices from being sent."""
    found = faults_of_choices(answers, visit.posts, visit.round, visit.words)
    others = {**faults_of_moments(visit, answers).posts, **faults_of_own_words(visit, answers).posts}
    return Faults(posts={**others, **found.posts})
