"""Stores the sample brand, personas and templates: `python -m deployments.commands.seed --tenant fernwood`."""

from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime

from campaigns.model.base import derived_id
from campaigns.model.library.brand import Brand
from campaigns.model.library.persona import Persona
from campaigns.model.library.template import Template
from campaigns.wiring import get_store
from deployments.place import ROOT


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tenant", required=True)
    tenant_id = parser.parse_args().tenant
    now = datetime.now(UTC)
    stamps = {"tenantId": tenant_id, "createdAt": now, "updatedAt": now}
    brand = Brand.model_validate({**json.loads((ROOT / "samples" / "brand.json").read_text()), **stamps})
    personas = [
        Persona.model_validate({**each, **stamps})
        for each in json.loads((ROOT / "samples" / "personas.json").read_text())
    ]
    store = get_store()
    store.brands.create(brand)
    for persona in personas:
        store.personas.create(persona)
    for each in json.loads((ROOT / "samples" / "templates.json").read_text()):
        given = {**each, "id": derived_id("template", tenant_id, each["name"]), "requestedBy": "seed", **stamps}
        store.templates.create(Template.model_validate(given), actor="seed")
    print(f"brand {brand.name} and personas {', '.join(persona.name for persona in personas)}")


if __name__ == "__main__":
    main()
