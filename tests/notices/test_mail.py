"""Mail, whole: what the embedded default writes to a file is what leaves by SMTP, and a server's answer is believed."""

from __future__ import annotations

import logging
import re
import socket
from collections.abc import Callable
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from prefect.blocks.core import Block
from pydantic import SecretStr

from campaigns.approval.messages.notices import Notice
from campaigns.mail_server import Mailbox, MailServerError, mail_server, mailbox
from campaigns.settings import Settings, get_settings
from deployments.engine.blocks import register_channels
from tasks.delivery.deliver import deliver_due
from tasks.delivery.notification_block import AppriseAddress
from tasks.delivery.smtp_mail import MailNotSentError, SmtpMail, hand_in
from tasks.upkeep.alerts import alert
from tests.approvals.scene import ANA, NOW, TENANT, Scene
from tests.notices.servers import PASSWORD, USER, Mailroom, a_mail_server, certificate

FALSE_LINK = '<a href="https://evil.example/login">Open the review</a>'
HOSTILE = [
    FALSE_LINK,
    "[Open the review](https://evil.example/login)",
    "<https://evil.example/login|Open the review>",
    "Tom & Jerry <b>&lt;i&gt;</b>",
    "=?utf-8?q?Open_the_review?=",
    '"quoted" <ana@evil.example>',
    "Röstérei „Süd“ 🇵🇹",
    "a" * 90,
]


def saved(block: Block) -> str:
    """Save a block under a name of its own, and return the channel."""
    name = f"test-{uuid4().hex[:8]}"
    block.save(name, _sync=True)
    return f"{block.get_block_type_slug()}/{name}"


def by_smtp(room: Mailroom) -> Block:
    url = f"smtp://127.0.0.1:{room.port}?from=Fernwood%20reviews%20%3Creview@fernwood.example%3E"
    return SmtpMail(url=SecretStr(url))


def by_apprise(room: Mailroom) -> Block:
    return AppriseAddress(url=SecretStr(f"mailto://127.0.0.1:{room.port}?from=review@fernwood.example&to={{email}}"))


BLOCKS = pytest.mark.parametrize("block", [by_smtp, by_apprise])


def tell_by(channel: str, monkeypatch: pytest.MonkeyPatch, **more: str) -> None:
    monkeypatch.setenv("CAMPAIGNS_NOTIFICATION_BLOCKS", channel)
    for name, value in more.items():
        monkeypatch.setenv(f"CAMPAIGNS_{name.upper()}", value)
    get_settings.cache_clear()


def link_texts(mail: EmailMessage) -> list[tuple[str, str]]:
    """Return what is a link in the HTML of a mail: where to, and its words."""
    found: list[tuple[str, str]] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            if tag == "a":
                found.append((dict(attrs)["href"] or "", ""))

        def handle_data(self, data: str) -> None:
            if self.get_starttag_text() and (self.get_starttag_text() or "").startswith("<a ") and found:
                found[-1] = (found[-1][0], found[-1][1] + data)

    Reader().feed(html_of(mail))
    return found


def html_of(mail: EmailMessage) -> str:
    body = mail.get_body(("html",))
    assert body is not None
    return str(body.get_content())


def plain_of(mail: EmailMessage) -> str:
    body = mail.get_body(("plain",))
    assert body is not None
    return str(body.get_content())


def shown(html: str) -> str:
    """Return the words that a reader of HTML sees, its tags gone and its escapes undone."""
    words: list[str] = []

    class Reader(HTMLParser):
        def handle_data(self, data: str) -> None:
            words.append(data)

    Reader().feed(html)
    return "\n".join(words)


# --- what arrives -------------------------------------------------------------------------------------


@BLOCKS
def test_the_mail_that_leaves_by_smtp_is_the_mail_that_the_file_holds(
    prefect_server: str, scene: Scene, mailroom: Mailroom, monkeypatch: pytest.MonkeyPatch,
    block: Callable[[Mailroom], Block],
) -> None:  # fmt: skip
    tell_by(f"mail,{saved(block(mailroom))}", monkeypatch)
    scene.stand_up(posts=5)

    deliver_due(scene.store, now=NOW)

    (file,) = (scene.home / "mail").glob("*.eml")
    written = message_from_bytes(file.read_bytes(), policy=policy.default)
    (left,) = mailroom.mails()
    assert mailroom.to == [["ana@example.com"]]
    assert left["From"].addresses[0].addr_spec == "review@fernwood.example"
    for name in ("To", "Subject", "Date", "Message-ID", "Auto-Submitted", "Content-Language", "MIME-Version"):
        assert left[name] == written[name] != None, name  # noqa: E711
    assert left["To"].addresses[0].display_name == "Ana Ribeiro"
    assert left["Auto-Submitted"] == "auto-generated"
    assert left["Date"].datetime == NOW
    assert left.get_content_type() == "multipart/alternative"
    # The link is made anew for each channel, and is the only difference.
    link = re.compile(r"http://testserver/approve/\S+?(?=[\"<\s])")
    assert link.sub("", plain_of(left)) == link.sub("", plain_of(written))  # type: ignore[arg-type]
    assert link.sub("", html_of(left)) == link.sub("", html_of(written))  # type: ignore[arg-type]
    assert plain_of(left).count("\n") > 8


@BLOCKS
@pytest.mark.parametrize("name", HOSTILE)
def test_names_are_words_in_every_part_of_a_mail_and_never_a_link(
    prefect_server: str, scene: Scene, mailroom: Mailroom, monkeypatch: pytest.MonkeyPatch,
    block: Callable[[Mailroom], Block], name: str,
) -> None:  # fmt: skip
    tell_by(saved(block(mailroom)), monkeypatch)
    scene.prepare(posts=2, approvers=[ANA.model_copy(update={"name": name}).to_wire()])
    renamed(scene, name)
    scene.ask(1)

    deliver_due(scene.store, now=NOW)

    (mail,) = mailroom.mails()
    assert name in mail["Subject"]
    (reader,) = mail["To"].addresses
    assert (reader.display_name, reader.addr_spec) == (name, "ana@example.com")
    assert name in plain_of(mail)
    assert name in shown(html_of(mail))
    assert [to for to, _ in link_texts(mail)] == re.findall(r"http://testserver\S+", plain_of(mail))
    assert all(len(line) <= 998 for line in mailroom.taken[0].split(b"\r\n"))
    assert mailroom.taken[0].isascii()


def renamed(scene: Scene, name: str) -> None:
    """Give brand and campaign a name, as one that was stored by an older version may have it."""
    brand = scene.store.brands.get(TENANT, scene.campaign.brand_id or "")
    scene.store.brands.update(brand.model_copy(update={"name": name}), expect_version=brand.version)
    scene.campaign = scene.store.campaigns.update(TENANT, scene.campaign.id, {"name": name}, actor="test", at=NOW)


def test_what_follows_answers_the_thread_of_the_first(
    prefect_server: str, scene: Scene, mailroom: Mailroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell_by(saved(by_smtp(mailroom)), monkeypatch)
    scene.stand_up(posts=1)
    deliver_due(scene.store, now=NOW)
    scene.decide()
    deliver_due(scene.store, now=NOW)

    first, *later = mailroom.mails()
    receipt = next(mail for mail in later if mail["To"].addresses[0].addr_spec == "ana@example.com")
    assert first["In-Reply-To"] is None
    assert receipt["In-Reply-To"] == receipt["References"] == first["Message-ID"]
    assert len({mail["Message-ID"] for mail in mailroom.mails()}) == len(mailroom.taken)


@pytest.mark.parametrize(
    "broken", ["Ana\r\nBcc: eve@evil.example", "Ana\nX: y", "Ana\u2028Eve", "Ana\x00\x1b[2J", "\x85"]
)
def test_no_name_makes_a_header(mailroom: Mailroom, broken: str) -> None:
    notice = Notice(to=broken, email="ana@example.com", subject=broken, paragraphs=["."], thread="t", language="en")
    server = mail_server(f"smtp://127.0.0.1:{mailroom.port}?from=review@fernwood.example")

    hand_in(notice.mail("m", sender=server.sender, at=NOW), server, to=["ana@example.com"])

    (mail,) = mailroom.mails()
    assert sorted(mail.keys()) == sorted(
        ["From", "To", "Subject", "Date", "Message-ID", "In-Reply-To", "References", "Auto-Submitted",
         "Content-Language", "MIME-Version", "Content-Type", *(["X-Peer"] if mail["X-Peer"] else [])]
    )  # fmt: skip
    assert mail["To"].addresses[0].addr_spec == "ana@example.com"
    assert mail.defects == []


# --- how it is handed in ------------------------------------------------------------------------------


def a_notice() -> Notice:
    return Notice(to="Ana", email="ana@example.com", subject="S", paragraphs=["Olá"], thread="t", language="en")


def test_starttls_and_a_login_where_the_address_asks_for_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context, signer = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(signer))
    with a_mail_server(context, login=True) as room:
        server = mail_server(
            f"smtp://{USER}:p%40ss%3Aw%2Frd@127.0.0.1:{room.port}?tls=starttls&from=review@fernwood.example"
        )
        assert server.password == PASSWORD

        hand_in(a_notice().mail("m", sender=server.sender, at=NOW), server, to=["ana@example.com"])

        assert (room.secure, room.users) == ([True], [USER])


@pytest.mark.parametrize("vouched", [True, False])
def test_nothing_is_said_to_a_server_that_cannot_be_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, vouched: bool
) -> None:
    context, _ = certificate(tmp_path)
    with a_mail_server(context if vouched else None) as room:
        # With a certificate that nobody vouches for, or without any: a password must not go out in clear.
        server = mail_server(f"smtp://127.0.0.1:{room.port}?tls=starttls&from=review@fernwood.example")

        with pytest.raises(MailNotSentError, match="SSLCertVerificationError" if vouched else "SMTPNotSupportedError"):
            hand_in(a_notice().mail("m", sender=server.sender, at=NOW), server, to=["ana@example.com"])

        assert room.taken == []


def test_a_server_that_says_nothing_is_left_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.delivery.smtp_mail._SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        server = mail_server(f"smtp://127.0.0.1:{silent.getsockname()[1]}?from=review@fernwood.example")

        with pytest.raises(MailNotSentError, match=r"TimeoutError|SMTPServerDisconnected"):
            hand_in(a_notice().mail("m", sender=server.sender, at=NOW), server, to=["ana@example.com"])


@pytest.mark.parametrize(
    ("answer", "where"),
    [("451 4.7.1 greylisted", "answers_recipient"), ("452 4.2.2 ana@example.com is full", "answers_mail")],
)
def test_a_server_that_refuses_for_now_is_asked_again(
    prefect_server: str, scene: Scene, mailroom: Mailroom, monkeypatch: pytest.MonkeyPatch, answer: str, where: str
) -> None:
    channel = saved(by_smtp(mailroom))
    tell_by(channel, monkeypatch)
    setattr(mailroom, where, answer)
    scene.stand_up(posts=1)
    for minute in range(10):
        deliver_due(scene.store, now=NOW + minute * timedelta(minutes=6))
    (waiting,) = [entry for entry in scene.store.outbox.of(TENANT, scene.campaign.id) if "channel" in entry.payload]
    assert (waiting.is_open, waiting.attempts) == (True, 10)
    assert waiting.last_error == f"{channel}: {answer[:9]}"
    assert scene.audit().count("not_sent") == 1
    setattr(mailroom, where, "")

    deliver_due(scene.store, now=NOW + timedelta(hours=2))

    assert len(mailroom.taken) == 1
    assert scene.audit().count("sent") == 1


@pytest.mark.parametrize(
    ("answer", "where"), [("550 5.1.1 no <ana@example.com>", "answers_recipient"), ("554 5.7.1 spam", "answers_mail")]
)
def test_a_server_that_refuses_for_good_is_not_asked_again_and_people_are_told(
    prefect_server: str, scene: Scene, mailroom: Mailroom, monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture, answer: str, where: str,
) -> None:  # fmt: skip
    channel = saved(by_smtp(mailroom))
    tell_by(channel, monkeypatch)
    setattr(mailroom, where, answer)
    scene.stand_up(posts=1)
    caplog.set_level(logging.INFO, "campaigns")
    deliver_due(scene.store, now=NOW)
    setattr(mailroom, where, "")

    deliver_due(scene.store, now=NOW + timedelta(hours=2))

    (refused,) = [
        entry for entry in scene.store.outbox.of(TENANT, scene.campaign.id)
        if entry.kind == "review_request" and "channel" in entry.payload
    ]  # fmt: skip
    assert (refused.is_quarantined, refused.attempts) == (True, 1)
    assert refused.last_error == f"{channel}: {answer[:9]}"
    told = [
        entry.details for entry in scene.store.audit.entries(TENANT, scene.campaign.id) if entry.action == "not_sent"
    ]
    assert told == [{"approver": "ap-1", "channel": channel, "kind": "review_request", "error": answer[:9]}]
    assert "ana@example.com" not in "".join(str(record.__dict__) for record in caplog.records)


# --- from one address ---------------------------------------------------------------------------------


def test_one_address_is_all_that_an_operator_sets(
    prefect_server: str, scene: Scene, mailroom: Mailroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CAMPAIGNS_MAIL_URL", f"smtp://127.0.0.1:{mailroom.port}?from=review@fernwood.example")
    get_settings.cache_clear()
    register_channels(get_settings())
    scene.stand_up(posts=1)

    deliver_due(scene.store, now=NOW)

    assert [mail["From"] for mail in mailroom.mails()] == ["review@fernwood.example"]
    assert not (scene.home / "mail").exists()
    assert scene.audit().count("sent") == 1


SERVERS = [
    ("smtp://mail.example.com?from=a@b.example", ("mail.example.com", 587, "starttls", "a@b.example")),
    ("smtps://u:p@mail.example.com?from=a@b.example", ("mail.example.com", 465, "tls", "a@b.example")),
    ("smtp://a%40b.example:p@mail.example.com:2525", ("mail.example.com", 2525, "starttls", "a@b.example")),
    ("smtp://relay:25?from=a@b.example&tls=off", ("relay", 25, "none", "a@b.example")),
    ("smtp://127.0.0.1:1025?from=a@b.example", ("127.0.0.1", 1025, "none", "a@b.example")),
    ("smtp://[::1]:1025?from=a@bücher.example", ("::1", 1025, "none", "a@xn--bcher-kva.example")),
]


@pytest.mark.parametrize(("url", "means"), SERVERS)
def test_an_address_says_where_how_and_in_whose_name(url: str, means: tuple[Any, ...]) -> None:
    server = mail_server(url)

    assert (server.host, server.port, server.security, server.sender.address) == means


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("http://mail.example.com?from=a@b.example", "must begin with smtp://"),
        ("smtp://?from=a@b.example", "must name a host"),
        ("smtp://mail.example.com", r"\?from=review@example.com"),
        ("smtp://mail.example.com?from=nobody", r"\?from=review@example.com"),
        ("smtp://mail.example.com:99999?from=a@b.example", "host:port"),
        ("smtp://s3cret@mail.example.com?from=a@b.example", "both user and password"),
        ("smtp://u:s3cret/x@mail.example.com?from=a@b.example", "host:port|path"),
        ("smtp://u:s3cret@mail.example.com?from=a@b.example&to=s3cret@x.example", "no parameters but"),
        ("smtp://u:s3cret@mail.example.com?from=a@b.example&tls=maybe", "tls=starttls"),
    ],
)
def test_a_malformed_address_stops_the_process_with_every_fault_and_without_the_secret(url: str, fault: str) -> None:
    with pytest.raises(MailServerError, match=fault):
        mail_server(url)
    with pytest.raises(ValueError, match="mail_url") as stopped:
        Settings(mail_url=SecretStr(url))
    assert "s3cret" not in str(stopped.value)


def test_a_server_shows_no_password(prefect_server: str) -> None:
    url = "smtps://u:s3cret@mail.example.com?from=a@b.example"
    block = Block.load(saved(SmtpMail(url=SecretStr(url))), _sync=True)

    assert isinstance(block, SmtpMail)
    assert block.server().password == "s3cret"
    assert "s3cret" not in f"{block!r}{block}{block.server()!r}{Settings(mail_url=SecretStr(url))!r}"


@pytest.mark.parametrize("name", ["Ana", "Ana, Ben", "=?utf-8?q?x?=", "Weiß"])
def test_a_mailbox_is_one_address(name: str) -> None:
    assert mailbox(name, "ana@example.com") == Mailbox(name, "ana@example.com")
    for wrong in (
        "ana",
        "ana@",
        "@example.com",
        "ana@example.com, ben@example.com",
        "a b@example.com",
        "<a@b.example>",
    ):
        assert mailbox(name, wrong) is None


# --- a file, and alarms -------------------------------------------------------------------------------


def test_a_file_is_told_as_a_file(scene: Scene) -> None:
    scene.stand_up(posts=1)

    deliver_due(scene.store, now=NOW)

    assert scene.audit().count("written_to_a_file") == 1
    assert "sent" not in scene.audit()


@BLOCKS
def test_an_alarm_goes_out_by_the_same_mail(
    prefect_server: str, scene: Scene, mailroom: Mailroom, monkeypatch: pytest.MonkeyPatch,
    block: Callable[[Mailroom], Block],
) -> None:  # fmt: skip
    tell_by("mail", monkeypatch, alert_blocks=saved(block(mailroom)), operator_name="Olga Nunes",
            operator_email="olga@fernwood.example")  # fmt: skip

    alert("undelivered", on=True, says="something waits <b>", advice="Run verify-consistency.", context={"entries": 3})

    (mail,) = mailroom.mails()
    assert mail["Subject"] == "Campaigns: undelivered on"
    assert str(mail["To"].addresses[0]) == "Olga Nunes <olga@fernwood.example>"
    assert plain_of(mail).splitlines()[:3] == ["something waits <b>", "Run verify-consistency.", "entries: 3"]
    assert "something waits &lt;b&gt;" in html_of(mail)


def test_an_alarm_by_a_channel_that_fails_fails_nobody(
    prefect_server: str, scene: Scene, mailroom: Mailroom, monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    mailroom.answers_recipient = "550 5.1.1 nobody"
    tell_by("mail", monkeypatch, alert_blocks=f"slack-webhook/missing,{saved(by_smtp(mailroom))}")

    alert("undelivered", on=True, says="something waits")

    assert any("refused by smtp-mail/" in record.getMessage() for record in caplog.records)
