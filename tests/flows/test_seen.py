"""After one real campaign every number of the design is there, and is what the stored items say."""

from __future__ import annotations

from datetime import UTC, datetime
from statistics import median

import pytest

from campaigns.operations.watching import metrics
from campaigns.operations.watching.recount import recounted
from campaigns.settings import get_settings
from campaigns.telemetry.series import Series, differences, series_of
from tasks.checkpoints.storage import configured_storage
from tests.flows.conftest import TENANT, Studio, sample_brief


def told(studio: Studio) -> Series:
    assert metrics.flush()
    return studio.store.tallies.all()


def test_the_numbers_of_one_campaign_are_those_of_its_items(studio: Studio) -> None:
    campaign_id, run_id = studio.submit(sample_brief())
    studio.attempt(run_id)
    studio.decide(campaign_id, "needs_revision", "Shorter, please.")
    studio.attempt(run_id)
    studio.decide(campaign_id, "approved")
    studio.attempt(run_id)

    seen = told(studio)

    trail = studio.store.audit.entries(TENANT, campaign_id)
    campaign = studio.store.campaigns.get(TENANT, campaign_id)
    posts = studio.store.posts.list(TENANT, campaign_id)
    rounds = studio.store.approvals.rounds(TENANT, campaign_id)
    words = sum(len(studio.store.posts.revisions(TENANT, campaign_id, post.id)) for post in posts)
    paths = [key.step for key in configured_storage(get_settings()).vault().keys_of(TENANT, campaign_id)]
    ended = next(entry.at for entry in trail if entry.to_status == "completed")
    # executions: duration, success, checkpoints
    assert seen.of("ExecutionDuration").count == 1
    assert seen.of("ExecutionDuration").sum == pytest.approx((ended - campaign.created_at).total_seconds() * 1000)
    assert seen.of("BuildDuration").sum == pytest.approx(
        (rounds[0].opened_at - campaign.created_at).total_seconds() * 1000
    )
    assert (seen.of("CampaignsMoved", Status="completed").sum, seen.of("CampaignFailures").sum) == (1, 0)
    assert (seen.of("CheckpointsPerExecution").count, seen.of("CheckpointsPerExecution").sum) == (1, len(paths))
    # steps: completion, duration, retries
    for step in ("save", "plan", "generate", "ask", "revise", "complete"):
        assert seen.of("CheckpointsKept", StepName=step).sum == paths.count(step)
        assert seen.of("WorkflowStepDuration", StepName=step).count == paths.count(step)
        assert seen.of("WorkflowStepDuration", StepName=step).sum > 0
    assert paths.count("generate") == words
    assert seen.of("StepRetries").sum == seen.of("StepAttemptsFailed").sum == 0
    # approvals: rates, response times
    answers = [
        (decision.at - round_.opened_at).total_seconds()
        for round_ in rounds
        for decision in studio.store.approvals.decisions(TENANT, campaign_id, round_.n)
    ]
    assert seen.of("RoundsOpened").sum == len(rounds) == 2
    assert (
        seen.of("RoundsDecided", Outcome="approved").sum == seen.of("RoundsDecided", Outcome="needs_revision").sum == 1
    )
    assert seen.of("RoundsTimedOut").sum == 0
    assert (seen.of("Decisions").sum, seen.of("ApproverResponseTime").count) == (2, 2)
    assert seen.of("ApproverResponseTime").sum == pytest.approx(sum(answers))
    assert median(answers) <= max(answers)
    # the maps: efficiency and how many at once
    assert seen.of("ParallelEfficiency").count == seen.of("ConcurrencyInUse").count == 2
    assert 0 < seen.of("ParallelEfficiency").sum <= 200
    assert 2 <= seen.of("ConcurrencyInUse").sum <= 10
    # money
    notes = studio.store.campaigns.cost_notes(TENANT, campaign_id)
    assert seen.of("ModelCalls").sum == sum(each.calls for each in notes) == campaign.usage.calls
    assert seen.of("TokensUsed", Direction="input").sum == sum(each.input_tokens for each in notes)
    assert seen.of("TokensUsed", Direction="output").sum == campaign.usage.output_tokens
    assert seen.of("CostUsd").sum == pytest.approx(campaign.usage.cost_usd)
    # and all of it follows from what is stored
    receipts = {campaign_id: configured_storage(get_settings()).receipts(TENANT, campaign_id)}
    ((_, again),) = recounted(studio.store, [campaign], receipts)
    assert list(differences(seen, series_of(measure for _, measure in again))) == []


def test_a_run_that_is_executed_again_counts_nothing_twice(studio: Studio) -> None:
    campaign_id, run_id = studio.submit(sample_brief("conference-talks.json"))
    studio.attempt(run_id)
    before = told(studio)

    studio.attempt(run_id)  # woken for nothing: the body runs from its first line to its pause again

    assert list(differences(before, told(studio))) == []
    assert studio.store.tallies.since(datetime.now(UTC).date()).of("CampaignsCreated").sum == 1
    assert campaign_id
