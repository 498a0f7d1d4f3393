"""Spans of one story, where somebody listens (`otlp`); else nothing is made, and OpenTelemetry's SDK is not imported.

The trace follows from the correlation id, so no header and no parameter has to carry it: whoever has the id is in the
trace. A wait of days is no span: whoever goes on after it links to the step that asked.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

from campaigns import correlation

if TYPE_CHECKING:
    from opentelemetry.trace import Span, Tracer

_tracer: Tracer | None = None
_named: ContextVar[str | None] = ContextVar("named", default=None)
ROOT: Final = "request"
"""The span that began a story."""


def use(tracer: Tracer | None) -> None:
    """Make spans with this tracer from now on; None: make none."""
    global _tracer  # noqa: PLW0603 - the one of this process
    _tracer = tracer


def trace_id() -> int | None:
    """Return the trace of the work at hand, None: it has no correlation id."""
    known = correlation.current.get()
    return None if known is None else int.from_bytes(_hashed("trace", known)[:16], "big") or 1


def span_id() -> int | None:
    """Return the id of the span that begins now, where others must be able to say it; None: any will do."""
    known, name = correlation.current.get(), _named.get()
    return None if known is None or name is None else span_id_of(known, name)


def span_id_of(correlation_id: str, name: str) -> int:
    """Return the id of a span that is known by name in its story."""
    return int.from_bytes(_hashed("span", correlation_id, name)[:8], "big") or 1


@contextmanager
def span(name: str, *, known_as: str | None = None, follows: str | None = None, **more: str | int) -> Iterator[None]:
    """Make a span of the block, below the one that is open here or the one that began the story.

    Args:
        known_as: its name in the story, by which another process links to it.
        follows: the name of a span that this one goes on from after a wait.
    """
    if _tracer is None or correlation.current.get() is None:
        yield
        return
    from opentelemetry import trace

    story = correlation.current.get() or ""
    inside = trace.get_current_span().get_span_context()
    same_story = inside.is_valid and inside.trace_id == trace_id()
    context = None if same_story or known_as == ROOT else trace.set_span_in_context(_remote(story, ROOT))
    links = [] if follows is None else [trace.Link(_remote(story, follows).get_span_context())]
    token = _named.set(known_as)
    try:
        made = _tracer.start_span(name, context=context, links=links, attributes={**correlation.fields(), **more})
    finally:
        _named.reset(token)
    with trace.use_span(made, end_on_exit=True, record_exception=False, set_status_on_exception=False):
        try:
            yield
        except Exception as error:
            # The name only: the words of an error may hold what a person wrote.
            made.set_status(trace.StatusCode.ERROR, type(error).__name__)
            raise


def rename(name: str) -> None:
    """Name the span that is open here, where its name is only known at its end."""
    if _tracer is not None:
        from opentelemetry import trace

        trace.get_current_span().update_name(name)


def _remote(story: str, name: str) -> Span:
    from opentelemetry import trace

    found = int.from_bytes(_hashed("trace", story)[:16], "big") or 1
    sampled = trace.TraceFlags(trace.TraceFlags.SAMPLED)
    context = trace.SpanContext(found, span_id_of(story, name), is_remote=True, trace_flags=sampled)
    return trace.NonRecordingSpan(context)


def _hashed(*parts: str) -> bytes:
    return hashlib.sha256("\x00".join(parts).encode()).digest()
