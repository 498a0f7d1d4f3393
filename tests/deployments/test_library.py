"""Brands and personas from files, by one command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from campaigns import wiring
from campaigns.build.by_name import names
from campaigns.settings import get_settings
from deployments.commands import seed
from deployments.commands.library import main
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

    weekly = json.loads((SAMPLES / "templates.json").read_text())[0]
    weekly["brief"] |= {"brandId": "Fernwood Coffee Roasters"}
    weekly["brief"]["participants"]["personaIds"] = ["Ines Carvalho"]
    nobody = {**weekly, "name": "Nobody's", "brief": {**weekly["brief"], "brandId": "Nobody"}}
    never = {**weekly, "name": "Never", "window": {"length": "P4M"}}
    file = tmp_path / "templates.json"
    for held, said in ((weekly, "stored"), ({**weekly, "policies": {"leadHours": 24}}, "changed")):
        file.write_text(json.dumps([nobody, held, never]))
        assert main(["--tenant", "acme", "--templates", str(file)]) == 1
        told = capsys.readouterr()
        assert told.out == f"{said} template Weekly roast\n"
        assert "number 1: brief.brandId there is no brand Nobody" in told.err
        assert "number 3: window.length must be at most" in told.err
    template = store.templates.named("acme", "weekly roast")
    assert (template.version, template.policies.lead_hours) == (2, 24)
    assert template.brief.participants.persona_ids[0].startswith("persona_")
    assert names(store, "acme")["templates"] == ["Weekly roast"]

    broken = tmp_path / "broken.json"
    broken.write_text(json.dumps([{"name": "Only a name"}]))
    assert main(["--tenant", "other", "--brand", str(SAMPLES / "brand.json"), "--personas", str(broken)]) == 1
    assert "Nothing was stored." in capsys.readouterr().err
    assert names(store, "other")["brands"] == []
    for opener in (get_settings, wiring.get_store):
        opener.cache_clear()


def test_samples_are_stored_once_and_what_became_of_them_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CAMPAIGNS_HOME", str(tmp_path))
    for opener in (get_settings, wiring.get_store):
        opener.cache_clear()
    seed.main(["--tenant", "acme"])
    store = wiring.get_store()
    first = names(store, "acme")
    template = store.templates.named("acme", "weekly roast")
    store.templates.update(
        template.model_copy(update={"name": "Roast"}), expect_version=1, actor="ana", action="changed"
    )
    capsys.readouterr()

    seed.main(["--tenant", "acme"])

    assert "what was there already stays as it is" in capsys.readouterr().out
    assert {len(each) for each in first.values()} == {1, 2}
    assert names(store, "acme") == {**first, "templates": ["Monthly talks", "Roast"]}
    for opener in (get_settings, wiring.get_store):
        opener.cache_clear()
