"""Which JSON is looked at: bounded in depth and members, every name once, numbers and text that mean something.

Python's parser takes more than JSON (NaN, lone surrogates, the last of two equal names) and meets deep
nesting with a RecursionError. What passes here, no later parser understands differently.

Nothing here walks a body in Python: a body is counted first, in one pass of C, and what is then looked at one by one
are at most `MAX_MEMBERS` brackets, names and numbers.
"""

import codecs
import json
import math
import re
from collections.abc import Callable, Coroutine
from itertools import islice
from typing import Any, Final

from fastapi.routing import APIRoute
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response

from campaigns.errors import Fault, FaultsError
from campaigns.model.strict_json import strict_json

MAX_DEPTH: Final = 32
MAX_MEMBERS: Final = 20_000

# There are no more members than commas and brackets together; a member has two texts, a name and a value.
_MAX_QUOTES: Final = 8 * MAX_MEMBERS
# A text, also one that never ends: possessive, so that a hostile body costs one pass.
_TEXTS: Final = re.compile(rb'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)', re.DOTALL)
_BRACKETS: Final = re.compile(rb"[\[\]{}]")


def is_json(headers: Headers) -> bool:
    """Whether a request says of its body that it is JSON."""
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    return kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))


class JsonRoute(APIRoute):
    """A route whose body was parsed where it was looked at, and is not parsed again on the event loop."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()

        async def handle(request: Request) -> Response:
            return await handler(_ParsedRequest(request.scope, request.receive))

        return handle


class _ParsedRequest(Request):
    async def json(self) -> Any:
        return self.scope["state"]["json"] if "json" in self.scope["state"] else await super().json()


def value_of(body: bytes) -> Any:
    """Return the value of a JSON body.

    Raises:
        FaultsError: it may not be read; the fault says why.
    """
    if body.startswith(codecs.BOM_UTF8):
        raise _refused(Fault("body", "begins with a byte order mark: send UTF-8 without one", "JSON_INVALID"))
    too_many = _refused(Fault("body", f"has more than {MAX_MEMBERS} members", "JSON_TOO_MANY"))
    # Outside of a text a backslash is no JSON: without the escaped ones, two quotes are a text.
    if body.replace(b"\\\\", b"").replace(b'\\"', b"").count(b'"') > _MAX_QUOTES:
        raise too_many
    bare = _TEXTS.sub(b"", body)
    if _depth(bare) > MAX_DEPTH:
        raise _refused(Fault("body", f"nests deeper than {MAX_DEPTH} levels", "JSON_TOO_DEEP"))
    if bare.count(b",") >= MAX_MEMBERS or bare.count(b"[") + bare.count(b"{") > MAX_MEMBERS:
        raise too_many
    try:
        value = strict_json(body.decode("utf-8"), parse_int=_bounded_int, parse_float=_finite)
        if b"\\u" in body:
            # A lone surrogate is no character: it could be neither stored nor sent on.
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        fault = Fault("body", "is not valid JSON: a lone surrogate is not a character", "JSON_INVALID")
    except UnicodeDecodeError:
        fault = Fault("body", "is not valid JSON: not UTF-8", "JSON_INVALID")
    except json.JSONDecodeError as error:
        fault = Fault("body", f"is not valid JSON: {error.msg} at character {error.pos}", "JSON_INVALID")
    except ValueError as error:
        fault = Fault("body", f"is not valid JSON: {error}", "JSON_INVALID")
    else:
        return value
    raise _refused(fault)


def _refused(fault: Fault) -> FaultsError:
    return FaultsError([fault])


def _depth(bare: bytes) -> int:
    """Return how deep the first brackets nest, as many as a body may have: with more it is refused anyway."""
    if bare.count(b"[") + bare.count(b"{") <= MAX_DEPTH:
        return 0
    depth = deepest = 0
    for bracket in islice(_BRACKETS.finditer(bare), 2 * MAX_MEMBERS):
        depth += 1 if bracket[0] in b"[{" else -1
        deepest = max(deepest, depth)
        if deepest > MAX_DEPTH:
            break
    return deepest


def _bounded_int(digits: str) -> int:
    if len(digits) > 20:
        raise ValueError("a number has more than 20 digits")
    return int(digits)


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError("a number is too large")
    return number
