"""The code by e-mail (`requireOtp`): whoever only has the link decides nothing."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any

import pytest
from fastapi.testclient import TestClient
from httpx import Response

from campaigns import wiring
from campaigns.approval.codes import Proof, prove, send_code
from campaigns.approval.renewing import renew_link
from campaigns.errors import StoreUnavailableError
from campaigns.keys.keyring import KeyRing
from campaigns.keys.links import LinkSigner
from campaigns.keys.rotation import added, promoted
from campaigns.settings import get_settings
from tasks.delivery.deliver import deliver_now
from tests.approvals.reader import read, send
from tests.approvals.scene import TENANT, Scene


def asking(scene: Scene, browser: TestClient) -> Response:
    """Come to the send step of a campaign that asks for a code."""
    scene.stand_up(posts=2, require_otp=True)
    page = browser.get(scene.url())
    return send(browser, page, "review", d_1="approved", d_2="approved")


def codes(scene: Scene) -> list[str]:
    """Return the codes in the mailbox, oldest first."""
    mails = sorted((scene.home / "mail").glob("*-code-*.eml"), key=lambda path: path.stat().st_mtime_ns)
    return [re.findall(r"^(\d{6})\r?$", path.read_text(), re.MULTILINE)[0] for path in mails]


def decided(scene: Scene) -> int:
    return len(scene.store.approvals.decisions(TENANT, scene.campaign.id, 1))


def confirm(browser: TestClient, step: Response, **fields: str) -> Response:
    return send(browser, step, "send", **{"confirm": "yes", **fields})


def test_the_right_code_decides_once(scene: Scene) -> None:
    browser = scene.browser()
    step = asking(scene, browser)
    assert "ana@example.com" in step.text
    (code,) = codes(scene)

    receipt = confirm(browser, step, code=f" {code[:3]} {code[3:]} ")
    again = confirm(browser, step, code="")

    assert read(receipt).heading == "Approved"
    assert again.text == receipt.text
    assert decided(scene) == 1


@pytest.mark.parametrize("code", ["", "12345", "abcdef", "１２３４５６", "1234567"])
def test_what_is_no_code_costs_no_try_and_nothing_typed_is_lost(scene: Scene, code: str) -> None:
    browser = scene.browser()
    step = asking(scene, browser)

    answer = confirm(browser, step, code=code, comments="Fine by me.")

    assert (answer.status_code, decided(scene)) == (422, 0)
    assert "Enter the six digits" in answer.text
    assert read(answer).fields["comments"] == "Fine by me."
    assert scene.store.codes.get(scene.round(), "ap-1").tries == 0


def test_after_five_wrong_ones_the_right_one_is_too_late(scene: Scene) -> None:
    browser = scene.browser()
    step = asking(scene, browser)
    (code,) = codes(scene)
    wrong = f"{(int(code) + 1) % 1_000_000:06d}"

    answers = [confirm(browser, step, code=each) for each in [wrong] * 5 + [code]]

    assert ["That is not the code" in answer.text for answer in answers] == [True] * 5 + [False]
    assert "Too many wrong codes" in answers[-1].text
    assert [answer.status_code for answer in answers] == [422] * 6
    assert (decided(scene), len(codes(scene))) == (0, 1)
    scene.clock.pass_(minutes=10)
    assert "A new one is on its way" in confirm(browser, step, code=code).text
    assert read(confirm(browser, step, code=codes(scene)[-1])).heading == "Approved"


def test_a_code_is_good_for_ten_minutes(scene: Scene) -> None:
    browser = scene.browser()
    step = asking(scene, browser)
    (old,) = codes(scene)
    scene.clock.pass_(minutes=10)

    answer = confirm(browser, step, code=old)

    assert "That code is over" in answer.text
    assert decided(scene) == 0
    assert len(codes(scene)) == 2


def test_looking_sends_no_code_and_coming_back_sends_no_other(scene: Scene) -> None:
    browser = scene.browser()
    step = asking(scene, browser)

    for _ in range(3):
        browser.get(step.url.path, params={"step": "send"})
        send(browser, browser.get(step.url.path), "review", d_1="approved", d_2="approved")

    assert len(codes(scene)) == 1
    assert decided(scene) == 0


def test_no_code_is_asked_for_where_none_was_agreed(scene: Scene) -> None:
    browser = scene.browser()
    step = send(browser, browser.get(scene.stand_up(posts=1).url()), "review", d_1="approved")

    assert "code" not in read(step).fields
    assert codes(scene) == []


def test_the_json_way_does_not_go_round_it(scene: Scene) -> None:
    link = scene.stand_up(posts=2, require_otp=True).link()
    body: dict[str, Any] = {"callbackId": link.callback_id, "decision": "approved"}

    answer = scene.browser().post(
        f"/campaigns/{scene.campaign.id}/approve", json=body, headers={"Authorization": f"Bearer {link.token}"}
    )

    assert answer.status_code == 409
    assert "CODE_REQUIRED" in answer.text
    assert decided(scene) == 0


def test_a_code_is_in_no_store_and_goes_to_no_channel_of_a_team(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAMPAIGNS_NOTIFICATION_BLOCKS", "mail,slack-webhook/team")
    get_settings.cache_clear()
    browser, outbox = scene.browser(), scene.store.outbox
    page = browser.get(scene.stand_up(posts=1, require_otp=True).url())
    for entry in outbox.of(TENANT, scene.campaign.id):
        outbox.done(entry, at=scene.clock.now)  # the review request, which the team may well read
    send(browser, page, "review", d_1="approved")
    (code,) = codes(scene)

    entries = [entry for entry in scene.store.outbox.of(TENANT, scene.campaign.id) if entry.kind == "code"]

    assert {entry.payload.get("channel", "mail") for entry in entries} == {"mail"}
    assert code.encode() not in (scene.home / "store.db").read_bytes()


def test_where_no_channel_reaches_one_person_the_code_stays_in_the_outbox_with_the_reason(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CAMPAIGNS_NOTIFICATION_BLOCKS", "slack-webhook/team")
    get_settings.cache_clear()
    scene.stand_up(posts=1, require_otp=True)
    for entry in scene.store.outbox.of(TENANT, scene.campaign.id):
        scene.store.outbox.done(entry, at=scene.clock.now)
    send_code(scene.store, scene.signer, scene.round(), scene.round().approvers[0], now=scene.clock.now)

    deliver_now(scene.store, TENANT, scene.campaign.id, now=scene.clock.now)

    (entry,) = [each for each in scene.store.outbox.of(TENANT, scene.campaign.id) if each.kind == "code"]
    assert "no channel that is set up reaches one person" in (entry.last_error or "")


def test_each_approver_and_each_code_is_another(scene: Scene) -> None:
    scene.stand_up(posts=1, require_otp=True)
    (ana,), signer, now = scene.round().approvers, scene.signer, scene.clock.now
    other = ana.model_copy(update={"jti": "another"})

    assert signer.one_time_code(ana, now) == signer.one_time_code(ana, now)
    assert len({signer.one_time_code(ana, now), signer.one_time_code(other, now)}) == 2
    assert prove(scene.store, signer, scene.round(), ana, "000000", now=now) is Proof.OVER


@pytest.mark.parametrize(("mails", "reads"), [("k1", "k2"), ("k2", "k1"), ("k2", "k2")])
def test_a_code_is_the_same_for_whoever_mails_and_reads_it_while_keys_change(
    scene: Scene, mails: str, reads: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.stand_up(posts=1, require_otp=True)
    round_, now, of_before = scene.round(), scene.clock.now, get_settings().approval_keys
    assert of_before is not None
    rings = {"k1": added(of_before.get_secret_value(), "k2")}
    rings["k2"] = promoted(rings["k1"])
    signs = {kid: LinkSigner(KeyRing.parse(ring)) for kid, ring in rings.items()}
    (ana,) = round_.approvers
    send_code(scene.store, signs["k1"], round_, ana, now=now)

    monkeypatch.setenv("CAMPAIGNS_APPROVAL_KEYS", rings[mails])
    get_settings.cache_clear()
    wiring.get_link_signer.cache_clear()
    deliver_now(scene.store, TENANT, scene.campaign.id, now=now)

    (code,) = codes(scene)
    assert prove(scene.store, signs[reads], round_, ana, code, now=now) is Proof.RIGHT


def test_a_code_of_a_revoked_key_is_over_and_another_is_sent(scene: Scene) -> None:
    scene.stand_up(posts=1, require_otp=True)
    round_, now, of_before = scene.round(), scene.clock.now, get_settings().approval_keys
    assert of_before is not None
    ring = promoted(added(of_before.get_secret_value(), "k2")).replace("k1:verify", "k1:revoked")
    leaked, (ana,) = LinkSigner(KeyRing.parse(ring)), round_.approvers
    send_code(scene.store, scene.signer, round_, ana, now=now)
    issued = scene.store.codes.get(round_, ana.id)
    assert issued is not None
    code = scene.signer.one_time_code(ana, issued.issued_at)

    assert prove(scene.store, leaked, round_, ana, code, now=now) is Proof.OVER
    scene.clock.pass_(minutes=1)
    send_code(scene.store, leaked, round_, ana, now=scene.clock.now)
    again = scene.store.codes.get(round_, ana.id)
    assert again is not None
    assert (again.kid, again.issued_at > issued.issued_at) == ("k2", True)


def test_with_a_new_link_comes_a_new_code(scene: Scene) -> None:
    scene.stand_up(posts=2, require_otp=True)
    before = scene.round()
    send_code(scene.store, scene.signer, before, before.approvers[0], now=scene.clock.now)
    deliver_now(scene.store, TENANT, scene.campaign.id, now=scene.clock.now)
    scene.clock.pass_(minutes=1)
    renew_link(
        scene.store, TENANT, scene.campaign.id, 1, "ap-1", actor="operator:olga", reason="lost", now=scene.clock.now
    )
    asked = scene.round()

    send_code(scene.store, scene.signer, asked, asked.approvers[0], now=scene.clock.now)
    deliver_now(scene.store, TENANT, scene.campaign.id, now=scene.clock.now)

    code = codes(scene)[-1]
    assert prove(scene.store, scene.signer, asked, asked.approvers[0], code, now=scene.clock.now) is Proof.RIGHT


def test_who_takes_a_decision_back_elsewhere_is_sent_a_code(scene: Scene) -> None:
    browser, elsewhere = scene.browser(), scene.browser()
    scene.stand_up(posts=2, require_otp=True, settle_seconds=300)
    step = send(browser, browser.get(scene.url()), "review", d_1="approved", d_2="approved")
    scene.clock.pass_(minutes=8)
    confirm(browser, step, code=codes(scene)[0])
    assert decided(scene) == 1
    scene.clock.pass_(minutes=3)  # the code of before is over, the time to undo is not

    asked = send(elsewhere, elsewhere.get(scene.url()), "undo")

    assert "code" in read(asked).fields
    assert len(codes(scene)) == 2
    assert read(send(elsewhere, asked, "undo", code=codes(scene)[-1])).heading
    assert decided(scene) == 0


@pytest.mark.parametrize("write", [0, 1])
def test_a_code_is_promised_by_nothing_but_its_mail(scene: Scene, monkeypatch: pytest.MonkeyPatch, write: int) -> None:
    scene.stand_up(posts=1, require_otp=True)
    asked, left = scene.round(), iter(range(10))
    whole = scene.store.table.write

    def away(*operations: Any) -> None:
        if next(left) == write:
            raise StoreUnavailableError("away")
        whole(*operations)

    with monkeypatch.context() as broken, suppress(StoreUnavailableError):
        broken.setattr(scene.store.table, "write", away)
        send_code(scene.store, scene.signer, asked, asked.approvers[0], now=scene.clock.now)
    scene.clock.pass_(seconds=5)

    send_code(scene.store, scene.signer, asked, asked.approvers[0], now=scene.clock.now)

    assert [entry.kind for entry in scene.store.outbox.of(TENANT, scene.campaign.id)].count("code") == 1
