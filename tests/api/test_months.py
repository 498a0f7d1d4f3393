"""The month as a picture over HTTP: as JSON, and as a page for people."""

from __future__ import annotations

from datetime import datetime
from html.parser import HTMLParser
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.api.doors import Door, Tenant
from tests.api.test_calendar import DAY, HOSTILE, NOW, completed

PAGE = {"Accept": "text/html,application/xhtml+xml;q=0.9"}
LISBON = ZoneInfo("Europe/Lisbon")


def placed(body: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the day and the topic of every post of a picture."""
    return [
        (day["date"], post["topic"])
        for month in body["months"]
        for week in month["weeks"]
        for day in week
        for post in day["posts"]
    ]


class Cells(HTMLParser):
    """The words of each day of a page that has posts."""

    def __init__(self) -> None:
        super().__init__()
        self.days: dict[str, str] = {}
        self.tags: set[str] = set()
        self._day = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        given = dict(attrs).get("datetime") or ""
        if tag == "time" and len(given) == 10:
            self._day = given
        if tag == "td":
            self._day = ""

    def handle_data(self, data: str) -> None:
        if self._day:
            self.days[self._day] = f"{self.days.get(self._day, '')} {data.strip()}".strip()


def local(days: int) -> str:
    return (NOW + DAY * days).astimezone(LISBON).date().isoformat()


def test_a_campaign_is_shown_by_day_as_json_and_as_the_same_picture_on_a_page(tenant: Tenant) -> None:
    campaign_id = completed(tenant, HOSTILE, "plain words")

    body = tenant.client.get(f"/campaigns/{campaign_id}/calendar").json()
    answer = tenant.client.get(f"/campaigns/{campaign_id}/calendar", headers={**PAGE, "Accept-Language": "de"})

    assert placed(body) == [(local(1), HOSTILE), (local(2), "plain words")]
    assert all(len(week) == 7 for month in body["months"] for week in month["weeks"])
    assert answer.headers["Content-Type"].startswith("text/html")
    assert '<html lang="de">' in answer.text
    assert "<script" not in answer.text
    cells = Cells()
    cells.feed(answer.text)
    assert HOSTILE in cells.days[local(1)]
    assert "plain words" in cells.days[local(2)]
    assert "script" not in cells.tags


def test_the_month_of_a_tenant_has_what_goes_out_of_every_campaign(door: Door, tenant: Tenant) -> None:
    first = datetime(2027, 3, 31, 22, 30, tzinfo=ZoneInfo("UTC"))  # in Lisbon it is half past eleven
    completed(tenant, "late in march", "in april", first=first, name="Spring & more")
    completed(door.tenant(), "of another", first=first)

    def month(zone: str) -> list[tuple[str, str]]:
        asked = {"month": "2027-03", "timezone": zone}
        return placed(tenant.client.get("/calendar/month", params=asked).json())

    assert month("Europe/Lisbon") == [("2027-03-31", "late in march")]
    assert month("Europe/Berlin") == []
    shown = tenant.client.get("/calendar/month", params={"month": "2027-03", "timezone": "Europe/Lisbon"}, headers=PAGE)
    assert "late in march" in shown.text
    assert "Spring &amp; more" in shown.text
    assert "in april" not in shown.text
    assert "of another" not in shown.text
    nothing = tenant.client.get("/calendar/month", params={"month": "2027-01"}, headers=PAGE)
    assert "Nothing goes out" in nothing.text


@pytest.mark.parametrize(
    "params", [{}, {"month": "2027-13"}, {"month": "2027-3"}, {"month": "2027-03", "timezone": "Mars/Olympus"},
               {"month": "1999-12"}, {"month": "2027-03", "limit": "3"}]
)  # fmt: skip
def test_what_is_no_month_is_refused(tenant: Tenant, params: dict[str, str]) -> None:
    assert tenant.client.get("/calendar/month", params=params).status_code == 422


@pytest.mark.parametrize("month", ["2000-01", "2999-12"])
def test_the_first_and_the_last_month_that_a_post_may_lie_in_are_shown(tenant: Tenant, month: str) -> None:
    body = tenant.client.get("/calendar/month", params={"month": month, "timezone": "Pacific/Kiritimati"}).json()

    assert body["months"][0]["month"] == month
