"""One act, one transaction: whatever is killed half way, an act was done or it was not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta

import pytest

from campaigns.approval.opening import open_round
from campaigns.approval.outcomes import apply, start_revision
from campaigns.approval.rounds import Outcome, outcome
from campaigns.build.planning import fail
from campaigns.build.submission import START_RUN
from campaigns.errors import ConflictError, StoreUnavailableError
from campaigns.model.campaign import PlanSummary
from campaigns.model.vocabulary import CampaignStatus, RoundStatus
from campaigns.operations import acts as operations
from campaigns.operations.acts import By
from campaigns.store.items import keys
from campaigns.store.items.round_state import round_item
from campaigns.store.tables.table import Put
from tests.approvals.court import Court
from tests.approvals.faulty import Killed
from tests.approvals.scene import ANA, TENANT

S = CampaignStatus
OLGA = By("Olga", "late")


@pytest.fixture
def court() -> Iterator[Court]:
    court = Court(posts=3)
    planned = {"plan_summary": PlanSummary(total_posts=3)}
    court.truth.campaigns.update(TENANT, court.campaign_id, planned, actor="test", at=court.clock.now)
    yield court
    court.close()


def failed(court: Court, code: str = "QUARANTINED") -> None:
    fail(court.truth, court.campaign, code=code, message="x", retryable=True, now=court.clock.now)


def timed_out(court: Court) -> Court:
    court.work()
    assert court.open is not None
    court.clock.now = court.open.expires_at + timedelta(minutes=1)
    court.sweep()
    court.work()
    assert court.campaign.status is S.APPROVAL_TIMEOUT
    return court


def audit(court: Court) -> list[tuple[str, str | None, str | None]]:
    return [(each.action, each.to_status, each.reason) for each in court.truth.audit.entries(TENANT, court.campaign_id)]


def ask(court: Court, n: int) -> None:
    open_round(court.store, TENANT, court.campaign_id, n, default_approver=ANA, now=court.clock.now)


def test_a_failed_campaign_is_not_put_to_its_approvers(court: Court) -> None:
    failed(court)

    with pytest.raises(ConflictError, match="failed"):
        ask(court, 1)

    assert court.rounds == []
    assert court.truth.outbox.of(TENANT, court.campaign_id) == []


@pytest.mark.parametrize("writes_before", range(3))
def test_nor_one_that_fails_in_the_moment_of_asking(court: Court, writes_before: int) -> None:
    left = writes_before

    def meanwhile() -> None:
        nonlocal left
        if left:
            left -= 1
            court.table.between = meanwhile
        else:
            failed(court)

    court.table.between = meanwhile
    with suppress(ConflictError):
        ask(court, 1)

    assert len(court.rounds) == (writes_before > 1)  # one write for the posts, then the round
    assert (court.campaign.status is S.FAILED) is (writes_before < 2)


@pytest.mark.parametrize("writes_before", range(8))
def test_reopening_is_whole_wherever_it_is_killed(court: Court, writes_before: int) -> None:
    timed_out(court)
    court.table.fail("killed before", after=writes_before, only_writes=True)

    with suppress(Killed):
        operations.reopen(court.store, court.campaign, OLGA, default_approver=ANA, now=court.clock.now)
    court.table.heal()

    opened = len(court.rounds) == 2
    started = [entry for entry in court.truth.outbox.of(TENANT, court.campaign_id) if entry.kind == START_RUN]
    told = [action for action, _, _ in audit(court)]
    assert (court.campaign.status is S.AWAITING_REVIEW) is opened
    assert (len(started) == 1) is opened
    assert ("reopened" in told) is opened
    assert court.campaign.round == len(court.rounds)


def test_a_reopening_that_an_older_version_left_half_done_is_finished_by_the_next(court: Court) -> None:
    timed_out(court)
    half = court.rounds[-1].model_copy(
        update={
            "n": 2,
            "round_id": "round_01JZ0K7A3M5T9Y1C4GQVSB8WEZ",
            "callback_id": "A" * 32,
            "status": RoundStatus.PENDING,
            "outcome": None,
            "decided_at": None,
            "expires_at": court.clock.now + timedelta(days=2),
            "version": 1,
        }
    )
    pointer = keys.callback(half.callback_id)
    target = {"tenant_id": TENANT, "campaign_id": court.campaign_id, "n": 2}
    court.truth.table.write(Put(round_item(half)), Put({**pointer._asdict(), "kind": "callback", **target}))
    assert court.click(court.issue(0), "attempt-half", decision="approved") == "gone"  # nothing is acknowledged in vain

    operations.reopen(court.store, court.campaign, OLGA, default_approver=ANA, now=court.clock.now)

    assert (court.rounds[-1].n, len(court.rounds), court.campaign.status) == (2, 2, S.AWAITING_REVIEW)
    assert court.click(court.issue(0), "attempt-whole", decision="approved") == "recorded"
    came_to = outcome(court.store, TENANT, court.campaign_id, 2, now=court.clock.now)
    with pytest.raises(ConflictError, match="round 2"):
        apply(court.store, TENANT, court.campaign_id, 1, Outcome.TIMED_OUT, now=court.clock.now)
    apply(court.store, TENANT, court.campaign_id, 2, came_to, now=court.clock.now)
    assert court.campaign.status is S.COMPLETED


def test_a_campaign_that_goes_on_after_its_last_revision_says_nothing_false(court: Court) -> None:
    asks_for_changes(court, times=3)  # two are allowed
    assert (court.campaign.status, court.campaign.last_error.code) == (S.FAILED, "REVISION_LIMIT")
    n = court.rounds[-1].n
    before = audit(court)

    operations.retry(court.store, court.campaign, OLGA, now=court.clock.now)
    ask(court, n)  # the run begins with the round that is the latest

    assert court.campaign.status is S.GENERATING
    assert [each for each in audit(court)[len(before) :] if each[0] != "moved"] == []
    assert [each[1] for each in audit(court)[len(before) :]] == [S.GENERATING]
    assert len(start_revision(court.store, TENANT, court.campaign_id, n, now=court.clock.now)) == 3


def test_each_retry_after_the_last_revision_gives_one_round_more(court: Court) -> None:
    asks_for_changes(court, times=3)
    for number in (4, 5):
        operations.retry(court.store, court.campaign, OLGA, now=court.clock.now)
        court.run_state = "scheduled"
        court.work()
        assert (court.campaign.status, court.rounds[-1].n) == (S.AWAITING_REVIEW, number)
        said = {"decision": "needs_revision", "comments": "Shorter still, please."}
        court.click(court.issue(0), f"attempt-again-{number}", **said)
        court.run_state = "scheduled"
        court.work()
        assert (court.campaign.status, court.campaign.last_error.code) == (S.FAILED, "REVISION_LIMIT")

    operations.retry(court.store, court.campaign, OLGA, now=court.clock.now)
    court.run_state = "scheduled"
    court.work()
    court.click(court.issue(0), "attempt-at-last", decision="approved")
    court.run_state = "scheduled"
    court.work()
    assert court.campaign.status is S.COMPLETED


def asks_for_changes(court: Court, *, times: int) -> None:
    court.work()
    for number in range(times):
        court.click(court.issue(0), f"attempt-{number:04d}", decision="needs_revision", comments="Shorter, please.")
        court.run_state = "scheduled"
        court.work()


def test_a_campaign_that_failed_while_it_was_asked_goes_on_with_the_same_round(court: Court) -> None:
    court.work()
    asked = court.rounds[-1]
    failed(court)

    operations.retry(court.store, court.campaign, OLGA, now=court.clock.now)
    ask(court, 1)

    assert (court.campaign.status, court.campaign.round) == (S.AWAITING_REVIEW, 1)
    assert court.rounds == [asked]
    assert audit(court)[-1] == ("moved", S.AWAITING_REVIEW, "round 1 was opened before")


def test_a_run_that_lives_on_after_the_time_out_reopens_nothing(court: Court) -> None:
    timed_out(court)

    with pytest.raises(ConflictError, match="approval_timeout"):
        ask(court, 1)
    with pytest.raises(ConflictError, match="approval_timeout"):
        ask(court, 2)

    assert court.campaign.status is S.APPROVAL_TIMEOUT


def test_an_answer_that_is_lost_leaves_one_round_and_one_move(court: Court) -> None:
    for after in range(6):
        again = Court(posts=3)
        again.table.fail("lost", after=after, only_writes=True)
        try:
            ask(again, 1)
        except StoreUnavailableError:
            ask(again, 1)
        assert (again.campaign.status, again.campaign.round, len(again.rounds)) == (S.AWAITING_REVIEW, 1, 1)
        assert [each for each, _, _ in audit(again)].count("round_opened") == 1
        again.close()
