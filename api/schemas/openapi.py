"""The OpenAPI description, made true where FastAPI's own differs from what happens.

- null and missing are the same for an optional field (domain.md section 1): requests may carry nulls.
- a first and last day may be instants as well; Prefect's form, which draws from the same model, needs a date.
- a list that people paste into takes several lines in one item, and drops blank ones.
- headers that every answer has stand with every answer.
"""

import re
from collections.abc import Iterator
from typing import Any, Final, get_args

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel

from api.http.problems import WORDS
from campaigns.model.base import BlankIsNone, Lines
from campaigns.model.brief import CampaignBrief
from campaigns.model.library.brand import BrandAssetInput, BrandInput
from campaigns.model.library.persona import PersonaInput
from campaigns.model.library.template import TemplateInput

_HEADERS: Final[dict[str, Any]] = {
    "X-Correlation-Id": {
        "description": "Names this request in our logs and the flow run that follows; send your own to keep it",
        "schema": {"type": "string"},
    },
}
GATE: Final = (400, 413, 500)
"""What may be answered before any route is asked."""
_RETRY_AFTER: Final[dict[str, Any]] = {"description": "Seconds to wait", "schema": {"type": "string"}}
_DAY_OR_INSTANT: Final = {"startDate", "endDate"}
# What campaigns.model.characters refuses; of plane 14 it takes what flags and Japanese names need.
_TEXT: Final = "^[^\\u0000-\\u0008\\u000e-\\u001f\\u007f-\\u0084\\u0086-\\u009f\\u202d\\u202e\U000e0000-\U000e0fff]*$"
_COLLECTIONS: Final = {"campaigns", "personas", "examples", "brands", "assets", "templates", "feeds"}
_PARAMETER: Final = re.compile(r"\{(\w+)\}")


def install(app: FastAPI) -> None:
    """Make `app.openapi()` return the true description, made once."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _described(app)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way to extend it


def _described(app: FastAPI) -> dict[str, Any]:
    schema = get_openapi(title=app.title, version=app.version, summary=app.summary, routes=app.routes)
    for operation in _operations(schema):
        of_json = "application/json" in operation.get("requestBody", {}).get("content", {})
        operation["responses"] = {**_problems(*GATE, *([415] if of_json else [])), **operation["responses"]}
        for status, response in operation["responses"].items():
            response["headers"] = {**response.get("headers", {}), **_HEADERS}
            if status in {"429", "503"}:
                response["headers"]["Retry-After"] = _RETRY_AFTER
    lines, cards = _fields_with(Lines), _fields_with(BlankIsNone)
    for node in _in_requests(schema):
        _take_lines(node, lines)
        _take_blank_cards(node, cards)
        _show_text(node)
        _allow_nulls(node)
    _link(schema)
    for unused in ("HTTPValidationError", "ValidationError"):  # FastAPI's own, which no answer of ours has
        schema["components"]["schemas"].pop(unused, None)
    return schema


def _problems(*statuses: int) -> dict[str, Any]:
    shape = {"application/json": {"schema": {"$ref": "#/components/schemas/ProblemBody"}}}
    return {str(status): {"description": WORDS[status], "content": shape} for status in statuses}


def _operations(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for path in schema["paths"].values():
        yield from path.values()


def _in_requests(schema: dict[str, Any]) -> list[dict[str, Any]]:
    """Return every object schema that JSON requests are made of, the named and the nameless ones."""
    waiting = [
        body["schema"]
        for operation in _operations(schema)
        for kind, body in operation.get("requestBody", {}).get("content", {}).items()
        if kind == "application/json"
    ]
    found: list[dict[str, Any]] = []
    seen: set[str] = set()
    while waiting:
        node = waiting.pop()
        if "properties" in node:
            found.append(node)
        for name in _referred(node):
            if name not in seen:
                seen.add(name)
                waiting.append(schema["components"]["schemas"][name])
    return found


def _referred(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"].rsplit("/", 1)[1]
        for value in node.values():
            yield from _referred(value)
    elif isinstance(node, list):
        for value in node:
            yield from _referred(value)


def _allow_nulls(schema: dict[str, Any]) -> None:
    required = set(schema.get("required", []))
    for name, shown in schema["properties"].items():
        member = _instants_too(shown) if name in _DAY_OR_INSTANT else shown
        if name in required or any(each.get("type") == "null" for each in member.get("anyOf", [])):
            schema["properties"][name] = member
            continue
        words = {key: member[key] for key in ("title", "description", "default") if key in member}
        bare = {key: value for key, value in member.items() if key not in words}
        schema["properties"][name] = {**words, "anyOf": [bare, {"type": "null"}]}


def _instants_too(shown: dict[str, Any]) -> dict[str, Any]:
    words: dict[str, Any] = {key: shown[key] for key in ("title", "description") if key in shown}
    return {
        **words,
        "anyOf": [{"type": "string", "format": "date"}, {"type": "string", "format": "date-time"}],
    }


def _fields_with(rule: Any) -> set[tuple[str, str]]:
    """Return (model, field on the wire) of what a request may hold and this rule of the model applies to."""
    waiting: list[Any] = [CampaignBrief, PersonaInput, BrandInput, BrandAssetInput, TemplateInput]
    found: set[tuple[str, str]] = set()
    while waiting:
        model = waiting.pop()
        for name, field in model.model_fields.items():
            if rule in field.metadata:
                wire = field.alias or name
                found |= {(model.__name__, wire), (model.__name__.removesuffix("Input") + "Patch", wire)}
            waiting += [each for each in _models(field.annotation) if each not in waiting]
    return found


def _models(annotation: Any) -> list[Any]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for inner in get_args(annotation) for model in _models(inner)]


def _take_lines(schema: dict[str, Any], lines: set[tuple[str, str]]) -> None:
    """Items of such a list are split at line ends, and blank or null ones dropped, before they are counted."""
    for name, shown in schema["properties"].items():
        if (schema.get("title"), name) not in lines:
            continue
        pasted = next(member for member in [shown, *shown.get("anyOf", [])] if "items" in member)
        most, items = pasted.pop("maxItems", None), pasted["items"]
        longest = items.pop("maxLength", None)
        items.pop("minLength", None)
        if "type" in items:
            items["type"] = ["string", "null"]
        bounds = f"At most {most} lines" + (f" of at most {longest} characters." if longest else ".")
        shown["description"] = f"{shown.get('description', '')} {bounds} Several lines in one item are split.".strip()


def _take_blank_cards(schema: dict[str, Any], cards: set[tuple[str, str]]) -> None:
    """An object of nothing but blanks is missing: a form sends it for a card that nobody filled in."""
    for name, shown in schema["properties"].items():
        if (schema.get("title"), name) in cards:
            blank = {"type": "object", "additionalProperties": {"enum": [None, ""]}, "title": "Left blank"}
            words = {key: shown.pop(key) for key in ("title", "description", "default") if key in shown}
            member = dict(shown)
            shown.clear()
            shown.update({**words, "anyOf": [member, blank]})


def _show_text(schema: dict[str, Any]) -> None:
    """Say which characters no text may hold."""
    for shown in schema["properties"].values():
        for text in [shown, *shown.get("anyOf", []), shown.get("items", {})]:
            if text.get("type") == "string" and not text.keys() & {"pattern", "format", "enum", "const"}:
                text["pattern"] = _TEXT


def _link(schema: dict[str, Any]) -> None:
    """Say which operations take the id that a creation answers with (OpenAPI links)."""
    for path, operations in schema["paths"].items():
        for status in ("201", "202"):
            created = operations.get("post", {}).get("responses", {}).get(status)
            if created is None or path.endswith("}") or path.rsplit("/", 1)[1] not in _COLLECTIONS:
                continue
            known = _PARAMETER.findall(path)
            for other, others in schema["paths"].items():
                if other.startswith(f"{path}/{{"):
                    own = _PARAMETER.findall(other)[len(known)]
                    parameters = {name: f"$request.path.{name}" for name in known}
                    parameters[own] = "$response.body#/id"
                    links = created.setdefault("links", {})
                    for operation in others.values():
                        target = operation["operationId"]
                        links[target] = {"operationId": target, "parameters": parameters}
