"""Templates and their occurrences: changed by version, with a log; one occurrence for each period."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from campaigns.checkpoints.folder import FolderBlobs
from campaigns.errors import ConflictError, LimitReachedError, NotFoundError, VersionConflictError
from campaigns.model.base import new_id
from campaigns.model.library.template import OccurrenceStatus, TemplateStatus
from campaigns.store import Store
from campaigns.store.items import counts
from campaigns.store.library.assets import AssetFiles
from tests.store.samples import NOW, OTHER, TENANT, a_template, an_occurrence

HOUR = timedelta(hours=1)


def test_a_template_is_read_back_by_id_and_by_name(store: Store) -> None:
    template = store.templates.create(a_template(), actor="ana")

    assert store.templates.create(template, actor="ana") == template  # the answer was lost
    assert store.templates.get(TENANT, template.id) == template
    assert store.templates.named(TENANT, "  WEEKLY  roast ") == template
    for tenant, wanted in [(OTHER, template.id), (TENANT, new_id("template")), (TENANT, "x"), (TENANT, "a#b")]:
        with pytest.raises(NotFoundError):
            store.templates.get(tenant, wanted)
    with pytest.raises(NotFoundError):
        store.templates.named(OTHER, "Weekly roast")
    with pytest.raises(ConflictError):
        store.templates.create(a_template(), actor="ana")  # the name is taken
    assert store.templates.create(a_template(OTHER), actor="ana")


def test_a_change_is_based_on_a_version_and_stands_in_the_log(store: Store) -> None:
    template = store.templates.create(a_template(), actor="ana")
    renamed = template.model_copy(update={"name": "Friday roast", "updated_at": NOW + HOUR})

    changed = store.templates.update(renamed, expect_version=1, action="changed", actor="rui")
    paused = changed.model_copy(update={"status": TemplateStatus.PAUSED})
    store.templates.update(paused, expect_version=2, action="paused", actor="ana", reason="fair")

    assert changed.version == 2
    with pytest.raises(VersionConflictError) as caught:
        store.templates.update(renamed, expect_version=2, action="changed", actor="rui")
    assert caught.value.details == {"currentVersion": 3}
    log = store.templates.changes(TENANT, template.id)
    assert [(each.version, each.action, each.actor, each.fields, each.reason) for each in log] == [
        (3, "paused", "ana", ["status"], "fair"),
        (2, "changed", "rui", ["name"], None),
        (1, "created", "ana", [], None),
    ]
    store.templates.create(a_template(), actor="ana")  # its old name is free
    taken = paused.model_copy(update={"name": "Weekly Roast"})
    with pytest.raises(ConflictError):
        store.templates.update(taken, expect_version=3, action="changed", actor="rui")


def test_a_deleted_template_frees_its_name_and_is_purged_with_all_that_hangs_on_it(
    store: Store, tmp_path: Path
) -> None:
    template = store.templates.create(a_template(), actor="ana")
    store.occurrences.put(an_occurrence(TENANT, template.id), before=None)

    with pytest.raises(VersionConflictError):
        store.templates.delete(TENANT, template.id, at=NOW, expect_version=7)
    store.templates.delete(TENANT, template.id, at=NOW)

    for read in (store.templates.get, store.templates.delete, store.templates.changes):
        with pytest.raises(NotFoundError):
            read(TENANT, template.id, **({"at": NOW} if read == store.templates.delete else {}))  # type: ignore[operator]
    assert store.templates.list(TENANT).items == []
    assert store.templates.create(a_template(), actor="ana")
    files = AssetFiles(FolderBlobs(tmp_path / "assets"))
    assert store.purge(NOW + timedelta(days=29), files=files) == {}
    assert store.purge(NOW + timedelta(days=31), files=files) == {"template": 1}
    assert store.occurrences.find(TENANT, template.id, "2027-W09") is None


def test_a_tenant_has_so_many_templates_and_no_more(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("campaigns.store.library.templates.MAX_TEMPLATES", 2)
    made = [store.templates.create(a_template(name=f"Template {number}"), actor="ana") for number in range(2)]

    with pytest.raises(LimitReachedError):
        store.templates.create(a_template(name="One more"), actor="ana")
    store.templates.delete(TENANT, made[0].id, at=NOW)
    assert store.templates.create(a_template(name="One more"), actor="ana")
    assert counts.MAX_TEMPLATES == 200


def test_of_many_who_claim_a_period_one_has_it(store: Store) -> None:
    template_id = new_id("template")

    def claim(number: int) -> bool:
        mine = an_occurrence(TENANT, template_id, started_by=f"run {number}")
        try:
            store.occurrences.put(mine, before=None)
        except VersionConflictError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(claim, range(8)))

    assert won.count(True) == 1
    found = store.occurrences.find(TENANT, template_id, "2027-W09")
    assert found is not None
    assert found.started_by == f"run {won.index(True)}"
    assert store.occurrences.find(OTHER, template_id, "2027-W09") is None
    assert store.occurrences.find(TENANT, template_id, "2027-W10") is None
    assert store.occurrences.find(TENANT, template_id, "2027-W09", 2) is None


def test_occurrences_are_listed_the_latest_first_and_those_that_wait_across_tenants(
    store: Store, eventually: Callable[[Callable[[], Any]], Any]
) -> None:
    template_id = new_id("template")
    queued = {"status": OccurrenceStatus.QUEUED}
    for number in range(5):
        at = NOW + number * timedelta(days=7)
        mine = an_occurrence(TENANT, template_id, f"2027-W{10 + number}", scheduled_at=at)
        store.occurrences.put(mine, before=None)
    waits = store.occurrences.put(an_occurrence(OTHER, new_id("template")).model_copy(update=queued), before=None)

    first = eventually(lambda: len((page := store.occurrences.list(TENANT, template_id, limit=3)).items) == 3 and page)
    second = store.occurrences.list(TENANT, template_id, limit=3, cursor=first.cursor)
    periods = [each.period for each in [*first.items, *second.items]]
    assert periods == [f"2027-W{number}" for number in range(14, 9, -1)]
    assert eventually(lambda: store.occurrences.queued(now=NOW)) == [waits]
    begun = waits.model_copy(update={"status": OccurrenceStatus.STARTED})
    store.occurrences.put(begun, before=waits)
    assert eventually(lambda: not store.occurrences.queued(now=NOW))
    with pytest.raises(VersionConflictError):
        store.occurrences.put(begun, before=waits)


def test_all_that_wait_for_the_one_before_are_found_however_many(
    store: Store, eventually: Callable[[Callable[[], Any]], Any]
) -> None:
    waits = [an_occurrence(OTHER, new_id("template"), status=OccurrenceStatus.QUEUED) for _ in range(101)]
    for each in waits:
        store.occurrences.put(each, before=None)

    found = eventually(lambda: len(found := store.occurrences.queued(now=NOW)) == len(waits) and found)

    assert {each.id for each in found} == {each.id for each in waits}
