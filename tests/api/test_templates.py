"""Templates over HTTP: told before they are saved, made once for each period, skipped, paused, and looked back on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from api import dependencies
from tests.api.doors import Door, Tenant

TUESDAY = datetime(2027, 3, 2, 9, tzinfo=UTC)
Clock = Callable[[datetime], None]


@pytest.fixture
def clock(door: Door) -> Iterator[Clock]:
    """Set the time of the application."""

    def to(moment: datetime) -> None:
        async def now() -> datetime:
            return moment

        door.app.dependency_overrides[dependencies.clock] = now

    to(TUESDAY - timedelta(days=1))
    yield to
    door.app.dependency_overrides.clear()


def created(tenant: Tenant, **changes: Any) -> str:
    answer = tenant.client.post("/templates", json=tenant.template(**changes))
    assert answer.status_code == 201, answer.text
    assert answer.headers["Location"] == f"/templates/{answer.json()['id']}"
    return str(answer.json()["id"])


def test_a_dry_run_tells_the_next_five_and_stores_nothing(tenant: Tenant, clock: Clock) -> None:
    answer = tenant.client.post("/templates?dryRun=true", json=tenant.template())

    assert answer.status_code == 200, answer.text
    coming = answer.json()["items"]
    assert [each["period"] for each in coming] == [f"2027-W{week:02d}" for week in range(9, 14)]
    assert coming[0]["window"] == {"from": "2027-03-08", "to": "2027-03-14"}
    assert coming[0]["posts"] > 0
    assert "the clocks change on 2027-03-28" in coming[2]["warnings"]
    assert tenant.client.get("/templates").json() == {"items": []}


def test_a_template_that_could_never_run_is_refused_with_every_fault(tenant: Tenant, clock: Clock) -> None:
    given = tenant.template(window={"length": "P0D"}, recurrence={"rrule": "FREQ=HOURLY", "startsOn": "soon"})
    given["brief"] = {**given["brief"], "participants": {"personaIds": ["nobody"], "platforms": []}, "brandId": "x"}

    answer = tenant.client.post("/templates", json=given)

    assert answer.status_code == 422
    fields = {fault["field"]: fault["code"] for fault in answer.json()["details"]["errors"]}
    assert fields == {
        "recurrence.rrule": "RRULE_INVALID",
        "recurrence.startsOn": "WRONG_FORMAT",
        "window.length": "DURATION",
        "brief.participants.personaIds[0]": "WRONG_FORMAT",
        "brief.participants.platforms": "TOO_FEW",
        "brief.brandId": "WRONG_FORMAT",
    }
    assert tenant.client.get("/templates").json() == {"items": []}


def test_a_template_whose_stages_need_more_than_its_lead_says_how_much(tenant: Tenant, clock: Clock) -> None:
    given = tenant.template(window={"length": "P28D"})
    stages = [{"name": name, "expiresInHours": 100} for name in ("Editor", "Legal", "Client")]
    given["brief"] = {**given["brief"], "approval": {"stages": stages}}

    refused = tenant.client.post("/templates", json=given)

    (fault,) = refused.json()["details"]["errors"]
    assert (refused.status_code, fault["field"], fault["code"]) == (422, "brief.approval.stages", "STAGES_TOO_LONG")
    assert "raise leadHours to 301" in fault["message"]
    given["policies"] = {**given["policies"], "leadHours": 301}
    assert tenant.client.post("/templates", json=given).status_code == 201
    assert tenant.client.get("/templates").json()["items"][0]["brief"]["approval"]["stages"][0]["name"] == "Editor"


def test_a_template_is_made_read_changed_and_deleted(tenant: Tenant, clock: Clock) -> None:
    template = created(tenant)
    twice = tenant.client.post("/templates", json=tenant.template(name="WEEKLY  roast"))
    assert twice.status_code == 409
    at = f"/templates/{template}"
    read = tenant.client.get(at)
    assert read.headers["ETag"] == '"1"'
    assert "ana@fernwood.example" not in read.text
    assert read.json()["status"] == "active"

    assert tenant.client.patch(at, json={"name": "Other"}).status_code == 428
    wrong = tenant.client.patch(at, json={"policies": {"leadHours": 0}}, headers={"If-Match": '"1"'})
    assert wrong.status_code == 422
    changed = tenant.client.patch(at, json={"name": "Other"}, headers={"If-Match": '"1"'})
    assert (changed.status_code, changed.json()["version"]) == (200, 2)
    assert tenant.client.patch(at, json={"name": "Third"}, headers={"If-Match": '"1"'}).status_code == 412
    log = tenant.client.get(f"{at}/changes").json()["items"]
    assert [(each["version"], each["action"], each["fields"]) for each in log] == [
        (2, "changed", ["name"]),
        (1, "created", []),
    ]
    assert [each["name"] for each in tenant.client.get("/templates").json()["items"]] == ["Other"]

    assert tenant.client.delete(at).status_code == 204
    assert tenant.client.get(at).status_code == 404


def test_holidays_of_a_real_size_are_taken_and_what_no_item_holds_is_refused(tenant: Tenant, clock: Clock) -> None:
    def holidays(size: int, name: str) -> str:
        events = [
            f"BEGIN:VEVENT\r\nUID:{n}\r\nDTSTART;VALUE=DATE:{2000 + n // 300}0{1 + n % 9}{10 + n % 18}\r\n"
            f"SUMMARY:{name}\r\nEND:VEVENT\r\n"
            for n in range(size // 75)
        ]
        return f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{''.join(events)}END:VCALENDAR\r\n"

    made = tenant.client.post("/templates", json=tenant.template(holidays=holidays(150_000, "Feriado")))
    assert made.status_code == 201, made.text
    newer = holidays(60_000, "Dia de Natal")
    at, known = made.headers["Location"], {"If-Match": made.headers["ETag"]}
    changed = tenant.client.patch(at, json={"holidays": newer}, headers=known)
    assert (changed.status_code, changed.json()["holidays"]) == (200, newer)

    most = tenant.client.post("/templates", json=tenant.template(name="Other", holidays=holidays(199_000, "祝" * 40)))
    assert most.status_code in {413, 422}, most.text
    assert most.json()["errorCode"]


def test_a_period_is_made_once_and_told_with_what_came_of_it(tenant: Tenant, clock: Clock) -> None:
    at = f"/templates/{created(tenant)}"

    first = tenant.client.post(f"{at}/run", json={"period": "2027-W09"})
    again = tenant.client.post(f"{at}/run")  # the week that it is

    assert first.status_code == 202, first.text
    assert first.json()["status"] == "started"
    assert again.json() == first.json()
    campaign = tenant.client.get(f"/campaigns/{first.json()['campaignId']}").json()
    assert campaign["name"] == "Weekly roast · 2027-W09"
    assert campaign["occurrence"]["period"] == "2027-W09"
    assert first.json()["result"] == {"status": "planning", "posts": 0, "rounds": 0, "costUsd": 0.0}
    waits = tenant.client.post(f"{at}/run", json={"period": "2027-W10"}).json()
    assert (waits["status"], "campaignId" in waits) == ("queued", False)
    another = tenant.client.post(f"{at}/run", json={"period": "2027-W08", "another": True}).json()
    assert (another["n"], another["period"]) == (2, "2027-W08")
    listed = tenant.client.get(f"{at}/occurrences?limit=2").json()
    assert [each["period"] for each in listed["items"]] == ["2027-W10", "2027-W09"]
    rest = tenant.client.get(f"{at}/occurrences", params={"cursor": listed["cursor"]}).json()
    assert [each["period"] for each in rest["items"]] == ["2027-W08"]


def test_the_next_one_is_skipped_and_a_pause_makes_nothing(tenant: Tenant, clock: Clock) -> None:
    at = f"/templates/{created(tenant)}"

    skipped = tenant.client.post(f"{at}/skip", json={"reason": "the fair"}).json()
    assert (skipped["period"], skipped["status"], skipped["reason"]) == ("2027-W09", "skipped", "the fair")
    paused = tenant.client.post(f"{at}/pause", json={"reason": "summer"}).json()
    assert (paused["status"], paused["pausedBecause"]) == ("paused", "summer")
    assert tenant.client.post(f"{at}/pause").json()["version"] == paused["version"]
    coming = tenant.client.get(f"{at}/next?count=2").json()["items"]
    assert [each.get("status") for each in coming] == ["skipped", None]
    assert tenant.client.post(f"{at}/resume").json()["status"] == "active"


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("run", {"period": "2027-03"}, 422, "VALIDATION_ERROR"),
        ("run", {"period": "2025-W02"}, 409, "NOT_DUE"),
        ("skip", {"period": "2025-W02"}, 409, "NOT_DUE"),
        ("run", {"another": True, "period": "x"}, 422, "VALIDATION_ERROR"),
        ("run", {"when": "now"}, 422, "VALIDATION_ERROR"),
    ],
)
def test_what_cannot_be_is_refused(
    tenant: Tenant, clock: Clock, path: str, body: dict[str, Any], status: int, code: str
) -> None:
    at = f"/templates/{created(tenant)}"

    answer = tenant.client.post(f"{at}/{path}", json=body)

    assert (answer.status_code, answer.json()["errorCode"]) == (status, code), answer.text
    assert tenant.client.get(f"{at}/occurrences").json() == {"items": []}
