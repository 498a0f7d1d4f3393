"""The brief as a flow parameter: Prefect draws its form from the model, the save step checks it.

Prefect would validate a model parameter before the flow starts, and end the run with its own words.
So the parameter takes any object: a faulty brief then fails in the first step, before any model call,
with every fault at once and in the words of the API.
"""

from typing import Annotated, Any, Final

from pydantic import Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from campaigns.model.brief import CampaignBrief

# Prefect's server refuses these before the run exists, one at a time and in the words of JSON Schema.
# What the form itself draws from (types, choices, required, patterns, lengths) stays.
_LEFT_TO_THE_SAVE_STEP: Final = frozenset({"additionalProperties", "minItems", "maxItems"})


class _BriefForm:
    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.any_schema()

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return form_schema()


BriefForm = Annotated[dict[str, Any] | None, _BriefForm()]

RequestedBy = Annotated[str, Field(max_length=200)]
"""The requester, as typed: Prefect knows no users."""


def form_schema() -> dict[str, Any]:
    """Return the JSON schema of the brief as Prefect's form wants it: without references."""
    whole = CampaignBrief.model_json_schema()
    return dict(_inlined({key: value for key, value in whole.items() if key != "$defs"}, whole["$defs"]))


def _inlined(node: Any, definitions: dict[str, Any]) -> Any:
    if isinstance(node, list):
        return [_inlined(each, definitions) for each in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        target = definitions[node["$ref"].rsplit("/", 1)[-1]]
        node = {**target, **{key: value for key, value in node.items() if key != "$ref"}}
    is_map = "additionalProperties" in node and "properties" not in node
    return {
        key: _inlined(value, definitions)
        for key, value in node.items()
        if key not in _LEFT_TO_THE_SAVE_STEP or (key == "additionalProperties" and is_map)
    }
