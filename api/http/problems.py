"""Errors on the wire: one body shape, and the status of each error: the domain's by class, HTTP's own by code."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from fastapi.routing import APIRoute
from pydantic import Field
from pydantic_core import ErrorDetails
from starlette.exceptions import HTTPException
from ulid import ULID

from api.http.json_bodies import is_json
from campaigns import errors
from campaigns.model.base import Wire
from campaigns.model.faults import faults_of_details

log = logging.getLogger("campaigns.api")

STATUS: Final[tuple[tuple[type[errors.CampaignError], int], ...]] = (
    # the first class that fits decides, so the special ones come first
    (errors.IdempotencyMismatchError, 422),
    (errors.FaultsError, 422),
    (errors.NotFoundError, 404),
    (errors.ApprovalLinkError, 404),
    (errors.GoneError, 410),
    (errors.ConflictError, 409),
    (errors.ItemTooLargeError, 413),
    (errors.StoreUnavailableError, 503),
    (errors.TenantBusyError, 429),
    (errors.BusyError, 503),
)

CODES: Final[Mapping[str, tuple[int, str]]] = {
    # what the API itself finds: the status, and what it means for a caller
    "HOST_NOT_ALLOWED": (400, "The Host header names no host of this API. Use the address it is configured with."),
    "BODY_UNREADABLE": (400, "The body broke off or is not of the form its Content-Type says."),
    "UNAUTHENTICATED": (401, "There is no bearer token, or it is not valid. Get a fresh one."),
    "INVALID_TOKEN": (401, "The approval token is not valid."),
    "SCOPE_MISSING": (403, "The token is valid but lacks the scope named in the message."),
    "NOT_FOUND": (404, "There is no such thing, or it is another tenant's: the answer is the same."),
    "METHOD_NOT_ALLOWED": (405, "The address has no such method; Allow names those it has."),
    "PRECONDITION_FAILED": (412, "If-Match names another version than the stored one. Read again, then decide."),
    "BODY_TOO_LARGE": (413, "The body is larger than this address takes; nothing of it was read."),
    "UNSUPPORTED_MEDIA_TYPE": (415, "This address takes no such body. Send `Content-Type: application/json`."),
    "BRAND_INVALID_FILE_TYPE": (422, "The file is not a JPEG, PNG, WebP, GIF or PDF; its bytes count, not its name."),
    "BRAND_FILE_TOO_LARGE": (422, "The file is larger than 10 MiB."),
    "PRECONDITION_REQUIRED": (
        428,
        "A change names the version it is based on: If-Match with the ETag that was read, or `version` in the body.",
    ),
    "RATE_LIMITED": (429, "Too many requests. Wait as long as Retry-After says."),
    "INTERNAL": (500, "Something went wrong on our side. Nothing is known to be lost; the error id helps us find it."),
    "IDENTITY_UNAVAILABLE": (503, "The keys of the identity provider cannot be fetched at the moment. Try again."),
    "NOT_READY": (503, "A part that this process needs does not answer."),
}


class FaultBody(Wire):
    """One thing wrong with the request."""

    field: str = Field(description="Path of the field, such as schedule.endDate")
    message: str = Field(description="What was expected")
    code: str = Field(description="Stable; docs/errors.md lists them")


class ProblemDetails(Wire):
    """The faults of the request; further facts, such as currentStatus, stand beside them."""

    # Facts differ by error code.
    model_config = {"extra": "allow"}

    errors: list[FaultBody] = []


class ProblemBody(Wire):
    """The body of every error."""

    message: str
    error_code: str = Field(description="Stable; docs/errors.md lists them")
    error_id: str = Field(description="Names this answer in our logs")
    details: ProblemDetails


class Problem(Exception):  # it is an answer, not a failure of ours
    """An error that the API itself finds."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        details: dict[str, Any] | None = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(status, code, message, details, retry_after)
        self.status = status
        self.code = code
        self.message = message
        self.details = details or {}
        self.retry_after = retry_after
        self.challenge = "Bearer"
        """How to come in, where it is a 401."""


def problem(
    code: str, message: str, details: dict[str, Any] | None = None, *, retry_after: int | None = None
) -> Problem:
    """Return the error of this code, with the status that the catalogue gives it."""
    return Problem(CODES[code][0], code, message, details, retry_after)


def answer(found: Problem) -> JSONResponse:
    """Return the one body shape of an error."""
    error_id = str(ULID())
    body = {
        "message": found.message,
        "errorCode": found.code,
        "errorId": error_id,
        "details": {"errors": [], **found.details},
    }
    headers = {"Cache-Control": "no-store"}
    if found.retry_after is not None:
        headers["Retry-After"] = str(found.retry_after)
    if found.status == 401:
        headers["WWW-Authenticate"] = found.challenge
    log.log(
        logging.ERROR if found.status >= 500 else logging.INFO,
        "answered %s",
        found.code,
        extra={"status": found.status, "error_id": error_id},
    )
    return JSONResponse(body, status_code=found.status, headers=headers)


def problem_of(error: errors.CampaignError) -> Problem:
    """Return the answer to a domain error."""
    status = next((status for kind, status in STATUS if isinstance(error, kind)), 500)
    if isinstance(error, errors.FaultsError):
        count = len(error.faults)
        listed = f", of which the first {len(error.told)} are listed" if error.untold else ""
        message = f"the request has {count} fault{'s' if count > 1 else ''}{listed}; nothing was stored"
        details = {"errors": [fault.to_wire() for fault in error.told], **getattr(error, "details", {})}
        return Problem(status, error.code, message, details)
    if isinstance(error, errors.NotFoundError):
        return Problem(status, error.code, f"{error.what} not found")
    if isinstance(error, errors.ApprovalLinkError):
        return Problem(status, error.code, "this approval link is not valid")
    details = getattr(error, "details", None) or {}
    if isinstance(error, errors.BusyError):
        return Problem(status, error.code, str(error), dict(details), retry_after=error.retry_after)
    if isinstance(error, errors.NewerReleaseError):
        words = "a later release wrote this and was rolled back; nothing is lost, it goes on when that one runs again"
        return Problem(status, error.code, words, retry_after=60)
    if status == 503:
        return Problem(status, error.code, "the store did not answer; nothing is lost, try again", retry_after=5)
    if status == 500:
        return problem("INTERNAL", "something went wrong on our side; the error id helps us find it")
    return Problem(status, error.code, str(error), dict(details))


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the `responses` of a route that may answer with these errors, for OpenAPI."""
    return {status: {"model": ProblemBody, "description": WORDS[status]} for status in statuses}


WORDS: Final[Mapping[int, str]] = {
    400: "The request cannot be read",
    401: "No valid bearer token",
    403: "The token lacks the scope",
    404: "Unknown, or another tenant's",
    409: "The stored state refuses this",
    410: "It was there and is over",
    412: "If-Match names another version",
    413: "The body is too large",
    415: "The body is of a type that is not taken here",
    422: "Faults in the request, all of them at once",
    428: "If-Match or `version` is missing",
    429: "Too many requests; see Retry-After",
    500: "Something went wrong on our side",
    503: "A part we need does not answer; try again",
}


def routes_of(routers: Sequence[APIRouter]) -> list[APIRoute]:
    """Return every route of these routers, in the order in which they are tried."""
    return [route for router in routers for route in router.routes if isinstance(route, APIRoute)]


def _methods_of(routers: Sequence[APIRouter], path: str) -> set[str]:
    routes = routes_of(routers)
    return {method for route in routes if route.path_regex.match(path) for method in route.methods or set()}


def install(app: FastAPI, routers: Sequence[APIRouter]) -> None:
    """Make every error of the app, which is made of these routers, answer in the one shape."""

    async def on_problem(_: Request, error: Exception) -> Response:
        assert isinstance(error, Problem)
        return answer(error)

    async def on_domain_error(_: Request, error: Exception) -> Response:
        assert isinstance(error, errors.CampaignError)
        found = problem_of(error)
        if found.status == 500 or isinstance(error, errors.NewerReleaseError):
            log.error("unexpected %s", error.code, exc_info=error)
        return answer(found)

    async def on_validation(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        if isinstance(error.body, bytes) and error.body and not is_json(request.headers):
            # Nobody read it: what would be said of it as a value helps nobody.
            return answer(problem("UNSUPPORTED_MEDIA_TYPE", "send JSON, and say so: Content-Type: application/json"))
        # FastAPI puts "body", "query" or "path" before the path of the field.
        details = [cast(ErrorDetails, {**detail, "loc": detail["loc"][1:]}) for detail in error.errors()]
        return answer(problem_of(errors.FaultsError(faults_of_details(details))))

    async def on_http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        codes = {404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED", 413: "BODY_TOO_LARGE"}
        code = codes.get(error.status_code, "BODY_UNREADABLE")
        response = answer(problem(code, str(error.detail)))
        response.headers.update(error.headers or {})
        if error.status_code == 405:
            # Starlette names the methods of the first route of this path only.
            response.headers["Allow"] = ", ".join(sorted(_methods_of(routers, request.url.path)))
        return response

    app.add_exception_handler(Problem, on_problem)
    app.add_exception_handler(errors.CampaignError, on_domain_error)
    app.add_exception_handler(RequestValidationError, on_validation)
    app.add_exception_handler(HTTPException, on_http)
