"""Feeds every expression and every reader its worst texts at growing sizes: `python -m tests.hostile.attack`.

A text repeats a piece (of the alphabet of the expression, of `tests.worst_cases`, or drawn at random), alone, between
letters, and behind what the expression begins with. Cost is processor time, never the clock on the wall, and what is
judged is its growth from a quarter of a size: linear work costs four times as much. `SIEVE` is small, for most texts
are harmless and there are many; what grows there is tried at the full size, and is a finding when it costs more than
`NOTICED` and grows by more than `MOST_GROWTH` there as well, or takes longer than `GIVE_UP` anywhere.
"""

from __future__ import annotations

import argparse
import random
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from re import _constants, _parser  # type: ignore[attr-defined]  # the standard library's own reading of an expression
from types import FrameType
from typing import Any, Final

from campaigns.model.post import MAX_TEXT
from tests.hostile.found import Expression, expressions, python_re_models, readers, takes_bytes
from tests.worst_cases import FACTOR, MOST_GROWTH, PUMPS

SIEVE: Final = 8 * 1024
FULL: Final = MAX_TEXT
"""The longest text of a post; what reads longer ones is asked at this size as well, for growth is what is sought."""
LOOKED_AT: Final = 0.002
"""Seconds of processor time at `SIEVE`; a cost below that grows with the square to a tenth of a second at most."""
NOTICED: Final = 0.06
SUSPECT: Final = 5.5
"""Growth at `SIEVE`; what has less is linear in the main, and harmless at the full size where it is not."""
GIVE_UP: Final = 4.0

BOUNDED: Final[dict[str, tuple[int, str]]] = {
    "campaigns.rules.text.figures._NAME_BEFORE": (8, "figures_in lets it see eight characters"),
    "campaigns.model.base._CLUSTER": (512, "cut and first_letter hand it twice 256 characters at most"),
    "campaigns.mail_server._ADDRESS": (512, "is asked about addresses of settings and approvers, as a whole"),
}
"""What may grow faster, for its texts are short: how long they are at most, and who sees to it."""


class TooLongError(Exception):
    """A text took longer than `GIVE_UP`."""


@dataclass(frozen=True, slots=True)
class Finding:
    place: str
    text: str
    size: int
    seconds: float
    growth: float

    def __str__(self) -> str:
        return f"{self.place}: {self.size} characters of {self.text!r}: {self.seconds:.3f} s, growth {self.growth:.1f}"


def _late(_: int, __: FrameType | None) -> None:
    raise TooLongError


def cost(work: Callable[[Any], object], text: str | bytes) -> float:
    """Return the processor time of one call; infinity when it was given up."""
    signal.signal(signal.SIGVTALRM, _late)
    signal.setitimer(signal.ITIMER_VIRTUAL, GIVE_UP)
    # Of this thread: the clock of the process is coarse while a timer of the process runs.
    started = time.thread_time()
    try:
        work(text)
    except TooLongError:
        return float("inf")
    except (ValueError, LookupError, TypeError, OverflowError, ArithmeticError, argparse.ArgumentTypeError):
        pass  # refused, which is an answer
    except Exception as error:
        if not type(error).__module__.startswith(("campaigns.", "api.", "starlette.")):
            raise
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    return time.thread_time() - started


def worst(
    work: Callable[[Any], object], make: Callable[[int], str | bytes], most: int
) -> tuple[int, float, float] | None:
    """Return size, seconds and growth of what grows too fast; None when nothing does."""
    for size, noticed, suspect in ((SIEVE, LOOKED_AT, SUSPECT), (most, NOTICED, MOST_GROWTH)):
        if size > most:
            continue
        found = cost(work, make(size))
        growth = found / max(1e-5, cost(work, make(size // FACTOR))) if noticed <= found < float("inf") else 0.0
        if growth > suspect:  # the machine may have been busy with something else, or a cache was cold
            found = min(cost(work, make(size)) for _ in range(3))
            growth = found / max(1e-5, min(cost(work, make(size // FACTOR)) for _ in range(3)))
        if found == float("inf"):
            return size, GIVE_UP, found
        if found < noticed or growth <= suspect:
            return None
    return most, found, growth


# --- texts ------------------------------------------------------------------------------------------------


def alphabet(pattern: str | bytes) -> list[str]:
    """Return what an expression is about: its literals, and a few characters of each class of characters."""
    text = pattern.decode("latin-1") if isinstance(pattern, bytes) else pattern
    found: dict[str, None] = {}
    try:
        _walk(_parser.parse(text), found)
    except _parser.error:  # of the `regex` library: its letters as they stand
        found = dict.fromkeys(char for char in text if not char.isalnum() or char.isdigit())
        found |= dict.fromkeys("a\u0301\u200d\ufe0f漢😀ก\u200b")
    return list(found)


_CATEGORIES: Final = {"CATEGORY_DIGIT": "1", "CATEGORY_SPACE": " \n", "CATEGORY_WORD": "a"}


def _walk(parsed: Any, found: dict[str, None]) -> None:
    literal = ""
    for operation, argument in parsed:
        if operation is _constants.LITERAL:
            literal += chr(argument)
            found.setdefault(chr(argument))
            continue
        if len(literal) > 1:
            found.setdefault(literal)
        literal = ""
        if operation is _constants.IN:
            for kind, value in argument:
                if kind is _constants.LITERAL:
                    found.setdefault(chr(value))
                elif kind is _constants.RANGE:
                    found.setdefault(chr(value[0]))
                elif kind is _constants.CATEGORY:
                    found |= dict.fromkeys(_CATEGORIES.get(str(value), "!"))
        elif operation in {_constants.ANY, _constants.NOT_LITERAL}:
            found.setdefault("x")
        elif isinstance(argument, tuple | list):
            for part in argument:
                if isinstance(part, _parser.SubPattern):
                    _walk(part, found)
                elif isinstance(part, list):
                    for each in part:
                        if isinstance(each, _parser.SubPattern):
                            _walk(each, found)
    if len(literal) > 1:
        found.setdefault(literal)


def makers(letters: list[str], seed: int, *, drawn: int) -> Iterator[tuple[str, Callable[[int], str]]]:
    """Yield texts of any size, each with the piece that it repeats."""
    draw = random.Random(seed)
    pieces = [*letters[:40], *PUMPS]
    pieces += ["".join(draw.choices(letters or ["a"], k=draw.randint(2, 5))) for _ in range(drawn)]
    pieces += ["".join(draw.choices([*letters, *PUMPS], k=2)) for _ in range(drawn)]
    for piece in dict.fromkeys(pieces):
        yield piece, partial(_repeated, piece)
        yield f"a|{piece}|!", partial(_between, "a", piece, "!")
        first = draw.choice(letters or ["a"])
        yield f"{first}|{piece}|\n", partial(_between, first, piece, "\n")


def _repeated(piece: str, size: int) -> str:
    """Return a text of whole pieces: half of one at the end could be what makes one size cost more than another."""
    return piece * max(1, size // len(piece))


def _between(first: str, piece: str, last: str, size: int) -> str:
    return f"{first}{_repeated(piece, size - len(first) - len(last))}{last}"


# --- what is tried ----------------------------------------------------------------------------------------


def _calls(expression: Expression) -> dict[str, Callable[[Any], object]]:
    pattern: Any = expression.pattern
    empty = b"" if isinstance(pattern.pattern, bytes) else ""
    calls: dict[str, Callable[[Any], object]] = {
        "search": pattern.search,
        "match": pattern.match,
        "fullmatch": pattern.fullmatch,
        "all": lambda text: pattern.sub(empty, text),
    }
    names = {method if method in calls else "all" for method in expression.methods}
    return {name: calls[name] for name in names}


def of_expression(expression: Expression, seed: int, *, drawn: int) -> tuple[int, list[Finding]]:
    raw = isinstance(expression.pattern.pattern, bytes)
    most = BOUNDED.get(expression.place.partition(":")[0], (FULL, ""))[0]
    tried, findings = 0, []
    for method, work in _calls(expression).items():
        for piece, make in makers(alphabet(expression.pattern.pattern), seed, drawn=drawn):
            tried += 1
            if found := worst(work, (lambda size, make=make: make(size).encode()) if raw else make, most):
                findings.append(Finding(f"{expression.place}.{method}", piece, *found))
                if len(findings) >= 3:
                    return tried, findings
    return tried, findings


def of_reader(place: str, function: Callable[[Any], object], seed: int, *, drawn: int) -> tuple[int, list[Finding]]:
    most = BOUNDED.get(place, (FULL, ""))[0]
    tried, findings = 0, []
    raw = takes_bytes(function)
    for piece, make in makers(list("a1 .\n"), seed, drawn=drawn):
        tried += 1
        if found := worst(function, (lambda size, make=make: make(size).encode()) if raw else make, most):
            findings.append(Finding(place, piece, *found))
            if len(findings) >= 3:
                break
    return tried, findings


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.hostile.attack", description=__doc__.split("\n")[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--drawn", type=int, default=4, help="so many pieces of each kind are drawn at random")
    parser.add_argument("--only", default="", help="what holds this in its name")
    options = parser.parse_args(arguments)
    found: list[Finding] = []
    tried = patterns = functions = 0
    for expression in expressions():
        if options.only in expression.place:
            count, findings = of_expression(expression, options.seed, drawn=options.drawn)
            patterns, tried, found = patterns + 1, tried + count, found + findings
            for each in findings:
                print(each, flush=True)
    for place, function in readers().items():
        if options.only in place:
            count, findings = of_reader(place, function, options.seed, drawn=options.drawn)
            functions, tried, found = functions + 1, tried + count, found + findings
            for each in findings:
                print(each, flush=True)
    slow = python_re_models()
    print(
        f"{patterns} expressions and {functions} readers, {tried} texts of up to {FULL} characters: "
        f"{len(found)} findings"
    )
    for model in slow:
        print(f"  {model} asks pydantic for an engine that backtracks")
    return 1 if found or slow or not tried else 0


if __name__ == "__main__":
    sys.exit(main())
