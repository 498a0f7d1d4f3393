"""The page as strangers and machines meet it: what a link gives away, forged forms, scanners, limits."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from httpx import Response

from api.auth.approval_limits import ApprovalLimits
from api.http.headers import HEADERS
from api.review.render import SCRIPTED
from campaigns.approval.renewing import extend_round
from campaigns.settings import get_settings
from campaigns.store.items import keys
from campaigns.wiring import get_asset_files
from tests.approvals.reader import approve_all, read, send
from tests.approvals.scene import TENANT, TWO, Scene, a_scene, untouched

# --- what a link gives away ---------------------------------------------------------------------------


def test_the_token_leaves_the_address_at_once(scene: Scene) -> None:
    link = scene.stand_up(posts=2).link()
    browser = scene.browser()

    entered = browser.get(link.url(scene.base_url), follow_redirects=False)

    assert (entered.status_code, entered.headers["location"]) == (303, f"/approve/{link.callback_id}")
    cookie = entered.headers["set-cookie"]
    for part in ("HttpOnly", "SameSite=lax", f"Path=/approve/{link.callback_id};"):
        assert part in cookie
    page = browser.get(entered.headers["location"])
    assert link.token not in page.text
    assert link.nonce not in page.text
    assert '<meta property="og:title" content="Content review">' in page.text
    assert "http://" not in re.sub(r'href="https?://[^"]*"', "", page.text).replace("http://www.w3.org", "")


def test_a_page_left_open_is_good_until_the_round_ends_and_then_says_so(scene: Scene) -> None:
    scene.stand_up(posts=2)
    left = scene.round().expires_at - scene.clock.now

    cookie = scene.browser().get(scene.url(), follow_redirects=False).headers["set-cookie"]

    kept = timedelta(seconds=int(re.findall(r"Max-Age=(\d+)", cookie)[0]))
    assert left > timedelta(days=1)
    assert left + timedelta(hours=23) < kept < left + timedelta(hours=25)


def test_a_reminder_opened_meanwhile_does_not_take_the_open_page_away(scene: Scene) -> None:
    scene.stand_up(posts=2)
    browser = scene.browser()
    page = browser.get(scene.url())
    scene.clock.pass_(hours=2)
    assert browser.get(scene.url()).status_code == 200

    kept = send(browser, page, "save", d_1="approved")

    assert (kept.status_code, read(kept).checked) == (200, {"d.1": "approved"})


def test_a_secure_site_sets_a_secure_cookie(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    from campaigns.settings import get_settings

    link = scene.stand_up(posts=2).link()
    monkeypatch.setenv("CAMPAIGNS_API_BASE_URL", "https://testserver")
    get_settings.cache_clear()

    entered = TestClient(scene.app(), base_url="https://testserver").get(
        link.url("https://testserver"), follow_redirects=False
    )

    assert "Secure" in entered.headers["set-cookie"]
    assert entered.headers["strict-transport-security"]


def every_answer(scene: Scene) -> list[Any]:
    link = scene.link()
    browser = scene.browser()
    return [
        browser.get(link.url(scene.base_url), follow_redirects=False),
        browser.get(f"/approve/{link.callback_id}"),
        browser.get("/approve/unknown-unknown-unknown"),
        browser.post(f"/approve/{link.callback_id}", data={"action": "review"}),
        browser.put(f"/approve/{link.callback_id}"),
        scene.browser().get(f"/approve/{link.callback_id}"),
        approve_all(scene.browser(), scene.url()),
    ]


def test_every_answer_carries_the_headers_that_keep_it_private(scene: Scene) -> None:
    scene.stand_up(posts=2)

    for answer in every_answer(scene):
        expected = HEADERS | (SCRIPTED if "<script" in answer.text else {})
        for name, value in expected.items():
            assert answer.headers[name] == value, (answer.status_code, name)
        assert "server" not in answer.headers


def test_wrong_links_are_answered_alike(scene: Scene) -> None:
    scene.stand_up(posts=2)
    link, other = scene.link(), scene.another("other").stand_up(posts=2).link()
    wrong = [
        f"/approve/{link.callback_id}",
        f"/approve/{link.callback_id}?token=x&nonce=y",
        f"/approve/{link.callback_id}?token={link.token}",
        f"/approve/{link.callback_id}?token={link.token}&nonce={other.nonce}",
        f"/approve/{other.callback_id}?token={link.token}&nonce={link.nonce}",
        f"/approve/{link.callback_id}?token={link.token}x&nonce={link.nonce}",
        f"/approve/{'z' * 32}?token={link.token}&nonce={link.nonce}",
        "/approve/%2e%2e%2fadmin",
        f"/approve/{link.callback_id}?token={'A' * 5000}&nonce=1",
        "/approve/%F0%9F%98%80?token=%ED%A0%80&nonce=%00",
    ]

    answers = [scene.browser().get(path) for path in wrong]

    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.content for answer in answers}) == 1
    assert untouched(scene)


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
def test_other_methods_are_refused(scene: Scene, method: str) -> None:
    link = scene.stand_up(posts=2).link()
    browser = scene.browser()
    browser.get(link.url(scene.base_url))

    answer = browser.request(method, f"/approve/{link.callback_id}")

    assert answer.status_code == 405
    assert untouched(scene)


def test_nothing_in_an_address_or_a_header_decides(scene: Scene) -> None:
    link = scene.stand_up(posts=2).link()
    browser = scene.browser()
    for address in (
        "&decision=approved",
        "&action=send&confirm=yes&d.1=approved",
        "&next=//evil.example",
        "&step=send",
    ):
        answer = browser.get(link.url(scene.base_url) + address)
        assert (answer.status_code, answer.url.host) == (200, "testserver")
    for headers in ({"X-HTTP-Method-Override": "POST"}, {"X-Forwarded-Host": "evil.example"}, {"Range": "bytes=0-1"}):
        assert browser.get(f"/approve/{link.callback_id}", headers=headers).status_code == 200
    assert browser.get(f"/approve/{link.callback_id}", headers={"Host": "evil.example"}).status_code == 400

    assert untouched(scene)


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://testserver.evil.example"},
        {"Origin": "https://testserver"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/json"},
        {"Content-Type": "multipart/form-data; boundary=x"},
    ],
    ids=str,
)
def test_a_form_from_anywhere_else_is_refused(scene: Scene, headers: dict[str, str]) -> None:
    scene.stand_up(posts=2)
    browser = scene.browser()
    page = browser.get(scene.url())
    fields = {**read(page).fields, "d.1": "approved", "d.2": "approved", "action": "send", "confirm": "yes"}
    sent = {"Content-Type": "application/x-www-form-urlencoded", **headers}
    body = "&".join(f"{name}={value}" for name, value in fields.items())
    body = "{}" if "json" in sent["Content-Type"] else body

    answer = browser.post(page.url.path, content=body, headers=sent)

    assert answer.status_code == 403
    assert untouched(scene)


def test_a_form_needs_the_token_of_its_own_review_of_this_day(scene: Scene) -> None:
    scene.stand_up(posts=2)
    browser = scene.browser()
    other = scene.another("other").stand_up(posts=2)
    foreign = read(scene.browser().get(other.url())).fields["csrf"]
    page = browser.get(scene.url())

    for csrf in ("", "x", foreign, read(page).fields["csrf"][:-1] + "0x"):
        assert send(browser, page, "save", csrf=csrf).status_code == 403
    scene.clock.pass_(hours=24)
    old = send(browser, page, "save", d_1="approved")
    assert (old.status_code, read(old).checked) == (409, {"d.1": "approved"})
    assert read(send(browser, old, "review", d_2="approved")).heading == "Your decision, in short"
    assert untouched(scene)


@pytest.mark.parametrize("name", ["tenantId", "status", "decidedByRole", "callbackId", "__class__", "channel", "d.99"])
def test_fields_that_no_page_has_change_nothing(scene: Scene, name: str) -> None:
    scene.stand_up(posts=2)
    browser = scene.browser()
    page = browser.get(scene.url())
    step = browser.post(
        page.url.path,
        data={**read(page).fields, "d.1": "approved", "d.2": "approved", "action": "review", name: "rival"},
    )

    receipt = send(browser, step, "send", confirm="yes", **{name: "rival"})

    assert read(receipt).heading == "Approved"
    decision = scene.store.approvals.decisions(TENANT, scene.campaign.id, 1)[0]
    assert "rival" not in decision.model_dump_json()


def test_ten_thousand_fields_are_not_read(scene: Scene) -> None:
    scene.stand_up(posts=2)
    browser = scene.browser()
    page = browser.get(scene.url())

    answer = browser.post(
        page.url.path,
        content="&".join(f"x{n}=1" for n in range(10_000)),
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )

    assert answer.status_code == 403


# --- openings and scanners ----------------------------------------------------------------------------


def test_an_opening_is_noted_once_as_unverified_and_without_an_address(scene: Scene) -> None:
    url = scene.stand_up(posts=2).url()
    browser = scene.browser()

    for _ in range(5):
        browser.get(url)
    browser.head(url)

    opened = [entry for entry in scene.store.audit.entries(TENANT, scene.campaign.id) if entry.action == "opened"]
    assert len(opened) == 1
    assert opened[0].details["verified"] is False
    assert opened[0].actor == "ap-1"
    assert set(opened[0].details) == {"verified", "prefetch", "client"}


def test_a_prefetch_is_noted_as_one(scene: Scene) -> None:
    scene.browser(**{"Sec-Purpose": "prefetch;prerender"}).get(scene.stand_up(posts=2).url())

    assert scene.store.audit.entries(TENANT, scene.campaign.id)[-1].details["prefetch"] is True


def test_head_answers_as_get_and_notes_nothing(scene: Scene) -> None:
    url = scene.stand_up(posts=2).url()
    browser = scene.browser()
    before = len(scene.audit())

    entered = browser.head(url, follow_redirects=False)
    shown = browser.head(entered.headers["location"])

    assert (entered.status_code, shown.status_code, shown.content) == (303, 200, b"")
    assert len(scene.audit()) == before


# --- limits -------------------------------------------------------------------------------------------


def seconds_of(scene: Scene) -> Callable[[], float]:
    """A clock that stands still until the scene's is moved: however slow the machine, no turn comes back unasked."""
    return lambda: scene.clock.now.timestamp()


def test_wrong_links_are_slowed_down_and_a_right_one_is_not(scene: Scene) -> None:
    url = scene.stand_up(posts=2).url()
    app = scene.app()
    app.state.approval_limits = ApprovalLimits(wrong_per_minute=10, clock=seconds_of(scene))
    browser = TestClient(app, base_url=scene.base_url)

    answers = [browser.get("/approve/wrong-wrong-wrong-wrong") for _ in range(15)]

    assert [answer.status_code for answer in answers] == [404] * 10 + [429] * 5
    assert int(answers[-1].headers["retry-after"]) >= 1
    assert browser.get(url).status_code == 200


def test_one_link_is_not_hammered(scene: Scene) -> None:
    scene.stand_up(posts=2, approvers=TWO)
    other = scene.another("other").stand_up(posts=2)
    app = scene.app()
    app.state.approval_limits = ApprovalLimits(uses_per_minute=30, clock=seconds_of(scene))
    browser = TestClient(app, base_url=scene.base_url)
    browser.get(scene.url())

    answers = [browser.get(f"/approve/{scene.link().callback_id}") for _ in range(40)]

    assert [answer.status_code for answer in answers].count(429) == 11
    assert browser.get(other.url()).status_code == 200


@pytest.mark.parametrize("body", [{"decision": "rejected"}, {}, {"decision": "approved", "callbackId": "another"}])
def test_a_token_is_not_hammered_with_whatever_body(scene: Scene, body: dict[str, str]) -> None:
    link = scene.stand_up(posts=2).link()
    path = f"/campaigns/{scene.campaign.id}/approve"
    app = scene.app()
    app.state.approval_limits = ApprovalLimits(uses_per_minute=30, wrong_per_minute=10, clock=seconds_of(scene))
    client = TestClient(app, base_url=scene.base_url)

    def asked(token: str) -> Response:
        return client.post(path, json=body, headers={"Authorization": f"Bearer {token}"})

    wrong = [asked(f"{link.token}x") for _ in range(15)]
    right = [asked(link.token) for _ in range(35)]

    assert [answer.status_code for answer in wrong] == [401] * 10 + [429] * 5
    assert [answer.status_code for answer in right].count(429) == 5
    assert int(right[-1].headers["retry-after"]) >= 1
    scene.clock.pass_(seconds=2)
    assert [asked(link.token).status_code == 429 for _ in range(2)] == [False, True]


@pytest.mark.parametrize(
    ("base", "origin"),
    [
        ("http://testserver:80", "http://testserver"),
        ("https://testserver:443", "https://testserver"),
        ("http://TestServer/", "http://testserver"),
        ("http://bücher.example", "http://xn--bcher-kva.example"),
        ("http://[0:0::1]:8080", "http://[::1]:8080"),
    ],
)
def test_forms_are_taken_under_every_base_url_that_is(tmp_path: Path, base: str, origin: str) -> None:
    with a_scene(tmp_path, base_url=origin) as scene, pytest.MonkeyPatch.context() as patch:
        patch.setenv("CAMPAIGNS_API_BASE_URL", base)
        patch.setenv("CAMPAIGNS_ALLOWED_HOSTS", "")
        get_settings.cache_clear()
        scene.stand_up(posts=2)
        browser = scene.browser()  # sends the Origin and the Host that a browser sends
        page = browser.get(scene.link().url(get_settings().api_base_url))

        kept = send(browser, page, "save", d_1="approved")

        assert (kept.status_code, read(kept).checked) == (200, {"d.1": "approved"})


def test_a_draft_lives_as_long_as_its_round(scene: Scene) -> None:
    scene.stand_up(posts=2)
    browser = scene.browser()
    send(browser, browser.get(scene.url()), "save", d_1="approved", c_1="Kept")
    for _ in range(2):
        scene.clock.now = scene.round().expires_at - timedelta(hours=1)
        until = scene.round().expires_at + timedelta(days=30)
        extend_round(
            scene.store, TENANT, scene.campaign.id, 1, until=until, actor="marta", reason="x", now=scene.clock.now
        )
    scene.clock.now = scene.round().expires_at - timedelta(hours=1)

    scene.store.purge(scene.clock.now, files=get_asset_files())

    draft = scene.store.drafts.get(scene.round(), "ap-1")
    assert draft is not None
    assert [each.comment for each in draft.posts.values()] == ["Kept"]
    item = scene.store.table.get(keys.draft(TENANT, scene.campaign.id, 1, "ap-1"))
    assert item is not None
    assert item["ttl"] > scene.clock.now.timestamp()


def test_what_another_browser_began_is_offered_and_chosen_for_nobody(scene: Scene) -> None:
    phone, desk = scene.stand_up(posts=2).browser(), scene.browser()
    send(phone, phone.get(scene.url()), "save", d_1="rejected", c_1="Not now.")

    page = desk.get(scene.url())
    assert read(page).checked == {}
    assert "in another browser" in page.text
    assert "Not now." not in page.text
    assert read(phone.get(scene.url())).checked == {"d.1": "rejected"}

    taken = send(desk, page, "take")
    assert read(taken).checked == {"d.1": "rejected"}
    assert read(taken).fields["c.1"] == "Not now."
    assert "in another browser" not in taken.text
    assert read(phone.get(scene.url())).checked == {}
