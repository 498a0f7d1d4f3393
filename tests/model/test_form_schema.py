"""The form: the JSON schema of the brief has only what Prefect's form draws well (title, select, card)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from campaigns.model.brief import CampaignBrief

SCHEMA = CampaignBrief.model_json_schema()


def _resolved(node: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in node:
        return node
    return {**SCHEMA["$defs"][node["$ref"].rpartition("/")[2]], **node}


def _nodes(node: Any, path: str = "#") -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(node, dict):
        yield path, node
        for key, inner in node.items():
            yield from _nodes(inner, f"{path}/{key}")
    elif isinstance(node, list):
        for index, inner in enumerate(node):
            yield from _nodes(inner, f"{path}/{index}")


def _properties() -> Iterator[tuple[str, dict[str, Any]]]:
    for path, node in _nodes(SCHEMA):
        for name, prop in node.get("properties", {}).items():
            if isinstance(prop, dict):
                yield f"{path}/{name}", _resolved(prop)


def test_every_property_has_a_title() -> None:
    properties = list(_properties())

    assert len(properties) > 50
    assert [path for path, prop in properties if not prop.get("title")] == []


def test_no_class_name_stands_as_a_label() -> None:
    labels = {path: prop["title"] for path, prop in _properties()}

    assert [
        path for path, label in labels.items() if label in {"CallToAction", "CadenceOverrides", "AssetOverrides"}
    ] == []


def test_the_only_choice_between_shapes_is_a_blackout_day_or_range() -> None:
    choices = [path for path, node in _nodes(SCHEMA) if "anyOf" in node or "oneOf" in node or "allOf" in node]

    assert choices == ["#/$defs/Schedule/properties/blackoutDates/items"]


def test_nothing_is_null_neither_type_nor_default() -> None:
    assert [path for path, node in _nodes(SCHEMA) if node.get("type") == "null"] == []
    assert [path for path, node in _nodes(SCHEMA) if "default" in node and _holds_null(node["default"])] == []


def _holds_null(value: Any) -> bool:
    if isinstance(value, dict):
        return any(_holds_null(inner) for inner in value.values())
    return any(_holds_null(inner) for inner in value) if isinstance(value, list) else value is None


def test_no_times_moments_or_addresses_as_formats() -> None:
    formats = {node["format"] for _, node in _nodes(SCHEMA) if "format" in node}

    assert formats == {"date"}


def test_the_only_free_map_is_that_of_persona_shares() -> None:
    maps = [path for path, node in _nodes(SCHEMA) if "patternProperties" in node or node.get("additionalProperties")]

    assert maps == ["#/$defs/Distribution/properties/personaWeights"]


def test_choices_are_plain_lists_of_values() -> None:
    assert SCHEMA["$defs"]["Brief"]["properties"]["objective"]["enum"][0] == "awareness"
    assert SCHEMA["$defs"]["Participants"]["properties"]["platforms"]["items"]["enum"][0] == "twitter"
    assert not any("const" in node for _, node in _nodes(SCHEMA))


def test_the_required_fields_are_those_of_the_spec_and_stand_first() -> None:
    assert SCHEMA["required"] == ["name", "brief", "participants", "schedule"]
    assert list(SCHEMA["properties"])[:4] == SCHEMA["required"]
    assert SCHEMA["$defs"]["Schedule"]["required"] == ["timezone", "startDate", "endDate", "allowedDaysOfWeek"]


def test_the_form_offers_a_working_week() -> None:
    days = SCHEMA["$defs"]["Schedule"]["properties"]["allowedDaysOfWeek"]

    assert days["default"] == ["mon", "tue", "wed", "thu", "fri"]


def test_every_object_refuses_unknown_fields() -> None:
    objects = [(path, node) for path, node in _nodes(SCHEMA) if "properties" in node and node.get("type") == "object"]

    assert objects
    assert [path for path, node in objects if node.get("additionalProperties") is not False] == []
