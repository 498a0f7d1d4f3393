"""A table that the version before has written: all of it is understood, and found where this version looks.

`table_of_before.jsonl` holds the items of such a table, as that version wrote them.
"""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Final

import pytest

from campaigns.checkpoints.folder import FolderBlobs
from campaigns.model.base import derived_id
from campaigns.model.campaign import Move
from campaigns.model.post import ModelUsage
from campaigns.model.vocabulary import CampaignStatus
from campaigns.store import Store
from campaigns.store.items import keys
from campaigns.store.library.assets import AssetFiles
from campaigns.store.tables.sqlite import SQLiteTable
from campaigns.store.tables.table import Item, Put, Table
from tests.store.samples import NOW, OTHER, TENANT, a_decision, decide, hours

BEFORE: Final = Path(__file__).with_name("table_of_before.jsonl")
LATER: Final = NOW + hours(24)
S = CampaignStatus


def items() -> list[Item]:
    return [json.loads(line) for line in BEFORE.read_text().splitlines()]


@pytest.fixture
def old(table: Table) -> Store:
    for item in items():
        table.write(Put(item))
    return Store(table)


def of(name: str) -> str:
    return derived_id("campaign", name)


def test_everything_that_was_found_by_time_is_found_by_time(old: Store, tmp_path: Path) -> None:
    assert old.renew(NOW) == sum(item.get("due_pk") in keys.OF_BEFORE for item in items())
    assert old.renew(NOW) == 0

    looked_at = {look.campaign_id for look in old.looks.due(NOW + timedelta(minutes=6))}
    assert looked_at == {of(name) for name in ("planning", "working", "waiting", "decided")}
    assert {campaign.id for campaign in old.campaigns.in_work()} == looked_at
    assert [each.campaign_id for each in old.approvals.due(NOW + hours(24))] == [of("waiting")]  # a day's heartbeat
    assert old.approvals.ended_since(NOW - hours(1)) == ["decided"]
    assert {(each.campaign_id, each.status) for each in old.campaigns.ended_since(NOW - hours(1))} == {
        (of("ended"), S.CANCELLED), (of("gone"), S.CANCELLED),
    }  # fmt: skip
    assert [entry.kind for entry in old.outbox.due(NOW)].count("start_run") == 6
    assert "reminder" in {entry.kind for entry in old.outbox.due(NOW + hours(1))}
    assert [entry.kind for entry in old.outbox.quarantined(since=NOW - hours(1))] == ["pigeon"]
    files = FolderBlobs(tmp_path / "assets")
    files.prepare()
    purged = old.purge(NOW + hours(24 * 100), files=AssetFiles(files))
    assert (purged["campaign"], purged["idempotency"], purged["outbox"]) == (1, 6, 1)


def test_a_campaign_of_before_goes_on(old: Store) -> None:
    old.renew(NOW)
    working = old.campaigns.get(TENANT, of("working"))
    assert (working.status, working.usage.calls) == (S.GENERATING, 2)

    for once in ("plan", "post 1", "post 1"):  # the first was counted by the version before
        old.campaigns.add_usage(TENANT, of("working"), ModelUsage(calls=1, cost_usd=0.25), once=once)
    assert old.campaigns.get(TENANT, of("working")).usage.calls == 3
    failed = old.campaigns.move(TENANT, of("working"), Move(S.FAILED, "flow", "broke", LATER))
    assert (failed.usage.calls, failed.usage.cost_usd) == (3, 0.75)

    round_ = old.approvals.round(OTHER, of("waiting"), 1)
    decided = decide(old, a_decision(round_, at=LATER))
    assert decided.round.status == "decided"
    assert old.audit.verify(OTHER, of("waiting")) is None


def test_what_changes_while_it_is_moved_is_moved_the_next_time(tmp_path: Path) -> None:
    class Between(SQLiteTable):
        moving = True

        def write(self, *operations: object) -> None:
            if self.moving and isinstance(operations[0], Put) and operations[0].item["kind"] == "campaign":
                self.moving = False
                Store(SQLiteTable(tmp_path / "store.db")).campaigns.update(
                    operations[0].item["tenant_id"], operations[0].item["id"], {"name": "Edited"}, actor="user", at=NOW
                )
            super().write(*operations)  # type: ignore[arg-type]

    table = Between(tmp_path / "store.db")
    calm = SQLiteTable(tmp_path / "store.db")
    for item in items():
        calm.write(Put(item))
    store = Store(table)

    store.renew(NOW)
    store.renew(NOW)

    assert "Edited" in {campaign.name for campaign in store.campaigns.list(TENANT).items} | {
        campaign.name for campaign in store.campaigns.list(OTHER).items
    }
    assert {campaign.id for campaign in store.campaigns.in_work()} == {
        of(name) for name in ("planning", "working", "waiting", "decided")
    }
