"""The list of an approver: all that waits for one person, behind one link and a code that goes to their address.

It decides nothing. Each line leads to the page of its round, which asks for whatever that round asks for.
"""

import re
from typing import Annotated, Final
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse, Response
from starlette.concurrency import run_in_threadpool

from api.dependencies import Lists
from api.review.arriving import Desk, TheDesk, admitted, away, our_form, too_often, unknown, with_cookie
from api.review.compressed import CompressedRoute
from api.review.render import page
from api.review.views.forms import Form
from campaigns.approval.codes import Proof, prove, send_code
from campaigns.approval.invitations import Standing
from campaigns.approval.messages.notice_kinds import LIST_CODE, LIST_LINK, personal
from campaigns.approval.standing import where
from campaigns.approval.waiting import holder_of, waiting_for
from campaigns.errors import ApprovalLinkError, StoreUnavailableError
from campaigns.keys.lists import LIST_LIFETIME, LIST_PATH, PROVEN_FOR, ListLinks
from campaigns.model.approval import ApprovalRound, RoundApprover
from campaigns.settings import get_settings
from campaigns.texts import Words, words_for

router = APIRouter(include_in_schema=False, route_class=CompressedRoute)

_COOKIE: Final = "list"
_PROOF: Final = "list-proof"


class Holder:
    """A reader who came with a link to a list, and the approver whose list it is."""

    def __init__(self, at: Desk, lists: ListLinks, token: str) -> None:
        self.at = at
        self.lists = lists
        self.token = token
        self.claims = lists.read(token)
        self.round: ApprovalRound
        self.approver: RoundApprover
        self.round, self.approver = holder_of(at.store, self.claims)
        if not lists.is_for(self.claims, self.approver):
            raise ApprovalLinkError

    @property
    def words(self) -> Words:
        return words_for(self.approver.locale, self.at.request.headers.get("accept-language", ""))

    @property
    def form(self) -> str:
        return self.lists.form(self.token, now=self.at.now)

    @property
    def proven(self) -> bool:
        shown = self.at.request.cookies.get(_PROOF, "")
        return self.lists.is_proven(self.token, shown, now=self.at.now)


@router.api_route(LIST_PATH, methods=["GET", "HEAD"])
def open_list(
    at: TheDesk, lists: Lists, token: Annotated[str | None, Query()] = None, sent: Annotated[str, Query()] = ""
) -> Response:
    """Show what waits, or ask for the code. Changes nothing."""
    try:
        if token is not None:
            lists.read(token)
            return with_cookie(_back_to_list(), _COOKIE, token, LIST_LIFETIME, LIST_PATH)
        holder = Holder(at, lists, at.request.cookies.get(_COOKIE, ""))
        if wait := at.limits.use(f"list {holder.round.callback_id}", at.network):
            return too_often(holder.words, wait)
        return _shown(holder, sent=bool(sent))
    except ApprovalLinkError:
        return unknown(at)
    except StoreUnavailableError:
        return away(at)


@router.api_route("/approve/{callback_id}/list", methods=["GET", "HEAD"])
def list_of_visitor(callback_id: str, at: TheDesk, lists: Lists) -> Response:
    """Redirect the holder of a round's link to the list of that approver, where the code is asked for."""
    try:
        visit = admitted(at, callback_id)
        if isinstance(visit, Response):
            return visit
        if visit.found.standing is Standing.REPLACED:  # somebody else may be asked by now, whose list it would be
            return RedirectResponse(visit.path(), status_code=303)
        return RedirectResponse(lists.url("", visit.round, visit.approver, now=at.now), status_code=303)
    except StoreUnavailableError:
        return away(at)


@router.post(LIST_PATH)
async def send_list_form(request: Request, at: TheDesk, lists: Lists) -> Response:
    """Send the code, take it, or send a new link; each goes to the address on file and nowhere else."""
    try:
        lists.read(at.request.cookies.get(_COOKIE, ""))
    except ApprovalLinkError:
        return unknown(at)
    body = await request.body()
    return await run_in_threadpool(_answer, at, lists, body)


def _answer(at: Desk, lists: ListLinks, body: bytes) -> Response:
    try:
        holder = Holder(at, lists, at.request.cookies.get(_COOKIE, ""))
        if wait := at.limits.use(f"list {holder.round.callback_id}", at.network):
            return too_often(holder.words, wait)
        form = our_form(at, body)
        if form is None or not lists.is_form_of(holder.token, form.one("csrf"), now=at.now):
            return _said(holder, "foreign", status=403, sign="stop")
        if holder.claims.expired(at.now):
            return _sent_again(holder)
        return _proved(holder, form)
    except ApprovalLinkError:
        return unknown(at)
    except StoreUnavailableError:
        return away(at)


def _proved(holder: Holder, form: Form) -> Response:
    at, words, typed = holder.at, holder.words, "".join(form.text("code", 20).split())
    if form.one("action") == "code" and not typed:
        send_code(at.store, at.links, holder.round, holder.approver, now=at.now, kind=LIST_CODE)
        at.courier.deliver(*holder.round.campaign_ref)
        return RedirectResponse(f"{LIST_PATH}?sent=1", status_code=303)
    if not re.fullmatch(r"[0-9]{6}", typed):
        return _asked(holder, sent=True, fault=words("fault.code"))
    proof = prove(at.store, at.links, holder.round, holder.approver, typed, now=at.now)
    if proof is not Proof.RIGHT:
        return _asked(holder, sent=proof is not Proof.OVER, fault=words(f"list.code_{proof}"))
    shown = holder.lists.proof(holder.token, now=at.now)
    return with_cookie(_back_to_list(), _PROOF, shown, PROVEN_FOR, LIST_PATH)


def _sent_again(holder: Holder) -> Response:
    """Send a new link to an approver whose link has ended: at most one an hour."""
    at, round_ = holder.at, holder.round
    hour = f"{at.now:%Y-%m-%dT%H}"
    at.store.outbox.add([personal(LIST_LINK, round_, holder.approver.id, hour, due_at=at.now)])
    at.courier.deliver(*round_.campaign_ref)
    return _said(holder, "sent", status=200, sign="mail")


def _shown(holder: Holder, *, sent: bool) -> Response:
    words = holder.words
    if holder.claims.expired(holder.at.now):
        ask = {
            "path": LIST_PATH,
            "csrf": holder.form,
            "label": words("list.resend"),
            "hint": words("state.resend_hint"),
        }
        at = words.moment(holder.claims.expires_at, ZoneInfo(holder.approver.timezone or "UTC"))
        return page(
            "closed.html", 410, words=words, heading=words("list.over.title"), lines=[words("list.over.text", at=at)],
            sign="clock", kept=[], relink=ask,
        )  # fmt: skip
    return _waiting(holder) if holder.proven else _asked(holder, sent=sent)


def _asked(holder: Holder, *, sent: bool, fault: str = "") -> Response:
    return page(
        "list_code.html", 422 if fault else 200, words=holder.words, path=LIST_PATH, csrf=holder.form, sent=sent,
        fault=fault, name=holder.approver.name, email=holder.approver.email,
    )  # fmt: skip


def _waiting(holder: Holder) -> Response:
    at, words = holder.at, holder.words
    found = waiting_for(at.store, at.links, holder.claims.tenant_id, holder.approver.email, now=at.now)
    base_url = get_settings().api_base_url
    lines = [
        {
            "name": each.found.campaign.name,
            "url": each.link.url(base_url),
            "until": words.moment(
                each.found.round.expires_at, each.found.approver.zone(each.found.campaign.schedule.zone)
            ),
            "posts": words("list.posts", n=len(each.found.round.posts) - len(each.found.round.locked)),
            "round": _place(words, each.found.round),
        }
        for each in found
    ]
    return page(
        "list.html", 200, words=words, lines=lines, name=holder.approver.name,
        heading=words("list.title", n=len(lines)) if lines else words("list.none"),
    )  # fmt: skip


def _place(words: Words, round_: ApprovalRound) -> str:
    """Return "2 of 3: Legal" of an approval in stages, which round it is of another, "" of the first."""
    if found := where(round_):
        return words("stage.where", n=found[0], of=found[1], name=found[2])
    return words("list.round", round=round_.n) if round_.n > 1 else ""


def _said(holder: Holder, key: str, *, status: int, sign: str) -> Response:
    words = holder.words
    return page(
        "closed.html", status, words=words, heading=words(f"state.{key}.title"), lines=[words(f"state.{key}.text")],
        sign=sign, kept=[], relink=None,
    )  # fmt: skip


def _back_to_list() -> Response:
    return RedirectResponse(LIST_PATH, status_code=303)
