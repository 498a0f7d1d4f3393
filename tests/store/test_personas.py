"""Personas, examples, brands and assets: by version, one name per tenant, hidden when deleted, purged in time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from campaigns.checkpoints.folder import FolderBlobs
from campaigns.errors import ConflictError, LimitReachedError, NotFoundError, VersionConflictError
from campaigns.model.campaign import Move
from campaigns.model.library.persona import MAX_EXAMPLES
from campaigns.model.terms.participants import Participants
from campaigns.model.vocabulary import BrandStatus, CampaignStatus
from campaigns.store import IdempotencyRecord, OutboxEntry, Store
from campaigns.store.items import keys
from campaigns.store.items.keys import Due
from campaigns.store.library.assets import AssetFiles
from campaigns.store.tables.table import Table
from tests.store.samples import (
    NOW,
    OTHER,
    TENANT,
    a_brand,
    a_campaign,
    a_persona,
    a_post,
    a_round,
    an_asset,
    an_example,
    hours,
    written,
)

Ask = Callable[[Callable[[], Any]], Any]


@pytest.fixture
def files(tmp_path: Path) -> AssetFiles:
    blobs = FolderBlobs(tmp_path / "assets")
    blobs.prepare()
    return AssetFiles(blobs)


def in_days(count: float) -> Any:
    return NOW + timedelta(days=count)


# --- personas ---------------------------------------------------------------------------------------


def test_personas_are_listed_in_the_order_they_were_made_whatever_changes(store: Store, eventually: Ask) -> None:
    made = [store.personas.create(a_persona(created_at=NOW + hours(number))) for number in range(3)]
    store.personas.create(a_persona(OTHER))
    store.personas.update(
        made[0].model_copy(update={"role": "Changed", "updated_at": NOW + hours(9)}), expect_version=1
    )

    assert eventually(lambda: [one.id for one in store.personas.list(TENANT).items] == [one.id for one in made])
    page = store.personas.list(TENANT, limit=2)
    assert [one.id for one in store.personas.list(TENANT, limit=2, cursor=page.cursor).items] == [made[2].id]


def test_a_persona_changes_by_version(store: Store) -> None:
    persona = store.personas.create(a_persona())
    changed = store.personas.update(persona.model_copy(update={"role": "Chief"}), expect_version=1)

    assert (changed.version, store.personas.get(TENANT, persona.id)) == (2, changed)
    with pytest.raises(VersionConflictError):
        store.personas.update(persona, expect_version=1)
    with pytest.raises(NotFoundError):
        store.personas.update(a_persona(), expect_version=1)
    with pytest.raises(NotFoundError):
        store.personas.get(OTHER, persona.id)


def test_creating_a_persona_twice_is_harmless_and_another_under_its_id_is_not(store: Store) -> None:
    persona = store.personas.create(a_persona())

    assert store.personas.create(persona) == persona
    with pytest.raises(ConflictError):
        store.personas.create(persona.model_copy(update={"role": "Impostor"}))


def test_a_deleted_persona_is_hidden(store: Store, eventually: Ask) -> None:
    persona = store.personas.create(a_persona())

    store.personas.delete(TENANT, persona.id, at=NOW)

    with pytest.raises(NotFoundError):
        store.personas.get(TENANT, persona.id)
    with pytest.raises(NotFoundError):
        store.personas.update(persona, expect_version=2)
    with pytest.raises(NotFoundError):
        store.personas.delete(TENANT, persona.id, at=NOW)
    assert eventually(lambda: store.personas.list(TENANT).items == [])


def test_a_persona_or_brand_that_a_campaign_in_work_uses_cannot_be_deleted(store: Store, eventually: Ask) -> None:
    persona, brand = store.personas.create(a_persona()), store.brands.create(a_brand())
    who = Participants(persona_ids=[persona.id], platforms=["linkedin"])
    campaign = a_campaign(participants=who, brand_id=brand.id)
    store.campaigns.create(campaign, actor="api", at=NOW)
    assert eventually(lambda: store.campaigns.live_using(TENANT, brand_id=brand.id))

    with pytest.raises(ConflictError) as refused:
        store.personas.delete(TENANT, persona.id, at=NOW)
    assert refused.value.details == {"campaigns": [campaign.id]}
    with pytest.raises(ConflictError):
        store.brands.delete(TENANT, brand.id, at=NOW)

    store.campaigns.move(TENANT, campaign.id, Move(CampaignStatus.CANCELLED, "user", "no", NOW))
    assert eventually(lambda: not store.campaigns.live_using(TENANT, brand_id=brand.id))
    store.personas.delete(TENANT, persona.id, at=NOW, expect_version=1)
    store.brands.delete(TENANT, brand.id, at=NOW, expect_version=1)


def test_a_deletion_of_a_stale_version_is_refused(store: Store) -> None:
    persona, brand = store.personas.create(a_persona()), store.brands.create(a_brand())
    store.personas.update(persona, expect_version=1)
    store.brands.update(brand, expect_version=1)

    with pytest.raises(VersionConflictError):
        store.personas.delete(TENANT, persona.id, at=NOW, expect_version=1)
    with pytest.raises(VersionConflictError):
        store.brands.delete(TENANT, brand.id, at=NOW, expect_version=1)


# --- examples ---------------------------------------------------------------------------------------


def test_examples_come_newest_first_and_lose_their_words_at_once(store: Store) -> None:
    persona = store.personas.create(a_persona())
    made = [store.examples.add(an_example(persona, number)) for number in (2, 1, 3)]

    store.examples.delete(TENANT, persona.id, made[0].id, at=NOW)

    assert store.examples.list(TENANT, persona.id) == [made[2], made[1]]
    assert store.examples.list(TENANT, persona.id, limit=1) == [made[2]]
    with pytest.raises(NotFoundError):
        store.examples.get(TENANT, persona.id, made[0].id)
    assert "number 2" not in str(store.table.query(f"{TENANT}#{persona.id}"))


def test_an_example_changes_by_version(store: Store) -> None:
    persona = store.personas.create(a_persona())
    example = store.examples.add(an_example(persona))

    changed = store.examples.update(example.model_copy(update={"analyzed_at": NOW}), expect_version=1)

    assert store.examples.get(TENANT, persona.id, example.id) == changed
    with pytest.raises(VersionConflictError):
        store.examples.update(example, expect_version=1)


def test_a_persona_has_at_most_fifty_examples_at_a_time(store: Store) -> None:
    persona = store.personas.create(a_persona())
    made = [store.examples.add(an_example(persona, number)) for number in range(MAX_EXAMPLES)]

    with pytest.raises(LimitReachedError) as refused:
        store.examples.add(an_example(persona))
    assert refused.value.details == {"limit": MAX_EXAMPLES}
    store.examples.delete(TENANT, persona.id, made[0].id, at=NOW)
    extra = store.examples.add(an_example(persona, 99))

    assert store.examples.add(extra) == extra
    assert len(store.examples.list(TENANT, persona.id)) == MAX_EXAMPLES


def test_examples_need_a_persona_that_is_there_and_active(store: Store) -> None:
    idle = store.personas.create(a_persona(is_active=False))

    with pytest.raises(ConflictError):
        store.examples.add(an_example(idle))
    with pytest.raises(NotFoundError):
        store.examples.add(an_example(a_persona()))
    with pytest.raises(NotFoundError):
        store.examples.list(TENANT, a_persona().id)
    with pytest.raises(NotFoundError):
        store.examples.list(OTHER, idle.id)


# --- brands and assets ------------------------------------------------------------------------------


def test_a_brand_name_is_one_of_a_tenant_whatever_its_case_and_spaces(store: Store) -> None:
    store.brands.create(a_brand(name="Fernwood  Coffee"))

    with pytest.raises(ConflictError):
        store.brands.create(a_brand(name="FERNWOOD coffee"))
    assert store.brands.create(a_brand(OTHER, name="Fernwood Coffee")).name == "Fernwood Coffee"


def test_a_renamed_brand_takes_its_name_along(store: Store) -> None:
    one, two = store.brands.create(a_brand(name="One")), store.brands.create(a_brand(name="Two"))

    with pytest.raises(ConflictError):
        store.brands.update(two.model_copy(update={"name": "one"}), expect_version=1)
    store.brands.update(one.model_copy(update={"name": "Three"}), expect_version=1)
    renamed = store.brands.update(two.model_copy(update={"name": "One"}), expect_version=1)

    assert store.brands.get(TENANT, two.id) == renamed
    store.brands.create(a_brand(name="Two"))


def test_a_brand_changes_by_version_and_is_listed_in_order(store: Store, eventually: Ask) -> None:
    made = [store.brands.create(a_brand(name=f"B{n}", created_at=NOW + hours(n))) for n in range(3)]
    inactive = store.brands.update(made[0].model_copy(update={"status": BrandStatus.INACTIVE}), expect_version=1)

    with pytest.raises(VersionConflictError):
        store.brands.update(made[0], expect_version=1)
    with pytest.raises(NotFoundError):
        store.brands.update(a_brand(), expect_version=1)
    assert eventually(lambda: store.brands.list(TENANT).items == [inactive, *made[1:]])
    assert store.brands.list(OTHER).items == []


def test_a_deleted_brand_is_archived_and_frees_its_name(store: Store) -> None:
    brand = store.brands.create(a_brand())

    store.brands.delete(TENANT, brand.id, at=NOW)

    with pytest.raises(NotFoundError):
        store.brands.get(TENANT, brand.id)
    with pytest.raises(NotFoundError):
        store.brands.update(brand, expect_version=2)
    assert store.brands.create(a_brand()).status is BrandStatus.ACTIVE


def test_creating_a_brand_twice_is_harmless_and_another_under_its_id_is_not(store: Store) -> None:
    brand = store.brands.create(a_brand())

    assert store.brands.create(brand) == brand
    with pytest.raises(ConflictError):
        store.brands.create(brand.model_copy(update={"ethos": "Other"}))


def test_assets_belong_to_a_brand_and_are_listed_by_type(store: Store) -> None:
    brand = store.brands.create(a_brand())
    logo = store.assets.add(an_asset(brand))
    image = store.assets.add(an_asset(brand, type="image", created_at=NOW + hours(1)))

    assert store.assets.list(TENANT, brand.id) == [logo, image]
    assert store.assets.list(TENANT, brand.id, type_="image") == [image]
    assert store.assets.add(logo) == logo
    with pytest.raises(NotFoundError):
        store.assets.add(an_asset(a_brand()))
    with pytest.raises(NotFoundError):
        store.assets.list(OTHER, brand.id)

    renamed = store.assets.update(logo.model_copy(update={"name": "New"}), expect_version=1)
    assert store.assets.get(TENANT, brand.id, logo.id) == renamed
    with pytest.raises(VersionConflictError):
        store.assets.update(logo, expect_version=1)
    store.assets.delete(TENANT, brand.id, logo.id, at=NOW)
    with pytest.raises(NotFoundError):
        store.assets.get(TENANT, brand.id, logo.id)
    assert store.assets.list(TENANT, brand.id) == [image]


# --- retention --------------------------------------------------------------------------------------


def everything(table: Table, *partitions: str) -> list[str]:
    return [item["sk"] for partition in partitions for item in table.query(partition)]


def test_nothing_is_purged_before_its_time_and_everything_after(
    store: Store, files: AssetFiles, eventually: Ask
) -> None:
    persona, brand = store.personas.create(a_persona()), store.brands.create(a_brand())
    example, kept = (store.examples.add(an_example(persona, number)) for number in (1, 2))
    assets = [store.assets.add(an_asset(brand)) for _ in range(2)]
    for asset in assets:
        files.put(TENANT, brand.id, asset.id, b"bytes")
    store.examples.delete(TENANT, persona.id, example.id, at=NOW)
    store.assets.delete(TENANT, brand.id, assets[0].id, at=NOW)
    store.personas.delete(TENANT, persona.id, at=NOW)
    store.brands.delete(TENANT, brand.id, at=NOW)

    def purged(days: float) -> dict[str, int]:
        return store.purge(in_days(days), files=files)

    assert purged(6.99) == {}
    assert eventually(lambda: purged(7)) == {"example": 1, "asset": 1}
    with pytest.raises(NotFoundError):
        files.get(TENANT, brand.id, assets[0].id)
    assert files.get(TENANT, brand.id, assets[1].id) == b"bytes"
    assert f"example#{kept.id}" in everything(store.table, f"{TENANT}#{persona.id}")
    assert purged(29.99) == {}
    assert eventually(lambda: purged(30)) == {"persona": 1, "brand": 1}
    assert everything(store.table, f"{TENANT}#{persona.id}", f"{TENANT}#{brand.id}") == []
    with pytest.raises(NotFoundError):
        files.get(TENANT, brand.id, assets[1].id)
    assert purged(999) == {}


def test_a_deleted_campaign_keeps_its_trail_for_ninety_days(store: Store, files: AssetFiles, eventually: Ask) -> None:
    campaign = store.campaigns.create(a_campaign(), actor="api", at=NOW).campaign
    other = store.campaigns.create(a_campaign(), actor="api", at=NOW).campaign
    [post] = store.posts.put_planned([a_post(campaign)])
    store.posts.save_revision(written(post))
    round_ = store.approvals.open_round(a_round(campaign), actor="flow", at=NOW)
    for one in (campaign, other):
        store.campaigns.move(TENANT, one.id, Move(CampaignStatus.CANCELLED, "user", "no", NOW))
    store.campaigns.delete(TENANT, campaign.id, actor="user", at=NOW)

    assert store.purge(in_days(89.99), files=files) == {}
    assert store.audit.verify(TENANT, campaign.id) is None

    assert eventually(lambda: store.purge(in_days(90), files=files)) == {"campaign": 1}
    assert everything(store.table, f"{TENANT}#{campaign.id}") == []
    assert store.table.get(keys.callback(round_.callback_id)) is None
    assert store.purge(in_days(9999), files=files) == {}
    assert len(store.audit.entries(TENANT, other.id)) == 2


def test_delivered_entries_and_expired_keys_are_purged(store: Store, files: AssetFiles, eventually: Ask) -> None:
    campaign = store.campaigns.create(a_campaign(), actor="api", at=NOW).campaign
    entry = OutboxEntry.about("ring", TENANT, campaign.id, due_at=NOW)
    waiting = OutboxEntry.about("remind", TENANT, campaign.id, due_at=NOW)
    store.outbox.add([entry, waiting])
    store.outbox.done(entry, at=NOW)
    store.idempotency.put(TENANT, IdempotencyRecord("key", "print", {}, in_days(1)), now=NOW)

    assert eventually(lambda: store.purge(in_days(1), files=files)) == {"idempotency": 1}
    assert eventually(lambda: store.purge(in_days(30), files=files)) == {"outbox": 1}
    assert store.outbox.of(TENANT, campaign.id) == [waiting]


def test_dynamodb_is_not_asked_to_remove_alone_what_others_hang_on(store: Store) -> None:
    persona, brand = store.personas.create(a_persona()), store.brands.create(a_brand())
    example, asset = store.examples.add(an_example(persona)), store.assets.add(an_asset(brand))
    campaign = store.campaigns.create(a_campaign(), actor="api", at=NOW).campaign
    store.campaigns.move(TENANT, campaign.id, Move(CampaignStatus.CANCELLED, "user", "no", NOW))
    store.campaigns.delete(TENANT, campaign.id, actor="user", at=NOW)
    store.examples.delete(TENANT, persona.id, example.id, at=NOW)
    store.assets.delete(TENANT, brand.id, asset.id, at=NOW)
    store.personas.delete(TENANT, persona.id, at=NOW)
    store.brands.delete(TENANT, brand.id, at=NOW)

    items = [item for one in (persona, brand, campaign) for item in store.table.query(f"{TENANT}#{one.id}")]

    assert [item["kind"] for item in items if "ttl" in item] == ["example"]
    assert {item["kind"] for item in items if item.get("due_pk") in keys.shards(Due.PURGE)} == {
        "persona", "brand", "asset", "tombstone", "example",
    }  # fmt: skip


def test_a_purge_does_a_bounded_part_and_goes_on_with_the_next_call(store: Store, files: AssetFiles) -> None:
    for _ in range(5):
        persona = store.personas.create(a_persona())
        store.personas.delete(TENANT, persona.id, at=NOW)

    counts = [store.purge(in_days(30), files=files, limit=2).get("persona", 0) for _ in range(4)]

    assert sum(counts) == 5
    assert max(counts) == 2
