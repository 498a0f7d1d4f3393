"""The interactive documentation in a browser that can reach nothing but this API."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import expect

from tests.api.check import served
from tests.browser.conftest import Visitor


def test_every_operation_is_shown_and_tried_without_the_internet(visitor: Visitor, tmp_path: Path) -> None:
    page = visitor()
    asked: list[str] = []
    told: list[tuple[str, str]] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: told.append((message.type, f"{message.text} {message.location}")))

    with served(tmp_path) as (url, _):
        page.goto(f"{url}/docs")
        operations = page.request.get(f"{url}/openapi.json").json()["paths"]
        expect(page.locator(".opblock")).to_have_count(sum(len(each) for each in operations.values()))
        health = page.locator(".opblock", has_text="Liveness")
        health.locator(".opblock-summary-control").click()
        health.get_by_role("button", name="Try it out").click()
        health.get_by_role("button", name="Execute").click()
        expect(health.locator(".live-responses-table .response-col_status").last).to_contain_text("200")

    assert asked
    assert [each for each in asked if not each.startswith((url, "data:"))] == []
    assert [words for kind, words in told if kind == "error"] == []
