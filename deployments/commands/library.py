"""Stores brands, personas and templates from files, so that a team without the API can begin.

    python -m deployments.commands.library --tenant fernwood --brand samples/brand.json --personas samples/personas.json
    python -m deployments.commands.library --tenant fernwood --templates samples/templates.json

A file holds one object or a list, as `POST /brands`, `/personas` and `/templates` take them; a template may say brand
and personas by name. What the tenant has of the same name is changed, anything else is made; the forms of Prefect have
the names within a minute.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from campaigns.build.by_name import by_name, each_of
from campaigns.errors import BadBriefError, FaultsError, NotFoundError
from campaigns.model.base import new_id
from campaigns.model.faults import faults_of
from campaigns.model.library.brand import Brand, BrandInput
from campaigns.model.library.persona import Persona, PersonaInput
from campaigns.model.library.template import Template, TemplateInput
from campaigns.operations.forecasts import accepted, in_template
from campaigns.rules.approval.identities import Requester
from campaigns.settings import get_settings
from campaigns.store import Store
from campaigns.wiring import get_store

_ACTOR: Final = "library"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m deployments.commands.library", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--tenant", required=True)
    parser.add_argument("--brand", type=Path, action="append", default=[], metavar="FILE")
    parser.add_argument("--personas", type=Path, action="append", default=[], metavar="FILE")
    parser.add_argument("--templates", type=Path, action="append", default=[], metavar="FILE")
    given = parser.parse_args(arguments)
    brands, wrong = _read(given.brand, BrandInput)
    personas, more = _read(given.personas, PersonaInput)
    templates, most = _held(given.templates)
    if wrong or more or most:
        print("\n".join([*wrong, *more, *most, "Nothing was stored."]), file=sys.stderr)
        return 1
    store, now = get_store(), datetime.now(UTC)
    for each in brands:
        print(f"{_brand(store, given.tenant, each, now)} brand {each['name']}")
    for each in personas:
        print(f"{_persona(store, given.tenant, each, now)} persona {each['name']}")
    refused = 0
    for where, raw in templates:
        try:
            print(f"{_template(store, given.tenant, raw, now)} template {raw.get('name')}")
        except FaultsError as error:
            refused += 1
            print("\n".join(f"{where}: {fault.field} {fault.message}" for fault in error.faults), file=sys.stderr)
    return min(refused, 1)


def _held(files: Sequence[Path]) -> tuple[list[tuple[str, Any]], list[str]]:
    """Return what the files hold, each with its place, and why some could not be read."""
    found: list[tuple[str, Any]] = []
    wrong: list[str] = []
    for file in files:
        try:
            held = json.loads(file.read_text())
        except (OSError, ValueError) as error:
            wrong.append(f"{file}: {error}")
            continue
        all_of_it = held if isinstance(held, list) else [held]
        found += [(f"{file}, number {number}", each) for number, each in enumerate(all_of_it, start=1)]
    return found, wrong


def _read(
    files: Sequence[Path], model: type[BrandInput] | type[PersonaInput]
) -> tuple[list[dict[str, Any]], list[str]]:
    """Return what the files hold, checked, and every fault of all of them."""
    found: list[dict[str, Any]] = []
    held, wrong = _held(files)
    for where, each in held:
        said = {name: value for name, value in each.items() if name != "id"} if isinstance(each, dict) else each
        try:
            found.append(model.model_validate(said).to_wire())
        except ValidationError as error:
            wrong += [f"{where}: {fault.field} {fault.message}" for fault in faults_of(error)]
    return found, wrong


def _brand(store: Store, tenant_id: str, given: dict[str, Any], now: datetime) -> str:
    known = next((each for each in each_of(store.brands.list, tenant_id) if each.name == given["name"]), None)
    stamps = {"tenantId": tenant_id, "createdAt": known.created_at if known else now, "updatedAt": now}
    brand = Brand.model_validate({**given, **stamps, "id": known.id if known else new_id("brand")})
    if known is None:
        store.brands.create(brand)
        return "stored"
    store.brands.update(brand, expect_version=known.version)
    return "changed"


def _persona(store: Store, tenant_id: str, given: dict[str, Any], now: datetime) -> str:
    known = next((each for each in each_of(store.personas.list, tenant_id) if each.name == given["name"]), None)
    if known is None:
        stamps = {"tenantId": tenant_id, "createdAt": now, "updatedAt": now}
        store.personas.create(Persona.model_validate({**given, **stamps, "id": new_id("persona")}))
        return "stored"
    fields = set(PersonaInput.model_fields)
    kept = known.model_dump(mode="json", by_alias=True, exclude_none=True, exclude=fields)
    changed = Persona.model_validate({**kept, **given, "updatedAt": now})
    store.personas.update(changed, expect_version=known.version)
    return "changed"


def _template(store: Store, tenant_id: str, raw: Any, now: datetime) -> str:
    """Store a template, or change the one of its name; what could never run is refused.

    Raises:
        FaultsError: every fault of it.
    """
    given = dict(raw) if isinstance(raw, Mapping) else {}
    if isinstance(given.get("brief"), Mapping):
        try:
            given["brief"] = by_name(store, tenant_id, given["brief"])
        except BadBriefError as error:
            raise FaultsError([in_template(fault) for fault in error.faults]) from None
    whom = get_settings().default_approver()
    asks = Requester.given(_ACTOR, None)
    template, _ = accepted(store, given, tenant_id=tenant_id, requester=asks, default_approver=whom, now=now)
    stamps = {"tenantId": tenant_id, "requestedBy": _ACTOR, "createdAt": now, "updatedAt": now}
    try:
        known = store.templates.named(tenant_id, template.name)
    except NotFoundError:
        made = Template.model_validate({**template.to_wire(), **stamps, "id": new_id("template")})
        store.templates.create(made, actor=_ACTOR)
        return "stored"
    fields = set(TemplateInput.model_fields)
    kept = known.model_dump(mode="json", by_alias=True, exclude_none=True, exclude=fields)
    changed = Template.model_validate({**kept, **template.to_wire(), "updatedAt": now})
    store.templates.update(changed, expect_version=known.version, action="changed", actor=_ACTOR)
    return "changed"


if __name__ == "__main__":
    sys.exit(main())
