"""The correlation id: one name for everything that follows from one request, in every process it reaches."""

from __future__ import annotations

import re
from contextvars import ContextVar
from typing import Final

from ulid import ULID

# Also a Prefect tag and a log field: short, printable, and nothing that a log viewer or a shell could take amiss.
_SHAPE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{7,63}", re.ASCII)

current: ContextVar[str | None] = ContextVar("correlation_id", default=None)
"""The id of what this thread or task works for; log lines carry it."""


def new_correlation_id() -> str:
    return str(ULID())


def accepted(given: str | None) -> str:
    """Return a correlation id that somebody else chose, or a fresh one when theirs is not 8 to 64 plain characters."""
    return given if given is not None and _SHAPE.fullmatch(given) else new_correlation_id()
