"""GET /status and /metrics: what an operator sees is what the store has, and costs the same however much waits."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from api.review.render import stylesheet_name
from campaigns.errors import StoreUnavailableError
from campaigns.model.vocabulary import CampaignStatus
from campaigns.operations.watching import metrics
from campaigns.store.upkeep.turns import RATES_WATCHED
from campaigns.texts import words_for
from tests.api.doors import Door, Tenant, opened
from tests.store.samples import a_campaign, a_round


def wait_for(tenant: Tenant, count: int) -> list[str]:
    ids = []
    for _ in range(count):
        campaign = a_campaign(tenant.name, status=CampaignStatus.GENERATING)
        now = datetime.now(UTC)
        tenant.store.campaigns.create(campaign, actor="tests", at=now)
        tenant.store.approvals.open_round(a_round(campaign, 1), actor="tests", at=now)
        ids.append(campaign.id)
    return ids


def test_status_shows_what_is_built_and_who_is_waited_for(tenant: Tenant) -> None:
    (waiting,) = wait_for(tenant, 1)
    building = a_campaign(tenant.name, name="Harvest <b>")
    tenant.store.campaigns.create(building, actor="tests", at=datetime.now(UTC))
    watched = datetime(2027, 1, 1, tzinfo=UTC)
    tenant.store.turns.note(RATES_WATCHED, now=watched)

    shown = tenant.client.get("/status").json()
    page = tenant.client.get("/status", headers={"Accept": "text/html,*/*"})

    round_ = tenant.store.approvals.round(tenant.name, waiting, 1)
    assert [each["campaignId"] for each in shown["waiting"]] == [waiting]
    assert datetime.fromisoformat(shown["waiting"][0]["decideBy"]) == round_.expires_at
    assert shown["waiting"][0]["waitsFor"] == [each.name for each in round_.approvers]
    assert [each["campaignId"] for each in shown["building"]] == [building.id]
    assert (shown["moreWaiting"], shown["moreBuilding"]) == (False, False)
    assert shown["checks"]["store"] == "ok"
    assert datetime.fromisoformat(shown["watchedAt"]) == watched
    assert page.headers["content-type"].startswith("text/html")
    assert words_for("en", "").moment(round_.expires_at, ZoneInfo("UTC")) in page.text
    assert "Harvest &lt;b&gt;" in page.text


def test_another_tenants_campaigns_are_not_shown(door: Door, tenant: Tenant) -> None:
    wait_for(tenant, 1)
    other = door.tenant()

    shown = other.client.get("/status").json()

    assert (shown["waiting"], shown["building"]) == ([], [])


def test_a_page_is_bounded(tenant: Tenant) -> None:
    wait_for(tenant, 23)

    shown = tenant.client.get("/status").json()

    assert (len(shown["waiting"]), shown["moreWaiting"]) == (20, True)


def test_metrics_are_for_operators_and_are_what_was_counted(tmp_path: Path) -> None:
    # Its own door: a process counts for the application that was made last, and others of this room make theirs.
    with opened(tmp_path) as door:
        tenant = door.tenant()
        wait_for(tenant, 2)
        assert metrics.flush()

        found = tenant.client.get("/metrics")
        refused = door.client_of(door.token(tenant.name, scopes=["campaigns:read"])).get("/status")
        nobody = door.client_of(None).get("/metrics")

    rounds = next(line for line in found.text.splitlines() if line.startswith("campaigns_rounds_opened_total "))
    assert float(rounds.split()[1]) >= 2
    assert found.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert tenant.name not in found.text
    assert (refused.status_code, nobody.status_code) == (403, 401)


PAGE = {"Accept": "text/html,*/*"}


def test_where_prefect_asks_for_nothing_there_is_nothing_to_sign_in_with(door: Door) -> None:
    for headers in (PAGE, {**PAGE, "Authorization": "Basic Og=="}, {**PAGE, "Authorization": "Basic Tm9uZQ=="}):
        refused = door.client_of(None).get("/status", headers=headers)
        assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")


def test_a_store_that_is_away_is_said_and_nothing_is_made_up(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    tenant = door.tenant()

    def away(*_: object, **__: object) -> None:
        raise StoreUnavailableError("the store does not answer")

    for name in ("get", "query", "query_index", "positions"):
        monkeypatch.setattr(door.store.table, name, away)
    told = tenant.client.get("/status")
    page = tenant.client.get("/status", headers=PAGE)

    assert told.status_code == page.status_code == 200
    assert told.json()["checks"]["store"] == "unavailable"
    assert "rates" not in told.json()
    assert "To be looked at: Store" in page.text
    assert [said for said in ("Nobody is waited for", "Watched last", "never") if said in page.text] == []


def test_the_page_has_the_style_of_the_others_and_no_script(tenant: Tenant) -> None:
    page = tenant.client.get("/status", headers=PAGE)
    style = tenant.client.get(f"/approve/static/{stylesheet_name()}")

    assert stylesheet_name() in page.text
    assert style.status_code == 200
    assert "<script" not in page.text
    assert "script-src" not in page.headers["content-security-policy"]
