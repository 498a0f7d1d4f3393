"""Tells operators: a line in the log, an event in Prefect (for automations), and the notification blocks they chose."""

import logging
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from time import monotonic
from typing import Any, Final
from uuid import uuid4

from prefect.events import emit_event

from campaigns.approval.messages.notices import Notice
from campaigns.settings import get_settings
from tasks.delivery.channels import NoticeNotSentError, send

log = logging.getLogger("campaigns.alerts")

RAISED: Final = "campaign.alert.raised"
CLEARED: Final = "campaign.alert.cleared"
WATCHED: Final = "campaign.watched"
"""Says that somebody watches: whoever misses it knows that no alarm would come."""
WATCHER: Final = "campaigns.watch"
_HEARTBEAT_SECONDS: Final = 60.0

heartbeats = logging.getLogger("campaigns.watched")
_told_at: float | None = None


def watched(on: int) -> None:
    """Say once a minute, in the log and as an event, that the alarms are watched; `on`: so many of them are on."""
    global _told_at  # noqa: PLW0603 - when this process said so
    if _told_at is not None and monotonic() - _told_at < _HEARTBEAT_SECONDS:
        return
    _told_at = monotonic()
    heartbeats.info("the alarms are watched, %d are on", on)
    emit_event(event=WATCHED, resource={"prefect.resource.id": WATCHER}, payload={"on": on})


def alert(kind: str, *, on: bool, says: str, advice: str = "", context: Mapping[str, Any] | None = None) -> None:
    """Tell everybody who wants to know that an alarm went on or off; nothing here fails its caller.

    Args:
        kind: the alarm's stable name.
        says: what is the matter, in one sentence.
        advice: what to look at first.
        context: the figures behind it; ids and numbers, no text of a user.
    """
    facts = dict(context or {})
    level = logging.ERROR if on else logging.INFO
    log.log(level, "alert %s %s: %s", kind, "on" if on else "off", says, extra={"alert": kind, "on": on, **facts})
    emit_event(
        event=RAISED if on else CLEARED,
        resource={"prefect.resource.id": f"campaigns.alert.{kind}", "prefect.resource.name": kind},
        payload={"says": says, "advice": advice, **facts},
    )
    figures = "\n".join(f"{name}: {value}" for name, value in facts.items())
    operator = get_settings().operator()
    notice = Notice(
        to=operator.name,
        email=operator.address,
        subject=f"Campaigns: {kind} {'on' if on else 'off'}",
        paragraphs=[part for part in (says if on else f"Over: {says}", advice if on else "", figures) if part],
        thread=f"alert.{kind}",
        language="en",
    )
    message_id = f"{notice.thread}.{uuid4().hex}"
    for channel in filter(None, get_settings().alert_blocks.split(",")):
        with suppress(NoticeNotSentError):  # `send` logs it, and the log has the alert already
            send(channel, notice, name=f"alert-{kind}", message_id=message_id, now=datetime.now(UTC))
