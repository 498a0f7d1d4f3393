"""Brands and personas from files, by one command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from campaigns import wiring
from campaigns.build.by_name import names
from campaigns.settings import get_settings
from deployments.library import main
from tests.samples import SAMPLES


def test_what_files_hold_is_stored_once_changed_by_name_and_refused_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CAMPAIGNS_HOME", str(tmp_path))
    for opener in (get_settings, wiring.get_store):
        opener.cache_clear()
    files = ["--brand", str(SAMPLES / "brand.json"), "--personas", str(SAMPLES / "personas.json")]

    assert main(["--tenant", "acme", *files]) == 0
    assert capsys.readouterr().out.count("stored") == 3
    assert main(["--tenant", "acme", *files]) == 0
    assert capsys.readouterr().out.count("changed") == 3
    store = wiring.get_store()
    assert names(store, "acme")["personas"] == ["Ines Carvalho", "Tomás Okafor"]
    assert names(store, "fernwood") == {"brands": [], "personas": [], "templates": []}

    broken = tmp_path / "broken.json"
    broken.write_text(json.dumps([{"name": "Only a name"}]))
    assert main(["--tenant", "other", "--brand", str(SAMPLES / "brand.json"), "--personas", str(broken)]) == 1
    assert "Nothing was stored." in capsys.readouterr().err
    assert names(store, "other")["brands"] == []
    for opener in (get_settings, wiring.get_store):
        opener.cache_clear()
