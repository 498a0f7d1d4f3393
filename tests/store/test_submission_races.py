"""A brief is stored about the brand and personas that it was checked against, or checked again."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from campaigns.build.submission import Submission, changed, submit
from campaigns.errors import BadBriefError, VersionConflictError
from campaigns.model.base import new_id
from campaigns.model.library.brand import Brand
from campaigns.model.library.persona import Persona
from campaigns.store import Created, Store
from campaigns.store.tables.sqlite import SQLiteTable
from campaigns.store.tables.table import Operation
from tests.store.samples import NOW, SAMPLES, TENANT


class Between(SQLiteTable):
    """A table in which something happens before the next write."""

    then: Callable[[], object] | None = None

    def write(self, *operations: Operation) -> None:
        if self.then is not None:
            act, self.then = self.then, None
            act()
        super().write(*operations)


BRIEF = json.loads((SAMPLES / "spring-harvest.json").read_text())
BRIEF.pop("metadata", None)


@pytest.fixture
def table(tmp_path: Path) -> Between:
    return Between(tmp_path / "store.db")


@pytest.fixture
def other(table: Between, tmp_path: Path) -> Store:
    """Another process on the same data, with the brand and the personas that the brief names."""
    store = Store(SQLiteTable(tmp_path / "store.db"))
    stamps = {"tenantId": TENANT, "createdAt": NOW, "updatedAt": NOW}
    store.brands.create(Brand.model_validate({**json.loads((SAMPLES / "brand.json").read_text()), **stamps}))
    for each in json.loads((SAMPLES / "personas.json").read_text()):
        store.personas.create(Persona.model_validate({**each, **stamps}))
    return store


def submitted(store: Store, **brief: Any) -> Created:
    wanted = {**BRIEF, **brief}
    return submit(store, wanted, Submission(TENANT, new_id("campaign"), "api"), now=NOW)


def persona_id() -> str:
    found: str = BRIEF["participants"]["personaIds"][0]
    return found


def test_a_persona_that_is_deleted_in_the_moment_of_submission_is_unknown(table: Between, other: Store) -> None:
    table.then = lambda: other.personas.delete(TENANT, persona_id(), at=NOW)

    with pytest.raises(BadBriefError) as refused:
        submitted(Store(table))

    assert [(fault.field, fault.code) for fault in refused.value.faults] == [
        ("participants.personaIds[0]", "PERSONA_UNKNOWN")
    ]
    assert other.campaigns.list(TENANT).items == []


def test_a_brand_that_is_deleted_in_the_moment_of_submission_is_unknown(table: Between, other: Store) -> None:
    table.then = lambda: other.brands.delete(TENANT, BRIEF["brandId"], at=NOW)

    with pytest.raises(BadBriefError) as refused:
        submitted(Store(table))

    assert {fault.code for fault in refused.value.faults} == {"BRAND_UNKNOWN"}


def test_a_brand_that_changes_in_the_moment_of_submission_is_what_the_plan_version_names(
    table: Between, other: Store
) -> None:
    brand = other.brands.get(TENANT, BRIEF["brandId"])
    standards = brand.content_standards.model_copy(update={"avoid_phrases": ["cheap as chips"]})
    table.then = lambda: other.brands.update(
        brand.model_copy(update={"content_standards": standards}), expect_version=brand.version
    )

    made = submitted(Store(table)).campaign

    assert made.plan_version == submitted(other, name="The same again").campaign.plan_version


def test_a_brief_is_not_changed_to_a_persona_that_is_gone(table: Between, other: Store) -> None:
    campaign = submitted(other).campaign
    change = changed(other, campaign, {"brief": {**BRIEF["brief"], "description": "Another harvest."}}, now=NOW)
    persona = other.personas.get(TENANT, persona_id())
    table.then = lambda: other.personas.update(persona, expect_version=persona.version)

    with pytest.raises(VersionConflictError):
        Store(table).campaigns.update(
            TENANT, campaign.id, {"brief": change.brief.brief}, actor="api", at=NOW, rests_on=change.rests_on
        )

    assert other.campaigns.get(TENANT, campaign.id).brief == campaign.brief
