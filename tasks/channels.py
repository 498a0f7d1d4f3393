"""The ways a notice can take: a mail file on this machine, or a Prefect notification block by its name."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Final

from prefect.blocks.abstract import NotificationBlock
from prefect.blocks.core import Block
from prefect.blocks.notifications import SendgridEmail

from campaigns.errors import CampaignError
from campaigns.notices import Notice
from campaigns.settings import get_settings
from tasks.notification_block import AppriseAddress

log = logging.getLogger("campaigns.notices")

MAIL: Final = "mail"
"""The embedded default: one file for each mail, readable by the owner only."""


TO_ONE_PERSON: Final = (MAIL, "apprise-address/", "sendgrid-email/")
"""Channels that reach the address of one approver; the others are read by a team."""


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


def send(channel: str, notice: Notice, *, name: str, message_id: str) -> None:
    """Send a notice by one channel.

    Args:
        channel: `mail`, or `block-type/block-name` as Prefect names it.
        name: what a mail file is called.

    Raises:
        NoticeNotSentError: it was not taken, or nobody knows.
    """
    try:
        if channel == MAIL:
            _write(notice.mail(message_id).as_bytes(), get_settings().home / "mail" / f"{name}.eml")
        else:
            _notify(channel, notice)
    # Blocks are other people's code: whatever they raise, the message was not sent, and its text may hold the link.
    except Exception as error:
        log.warning("notice %s was not sent by %s: %s", name, channel, type(error).__name__)
        raise NoticeNotSentError(channel, type(error).__name__) from None
    log.info("notice %s sent by %s", name, channel)


def _notify(channel: str, notice: Notice) -> None:
    block = Block.load(channel, _sync=True)  # type: ignore[call-arg]  # Prefect's dispatch
    if not isinstance(block, NotificationBlock):
        raise TypeError(f"{channel} is not a notification block")
    if isinstance(block, AppriseAddress):
        block.address(email=notice.email, name=notice.to)
    elif isinstance(block, SendgridEmail):
        block.to_emails = [notice.email]
    with block.raise_on_failure():
        block.notify(body=notice.plain(), subject=notice.subject, _sync=True)  # type: ignore[call-arg,unused-coroutine]  # Prefect's dispatch


def _write(content: bytes, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_suffix(".tmp")
    # The mail holds the link.
    with os.fdopen(os.open(draft, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
    draft.replace(path)
