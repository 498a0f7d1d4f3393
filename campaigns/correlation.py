"""The correlation id, and what else names the work at hand: every log line, measure and span of it carries them.

One id for everything that follows from one request, in every process that it reaches.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

from ulid import ULID

# Also a Prefect tag and a log field: short, printable, and nothing that a log viewer or a shell could take amiss.
_SHAPE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{7,63}", re.ASCII)

HEADER: Final = "X-Correlation-Id"
"""Of requests, answers and mails."""
TAG: Final = "correlation:"
"""Begins the label of a flow run that names the id."""

current: ContextVar[str | None] = ContextVar("correlation_id", default=None)
"""The id of what this thread or task works for; log lines carry it."""
_bound: ContextVar[Mapping[str, str | int]] = ContextVar("bound", default={})  # noqa: B039  # never changed in place
_found: ContextVar[dict[str, str] | None] = ContextVar("found", default=None)


def new_correlation_id() -> str:
    return str(ULID())


def accepted(given: str | None) -> str:
    """Return a correlation id that somebody else chose, or a fresh one when theirs is not 8 to 64 plain characters."""
    return given if given is not None and _SHAPE.fullmatch(given) else new_correlation_id()


def of_tags(tags: list[str]) -> str | None:
    """Return the id that the labels of a flow run name, None: they name none."""
    named = [each.removeprefix(TAG) for each in tags if each.startswith(TAG)]
    return named[0] if named and _SHAPE.fullmatch(named[0]) else None


def fields() -> Mapping[str, str | int]:
    """Return what the work at hand is bound to: tenant, campaign, run, step, attempt."""
    return _bound.get()


@contextmanager
def bound(correlation_id: str | None = None, **more: str | int | None) -> Iterator[None]:
    """Bind what is done in the block to these fields, beside those that are bound already."""
    kept = {name: value for name, value in more.items() if value is not None}
    tokens = current.set(correlation_id or current.get()), _bound.set({**_bound.get(), **kept})
    try:
        yield
    finally:
        _bound.reset(tokens[1])
        current.reset(tokens[0])


def follow(correlation_id: str | None, *, tenant: str, campaign: str) -> None:
    """Go on as part of a campaign's story: a click finds its campaign only on the way.

    Holds for the rest of the request, also in the block of `finding`.
    """
    names = {"tenant": tenant, "campaign": campaign}
    _bound.set({**_bound.get(), **names})
    if correlation_id is not None:
        current.set(correlation_id)
    if (found := _found.get()) is not None:
        found.update(names, **({"correlationId": correlation_id} if correlation_id is not None else {}))


@contextmanager
def finding() -> Iterator[Mapping[str, str]]:
    """Give what `follow` finds in the block, in whatever thread of it."""
    found: dict[str, str] = {}
    token = _found.set(found)
    try:
        yield found
    finally:
        _found.reset(token)
