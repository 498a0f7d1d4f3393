"""Stores the sample brand, personas and templates: `python -m deployments.commands.seed --tenant fernwood`.

What is there already stays as it is.
"""

import argparse
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial

from campaigns.errors import ConflictError, LimitReachedError
from campaigns.model.base import derived_id
from campaigns.model.library.brand import Brand
from campaigns.model.library.persona import Persona
from campaigns.model.library.template import Template
from campaigns.wiring import get_store
from deployments.place import ROOT


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tenant", required=True)
    tenant_id = parser.parse_args(arguments).tenant
    now = datetime.now(UTC)
    stamps = {"tenantId": tenant_id, "createdAt": now, "updatedAt": now}
    brand = Brand.model_validate({**json.loads((ROOT / "samples" / "brand.json").read_text()), **stamps})
    personas = [
        Persona.model_validate({**each, **stamps})
        for each in json.loads((ROOT / "samples" / "personas.json").read_text())
    ]
    store = get_store()
    made = [_made(partial(store.brands.create, brand))]
    made += [_made(partial(store.personas.create, persona)) for persona in personas]
    for each in json.loads((ROOT / "samples" / "templates.json").read_text()):
        given = {**each, "id": derived_id("template", tenant_id, each["name"]), "requestedBy": "seed", **stamps}
        template = Template.model_validate(given)
        made.append(_made(partial(store.templates.create, template, actor="seed")))
    there = "" if all(made) else "; what was there already stays as it is"
    print(f"brand {brand.name} and personas {', '.join(persona.name for persona in personas)}{there}")


def _made(create: Callable[[], object]) -> bool:
    """Return whether it was made; not, where something of its id or name is there."""
    try:
        create()
    except LimitReachedError:
        raise
    except ConflictError:
        return False
    return True


if __name__ == "__main__":
    main()
