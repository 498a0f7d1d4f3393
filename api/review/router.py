"""The routes of the approval page: opening a link shows, sending the form decides (process.md section 4).

GET and HEAD change nothing but an audit entry.
"""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import FileResponse, Response
from starlette.concurrency import run_in_threadpool

from api.review.answering import answer, checked
from api.review.arriving import TheDesk, admitted, away, cookies, enter, unknown
from api.review.compressed import CompressedRoute
from api.review.render import STATIC, script, script_name, stylesheet, stylesheet_name
from api.review.showing import download, show
from campaigns.errors import ApprovalLinkError, StoreUnavailableError

router = APIRouter(prefix="/approve", include_in_schema=False, route_class=CompressedRoute)


@router.api_route("/static/{name}", methods=["GET", "HEAD"])
def static(name: str) -> Response:
    """Serve the style sheet, the script and the icon, and nothing else."""
    if name == stylesheet_name():
        kept = {"Cache-Control": "public, max-age=31536000, immutable"}
        return Response(stylesheet(), media_type="text/css", headers=kept)
    if name == script_name():
        kept = {"Cache-Control": "public, max-age=31536000, immutable"}
        return Response(script(), media_type="text/javascript", headers=kept)
    if name == "icon.svg":
        kept = {"Cache-Control": "public, max-age=3600"}
        return FileResponse(STATIC / name, media_type="image/svg+xml", headers=kept)
    return Response(status_code=404)


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
            return enter(at, callback_id, token, nonce or "")
        visit = admitted(at, callback_id)
        if isinstance(visit, Response):
            return visit
        return show(visit, number=int(page) if page.isascii() and page.isdigit() and len(page) < 4 else 1, step=step)
    except ApprovalLinkError:
        return unknown(at)
    except StoreUnavailableError:
        return away(at)


@router.api_route("/{callback_id}/posts.csv", methods=["GET", "HEAD"])
def posts_as_table(callback_id: str, at: TheDesk) -> Response:
    """Return the posts of the round as a table."""
    return download(at, callback_id, "csv")


@router.api_route("/{callback_id}/posts.ics", methods=["GET", "HEAD"])
def posts_as_calendar(callback_id: str, at: TheDesk) -> Response:
    """Return the posts of the round as a calendar."""
    return download(at, callback_id, "ics")


@router.api_route("/{anything:path}", methods=["GET", "HEAD"])
def no_link(at: TheDesk) -> Response:
    """Answer what is no link at all like a wrong one."""
    return unknown(at)


@router.post("/{callback_id}")
async def send_form(callback_id: str, at: TheDesk) -> Response:
    """Keep a draft, or record what the form says and answer with the receipt."""
    # Before the form is read: nobody without a link of ours makes us take in a mebibyte.
    if not any(map(at.links.is_ours, cookies(at).values())):
        return unknown(at)
    body = await at.request.body()
    return await run_in_threadpool(answer, at, callback_id, body)


@router.post("/{callback_id}/check")
async def check_words(callback_id: str, at: TheDesk) -> Response:
    """Count and check a text as it is typed. Keeps nothing and decides nothing."""
    if not any(map(at.links.is_ours, cookies(at).values())):
        return unknown(at)
    body = await at.request.body()
    return await run_in_threadpool(checked, at, callback_id, body)
