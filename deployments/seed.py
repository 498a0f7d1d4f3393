"""Stores the sample brand, personas and templates: `python -m deployments.seed --tenant fernwood`."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime

from campaigns.model.base import derived_id
from campaigns.model.brand import Brand
from campaigns.model.persona import Persona
from campaigns.model.template import Template
from campaigns.wiring import get_store
from deployments.stack import ROOT, StackError


def seed(env: Mapping[str, str], tenant_id: str) -> str:
    """Store the samples in the store that `env` names, from a process of its own; return what was stored."""
    done = subprocess.run(
        [sys.executable, "-m", "deployments.seed", "--tenant", tenant_id],
        cwd=ROOT, env=dict(env), capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    if done.returncode:
        raise StackError(f"storing the samples failed:\n{done.stderr[-2000:]}")
    return done.stdout.strip()


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
