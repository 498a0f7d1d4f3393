"""What a run shows in Prefect: artifacts, the words of its state, and nothing of a user that could be clicked."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey
from prefect.client.schemas.objects import Artifact

from tasks.forms import markdown
from tasks.showing import board
from tasks.showing.pages import PAGES, WAITING_KEY, Page, key_of
from tasks.upkeep.housekeeping import show_waiting
from tests.flows.conftest import TENANT, Studio, one_week

EVIL = "Sale ![x](https://evil.example/p.png) [log in](https://evil.example) <img src=x> | a | **b** `c`"


def shown(key: str) -> list[Artifact]:
    """Return the versions of an artifact, the newest first."""
    wanted = ArtifactFilter(key=ArtifactFilterKey(any_=[key]))
    with get_client(sync_client=True) as client:
        found = client.read_artifacts(artifact_filter=wanted)
    return sorted(found, key=lambda each: each.created, reverse=True)


def test_a_campaign_is_told_from_its_plan_to_its_outcome(studio: Studio) -> None:
    brief = one_week()
    brief["name"] = EVIL[:90]
    brief["brief"] = {**brief["brief"], "description": f"{brief['brief']['description']} {EVIL}"}
    people = [{"name": name, "email": f"{name.lower()}@fernwood.example"} for name in ("Ana", "Rui", "Eva")]
    brief["approval"] = {"approvers": people, "quorum": "2"}
    campaign_id, run_id = studio.submit(brief)

    waiting = studio.attempt(run_id)

    assert re.fullmatch(r"Waiting for 2 of 3 until \w{3}, \d+ \w{3} \d{4}, \d\d:\d\d .+, round 1", str(waiting.message))
    assert studio.run(run_id).state.message == waiting.message  # type: ignore[union-attr]
    for kind in ("campaign", "plan", "posts", "review", "cost", "progress"):
        assert shown(key_of(kind, campaign_id)), kind
    posts = studio.store.posts.list(TENANT, campaign_id)
    text = str(shown(key_of("posts", campaign_id))[0].data)
    for post in posts:
        first = markdown.words(post.content.text.splitlines()[0])  # type: ignore[union-attr]
        assert first in text
    review = shown(key_of("review", campaign_id))[0]
    assert "Ana" in str(review.data)
    everything = "\n".join(str(each.data) for kind in PAGES for each in shown(key_of(kind, campaign_id)))
    assert "approve/" not in everything
    assert "ana@fernwood" not in everything
    for sign in ("![x]", "](https://evil", "<img", "**b**", "`c`"):
        assert sign not in everything
    for _ in range(2):
        assert show_waiting(studio.store, datetime.now(UTC)) == {}  # to show is nothing that a quiet minute is not
    assert markdown.words("Ana, Rui, Eva") in str(shown(WAITING_KEY)[0].data)

    before = len(shown(key_of("plan", campaign_id)))
    studio.attempt(run_id)  # woken for nothing: it waits again
    assert len(shown(key_of("plan", campaign_id))) == before  # and shows nothing twice


def test_what_cannot_be_shown_fails_no_run_and_what_was_decided_is_shown(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign_id, run_id = studio.submit(one_week())
    with monkeypatch.context() as patch:

        def refuse(*_: Any, **__: Any) -> bool:
            raise OSError("no Prefect, no page")

        patch.setattr(board, "put", refuse)
        assert studio.attempt(run_id).name == "Suspended"
    assert not shown(key_of("plan", campaign_id))

    assert studio.decide(campaign_id, "approved", "Well done [click](https://evil.example)") == "Approved"
    assert studio.attempt(run_id).name == "Approved"

    outcome = shown(key_of("outcome", campaign_id))[0]
    assert str(outcome.data).startswith("**Completed by ")
    assert f"/campaigns/{campaign_id}/export?format=ics" in str(outcome.data)
    decision = str(shown(f"{key_of('decision', campaign_id)}-r1")[0].data)
    assert "Well done" in decision
    assert "](https://evil" not in decision
    assert shown(key_of("plan", campaign_id))  # the run that goes on shows what was missed


def test_a_page_that_says_the_same_is_not_written_again(prefect_server: str) -> None:
    page = Page("test-same", "one", "words")

    assert board.put(page, None)
    assert not board.put(page, None)
    board._shown.clear()  # another process
    assert not board.put(page, None)
    assert board.put(Page("test-same", "two", "words"), None)
    assert len(shown("test-same")) == 2
