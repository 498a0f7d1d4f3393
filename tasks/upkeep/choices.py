"""Keeps the forms of Prefect in step with the table: tenants, brands, personas and templates by name.

Prefect has no choices from a query, and every deploy writes the schema of a form anew. So the schema of each deployment
is compared with what it should be, every minute and as the last step of a deploy, and written where it differs.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.responses import DeploymentResponse
from prefect.exceptions import ObjectNotFound

from campaigns.build.by_name import ids, names
from campaigns.store import Store
from tasks.engine.server.runs import prefect_client
from tasks.forms.brief_form import form_schema
from tasks.forms.short_form import short_schema

SHORT: Final = ("build-campaign/start-campaign", "build-campaign/sample-campaign")
FULL: Final = "build-campaign/build-campaign"
RECURRING: Final = "recurring-campaign/recurring-campaign"
_TITLES: Final = {
    "tenant_id": "Tenant",
    "campaign": "Campaign",
    "campaign_id": "Campaign id",
    "requested_by": "Requested by",
    "template": "Template",
    "for_period": "Period",
    "another": "One more of this period",
}
"""What people read in place of the names in the code, which Prefect takes for titles."""
Filled = Mapping[str, Sequence[Any]]
"""The values that each parameter is filled in with."""
_MOST: Final = 200
"""Choices of one field: beyond them a list helps nobody, and any name may be typed."""


def keep_choices(store: Store, tenants: Sequence[str]) -> list[str]:
    """Write the choices of these tenants into the forms; return the deployments whose form has changed.

    Raises:
        PrefectUnavailableError, httpx.HTTPError: some may not be in step; do it again.
    """
    found = [names(store, tenant) for tenant in tenants]
    choices = {kind: {name for each in found for name in each[kind]} for kind in ("brands", "personas")}
    known = {kind: {each for tenant in tenants for each in ids(store, tenant)[kind]} for kind in ("brands", "personas")}
    templates = {name for each in found for name in each["templates"]}
    changed = []
    with prefect_client() as client:
        for name in SHORT:
            changed += _put(client, name, tenants, lambda filled: {"campaign": _short(_with_those_of(choices, filled))})
        changed += _put(client, FULL, tenants, lambda _: {"campaign": _full(choices, known)})
        changed += _put(
            client,
            RECURRING,
            tenants,
            lambda filled: {"template": {"type": "string", **_enum(_and(templates, filled))}},
        )
    return changed


def _put(
    client: SyncPrefectClient,
    name: str,
    tenants: Sequence[str],
    fields_of: Callable[[Filled], Mapping[str, dict[str, Any]]],
) -> list[str]:
    try:
        deployment = client.read_deployment_by_name(name)
    except ObjectNotFound:
        return []
    before = deployment.parameter_openapi_schema or {}
    properties = dict(before.get("properties", {}))
    filled = _filled(deployment)
    allowed = {*tenants, *filled.get("tenant_id", [])}
    chosen: dict[str, Any] = {"default": tenants[0]} if len(allowed) == 1 else {}
    # Prefect refuses what is not among the choices, also to the API, which starts campaigns of every tenant there.
    offered = {} if name == FULL else _enum(allowed)
    wanted = {**fields_of(filled), "tenant_id": {**offered, **chosen}}
    for field, schema in wanted.items():
        kept = {key: properties.get(field, {}).get(key) for key in ("title", "description", "position", "type")}
        shown = {key: value for key, value in kept.items() if value is not None}
        properties[field] = {**shown, **schema, **({"position": shown["position"]} if "position" in shown else {})}
    if name in SHORT:
        properties.pop("campaign_id", None)  # the API's, and for nobody who fills in a form
    named = {
        field: {**schema, "title": _TITLES.get(field, schema.get("title"))} for field, schema in properties.items()
    }
    after = {**before, "properties": named}
    if name in SHORT:
        after["required"] = ["tenant_id", "campaign"]
    if after == before:
        return []
    answer = client.request(
        "PATCH", "/deployments/{id}", path_params={"id": deployment.id}, json={"parameter_openapi_schema": after}
    )
    answer.raise_for_status()
    return [name]


def _enum(values: Collection[str]) -> dict[str, Any]:
    return {"enum": sorted(values)} if 0 < len(values) <= _MOST else {}


def _only(values: Collection[str], default: Callable[[str], Any]) -> dict[str, Any]:
    """Return what a field is filled in with where there is nothing to choose."""
    return {"default": default(*values)} if len(values) == 1 else {}


def _filled(deployment: DeploymentResponse) -> Filled:
    """Return what a deployment and its schedules are filled in with: Prefect refuses a form that does not allow it."""
    found: dict[str, list[Any]] = {}
    for parameters in [deployment.parameters or {}, *(each.parameters for each in deployment.schedules)]:
        for name, value in parameters.items():
            found.setdefault(name, []).append(value)
    return found


def _and(names: set[str], filled: Filled) -> set[str]:
    return {*names, *filled.get("template", [])} if names else set()


def _with_those_of(choices: Mapping[str, set[str]], filled: Filled) -> dict[str, set[str]]:
    campaigns = filled.get("campaign", [])
    brands = {each["brand"] for each in campaigns if each.get("brand")}
    personas = {name for each in campaigns for name in each.get("personas") or []}
    return {"brands": choices["brands"] | brands, "personas": choices["personas"] | personas}


def _short(choices: Mapping[str, set[str]]) -> dict[str, Any]:
    schema = short_schema()
    if choices["brands"]:
        schema["properties"]["brand"] |= _enum({"", *choices["brands"]}) | _only(choices["brands"], lambda one: one)
    schema["properties"]["personas"]["items"] |= _enum(choices["personas"])
    schema["properties"]["personas"] |= _only(choices["personas"], lambda one: [one])
    return schema


def _full(choices: Mapping[str, set[str]], known: Mapping[str, set[str]]) -> dict[str, Any]:
    """Return the form of the whole brief: it offers names, and takes the ids of a brief that is for the API."""
    schema = form_schema()
    brand, personas = schema["properties"]["brandId"], schema["properties"]["participants"]["properties"]["personaIds"]
    for field, kind in ((brand, "brands"), (personas["items"], "personas")):
        field.pop("pattern", None)  # a name is none of ours
        if choices[kind] and len(choices[kind] | known[kind]) <= _MOST:
            field["enum"] = [*sorted(choices[kind]), *sorted(known[kind])]
    brand["description"], personas["description"] = "By name; empty: without a brand", "1 to 10, by name"
    return schema
