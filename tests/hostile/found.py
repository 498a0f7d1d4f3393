"""Finds the regular expressions of the product and its functions that read one text.

An expression is found where it is compiled: as a value of a module, as a literal in a call, or in a function that
makes it from something; those are listed in `MADE` with an example, and one that is missing there is an error.
What pydantic checks by `pattern=` runs on Rust's regex crate, which is linear by construction and has no
backtracking; `python_re_models` finds a model that asks for Python's engine instead.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import re
import typing
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import regex
from pydantic import BaseModel

ROOMS: Final = ("campaigns", "api", "tasks", "flows", "deployments")
ROOT: Final = Path(__file__).parents[2]
METHODS: Final = ("search", "match", "fullmatch", "sub", "subn", "findall", "finditer", "split")

AnyPattern = re.Pattern[Any] | regex.Pattern[Any]


@dataclass(frozen=True, slots=True)
class Expression:
    """One compiled expression: where it stands, and which of its methods are called."""

    place: str
    pattern: AnyPattern
    methods: frozenset[str]


def _made() -> dict[str, list[AnyPattern]]:
    """Return expressions that functions make, by the function: what `places` cannot read from the source."""
    from campaigns.model.library import template
    from campaigns.rules.text import figures, matching
    from campaigns.rules.text.limits import x_length

    terms = ("layoffs at suppliers", "a", "a-b c", "100 %", "…", "#1!", "x " * 40)
    return {
        "campaigns.agents.planner._references": [re.compile(rf"(?<!\S){re.escape('a' * 30)}(?!\S)")],
        "campaigns.model.library.template.rule_parts": [
            re.compile(each, re.ASCII) for each in template._VALUES.values()
        ],
        "campaigns.rules.text.figures._months": [figures._months()[1]],
        "campaigns.rules.text.matching._pattern": [
            matching._pattern(pieces) for term in terms if (pieces := matching._pieces(term))
        ],
        "campaigns.rules.text.limits.x_length._known_domains": [x_length._known_domains().dot],
        "campaigns.rules.text.language.guess_language": [re.compile("[\u0400-\u04ff]")],
        "deployments.aws.templates.emulated": [re.compile(r"^  Key:\n(?:    .*\n)+", re.MULTILINE)],
    }


@cache
def modules() -> list[ModuleType]:
    found = []
    for room in ROOMS:
        package = importlib.import_module(room)
        found.append(package)
        names = [each.name for each in pkgutil.walk_packages(package.__path__, f"{room}.")]
        found += [importlib.import_module(name) for name in names if not name.endswith("__main__")]
    return found


def expressions() -> list[Expression]:
    """Return every expression of the product.

    Raises:
        LookupError: a function makes an expression that is not among the examples of `_made`.
    """
    used = _used_methods()
    found: dict[tuple[Any, int], tuple[str, AnyPattern, set[str]]] = {}

    def add(place: str, pattern: AnyPattern, methods: set[str]) -> None:
        _, _, known = found.setdefault((pattern.pattern, pattern.flags), (place, pattern, set()))
        known |= methods

    for module in modules():
        for name, value in list(vars(module).items()):
            for pattern in _patterns_in(value):
                add(f"{module.__name__}.{name}", pattern, used.get(name, set()) or {"search", "sub"})
    made = _made()
    for place, call in _calls_in_functions():
        method = call.func.attr  # type: ignore[attr-defined]  # `_calls_in_functions` looks for attributes
        methods = {"search", "sub"} if method == "compile" else {method}
        if isinstance(call.args[0], ast.Constant):
            flags = _flags_of(call)
            add(place, re.compile(call.args[0].value, flags), methods)
        elif place.rpartition(":")[0] in made:
            for pattern in made[place.rpartition(":")[0]]:
                add(place, pattern, methods)
        elif not isinstance(call.args[0], ast.Name):  # a name is a literal of its module: `_literals` adds it
            raise LookupError(f"{place} makes an expression: give an example of it in tests/hostile/found.py")
        else:
            for pattern in _literals(place, call.args[0].id):
                add(place, pattern, methods)
    return [Expression(place, pattern, frozenset(methods)) for place, pattern, methods in found.values()]


def _literals(place: str, name: str) -> list[AnyPattern]:
    module = next(each for each in modules() if place.startswith(f"{each.__name__}.") and hasattr(each, name))
    return [re.compile(getattr(module, name))]


def _patterns_in(value: object, depth: int = 0) -> Iterator[AnyPattern]:
    if isinstance(value, re.Pattern | regex.Pattern):
        yield value
    elif isinstance(value, dict) and depth < 3:
        for each in value.values():
            yield from _patterns_in(each, depth + 1)
    elif isinstance(value, list | tuple | set | frozenset) and depth < 3:
        for each in value:
            yield from _patterns_in(each, depth + 1)


@cache
def _trees() -> dict[str, ast.Module]:
    return {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): ast.parse(path.read_text())
        for room in ROOMS
        for path in sorted((ROOT / room).rglob("*.py"))
    }


def _used_methods() -> dict[str, set[str]]:
    """Return which methods are called on a name, in any file; several names of one spelling share them."""
    used: dict[str, set[str]] = defaultdict(set)
    for tree in _trees().values():
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and node.attr in METHODS:
                if isinstance(node.value, ast.Name):
                    used[node.value.id].add(node.attr)
                elif isinstance(node.value, ast.Attribute):
                    used[node.value.attr].add(node.attr)
    return used


def _calls_in_functions() -> Iterator[tuple[str, ast.Call]]:
    for module, tree in _trees().items():
        for function in ast.walk(tree):
            if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            for node in ast.walk(function):
                if (
                    isinstance(node, ast.Call)
                    and isinstance(node.func, ast.Attribute)
                    and isinstance(node.func.value, ast.Name)
                    and node.func.value.id in {"re", "regex"}
                    and node.func.attr in {*METHODS, "compile"}
                ):
                    yield f"{module}.{function.name}:{node.lineno}", node


def _flags_of(call: ast.Call) -> int:
    nodes = [node for each in [*call.args[1:], *call.keywords] for node in ast.walk(each)]
    names = [node.attr for node in nodes if isinstance(node, ast.Attribute) and node.attr.isupper()]
    return int(sum(getattr(re, name) for name in names))


def python_re_models() -> list[str]:
    """Return the models whose patterns run on Python's engine, which backtracks."""
    return [
        f"{module.__name__}.{name}"
        for module in modules()
        for name, value in vars(module).items()
        if isinstance(value, type)
        and issubclass(value, BaseModel)
        and value.model_config.get("regex_engine") == "python-re"
    ]


# --- functions that read a text -------------------------------------------------------------------------

_QUIET: Final = ("campaigns", "api", "tasks")
"""Rooms whose functions may be called with anything; flows and deployments start what they are named after."""


def readers() -> dict[str, Callable[[Any], object]]:
    """Return the functions of one text or one heap of bytes, by name, but for `NOT_READERS`."""
    return {place: each for place, each in _single_texts().items() if place not in NOT_READERS} | _methods()


@cache
def _single_texts() -> dict[str, Callable[[Any], object]]:
    found: dict[str, Callable[[Any], object]] = {}
    for module in modules():
        if module.__name__.partition(".")[0] not in _QUIET:
            continue
        for name, value in vars(module).items():
            function = inspect.unwrap(value) if callable(value) else None
            if not inspect.isfunction(function) or function.__module__ != module.__name__:
                continue
            place = f"{module.__name__}.{name}"
            if not inspect.iscoroutinefunction(function) and reads_one(function):
                found[place] = function
    return found


def _methods() -> dict[str, Callable[[Any], object]]:
    """Return the readers that are methods, and the checks of a post all together."""
    from api.review.views.forms import Form
    from campaigns.keys.keyring import KeyRing
    from tests.rules.test_worst_cases import all_checks

    def form(body: bytes) -> object:
        return Form.parse(body)

    def ring(text: str) -> object:
        return KeyRing.parse(text)

    return {
        "api.review.views.forms.Form.parse": form,
        "campaigns.keys.keyring.KeyRing.parse": ring,
        "tests.rules.test_worst_cases.all_checks": all_checks,
    }


def reads_one(function: Callable[..., object]) -> bool:
    needed = [each for each in inspect.signature(function).parameters.values() if each.default is each.empty]
    if len(needed) != 1 or needed[0].kind not in {needed[0].POSITIONAL_ONLY, needed[0].POSITIONAL_OR_KEYWORD}:
        return False
    try:
        kind = typing.get_type_hints(function).get(needed[0].name)
    except NameError:  # a type that only mypy imports
        return False
    return kind in {str, bytes, str | None}


def takes_bytes(function: Callable[..., object]) -> bool:
    return next(iter(typing.get_type_hints(inspect.unwrap(function)).values())) is bytes


_ONE_CHARACTER: Final = "is handed one character"
_OUR_NAME: Final = "is handed a name that stands in our own code"
NOT_READERS: Final[dict[str, str]] = {
    "api.review.views.brandmark._luminance": "is handed a colour of seven characters, checked by the model of a brand",
    "api.routers.docs._file": _OUR_NAME,
    "api.routers.docs._read": _OUR_NAME,
    "campaigns.checkpoints.vault._as_store_error": _OUR_NAME,
    "campaigns.model.characters._tags": _OUR_NAME,
    "campaigns.rules.approval.editing._wire_name": _OUR_NAME,
    "campaigns.rules.text.phrases.phrase_book": _OUR_NAME,
    "campaigns.rules.text.matching._takes_accents": _ONE_CHARACTER,
    "campaigns.rules.text.matching._words_apart": _ONE_CHARACTER,
    "campaigns.rules.text.limits.x_length._weight": _ONE_CHARACTER,
    "campaigns.store.tables.dynamodb._pauses": _OUR_NAME,
    "campaigns.texts._catalogue": _OUR_NAME,
    "campaigns.texts._words": "is handed by `words_for` what begins with a language that we have",
    "tasks.checkpoints.codec._adapter": _OUR_NAME,
    "tasks.checkpoints.storage._nothing_else_leaves": _OUR_NAME,
    "tasks.checkpoints.storage.folder_of": "is handed where checkpoints are kept, which is a setting",
    "tasks.delivery.deliver._how": _OUR_NAME,
    "tasks.own_run._named": "is handed the id of a run, and asks Prefect for it",
}
"""Functions of one text that is never from outside, and why."""


def named_in_vain() -> set[str]:
    """Return what `NOT_READERS` names and nobody would try."""
    return NOT_READERS.keys() - _single_texts().keys()
