"""What a check found."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from campaigns.checkpoints.faults import CheckpointFault

Level = Literal["ok", "note", "bad"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence; one that is `bad` ends with what to do next."""

    level: Level
    says: str


def ok(says: str) -> Finding:
    return Finding("ok", says)


def note(says: str) -> Finding:
    """Return something to know that need not be mended."""
    return Finding("note", says)


def bad(says: str) -> Finding:
    return Finding("bad", says)


Check = Callable[[], Iterator[Finding]]


def tried(check: Check) -> Iterator[Finding]:
    """Yield what a check finds; one that breaks is itself a finding, and the others are done all the same."""
    try:
        yield from check()
    except (Exception, CheckpointFault) as error:
        # Its words may hold an address with a password; its kind and the check's name say where to look.
        name = getattr(check, "__name__", "check")
        yield bad(f"{name}: {type(error).__name__} where none was expected: tell whoever maintains this")
