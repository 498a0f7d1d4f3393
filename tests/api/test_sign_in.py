"""Prefect's name and password open the status of every tenant in a browser, and nothing else."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from prefect.settings import PREFECT_API_AUTH_STRING, temporary_settings

from api.motor import sign_in
from tests.api.doors import Door, opened
from tests.api.test_status import PAGE, wait_for
from tests.store.samples import a_campaign

PASSWORD = "a-word:with-a-colon"


@pytest.fixture
def signed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Door]:
    """An application whose Prefect asks for a name and a password."""
    monkeypatch.setattr("api.app.sign_in", lambda: f"campaigns:{PASSWORD}")
    with opened(tmp_path) as door:
        yield door


def basic(name: str, password: str) -> dict[str, str]:
    return {"Authorization": f"Basic {base64.b64encode(f'{name}:{password}'.encode()).decode()}", **PAGE}


def test_an_operator_signs_in_with_prefects_password_and_sees_every_tenant(signed: Door) -> None:
    one, other = signed.tenant(), signed.tenant()
    waiting = [*wait_for(one, 1), *wait_for(other, 1)]
    building = a_campaign(one.name, name="Harvest")
    one.store.campaigns.create(building, actor="tests", at=datetime.now(UTC))
    client = signed.client_of(None)

    asked = client.get("/status", headers=PAGE)
    page = client.get("/status", headers=basic("campaigns", PASSWORD))
    told = client.get("/status", headers={**basic("campaigns", PASSWORD), "Accept": "application/json"}).json()

    assert (asked.status_code, asked.headers["www-authenticate"]) == (401, 'Basic realm="Prefect", charset="UTF-8"')
    assert page.status_code == 200
    assert [each for each in (*waiting, building.id, one.name, other.name) if each not in page.text] == []
    assert {(each["tenantId"], each["campaignId"]) for each in told["waiting"]} == set(
        zip((one.name, other.name), waiting, strict=True)
    )
    assert (told["moreWaiting"], told["moreBuilding"]) == (False, False)


@pytest.mark.parametrize(
    "authorization",
    [
        basic("campaigns", "another")["Authorization"],
        basic("someone", PASSWORD)["Authorization"],
        basic("campaigns", "")["Authorization"],
        "Basic ",
        "Basic \xe4\xf6",
        "Basic " + "YTpi" * 1000,
        "Basic YTpi YTpi",
    ],
)
def test_nobody_else_signs_in(signed: Door, authorization: str) -> None:
    refused = signed.client_of(None).get("/status", headers={"Authorization": authorization.encode("latin-1"), **PAGE})

    assert (refused.status_code, refused.json()["errorCode"]) == (401, "UNAUTHENTICATED")


@pytest.mark.parametrize("path", ["/campaigns", "/metrics", "/status/"])
def test_the_sign_in_opens_the_status_alone(signed: Door, path: str) -> None:
    refused = signed.client_of(None).get(path, headers=basic("campaigns", PASSWORD))

    assert refused.status_code == 401
    assert refused.headers["www-authenticate"] == "Bearer"


def test_who_tries_many_passwords_waits(signed: Door) -> None:
    client = signed.client_of(None)
    found = {client.get("/status", headers=basic("campaigns", str(n))).status_code for n in range(30)}
    last = client.get("/status", headers=basic("campaigns", PASSWORD))

    assert found == {401}
    assert last.status_code == 429
    assert 1 <= int(last.headers["retry-after"]) <= 3


@pytest.mark.parametrize(("setting", "asked"), [(f"campaigns:{PASSWORD}", f"campaigns:{PASSWORD}"), (None, None)])
def test_what_prefect_asks_for_is_its_setting(setting: str | None, asked: str | None) -> None:
    with temporary_settings({PREFECT_API_AUTH_STRING: setting}):
        assert sign_in() == asked
