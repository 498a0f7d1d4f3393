"""With CAMPAIGNS_METRICS=emf every process that writes to the store prints what it did, whoever opened the store."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from campaigns import wiring
from campaigns.operations.metrics import AUDIT, Meter
from campaigns.settings import get_settings
from tests.store.samples import NOW, a_campaign


@pytest.fixture
def _forgotten() -> Iterator[None]:
    def forget() -> None:
        get_settings.cache_clear()
        wiring.get_store.cache_clear()
        trail = logging.getLogger(AUDIT)
        for meter in [each for each in trail.handlers if isinstance(each, Meter)]:
            trail.removeHandler(meter)

    forget()
    yield
    forget()


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
