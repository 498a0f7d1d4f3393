"""What is purged is what was found to be over: whatever replaced it in between stays."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from campaigns.checkpoints.folder import FolderBlobs
from campaigns.model.approval import OneTimeCode, ReviewDraft
from campaigns.model.campaign import Move
from campaigns.model.vocabulary import CampaignStatus
from campaigns.store import IdempotencyRecord, Store
from campaigns.store.campaign.drafts import draft_item
from campaigns.store.items import keys
from campaigns.store.library.assets import AssetFiles
from campaigns.store.tables.sqlite import SQLiteTable
from campaigns.store.tables.table import Item, Key, Put
from tests.store.samples import NOW, TENANT, a_brand, a_campaign, a_round, an_asset, hours, put_round

DAY = 24


class Between(SQLiteTable):
    """A table in which something happens between the purge's last look at an item and its next write."""

    then: Callable[[], None] | None = None

    def get(self, key: Key) -> Item | None:
        found = super().get(key)
        if self.then is not None:
            act, self.then = self.then, None
            act()
        return found


@pytest.fixture
def table(tmp_path: Path) -> Between:
    return Between(tmp_path / "store.db")


@pytest.fixture
def other(table: Between, tmp_path: Path) -> Store:
    """Another process on the same data."""
    return Store(SQLiteTable(tmp_path / "store.db"))


@pytest.fixture
def files(tmp_path: Path) -> AssetFiles:
    blobs = FolderBlobs(tmp_path / "assets")
    blobs.prepare()
    return AssetFiles(blobs)


def test_a_key_that_is_used_again_at_its_end_still_names_one_campaign(
    table: Between, other: Store, files: AssetFiles
) -> None:
    store, later = Store(table), NOW + hours(7 * DAY + 1)

    def submitted(by: Store, record: IdempotencyRecord) -> str:
        return by.campaigns.create(a_campaign(), actor="api", at=later, idempotency=record).campaign.id

    store.campaigns.create(
        a_campaign(), actor="api", at=NOW, idempotency=IdempotencyRecord("K", "print", {"n": 1}, NOW + hours(7 * DAY))
    )
    renewed = IdempotencyRecord("K", "print", {"n": 1}, later + hours(7 * DAY))
    made: list[str] = []
    table.then = lambda: made.append(submitted(other, renewed))

    assert store.purge(later, files=files) == {}

    assert [submitted(store, renewed)] == made


def test_a_code_and_a_draft_that_are_renewed_at_their_end_stay(table: Between, other: Store, files: AssetFiles) -> None:
    store, round_ = Store(table), a_round(a_campaign())
    store.codes.replace(round_, "ap-1", OneTimeCode(issued_at=NOW), instead_of=None)
    fresh = OneTimeCode(issued_at=NOW + hours(2 * DAY))
    table.then = lambda: other.codes.replace(round_, "ap-1", fresh, instead_of=OneTimeCode(issued_at=NOW)) and None

    assert store.purge(NOW + hours(2 * DAY), files=files) == {}
    assert store.codes.get(round_, "ap-1") == fresh

    old = ReviewDraft(digest=round_.digest, saved_at=NOW)
    late = NOW + hours(400 * DAY)
    store.codes.replace(round_, "ap-1", OneTimeCode(issued_at=late), instead_of=fresh)
    table.write(Put(draft_item(round_, "ap-1", old)))
    saved = ReviewDraft(digest=round_.digest, comments="Begun again.", saved_at=late)
    table.then = lambda: other.table.write(Put(draft_item(round_, "ap-1", saved)))

    assert store.purge(late, files=files) == {}
    assert store.drafts.get(round_, "ap-1") == saved


def test_what_has_more_time_since_it_was_read_loses_nothing(table: Between, other: Store, files: AssetFiles) -> None:
    store, campaign = Store(table), a_campaign()
    store.campaigns.create(campaign, actor="api", at=NOW)
    store.campaigns.move(TENANT, campaign.id, Move(CampaignStatus.CANCELLED, "user", "no", NOW))
    store.campaigns.delete(TENANT, campaign.id, actor="user", at=NOW)
    stone = keys.tombstone(TENANT, campaign.id)
    held = {**stone._asdict(), "kind": "tombstone", **keys.purged_whole_after(NOW + hours(200 * DAY), stone)}
    table.then = lambda: other.table.write(Put(held))

    assert store.purge(NOW + hours(100 * DAY), files=files) == {}
    assert store.campaigns.get(TENANT, campaign.id, deleted=True).id == campaign.id
    assert store.audit.entries(TENANT, campaign.id)

    assert store.purge(NOW + hours(201 * DAY), files=files) == {"campaign": 1}
    assert table.query(stone.pk) == []


def test_what_nobody_can_read_keeps_nothing_else_from_being_purged(table: Between, files: AssetFiles) -> None:
    store, late = Store(table), NOW + hours(100 * DAY)
    campaign, brand = a_campaign(), a_brand()
    store.campaigns.create(campaign, actor="api", at=NOW)
    put_round(store, a_round(campaign))
    store.campaigns.move(TENANT, campaign.id, Move(CampaignStatus.CANCELLED, "user", "no", NOW))
    store.campaigns.delete(TENANT, campaign.id, actor="user", at=NOW)
    store.brands.create(brand)
    asset = store.assets.add(an_asset(brand))
    store.assets.delete(TENANT, brand.id, asset.id, at=NOW)
    store.codes.replace(a_round(a_campaign()), "ap-1", OneTimeCode(issued_at=late - hours(2 * DAY)), instead_of=None)
    damaged = keys.round_(TENANT, campaign.id, 1), keys.asset(TENANT, brand.id, asset.id)
    for key in damaged:
        table.write(Put({**(table.get(key) or {}), "body": "{}"}))

    assert store.purge(late, files=files) == {"campaign": 1, "code": 1}
    assert table.query(keys.campaign_partition(TENANT, campaign.id)) == []
    assert table.get(damaged[1]) is not None
    assert store.purge(late, files=files) == {}
