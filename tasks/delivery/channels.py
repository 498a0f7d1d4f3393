"""The ways a notice can take: a mail file on this machine, or a Prefect notification block by its name.

Each reader gets the form that it renders, escaped for it: a mail is a mail, chat programs get Markdown or their own
dialect of it, a pager or a program gets the words alone.
"""

import logging
import os
import re
from datetime import datetime
from enum import StrEnum
from html import escape
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from prefect.blocks.abstract import NotificationBlock
from prefect.blocks.core import Block
from prefect.blocks.notifications import AbstractAppriseNotificationBlock, CustomWebhookNotificationBlock, SendgridEmail

from campaigns.approval.messages.notices import Notice
from campaigns.errors import CampaignError
from campaigns.settings import MAIL_FILE, get_settings
from tasks.delivery.notification_block import AppriseAddress
from tasks.delivery.smtp_mail import MailNotSentError, MailRefusedError, SmtpMail, hand_in

log = logging.getLogger("campaigns.approval.notices")


class Sent(StrEnum):
    """What became of a notice, as the audit says it."""

    SENT = "sent"
    WRITTEN = "written_to_a_file"


class NoticeNotSentError(CampaignError):
    """A channel did not take a message; the outbox tries again. The words are safe to show: no link, no address."""

    code = "NOTICE_NOT_SENT"
    retryable = True

    def __init__(self, channel: str, reason: str) -> None:
        super().__init__(channel, reason)
        self.channel = channel
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.channel}: {self.reason}"


class NoticeRefusedError(NoticeNotSentError):
    """A channel will never take this message to this reader; trying again helps nobody."""

    code = "NOTICE_REFUSED"
    retryable = False


def send(channel: str, notice: Notice, *, name: str, message_id: str, now: datetime) -> Sent:
    """Send a notice by one channel, and say whether it left this machine.

    Args:
        channel: `mail`, or `block-type/block-name` as Prefect names it.
        name: what a mail file is called.

    Raises:
        NoticeRefusedError: it will never be taken.
        NoticeNotSentError: it was not taken, or nobody knows.
    """
    try:
        if channel == MAIL_FILE:
            message = notice.mail(message_id, sender=get_settings().operator(), at=now)
            _write(message.as_bytes(), get_settings().home / "mail" / f"{name}.eml")
        else:
            _notify(channel, notice, message_id, now)
    except MailRefusedError as error:
        log.warning("notice %s was refused by %s: %s", name, channel, error)
        raise NoticeRefusedError(channel, str(error)) from None
    # Blocks are other people's code: whatever they raise, the message was not sent, and its text may hold the link.
    except Exception as error:
        reason = str(error) if isinstance(error, MailNotSentError) else type(error).__name__
        log.warning("notice %s was not sent by %s: %s", name, channel, reason)
        raise NoticeNotSentError(channel, reason) from None
    how = Sent.WRITTEN if channel == MAIL_FILE else Sent.SENT
    log.info("notice %s %s by %s", name, how, channel)
    return how


def reaches_one_person(channel: str) -> bool:
    """Whether a channel takes a notice to its one reader's own address; the others are read by a team."""
    if channel.startswith("apprise-address/"):
        block = Block.load(channel, _sync=True)  # type: ignore[call-arg]  # Prefect's dispatch
        return isinstance(block, AppriseAddress) and block.is_personal()
    return channel == MAIL_FILE or channel.startswith(("smtp-mail/", "sendgrid-email/"))


def _notify(channel: str, notice: Notice, message_id: str, now: datetime) -> None:
    block = Block.load(channel, _sync=True)  # type: ignore[call-arg]  # Prefect's dispatch
    if isinstance(block, SmtpMail):
        server = block.server()
        hand_in(notice.mail(message_id, sender=server.sender, at=now), server, to=[notice.email])
        return
    if not isinstance(block, NotificationBlock):
        raise TypeError(f"{channel} is not a notification block")
    if isinstance(block, AppriseAddress):
        block.address(email=notice.email, name=notice.to)
        for server, to in block.mail_servers():
            hand_in(notice.mail(message_id, sender=server.sender, at=now), server, to=to)
        if not block.others():
            return
    elif isinstance(block, SendgridEmail):
        block.to_emails = [notice.email]
    subject, body = _words_for(block, notice)
    with block.raise_on_failure():
        block.notify(body=body, subject=subject, _sync=True)  # type: ignore[call-arg,unused-coroutine]  # Prefect's dispatch


# They render Markdown whatever they are told, and Apprise gives them plain words as they are.
_ALWAYS_MARKDOWN: Final = frozenset(
    {"dingtalk", "discord", "guilded", "mattermost", "misskey", "msteams", "revolt", "ryver", "stoat", "zulip"}
)
# Their title is a topic, which is never rendered, and without which they take nothing.
_TOPICAL: Final = frozenset({"zulip"})
_SLACK: Final = re.compile(r"hooks\.slack(-gov)?\.com")


def _words_for(block: NotificationBlock, notice: Notice) -> tuple[str, str]:
    """Return subject and body for a block."""
    if isinstance(block, AbstractAppriseNotificationBlock):
        return _by_apprise(block._apprise_client, notice)
    if isinstance(block, CustomWebhookNotificationBlock):
        # Prefect puts the words where the block's template names them, secrets after them: a name of ours must not
        # be taken for a place of theirs.
        subject, body = (text.replace("{{", "{ {") for text in (notice.subject, notice.plain()))
        if _SLACK.fullmatch(urlsplit(block.url).hostname or ""):
            return escape(subject, quote=False), escape(body, quote=False)
        return subject, body
    if block.get_block_type_slug().startswith("slack"):
        return escape(notice.subject, quote=False), escape(notice.plain(), quote=False)
    return notice.subject, notice.plain()


def _by_apprise(client: Any, notice: Notice) -> tuple[str, str]:
    """Return subject and body as HTML, which Apprise makes into what each service renders, and escapes for it."""
    from apprise import NotifyFormat

    client.asset.body_format = NotifyFormat.HTML
    for service in client.servers:
        if _kind_of(service) in _ALWAYS_MARKDOWN:
            service.notify_format = NotifyFormat.MARKDOWN
    chat = all(service.notify_format == NotifyFormat.MARKDOWN for service in client.servers)
    # A title that a service puts among the words would have to be escaped, and one that stands apart must not be.
    apart = all(
        _kind_of(service) in _TOPICAL or (service.title_maxlen > 0 and service.notify_format != NotifyFormat.MARKDOWN)
        for service in client.servers
    )
    return notice.subject if apart else "", notice.hypertext(bare_link=not chat, titled=not apart)


def _kind_of(service: Any) -> str:
    return str(type(service).__module__.rsplit(".", 1)[-1])


def _write(content: bytes, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_suffix(".tmp")
    # The mail holds the link.
    with os.fdopen(os.open(draft, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
    draft.replace(path)
