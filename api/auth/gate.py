"""The gate: who may come in, how often, and with how much, before any body is read.

Closed by default: a route that nobody listed as open answers 401 without a valid bearer token, whatever
it is, so a new route cannot be forgotten. Small by default: a route that nobody listed takes `SMALL_BODY_BYTES`.
"""

import re
from datetime import UTC, datetime
from typing import Final

from python_multipart.multipart import parse_options_header
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.auth.approval_limits import approval_limits, network, wrong_token
from api.auth.identity import Identity, TokenRefusedError
from api.auth.limits import RateLimiter, too_many
from api.auth.sign_in import CHALLENGE, STATUS_PATH, SignIn, is_basic
from api.http.access_log import network_of
from api.http.json_bodies import is_json, value_of
from api.http.problems import Problem, answer, problem, problem_of
from campaigns.errors import FaultsError
from campaigns.keys.links import LinkSigner
from campaigns.model.library.brand import MAX_ASSET_BYTES
from campaigns.store.tables.table import MAX_ITEM_BYTES

KIB: Final = 1024
MAX_BODY_BYTES: Final = 1024 * KIB
# A file of a little more than 10 MiB still learns that this is the reason.
MAX_UPLOAD_BYTES: Final = MAX_ASSET_BYTES + 1024 * KIB
SMALL_BODY_BYTES: Final = 16 * KIB
"""Of every address that is not listed below: a reason, or nothing at all."""
_BODIES: Final = [
    (re.compile(pattern), limit)
    for pattern, limit in (
        # What the model behind it may hold with every character escaped, at least; a test recounts it.
        (r"/campaigns(?:/[^/]+)?", MAX_BODY_BYTES),
        (r"/brands(?:/[^/]+)?", MAX_BODY_BYTES),
        (r"/brands/[^/]+/assets", MAX_UPLOAD_BYTES),
        (r"/brands/[^/]+/assets/[^/]+", 64 * KIB),
        (r"/templates(?:/[^/]+)?", MAX_BODY_BYTES),  # holidays come as text
        (r"/personas(?:/[^/]+)?", 160 * KIB),
        (r"/personas/[^/]+/examples", 160 * KIB),
        # It becomes one item of the store; the form has the same comments, percent-encoded.
        (r"/campaigns/[^/]+/approve", MAX_ITEM_BYTES),
        (r"/approve/[^/]+", MAX_BODY_BYTES),
    )
]
_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH"})
LARGE_JSON_BYTES: Final = 16 * KIB
"""Bytes of JSON from which on it is checked in a thread, so that the loop goes on serving other requests."""

OPEN: Final = re.compile(
    r"/(?:healthz|readyz|openapi\.json|docs(?:/[\w.-]+)?"
    r"|calendar\.ics"  # the token of the feed is
    r"|approve/.*"  # the link is the credential
    r"|campaigns/[^/]+/approve)"  # the approval token is
)
# Probes come by address, from inside.
ANY_HOST: Final = frozenset({"/healthz", "/readyz"})
_DECISION: Final = re.compile(r"/campaigns/[^/]+/approve")
_PAGES: Final = "/approve/"


class Gate:
    """Lets in who may, and hands on bodies that are worth parsing."""

    def __init__(
        self, app: ASGIApp, *, identity: Identity, sign_in: SignIn, hosts: frozenset[str], limiter: RateLimiter
    ) -> None:
        self._app = app
        self._identity = identity
        self._sign_in = sign_in
        self._hosts = hosts
        self._limiter = limiter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] != "websocket":
                await self._app(scope, receive, send)
            return  # there are no websockets here: the server closes the connection
        try:
            receive = await self._enter(scope, receive)
        except Problem as refused:
            await answer(refused)(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _enter(self, scope: Scope, receive: Receive) -> Receive:
        headers, path = Headers(scope=scope), scope["path"]
        if path not in ANY_HOST and not self._knows(headers.getlist("host")):
            scope["state"]["denied"] = "host"
            raise problem("HOST_NOT_ALLOWED", "this is not a host of this API")
        if not OPEN.fullmatch(path):
            await self._authenticate(scope, headers)
        elif _DECISION.fullmatch(path):
            await _show_link(Request(scope))
        limit = body_limit(scope["method"], path)
        declared = headers.get("content-length", "0")
        if not declared.isascii() or not declared.isdigit() or int(declared[:20]) > limit:
            raise problem("BODY_TOO_LARGE", f"a body of this address has at most {limit} bytes")
        if not _is_utf8(headers.get("content-type", "")):
            raise problem("BODY_UNREADABLE", "a form is sent in UTF-8: its Content-Type names no other charset")
        bounded = _bounded(receive, limit)
        # The pages take forms: they look at the link first, and read the form themselves.
        return await _read_json(scope, bounded) if is_json(headers) and not path.startswith(_PAGES) else bounded

    def _knows(self, hosts: list[str]) -> bool:
        return len(hosts) == 1 and ("*" in self._hosts or host_name(hosts[0]) in self._hosts)

    async def _authenticate(self, scope: Scope, headers: Headers) -> None:
        given, now = headers.getlist("authorization"), datetime.now(UTC)
        try:
            if scope["path"] == STATUS_PATH and is_basic(given):
                came_from = network_of(scope) or "unknown"
                caller = await run_in_threadpool(self._sign_in.caller, given[0], network=came_from)
            elif self._identity.may_wait:
                caller = await run_in_threadpool(self._identity.caller, given, now=now)
            else:
                caller = self._identity.caller(given, now=now)
        except TokenRefusedError as refused:
            scope["state"]["denied"] = refused.reason
            answered = problem("UNAUTHENTICATED", "send a valid bearer token: Authorization: Bearer <token>")
            if await self._may_sign_in(scope, headers):
                answered.challenge = CHALLENGE
            raise answered from None
        scope["state"]["caller"] = caller
        if wait := self._limiter.take(f"tenant:{caller.tenant_id}"):
            raise too_many(wait)

    async def _may_sign_in(self, scope: Scope, headers: Headers) -> bool:
        """Whether a browser is to ask for Prefect's name and password."""
        is_page = scope["path"] == STATUS_PATH and "text/html" in headers.get("accept", "")
        return is_page and await run_in_threadpool(lambda: self._sign_in.is_known)


def body_limit(method: str, path: str) -> int:
    """Return how many bytes a body may have."""
    if method not in _WITH_BODY:
        return SMALL_BODY_BYTES
    return next((limit for pattern, limit in _BODIES if pattern.fullmatch(path)), SMALL_BODY_BYTES)


async def _show_link(request: Request) -> None:
    """Refuse whoever has no approval token of ours; whether it is still good is for the route and the record to say."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise problem("UNAUTHENTICATED", "send the approval token: Authorization: Bearer <token>")
    links: LinkSigner = request.app.state.links
    if not links.is_ours(token):
        raise wrong_token(await approval_limits(request), await network(request))


def host_name(host: str) -> str:
    """Return the name of a Host header, without its port and in lower case."""
    return re.sub(r":\d{1,5}$", "", host).lower()


def _is_utf8(content_type: str) -> bool:
    """Whether a form of this type is read as UTF-8.

    A form may name any codec that Python has, and each of its parts would be handed to that: `punycode` works in the
    square of their length, on the event loop.
    """
    if "charset" not in content_type.lower():
        return True
    kind, options = parse_options_header(content_type)  # as who parses the form reads it
    return kind != b"multipart/form-data" or options.get(b"charset", b"utf-8").lower() == b"utf-8"


def _bounded(receive: Receive, limit: int) -> Receive:
    """Return a `receive` that breaks off a body beyond its limit, whatever it declared."""
    seen = 0

    async def counted() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > limit:
            raise HTTPException(413, f"a body of this address has at most {limit} bytes")
        return message

    return counted


async def _read_json(scope: Scope, receive: Receive) -> Receive:
    """Read the whole body, refuse JSON that is not worth parsing, keep its value for the route, and return a `receive`
    that gives the body again.
    """
    parts: list[bytes] = []
    more = True
    while more:
        try:
            message = await receive()
        except HTTPException as error:
            raise problem("BODY_TOO_LARGE", str(error.detail)) from None
        if message["type"] != "http.request":  # the client is gone: nobody waits for an answer
            raise problem("BODY_UNREADABLE", "the body broke off")
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    body = b"".join(parts)
    if body:
        large = len(body) > LARGE_JSON_BYTES
        try:
            scope["state"]["json"] = await run_in_threadpool(value_of, body) if large else value_of(body)
        except FaultsError as refused:
            raise problem_of(refused) from None
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again
