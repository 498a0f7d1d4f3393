"""With CAMPAIGNS_METRICS=emf every process that writes to the store prints what it did, whoever opened the store."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from campaigns import wiring
from campaigns.operations.watching.metrics import AUDIT, Meter, flush
from campaigns.settings import get_settings
from tests.store.samples import NOW, a_campaign


@pytest.fixture
def _forgotten() -> Iterator[None]:
    trail = logging.getLogger(AUDIT)

    def forget() -> list[Meter]:
        get_settings.cache_clear()
        wiring.get_store.cache_clear()
        meters = [each for each in trail.handlers if isinstance(each, Meter)]
        for meter in meters:
            trail.removeHandler(meter)
        return meters

    others = forget()
    yield
    forget()
    for meter in others:  # the stores of other tests are watched still
        trail.addHandler(meter)


@pytest.mark.usefixtures("_forgotten")
@pytest.mark.parametrize(("metrics", "told"), [("emf", ["CampaignsCreated"]), ("none", [])])
def test_opening_the_store_is_enough_to_be_watched(
    metrics: str, told: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CAMPAIGNS_METRICS", metrics)
    monkeypatch.setenv("CAMPAIGNS_HOME", str(tmp_path))

    wiring.get_store().campaigns.create(a_campaign(), actor="tests", at=NOW)

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith('{"_aws"')]
    assert [line["_aws"]["CloudWatchMetrics"][0]["Metrics"][0]["Name"] for line in lines] == told


@pytest.mark.usefixtures("_forgotten")
@pytest.mark.parametrize("by_tenant", [True, False])
def test_a_tenant_is_a_dimension_where_that_is_wanted_and_not_in_the_tallies(
    by_tenant: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CAMPAIGNS_METRICS", "emf")
    monkeypatch.setenv("CAMPAIGNS_METRICS_BY_TENANT", str(by_tenant).lower())
    monkeypatch.setenv("CAMPAIGNS_HOME", str(tmp_path))
    store = wiring.get_store()

    for tenant in ("fernwood", "birchwood"):
        store.campaigns.create(a_campaign(tenant), actor="tests", at=NOW)
    assert flush()

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith('{"_aws"')]
    dimensions = [line["_aws"]["CloudWatchMetrics"][0]["Dimensions"] for line in lines]
    assert [line.get("TenantId") for line in lines] == (["fernwood", "birchwood"] if by_tenant else [None, None])
    assert dimensions == [[["TenantId"] if by_tenant else []]] * 2
    assert store.tallies.all().of("CampaignsCreated").sum == 2
    assert "TenantId" not in store.tallies.all().to_json()
