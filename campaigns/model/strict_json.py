"""JSON read strictly: two parsers may disagree on which of two equal names counts, or on a number that is none."""

import json
from typing import Any, NoReturn


def strict_json(text: str | bytes, **numbers: Any) -> Any:
    """Return the value of a JSON text; `numbers` are the `parse_int` and `parse_float` of `json.loads`.

    Raises:
        ValueError: it is not JSON, a name occurs twice in an object, or it has NaN or an infinity.
        RecursionError: it nests too deep for this interpreter.
    """
    return json.loads(text, object_pairs_hook=_names_once, parse_constant=_no_constant, **numbers)


def _names_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name occurs twice")
    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number")
