"""Retention of checkpoints: 30 days after its end a campaign's checkpoints go, and no others."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from campaigns.checkpoints.key import CheckpointKey
from campaigns.errors import StoreUnavailableError
from campaigns.model.campaign import Move
from campaigns.model.vocabulary import CampaignStatus
from campaigns.settings import Settings
from campaigns.store import Store
from campaigns.store.tables.sqlite import SQLiteTable
from tasks.checkpoints.retention import forget_ended_campaigns
from tasks.checkpoints.storage import SealedCheckpoints, configured_storage
from tests.store.samples import NOW, TENANT, a_campaign

END = NOW + timedelta(hours=1)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(SQLiteTable(tmp_path / "store.db"))


def kept_campaign(store: Store, storage: SealedCheckpoints, status: CampaignStatus | None) -> CheckpointKey:
    """Return the key of the one checkpoint of a new campaign, which ended at END if a status is given."""
    campaign = a_campaign()
    store.campaigns.create(campaign, actor="user", at=NOW)
    if status is not None:
        store.campaigns.move(TENANT, campaign.id, Move(status, "user", "over", END))
    key = CheckpointKey(TENANT, campaign.id, "plan", "a" * 64)
    storage.vault().write(key, b"words")
    return key


def test_checkpoints_go_thirty_days_after_the_end_and_those_of_living_campaigns_stay(
    store: Store, block: SealedCheckpoints
) -> None:
    ended = kept_campaign(store, block, CampaignStatus.CANCELLED)
    living = kept_campaign(store, block, None)
    vault, just_before = block.vault(), END + timedelta(days=30, seconds=-1)

    assert forget_ended_campaigns(store, block, now=just_before) == 0
    assert vault.read(ended) == b"words"

    assert forget_ended_campaigns(store, block, now=END + timedelta(days=30, seconds=1)) == 1
    assert forget_ended_campaigns(store, block, now=END + timedelta(days=60)) == 0
    assert vault.read(ended) is None
    assert vault.read(living) == b"words"


def test_a_storage_that_is_down_leaves_the_campaign_for_the_next_call(
    store: Store, block: SealedCheckpoints, folder: Path
) -> None:
    ended = kept_campaign(store, block, CampaignStatus.CANCELLED)
    later = END + timedelta(days=31)
    folder.rename(folder.with_name("unmounted"))

    with pytest.raises(StoreUnavailableError):
        forget_ended_campaigns(store, block, now=later)

    folder.with_name("unmounted").rename(folder)
    assert forget_ended_campaigns(store, block, now=later) == 1
    assert block.vault().read(ended) is None


def test_the_settings_say_where_checkpoints_are(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CAMPAIGNS_CHECKPOINTS_URL", "s3://bucket/prefix")
    monkeypatch.setenv("CAMPAIGNS_KMS_KEY_ID", "alias/campaigns")

    storage = configured_storage(Settings())

    assert (storage.location, storage.kms_key_id) == ("s3://bucket/prefix", "alias/campaigns")
    monkeypatch.delenv("CAMPAIGNS_CHECKPOINTS_URL")
    assert configured_storage(Settings(home=tmp_path)).location == f"file://{tmp_path}/checkpoints"
