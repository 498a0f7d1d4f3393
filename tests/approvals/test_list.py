"""The list of an approver: one link and a code for all that waits, and nothing of it for anybody else."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

import pytest
from fastapi.testclient import TestClient
from httpx import Response

from campaigns import wiring
from campaigns.approval.renewing import renew_link, revoke_link
from campaigns.model.vocabulary import CampaignStatus
from tests.approvals.reader import read
from tests.approvals.scene import ANA, BEN, CLA, TENANT, Scene

TWO = [ANA.to_wire(), BEN.to_wire()]
LIST = "/approve/list"


def address(scene: Scene, approver: int = 1) -> str:
    """Return the link to an approver's list."""
    round_ = scene.round()
    return wiring.get_list_links().url(scene.base_url, round_, round_.approvers[approver - 1], now=scene.clock.now)


def sent_codes(scene: Scene) -> list[str]:
    mails = sorted((scene.home / "mail").glob("*-list_code-*.eml"), key=lambda path: path.stat().st_mtime_ns)
    return [re.findall(r"^(\d{6})\r?$", path.read_text(), re.MULTILINE)[0] for path in mails]


def post(browser: TestClient, page: Response, action: str, **fields: str) -> Response:
    return browser.post(LIST, data={"csrf": read(page).fields.get("csrf", ""), "action": action, **fields})


def opened(scene: Scene, browser: TestClient, url: str | None = None) -> Response:
    """Open a list with the code that comes by mail."""
    page = browser.get(url or address(scene))
    asked = post(browser, page, "code")
    return post(browser, asked, "open", code=sent_codes(scene)[-1])


def waiting(page: Response) -> list[str]:
    return re.findall(r'<li class="panel"><h2>(.*?)</h2>', page.text)


def named(scene: Scene, seed: str, name: str, **approval: Any) -> Scene:
    other = scene.another(seed)
    other.campaign = other.campaign.model_copy(update={"name": name})
    return other.stand_up(posts=2, **approval)


def test_all_that_waits_for_one_address_is_listed_the_first_to_end_first(scene: Scene) -> None:
    first = named(scene, "a", "Later <b>one</b>", expires_in_hours=96)
    named(scene, "b", "Sooner", expires_in_hours=48, approvers=[{**ANA.to_wire(), "email": "ANA@example.com"}])
    named(scene, "c", "Of somebody else", approvers=[BEN.to_wire()])
    decided = named(scene, "d", "Decided", approvers=TWO, quorum="all")
    decided.decide(1)
    gone = named(scene, "e", "Cancelled")
    gone.move(CampaignStatus.CANCELLED)
    withdrawn = named(scene, "f", "Withdrawn", approvers=TWO)
    revoke_link(scene.store, TENANT, withdrawn.campaign.id, 1, "ap-1", actor="t", reason="left", now=scene.clock.now)
    browser = scene.browser()

    page = opened(first, browser)

    assert waiting(page) == ["Sooner", "Later &lt;b&gt;one&lt;/b&gt;"]
    assert read(page).heading == "2 reviews wait for you"
    links = [link for link in read(page).links if "token=" in link]
    review = browser.get(links[1])
    assert read(review).heading == first.campaign.name
    assert browser.get(links[0]).status_code == 200
    assert "UTC" in page.text


def test_the_token_leaves_the_address_and_without_the_code_nothing_is_named(scene: Scene) -> None:
    named(scene, "a", "A secret launch")
    browser = scene.browser()

    page = browser.get(address(scene.another("a")))

    assert urlsplit(str(page.url)).query == ""
    assert "A secret launch" not in page.text
    assert sent_codes(scene) == []  # opening sends nothing: a scanner opens
    asked = post(browser, page, "code")
    assert "A secret launch" not in asked.text
    (code,) = sent_codes(scene)
    wrong = post(browser, asked, "open", code=f"{(int(code) + 1) % 1_000_000:06d}")
    assert (wrong.status_code, "That is not the code" in wrong.text) == (422, True)
    assert "A secret launch" not in wrong.text
    assert waiting(post(browser, wrong, "open", code=f" {code[:3]} {code[3:]} ")) == ["A secret launch"]
    assert waiting(browser.get(LIST)) == ["A secret launch"]
    stranger = scene.browser()
    assert waiting(stranger.get(address(scene.another("a")))) == []


def test_five_wrong_codes_end_the_tries_and_asking_again_brings_no_new_one_before_its_time(scene: Scene) -> None:
    first = named(scene, "a", "Spring")
    browser = scene.browser()
    page = post(browser, browser.get(address(first)), "code")
    (code,) = sent_codes(scene)
    wrong = f"{(int(code) + 1) % 1_000_000:06d}"

    answers = [post(browser, page, "open", code=each) for each in [wrong] * 5 + [code]]
    again = post(browser, page, "code")

    assert "Too many wrong codes" in answers[-1].text
    assert waiting(answers[-1]) == []
    assert len(sent_codes(scene)) == 1
    scene.clock.pass_(minutes=10)
    again = post(browser, page, "code")
    assert len(sent_codes(scene)) == 2
    assert waiting(post(browser, again, "open", code=sent_codes(scene)[-1])) == ["Spring"]


@pytest.mark.parametrize("fields", [{}, {"csrf": ""}, {"csrf": "1.k1." + "0" * 32}, {"csrf": "x" * 5000}])
def test_a_form_from_elsewhere_does_nothing(scene: Scene, fields: dict[str, str]) -> None:
    browser = scene.browser()
    page = browser.get(address(named(scene, "a", "Spring")))

    assert browser.post(LIST, data={"action": "code", **fields}).status_code == 403
    assert browser.post(LIST, data={"csrf": read(page).fields["csrf"], "action": "code"},
                        headers={"Origin": "https://evil.example"}).status_code == 403  # fmt: skip
    assert browser.post(LIST, json={"csrf": read(page).fields["csrf"], "action": "code"}).status_code == 403
    assert sent_codes(scene) == []


def test_what_is_no_link_of_ours_is_one_answer(scene: Scene) -> None:
    first = named(scene, "a", "Spring", approvers=TWO)
    token = address(first).partition("token=")[2]
    other = address(first, 2).partition("token=")[2]
    mixed = f"{token.split('.')[0]}.{'.'.join(other.split('.')[1:])}"
    revoke_link(scene.store, TENANT, first.campaign.id, 1, "ap-2", actor="t", reason="left", now=scene.clock.now)
    tried = ["", "x", f"{token}x", token[:-1], mixed, first.link().token, "%C3%A9" * 50, other]

    answers = [scene.browser().get(f"{LIST}?token={each}") for each in tried]
    answers.append(scene.browser().get(LIST))
    answers.append(scene.browser().post(LIST, data={"action": "code"}))

    assert {each.status_code for each in answers} == {404}
    assert len({each.text for each in answers}) == 1
    assert scene.browser().get(f"/approve/{first.round().callback_id}/list").status_code == 404


def test_a_link_lives_three_days_and_a_new_one_goes_to_the_address_on_file(scene: Scene) -> None:
    first = named(scene, "a", "Spring")
    browser = scene.browser()
    opened(first, browser)

    scene.clock.pass_(days=3)
    page = browser.get(LIST)
    assert (page.status_code, "Spring" in page.text) == (410, False)
    for _ in range(2):
        said = post(browser, page, "relink")
    assert "A link is on its way" in said.text
    (mail,) = (scene.home / "mail").glob("*-list_link-*.eml")
    text = mail.read_bytes().decode("ascii").replace("=\r\n", "").replace("=3D", "=")
    url = re.search(r"http://testserver/approve/list\?token=[\w.-]+", text)
    assert url is not None
    assert "ana@example.com" in text
    assert waiting(opened(first, browser, url[0])) == ["Spring"]


def test_the_review_leads_to_the_list_of_its_reader_and_the_code_stays_one_browser_s(scene: Scene) -> None:
    first = named(scene, "a", "Spring", approvers=TWO)
    named(scene, "b", "For Ben", approvers=[BEN.to_wire()])
    browser = scene.browser()
    page = browser.get(first.url(2))
    (link,) = [each for each in read(page).links if each.endswith("/list")]

    shown = opened(first, browser, link)

    assert set(waiting(shown)) == {"Spring", "For Ben"}
    (mail,) = (scene.home / "mail").glob("*-list_code-*.eml")
    assert "ben@example.com" in mail.read_text()


def replaced(scene: Scene) -> None:
    renew_link(
        scene.store, TENANT, scene.campaign.id, 1, "ap-1",
        name=CLA.name, email=CLA.email, actor="t", reason="left", now=scene.clock.now,
    )  # fmt: skip


def test_whoever_is_replaced_does_not_come_to_hold_the_list_of_who_is_asked_instead(scene: Scene) -> None:
    first = named(scene, "a", "Spring")
    named(scene, "b", "A secret launch", approvers=[CLA.to_wire()])
    browser, link = scene.browser(), first.url()
    opened(first, browser)

    replaced(first)
    scene.clock.pass_(minutes=1)

    shown = browser.get(LIST)
    assert (shown.status_code, waiting(shown)) == (404, [])
    for url in (f"{link}", f"/approve/{first.round().callback_id}/list"):
        shown = browser.get(url)
        assert CLA.email not in shown.text
        assert CLA.name not in shown.text
        assert waiting(shown) == []
    own = opened(first, scene.browser(), address(first))
    assert set(waiting(own)) == {"Spring", "A secret launch"}


def test_a_renewed_link_of_the_same_person_ends_no_list(scene: Scene) -> None:
    first = named(scene, "a", "Spring")
    browser = scene.browser()
    opened(first, browser)

    renew_link(
        scene.store, TENANT, first.campaign.id, 1, "ap-1", actor="t", reason="lost it", now=scene.clock.now
    )  # fmt: skip

    assert waiting(browser.get(LIST)) == ["Spring"]


def test_when_nothing_waits_the_list_says_so_in_the_readers_language(scene: Scene) -> None:
    first = named(scene, "a", "Spring", approvers=[CLA.to_wire()])
    browser, url = scene.browser(), address(first)
    first.decide(1)

    page = opened(first, browser, url)

    assert read(page).heading == "Nichts wartet auf Sie"
    assert read(page).lang == "de"
    assert page.headers["Cache-Control"] == "no-store"
