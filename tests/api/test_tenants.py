"""Three tenants, all ordered pairs, all routes: what is another tenant's is not there."""

from __future__ import annotations

import json
import re
from typing import Any

import httpx
import pytest

from api.app import ROUTERS
from api.schemas.examples import ASSET, BRAND, PERSONA, WRITING
from tests.api.doors import Door, Tenant
from tests.api.test_brands import PNG

UNKNOWN = {
    "campaign_id": "campaign_01JZ0K7A3M5T9Y1C4GQVSB8WEX",
    "persona_id": "persona_01JZ0K7A3M5T9Y1C4GQVSB8WEX",
    "brand_id": "brand_01JZ0K7A3M5T9Y1C4GQVSB8WEX",
    "example_id": "example_01JZ0K7A3M5T9Y1C4GQVSB8WEX",
    "asset_id": "asset_01JZ0K7A3M5T9Y1C4GQVSB8WEX",
    "template_id": "template_01JZ0K7A3M5T9Y1C4GQVSB8WEX",
    "feed_id": "feed_01JZ0K7A3M5T9Y1C4GQVSB8WEX",
}
ROUTES = [
    (method, route.path)
    for router in ROUTERS
    for route in router.routes
    if route.include_in_schema and "{" in route.path and not route.path.endswith("/approve")  # its link is its own test
    for method in sorted(route.methods)
]


class World:
    """A tenant with one of everything."""

    def __init__(self, tenant: Tenant) -> None:
        self.tenant = tenant
        self.client = tenant.client
        persona = self.client.post("/personas", json=PERSONA).json()["id"]
        for number in range(5):
            text = f"{WRITING['text']} {number}"
            example = self.client.post(f"/personas/{persona}/examples", json={**WRITING, "text": text}).json()["id"]
        brand = self.client.post("/brands", json={**BRAND, "name": "The same name everywhere"}).json()["id"]
        asset = self.client.post(
            f"/brands/{brand}/assets", data={"asset": json.dumps(ASSET)}, files={"file": PNG}
        ).json()["id"]
        self.ids = {
            "campaign_id": tenant.campaign(metadata={"externalRef": "the same reference"}),
            "persona_id": persona,
            "brand_id": brand,
            "example_id": example,
            "asset_id": asset,
            "template_id": self.client.post("/templates", json=tenant.template()).json()["id"],
            "feed_id": self.client.post("/calendar/feeds", json={"name": "Office"}).json()["feed"]["id"],
        }

    def send(self, method: str, path: str, ids: dict[str, str]) -> httpx.Response:
        body: dict[str, Any] = {}
        if method == "PATCH":
            body["json"] = {"name": "Taken over", "version": 1}
        elif method == "POST" and path.endswith("/assets"):
            body = {"data": {"asset": json.dumps(ASSET)}, "files": {"file": PNG}}
        elif method == "POST" and path.endswith("/examples"):
            body["json"] = WRITING
        return self.client.request(method, path.format(**ids), **body)

    def seen(self) -> str:
        """Return everything that this tenant sees of itself, byte for byte."""
        paths = ["/campaigns", "/personas", "/brands", "/templates", "/calendar/feeds"]
        paths += [path for method, path in ROUTES if method == "GET" and "export" not in path]
        return "\n".join(self.client.get(path.format(**self.ids)).text for path in paths)


@pytest.fixture(scope="module")
def worlds(door: Door) -> list[World]:
    return [World(door.tenant()) for _ in range(3)]


def told(answer: httpx.Response) -> tuple[int, str, dict[str, str]]:
    """Return an answer without what names the answer itself."""
    body = re.sub(r'"errorId":"\w+"', "", answer.text)
    headers = {name: value for name, value in answer.headers.items() if name != "x-correlation-id"}
    return answer.status_code, body, headers


@pytest.mark.parametrize(("actor", "owner"), [(a, o) for a in range(3) for o in range(3) if a != o])
def test_another_tenants_thing_and_an_unknown_one_are_answered_alike(
    worlds: list[World], actor: int, owner: int
) -> None:
    acting, owning = worlds[actor], worlds[owner]
    before = owning.seen()

    for method, path in ROUTES:
        names = re.findall(r"\{(\w+)\}", path)
        foreign = acting.send(method, path, owning.ids)
        unknown = acting.send(method, path, UNKNOWN)
        assert told(foreign) == told(unknown), (method, path)
        assert foreign.status_code == 404, (method, path)
        if len(names) == 2:
            # The outer one is ours, the inner one theirs.
            mixed = {**owning.ids, names[0]: acting.ids[names[0]]}
            nothing = {**UNKNOWN, names[0]: acting.ids[names[0]]}
            assert told(acting.send(method, path, mixed)) == told(acting.send(method, path, nothing)), (method, path)

    assert owning.seen() == before


@pytest.mark.parametrize(("actor", "owner"), [(a, o) for a in range(3) for o in range(3) if a != o])
def test_a_brief_that_names_another_tenants_things_is_answered_as_if_there_were_none(
    worlds: list[World], actor: int, owner: int
) -> None:
    acting, owning = worlds[actor], worlds[owner]

    def refused(ids: dict[str, str]) -> tuple[int, str]:
        brief = acting.tenant.brief(brandId=ids["brand_id"])
        brief["participants"] = {**brief["participants"], "personaIds": [ids["persona_id"]]}
        answer = acting.client.post("/campaigns", json=brief)
        body = answer.text.replace(ids["brand_id"], "<brand>").replace(ids["persona_id"], "<persona>")
        return answer.status_code, re.sub(r'"errorId":"\w+"', "", body)

    assert refused(owning.ids) == refused(UNKNOWN)
    assert refused(owning.ids)[0] == 422


def test_lists_hold_nothing_of_others(worlds: list[World]) -> None:
    for world in worlds:
        seen = world.seen()
        for other in worlds:
            if other is not world:
                assert not [identifier for identifier in other.ids.values() if identifier in seen]
                assert other.tenant.name not in seen


def test_the_routes_are_all_here() -> None:
    assert len(ROUTES) >= 25
