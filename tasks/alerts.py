"""Tells operators: a line in the log, an event in Prefect (for automations), and the notification blocks they chose."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Final

from prefect.blocks.abstract import NotificationBlock
from prefect.blocks.core import Block
from prefect.events import emit_event

from campaigns.settings import get_settings

log = logging.getLogger("campaigns.alerts")

RAISED: Final = "campaign.alert.raised"
CLEARED: Final = "campaign.alert.cleared"


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
    body = "\n\n".join(part for part in (says if on else f"Over: {says}", advice if on else "", figures) if part)
    for name in filter(None, get_settings().alert_blocks.split(",")):
        _notify(name, subject=f"Campaigns: {kind} {'on' if on else 'off'}", body=body)


def _notify(name: str, *, subject: str, body: str) -> None:
    try:
        block = Block.load(name, _sync=True)  # type: ignore[call-arg]  # Prefect's dispatch
        if not isinstance(block, NotificationBlock):
            raise TypeError(f"{name} is not a notification block")
        with block.raise_on_failure():
            block.notify(body=body, subject=subject, _sync=True)  # type: ignore[call-arg,unused-coroutine]  # Prefect's dispatch
    except Exception as error:  # blocks are other people's code; the log has the alert already
        log.warning("the alert was not sent by %s: %s", name, type(error).__name__)
