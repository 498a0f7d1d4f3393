"""Prefect's own alarms on a real server: made once, brought up to date, and heard."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from prefect.blocks.notifications import SlackWebhook
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.events.actions import SendNotification
from prefect.events.schemas.automations import Automation, AutomationCore, EventTrigger

from campaigns.settings import get_settings
from deployments.engine import automations
from deployments.engine.automations import main, register
from deployments.engine.register import STEPS
from tasks.upkeep import alerts


@pytest.fixture
def client(prefect_server: str) -> Iterator[SyncPrefectClient]:
    assert prefect_server
    with get_client(sync_client=True) as client:
        yield client
        for each in client.read_automations():
            client.delete_automation(each.id)
    get_settings.cache_clear()


def core(automation: Automation, **changes: Any) -> AutomationCore:
    """Return an automation as it is sent."""
    return AutomationCore(
        **{name: getattr(automation, name) for name in AutomationCore.model_fields.keys() - {"owner_resource"}}
        | changes
    )


def test_automations_are_made_once_and_brought_up_to_date(
    client: SyncPrefectClient, capsys: pytest.CaptureFixture[str]
) -> None:
    main()
    made = {each.name: each for each in client.read_automations()}
    assert len(made) == 5
    assert all(each.description and "Runbook" in each.description for each in made.values())

    assert register(client) == []

    watcher = made["campaigns: nobody watches"]
    assert isinstance(watcher.trigger, EventTrigger)
    late = core(watcher, trigger=watcher.trigger.model_copy(update={"within": timedelta(hours=9)}))
    client.update_automation(watcher.id, late)
    client.pause_automation(made["campaigns: builds break"].id)
    client.create_automation(core(made["campaigns: no worker"]))
    client.create_automation(core(watcher, name="somebody else's"))

    assert register(client) == ["campaigns: nobody watches: changed", "campaigns: no worker: one of two removed"]

    now = {each.name: each for each in client.read_automations()}
    assert now.keys() == made.keys() | {"somebody else's"}
    assert now["campaigns: nobody watches"].id == watcher.id
    assert now["campaigns: nobody watches"].trigger == watcher.trigger
    assert not now["campaigns: builds break"].enabled, "what an operator switched off is on again"
    main()
    assert "as they should be" in capsys.readouterr().out


def test_whoever_hears_of_alarms_hears_of_silence(
    client: SyncPrefectClient, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    name = f"operators-{uuid4().hex[:8]}"
    monkeypatch.setenv("CAMPAIGNS_ALERT_BLOCKS", f"slack-webhook/{name}")
    get_settings.cache_clear()
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    assert "save it" in capsys.readouterr().err
    assert client.read_automations() == []

    SlackWebhook(url="https://hooks.example.com/x").save(name, _sync=True)
    assert len(register(client)) == 5

    block = client.read_block_document_by_name(name, "slack-webhook")
    for each in client.read_automations():
        told = [action.block_document_id for action in each.actions if isinstance(action, SendNotification)]
        assert told == ([] if each.name == "campaigns: an alarm is on" else [block.id])
    assert register(client) == []


def test_the_watcher_says_once_a_minute_that_it_watches(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    now = time.monotonic()
    monkeypatch.setattr(alerts, "emit_event", lambda event, **_: told.append(event))
    monkeypatch.setattr(alerts, "_told_at", None)
    monkeypatch.setattr(alerts, "monotonic", lambda: now)
    alerts.watched(0)
    alerts.watched(0)
    now += 59
    alerts.watched(0)
    assert told == [alerts.WATCHED]
    now += 2
    alerts.watched(1)
    assert told == [alerts.WATCHED] * 2


def test_every_deploy_registers_them() -> None:
    assert ("python -m deployments.engine.automations", main) in STEPS
    assert timedelta(seconds=5 * alerts._HEARTBEAT_SECONDS) <= automations.SILENCE
