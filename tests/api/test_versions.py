"""Lost updates: whoever changes or deletes something says which version they read, and an older one is refused."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from api.schemas.examples import ASSET, BRAND, PERSONA
from campaigns.model.vocabulary import CampaignStatus
from tests.api.doors import Tenant
from tests.api.test_brands import PNG
from tests.api.test_campaigns import moved


def a_campaign(tenant: Tenant) -> str:
    return f"/campaigns/{tenant.campaign()}"


def a_persona(tenant: Tenant) -> str:
    return str(tenant.client.post("/personas", json=PERSONA).headers["Location"])


def a_brand(tenant: Tenant) -> str:
    return str(tenant.client.post("/brands", json={**BRAND, "name": "Second brand"}).headers["Location"])


def an_asset(tenant: Tenant) -> str:
    path = f"/brands/{tenant.brand_id}/assets"
    said = {"data": {"asset": json.dumps(ASSET)}, "files": {"file": PNG}}
    return str(tenant.client.post(path, **said).headers["Location"])


MAKERS = [a_campaign, a_persona, a_brand, an_asset]
OTHERS = ['"2"', '"0"', '"somebody\'s"', 'W/"1"', '""']


@pytest.mark.parametrize("make", MAKERS)
def test_a_change_names_the_version_that_was_read(tenant: Tenant, make: Callable[[Tenant], str]) -> None:
    path = make(tenant)

    def change(name: str, *, version: int | None = None, tag: str | None = None) -> int:
        body = {"name": name, **({} if version is None else {"version": version})}
        return tenant.client.patch(path, json=body, headers={} if tag is None else {"If-Match": tag}).status_code

    assert tenant.client.get(path).headers["ETag"] == '"1"'
    assert change("neither") == 428
    assert change("another version", version=2) == 409
    assert [change("another tag", tag=tag) for tag in OTHERS] == [412] * len(OTHERS)
    assert change("no tag", tag="1") == 422
    assert change("by tag", tag='"1"') == 200
    assert change("by version", version=2) == 200
    read = tenant.client.get(path)
    assert (read.json()["name"], read.json()["version"], read.headers["ETag"]) == ("by version", 3, '"3"')


@pytest.mark.parametrize("make", MAKERS)
def test_a_deletion_that_names_another_version_deletes_nothing(tenant: Tenant, make: Callable[[Tenant], str]) -> None:
    path = make(tenant)
    if make is a_campaign:
        moved(tenant, path.rsplit("/", 1)[1], CampaignStatus.FAILED)
    tag = tenant.client.get(path).headers["ETag"]

    others = [other for other in [*OTHERS, '"1"'] if other != tag]
    refused = [tenant.client.delete(path, headers={"If-Match": other}).status_code for other in others]

    assert refused == [412] * len(others)
    assert tenant.client.get(path).status_code == 200
    assert tenant.client.delete(path, headers={"If-Match": tag}).status_code == 204
    assert tenant.client.get(path).status_code == 404
    assert tenant.client.delete(path, headers={"If-Match": "*"}).status_code == 404
