"""What one campaign costs in the table, counted as DynamoDB counts it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from campaigns import wiring
from campaigns.model.vocabulary import CampaignStatus
from campaigns.store import Store
from tests.benchmarks.counting import CountingTable
from tests.flows.conftest import TENANT, Studio, sample_brief, studio

__all__ = ["studio"]


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> tuple[Studio, CountingTable]:
    """A studio whose table counts."""
    opened: Callable[[], Store] = wiring._open_store
    tables: list[CountingTable] = []

    def open_store() -> Store:
        tables.append(CountingTable(opened().table))
        return Store(tables[-1])

    monkeypatch.setattr(wiring, "_open_store", open_store)
    made: Studio = request.getfixturevalue("studio")
    tables[-1].counts.clear()
    tables[-1].spent.clear()
    return made, tables[-1]


AT_MOST = 550
"""For the sample brief as it is: 14 posts, a page opened and typed into, four notices."""


def test_the_sample_campaign_costs_at_most_550_units(counted: tuple[Studio, CountingTable]) -> None:
    studio, table = counted
    campaign_id, run_id = studio.submit(sample_brief("conference-talks.json"))
    assert studio.attempt(run_id).name == "Suspended"
    studio.decide(campaign_id, "approved")
    assert studio.attempt(run_id).is_completed()

    assert studio.store.campaigns.get(TENANT, campaign_id).status is CampaignStatus.COMPLETED
    print(table.bill())
    assert table.units <= AT_MOST, table.bill()
