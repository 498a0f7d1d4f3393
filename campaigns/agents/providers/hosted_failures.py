"""Turns what a model's client raises into our codes: by what to do, not by where it came from."""

import re
from typing import Any, Final

from botocore.exceptions import BotoCoreError, NoCredentialsError, PartialCredentialsError, TokenRetrievalError
from pydantic_ai import exceptions as ai

from campaigns.agents.failures import FailureCode, agent_error
from campaigns.errors import AgentError

_BY_KIND: Final[tuple[tuple[type[Exception], FailureCode], ...]] = (
    # the first that fits; narrower kinds before wider ones
    (ai.ModelRateLimitError, FailureCode.THROTTLED),
    (ai.ModelOverloadedError, FailureCode.THROTTLED),
    (ai.ModelQuotaExceededError, FailureCode.ACCESS_DENIED),
    (ai.ModelRequestTimeout, FailureCode.MODEL_TIMEOUT),
    (ai.ModelTimeoutError, FailureCode.MODEL_TIMEOUT),
    (ai.ModelConnectionError, FailureCode.MODEL_UNAVAILABLE),
    (ai.ModelUnavailableError, FailureCode.MODEL_UNAVAILABLE),
    (ai.ModelServerError, FailureCode.MODEL_UNAVAILABLE),
    (ai.ModelNotFoundError, FailureCode.MODEL_WITHDRAWN),
    (ai.ModelAuthenticationError, FailureCode.ACCESS_DENIED),
    (ai.ModelRequestRejectedError, FailureCode.REQUEST_REJECTED),
    (ai.ContentFilterError, FailureCode.CONTENT_FILTERED),
    (ai.UserError, FailureCode.REQUEST_REJECTED),
    (NoCredentialsError, FailureCode.ACCESS_DENIED),
    (PartialCredentialsError, FailureCode.ACCESS_DENIED),
    (TokenRetrievalError, FailureCode.ACCESS_DENIED),
)

_UNREADABLE: Final = (
    # What the client's own parsing stumbles over: an answer without a field that it takes for granted.
    ai.UnexpectedModelBehavior,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    RecursionError,
)

_BY_STATUS: Final = {
    401: FailureCode.ACCESS_DENIED,
    402: FailureCode.ACCESS_DENIED,
    403: FailureCode.ACCESS_DENIED,
    404: FailureCode.MODEL_WITHDRAWN,
    408: FailureCode.MODEL_TIMEOUT,
    410: FailureCode.MODEL_WITHDRAWN,
    424: FailureCode.MODEL_UNAVAILABLE,
    429: FailureCode.THROTTLED,
}


def failure_from(error: Exception) -> AgentError:
    """Return our error for what a client raised. Its words stay in the log: they may quote the prompt."""
    if isinstance(error, AgentError):
        return error
    details: dict[str, Any] = {"kind": type(error).__name__.lstrip("_")}
    if isinstance(error, ai.ModelAPIError) and error.provider_error_code:
        details["serviceCode"] = error.provider_error_code
    if isinstance(error, ai.ModelHTTPError):
        details["status"] = error.status_code
        if (wait := _retry_after(error)) is not None:
            details["retryAfterSeconds"] = wait
    return agent_error(_code(error), **details)


def _code(error: Exception) -> FailureCode:
    for kind, code in _BY_KIND:
        if isinstance(error, kind):
            return code
    if isinstance(error, ai.ModelHTTPError):
        wide = FailureCode.MODEL_UNAVAILABLE if error.status_code >= 500 else FailureCode.REQUEST_REJECTED
        return _BY_STATUS.get(error.status_code, wide)
    if isinstance(error, _UNREADABLE):
        return FailureCode.INVALID_OUTPUT
    if isinstance(error, ai.ModelAPIError | BotoCoreError | OSError):
        return FailureCode.MODEL_UNAVAILABLE
    return FailureCode.AGENT_ERROR


def _retry_after(error: ai.ModelHTTPError) -> float | None:
    """Return the seconds that the service asks to wait, when it says them as a number."""
    given = (error.headers or {}).get("retry-after", "")
    return min(float(given), 3600.0) if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", given) else None
