"""Keeps the forms of Prefect in step with the table: tenants, brands, personas and templates by name.

Prefect has no choices from a query, and every deploy writes the schema of a form anew. So the schema of each deployment
is compared with what it should be, every minute and as the last step of a deploy, and written where it differs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from prefect.client.orchestration import SyncPrefectClient
from prefect.exceptions import ObjectNotFound

from campaigns.build.by_name import names
from campaigns.store import Store
from tasks.engine.runs import prefect_client
from tasks.forms.brief_form import form_schema
from tasks.forms.short_form import short_schema

SHORT: Final = ("build-campaign/start-campaign", "build-campaign/sample-campaign")
FULL: Final = "build-campaign/build-campaign"
RECURRING: Final = "recurring-campaign/recurring-campaign"
_MOST: Final = 200
"""Choices of one field: beyond them a list helps nobody, and any name may be typed."""


def keep_choices(store: Store, tenants: Sequence[str]) -> list[str]:
    """Write the choices of these tenants into the forms; return the deployments whose form has changed.

    Raises:
        PrefectUnavailableError, httpx.HTTPError: some may not be in step; do it again.
    """
    found = [names(store, tenant) for tenant in tenants]
    choices = {kind: sorted({name for each in found for name in each[kind]}) for kind in ("brands", "personas")}
    templates = sorted({name for each in found for name in each["templates"]})
    changed = []
    with prefect_client() as client:
        for name in SHORT:
            changed += _put(client, name, tenants, {"campaign": _short(choices)})
        changed += _put(client, FULL, tenants, {"campaign": _full(choices)})
        changed += _put(client, RECURRING, tenants, {"template": {"type": "string", **_enum(templates)}})
    return changed


def _put(
    client: SyncPrefectClient, name: str, tenants: Sequence[str], fields: Mapping[str, dict[str, Any]]
) -> list[str]:
    try:
        deployment = client.read_deployment_by_name(name)
    except ObjectNotFound:
        return []
    before = deployment.parameter_openapi_schema or {}
    properties = dict(before.get("properties", {}))
    wanted = {**fields, "tenant_id": {**_enum(tenants), "default": tenants[0]} if len(tenants) == 1 else _enum(tenants)}
    for field, schema in wanted.items():
        kept = {key: properties.get(field, {}).get(key) for key in ("title", "description", "position", "type")}
        shown = {key: value for key, value in kept.items() if value is not None}
        properties[field] = {**shown, **schema, **({"position": shown["position"]} if "position" in shown else {})}
    after = {**before, "properties": properties}
    if name in SHORT:
        after["required"] = ["tenant_id", "campaign"]
    if after == before:
        return []
    answer = client.request(
        "PATCH", "/deployments/{id}", path_params={"id": deployment.id}, json={"parameter_openapi_schema": after}
    )
    answer.raise_for_status()
    return [name]


def _enum(values: Sequence[str]) -> dict[str, Any]:
    return {"enum": list(values)} if 0 < len(values) <= _MOST else {}


def _short(choices: Mapping[str, list[str]]) -> dict[str, Any]:
    schema = short_schema()
    schema["properties"]["brand"] |= _enum(["", *choices["brands"]])
    schema["properties"]["personas"]["items"] |= _enum(choices["personas"])
    return schema


def _full(choices: Mapping[str, list[str]]) -> dict[str, Any]:
    schema = form_schema()
    for field, values in (
        (schema["properties"]["brandId"], choices["brands"]),
        (schema["properties"]["participants"]["properties"]["personaIds"]["items"], choices["personas"]),
    ):
        if chosen := _enum(values):
            field.pop("pattern", None)
            field.update(chosen)
    return schema
