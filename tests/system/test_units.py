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
    return made, tables[-1]


OF_ELEVEN_POSTS = 550
OF_ONE_POST_MORE = 20


def test_a_campaign_of_eleven_posts_costs_at_most_550_units(counted: tuple[Studio, CountingTable]) -> None:
    studio, table = counted
    campaign_id, run_id = studio.submit(sample_brief("conference-talks.json"))
    assert studio.attempt(run_id).name == "Suspended"
    studio.decide(campaign_id, "approved")
    assert studio.attempt(run_id).is_completed()

    units = table.counts["written units"] + table.counts["index units"]
    assert studio.store.campaigns.get(TENANT, campaign_id).status is CampaignStatus.COMPLETED
    posts = len(studio.store.posts.list(TENANT, campaign_id))
    assert units <= OF_ELEVEN_POSTS + OF_ONE_POST_MORE * (posts - 11), (posts, dict(sorted(table.counts.items())))
