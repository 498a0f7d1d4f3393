"""Personas over HTTP: created, changed, analysed, and kept while a campaign needs them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest

from api.schemas.examples import PERSONA, WRITING
from campaigns import wiring
from campaigns.agents import style
from campaigns.model.campaign import Move
from campaigns.model.vocabulary import CampaignStatus
from campaigns.operations.analysis import ANALYZE, analyze, give_up, open_wish
from campaigns.operations.watching.consistency import check_outbox
from tests.api.doors import Door, Tenant

NOW = datetime.now(UTC)


def created(tenant: Tenant, **changes: Any) -> str:
    answer = tenant.client.post("/personas", json={**PERSONA, **changes})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def examples(tenant: Tenant, persona_id: str, number: int) -> list[str]:
    texts = [f"{WRITING['text']} Batch {each} was the better one." for each in range(number)]
    answers = [tenant.client.post(f"/personas/{persona_id}/examples", json={**WRITING, "text": t}) for t in texts]
    assert {answer.status_code for answer in answers} <= {201}
    return [answer.json()["id"] for answer in answers]


def test_a_persona_is_created_read_changed_and_deleted(tenant: Tenant) -> None:
    persona_id = created(tenant)
    path = f"/personas/{persona_id}"

    read = tenant.client.get(path)
    changed = tenant.client.patch(path, json={"role": "Owner"}, headers={"If-Match": read.headers["ETag"]})
    gone = tenant.client.delete(path, headers={"If-Match": changed.headers["ETag"]})

    assert (read.json()["analysisStatus"], read.json()["isActive"]) == ("pending", True)
    assert (changed.json()["role"], changed.json()["version"]) == ("Owner", 2)
    assert gone.status_code == 204
    assert tenant.client.get(path).status_code == 404
    assert persona_id not in {each["id"] for each in tenant.client.get("/personas").json()["items"]}


def test_the_order_of_the_list_survives_changes(door: Door) -> None:
    tenant = door.tenant(seeded=False)
    made = [created(tenant, name=f"Person {number}") for number in range(5)]
    tenant.client.patch(f"/personas/{made[1]}", json={"name": "Changed", "version": 1})

    first = tenant.client.get("/personas", params={"limit": 2}).json()
    second = tenant.client.get("/personas", params={"limit": 2, "cursor": first["cursor"]}).json()
    third = tenant.client.get("/personas", params={"limit": 2, "cursor": second["cursor"]}).json()

    assert [each["id"] for page in (first, second, third) for each in page["items"]] == made
    assert "cursor" not in third


@pytest.mark.parametrize("field", ["inferredStyle", "analysisStatus", "lastAnalysisAt", "isActive", "tenantId", "id"])
def test_a_client_can_never_set_what_the_system_finds_out(tenant: Tenant, field: str) -> None:
    persona_id = created(tenant)

    answers = [
        tenant.client.post("/personas", json={**PERSONA, field: "x"}),
        tenant.client.patch(f"/personas/{persona_id}", json={field: "x", "version": 1}),
    ]

    for answer in answers:
        assert answer.status_code == 422
        assert answer.json()["details"]["errors"] == [
            {"field": field, "message": "is not a known field", "code": "UNKNOWN_FIELD"}
        ]


def test_a_persona_that_a_campaign_in_work_uses_stays(tenant: Tenant) -> None:
    campaign_id = tenant.campaign()

    refused = tenant.client.delete(f"/personas/{tenant.persona_id}")
    tenant.client.post(f"/campaigns/{campaign_id}/cancel")
    allowed = tenant.client.delete(f"/personas/{tenant.persona_id}")

    assert (refused.status_code, refused.json()["details"]["campaigns"]) == (409, [campaign_id])
    assert allowed.status_code == 204


def test_a_campaign_cannot_name_a_deleted_persona(tenant: Tenant) -> None:
    tenant.client.delete(f"/personas/{tenant.persona_id}")

    answer = tenant.client.post("/campaigns", json=tenant.brief())

    assert answer.status_code == 422
    assert answer.json()["details"]["errors"][0]["code"] == "PERSONA_UNKNOWN"


def test_examples_come_newest_first_and_a_deleted_one_is_gone_at_once(tenant: Tenant) -> None:
    persona_id = created(tenant)
    first, second, third = examples(tenant, persona_id, 3)

    assert tenant.client.delete(f"/personas/{persona_id}/examples/{second}").status_code == 204

    listed = [each["id"] for each in tenant.client.get(f"/personas/{persona_id}/examples").json()["items"]]
    assert listed == [third, first]
    assert tenant.client.get(f"/personas/{persona_id}/examples/{second}").status_code == 404
    assert tenant.client.get(f"/personas/{persona_id}/examples/{first}").status_code == 200


def test_a_persona_has_at_most_fifty_examples(tenant: Tenant) -> None:
    persona_id = created(tenant)
    examples(tenant, persona_id, 50)

    answer = tenant.client.post(f"/personas/{persona_id}/examples", json=WRITING)

    assert (answer.status_code, answer.json()["details"]["limit"]) == (409, 50)


@pytest.mark.parametrize("provided", [0, 4])
def test_a_style_is_not_read_from_fewer_than_five_examples(tenant: Tenant, provided: int) -> None:
    persona_id = created(tenant)
    kept = examples(tenant, persona_id, provided + 1)
    tenant.client.delete(f"/personas/{persona_id}/examples/{kept[0]}")

    answer = tenant.client.post(f"/personas/{persona_id}/analyze")

    assert (answer.status_code, answer.json()["errorCode"]) == (422, "INSUFFICIENT_EXAMPLES")
    assert answer.json()["details"]["required"] == 5
    assert answer.json()["details"]["provided"] == provided


def test_without_prefect_an_analysis_is_accepted_and_waits_in_the_outbox(tenant: Tenant) -> None:
    persona_id = created(tenant)
    examples(tenant, persona_id, 5)

    answer = tenant.client.post(f"/personas/{persona_id}/analyze")

    assert (answer.status_code, answer.json()["status"]) == (202, "pending")
    assert "executionId" not in answer.json()
    (wish,) = tenant.store.outbox.of(tenant.name, persona_id)
    assert (wish.kind, wish.is_open) == (ANALYZE, True)


def test_asked_twenty_times_at_once_it_is_one_wish(tenant: Tenant) -> None:
    persona_id = created(tenant)
    examples(tenant, persona_id, 5)

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: tenant.client.post(f"/personas/{persona_id}/analyze"), range(20)))

    assert {answer.status_code for answer in answers} == {202}
    assert len(tenant.store.outbox.of(tenant.name, persona_id)) == 1


@pytest.mark.parametrize("ends", ["success", "failure"])
def test_a_wish_ends_with_the_analysis_and_can_be_made_again(tenant: Tenant, ends: str) -> None:
    wiring.configure_agents()
    persona_id = created(tenant)
    examples(tenant, persona_id, 5)
    tenant.client.post(f"/personas/{persona_id}/analyze")

    if ends == "success":
        analyze(tenant.store, tenant.name, persona_id, last_try=False, now=NOW)
    else:
        give_up(tenant.store, tenant.name, persona_id, "five runs broke", now=NOW)
    ended = tenant.client.get(f"/personas/{persona_id}").json()["analysisStatus"]
    left = open_wish(tenant.store, tenant.name, persona_id)
    tenant.client.post(f"/personas/{persona_id}/analyze")

    assert (ended, left) == (ends, None)
    assert tenant.client.get(f"/personas/{persona_id}").json()["analysisStatus"] == "pending"
    assert open_wish(tenant.store, tenant.name, persona_id) is not None


def test_a_wish_that_was_set_aside_is_replaced_by_the_next_one(tenant: Tenant) -> None:
    persona_id = created(tenant)
    examples(tenant, persona_id, 5)
    tenant.client.post(f"/personas/{persona_id}/analyze")
    outbox = tenant.store.outbox
    # The courier tries the wish in the meantime: when it was quicker, the entry is another one by now.
    while outbox.quarantine(first := outbox.of(tenant.name, persona_id)[0], at=NOW, error="KeyError") is None:
        pass
    found = [each.code for each in check_outbox(tenant.store, tenant.name, persona_id, now=NOW)]

    tenant.client.post(f"/personas/{persona_id}/analyze")

    second = open_wish(tenant.store, tenant.name, persona_id)
    assert found == ["QUARANTINED"]
    assert second is not None
    assert second.id != first.id
    assert list(check_outbox(tenant.store, tenant.name, persona_id, now=NOW)) == []


def test_examples_that_change_while_they_are_read_leave_the_wish_open(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    wiring.configure_agents()
    persona_id = created(tenant)
    examples(tenant, persona_id, 5)
    tenant.client.post(f"/personas/{persona_id}/analyze")
    read = style.run

    def disturbed(*given: Any) -> Any:
        examples(tenant, persona_id, 1)
        return read(*given)

    with monkeypatch.context() as patch:
        patch.setattr(style, "run", disturbed)
        first = analyze(tenant.store, tenant.name, persona_id, last_try=False, now=NOW)
    left = open_wish(tenant.store, tenant.name, persona_id)
    second = analyze(tenant.store, tenant.name, persona_id, last_try=False, now=NOW)

    assert (first.analysis_status, second.analysis_status) == ("pending", "success")
    assert left is not None
    assert open_wish(tenant.store, tenant.name, persona_id) is None
    assert second.inferred_style is not None
    assert second.inferred_style.confidence.coverage.example_count == 6


def test_the_style_is_read_from_the_newest_examples_and_shown(tenant: Tenant) -> None:
    wiring.configure_agents()
    persona_id = created(tenant)
    kept = examples(tenant, persona_id, 12)

    analyze(tenant.store, tenant.name, persona_id, last_try=False, now=NOW)

    body = tenant.client.get(f"/personas/{persona_id}").json()
    assert body["analysisStatus"] == "success"
    assert body["inferredStyle"]["confidence"]["coverage"]["exampleCount"] == 10
    read = tenant.client.get(f"/personas/{persona_id}/examples").json()["items"]
    assert [each["id"] for each in read if "analyzedAt" in each] == kept[:1:-1]


def test_a_new_example_makes_the_style_stale(tenant: Tenant) -> None:
    wiring.configure_agents()
    persona_id = created(tenant)
    examples(tenant, persona_id, 5)
    analyze(tenant.store, tenant.name, persona_id, last_try=False, now=NOW)

    examples(tenant, persona_id, 1)

    body = tenant.client.get(f"/personas/{persona_id}").json()
    assert body["analysisStatus"] == "pending"
    assert "inferredStyle" in body


def test_a_live_status_is_every_status_that_is_not_at_rest(tenant: Tenant) -> None:
    campaign_id = tenant.campaign()
    for status in (CampaignStatus.GENERATING, CampaignStatus.AWAITING_REVIEW):
        tenant.store.campaigns.move(tenant.name, campaign_id, Move(status, "tests", "test", NOW))
        assert tenant.client.delete(f"/personas/{tenant.persona_id}").status_code == 409
        assert tenant.client.delete(f"/brands/{tenant.brand_id}").status_code == 409
