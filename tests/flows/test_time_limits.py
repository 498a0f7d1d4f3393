"""A model that hangs costs a bounded time and a bounded number of calls, whatever runs it meets."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest
from prefect.client.orchestration import get_client

from campaigns.model.post import Post
from campaigns.model.vocabulary import CampaignStatus, PostStatus
from campaigns.rules.retry import MAX_ATTEMPTS, MAX_POST_ATTEMPTS
from campaigns.settings import get_settings
from deployments.local.fake_bedrock import FakeBedrock
from deployments.local.fake_bedrock_script import BEHAVIOURS, Behaviour, Dripping, Slow
from flows import operations
from tests.flows.conftest import TENANT, Studio, one_week

HANGING = Slow(300)
Limit = Callable[[str, float], None]


@pytest.fixture
def limit(monkeypatch: pytest.MonkeyPatch) -> Limit:
    """Sets one of the time limits, also in the middle of a test."""

    def set_limit(name: str, seconds: float) -> None:
        monkeypatch.setenv(f"CAMPAIGNS_{name}_TIMEOUT_SECONDS", str(seconds))
        get_settings.cache_clear()

    return set_limit


def posts_of(studio: Studio, campaign_id: str) -> list[Post]:
    return studio.store.posts.list(TENANT, campaign_id)


def until(true: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 60
    while not (reached := true()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return reached


def retried(studio: Studio, campaign_id: str) -> UUID:
    """Let an operator retry a failed campaign; return the run that was started for it."""
    operations.retry(TENANT, campaign_id, operator="Olga", reason="the model works")
    return UUID(studio.store.campaigns.get(TENANT, campaign_id).execution_id)


@pytest.mark.parametrize("behaviour", [HANGING, Dripping(300)], ids=["silent", "dripping"])
def test_a_planner_that_hangs_is_given_its_time_three_times_and_then_the_campaign_says_so(
    hosted: tuple[Studio, FakeBedrock], limit: Limit, behaviour: Behaviour
) -> None:
    studio, bedrock = hosted
    limit("PLANNING", 1)
    bedrock.script += [behaviour] * 10
    campaign_id, run_id = studio.submit(one_week())

    begun = time.monotonic()
    ended = studio.attempt(run_id)

    assert ended.is_failed()
    assert time.monotonic() - begun < 250  # shorter than one answer
    assert len(bedrock.requests) == MAX_ATTEMPTS
    campaign = studio.store.campaigns.get(TENANT, campaign_id)
    assert campaign.status is CampaignStatus.FAILED
    assert (campaign.last_error.code, campaign.last_error.retryable) == ("MODEL_TIMEOUT", True)
    assert campaign.usage.calls == MAX_ATTEMPTS  # what was asked is counted, answered or not
    bedrock.script.clear()
    limit("PLANNING", 300)
    assert studio.attempt(retried(studio, campaign_id)).name == "Suspended"


def test_a_post_whose_model_hangs_is_tried_again_and_the_late_answer_changes_nothing(
    hosted: tuple[Studio, FakeBedrock], limit: Limit
) -> None:
    studio, bedrock = hosted
    limit("POST", 5)
    bedrock.script += [BEHAVIOURS["ok"], Slow(7)]
    campaign_id, run_id = studio.submit(one_week())

    waiting = studio.attempt(run_id)

    assert waiting.name == "Suspended"
    posts = posts_of(studio, campaign_id)
    assert {(post.status, post.revision) for post in posts} == {(PostStatus.COMPLETED, 0)}
    assert len(bedrock.requests) == 1 + len(posts) + 1
    assert studio.store.campaigns.get(TENANT, campaign_id).usage.calls == len(bedrock.requests)
    assert until(lambda: not bedrock.busy)  # by now the late answer is there
    assert posts_of(studio, campaign_id) == posts


def test_posts_that_never_get_an_answer_are_tried_a_stated_number_of_times(
    hosted: tuple[Studio, FakeBedrock], limit: Limit
) -> None:
    studio, bedrock = hosted
    limit("POST", 0.5)
    bedrock.script += [BEHAVIOURS["ok"], *[HANGING] * 100]
    campaign_id, run_id = studio.submit(one_week())

    ended = studio.attempt(run_id)

    assert ended.is_failed()
    posts = posts_of(studio, campaign_id)
    assert len(bedrock.requests) == 1 + MAX_POST_ATTEMPTS * len(posts)
    assert {post.last_error.code for post in posts} == {"MODEL_TIMEOUT"}
    assert studio.store.campaigns.get(TENANT, campaign_id).last_error.code == "NO_USABLE_POST"
    bedrock.script.clear()
    limit("POST", 120)
    assert studio.attempt(retried(studio, campaign_id)).name == "Suspended"


def test_attempts_at_a_post_count_over_all_runs(hosted: tuple[Studio, FakeBedrock]) -> None:
    studio, bedrock = hosted
    campaign_id, run_id = studio.submit(one_week())
    assert studio.attempt(run_id).name == "Suspended"
    ids = [post.id for post in posts_of(studio, campaign_id)]
    studio.decide(campaign_id, "needs_revision", "Say more about the farm.")
    # In processes that were killed while the model was asked: one post has a try left, the others have none.
    for number, post_id in enumerate(ids):
        for _ in range(MAX_POST_ATTEMPTS - (number == 0)):
            studio.store.recoveries.count_attempt(TENANT, campaign_id, f"{post_id}:1")
    bedrock.script += [BEHAVIOURS["throttle"]] * 100
    bedrock.requests.clear()

    ended = studio.attempt(run_id)

    assert ended.is_failed()
    assert len(bedrock.requests) == 1
    errors = {post.id: post.last_error for post in posts_of(studio, campaign_id)}
    assert {post_id: error.code for post_id, error in errors.items()} == {
        post_id: "TRIED_TOO_OFTEN" if number else "THROTTLED" for number, post_id in enumerate(ids)
    }
    assert errors[ids[0]].message.endswith(f"It was tried {MAX_POST_ATTEMPTS} times.")


def test_a_build_that_hangs_ends_in_its_time_and_goes_on_where_it_stopped(
    hosted: tuple[Studio, FakeBedrock], limit: Limit
) -> None:
    studio, bedrock = hosted
    limit("BUILD", 30)
    bedrock.script += [BEHAVIOURS["ok"], BEHAVIOURS["ok"], *[HANGING] * 100]
    campaign_id, run_id = studio.submit(one_week())

    begun = time.monotonic()
    ended = studio.attempt(run_id)

    assert ended.is_failed()
    assert time.monotonic() - begun < 250  # shorter than one answer
    campaign = studio.store.campaigns.get(TENANT, campaign_id)
    assert campaign.status is CampaignStatus.FAILED
    assert (campaign.last_error.code, campaign.last_error.retryable) == ("BUILD_TIMEOUT", True)
    assert studio.store.approvals.current_round(TENANT, campaign_id) is None
    posts = posts_of(studio, campaign_id)
    written = [post for post in posts if post.status is PostStatus.COMPLETED]
    assert len(written) == 1
    assert {post.status for post in posts if post not in written} == {PostStatus.PLANNED}

    bedrock.script.clear()
    bedrock.requests.clear()
    limit("BUILD", 3600)
    assert studio.attempt(retried(studio, campaign_id)).name == "Suspended"
    assert len(bedrock.requests) == len(posts) - 1  # neither the plan nor the finished post is paid for again


def test_work_counts_over_all_runs_and_waiting_for_people_does_not(
    hosted: tuple[Studio, FakeBedrock], limit: Limit
) -> None:
    studio, bedrock = hosted
    campaign_id, run_id = studio.submit(one_week())
    began = time.monotonic()
    studio.attempt(run_id)
    busy = time.monotonic() - began
    time.sleep(2)  # people take their time
    with get_client(sync_client=True) as client:
        client.resume_flow_run(run_id, run_input={"decision": "look_again"})
    began = time.monotonic()
    studio.attempt(run_id)
    busy += time.monotonic() - began

    worked = studio.store.recoveries.worked(TENANT, campaign_id).total_seconds()
    assert 0 < worked <= busy

    # In a process that was killed then.
    studio.store.recoveries.count_work(TENANT, campaign_id, timedelta(seconds=3600 - worked - 0.001))
    studio.decide(campaign_id, "needs_revision", "Say more about the farm.")
    paid = len(bedrock.requests)
    assert studio.attempt(run_id).is_failed()
    assert len(bedrock.requests) == paid
    assert studio.store.campaigns.get(TENANT, campaign_id).last_error.code == "BUILD_TIMEOUT"
    assert studio.attempt(retried(studio, campaign_id)).name == "Suspended"


def test_what_people_decided_takes_effect_although_the_time_is_over(studio: Studio) -> None:
    campaign_id, run_id = studio.submit(one_week())
    studio.attempt(run_id)
    studio.store.recoveries.count_work(TENANT, campaign_id, timedelta(days=1))

    studio.decide(campaign_id, "approved")
    ended = studio.attempt(run_id)

    assert ended.name == "Approved"
