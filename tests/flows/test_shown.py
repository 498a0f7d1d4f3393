"""What a run shows in Prefect: artifacts, the words of its state, and nothing of a user that could be clicked."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey
from prefect.client.schemas.objects import Artifact

from campaigns.approval.expiry import expire_due
from campaigns.approval.messages.events import TELL
from campaigns.approval.messages.reminding import remind_due
from campaigns.errors import IntegrityError
from campaigns.model.vocabulary import PLATFORM_NAMES
from tasks import complete
from tasks.delivery.deliver import deliver_due
from tasks.forms import markdown
from tasks.showing import board
from tasks.showing.events import tell_what_was_recorded
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
    plan = str(shown(key_of("plan", campaign_id))[0].data)
    zone = studio.store.campaigns.get(TENANT, campaign_id).schedule.zone
    rows = [line for line in plan.splitlines() if line.count("|") == 8 and "---" not in line]
    assert rows[0] == "| Mon | Tue | Wed | Thu | Fri | Sat | Sun |"
    for post in posts:
        at = post.scheduled_at.astimezone(zone)
        cell = next(row for row in rows[1:] if row.split(" | ")[at.weekday()].strip("| ").startswith(f"{at.day} "))
        assert markdown.words(f"{at:%H:%M} {PLATFORM_NAMES[post.platform]}") in cell.split(" | ")[at.weekday()]
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


def events_of(campaign_id: str, wanted: int) -> list[tuple[str, dict[str, Any]]]:
    """Return what Prefect's event stream has of a campaign, in order, once there is so much of it."""
    resource = {"id": [f"campaign.{TENANT}.{campaign_id}"]}
    ever = {"until": (datetime.now(UTC) + timedelta(days=60)).isoformat()}
    body = {"filter": {"resource": resource, "occurred": ever, "order": "ASC"}, "limit": 50}
    deadline = time.monotonic() + 60
    with get_client(sync_client=True) as client:
        while True:
            answer = client.request("POST", "/events/filter", json=body).raise_for_status().json()
            if len(answer["events"]) >= wanted or time.monotonic() > deadline:
                return [(each["event"], each["payload"]) for each in answer["events"]]
            time.sleep(0.5)


def test_the_event_stream_tells_what_became_of_a_campaign_and_no_words_of_users(studio: Studio) -> None:
    brief = one_week()
    brief["brief"] = {**brief["brief"], "description": f"{brief['brief']['description']} {EVIL}"}
    campaign_id, run_id = studio.submit(brief)
    studio.attempt(run_id)
    studio.decide(campaign_id, "needs_revision", "Shorter, please")
    assert studio.attempt(run_id).name == "Suspended"
    studio.decide(campaign_id, "approved")
    assert studio.attempt(run_id).name == "Approved"

    found = events_of(campaign_id, 8)

    assert [name.removeprefix("campaign.") for name, _ in found] == [
        "planned", "generated", "review.requested", "review.decided",
        "revised", "review.requested", "review.decided", "completed",
    ]  # fmt: skip
    assert [facts["outcome"] for name, facts in found if name.endswith("decided")] == ["needs_revision", "approved"]
    assert "Shorter" not in str(found)
    assert "evil.example" not in str(found)


def test_the_event_stream_tells_once_who_was_reminded_and_that_nobody_decided(studio: Studio) -> None:
    campaign_id, run_id = studio.submit(one_week())
    studio.attempt(run_id)
    round_ = studio.store.approvals.round(TENANT, campaign_id, 1)
    over = round_.expires_at
    remind_due(studio.store, now=over - timedelta(hours=5))
    deliver_due(studio.store, now=over - timedelta(hours=5))
    expire_due(studio.store, now=over)
    deliver_due(studio.store, now=over)
    told = [each for each in studio.store.outbox.of(TENANT, campaign_id) if each.kind == TELL]
    assert all(each.done_at for each in told)
    for each in told:  # delivered by somebody who died before saying so
        assert tell_what_was_recorded(studio.store, each, over)

    found = [each for each in events_of(campaign_id, 5) if each[0].startswith("campaign.review.")]

    place = {"tenantId": TENANT, "campaignId": campaign_id, "round": 1}
    assert [(name.removeprefix("campaign.review."), facts) for name, facts in found] == [
        ("requested", {**place, "posts": len(round_.posts)}),
        ("reminded", {**place, "approver": "ap-1"}),
        ("expired", {**place, "outcome": "timed_out"}),
    ]


def test_the_tags_of_a_run_say_where_its_campaign_is(studio: Studio) -> None:
    def tags() -> list[str]:
        return sorted(tag for tag in studio.run(run_id).tags if tag.startswith(("brand:", "status:", "round:", "mine")))

    campaign_id, run_id = studio.submit(one_week())
    brand = f"brand:{one_week()['brandId']}"
    assert tags() == [brand, "status:planning"]
    with get_client(sync_client=True) as client:
        client.update_flow_run(run_id, tags=[*studio.run(run_id).tags, "mine"])

    studio.attempt(run_id)
    assert tags() == [brand, "mine", "round:1", "status:awaiting-review"]
    studio.decide(campaign_id, "needs_revision", "Shorter, please")
    studio.attempt(run_id)
    assert tags() == [brand, "mine", "round:2", "status:awaiting-review"]
    studio.decide(campaign_id, "approved")
    studio.attempt(run_id)
    assert tags() == [brand, "mine", "round:2", "status:completed"]


def test_the_tags_of_a_run_say_that_its_campaign_was_cancelled(studio: Studio) -> None:
    campaign_id, run_id = studio.submit(one_week())
    studio.attempt(run_id)

    studio.client.post(f"/campaigns/{campaign_id}/cancel", json={"reason": "not this month"}).raise_for_status()
    deliver_due(studio.store, now=datetime.now(UTC))

    assert {tag for tag in studio.run(run_id).tags if tag.startswith("status:")} == {"status:cancelled"}


def test_the_event_stream_tells_of_a_failure(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any, **__: Any) -> Any:
        raise IntegrityError("the stored posts are not the ones that were approved")

    campaign_id, run_id = studio.submit(one_week())
    studio.attempt(run_id)
    studio.decide_without_effect(campaign_id, "approved")
    monkeypatch.setattr(complete, "apply", fails)

    assert studio.attempt(run_id).is_failed()

    assert ("campaign.failed", "INTEGRITY") in [(name, facts.get("code")) for name, facts in events_of(campaign_id, 4)]
    assert "status:failed" in studio.run(run_id).tags


def test_a_page_that_says_the_same_is_not_written_again(prefect_server: str) -> None:
    page = Page("test-same", "one", "words")

    assert board.put(page, None)
    assert not board.put(page, None)
    board._shown.clear()  # another process
    assert not board.put(page, None)
    assert board.put(Page("test-same", "two", "words"), None)
    assert len(shown("test-same")) == 2
