"""One line for every request, and the correlation id in and out; around the gate, so that no refusal escapes it."""

import ipaddress
import logging
import re
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from typing import Any, Final

from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.problems import answer, problem
from campaigns import correlation
from campaigns.correlation import HEADER
from campaigns.telemetry import spans

log = logging.getLogger("campaigns.access")
audit = logging.getLogger("campaigns.denied")

_READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})
"""Begin no story, and no trace."""
DENIED_STATUSES: Final = frozenset({401, 403, 404, 429})
"""Answers that keep somebody out; a 404 may be another tenant's thing."""


# The thing that was asked for, as our own ids are spelled: nothing else of an address reaches a log.
_ID: Final = re.compile(r"(?:campaign|persona|example|brand|asset)_[0-9A-HJKMNP-TV-Z]{26}", re.ASCII)


class AccessLog:
    """Names the request, logs its answer, and turns what nobody caught into the one error shape."""

    def __init__(self, app: ASGIApp, *, routes: Sequence[APIRoute]) -> None:
        self._app = app
        self._routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        correlation_id = correlation.accepted(Headers(scope=scope).get(HEADER))
        changes = scope["method"] not in _READING
        with (
            correlation.bound(correlation_id),
            correlation.finding() as found,
            spans.span(scope["method"], known_as=spans.ROOT) if changes else nullcontext(),
        ):
            await self._answered(scope, receive, send, correlation_id, found)

    async def _answered(self, scope: Scope, receive: Receive, send: Send, given: str, found: Mapping[str, str]) -> None:
        """Let the request be answered, and note it; `found` is the story that it turns out to belong to."""
        scope.setdefault("state", {})
        started, status, noted = time.perf_counter(), 0, False

        async def send_named(message: Message) -> None:
            nonlocal status, noted
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[HEADER] = given
            await send(message)
            if message["type"] == "http.response.body" and not message.get("more_body", False):
                # Now, since what goes on in the background afterwards is no part of the answer.
                noted = True
                await self._note(scope, status, time.perf_counter() - started, given, found)

        try:
            try:
                await self._app(scope, receive, send_named)
            except Exception:
                log.exception("unexpected error")
                if status:
                    raise  # the answer is half sent: only a broken connection tells the truth now
                await answer(problem("INTERNAL", "something went wrong on our side; the error id helps us find it"))(
                    scope, receive, send_named
                )
        finally:
            if not noted:
                await self._note(scope, status, time.perf_counter() - started, given, found)

    async def _note(self, scope: Scope, status: int, seconds: float, given: str, found: Mapping[str, str]) -> None:
        route = self._route(scope)
        fields = _fields(scope, route.path if route else "unknown", status, seconds)
        if (story := found.get("correlationId")) is not None and story != given:
            fields |= {"requestId": given}
        fields |= found
        if fields["method"] not in _READING:
            spans.rename(f"{fields['method']} {fields['route']}")
        log.info("%s %s %s", fields["method"], fields["route"], status, extra=fields)
        if (reason := _denied(scope, status)) is not None:
            asked = _ids(route, scope["path"]) if route else {}
            # Who counts refusals may write to the store: not in the loop that serves everybody.
            await run_in_threadpool(audit.warning, "denied", extra={**fields, **asked, "reason": reason})

    def _route(self, scope: Scope) -> APIRoute | None:
        """Return the route that was asked for, also when the gate let nobody through to it."""
        if isinstance(found := scope.get("route"), APIRoute):
            return found
        return next((route for route in self._routes if route.path_regex.match(scope["path"])), None)


def _fields(scope: Scope, route: str, status: int, seconds: float) -> dict[str, Any]:
    caller = scope["state"].get("caller")
    return {
        "method": scope["method"],
        # The template, never the path: ids are in the fields of the store, callback ids in no log at all.
        "route": route,
        "status": status,
        "milliseconds": round(seconds * 1000, 1),
        "tenant": caller.tenant_id if caller else None,
        "subject": caller.sub if caller else None,
        "network": network_of(scope),
    }


def _ids(route: APIRoute, path: str) -> dict[str, str]:
    found = route.path_regex.match(path)
    return {name: value for name, value in (found.groupdict() if found else {}).items() if _ID.fullmatch(value)}


def _denied(scope: Scope, status: int) -> str | None:
    """Return why the request was kept out, for our eyes; None: it was let in."""
    reason = scope["state"].get("denied")
    return str(reason or status) if reason or status in DENIED_STATUSES else None


def network_of(scope: Scope) -> str | None:
    """Return the caller's network (/24 or /48): enough to see a pattern, not who it was."""
    try:
        address = ipaddress.ip_address(scope["client"][0])
    except (TypeError, ValueError):
        return None
    return str(ipaddress.ip_network((address, 24 if address.version == 4 else 48), strict=False))
