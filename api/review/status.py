"""The status of the installation: as JSON for whoever asks with a token, as a page for an operator's browser."""

from typing import Annotated, Final
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from fastapi.security import HTTPBasic

from api.dependencies import Now, TheStore
from api.http.problems import documented
from api.review.render import page
from api.routers.health import Probe, probe
from api.routers.status import Overseer, SystemStatus, status_of
from api.schemas.wire import sent
from campaigns.texts import words_for

router = APIRouter(tags=["health"])

_PARTS: Final = {
    "store": "Store",
    "assets": "Files of brands",
    "prefect": "Prefect",
    "work_pool": "Work pool",
    "base_url": "Address of links",
}
_sign_in: Final = HTTPBasic(
    auto_error=False,
    scheme_name="prefect",
    description="Name and password of the Prefect server: an operator's browser, for every tenant",
)


@router.get(
    "/status",
    response_model=SystemStatus,
    summary="How the installation is",
    dependencies=[Depends(_sign_in)],
    responses={
        **documented(400, 401, 403, 429, 500, 503),
        200: {"description": "The status", "content": {"text/html": {"schema": {"type": "string"}}}},
    },
)
def status(
    request: Request, caller: Overseer, store: TheStore, now: Now, found: Annotated[Probe, Depends(probe)]
) -> Response:
    """Return live builds, rounds that wait with their deadlines, rates, and the health of every part.

    A browser, which prefers `text/html`, gets a page, and asks for Prefect's name and password where it has no token:
    whoever signs in with those sees every tenant.
    """
    shown = status_of(store, caller.tenant_id, found.checks(request), now)
    if "text/html" in request.headers.get("accept", ""):
        return _page(shown)
    return sent(shown.to_wire())


def _page(shown: SystemStatus) -> Response:
    words = words_for("en", "")
    parts = [
        {"name": name, "how": getattr(shown.checks, part), "ok": getattr(shown.checks, part) == "ok"}
        for part, name in _PARTS.items()
    ]
    return page(
        "status.html", 200, words=words, shown=shown, parts=parts, heading=_heading(parts), percent=_percent,
        moment=lambda at: words.moment(at, ZoneInfo("UTC")) if at else "never",
    )  # fmt: skip


def _heading(parts: list[dict[str, object]]) -> str:
    wrong = [str(part["name"]) for part in parts if not part["ok"]]
    return f"To be looked at: {', '.join(wrong)}" if wrong else "All parts answer"


def _percent(value: float | None) -> str:
    return "none yet" if value is None else f"{100 * value:.1f} %"
