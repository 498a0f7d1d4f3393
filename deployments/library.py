"""Stores brands and personas from files, so that a team without the API can begin.

    python -m deployments.library --tenant fernwood --brand samples/brand.json --personas samples/personas.json

A file holds one object or a list, as `POST /brands` and `POST /personas` take them. What the tenant has of the
same name is changed, anything else is made; the forms of Prefect have the names within a minute.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from campaigns.build.by_name import each_of
from campaigns.model.base import new_id
from campaigns.model.brand import Brand, BrandInput
from campaigns.model.faults import faults_of
from campaigns.model.persona import Persona, PersonaInput
from campaigns.store import Store
from campaigns.wiring import get_store


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m deployments.library", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--tenant", required=True)
    parser.add_argument("--brand", type=Path, action="append", default=[], metavar="FILE")
    parser.add_argument("--personas", type=Path, action="append", default=[], metavar="FILE")
    given = parser.parse_args(arguments)
    brands, wrong = _read(given.brand, BrandInput)
    personas, more = _read(given.personas, PersonaInput)
    if wrong or more:
        print("\n".join([*wrong, *more, "Nothing was stored."]), file=sys.stderr)
        return 1
    store, now = get_store(), datetime.now(UTC)
    for each in brands:
        print(f"{_brand(store, given.tenant, each, now)} brand {each['name']}")
    for each in personas:
        print(f"{_persona(store, given.tenant, each, now)} persona {each['name']}")
    return 0


def _read(
    files: Sequence[Path], model: type[BrandInput] | type[PersonaInput]
) -> tuple[list[dict[str, Any]], list[str]]:
    """Return what the files hold, checked, and every fault of all of them."""
    found: list[dict[str, Any]] = []
    wrong: list[str] = []
    for file in files:
        try:
            held = json.loads(file.read_text())
        except (OSError, ValueError) as error:
            wrong.append(f"{file}: {error}")
            continue
        for number, each in enumerate(held if isinstance(held, list) else [held], start=1):
            said = {name: value for name, value in each.items() if name != "id"} if isinstance(each, dict) else each
            try:
                found.append(model.model_validate(said).to_wire())
            except ValidationError as error:
                wrong += [f"{file}, number {number}: {fault.field} {fault.message}" for fault in faults_of(error)]
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


if __name__ == "__main__":
    sys.exit(main())
