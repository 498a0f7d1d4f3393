"""`make plan`: what it prints is what the campaign gets."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from campaigns.build import planning
from campaigns.build.submission import Submission, submit
from campaigns.model.base import new_id
from campaigns.rules.freshen import moved_ahead
from campaigns.store import Store
from campaigns.store.tables.sqlite import SQLiteTable
from deployments.commands.plan import main
from tests.flows.conftest import TENANT, seed
from tests.samples import SAMPLES

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


@pytest.mark.parametrize("name", ["spring-harvest.json", "conference-talks.json"])
def test_the_printed_calendar_is_that_of_the_campaign(tmp_path: Path, name: str) -> None:
    brief = moved_ahead(json.loads((SAMPLES / name).read_text()), NOW.date())
    store = Store(SQLiteTable(tmp_path / "store.db"))
    seed(store)
    campaign = submit(store, brief, Submission(TENANT, new_id("campaign"), "ada"), now=NOW)
    posts = planning.plan(store, TENANT, campaign.campaign.id, now=NOW)
    out = io.StringIO()

    assert main([str(SAMPLES / name)], now=NOW, out=out) == 0

    zone = campaign.campaign.schedule.zone
    printed = [line[4:24].rstrip() for line in out.getvalue().splitlines() if line[:1].isdigit()]
    assert printed == [f"{post.scheduled_at.astimezone(zone):%a %Y-%m-%d %H:%M}" for post in posts]
    assert f"Plan version {campaign.campaign.plan_version}" in out.getvalue()
