"""What a run is called: people look for a campaign, not for an id."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from prefect import runtime

from campaigns.errors import StoreUnavailableError
from campaigns.store import Store
from campaigns.store.tables.sqlite import SQLiteTable
from flows.naming import run_name
from tests.store.samples import NOW, TENANT, a_campaign

CAMPAIGN = a_campaign(name="Huila spring harvest")


@pytest.fixture
def called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The name of a run with the given parameters."""
    store = Store(SQLiteTable(tmp_path / "store.db"))
    store.campaigns.create(CAMPAIGN, actor="api", at=NOW)
    monkeypatch.setattr("tasks.save.get_store", lambda: store)

    def name(**parameters: Any) -> str:
        given = {"tenant_id": TENANT, "campaign": None, "campaign_id": "", **parameters}
        monkeypatch.setattr(runtime.flow_run, "parameters", given, raising=False)
        return run_name()

    return name


def test_a_run_has_the_name_of_its_campaign_whoever_started_it(called: Any) -> None:
    assert called(campaign={"name": "Huila spring harvest"}) == f"Huila spring harvest · {TENANT}"
    assert called(campaign_id=CAMPAIGN.id) == f"Huila spring harvest · {TENANT}"


@pytest.mark.parametrize("brief", [None, "nonsense", {}, {"name": 7}, {"name": " "}])
def test_a_brief_without_a_name_still_makes_one(called: Any, brief: Any) -> None:
    assert called(campaign=brief) == f"campaign · {TENANT}"


def test_a_campaign_that_cannot_be_read_is_called_by_its_id(called: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert called(tenant_id="other", campaign_id=CAMPAIGN.id) == f"{CAMPAIGN.id} · other"

    def down() -> Store:
        raise StoreUnavailableError("down")

    monkeypatch.setattr("tasks.save.get_store", down)
    assert called(campaign_id=CAMPAIGN.id) == f"{CAMPAIGN.id} · {TENANT}"
