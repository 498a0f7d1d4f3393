"""What somebody orders in Prefect while posts are written is seen before the next post is paid for, and it stands."""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State, StateType
from prefect.exceptions import Abort

from campaigns.agents import writer
from campaigns.model.vocabulary import CampaignStatus
from campaigns.operations.acts import By, retry
from tasks.delivery.deliver import deliver_due
from tasks.engine import lease
from tasks.upkeep.recover import recover_ended, recover_live
from tests.flows.conftest import TENANT, Studio, sample_brief

WORKERS = 5
S = CampaignStatus


def say(run_id: UUID, kind: StateType, name: str | None = None) -> None:
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(run_id, State(type=kind, name=name), force=True)


def housekeeping(studio: Studio) -> None:
    for minutes in (3, 6, 30):
        now = datetime.now(UTC) + timedelta(minutes=minutes)
        recover_live(studio.store, now=now)
        recover_ended(studio.store, now=now)
        deliver_due(studio.store, now=now)


def ordered_while_posts_are_written(
    studio: Studio, monkeypatch: pytest.MonkeyPatch, kind: StateType, name: str | None = None
) -> tuple[str, UUID, list[str]]:
    """Force a state when the first post is paid for; return the campaign, its run, and the posts paid for."""
    campaign_id, run_id = studio.submit(sample_brief("spring-harvest.json"))
    monkeypatch.setattr(lease, "LOOK_SECONDS", 0.2)
    paid: list[str] = []
    stopped: list[lease.Hold] = []
    real = writer.run

    def paying(tenant_id: str, given: Any) -> Any:
        paid.append(given.post_id)
        hold = lease._HOLDS[TENANT, campaign_id]
        if len(paid) == 1:
            stopped.append(hold)
            say(run_id, kind, name)
        deadline = time.monotonic() + 60
        # Whoever goes on later has another hold, and no order to wait for.
        while hold in stopped and hold.order is None and time.monotonic() < deadline:
            time.sleep(0.05)  # a model takes its time: so long the order may stay unseen
        return real(tenant_id, given)

    monkeypatch.setattr("campaigns.build.writing.writer.run", paying)
    with suppress(Abort):  # as the engine in a worker's process takes it
        studio.attempt(run_id)
    return campaign_id, run_id, paid


@pytest.mark.parametrize(
    ("kind", "name", "status"),
    [
        (StateType.CANCELLED, None, S.CANCELLED),
        (StateType.CANCELLING, None, S.CANCELLED),
        (StateType.FAILED, None, S.FAILED),
        (StateType.COMPLETED, None, S.FAILED),
    ],
)
def test_a_run_that_is_stopped_in_prefect_pays_for_no_further_post_and_stays_stopped(
    studio: Studio, monkeypatch: pytest.MonkeyPatch, kind: StateType, name: str | None, status: CampaignStatus
) -> None:
    campaign_id, run_id, paid = ordered_while_posts_are_written(studio, monkeypatch, kind, name)

    posts = studio.store.posts.list(TENANT, campaign_id)
    assert 0 < len(paid) <= WORKERS < len(posts)
    assert sum(post.content is not None for post in posts) == len(paid)  # what is paid for is kept
    assert studio.store.campaigns.get(TENANT, campaign_id).status is status
    housekeeping(studio)
    after = studio.store.campaigns.get(TENANT, campaign_id)
    assert (after.status, after.execution_id) == (status, str(run_id))
    assert not studio.run(run_id).state.is_scheduled()
    assert studio.store.approvals.rounds(TENANT, campaign_id) == []
    if status is S.FAILED:
        assert (after.last_error.code, after.last_error.retryable) == ("RUN_STOPPED", True)
        retry(studio.store, after, By("Olga", "a mistake"), now=datetime.now(UTC))
        deliver_due(studio.store, now=datetime.now(UTC))
        again = UUID(studio.store.campaigns.get(TENANT, campaign_id).execution_id)
        assert studio.attempt(again).name == "Suspended"


def test_a_run_that_is_suspended_in_prefect_rests_until_it_is_resumed(
    studio: Studio, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        campaign_id, run_id, paid = ordered_while_posts_are_written(studio, monkeypatch, StateType.PAUSED, "Suspended")

    told = [record.getMessage() for record in caplog.records if record.name.startswith("prefect")]
    assert [line for line in told if "Suspended in Prefect" in line]
    assert not [line for line in told if "another process" in line or "serialize" in line]
    assert 0 < len(paid) <= WORKERS
    housekeeping(studio)
    assert studio.run(run_id).state_name == "Suspended"
    assert studio.store.campaigns.get(TENANT, campaign_id).status is S.GENERATING

    with get_client(sync_client=True) as client:
        client.resume_flow_run(run_id)
    assert studio.attempt(run_id).name == "Suspended"
    assert studio.store.campaigns.get(TENANT, campaign_id).status is S.AWAITING_REVIEW
    assert len(paid) == len(studio.store.posts.list(TENANT, campaign_id))
