"""The build of a campaign: from a brief to a decision, on a real Prefect server."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

import pytest
from prefect import Task
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.states import Scheduled

from campaigns.build.submission import Submission, submit
from campaigns.errors import StoreUnavailableError
from campaigns.model.base import new_id
from campaigns.model.post import Post
from campaigns.model.vocabulary import CampaignStatus, PostStatus, ReviewState
from campaigns.rules.retry import MAX_ATTEMPTS
from campaigns.rules.text.limits.platforms import rendered_text, text_length, text_limit
from campaigns.settings import get_settings
from deployments.local.approver import decide_by_link
from deployments.local.fake_bedrock import FakeBedrock
from deployments.local.fake_bedrock_script import BEHAVIOURS
from deployments.local.mail import newest_link
from flows import operations
from flows.build_campaign import build_campaign
from tasks.analyze import analyze_examples
from tasks.ask import ask_for_approval
from tasks.complete import complete_campaign
from tasks.delivery.deliver import deliver_due
from tasks.engine.server.answers import PrefectUnavailableError
from tasks.engine.server.runs import start_run
from tasks.generate import generate_post
from tasks.plan import plan_posts
from tasks.revise import revise_posts
from tasks.save import save_campaign
from tests.flows.conftest import TENANT, Studio, one_week, sample_brief

T = TypeVar("T")


def test_a_brief_whose_requester_nobody_knows_is_refused_before_anything_is_paid_for(studio: Studio) -> None:
    brief = one_week()
    brief["approval"] = {**brief.get("approval", {}), "preventSelfApproval": True}
    with get_client(sync_client=True) as client:
        deployment = client.read_deployment_by_name(_deployment())
        runs = [
            client.create_flow_run_from_deployment(
                deployment.id, parameters={"tenant_id": TENANT, "campaign": brief, "requested_by": asked_by}
            )
            for asked_by in ("", "Olga")
        ]

    for run, who in zip(runs, ("prefect-ui", "Olga"), strict=True):
        ended = studio.attempt(run.id)
        assert ended.is_failed()
        assert f"approval.preventSelfApproval: cannot be kept: {who} has no e-mail address" in ended.message
        assert "name the address in the form as who asks" in ended.message
    assert studio.store.campaigns.list(TENANT).items == []


@pytest.mark.parametrize("name", ["spring-harvest.json", "conference-talks.json"])
def test_an_approved_campaign_ends_completed_with_every_post_within_its_bounds(studio: Studio, name: str) -> None:
    campaign_id, run_id = studio.submit(sample_brief(name))

    waiting = studio.attempt(run_id)
    assert waiting.name == "Suspended"
    assert studio.store.campaigns.get(TENANT, campaign_id).status is CampaignStatus.AWAITING_REVIEW
    assert studio.decide(campaign_id, "approved") == "Approved"
    ended = studio.attempt(run_id)

    assert ended.is_completed()
    campaign = studio.store.campaigns.get(TENANT, campaign_id)
    assert campaign.status is CampaignStatus.COMPLETED
    posts = studio.store.posts.list(TENANT, campaign_id)
    assert len(posts) == campaign.plan_summary.total_posts > 0
    for post in posts:
        assert post.status is PostStatus.NEEDS_REVIEW, post.quality
        assert post.review.state is ReviewState.APPROVED
        shown = rendered_text(post.platform, post.content)
        assert 0 < text_length(post.platform, shown) <= text_limit(post.platform)
        local = post.scheduled_at.astimezone(campaign.schedule.zone)
        assert local.strftime("%a").lower() in campaign.schedule.allowed_days_of_week
    assert studio.store.audit.verify(TENANT, campaign_id) is None


def test_a_resumed_run_executes_no_step_twice(studio: Studio) -> None:
    campaign_id, run_id = studio.submit(one_week())
    studio.attempt(run_id)
    calls = studio.store.campaigns.get(TENANT, campaign_id).usage.calls
    shown = [post.content_hash() for post in studio.store.posts.list(TENANT, campaign_id)]

    studio.decide(campaign_id, "approved")
    studio.attempt(run_id)

    assert set(studio.steps(run_id).values()) == {1}
    assert studio.store.campaigns.get(TENANT, campaign_id).usage.calls == calls
    assert [post.content_hash() for post in studio.store.posts.list(TENANT, campaign_id)] == shown


def test_a_resumed_run_has_one_step_a_post_that_is_told_as_part_of_its_run_alone(studio: Studio) -> None:
    campaign_id, run_id = studio.submit(one_week())
    studio.attempt(run_id)
    with get_client(sync_client=True) as client:
        client.resume_flow_run(run_id, run_input={"decision": "look_again"})
    assert studio.attempt(run_id).name == "Suspended"  # nothing was decided: it went through all steps again
    posts = len(studio.store.posts.list(TENANT, campaign_id))
    studio.steps(run_id)  # Prefect knows the end of each

    scope = FlowRunFilter(id=FlowRunFilterId(any_=[run_id]))
    of_the_run = {"event": {"prefix": ["prefect.task-run."]}, "related": {"id": [f"prefect.flow-run.{run_id}"]}}
    with get_client(sync_client=True) as client:
        names = [run.name for run in client.read_task_runs(flow_run_filter=scope)]
        told = client.request("POST", "/events/filter", json={"filter": of_the_run}).json()

    assert sum(name.startswith("generate") for name in names) == posts
    assert told["total"] > 3 * posts
    assert {resource["prefect.resource.role"] for event in told["events"] for resource in event["related"]} == {
        "flow-run"
    }


def test_a_deployment_that_is_made_anew_is_found_when_a_run_is_asked_for_again(studio: Studio) -> None:
    campaign_id, _ = studio.submit(one_week())
    name = get_settings().deployment
    start = partial(start_run, name, tenant_id=TENANT, campaign_id=campaign_id, tags=[], attempt="2")
    with get_client(sync_client=True) as client:
        client.delete_deployment(client.read_deployment_by_name(name).id)

        with pytest.raises(PrefectUnavailableError):
            start()
        with pytest.raises(PrefectUnavailableError, match="there is no deployment"):
            start()
        build_campaign.to_deployment(name=name.partition("/")[2]).apply()  # type: ignore[union-attr]  # not awaited

        assert client.read_flow_run(start()).deployment_id == client.read_deployment_by_name(name).id


def test_a_rejection_is_a_result_and_not_a_crash(studio: Studio) -> None:
    campaign_id, run_id = studio.submit(one_week())
    studio.attempt(run_id)

    assert studio.decide(campaign_id, "rejected", "Not this season.") == "Rejected"
    ended = studio.attempt(run_id)

    assert (ended.name, ended.is_completed()) == ("Rejected", True)
    assert studio.store.campaigns.get(TENANT, campaign_id).status is CampaignStatus.REJECTED
    assert {post.review.state for post in studio.store.posts.list(TENANT, campaign_id)} == {ReviewState.REJECTED}


def test_waking_a_run_without_a_decision_makes_it_wait_again(studio: Studio) -> None:
    campaign_id, run_id = studio.submit(one_week())
    first = studio.attempt(run_id)

    with get_client(sync_client=True) as client:
        client.resume_flow_run(run_id, run_input={"decision": "look_again"})
    second = studio.attempt(run_id)

    assert (first.name, second.name) == ("Suspended", "Suspended")
    assert studio.store.campaigns.get(TENANT, campaign_id).status is CampaignStatus.AWAITING_REVIEW


def test_changes_are_written_for_the_next_round_and_the_rest_stays(studio: Studio) -> None:
    campaign_id, run_id = studio.submit(one_week())
    studio.attempt(run_id)
    before = {post.id: post for post in studio.store.posts.list(TENANT, campaign_id)}

    studio.decide(campaign_id, "needs_revision", "Say more about the farm.")
    waiting = studio.attempt(run_id)

    assert waiting.name == "Suspended"
    campaign = studio.store.campaigns.get(TENANT, campaign_id)
    assert (campaign.status, campaign.round) == (CampaignStatus.AWAITING_REVIEW, 2)
    after = {post.id: post for post in studio.store.posts.list(TENANT, campaign_id)}
    assert {post.revision for post in after.values()} == {1}
    assert all(post.comment_answers for post in after.values())
    assert before.keys() == after.keys()
    studio.decide(campaign_id, "approved")
    assert studio.attempt(run_id).is_completed()


def test_a_campaign_that_is_retried_after_its_last_revision_is_written_and_asked_once_more(studio: Studio) -> None:
    brief = one_week()
    brief["approval"] = {**brief.get("approval", {}), "maxRevisionRounds": 1}
    campaign_id, run_id = studio.submit(brief)
    studio.attempt(run_id)
    studio.decide(campaign_id, "needs_revision", "Say more about the farm.")
    studio.attempt(run_id)
    studio.decide(campaign_id, "needs_revision", "Say still more about the farm.")

    ended = studio.attempt(run_id)

    failed = studio.store.campaigns.get(TENANT, campaign_id)
    assert (failed.status, failed.last_error.code) == (CampaignStatus.FAILED, "REVISION_LIMIT")
    assert not studio.run(run_id).state.is_scheduled(), ended
    before = {post.id: post for post in studio.store.posts.list(TENANT, campaign_id)}
    assert operations.retry(TENANT, campaign_id, "Olga", "one round more, as agreed", return_state=True).is_completed()
    again = UUID(studio.store.campaigns.get(TENANT, campaign_id).execution_id)
    assert again != run_id
    waiting = studio.attempt(again)

    assert waiting.name == "Suspended", waiting
    campaign = studio.store.campaigns.get(TENANT, campaign_id)
    assert (campaign.status, campaign.round) == (CampaignStatus.AWAITING_REVIEW, 3)
    after = {post.id: post for post in studio.store.posts.list(TENANT, campaign_id)}
    assert {post.revision for post in after.values()} == {2}
    assert all(after[id_].content_hash() != post.content_hash() for id_, post in before.items())
    assert studio.store.audit.verify(TENANT, campaign_id) is None
    studio.decide(campaign_id, "approved")
    assert studio.attempt(again).is_completed()
    assert studio.store.campaigns.get(TENANT, campaign_id).status is CampaignStatus.COMPLETED


def test_the_same_faulty_brief_is_refused_with_the_same_words_everywhere(studio: Studio) -> None:
    brief = sample_brief(colour="green")
    brief["participants"] = {
        "personaIds": ["persona_01JZ0K7A3M5T9Y1C4GQVSB8WEZ"],
        "platforms": [],
    }
    brief["schedule"] = {**brief["schedule"], "startDate": "2027-04-04", "endDate": "2027-03-15"}

    answer = studio.client.post("/campaigns", json=brief)
    with get_client(sync_client=True) as client:
        deployment = client.read_deployment_by_name(_deployment())
        run = client.create_flow_run_from_deployment(deployment.id, parameters={"tenant_id": TENANT, "campaign": brief})
    ended = studio.attempt(run.id)

    assert answer.status_code == 422
    faults = answer.json()["details"]["errors"]
    assert {fault["field"] for fault in faults} == {
        "colour",
        "participants.personaIds[0]",
        "participants.platforms",
        "schedule.endDate",
    }
    assert ended.is_failed()
    for fault in faults:
        assert f"{fault['field']}: {fault['message']}" in ended.message
    assert studio.store.campaigns.list(TENANT).items == []


def test_one_post_that_fails_does_not_fail_the_others(hosted: tuple[Studio, FakeBedrock]) -> None:
    studio, bedrock = hosted
    # The first call plans; the next one, whichever post it is for, is refused for good.
    bedrock.script += [BEHAVIOURS["ok"], BEHAVIOURS["content_filtered"]]
    campaign_id, run_id = studio.submit(one_week())

    waiting = studio.attempt(run_id)

    assert waiting.name == "Suspended"
    posts = studio.store.posts.list(TENANT, campaign_id)
    failed = [post for post in posts if post.status is PostStatus.FAILED]
    assert len(failed) == 1
    assert failed[0].last_error.code == "CONTENT_FILTERED"
    assert {post.status for post in posts if post not in failed} == {PostStatus.COMPLETED}
    paid = len(bedrock.requests)

    studio.decide(campaign_id, "approved")
    ended = studio.attempt(run_id)

    assert ended.message == f"Approved by Campaign approver: {len(posts) - 1} of {len(posts)} posts go out"
    assert len(bedrock.requests) == paid


def test_posts_that_a_rush_left_without_words_are_written_when_it_is_over(
    hosted: tuple[Studio, FakeBedrock],
) -> None:
    studio, bedrock = hosted
    campaign_id, run_id = studio.submit(one_week())
    # The plan, then throttles for every attempt of every post's first chance, whatever their number.
    bedrock.script += [BEHAVIOURS["ok"], *[BEHAVIOURS["throttle"]] * 12]

    waiting = studio.attempt(run_id)

    posts = studio.store.posts.list(TENANT, campaign_id)
    assert waiting.name == "Suspended"
    assert len(posts) * MAX_ATTEMPTS <= 12
    assert {post.status for post in posts} == {PostStatus.COMPLETED}


def test_a_store_that_is_away_while_posts_are_written_leaves_no_post_out_of_the_round(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign_id, run_id = studio.submit(one_week())
    get, kept = studio.store.posts.get, []

    def sometimes_away(tenant_id: str, campaign: str, post_id: str) -> Post:
        kept.append(post_id)
        if post_id != kept[0]:
            raise StoreUnavailableError("away")
        return get(tenant_id, campaign, post_id)

    with monkeypatch.context() as away:
        away.setattr(studio.store.posts, "get", sometimes_away)
        ended = studio.attempt(run_id)

    assert ended.is_failed()
    assert "StoreUnavailableError" in (ended.message or "")
    assert studio.store.approvals.current_round(TENANT, campaign_id) is None
    assert studio.store.campaigns.get(TENANT, campaign_id).status is CampaignStatus.GENERATING
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(run_id, Scheduled(name="AwaitingRetry"), force=True)
    assert studio.attempt(run_id).name == "Suspended"
    posts = studio.store.posts.list(TENANT, campaign_id)
    round_ = studio.store.approvals.round(TENANT, campaign_id, 1)
    assert set(round_.posts) == {post.id for post in posts}
    assert studio.store.campaigns.get(TENANT, campaign_id).usage.calls == 1 + len(posts)


def test_a_budget_stops_the_call_that_would_break_it(hosted: tuple[Studio, FakeBedrock]) -> None:
    studio, bedrock = hosted
    campaign_id, run_id = studio.submit(one_week() | {"budgetUSD": 0.0001})

    ended = studio.attempt(run_id)

    assert ended.is_failed()
    assert bedrock.requests == []
    assert studio.store.campaigns.get(TENANT, campaign_id).last_error.code == "BUDGET_EXCEEDED"


def test_a_campaign_without_one_usable_post_fails_with_the_reason(hosted: tuple[Studio, FakeBedrock]) -> None:
    studio, bedrock = hosted
    bedrock.script += [BEHAVIOURS["ok"], *[BEHAVIOURS["content_filtered"]] * 50]
    campaign_id, run_id = studio.submit(one_week())

    ended = studio.attempt(run_id)

    assert ended.is_failed()
    campaign = studio.store.campaigns.get(TENANT, campaign_id)
    assert campaign.status is CampaignStatus.FAILED
    assert campaign.last_error.code == "NO_USABLE_POST"


def test_a_plan_that_the_model_refuses_fails_the_campaign_with_the_reason(
    hosted: tuple[Studio, FakeBedrock], caplog: pytest.LogCaptureFixture
) -> None:
    studio, bedrock = hosted
    bedrock.script += [BEHAVIOURS["withdrawn"]]
    campaign_id, run_id = studio.submit(one_week())

    with caplog.at_level(logging.WARNING):
        ended = studio.attempt(run_id)

    assert ended.is_failed()
    told = [record.getMessage() for record in caplog.records if record.name.startswith("prefect")]
    assert [line for line in told if "MODEL_WITHDRAWN" in line or "Failed" in line]
    assert not [line for line in told if "serialize" in line]  # nobody tries to keep what the step raised
    assert studio.store.campaigns.get(TENANT, campaign_id).last_error.code == "MODEL_WITHDRAWN"
    assert len(bedrock.requests) == 1


def test_a_planner_that_fails_for_now_is_asked_three_times_and_then_the_campaign_says_so(
    hosted: tuple[Studio, FakeBedrock],
) -> None:
    studio, bedrock = hosted
    bedrock.script += [BEHAVIOURS["throttle"]] * 50
    campaign_id, run_id = studio.submit(one_week())

    ended = studio.attempt(run_id)

    assert ended.is_failed()
    assert len(bedrock.requests) == MAX_ATTEMPTS
    campaign = studio.store.campaigns.get(TENANT, campaign_id)
    assert campaign.status is CampaignStatus.FAILED  # so nobody starts its run again
    assert (campaign.last_error.code, campaign.last_error.retryable) == ("THROTTLED", True)


def test_failures_of_the_planner_count_over_all_runs_until_an_operator_retries(
    hosted: tuple[Studio, FakeBedrock],
) -> None:
    studio, bedrock = hosted
    bedrock.script += [BEHAVIOURS["throttle"]] * 50
    campaign_id, run_id = studio.submit(one_week())
    for _ in range(MAX_ATTEMPTS - 1):
        studio.store.recoveries.count_failure(TENANT, campaign_id, "plan")  # in a process that was killed then

    assert studio.attempt(run_id).is_failed()

    assert len(bedrock.requests) == 1
    assert studio.store.campaigns.get(TENANT, campaign_id).status is CampaignStatus.FAILED
    studio.store.recoveries.forgive(TENANT, campaign_id)
    assert studio.store.recoveries.count_failure(TENANT, campaign_id, "plan") == 1


@pytest.mark.parametrize(
    "step",
    [save_campaign, plan_posts, generate_post, ask_for_approval, revise_posts, complete_campaign, analyze_examples],
    ids=lambda step: step.name,
)
def test_every_step_is_tried_as_the_original_design_says(step: Task[..., Any]) -> None:
    """Three attempts, 1 s, doubled, at most 30 s; each pause up to half as long or as short, at random."""
    assert (step.retries, step.retry_delay_seconds, step.retry_jitter_factor) == (2, [1.0, 2.0], 0.5)


def test_a_run_in_a_terminal_pauses_in_its_process_and_goes_on(studio: Studio) -> None:
    campaign_id = new_id("campaign")
    submit(
        studio.store,
        one_week(),
        Submission(TENANT, campaign_id, "t"),
        now=datetime.now(UTC),
    )

    with ThreadPoolExecutor(1) as pool:
        start = partial(build_campaign, TENANT, campaign_id=campaign_id, return_state=True)
        run = pool.submit(copy_context().run, start)  # the fixture's Prefect settings live in the context
        link = wait_for(lambda: newest_link(studio.home / "mail", campaign_id))
        assert link is not None
        decide_by_link(link, "approved", browser=studio.client)
        # Decided before the run had paused: the bell finds nobody yet, and housekeeping rings again.
        wait_for(lambda: run.done() or rung_again(studio))
        ended = run.result(timeout=60)

    assert ended.name == "Approved"
    assert studio.store.campaigns.get(TENANT, campaign_id).status is CampaignStatus.COMPLETED


def rung_again(studio: Studio) -> None:
    """Ring as housekeeping does, a minute later by the clock."""
    deliver_due(studio.store, now=datetime.now(UTC) + timedelta(minutes=1))


def wait_for(read: Callable[[], T | None]) -> T | None:
    deadline = time.monotonic() + 120
    while (found := read()) is None and time.monotonic() < deadline:
        time.sleep(0.1)
    return found


def _deployment() -> str:
    from campaigns.settings import get_settings

    return get_settings().deployment
