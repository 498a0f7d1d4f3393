"""A failed campaign that goes on, or goes back: an order is carried out whole, once, and only on a failed campaign."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from campaigns.build.planning import fail
from campaigns.errors import ConflictError, FaultsError
from campaigns.model.campaign import PlanSummary
from campaigns.model.vocabulary import CampaignStatus, PostStatus
from campaigns.operations import acts as operations
from campaigns.operations.acts import By
from campaigns.store import OutboxEntry
from tests.approvals.court import Court
from tests.approvals.faulty import Killed
from tests.approvals.scene import TENANT
from tests.store.samples import put_post

OLGA = By("Olga", "as agreed by phone")


@pytest.fixture
def court() -> Iterator[Court]:
    court = Court(posts=3)
    planned = {"plan_summary": PlanSummary(total_posts=3)}
    court.truth.campaigns.update(TENANT, court.campaign_id, planned, actor="test", at=court.clock.now)
    yield court
    court.close()


def failed(court: Court) -> None:
    fail(court.truth, court.campaign, code="QUARANTINED", message="x", retryable=True, now=court.clock.now)


def test_a_retry_that_waited_until_the_campaign_went_on_closes_no_round(court: Court) -> None:
    failed(court)
    put_post(court.truth, court.posts[0].model_copy(update={"status": PostStatus.FAILED}))
    stale = court.campaign
    operations.retry(court.store, stale, OLGA, now=court.clock.now)
    for post in court.posts:
        if post.status is PostStatus.GENERATING:
            court.truth.posts.save_revision(post.model_copy(update={"status": PostStatus.COMPLETED}))
    court.work()
    assert court.open is not None

    with pytest.raises(ConflictError):
        operations.regenerate(court.store, stale, OLGA, numbers=[2], comment="Name the farm.", now=court.clock.now)

    assert court.open is not None
    assert court.campaign.status is CampaignStatus.AWAITING_REVIEW
    assert PostStatus.GENERATING not in {post.status for post in court.posts}


@pytest.mark.parametrize("writes_before", range(6))
def test_writing_posts_of_a_failed_campaign_again_is_whole_wherever_it_is_killed(
    court: Court, writes_before: int
) -> None:
    court.work()
    failed(court)
    before = look(court)
    court.table.fail("killed before", after=writes_before, only_writes=True)
    try:
        operations.regenerate(
            court.store, court.campaign, OLGA, numbers=[1, 2], comment="Name the farm.", now=court.clock.now
        )
    except Killed:
        assert look(court) == before
    court.table.heal()


@pytest.mark.parametrize("writes_before", range(4))
def test_rolling_back_is_whole_wherever_it_is_killed(court: Court, writes_before: int) -> None:
    court.work()
    failed(court)
    for post in court.posts:
        assert post.content is not None
        words = post.content.model_copy(update={"text": "Words that nobody has seen."})
        court.truth.posts.save_revision(post.model_copy(update={"content": words, "revision": post.revision + 1}))
    before = look(court)
    court.table.fail("killed before", after=writes_before, only_writes=True)
    try:
        operations.roll_back(court.store, court.campaign, OLGA, now=court.clock.now)
    except Killed:
        assert look(court) == before
    court.table.heal()


def look(court: Court) -> Any:
    trail = list(court.truth.audit.entries(TENANT, court.campaign_id))
    outbox = court.truth.outbox.of(TENANT, court.campaign_id)
    return court.campaign, court.posts, court.rounds, trail, outbox


@pytest.mark.parametrize("writes_before", range(3))
def test_of_more_posts_than_one_write_holds_a_second_order_does_the_rest(writes_before: int) -> None:
    court = Court(posts=25)
    try:
        planned = {"plan_summary": PlanSummary(total_posts=25)}
        court.truth.campaigns.update(TENANT, court.campaign_id, planned, actor="test", at=court.clock.now)
        court.work()
        failed(court)
        numbers = [post.number for post in court.posts]
        court.table.fail("killed before", after=writes_before, only_writes=True)
        for _ in range(2):
            with suppress(Killed, FaultsError, ConflictError):
                operations.regenerate(
                    court.store, court.campaign, OLGA, numbers=numbers, comment="Name the farm.", now=court.clock.now
                )
        court.table.heal()

        assert court.campaign.status is CampaignStatus.GENERATING
        assert {post.status for post in court.posts} == {PostStatus.GENERATING}
        assert {post.instruction for post in court.posts} == {"Name the farm."}
        assert court.open is None
    finally:
        court.close()


def test_what_was_set_aside_is_put_back_with_its_audit_or_not_at_all(court: Court) -> None:
    for n in range(3):
        entry = OutboxEntry.about("ring", TENANT, court.campaign_id, n, due_at=court.clock.now)
        court.truth.outbox.add([entry])
        assert court.truth.outbox.quarantine(entry, at=court.clock.now, error="no")
    before = look(court)
    for writes_before in range(3):
        court.table.fail("killed before", after=writes_before, only_writes=True)
        try:
            operations.redeliver(court.store, court.campaign, OLGA, now=court.clock.now)
        except Killed:
            assert look(court) == before
        court.table.heal()
        if not any(each.is_quarantined for each in court.truth.outbox.of(TENANT, court.campaign_id)):
            break
    assert not any(each.is_quarantined for each in court.truth.outbox.of(TENANT, court.campaign_id))
    trail = [each.action for each in court.truth.audit.entries(TENANT, court.campaign_id)]
    assert trail.count("outbox_redelivered") == 1
