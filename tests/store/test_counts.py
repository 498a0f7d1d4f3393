"""Nobody keeps more than a tenant may: the limit stands in the transaction, and what is deleted makes room."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from campaigns.errors import LimitReachedError
from campaigns.model.base import new_id
from campaigns.model.library.brand import Brand
from campaigns.model.library.persona import Persona
from campaigns.store import Store
from campaigns.store.library import brands, personas
from campaigns.store.tables.sqlite import SQLiteTable
from tests.samples import sample

NOW = datetime(2027, 1, 1, tzinfo=UTC)
STAMPS: dict[str, Any] = {"tenantId": "acme", "createdAt": NOW, "updatedAt": NOW}


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setattr(brands, "MAX_BRANDS", 3)
    monkeypatch.setattr(personas, "MAX_PERSONAS", 3)
    return Store(SQLiteTable(tmp_path / "store.db"))


def a_persona(tenant: str = "acme") -> Persona:
    given = {**sample("personas.json")[0], **STAMPS, "tenantId": tenant, "id": new_id("persona")}
    return Persona.model_validate(given)


def a_brand(number: int) -> Brand:
    return Brand.model_validate({**sample("brand.json"), **STAMPS, "id": new_id("brand"), "name": f"Brand {number}"})


def test_ten_at_once_do_not_go_past_the_limit(store: Store) -> None:
    def add(_: int) -> bool:
        try:
            store.personas.create(a_persona())
        except LimitReachedError:
            return False
        return True

    with ThreadPoolExecutor(10) as pool:
        assert sum(pool.map(add, range(10))) == 3

    assert len(store.personas.list("acme").items) == 3
    store.personas.create(a_persona("other"))


def test_what_is_deleted_makes_room(store: Store) -> None:
    kept = [store.brands.create(a_brand(number)) for number in range(3)]
    with pytest.raises(LimitReachedError) as refused:
        store.brands.create(a_brand(4))
    assert refused.value.details == {"limit": 3}

    store.brands.delete("acme", kept[0].id, at=NOW)

    store.brands.create(a_brand(5))
    with pytest.raises(LimitReachedError):
        store.brands.create(a_brand(6))
