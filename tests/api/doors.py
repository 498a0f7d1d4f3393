"""The application with a store of its own and no Prefect in reach, and tenants that nobody used before."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from api.app import create_app
from api.auth.identity import SCOPES, mint
from api.schemas.examples import BRIEF, TEMPLATE
from campaigns import wiring
from campaigns.keys.keyring import new_ring
from campaigns.model.base import new_id
from campaigns.model.library.brand import Brand
from campaigns.model.library.persona import Persona
from campaigns.settings import get_settings
from campaigns.store import Store
from tests.api.truth import Truth
from tests.samples import sample

HOUR = timedelta(hours=1)
_numbers = count(1)


@dataclass(frozen=True)
class Tenant:
    """One tenant and a client that acts for it."""

    name: str
    client: TestClient
    store: Store
    brand_id: str = ""
    persona_id: str = ""

    def brief(self, **changes: Any) -> dict[str, Any]:
        """Return an accepted brief of this tenant."""
        participants = {**BRIEF["participants"], "personaIds": [self.persona_id]}
        return {**BRIEF, "brandId": self.brand_id, "participants": participants, **changes}

    def template(self, **changes: Any) -> dict[str, Any]:
        """Return an accepted template of this tenant."""
        participants = {"personaIds": [self.persona_id], "platforms": ["linkedin"]}
        return {**TEMPLATE, "brief": {**TEMPLATE["brief"], "participants": participants}, **changes}

    def campaign(self, **changes: Any) -> str:
        """Submit a brief and return the id of the campaign."""
        answer = self.client.post("/campaigns", json=self.brief(**changes))
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])


@dataclass(frozen=True)
class Door:
    """A running application."""

    app: FastAPI
    client: TestClient
    store: Store
    truth: Truth

    def token(
        self,
        tenant: str,
        *,
        scopes: Iterable[str] = SCOPES,
        subject: str = "tests",
        email: str | None = None,
        ttl: timedelta = HOUR,
    ) -> str:
        ring, now = wiring.get_api_ring(), datetime.now(UTC)
        return mint(ring, tenant_id=tenant, subject=subject, email=email, scopes=scopes, ttl=ttl, now=now)

    def client_of(self, token: str | None) -> TestClient:
        """Return a client with this token; it shares the application and checks every answer."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        client = TestClient(self.app, headers=headers)
        client.event_hooks = {"request": [], "response": [self.truth.check]}
        return client

    def tenant(self, *, seeded: bool = True, name: str | None = None) -> Tenant:
        """Return a tenant that nobody used before, with a brand and a persona of its own."""
        name = name or f"tenant-{next(_numbers)}"
        client = self.client_of(self.token(name))
        if not seeded:
            return Tenant(name, client, self.store)
        now = datetime.now(UTC)
        stamps = {"tenantId": name, "createdAt": now, "updatedAt": now}
        brand = self.store.brands.create(
            Brand.model_validate({**sample("brand.json"), **stamps, "id": new_id("brand")})
        )
        given = {**sample("personas.json")[0], **stamps, "id": new_id("persona")}
        persona = self.store.personas.create(Persona.model_validate(given))
        return Tenant(name, client, self.store, brand.id, persona.id)


# Nobody listens on port 9 (discard): the outbox keeps what is for Prefect.
NO_PREFECT = "http://127.0.0.1:9/api"


@contextmanager
def opened(home: Path, **settings: str) -> Iterator[Door]:
    """Open an application on embedded defaults; further settings by name, without the prefix."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CAMPAIGNS_HOME", str(home))
        patch.setenv("CAMPAIGNS_API_BASE_URL", "http://testserver")
        patch.setenv("CAMPAIGNS_START_PATIENCE_SECONDS", "0")
        patch.setenv("CAMPAIGNS_REQUESTS_PER_MINUTE", "1000000")
        patch.setenv("CAMPAIGNS_REQUESTS_BURST", "1000000")
        patch.setenv("CAMPAIGNS_TENANT_BACKLOG", "100000")  # nobody builds
        patch.setenv("CAMPAIGNS_BACKLOG", "1000000")
        patch.setenv("CAMPAIGNS_DOCS_ENABLED", "false")
        patch.setenv("CAMPAIGNS_SWEEP_SECONDS", "0")
        patch.setenv("PREFECT_API_URL", NO_PREFECT)
        for name in ("CHECKPOINT", "APPROVAL", "API"):
            patch.setenv(f"CAMPAIGNS_{name}_KEYS", new_ring())
        for name, value in settings.items():
            patch.setenv(f"CAMPAIGNS_{name.upper()}", value)
        forget_wiring()
        app = create_app()
        truth = Truth(app)
        with TestClient(app) as client:
            client.event_hooks = {"request": [], "response": [truth.check]}
            yield Door(app, client, wiring.get_store(), truth)
    forget_wiring()


def forget_wiring() -> None:
    get_settings.cache_clear()
    for opener in (
        wiring.get_store,
        wiring.get_link_signer,
        wiring.get_asset_files,
        wiring.get_signals,
        wiring.configure_agents,
    ):
        opener.cache_clear()
