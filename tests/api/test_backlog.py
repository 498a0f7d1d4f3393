"""A deep backlog: new campaigns are refused with a time to come back, repeated ones are not; built ones make room."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from campaigns.build.backlog import Backlog
from campaigns.errors import BusyError
from campaigns.model.campaign import Move
from campaigns.model.vocabulary import CampaignStatus
from tests.api.doors import Door, Tenant, opened


@pytest.fixture
def narrow(tmp_path: Path) -> Iterator[Door]:
    with opened(tmp_path, tenant_backlog="2", backlog="3") as door:
        yield door


def built(tenant: Tenant, campaign_id: str) -> None:
    """Let its approvers be asked."""
    now = datetime.now(UTC)
    for status in (CampaignStatus.GENERATING, CampaignStatus.AWAITING_REVIEW):
        tenant.store.campaigns.move(tenant.name, campaign_id, Move(status, "tests", "so", now))
    tenant.store.looks.soon(tenant.name, campaign_id, at=now + timedelta(hours=24))


def test_a_tenant_with_too_many_campaigns_waits_and_the_others_do_not(narrow: Door) -> None:
    many, other = narrow.tenant(), narrow.tenant()
    key = {"Idempotency-Key": "second"}
    first = many.campaign()
    second = many.client.post("/campaigns", json=many.brief(), headers=key)

    refused = many.client.post("/campaigns", json=many.brief())

    assert (refused.status_code, refused.json()["errorCode"]) == (429, "TENANT_BACKLOG_FULL")
    assert refused.headers["Retry-After"] == "60"
    assert refused.json()["details"]["limit"] == 2
    again = many.client.post("/campaigns", json=many.brief(), headers=key)
    assert (again.status_code, again.json()["id"]) == (202, second.json()["id"])
    assert other.client.post("/campaigns", json=other.brief()).status_code == 202
    faulty = many.client.post("/campaigns", json={**many.brief(), "name": ""})
    assert faulty.status_code == 422, "a brief that would never be taken is told so at once"

    built(many, first)
    narrow.app.state.backlog._counted = None  # five seconds later
    assert many.client.post("/campaigns", json=many.brief()).status_code == 202


def test_when_all_together_have_too_many_nobody_is_taken(narrow: Door) -> None:
    tenants = [narrow.tenant() for _ in range(4)]
    ids = []
    for tenant in tenants[:3]:
        narrow.app.state.backlog._counted = None
        ids.append(tenant.campaign())
    narrow.app.state.backlog._counted = None

    refused = tenants[3].client.post("/campaigns", json=tenants[3].brief())

    assert (refused.status_code, refused.json()["errorCode"]) == (503, "BACKLOG_FULL")
    assert refused.headers["Retry-After"] == "60"
    assert tenants[3].client.get("/campaigns").json()["items"] == []
    built(tenants[0], ids[0])
    narrow.app.state.backlog._counted = None
    assert tenants[3].client.post("/campaigns", json=tenants[3].brief()).status_code == 202


def test_what_all_have_waiting_is_counted_every_five_seconds_at_most(narrow: Door) -> None:
    backlog, now = Backlog(narrow.store, of_tenant=9, of_all=1), datetime.now(UTC)
    tenant = narrow.tenant()
    backlog.require_room(tenant.name, now)
    tenant.campaign()

    backlog.require_room(tenant.name, now + timedelta(seconds=4))
    with pytest.raises(BusyError):
        backlog.require_room(tenant.name, now + timedelta(seconds=6))


def test_what_waits_for_people_is_not_counted_while_nobody_looks_at_it(narrow: Door) -> None:
    """Housekeeping runs in Prefect: while that is away, the looks of all campaigns become due and stay so."""
    backlog, now = Backlog(narrow.store, of_tenant=9, of_all=2), datetime.now(UTC)
    waiting, ended, other = narrow.tenant(), narrow.tenant(), narrow.tenant()
    built(waiting, waiting.campaign())
    built(ended, gone := ended.campaign())
    narrow.store.campaigns.move(ended.name, gone, Move(CampaignStatus.CANCELLED, "tests", "so", now))
    other.campaign()
    a_day_later = now + timedelta(hours=25)

    backlog.require_room(other.name, a_day_later)
    other.campaign()

    with pytest.raises(BusyError):
        backlog.require_room(other.name, a_day_later + timedelta(seconds=6))
