"""The calendar over HTTP: what a caller sees of it, and what a calendar program reads by a token."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import vobject
from icalendar import Calendar

from api.auth.approval_limits import ApprovalLimits
from campaigns import wiring
from campaigns.model.campaign import Move
from campaigns.model.post import PostContent, Review
from campaigns.model.vocabulary import CampaignStatus, PostStatus, ReviewState
from campaigns.settings import get_settings
from deployments.commands.feeds import main
from tests.api.doors import Door, Tenant
from tests.store.samples import a_post

NOW = datetime.now(UTC).replace(microsecond=0)
DAY = timedelta(days=1)
HOSTILE = "Röstung; hell, „grün“ \\ END:VEVENT {{ 7*7 }} <script>alert(1)</script>"


@pytest.fixture(autouse=True)
def patient(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door.app.state, "approval_limits", ApprovalLimits(wrong_per_minute=10_000), raising=False)


def completed(tenant: Tenant, *texts: str, first: datetime = NOW + DAY, name: str = "Huila, Ernte; im März") -> str:
    """Store a campaign with an approved post a day, and complete it."""
    campaign_id = tenant.campaign(name=name)
    campaign = tenant.store.campaigns.get(tenant.name, campaign_id)
    posts = [
        a_post(campaign, number).model_copy(
            update={
                "scheduled_at": first + DAY * (number - 1),
                "topic": text,
                "content": PostContent(text=text, generated_at=NOW),
                "status": PostStatus.COMPLETED,
                "review": Review(state=ReviewState.APPROVED),
            }
        )
        for number, text in enumerate(texts, start=1)
    ]
    tenant.store.posts.put_planned(posts)
    S = CampaignStatus
    for to in (S.GENERATING, S.AWAITING_REVIEW, S.APPROVED, S.COMPLETED):
        tenant.store.campaigns.move(tenant.name, campaign_id, Move(to, "tests", "tests", NOW))
    return campaign_id


def span(days: int = 31) -> dict[str, str]:
    return {"from": NOW.isoformat(), "to": (NOW + DAY * days).isoformat()}


def a_feed(tenant: Tenant) -> tuple[str, str]:
    """Make a feed and return its id and the path of its address."""
    made = tenant.client.post("/calendar/feeds", json={"name": "Office, 2nd floor"})
    assert made.status_code == 201, made.text
    url = made.json()["url"]
    assert url.startswith("http://testserver/calendar.ics?token=cal-")
    return made.json()["feed"]["id"], url.removeprefix("http://testserver")


def test_what_goes_out_is_listed_by_time_and_page(tenant: Tenant) -> None:
    first, second = completed(tenant, "one", "three"), completed(tenant, "two", first=NOW + DAY + timedelta(hours=1))

    page = tenant.client.get("/calendar", params={**span(), "limit": 2}).json()
    rest = tenant.client.get("/calendar", params={**span(), "limit": 2, "cursor": page["cursor"]}).json()

    items = page["items"] + rest["items"]
    assert [each["post"]["topic"] for each in items] == ["one", "two", "three"]
    assert [each["campaign"]["id"] for each in items] == [first, second, first]
    assert items[0]["campaign"]["name"] == "Huila, Ernte; im März"
    assert "cursor" not in rest
    assert "tenantId" not in str(items)


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"from": "yesterday"},
        {"from": "2027-03-01T00:00:00"},
        {"from": "2027-03-01T00:00:00Z", "to": "2027-03-01T00:00:00Z"},
        {"from": "2027-03-01T00:00:00Z", "to": "2028-03-02T00:00:01Z"},
        {"from": "9999-12-31T00:00:00Z"},
        {"from": "2027-03-01T00:00:00Z", "limit": "0"},
        {"from": "2027-03-01T00:00:00Z", "cursor": "x"},
        {"from": "2027-03-01T00:00:00Z", "until": "2027-03-02T00:00:00Z"},
    ],
)
def test_a_range_that_is_none_is_refused(tenant: Tenant, params: dict[str, str]) -> None:
    assert tenant.client.get("/calendar", params=params).status_code == 422


def test_a_program_reads_every_post_by_the_token_alone(door: Door, tenant: Tenant) -> None:
    completed(tenant, HOSTILE, "plain")
    completed(tenant, "much later", first=NOW + DAY * 400)
    _, path = a_feed(tenant)

    answer = door.client.get(path)

    assert answer.headers["Content-Type"].startswith("text/calendar")
    assert all(len(line) <= 75 for line in answer.content.split(b"\r\n"))
    calendar = Calendar.from_ical(answer.content)
    assert calendar.errors == []
    assert calendar["X-WR-CALNAME"] == "Office, 2nd floor"
    events = calendar.walk("VEVENT")
    assert [event.start for event in events] == [NOW + DAY, NOW + DAY * 2]
    other = vobject.readOne(answer.content.decode())
    assert [each.summary.value for each in other.vevent_list] == [str(event["SUMMARY"]) for event in events]
    assert str(events[0]["SUMMARY"]).endswith(f": {HOSTILE} (Huila, Ernte; im März)")
    assert {str(event["STATUS"]) for event in events} == {"CONFIRMED"}


def test_a_feed_is_sent_again_only_when_it_changed(door: Door, tenant: Tenant) -> None:
    completed(tenant, "one")
    _, path = a_feed(tenant)
    first = door.client.get(path)
    tag = first.headers["ETag"]

    for known in (tag, f"W/{tag}", f'"other", {tag}'):
        again = door.client.get(path, headers={"If-None-Match": known})
        assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", tag)
    assert door.client.get(path, headers={"If-None-Match": '"other"'}).status_code == 200
    completed(tenant, "two")
    assert door.client.get(path, headers={"If-None-Match": tag}).status_code == 200


def refused(answer: Any) -> tuple[int, dict[str, Any]]:
    body = answer.json()
    body.pop("errorId", None)
    return answer.status_code, body


def test_a_revoked_token_another_ring_s_and_none_are_one_answer(door: Door, tenant: Tenant) -> None:
    completed(tenant, "one")
    feed_id, path = a_feed(tenant)
    _, kept = a_feed(tenant)
    assert tenant.client.delete(f"/calendar/feeds/{feed_id}").status_code == 204

    token = path.partition("token=")[2]
    tried = ["", "token=", "token=x", f"token={token}", f"token={token}x", f"token={token[:-1]}", f"token={'é' * 300}"]
    answers = [refused(door.client.get(f"/calendar.ics?{each}")) for each in tried]

    assert {status for status, _ in answers} == {404}
    assert all(each == answers[0] for each in answers)
    assert door.client.get(kept).status_code == 200
    assert tenant.client.delete(f"/calendar/feeds/{feed_id}").status_code == 404


def test_a_feed_shows_its_own_tenant_only_and_a_token_is_no_bearer(door: Door, tenant: Tenant) -> None:
    other = door.tenant()
    completed(other, "of another")
    completed(tenant, "own")
    feed_id, path = a_feed(tenant)

    shown = door.client.get(path).text
    assert "own" in shown
    assert "of another" not in shown
    assert other.client.get(path).text == shown  # whose token it is decides, not who asks
    assert other.client.delete(f"/calendar/feeds/{feed_id}").status_code == 404
    assert other.client.get("/calendar/feeds").json()["items"] == []
    assert door.client_of(path.partition("token=")[2]).get("/calendar", params=span()).status_code == 401
    assert door.client.get("/calendar", params={"token": path.partition("token=")[2]}).status_code == 401


def test_whoever_tries_many_tokens_is_slowed_down(door: Door) -> None:
    door.app.state.approval_limits = ApprovalLimits(wrong_per_minute=2)

    answers = [door.client.get("/calendar.ics?token=x") for _ in range(3)]

    assert [each.status_code for each in answers] == [404, 404, 429]
    assert int(answers[-1].headers["Retry-After"]) > 0


def test_a_feed_is_read_so_often_a_minute_whoever_asks_and_the_others_are_not_held_up(
    door: Door, tenant: Tenant
) -> None:
    completed(tenant, "one")
    (_, path), (_, other) = a_feed(tenant), a_feed(tenant)
    door.app.state.approval_limits = ApprovalLimits(feed_per_minute=2)
    tag = door.client.get(path).headers["ETag"]

    answers = [door.client.get(path, headers={"If-None-Match": tag}) for _ in range(2)]

    assert [each.status_code for each in answers] == [304, 429]
    assert answers[-1].json()["errorCode"] == "RATE_LIMITED"
    assert 0 < int(answers[-1].headers["Retry-After"]) <= 30
    assert door.client.get(other).status_code == 200


def test_a_token_stands_in_no_log_no_list_and_not_in_the_store(
    door: Door, tenant: Tenant, caplog: pytest.LogCaptureFixture
) -> None:
    from campaigns.logs import redacted

    caplog.set_level("INFO", "campaigns")
    _, path = a_feed(tenant)
    token = path.partition("token=")[2]
    door.client.get(path)
    door.client.get(f"{path}x")

    assert token not in caplog.text
    assert "GET /calendar.ics 200" in caplog.text
    assert token not in tenant.client.get("/calendar/feeds").text
    assert redacted(f"got {token} here") == "got [redacted] here"
    stored = tenant.store.feeds.list(tenant.name).items[0]
    assert token not in stored.model_dump_json()


def test_an_operator_makes_lists_and_revokes_feeds(
    door: Door, tenant: Tenant, capsys: pytest.CaptureFixture[str]
) -> None:
    completed(tenant, "one")

    assert main(["--tenant", tenant.name, "--name", "Agency"]) == 0
    feed_id, url = capsys.readouterr().out.split()
    path = url.removeprefix(get_settings().api_base_url)
    assert door.client.get(path).status_code == 200
    assert main(["--tenant", tenant.name, "--list"]) == 0
    assert f"{feed_id}  Agency  made" in capsys.readouterr().out
    assert main(["--tenant", tenant.name, "--revoke", feed_id]) == 0
    assert door.client.get(path).status_code == 404
    assert main(["--tenant", tenant.name, "--revoke", feed_id]) == 1
    assert main(["--tenant", tenant.name, "--name", ""]) == 1
    assert wiring.get_store() is not None
