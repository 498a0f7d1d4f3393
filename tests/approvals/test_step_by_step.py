"""`ARCHITECTURE.md` says by which steps a decision gets from the door to the write: a real one takes them."""

from __future__ import annotations

import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import tasks.delivery.deliver  # noqa: F401  # what the door loads when it is first needed is no step
from tests.approvals.scene import Scene

PAGE = (Path(__file__).resolve().parents[2] / "ARCHITECTURE.md").read_text()
OURS = ("api", "campaigns")


def steps() -> list[str]:
    """The functions that the page names, in its order."""
    part = PAGE.partition("## A decision, step by step")[2].partition("\n## ")[0]
    return re.findall(r"^\d+\. `([\w.]+)`", part, re.MULTILINE)


@contextmanager
def called() -> Iterator[list[tuple[int, str]]]:
    """Note every function of ours that is called, and the thread, whichever begins here."""
    names: list[tuple[int, str]] = []

    def note(frame: FrameType, event: str, _: Any) -> None:
        module = frame.f_globals.get("__name__", "")
        if event == "call" and module.partition(".")[0] in OURS:
            names.append((threading.get_ident(), f"{module}.{frame.f_code.co_name}"))

    threading.setprofile(note)
    sys.setprofile(note)
    try:
        yield names
    finally:
        sys.setprofile(None)
        threading.setprofile(None)


def test_a_decision_takes_the_steps_that_the_page_names(scene: Scene) -> None:
    link = scene.stand_up(posts=2).link()
    body = {"decision": "approved", "callbackId": link.callback_id}
    with called() as everything, scene.browser() as browser:
        answer = browser.post(
            f"/campaigns/{scene.campaign.id}/approve", json=body, headers={"Authorization": f"Bearer {link.token}"}
        )
    assert answer.status_code == 200

    named = steps()
    # The token is read where requests come in, the rest is done by one thread; housekeeping goes its own way beside.
    (door,) = {thread for thread, name in everything if name == named[0]}
    (desk,) = {thread for thread, name in everything if name == named[1]}
    names = [name for thread, name in everything if thread in {door, desk}]
    first = [names.index(each) for each in named]
    assert 0 < len(named) <= 12
    assert first == sorted(first), [named[place] for place in sorted(range(len(named)), key=first.__getitem__)]
    # No way back: nothing of the door is asked again once the store has begun, until the write is done.
    names = [name for thread, name in everything if thread == desk]
    begun, done = (
        names.index("campaigns.store.campaign.approvals.act"),
        names.index("campaigns.store.commits.transaction.commit"),
    )
    assert [each for each in names[begun:done] if each.startswith(("api.", "campaigns.approval.invitations"))] == []
