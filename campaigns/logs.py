"""Structured logs: one JSON object a line, with the correlation id, and no secret in it.

Control characters are escaped by JSON, so nothing that a user sends can start a line of its own.
"""

import json
import logging
import re
import sys
from datetime import UTC, datetime
from typing import Any, Final, TextIO

from campaigns import correlation

LOGGER: Final = "campaigns"
MAX_LOGGED: Final = 4000

# What looks like a secret is one: bearer headers, JWTs anywhere, the parameters of an approval link and
# the callback id in its path, key rings.
_SECRETS: Final = re.compile(
    r"(?P<scheme>\b(?:bearer|basic)\s+)[\w.~+/=-]+"
    # A long run is hidden without its dot as well: it may be half a token, and is read once, not from each eyJ in it.
    r"|eyJ(?:[\w-]{5,}+\.[\w-]{5,}+(?:\.[\w-]*+)?|[\w-]{40,}+)"
    r"|(?P<name>\b(?:token|nonce|password|secret|authorization|api[_-]?key)[\"']?\s*[=:]\s*[\"']?)(?!(?:bearer|basic)\b)[^\s\"'&,;}]+"
    r"|cal-[\w-]{32}\.[a-z0-9-]{1,32}\.[0-9a-f]{32}"
    r"|(?P<path>/approve/)[\w-]+"
    r"|(?P<kid>\b[a-z0-9-]{1,32}:(?:sign|verify|revoked):)[\w-]{40,}",
    re.IGNORECASE,
)
HIDDEN: Final = "[redacted]"

# What every record has; anything else was given by `extra` and is logged as a field.
_STANDARD: Final = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}
_CALLED: Final = {
    "tenant_id": "tenant", "campaign_id": "campaign", "correlation_id": "correlationId", "flow_run_id": "run",
}  # fmt: skip
"""The names of these fields in log lines: one name each, in every module."""


def redacted(text: str) -> str:
    """Return the text without anything that opens a door."""
    return _SECRETS.sub(_hidden, text)


def _hidden(found: re.Match[str]) -> str:
    kept = next((value for value in found.groupdict().values() if value), "")
    return f"{kept}{HIDDEN}"


class JsonLines(logging.Formatter):
    """Formats a record as one line of JSON: time, level, logger, message, correlation id, extra fields, error."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _safe(record.getMessage()),
        }
        if (correlation_id := correlation.current.get()) is not None:
            line["correlationId"] = correlation_id
        line |= correlation.fields()
        extra = {_CALLED.get(name, name): value for name, value in record.__dict__.items() if name not in _STANDARD}
        line |= {name: _safe(value) for name, value in extra.items() if value is not None}
        if record.exc_info:
            # The end of a traceback says what happened; redacted before it is cut, or half a secret would stay.
            line["error"] = redacted(self.formatException(record.exc_info))[-MAX_LOGGED:]
        # ASCII only: bidi overrides and terminal escapes arrive as \\u escapes, whatever shows the log.
        return json.dumps(line, ensure_ascii=True, default=str)


def _safe(value: Any) -> Any:
    if isinstance(value, bool | int | float):
        return value
    text = redacted(str(value))
    return text if len(text) <= MAX_LOGGED else f"{text[:MAX_LOGGED]}…"


class StderrLines(logging.StreamHandler[TextIO]):
    """Writes to standard error as it is now, not as it was when the handler was made.

    Its name has no underscore in front: Prefect, which the API loads late, takes such handlers for its own to replace.
    """

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:  # type: ignore[override]  # a property where the base keeps an attribute
        return sys.stderr


def install_beside_prefect() -> None:
    """Make this process write to standard error as JSON what Prefect would write as text; its server hears as before.

    For processes of Prefect: workers, flow runs, housekeeping. Twice is as once.
    """
    for logger in [logging.getLogger(), *map(logging.getLogger, list(logging.Logger.manager.loggerDict))]:
        for place, handler in enumerate(logger.handlers):
            if isinstance(handler, logging.StreamHandler) and type(handler).__module__.startswith("prefect."):
                lines = StderrLines()
                lines.setLevel(handler.level)
                lines.setFormatter(JsonLines())
                logger.handlers[place] = lines
    if logging.getLogger(LOGGER).getEffectiveLevel() > logging.INFO:
        logging.getLogger(LOGGER).setLevel(logging.INFO)


def install() -> None:
    """Make this process write every log line to standard error as JSON, whoever writes it.

    Called after the imports, since Prefect gives the root and itself handlers of their own; twice is as once.
    """
    root = logging.getLogger()
    if not any(isinstance(handler, StderrLines) for handler in root.handlers):
        handler = StderrLines()
        handler.setFormatter(JsonLines())
        root.handlers[:] = [handler]
        root.setLevel(logging.WARNING)
    logging.getLogger(LOGGER).setLevel(logging.INFO)
    for name in list(logging.Logger.manager.loggerDict):
        logger = logging.getLogger(name)
        if name.split(".")[0] in {"prefect", "uvicorn"}:
            logger.handlers.clear()
            logger.propagate = True
