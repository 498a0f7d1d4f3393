"""Words: docstrings begin with what a thing is, and a public name means one thing."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import campaigns.store
from campaigns.store import Store
from campaigns.store.tables.sqlite import SQLiteTable

ROOT = Path(__file__).parents[2]
ROOMS = ("flows", "tasks", "api", "campaigns", "deployments")
MODULES = {path: ast.parse(path.read_text("utf-8")) for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))}
OPENINGS = ("So long ", "So often ", "So many ", "Whoever ", "Sees to it ", "Told ", "Said ")


def sentences(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield node.value.value


def test_a_docstring_begins_with_its_subject() -> None:
    found = [text for tree in MODULES.values() for text in sentences(tree) if text.startswith(OPENINGS)]

    assert found == []


# The same thing for each of several kinds, rooms or doors.
SHARED = {
    "T", "P", "R", "W", "S", "ROOT", "HERE",
    "ACTOR", "ISSUER", "AUDIENCE", "TYPE", "CLOCK_LEEWAY", "MAX_LIFETIME", "MAX_TOKEN_LENGTH", "KEPT_AFTER_DELETION",
    "Reader", "Writer", "TENANT", "Clock",
}  # fmt: skip
AMBIGUOUS = 24
"""Constants and classes with several meanings. It may only become smaller."""


def defined(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        match node:
            case ast.ClassDef(name=name):
                yield name
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                yield name


def ambiguous() -> dict[str, list[str]]:
    places: dict[str, list[str]] = defaultdict(list)
    for path, tree in MODULES.items():
        if path.is_relative_to(ROOT / "deployments"):
            continue  # commands: nobody imports their names
        for name in {each for each in defined(tree) if not each.startswith("_") and each[0].isupper()} - SHARED:
            places[name].append(str(path.relative_to(ROOT)))
    return {name: where for name, where in sorted(places.items()) if len(where) > 1}


def test_a_public_name_means_one_thing() -> None:
    found = ambiguous()

    assert len(found) <= AMBIGUOUS, "\n".join(f"{name}: {', '.join(where)}" for name, where in found.items())


def test_the_index_of_the_store_names_all_that_it_has(tmp_path: Path) -> None:
    store = Store(SQLiteTable(tmp_path / "store.db"))
    acts = {name for name in vars(Store) if not name.startswith("_")}

    assert set(re.findall(r"store\.(\w+)", campaigns.store.__doc__ or "")) == acts | vars(store).keys() - {"table"}
