"""Races: 100 writers at once, 12 rounds, on each implementation; exactly one wins."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Final, TypeVar

from campaigns.errors import (
    AlreadyDecidedError,
    IllegalTransitionError,
    LeaseLostError,
    RoundClosedError,
    VersionConflictError,
)
from campaigns.model.campaign import Campaign, Move
from campaigns.model.post import ModelUsage
from campaigns.model.vocabulary import CampaignStatus, Decision, RoundStatus
from campaigns.store import IdempotencyRecord, Store
from campaigns.store.tables.table import ABSENT, ConditionFailed, Equals, Key, Put, Table
from tests.store.samples import NOW, TENANT, a_campaign, a_decision, a_post, a_round, decide, hours, written

G = TypeVar("G")
T = TypeVar("T")
ROUNDS: Final = 12
WRITERS: Final = 100


def at_once(givens: Sequence[G], act: Callable[[G], T]) -> list[T]:
    """Let one thread for each of the givens act on it at the same moment, and return what each returned."""
    start = Barrier(len(givens))

    def run(given: G) -> T:
        start.wait(timeout=60)
        return act(given)

    with ThreadPoolExecutor(len(givens)) as pool:
        return list(pool.map(run, givens))


def won(table: Table, put: Put) -> bool:
    try:
        table.write(put)
    except ConditionFailed:
        return False
    return True


def test_of_a_hundred_that_put_if_absent_exactly_one_wins(table: Table) -> None:
    for round_ in range(ROUNDS):
        item = {"pk": "race", "sk": str(round_)}

        puts = [Put({**item, "by": number}, ABSENT) for number in range(WRITERS)]
        results = at_once(puts, lambda put: won(table, put))

        assert results.count(True) == 1
        stored = table.get(Key("race", str(round_)))
        assert stored is not None
        assert stored["by"] == results.index(True)


def test_of_a_hundred_that_compare_and_set_exactly_one_wins(table: Table) -> None:
    table.write(Put({"pk": "race", "sk": "s", "version": 0}))
    for round_ in range(ROUNDS):
        change = {"pk": "race", "sk": "s", "version": round_ + 1}

        unmoved = Equals({"version": round_})
        puts = [Put({**change, "by": number}, unmoved) for number in range(WRITERS)]
        results = at_once(puts, lambda put: won(table, put))

        assert results.count(True) == 1
        stored = table.get(Key("race", "s"))
        assert stored is not None
        assert (stored["version"], stored["by"]) == (round_ + 1, results.index(True))


def test_fifty_requests_with_one_idempotency_key_make_one_campaign(store: Store) -> None:
    key = IdempotencyRecord("the key", "the body", {"status": "planning"}, NOW + hours(24))

    results = at_once(
        range(50), lambda _: store.campaigns.create(a_campaign(name="Once"), actor="api", at=NOW, idempotency=key)
    )

    assert [result.created for result in results].count(True) == 1
    assert len({result.campaign.id for result in results}) == 1
    assert all(result.answer == {"status": "planning"} for result in results)
    assert len(store.campaigns.list(TENANT).items) == 1


def test_twenty_writers_of_a_revision_all_return_the_first(store: Store) -> None:
    campaign = store.campaigns.create(a_campaign(), actor="api", at=NOW).campaign
    [post] = store.posts.put_planned([a_post(campaign)])

    saved = at_once(range(20), lambda number: store.posts.save_revision(written(post, f"Words of writer {number}")))

    assert len({one.content.text for one in saved if one.content}) == 1
    assert store.posts.get(TENANT, campaign.id, post.id) == saved[0]
    assert len(store.posts.revisions(TENANT, campaign.id, post.id)) == 1


def test_opposite_decisions_at_once_leave_one_outcome(store: Store) -> None:
    campaign = store.campaigns.create(a_campaign(), actor="api", at=NOW).campaign
    for n in range(1, ROUNDS + 1):
        asked = store.approvals.open_round(a_round(campaign, n, approvers=8), actor="flow", at=NOW)

        def press(number: int, asked=asked) -> str:  # bound per round
            said = Decision.APPROVED if number % 2 else Decision.REJECTED
            decision = a_decision(asked, f"ap-{number + 1}", said)
            try:
                return decide(store, decision).decision.approver_id
            except AlreadyDecidedError:
                return ""

        winners = [winner for winner in at_once(range(8), press) if winner]

        decisions = store.approvals.decisions(TENANT, campaign.id, n)
        assert winners == [decision.approver_id for decision in decisions]
        assert len(winners) == 1
        assert store.approvals.round(TENANT, campaign.id, n).outcome == decisions[0].decision
    assert store.audit.verify(TENANT, campaign.id) is None


def test_approvers_who_complete_a_quorum_together_close_the_round(store: Store) -> None:
    campaign = store.campaigns.create(a_campaign(), actor="api", at=NOW).campaign
    asked = store.approvals.open_round(a_round(campaign, approvers=8, quorum="all"), actor="flow", at=NOW)

    at_once(
        range(8),
        lambda number: decide(store, a_decision(asked, f"ap-{number + 1}")),
    )

    assert store.approvals.round(TENANT, campaign.id, 1).status is RoundStatus.DECIDED
    assert store.audit.verify(TENANT, campaign.id) is None


def test_a_cancellation_and_an_approval_at_once_never_both_stand(store: Store) -> None:
    for _ in range(ROUNDS):
        campaign = store.campaigns.create(a_campaign(), actor="api", at=NOW).campaign
        asked = store.approvals.open_round(a_round(campaign), actor="flow", at=NOW)
        for status in (CampaignStatus.GENERATING, CampaignStatus.AWAITING_REVIEW):
            store.campaigns.move(TENANT, campaign.id, Move(status, "flow", "goes on", NOW))

        def act(number: int, asked=asked) -> str:  # bound per campaign
            try:
                if number:
                    decide(store, a_decision(asked))
                else:
                    store.campaigns.move(TENANT, asked.campaign_id, Move(CampaignStatus.CANCELLED, "user", "no", NOW))
            except (AlreadyDecidedError, RoundClosedError):
                return "told"
            return "done"

        assert sorted(at_once(range(2), act)) == ["done", "told"]
        cancelled = store.campaigns.get(TENANT, campaign.id).status is CampaignStatus.CANCELLED
        approved = store.approvals.round(TENANT, campaign.id, 1).outcome is Decision.APPROVED
        assert cancelled != approved


def test_of_two_moves_that_exclude_each_other_one_stands(store: Store) -> None:
    for _ in range(ROUNDS):
        campaign = store.campaigns.create(a_campaign(), actor="api", at=NOW).campaign

        def move(to: CampaignStatus, campaign: Campaign = campaign) -> CampaignStatus | None:
            try:
                return store.campaigns.move(TENANT, campaign.id, Move(to, "x", "r", NOW)).status
            except IllegalTransitionError:
                return None

        ended = at_once([CampaignStatus.FAILED, CampaignStatus.CANCELLED] * 4, move)

        assert [status for status in ended if status] == [store.campaigns.get(TENANT, campaign.id).status]
        assert len(store.audit.entries(TENANT, campaign.id)) == 2


def test_of_twenty_edits_of_one_version_one_stands_and_no_cost_is_lost(store: Store) -> None:
    campaign = store.campaigns.create(a_campaign(), actor="api", at=NOW).campaign

    def edit(number: int) -> str | None:
        store.campaigns.add_usage(TENANT, campaign.id, ModelUsage(calls=1), once=f"call {number}")
        changes = {"name": f"Name {number}"}
        try:
            return store.campaigns.update(TENANT, campaign.id, changes, actor="user", at=NOW, expect_version=1).name
        except VersionConflictError:
            return None

    names = [name for name in at_once(range(20), edit) if name]

    stored = store.campaigns.get(TENANT, campaign.id)
    assert names == [stored.name]
    assert stored.usage.calls == 20
    assert store.audit.verify(TENANT, campaign.id) is None


def test_of_twenty_processes_one_gets_the_lease(store: Store) -> None:
    campaign = a_campaign()

    def acquire(number: int) -> int:
        try:
            owner = f"process-{number}"
            return store.leases.acquire(TENANT, campaign.id, owner=owner, now=NOW, ttl=hours(1)).token
        except LeaseLostError:
            return 0

    assert sorted(at_once(range(20), acquire)) == [0] * 19 + [1]
