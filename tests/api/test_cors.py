"""Browser clients of another origin: let in where a setting names them, and never to the approval page."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.api.doors import opened

SHOP = "https://shop.example"
ASKS = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization, content-type"}


def test_nobody_is_let_in_by_default(tmp_path: Path) -> None:
    with opened(tmp_path) as door:
        asked = door.client.options("/campaigns", headers={"Origin": SHOP, **ASKS})
        answer = door.client.get("/healthz", headers={"Origin": SHOP})

    assert asked.status_code == 401
    assert "access-control-allow-origin" not in {*asked.headers, *answer.headers}


def test_an_origin_that_is_named_calls_the_api_with_its_own_token(tmp_path: Path) -> None:
    with opened(tmp_path, allowed_origins="https://Shop.example:443, http://localhost:5173/") as door:
        asked = door.client.options("/campaigns", headers={"Origin": SHOP, **ASKS, "Host": "testserver"})
        tenant = door.tenant()
        answer = tenant.client.post("/campaigns", json=tenant.brief(), headers={"Origin": SHOP})
        refused = door.client.get("/campaigns", headers={"Origin": SHOP})
        local = door.client.get("/healthz", headers={"Origin": "http://localhost:5173"})

    assert asked.status_code == 200
    assert asked.headers["access-control-allow-origin"] == SHOP
    assert {"POST", "PATCH", "DELETE"} <= set(asked.headers["access-control-allow-methods"].split(", "))
    assert "If-Match" in asked.headers["access-control-allow-headers"]
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (202, SHOP)
    assert "Location" in answer.headers["access-control-expose-headers"]
    assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (401, SHOP)
    assert local.headers["access-control-allow-origin"] == "http://localhost:5173"
    for each in (asked, answer, refused, local):
        assert "access-control-allow-credentials" not in each.headers
        assert "Origin" in each.headers["vary"]
        assert each.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "https://shop.example.evil.example", "http://shop.example"]
)
def test_every_other_origin_stays_out(tmp_path: Path, origin: str) -> None:
    with opened(tmp_path, allowed_origins=SHOP) as door:
        asked = door.client.options("/campaigns", headers={"Origin": origin, **ASKS})
        answer = door.client.get("/healthz", headers={"Origin": origin})

    assert asked.status_code == 400
    assert "access-control-allow-origin" not in asked.headers
    assert "access-control-allow-origin" not in answer.headers


def test_the_approval_page_is_for_its_own_origin_alone(tmp_path: Path) -> None:
    with opened(tmp_path, allowed_origins=SHOP) as door:
        asked = door.client.options("/approve/x", headers={"Origin": SHOP, **ASKS})
        page = door.client.get("/approve/x", headers={"Origin": SHOP})

    assert asked.status_code != 200
    assert "access-control-allow-origin" not in {*asked.headers, *page.headers}


@pytest.mark.parametrize("given", ["*", "null", "shop.example", "https://shop.example/app", "https://*.example"])
def test_a_setting_that_names_no_origin_stops_the_start(tmp_path: Path, given: str) -> None:
    with pytest.raises(ValueError, match="allowed_origins"), opened(tmp_path, allowed_origins=given):
        pass
