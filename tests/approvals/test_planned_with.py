"""A campaign keeps what it was planned with, whatever becomes of its brand and its personas."""

from __future__ import annotations

from pathlib import Path

import pytest

from api.routers.plan import plan_of
from campaigns.agents.providers import models
from campaigns.approval.opening import open_round
from campaigns.build.planning import plan, read_setting
from campaigns.build.submission import Submission, submit
from campaigns.build.writing import write_post
from campaigns.model.base import new_id
from campaigns.model.library.brand import Brand
from campaigns.model.library.persona import Persona
from campaigns.model.vocabulary import RoundStatus
from campaigns.store import Store
from campaigns.store.tables.sqlite import SQLiteTable
from campaigns.store.tables.table import key_of
from tests.approvals.scene import ANA
from tests.samples import sample
from tests.store.samples import NOW, TENANT


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(SQLiteTable(tmp_path / "store.db"))
    stamps = {"tenantId": TENANT, "createdAt": NOW, "updatedAt": NOW}
    brand = {**sample("brand.json"), "approvalPolicy": {"mode": "always_review", "threshold": 0.8}}
    store.brands.create(Brand.model_validate({**brand, **stamps}))
    for each in sample("personas.json"):
        store.personas.create(Persona.model_validate({**each, **stamps}))
    models.configure(models.ModelOptions())
    return store


@pytest.fixture
def campaign_id(store: Store) -> str:
    """A campaign that is planned."""
    made = submit(store, sample("spring-harvest.json"), Submission(TENANT, new_id("campaign"), "api"), now=NOW).campaign
    plan(store, TENANT, made.id, now=NOW)
    return made.id


def change_everything(store: Store) -> None:
    """Let the brand approve by itself and avoid a phrase, and the persona avoid a word."""
    [brand] = store.brands.list(TENANT).items
    policy = brand.approval_policy.model_copy(update={"mode": "auto_approve", "threshold": 0.0})
    standards = brand.content_standards.model_copy(update={"avoid_phrases": ["coffee"], "avoid_topics": ["coffee"]})
    changes = {"approval_policy": policy, "content_standards": standards, "competitors": ["Everybody"]}
    store.brands.update(brand.model_copy(update=changes), expect_version=brand.version)
    for persona in store.personas.list(TENANT).items:
        language = persona.language.model_copy(update={"avoid": ["harvest"]})
        store.personas.update(
            persona.model_copy(update={"language": language, "name": "Somebody Else"}), expect_version=persona.version
        )


def test_a_planned_campaign_follows_no_later_change_of_brand_and_persona(store: Store, campaign_id: str) -> None:
    before, shown = read_setting(store, TENANT, campaign_id), plan_of(store, TENANT, campaign_id)

    change_everything(store)

    after = read_setting(store, TENANT, campaign_id)
    assert (after.config, after.brand, after.personas) == (before.config, before.brand, before.personas)
    assert plan_of(store, TENANT, campaign_id) == shown


def test_its_approvers_are_asked_although_the_brand_approves_by_itself_by_now(store: Store, campaign_id: str) -> None:
    for post in store.posts.list(TENANT, campaign_id):
        write_post(store, TENANT, campaign_id, post.id, revision=0, attempt="1", now=NOW)
    change_everything(store)

    round_ = open_round(store, TENANT, campaign_id, 1, default_approver=ANA, now=NOW)

    assert round_.status is RoundStatus.PENDING
    assert not round_.locked


def test_it_goes_on_when_brand_and_personas_are_gone(store: Store, campaign_id: str) -> None:
    campaign = store.campaigns.get(TENANT, campaign_id)
    whole = [campaign.brand_id, *campaign.participants.persona_ids]
    items = [item for name in whole for item in store.table.query(f"{TENANT}#{name}")]
    assert items
    store.table.delete([key_of(item) for item in items])

    post = store.posts.list(TENANT, campaign_id)[0]
    assert write_post(store, TENANT, campaign_id, post.id, revision=0, attempt="1", now=NOW).content is not None


def test_a_campaign_that_an_older_version_planned_follows_brand_and_personas(store: Store, campaign_id: str) -> None:
    kept = store.table.query(f"{TENANT}#{campaign_id}", "planned-with#")
    store.table.delete([key_of(item) for item in kept])

    change_everything(store)

    assert "coffee" in {phrase.value for phrase in read_setting(store, TENANT, campaign_id).config.avoid_phrases}


def test_a_campaign_that_is_not_planned_yet_is_planned_with_what_is_then(store: Store) -> None:
    made = submit(
        store, {**sample("spring-harvest.json"), "metadata": {}}, Submission(TENANT, new_id("campaign"), "api"), now=NOW
    ).campaign
    change_everything(store)

    plan(store, TENANT, made.id, now=NOW)

    assert read_setting(store, TENANT, made.id).config.review.mode.value == "auto_approve"
