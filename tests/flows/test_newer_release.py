"""What a later release wrote is refused while an older one runs, by a name; it goes on when that one is back."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from campaigns.errors import NewerReleaseError
from campaigns.store import Store
from campaigns.store.tables.sqlite import SQLiteTable
from deployments.local.mail import newest_link
from tasks.engine.server.run_states import OUTAGES
from tasks.upkeep.sweep import sweep
from tests.flows.conftest import TENANT, Studio, one_week
from tests.flows.test_restored_table import go_on


def change(studio: Studio, campaign_id: str, kind: str, fields: dict[str, object]) -> None:
    """Write fields into an item of a campaign past the product; None takes one away."""
    with closing(sqlite3.connect(studio.home / "store.db", timeout=30)) as database, database:
        rows = database.execute("SELECT sk, item FROM items WHERE pk = ?", [f"{TENANT}#{campaign_id}"]).fetchall()
        [(sk, item)] = [(sk, json.loads(item)) for sk, item in rows if json.loads(item)["kind"] == kind]
        body = {**json.loads(item["body"]), **fields}
        item["body"] = json.dumps({name: value for name, value in body.items() if value is not None})
        database.execute(
            "UPDATE items SET item = ? WHERE pk = ? AND sk = ?", [json.dumps(item), f"{TENANT}#{campaign_id}", sk]
        )


def test_a_campaign_rests_until_the_later_release_is_back(studio: Studio) -> None:
    campaign_id, run_id = studio.submit(one_week())
    assert studio.attempt(run_id).name == "Suspended"
    studio.decide(campaign_id, "needs_revision", "Say more about the farm.")

    change(studio, campaign_id, "campaign", {"mood": "sunny"})
    ended = studio.attempt(run_id)

    assert ended.is_failed() or ended.is_crashed()
    assert any(name in str(ended.message) for name in OUTAGES), ended.message
    answer = studio.client.get(f"/campaigns/{campaign_id}")
    assert (answer.status_code, answer.json()["errorCode"]) == (503, "NEWER_RELEASE")
    assert answer.headers["Retry-After"]
    assert "rolled back" in answer.json()["message"]
    sweep(studio.store, now=datetime.now(UTC) + timedelta(minutes=5), all_duties=True)  # the others have their turn

    change(studio, campaign_id, "campaign", {"mood": None})
    assert studio.attempt(go_on(studio, campaign_id)).name == "Suspended"
    assert len(studio.store.approvals.rounds(TENANT, campaign_id)) == 2


def test_an_approver_is_told_to_come_back(studio: Studio) -> None:
    campaign_id, run_id = studio.submit(one_week())
    assert studio.attempt(run_id).name == "Suspended"
    link = newest_link(studio.home / "mail", campaign_id)
    assert link

    change(studio, campaign_id, "round", {"mood": "sunny"})
    answer = studio.client.get(link)
    assert answer.status_code == 503
    assert answer.headers["Retry-After"]

    change(studio, campaign_id, "round", {"mood": None})
    assert studio.client.get(link).status_code == 200


def test_what_is_damaged_is_not_taken_for_new(studio: Studio) -> None:
    campaign_id, _ = studio.submit(one_week())
    store = Store(SQLiteTable(studio.home / "store.db"))

    change(studio, campaign_id, "campaign", {"mood": "sunny"})
    with pytest.raises(NewerReleaseError, match="mood"):
        store.campaigns.get(TENANT, campaign_id)

    change(studio, campaign_id, "campaign", {"mood": None, "status": "sunny"})
    with pytest.raises(ValidationError):
        store.campaigns.get(TENANT, campaign_id)
