"""The switch that stops calls of the model: a build waits in the middle of its posts, and goes on where it waits."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from prefect.client.schemas.objects import State

from campaigns.model.vocabulary import PostStatus
from campaigns.operations.acts import By
from campaigns.operations.switching import resume_calls, stop_calls
from campaigns.operations.watching.alarms import MODEL_STOPPED
from campaigns.settings import get_settings
from deployments.commands import model
from deployments.local.fake_bedrock import FakeBedrock
from flows import operations
from tasks.upkeep.watch import readings
from tests.flows.conftest import TENANT, Studio, sample_brief

BY = {"operator": "Olga Operator", "reason": "the bill explodes"}
STOPPED_SECONDS = 5.0


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def settled(read: Callable[[], int], seconds: float = 4.0) -> int:
    """Return what `read` gives once it has stayed the same for so long, however busy the machine is."""
    seen, since = read(), time.monotonic()
    deadline = since + 60
    while time.monotonic() - since < seconds:
        assert time.monotonic() < deadline, "it never comes to rest"
        if (now := read()) != seen:
            seen, since = now, time.monotonic()
        time.sleep(0.05)
    return seen


def test_a_build_waits_while_calls_are_stopped_and_goes_on_when_resumed(
    hosted: tuple[Studio, FakeBedrock], monkeypatch: pytest.MonkeyPatch
) -> None:
    studio, bedrock = hosted
    # Two posts a second: within the two seconds in which a process hears of the stop, not all of them are begun.
    monkeypatch.setenv("CAMPAIGNS_WRITER_LIMIT", "2")
    get_settings.cache_clear()
    bedrock.seconds = 1.0
    campaign_id, run_id = studio.submit(sample_brief())
    asked: list[int] = []

    def operate() -> None:
        until(lambda: len(bedrock.requests) >= 2)  # the plan, and the first post
        stop_calls(studio.store, By("Olga Operator", "the bill explodes"), datetime.now(UTC))
        asked.append(settled(lambda: len(bedrock.requests)))  # they have heard of it, and what was begun is over
        time.sleep(STOPPED_SECONDS)
        asked.append(len(bedrock.requests))
        resume_calls(studio.store, By("Ben", "it was a test"), datetime.now(UTC))

    operator = threading.Thread(target=operate)
    operator.start()
    began = time.monotonic()
    state = studio.attempt(run_id)
    took = time.monotonic() - began
    operator.join()

    posts = studio.store.posts.list(TENANT, campaign_id)
    assert asked[0] == asked[1] < len(bedrock.requests)
    assert state.name == "Suspended"
    assert {post.status for post in posts} <= {PostStatus.COMPLETED, PostStatus.NEEDS_REVIEW}
    calls = studio.store.campaigns.get(TENANT, campaign_id).usage.calls
    assert calls == len(bedrock.requests), "what waited was asked for twice"
    worked = studio.store.recoveries.worked(TENANT, campaign_id).total_seconds()
    assert worked < took - STOPPED_SECONDS + 1, "waiting for an operator is counted as work"


def test_a_process_that_is_told_to_end_begins_none_of_the_posts_that_wait(
    hosted: tuple[Studio, FakeBedrock], monkeypatch: pytest.MonkeyPatch
) -> None:
    studio, bedrock = hosted
    monkeypatch.setenv("CAMPAIGNS_WRITER_LIMIT", "2")
    get_settings.cache_clear()
    bedrock.seconds = 1.0
    campaign_id, run_id = studio.submit(sample_brief())
    asked: list[int] = []

    def ends(*_: object) -> None:
        raise SystemExit(143)

    def operate() -> None:
        until(lambda: len(bedrock.requests) >= 2)  # the plan, and the first post
        stop_calls(studio.store, By("Olga Operator", "the bill explodes"), datetime.now(UTC))
        try:
            asked.append(settled(lambda: len(bedrock.requests)))  # they have heard of it, and what was begun is over
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(1)  # a worker would give it thirty
        finally:  # or the second attempt would wait for ever
            resume_calls(studio.store, By("Ben", "it was a test"), datetime.now(UTC))

    before = signal.signal(signal.SIGTERM, ends)
    operator = threading.Thread(target=operate)
    operator.start()
    try:
        with pytest.raises(SystemExit):
            studio.attempt(run_id)
    finally:
        signal.signal(signal.SIGTERM, before)
        operator.join()
    assert [len(bedrock.requests)] == asked, "posts were paid for after that"

    assert studio.attempt(run_id).name == "Suspended"
    posts = studio.store.posts.list(TENANT, campaign_id)
    assert {post.status for post in posts} <= {PostStatus.COMPLETED, PostStatus.NEEDS_REVIEW}


def test_the_switch_is_turned_by_operators_under_their_name_once(
    studio: Studio, capsys: pytest.CaptureFixture[str]
) -> None:
    def ordered(flow: Any) -> State[None]:
        state: State[None] = flow(**BY, return_state=True)
        return state

    assert ordered(operations.resume_model).name == "Refused"  # nothing is stopped
    assert ordered(operations.stop_model).is_completed()
    refused = ordered(operations.stop_model)
    assert refused.name == "Refused"
    assert "stopped already by operator:Olga Operator" in (refused.message or "")
    assert model.main(["stop", "--operator", "Ben", "--reason", "as above"]) == 1
    assert model.main(["resume", "--operator", "Ben", "--reason", "it was a test"]) == 0
    assert ordered(operations.resume_model).name == "Refused"

    told = capsys.readouterr().out
    assert "by operator:Olga Operator: the bill explodes" in told
    assert "by operator:Ben: it was a test" in told
    assert [(each.stopped, each.by) for each in studio.store.permits.turned()] == [
        (True, "operator:Olga Operator"),
        (False, "operator:Ben"),
    ]
    assert not studio.store.permits.read(datetime.now(UTC)).stopped


def test_an_alarm_tells_of_a_stop_that_nobody_takes_back(studio: Studio) -> None:
    now = datetime.now(UTC)
    stop_calls(studio.store, By("Olga Operator", "the bill explodes"), now)

    assert readings(studio.store, now=now + timedelta(minutes=59))[MODEL_STOPPED.kind].part == 0
    assert readings(studio.store, now=now + timedelta(minutes=61))[MODEL_STOPPED.kind].part == 1
    resume_calls(studio.store, By("Olga Operator", "it was a test"), now)
    assert readings(studio.store, now=now + timedelta(minutes=61))[MODEL_STOPPED.kind].part == 0


def test_a_name_and_a_reason_are_wanted(studio: Studio) -> None:
    assert isinstance(studio.home, Path)
    with pytest.raises(SystemExit):
        model.main(["stop", "--operator", "O"])
    assert not studio.store.permits.turned()
