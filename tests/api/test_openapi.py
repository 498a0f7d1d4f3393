"""The OpenAPI description: true, with examples that run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from api.schemas.examples import ASSET, BRAND, BRAND_ID, BRIEF, PERSONA, PERSONA_ID, TEMPLATE, WRITING
from campaigns.model.library.brand import Brand
from campaigns.model.library.persona import Persona
from tests.api.check import check
from tests.api.doors import Door, opened
from tests.samples import sample

STAMPS = {"createdAt": "2026-01-01T00:00:00Z", "updatedAt": "2026-01-01T00:00:00Z"}


def operations(door: Door) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (method, path, operation)
        for path, methods in door.truth.description["paths"].items()
        for method, operation in methods.items()
    ]


def test_every_operation_says_what_it_is_and_who_may_call_it(door: Door) -> None:
    for method, path, operation in operations(door):
        assert operation["summary"], path
        assert operation["tags"], path
        if path in {"/healthz", "/readyz", "/calendar.ics"}:  # a feed has its token in its address
            assert "security" not in operation
        else:
            assert operation["security"], f"{method} {path}"
            assert {"401", "429", "500"} <= operation["responses"].keys()


def test_every_error_has_the_one_shape(door: Door) -> None:
    for method, path, operation in operations(door):
        for status, response in operation["responses"].items():
            if status >= "400":
                schema = response["content"]["application/json"]["schema"]
                assert schema == {"$ref": "#/components/schemas/ProblemBody"}, f"{method} {path} {status}"


def test_the_description_is_valid_and_refers_to_nothing_that_is_missing(door: Door) -> None:
    description = door.truth.description
    assert description["openapi"].startswith("3.1")

    def references(node: Any) -> list[str]:
        if isinstance(node, dict):
            own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
            return own + [found for value in node.values() for found in references(value)]
        return [found for value in node for found in references(value)] if isinstance(node, list) else []

    names = description["components"]["schemas"]
    assert {found.rsplit("/", 1)[1] for found in references(description)} <= names.keys()
    for schema in names.values():
        Draft202012Validator.check_schema(schema)
    ids = [operation["operationId"] for _, _, operation in operations(door)]
    assert len(ids) == len(set(ids))


def test_every_example_runs(tmp_path: Path) -> None:
    with opened(tmp_path) as door:
        tenant = door.tenant(seeded=False)
        stamps = {**STAMPS, "tenantId": tenant.name}
        door.store.brands.create(Brand.model_validate({**sample("brand.json"), **stamps, "id": BRAND_ID}))
        door.store.personas.create(Persona.model_validate({**sample("personas.json")[0], **stamps, "id": PERSONA_ID}))
        named = {"campaign_id": tenant.client.post("/campaigns", json=BRIEF).json()["id"]}
        named["persona_id"] = tenant.client.post("/personas", json=PERSONA).json()["id"]
        named["brand_id"] = tenant.client.post("/brands", json={**BRAND, "name": "Example"}).json()["id"]
        files = {"file": b"%PDF-1.7"}
        named["asset_id"] = tenant.client.post(
            f"/brands/{named['brand_id']}/assets", data={"asset": json.dumps(ASSET)}, files=files
        ).json()["id"]
        named["template_id"] = tenant.client.post("/templates", json={**TEMPLATE, "name": "Example"}).json()["id"]
        ran = 0
        for method, path, operation in operations(door):
            for kind, body in operation.get("requestBody", {}).get("content", {}).items():
                if kind != "application/json" or path.endswith("/approve"):
                    continue
                assert body["examples"] if method == "patch" or "cancel" not in path else True, path
                for example in body.get("examples", {}).values():
                    value = example["value"]
                    if path == "/brands":
                        value = {**value, "name": "Another name"}
                    answer = tenant.client.request(method, path.format(**named), json=value)
                    assert answer.status_code < 300, (method, path, answer.text)
                    ran += 1
    assert ran >= 8
    assert WRITING["text"]


def test_what_the_description_allows_and_forbids_is_what_happens(tmp_path: Path) -> None:
    """A small size of `make api-check`: a real server, every check of schemathesis."""
    result = check(tmp_path, examples=1, phases="examples,fuzzing", seed=7)

    assert result.findings == [], result.output[-4000:]
    assert result.exit_code == 0, result.output[-4000:]
    assert result.cases > 60
    assert {"200", "201", "401", "404"} <= result.statuses.keys()
