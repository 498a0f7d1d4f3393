"""An answer of the model is paid for once: while the store is away it is kept in hand, not asked for again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from campaigns import wiring
from campaigns.build import planning, writing
from campaigns.errors import AgentError, StoreUnavailableError
from campaigns.model.vocabulary import PostStatus
from campaigns.rules.retry import MAX_POST_ATTEMPTS
from campaigns.store.tables.sqlite import SQLiteTable
from campaigns.store.tables.table import Operation
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


def test_a_post_whose_processes_die_is_tried_a_stated_number_of_times(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    wiring.configure_agents()
    campaign_id = tenant.campaign()
    first, *others = planning.plan(tenant.store, tenant.name, campaign_id, now=NOW)
    calls: list[int] = []

    def dies(*_: Any) -> Any:
        calls.append(1)
        raise KeyboardInterrupt

    def write() -> None:
        writing.write_post(tenant.store, tenant.name, campaign_id, first.id, revision=0, attempt="1", now=NOW)

    monkeypatch.setattr(writing.writer, "run", dies)
    for _ in range(MAX_POST_ATTEMPTS):
        with pytest.raises(KeyboardInterrupt):
            write()
    with pytest.raises(AgentError) as given_up:
        write()

    assert len(calls) == MAX_POST_ATTEMPTS
    assert (given_up.value.reason, given_up.value.retryable) == ("TRIED_TOO_OFTEN", False)
    post, *rest = tenant.store.posts.list(tenant.name, campaign_id)
    assert (post.status, post.last_error and post.last_error.code) == (PostStatus.FAILED, "TRIED_TOO_OFTEN")
    assert rest == others
