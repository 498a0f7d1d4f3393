"""Campaigns over HTTP: submitted once, listed in pages, changed by the rules of their status."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from campaigns.build.submission import IDEMPOTENCY_KEPT
from campaigns.model.campaign import Move
from campaigns.model.vocabulary import CampaignStatus
from campaigns.store import Store
from campaigns.store.items import keys
from campaigns.store.tables.table import Item, Key
from tests.api.doors import Door, Tenant

S = CampaignStatus
NOW = datetime.now(UTC)


def moved(tenant: Tenant, campaign_id: str, *statuses: CampaignStatus) -> str:
    for status in statuses:
        tenant.store.campaigns.move(tenant.name, campaign_id, Move(status, "tests", "test", NOW))
    return campaign_id


TO = {
    S.PLANNING: (),
    S.GENERATING: (S.GENERATING,),
    S.AWAITING_REVIEW: (S.GENERATING, S.AWAITING_REVIEW),
    S.NEEDS_REVISION: (S.GENERATING, S.AWAITING_REVIEW, S.NEEDS_REVISION),
    S.APPROVED: (S.GENERATING, S.AWAITING_REVIEW, S.APPROVED),
    S.COMPLETED: (S.GENERATING, S.AWAITING_REVIEW, S.APPROVED, S.COMPLETED),
    S.REJECTED: (S.GENERATING, S.AWAITING_REVIEW, S.REJECTED),
    S.APPROVAL_TIMEOUT: (S.GENERATING, S.AWAITING_REVIEW, S.APPROVAL_TIMEOUT),
    S.FAILED: (S.FAILED,),
    S.CANCELLED: (S.CANCELLED,),
}


# --- submit ------------------------------------------------------------------------------------------


def test_a_brief_is_accepted_and_can_be_read_back(tenant: Tenant) -> None:
    answer = tenant.client.post("/campaigns", json=tenant.brief(), headers={"X-Correlation-Id": "order-4711-a"})

    assert answer.status_code == 202
    campaign_id = answer.json()["id"]
    assert answer.headers["Location"] == f"/campaigns/{campaign_id}"
    read = tenant.client.get(f"/campaigns/{campaign_id}")
    assert read.json()["brief"]["description"] == tenant.brief()["brief"]["description"]
    assert (read.json()["status"], read.headers["ETag"]) == ("planning", '"1"')
    assert read.json()["correlationId"] == answer.headers["X-Correlation-Id"] == "order-4711-a"


def test_no_answer_tells_the_address_of_an_approver_or_the_tenant(tenant: Tenant) -> None:
    campaign_id = tenant.campaign()

    for path in ("", "/plan", "/execution", "/audit", "/posts", "/export"):
        text = tenant.client.get(f"/campaigns/{campaign_id}{path}").text
        assert "ana@fernwood.example" not in text
        assert tenant.name not in text


def test_the_stages_of_an_approval_are_told_without_addresses(tenant: Tenant) -> None:
    stages = [
        {"name": name, "approvers": [{"name": f"{name} One", "email": "one@fernwood.example"}]}
        for name in ("Editor", "Legal")
    ]
    campaign_id = tenant.campaign(approval={"stages": stages})

    for path in ("", "/plan", "/execution", "/audit"):
        assert "one@fernwood.example" not in tenant.client.get(f"/campaigns/{campaign_id}{path}").text
    told = tenant.client.get(f"/campaigns/{campaign_id}").json()["approval"]["stages"]
    assert [(each["name"], each["approvers"]) for each in told] == [
        ("Editor", [{"name": "Editor One"}]),
        ("Legal", [{"name": "Legal One"}]),
    ]


def test_every_fault_of_a_brief_is_told_at_once_and_nothing_is_stored(tenant: Tenant) -> None:
    brief = tenant.brief(name="", colour="green")
    brief["schedule"] = {**brief["schedule"], "timezone": "Mars/Olympus"}

    answer = tenant.client.post("/campaigns", json=brief)

    assert answer.status_code == 422
    assert {fault["field"] for fault in answer.json()["details"]["errors"]} == {"name", "colour", "schedule.timezone"}
    assert tenant.client.get("/campaigns").json()["items"] == []


def test_the_same_key_and_brief_again_is_the_same_campaign(tenant: Tenant) -> None:
    first = tenant.client.post("/campaigns", json=tenant.brief(), headers={"Idempotency-Key": "order-1"})
    again = tenant.client.post("/campaigns", json=tenant.brief(), headers={"Idempotency-Key": "order-1"})

    assert (first.status_code, again.status_code) == (202, 202)
    assert first.json()["id"] == again.json()["id"]


def test_the_same_key_with_another_brief_is_refused(tenant: Tenant) -> None:
    tenant.campaign()
    tenant.client.post("/campaigns", json=tenant.brief(), headers={"Idempotency-Key": "order-2"})

    other = tenant.client.post("/campaigns", json=tenant.brief(name="Another"), headers={"Idempotency-Key": "order-2"})

    assert (other.status_code, other.json()["errorCode"]) == (422, "IDEMPOTENCY_MISMATCH")
    assert len(tenant.client.get("/campaigns").json()["items"]) == 2


def test_the_same_external_reference_is_the_same_campaign_also_after_a_change(tenant: Tenant) -> None:
    brief = tenant.brief(metadata={"externalRef": "crm-7"})
    first = tenant.client.post("/campaigns", json=brief).json()["id"]
    tenant.client.patch(f"/campaigns/{first}", json={"name": "Renamed", "version": 1})

    again = tenant.client.post("/campaigns", json=brief)
    other = tenant.client.post("/campaigns", json={**brief, "name": "Not the same"})

    assert (again.status_code, again.json()["id"]) == (202, first)
    assert (other.status_code, other.json()["errorCode"]) == (422, "IDEMPOTENCY_MISMATCH")


def test_a_brief_whose_campaign_is_deleted_in_this_moment_is_a_new_campaign(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    brief = tenant.brief(metadata={"externalRef": "crm-9"})
    first = tenant.client.post("/campaigns", json=brief).json()["id"]
    tenant.client.post(f"/campaigns/{first}/cancel")
    # The item of the reference: the courier, which still tells of the cancelling, reads the campaign, never this.
    reference, read = keys.external_ref(tenant.name, "crm-9"), tenant.store.table.get
    between = [lambda: tenant.store.campaigns.delete(tenant.name, first, actor="tests", at=datetime.now(UTC))]

    def interrupted(wanted: Key) -> Item | None:
        item = read(wanted)
        if wanted == reference and between:
            between.pop()()
        return item

    monkeypatch.setattr(tenant.store.table, "get", interrupted)
    again = tenant.client.post("/campaigns", json=brief)

    assert between == []
    assert again.status_code == 202
    assert again.json()["id"] != first


def test_a_key_that_came_with_a_known_reference_is_used_too(tenant: Tenant) -> None:
    brief = tenant.brief(metadata={"externalRef": "crm-8"})
    first = tenant.client.post("/campaigns", json=brief).json()["id"]

    named = tenant.client.post("/campaigns", json=brief, headers={"Idempotency-Key": "order-3"})
    other = tenant.client.post("/campaigns", json=tenant.brief(), headers={"Idempotency-Key": "order-3"})

    assert (named.status_code, named.json()["id"]) == (202, first)
    assert (other.status_code, other.json()["errorCode"]) == (422, "IDEMPOTENCY_MISMATCH")


def test_a_key_of_one_tenant_means_nothing_to_another(door: Door) -> None:
    one, other = door.tenant(), door.tenant()

    ids = [
        each.client.post("/campaigns", json=each.brief(), headers={"Idempotency-Key": "shared"}).json()["id"]
        for each in (one, other)
    ]

    assert len(set(ids)) == 2


def test_a_key_is_remembered_for_seven_days_and_then_free(tenant: Tenant, door: Door) -> None:
    from campaigns.build.submission import Submission, submit

    def sent(at: datetime, campaign_id: str) -> str:
        return submit(
            door.store, tenant.brief(), Submission(tenant.name, campaign_id, "tests", idempotency_key="weekly"), now=at
        ).campaign.id

    first, second, third = (f"campaign_01JZ0K7A3M5T9Y1C4GQVSB8WE{letter}" for letter in "ABC")
    assert sent(NOW, first) == first
    assert sent(NOW + IDEMPOTENCY_KEPT - timedelta(seconds=1), second) == first
    assert sent(NOW + IDEMPOTENCY_KEPT, third) == third


def test_a_repetition_is_answered_also_when_its_first_day_has_passed(tenant: Tenant, door: Door) -> None:
    from campaigns.build.submission import Submission, submit

    def sent(at: datetime) -> str:
        return submit(
            door.store,
            tenant.brief(),
            Submission(tenant.name, "campaign_01JZ0K7A3M5T9Y1C4GQVSB8WED", "tests", idempotency_key="late"),
            now=at,
        ).campaign.id

    start = datetime(2031, 3, 17, 9, tzinfo=UTC)
    assert sent(start) == sent(start + timedelta(days=3))


@pytest.mark.parametrize("how", ["key", "reference"])
def test_fifty_identical_posts_at_once_make_one_campaign(tenant: Tenant, how: str) -> None:
    brief = tenant.brief(metadata={"externalRef": "burst"}) if how == "reference" else tenant.brief()
    headers = {"Idempotency-Key": "burst"} if how == "key" else {}

    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda _: tenant.client.post("/campaigns", json=brief, headers=headers), range(50)))

    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert len(tenant.client.get("/campaigns").json()["items"]) == 1
    only = answers[0].json()["id"]
    starts = [entry for entry in tenant.store.outbox.of(tenant.name, only) if entry.kind == "start_run"]
    assert len(starts) == 1


# --- list --------------------------------------------------------------------------------------------


def test_pages_name_every_campaign_once_newest_first(tenant: Tenant) -> None:
    made = [tenant.campaign(name=f"number {number}") for number in range(7)]

    seen, cursor, pages = [], None, 0
    while True:
        page = tenant.client.get("/campaigns", params={"limit": 3, **({"cursor": cursor} if cursor else {})}).json()
        seen += [each["id"] for each in page["items"]]
        pages += 1
        cursor = page.get("cursor")
        if cursor is None:
            break

    assert seen == made[::-1]
    assert pages == 3


def test_a_list_is_filtered_by_status_and_brand(tenant: Tenant) -> None:
    plain = tenant.campaign(brandId=None)
    failed = moved(tenant, tenant.campaign(), S.FAILED)

    def found(**filters: str) -> list[str]:
        return [each["id"] for each in tenant.client.get("/campaigns", params=filters).json()["items"]]

    assert found(status="failed") == [failed]
    assert found(status="planning") == [plain]
    assert found(brandId=tenant.brand_id) == [failed]
    assert found(status="planning", brandId=tenant.brand_id) == []


@pytest.mark.parametrize(
    ("path", "given"),
    [
        ("/campaigns", {"stauts": "failed"}),
        ("/campaigns", {"status": "failed", "brand_id": "x", "Limit": "1"}),
        ("/personas", {"status": "failed"}),
        ("/brands/{brand}", {"limit": "1"}),
        ("/brands/{brand}/assets", {"kind": "logo"}),
        ("/campaigns/{campaign}/posts", {"personaID": "x"}),
        ("/campaigns/{campaign}/export", {"post": "all"}),
    ],
)
def test_a_filter_that_nobody_knows_is_told_and_not_passed_over(
    tenant: Tenant, path: str, given: dict[str, str]
) -> None:
    address = path.format(brand=tenant.brand_id, campaign=tenant.campaign())

    answer = tenant.client.get(address, params=given)

    assert answer.status_code == 422
    faults = answer.json()["details"]["errors"]
    assert [fault["field"] for fault in faults] == [name for name in given if name != "status" or path == "/personas"]
    assert {fault["code"] for fault in faults} == {"UNKNOWN_FIELD"}


@pytest.mark.parametrize("cursor", ["x", "AAAA", "W10", "bm9uc2Vuc2U", "e30", "WyJhIiwiYiIsImMiXQ", "%00", "=" * 50])
def test_a_made_up_cursor_is_refused(tenant: Tenant, cursor: str) -> None:
    answer = tenant.client.get("/campaigns", params={"cursor": cursor})

    assert answer.status_code == 422
    assert answer.json()["details"]["errors"][0]["field"] == "cursor"


def test_a_cursor_of_another_tenant_shows_nothing_of_it(door: Door) -> None:
    victim, thief = door.tenant(), door.tenant()
    for _ in range(2):
        victim.campaign()
    cursor = victim.client.get("/campaigns", params={"limit": 1}).json()["cursor"]

    answer = thief.client.get("/campaigns", params={"cursor": cursor})

    assert answer.status_code == 422


def test_a_cursor_of_another_filter_or_list_is_refused(tenant: Tenant) -> None:
    campaign_ids = [tenant.campaign(), tenant.campaign()]
    cursor = tenant.client.get("/campaigns", params={"limit": 1}).json()["cursor"]
    trails = [f"/campaigns/{each}/audit" for each in campaign_ids]
    for campaign_id in campaign_ids:
        moved(tenant, campaign_id, S.GENERATING)
    of_trail = tenant.client.get(trails[0], params={"limit": 1}).json()["cursor"]

    def status(path: str, **parameters: str) -> int:
        return tenant.client.get(path, params=parameters).status_code

    assert status("/campaigns", cursor=cursor) == status(trails[0], cursor=of_trail) == 200
    assert status("/campaigns", cursor=cursor, status="planning") == 422
    assert status("/campaigns", cursor=cursor, brandId=tenant.brand_id) == 422
    assert status("/personas", cursor=cursor) == status("/brands", cursor=cursor) == 422
    assert status(trails[1], cursor=of_trail) == 422
    assert status(trails[0], cursor=cursor) == status(trails[0], cursor="1") == 422


# --- change ------------------------------------------------------------------------------------------


def test_while_planning_everything_may_change_and_the_plan_version_follows(tenant: Tenant) -> None:
    campaign_id = tenant.campaign()
    before = tenant.client.get(f"/campaigns/{campaign_id}").json()
    schedule = {**tenant.brief()["schedule"], "endDate": "2031-04-11"}

    answer = tenant.client.patch(f"/campaigns/{campaign_id}", json={"schedule": schedule}, headers={"If-Match": '"1"'})

    assert answer.status_code == 200
    assert answer.json()["schedule"]["endDate"] == "2031-04-11"
    assert answer.json()["planVersion"] != before["planVersion"]
    assert (answer.json()["version"], answer.headers["ETag"]) == (2, '"2"')


@pytest.mark.parametrize("status", [status for status in S if status not in {S.PLANNING, S.FAILED}], ids=str)
def test_later_only_name_and_metadata_may_change(tenant: Tenant, status: CampaignStatus) -> None:
    campaign_id = moved(tenant, tenant.campaign(), *TO[status])
    version = tenant.client.get(f"/campaigns/{campaign_id}").json()["version"]
    brief = {**tenant.brief()["brief"], "objective": "awareness"}

    refused = tenant.client.patch(
        f"/campaigns/{campaign_id}", json={"name": "New name", "brief": brief, "version": version}
    )
    named = tenant.client.patch(
        f"/campaigns/{campaign_id}",
        json={"name": "New name", "metadata": {"externalRef": "r1"}, "version": version},
    )

    assert refused.status_code == 409
    assert refused.json()["details"]["currentStatus"] == status
    assert refused.json()["details"]["fields"] == ["brief"]
    assert (named.status_code, named.json()["name"], named.json()["status"]) == (200, "New name", status)


def test_a_change_based_on_an_old_version_is_refused_by_either_way(tenant: Tenant) -> None:
    campaign_id = tenant.campaign()
    tenant.client.patch(f"/campaigns/{campaign_id}", json={"name": "Second", "version": 1})

    by_body = tenant.client.patch(f"/campaigns/{campaign_id}", json={"name": "Third", "version": 1})
    by_header = tenant.client.patch(f"/campaigns/{campaign_id}", json={"name": "Third"}, headers={"If-Match": '"1"'})
    neither = tenant.client.patch(f"/campaigns/{campaign_id}", json={"name": "Third"})
    odd = tenant.client.patch(f"/campaigns/{campaign_id}", json={"name": "Third"}, headers={"If-Match": 'W/"2"'})

    assert (by_body.status_code, by_body.json()["errorCode"]) == (409, "VERSION_CONFLICT")
    assert by_body.json()["details"]["currentVersion"] == 2
    assert (by_header.status_code, by_header.json()["errorCode"]) == (412, "PRECONDITION_FAILED")
    assert (neither.status_code, neither.json()["errorCode"]) == (428, "PRECONDITION_REQUIRED")
    assert odd.status_code == 412
    assert tenant.client.get(f"/campaigns/{campaign_id}").json()["name"] == "Second"


def test_of_many_changes_of_one_version_one_is_kept(tenant: Tenant) -> None:
    campaign_id = tenant.campaign()

    def rename(number: int) -> int:
        body = {"name": f"name {number}", "version": 1}
        return tenant.client.patch(f"/campaigns/{campaign_id}", json=body).status_code

    with ThreadPoolExecutor(12) as pool:
        statuses = sorted(pool.map(rename, range(12)))

    assert statuses == [200] + [409] * 11


@pytest.mark.parametrize(
    "field", ["status", "tenantId", "id", "version ", "planVersion", "executionId", "__class__", "__prefect_kind"]
)
def test_nobody_can_set_what_the_system_sets(tenant: Tenant, field: str) -> None:
    campaign_id = tenant.campaign()

    created = tenant.client.post("/campaigns", json=tenant.brief(**{field: "x"}))
    changed = tenant.client.patch(f"/campaigns/{campaign_id}", json={field: "x", "version": 1})

    assert (created.status_code, changed.status_code) == (422, 422)
    assert tenant.client.get(f"/campaigns/{campaign_id}").json()["version"] == 1


def test_null_sets_an_optional_field_back_to_its_default(tenant: Tenant) -> None:
    campaign_id = tenant.campaign(budgetUSD=5.0)

    answer = tenant.client.patch(f"/campaigns/{campaign_id}", json={"budgetUSD": None, "version": 1})

    assert answer.status_code == 200
    assert "budgetUSD" not in answer.json()


# --- end ---------------------------------------------------------------------------------------------


def test_a_cancelled_campaign_stays_cancelled_and_its_run_is_to_be_ended(tenant: Tenant) -> None:
    campaign_id = tenant.campaign()

    first = tenant.client.post(f"/campaigns/{campaign_id}/cancel", json={"reason": "Wrong season"})
    again = tenant.client.post(f"/campaigns/{campaign_id}/cancel")

    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json()["status"] == again.json()["status"] == "cancelled"
    trail = tenant.client.get(f"/campaigns/{campaign_id}/audit").json()["items"]
    assert [(each["action"], each.get("reason")) for each in trail if each.get("toStatus") == "cancelled"] == [
        ("moved", "Wrong season")
    ]
    assert "cancel_run" in {entry.kind for entry in tenant.store.outbox.of(tenant.name, campaign_id)}


@pytest.mark.parametrize("status", [S.APPROVED, S.COMPLETED, S.REJECTED, S.FAILED], ids=str)
def test_what_is_over_cannot_be_cancelled(tenant: Tenant, status: CampaignStatus) -> None:
    campaign_id = moved(tenant, tenant.campaign(), *TO[status])

    answer = tenant.client.post(f"/campaigns/{campaign_id}/cancel")

    assert (answer.status_code, answer.json()["details"]["currentStatus"]) == (409, status)


@pytest.mark.parametrize("status", list(S), ids=str)
def test_only_what_nobody_works_on_can_be_deleted(tenant: Tenant, status: CampaignStatus) -> None:
    campaign_id = moved(tenant, tenant.campaign(), *TO[status])
    at_rest = status in {S.COMPLETED, S.REJECTED, S.CANCELLED, S.FAILED, S.APPROVAL_TIMEOUT}

    answer = tenant.client.delete(f"/campaigns/{campaign_id}")

    assert answer.status_code == (204 if at_rest else 409)
    assert tenant.client.get(f"/campaigns/{campaign_id}").status_code == (404 if at_rest else 200)
    assert tenant.client.delete(f"/campaigns/{campaign_id}").status_code == (404 if at_rest else 409)


def test_a_deletion_can_name_the_version_that_was_read(tenant: Tenant) -> None:
    campaign_id = moved(tenant, tenant.campaign(), S.FAILED)

    assert tenant.client.delete(f"/campaigns/{campaign_id}", headers={"If-Match": '"1"'}).status_code == 412
    assert tenant.client.delete(f"/campaigns/{campaign_id}", headers={"If-Match": '"2"'}).status_code == 204


def test_the_audit_trail_comes_in_pages_and_is_chained(tenant: Tenant) -> None:
    campaign_id = moved(tenant, tenant.campaign(), S.GENERATING, S.AWAITING_REVIEW, S.REJECTED)

    first = tenant.client.get(f"/campaigns/{campaign_id}/audit", params={"limit": 3}).json()
    rest = tenant.client.get(f"/campaigns/{campaign_id}/audit", params={"cursor": first["cursor"]}).json()

    trail = first["items"] + rest["items"]
    assert [each["seq"] for each in trail] == list(range(1, len(trail) + 1))
    assert all(later["previous"] == earlier["hash"] for earlier, later in pairwise(trail))
    assert "cursor" not in rest


def test_the_store_keeps_what_is_for_prefect_while_it_is_away(tenant: Tenant, door: Door) -> None:
    campaign_id = tenant.campaign()

    body = tenant.client.get(f"/campaigns/{campaign_id}").json()

    assert "executionId" not in body
    assert isinstance(door.store, Store)
    entry = next(each for each in door.store.outbox.of(tenant.name, campaign_id) if each.kind == "start_run")
    assert entry.done_at is None
