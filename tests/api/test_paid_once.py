"""An answer of the model is paid for once: while the store is away it is kept in hand, not asked for again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from campaigns import planning, wiring, writing
from campaigns.errors import StoreUnavailableError
from campaigns.model.vocabulary import PostStatus
from campaigns.store.sqlite import SQLiteTable
from campaigns.store.table import Operation
from tests.api.doors import Tenant

NOW = datetime.now(UTC)


@pytest.fixture
def losing(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], list[int]]:
    """After each answer of this agent the store loses the answers of its next three writes."""
    left = [0]
    write = SQLiteTable.write

    def lossy(self: SQLiteTable, *operations: Operation) -> None:
        write(self, *operations)
        if left[0]:
            left[0] -= 1
            raise StoreUnavailableError("the answer was lost")

    def watch(agent: Any) -> list[int]:
        calls: list[int] = []
        run = agent.run

        def counted(*given: Any) -> Any:
            answer = run(*given)
            calls.append(1)
            left[0] = 3
            return answer

        monkeypatch.setattr(agent, "run", counted)
        return calls

    monkeypatch.setattr(SQLiteTable, "write", lossy)
    return watch


def test_a_plan_and_a_post_are_stored_although_the_store_was_away(
    tenant: Tenant, losing: Callable[[Any], list[int]]
) -> None:
    wiring.configure_agents()
    campaign_id = tenant.campaign()

    planned = losing(planning.planner)
    posts = planning.plan(tenant.store, tenant.name, campaign_id, now=NOW)
    wrote = losing(writing.writer)
    post = writing.write_post(
        tenant.store, tenant.name, campaign_id, posts[0].id, revision=0, attempt="1", now=datetime.now(UTC)
    )

    assert (len(planned), len(wrote)) == (1, 1)
    assert post.status in {PostStatus.COMPLETED, PostStatus.NEEDS_REVIEW}
    assert tenant.store.posts.list(tenant.name, campaign_id) == [post, *posts[1:]]
