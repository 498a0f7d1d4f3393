"""Coming in: whose link it is, which of several in one browser, and what everybody else is answered.

The token leaves the address bar at once: the link answers with a cookie for this review alone and a
redirect, so that neither history nor Referer keeps it.
"""

import re
import secrets
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Final

from fastapi import Depends, Request
from fastapi.responses import RedirectResponse, Response

from api.auth.approval_limits import ApprovalLimits, Limits, Network
from api.courier import Courier
from api.dependencies import Links, Now, TheCourier, TheStore
from api.review.views.forms import Form
from api.review.views.states import said_page
from api.review.visit import Visit, path_of
from api.routers.approvals import client_of
from campaigns.approval.invitations import invitation
from campaigns.approval.rounds import note_opened
from campaigns.errors import ApprovalLinkError, StoreUnavailableError
from campaigns.keys.links import FORM_LIFETIME, LinkClaims, LinkSigner
from campaigns.settings import get_settings
from campaigns.store import Store
from campaigns.texts import Words, words_for

COOKIE: Final = "approval"
"""Holds the link opened first; links of other approvers of the round are `approval-{approver id}` beside it."""
_COOKIES: Final = re.compile(rf"{COOKIE}(-ap-[0-9a-z]{{1,32}})?")
_BROWSER: Final = "browser"
MAX_COOKIES: Final = 11
FORM_TYPE: Final = "application/x-www-form-urlencoded"


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


def enter(at: Desk, callback_id: str, token: str, nonce: str) -> Response:
    """Answer a link: keep its token in a cookie of this review alone, and lead to the page without it."""
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
    with_cookie(response, f"{COOKIE}-{label}" if label else COOKIE, token, kept, f"/approve/{callback_id}")
    return with_cookie(response, _BROWSER, _browser(at) or secrets.token_urlsafe(16), kept, f"/approve/{callback_id}")


def with_cookie(response: Response, name: str, value: str, kept: timedelta, path: str) -> Response:
    """Return the answer with a cookie for a part of the site alone, which no script and no other site gets."""
    response.set_cookie(
        name, value, max_age=int(kept.total_seconds()), path=path, httponly=True, samesite="lax",
        secure=get_settings().api_base_url.startswith("https://"),
    )  # fmt: skip
    return response


def _browser(at: Desk) -> str:
    """Return what tells this browser from others that hold the same link; "" while it has no cookie of ours."""
    said = at.request.cookies.get(_BROWSER, "")
    return said if re.fullmatch(r"[A-Za-z0-9_-]{22}", said) else ""


def cookies(at: Desk) -> dict[str, str]:
    """Return the links that the browser holds, by the name of their cookie, at most a few."""
    held = at.request.cookies
    return {name: held[name] for name in sorted(filter(_COOKIES.fullmatch, held))[:MAX_COOKIES]}


def _held(at: Desk, callback_id: str) -> dict[str, LinkClaims]:
    """Return the links of this round that the browser holds, by the name of their cookie; the first opened first."""
    held: dict[str, LinkClaims] = {}
    for name, token in cookies(at).items():
        with suppress(ApprovalLinkError):
            claims = at.links.verify(token, now=at.now)
            if claims.callback_id == callback_id:
                held[name] = claims
    return held


def admitted(at: Desk, callback_id: str, form: Form | None = None) -> Visit | Response:
    """Return the visit of whoever holds a link of ours, or what everybody else is answered."""
    try:
        visit = visit_of(at, callback_id, form)
    except ApprovalLinkError:
        return unknown(at)
    if wait := at.limits.use(callback_id, at.network):
        return too_often(visit.words, wait)
    return visit


def visit_of(at: Desk, callback_id: str, form: Form | None = None) -> Visit:
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
    return Visit(at.store, found, words, csrf, at.now, label=label, proven=proven, browser=_browser(at))


def as_it_stands(at: Desk, visit: Visit) -> Visit:
    """Return the visit as it stands by now."""
    found = invitation(at.store, visit.found.claims, now=at.now)
    return Visit(
        at.store, found, visit.words, visit.csrf, at.now, label=visit.label, proven=visit.proven, browser=visit.browser
    )


def _code_cookie(approver_id: str) -> str:
    return f"code-{approver_id}"


def remember_code(at: Desk, visit: Visit, response: Response) -> Response:
    """Return the answer, with which this browser need not be asked for a code of this link again for a day."""
    shown = at.links.code_token(visit.found.claims, now=at.now)
    path = f"/approve/{visit.round.callback_id}"
    return with_cookie(response, _code_cookie(visit.approver.id), shown, FORM_LIFETIME, path)


def unknown(at: Desk) -> Response:
    """Answer every link that is none of ours alike; whoever tries many is slowed down."""
    if wait := at.limits.wrong(at.network):
        return too_often(at.words, wait)
    return said_page(at.words, "unknown", status=404, sign="link")


def away(at: Desk) -> Response:
    """Return the page that says that the store does not answer."""
    return said_page(at.words, "away", status=503, sign="clock", headers={"Retry-After": "5"})


def too_often(words: Words, wait: float) -> Response:
    """Return the page that says how long to wait."""
    seconds = max(1, round(wait))
    return said_page(words, "limited", status=429, sign="clock", headers={"Retry-After": str(seconds)}, n=seconds)


def our_form(at: Desk, body: bytes) -> Form | None:
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
