"""Pages of other origins that may call the API from a browser, where a setting names them (Fetch Standard, CORS).

They bring a bearer token of their own; no cookie goes along, and the approval page is for its own origin alone.
"""

from collections.abc import Sequence
from typing import Final

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

_METHODS: Final = ("GET", "HEAD", "POST", "PATCH", "DELETE")
_SENT: Final = ("Authorization", "Content-Type", "Idempotency-Key", "If-Match", "X-Correlation-Id")
_SHOWN: Final = ("ETag", "Location", "Retry-After", "X-Correlation-Id", "Content-Disposition")
_PAGES: Final = "/approve/"


class ApiCors:
    """Answers preflights and marks answers for the origins named, except on the approval page."""

    def __init__(self, app: ASGIApp, *, origins: Sequence[str]) -> None:
        self._app = app
        self._open = CORSMiddleware(
            app, allow_origins=list(origins), allow_methods=_METHODS, allow_headers=_SENT, expose_headers=_SHOWN
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        page = scope["type"] == "http" and scope["path"].startswith(_PAGES)
        await (self._app if page else self._open)(scope, receive, send)
