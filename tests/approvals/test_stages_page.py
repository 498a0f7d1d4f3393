"""The review page of an approval in stages: where it is, what others said, who comes next; mails and artifacts too."""

from __future__ import annotations

import csv
import io
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from api.auth.identity import SCOPES, mint
from api.schemas.stages import stage_states
from campaigns import wiring
from campaigns.approval.standing import stages_of
from campaigns.texts import LANGUAGES
from tasks.delivery.deliver import deliver_due
from tasks.showing.pages import campaign_page, review_page, waiting_page
from tests.approvals.reader import approve_all, read
from tests.approvals.scene import TENANT, Scene
from tests.approvals.test_digest import digests, words_of
from tests.approvals.test_list import address, opened
from tests.approvals.test_notices import mails, sweep
from tests.approvals.test_stages import CLIENT, EDITOR, LEGAL, goes_on, on, stored


@pytest.fixture
def at_legal(scene: Scene) -> Scene:
    """Three posts that the editor has approved with a comment; legal is asked."""
    scene.stand_up(posts=3, stages=[EDITOR, LEGAL, CLIENT])
    scene.decide(comments="Lovely, but mind the claims.")
    goes_on(scene)
    return scene


def stages_on(text: str) -> list[str]:
    """What the panel says, a line for each stage."""
    (panel,) = re.findall(r'<section class="panel stages".*?</section>', text, flags=re.DOTALL)
    return [" ".join(re.sub(r"<[^>]+>", " ", item).split()) for item in re.findall(r"<li.*?</li>", panel, re.DOTALL)]


def test_the_page_says_where_it_is_what_was_said_and_who_comes_next(at_legal: Scene) -> None:
    page = at_legal.browser().get(at_legal.url())

    assert "2 of 3: Legal" in page.text
    editor, legal, client = stages_on(page.text)
    assert editor.startswith("1 of 3: Editor Editor 1 approved this on Mon, 8 Mar 2027")
    assert "Lovely, but mind the claims." in editor
    assert legal == "2 of 3: Legal It is asked now."
    assert client == "3 of 3: Client Comes later: Client 1 and Client 2."
    assert page.text.count('aria-current="step"') == 1
    assert "@" not in "".join(stages_on(page.text))


def test_the_receipt_says_who_is_asked_next(at_legal: Scene) -> None:
    receipt = approve_all(at_legal.browser(), at_legal.url())

    assert read(receipt).heading == "Approved"
    assert "The approval then goes to Client (Client 1 and Client 2)." in receipt.text
    assert at_legal.round().n == 3
    at_legal.decide()
    goes_on(at_legal)
    last = at_legal.browser().get(at_legal.url(n=3))
    assert "The approved posts go out as planned." in last.text
    assert [line.split(" Client 1")[0] for line in stages_on(last.text)][2] == "3 of 3: Client"


def test_the_link_of_an_earlier_stage_shows_what_was_decided_and_not_a_newer_version(at_legal: Scene) -> None:
    own = at_legal.browser().get(at_legal.url(n=1))
    others = at_legal.browser().get(at_legal.url(approver=2, n=1))

    assert (own.status_code, read(own).heading) == (200, "Approved")
    assert (others.status_code, "Editor 1 approved this" in others.text) == (200, True)
    assert "1 of 3: Editor" in own.text


def test_who_is_asked_again_sees_what_another_stage_wanted_and_what_became_of_it(at_legal: Scene) -> None:
    at_legal.decide(**on(at_legal, p1="approved", p2="needs_revision", p3="approved"))
    at_legal.next_round({2: ("The first bags are here.", "Said it otherwise.")})

    again = at_legal.browser().get(at_legal.url())

    assert "1 of 3: Editor" in again.text
    assert "The first bags are here." in again.text
    assert "Legal 1" in again.text
    assert "Say it otherwise." in again.text
    assert "Approved by Editor 1 in round 1." in again.text
    assert list(read(again).choices) == ["d.2"]
    newer = at_legal.browser().get(at_legal.url(n=1))
    assert read(newer).heading == "A newer version was sent to you"
    assert read(at_legal.browser().get(at_legal.url(n=2))).heading == "Changes requested"


def test_the_mail_names_the_stage_and_those_before_and_after(at_legal: Scene) -> None:
    deliver_due(at_legal.store, now=at_legal.clock.now)

    asked = [mail for mail in mails(at_legal) if "legal1@example.com" in str(mail["To"])]

    assert len(asked) == 1
    assert str(asked[0]["Subject"]).endswith("(2 of 3: Legal)")
    text = asked[0].get_body(("plain",)).get_content()
    assert "Approved before you: Editor." in text
    assert "Asked after you: Client." in text


@pytest.mark.parametrize("language", LANGUAGES)
def test_it_is_said_in_every_language(scene: Scene, language: str) -> None:
    people = [{"name": "Lea", "email": "lea@example.com", "locale": language}]
    scene.stand_up(posts=1, stages=[EDITOR, {**LEGAL, "approvers": people}, CLIENT])
    scene.decide()
    goes_on(scene)

    page = scene.browser().get(scene.url())

    where = {"en": "2 of 3: Legal", "de": "2 von 3: Legal", "fr": "2 sur 3 : Legal", "es": "2 de 3: Legal"}[language]
    assert read(page).lang == language
    assert where in page.text
    assert len(stages_on(page.text)) == 3


def test_the_artifacts_say_where_it_is(at_legal: Scene) -> None:
    review = review_page(at_legal.store, stored(at_legal))

    assert review is not None
    assert "2 of 3: Legal" in review.description.replace("\\", "")
    assert "| Editor | approved | Editor 1 | approved | 1 |" in review.markdown.replace("\\", "")
    assert "Approvers, 2: Legal" in campaign_page(at_legal.store, stored(at_legal)).markdown.replace("\\", "")
    assert "2 (2 of 3: Legal)" in waiting_page(at_legal.store, at_legal.clock.now).markdown.replace("\\", "")


def test_the_json_way_says_which_stage_it_was_and_which_is_next(at_legal: Scene) -> None:
    link = at_legal.link()
    answer = at_legal.browser().post(
        f"/campaigns/{at_legal.campaign.id}/approve",
        json={"callbackId": link.callback_id, "decision": "approved"},
        headers={"Authorization": f"Bearer {link.token}"},
    )

    assert answer.status_code == 200, answer.text
    assert (answer.json()["stage"], answer.json()["nextStage"]) == ("Legal", "Client")
    late = at_legal.browser().post(
        f"/campaigns/{at_legal.campaign.id}/approve",
        json={"callbackId": link.callback_id, "decision": "rejected", "comments": "No."},
        headers={"Authorization": f"Bearer {link.token}"},
    )
    assert late.status_code == 409
    assert at_legal.store.approvals.decisions(TENANT, at_legal.campaign.id, 2)[0].decision == "approved"


def test_clients_see_every_stage_and_no_address(at_legal: Scene) -> None:
    told = [each.to_wire() for each in stage_states(stages_of(at_legal.store, at_legal.round()))]

    assert [(each["n"], each["name"], each["state"], each.get("round")) for each in told] == [
        (1, "Editor", "approved", 1),
        (2, "Legal", "asked", 2),
        (3, "Client", "waits", None),
    ]
    (said,) = told[0]["decisions"]
    assert (said["decidedBy"], said["comments"]) == ("Editor 1", "Lovely, but mind the claims.")
    assert "@" not in str(told)


def read_by_team(scene: Scene, path: str) -> Any:
    token = mint(
        wiring.get_api_ring(), tenant_id=TENANT, subject="t", scopes=SCOPES, ttl=timedelta(hours=1),
        now=datetime.now(UTC),
    )  # fmt: skip
    return scene.browser().get(path, headers={"Authorization": f"Bearer {token}"})


def test_a_reader_of_the_campaign_sees_where_it_is(at_legal: Scene) -> None:
    standing = read_by_team(at_legal, f"/campaigns/{at_legal.campaign.id}").json()["standing"]

    assert standing["position"] == "2 of 3: Legal"
    assert standing["asked"] == ["Legal 1", "Legal 2"]
    assert (standing["next"], standing["nextAsked"]) == ("Client", ["Client 1", "Client 2"])
    assert [(each["name"], each["state"]) for each in standing["stages"]] == [
        ("Editor", "approved"), ("Legal", "asked"), ("Client", "waits"),
    ]  # fmt: skip
    assert standing["stages"][0]["decisions"][0]["comments"] == "Lovely, but mind the claims."
    assert "@" not in str(standing)


def test_a_table_says_which_stages_have_approved_each_post(at_legal: Scene) -> None:
    post = at_legal.posts()[0]
    at_legal.decide(posts={post.id: {"decision": "rejected", "comment": "Not this one."}})

    table = read_by_team(at_legal, f"/campaigns/{at_legal.campaign.id}/export?format=csv&posts=all").text
    rows = {row["id"]: row["stages"] for row in csv.DictReader(io.StringIO(table.removeprefix("\ufeff")))}

    assert rows.pop(post.id) == "Editor"
    assert set(rows.values()) == {"Editor, Legal"}


def test_the_list_and_the_digest_name_the_stage(at_legal: Scene) -> None:
    legal = at_legal.another("also").stand_up(posts=2, stages=[EDITOR, LEGAL, CLIENT])
    legal.decide()
    goes_on(legal)
    browser = at_legal.browser()

    page = opened(at_legal, browser, address(at_legal))
    assert page.text.count("2 of 3: Legal") == 2

    at_legal.clock.now = at_legal.round().expires_at - timedelta(hours=24)
    sweep(at_legal)
    (mail, *_) = [each for each in digests(at_legal) if "Legal 1" in str(each["To"])]
    assert words_of(mail).count("(2 of 3: Legal)") == 2


def test_the_receipt_says_that_rewritten_words_go_back_first(scene: Scene) -> None:
    scene.stand_up(posts=2, stages=[EDITOR, LEGAL, CLIENT], allow_edits=True)
    scene.decide()
    goes_on(scene)
    first, *others = scene.posts()
    said: dict[str, dict[str, str]] = {post.id: {"decision": "approved"} for post in others}
    scene.decide(posts={**said, first.id: {"decision": "approved", "edit": "The first bags are here on Monday."}})

    receipt = scene.browser().get(scene.url(n=2))

    assert "First it goes back to Editor (Editor 1 and Editor 2)" in receipt.text


def test_what_another_stage_moved_is_not_called_rewritten(scene: Scene) -> None:
    scene.stand_up(posts=2, stages=[EDITOR, LEGAL, CLIENT], allow_moves=True, allow_edits=True)
    scene.decide(comments="Lovely.")
    goes_on(scene)
    first, second = scene.posts()
    to = (first.scheduled_at + timedelta(minutes=30)).isoformat()
    said = {first.id: {"moveTo": to}, second.id: {"edit": "The first bags are here on Monday."}}
    scene.decide(comments="Later.", posts={each: {"decision": "approved", **what} for each, what in said.items()})
    goes_on(scene)

    page = scene.browser().get(scene.url())

    assert page.text.count(">Moved</p>") == 1
    assert page.text.count(">Rewritten</p>") == 1
    assert "left no note" not in page.text
