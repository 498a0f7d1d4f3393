"""The weight of the page on the way: a phone loads it compressed, where its browser takes that.

What compression may give away (BREACH) needs an answer that repeats what an attacker sends, asked for by the reader's
browser with its cookie. Addresses are not repeated on a page, forms from elsewhere are refused, and the cookie does
not go along with what another site loads.
"""

import gzip
from collections.abc import Callable, Coroutine
from typing import Any, Final

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

_LEAST: Final = 1_400
"""Bytes: one packet, which nothing makes faster."""


class CompressedRoute(APIRoute):
    """A route that compresses its answer when the request accepts gzip."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()

        async def handle(request: Request) -> Response:
            return _compressed(await handler(request), request.headers.get("accept-encoding", ""))

        return handle


def _compressed(answer: Response, accepted: str) -> Response:
    body = getattr(answer, "body", b"")  # a file that is streamed has none
    if len(body) < _LEAST:
        return answer
    answer.headers["Vary"] = "Accept-Encoding"
    if "gzip" in {each.partition(";")[0].strip() for each in accepted.lower().split(",")}:
        answer.body = gzip.compress(body, compresslevel=6, mtime=0)
        answer.headers["Content-Encoding"] = "gzip"
        answer.headers["Content-Length"] = str(len(answer.body))
    return answer
