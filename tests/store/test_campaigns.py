"""Campaigns in the store: created once, moved by compare-and-set, hidden when deleted."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from campaigns.errors import (
    AlreadyDecidedError,
    ConflictError,
    FaultsError,
    IdempotencyMismatchError,
    IllegalTransitionError,
    LeaseLostError,
    NotFoundError,
    VersionConflictError,
)
from campaigns.model.approval import ApprovalRound
from campaigns.model.brief import Metadata
from campaigns.model.campaign import Campaign, Move
from campaigns.model.post import ModelUsage
from campaigns.model.vocabulary import CampaignStatus, Decision, RoundStatus
from campaigns.store import Fact, IdempotencyRecord, OutboxEntry, Store
from campaigns.store.commits.looks import AFTER_A_ROUND, SOON
from campaigns.store.items import keys
from campaigns.store.tables.table import Item, Key
from tests.store.samples import NOW, OTHER, TENANT, a_campaign, a_decision, a_round, decide, hours

S = CampaignStatus
Ask = Callable[[Callable[[], Any]], Any]


def created(store: Store, campaign: Campaign | None = None) -> Campaign:
    return store.campaigns.create(campaign or a_campaign(), actor="api", at=NOW).campaign


def moved(store: Store, campaign: Campaign, *path: CampaignStatus) -> Campaign:
    for number, status in enumerate(path, start=1):
        campaign = store.campaigns.move(
            campaign.tenant_id, campaign.id, Move(status, actor="flow", reason=f"step {number}", at=NOW + hours(number))
        )
    return campaign


def asked(store: Store, campaign: Campaign, n: int = 1) -> ApprovalRound:
    return store.approvals.open_round(a_round(campaign, n), actor="flow", at=NOW)


# --- create -----------------------------------------------------------------------------------------


def test_a_created_campaign_is_read_back_with_its_first_audit_entry_and_its_outbox(store: Store) -> None:
    campaign = a_campaign()
    start = OutboxEntry.about("start_run", TENANT, campaign.id, due_at=NOW, payload={"why": "created"})

    result = store.campaigns.create(campaign, actor="api", at=NOW, outbox=[start])

    assert result.created
    assert store.campaigns.get(TENANT, campaign.id) == campaign == result.campaign
    assert [(entry.action, entry.to_status) for entry in store.audit.entries(TENANT, campaign.id)] == [
        ("created", "planning")
    ]
    assert store.outbox.of(TENANT, campaign.id) == [start]


def test_creating_the_same_campaign_again_changes_nothing(store: Store) -> None:
    campaign = created(store)
    store.campaigns.update(TENANT, campaign.id, {"name": "Renamed since"}, actor="user", at=NOW)

    again = store.campaigns.create(campaign, actor="api", at=NOW)

    assert not again.created
    assert again.campaign.name == "Renamed since"
    assert len(store.audit.entries(TENANT, campaign.id)) == 2


def test_another_brief_under_the_same_id_is_refused(store: Store) -> None:
    campaign = created(store)

    with pytest.raises(IdempotencyMismatchError):
        store.campaigns.create(campaign.model_copy(update={"name": "Something else"}), actor="api", at=NOW)


def test_an_idempotency_key_answers_repetitions_until_it_expires(store: Store) -> None:
    key = IdempotencyRecord("the key", "body one", {"id": "first"}, NOW + hours(24))
    first = store.campaigns.create(a_campaign(), actor="api", at=NOW, idempotency=key)

    repeated = store.campaigns.create(a_campaign(), actor="api", at=NOW + hours(23), idempotency=key)
    assert (repeated.created, repeated.campaign, repeated.answer) == (False, first.campaign, {"id": "first"})

    other_body = IdempotencyRecord("the key", "body two", {"id": "second"}, NOW + hours(48))
    with pytest.raises(IdempotencyMismatchError):
        store.campaigns.create(a_campaign(), actor="api", at=NOW + hours(23), idempotency=other_body)
    assert len(store.campaigns.list(TENANT).items) == 1

    later = store.campaigns.create(a_campaign(), actor="api", at=NOW + hours(24), idempotency=other_body)
    assert later.created
    assert later.campaign.id != first.campaign.id


def test_the_same_key_of_another_tenant_is_another_key(store: Store) -> None:
    key = IdempotencyRecord("the key", "body", {}, NOW + hours(24))

    store.campaigns.create(a_campaign(TENANT), actor="api", at=NOW, idempotency=key)

    assert store.campaigns.create(a_campaign(OTHER), actor="api", at=NOW, idempotency=key).created


def test_an_external_reference_names_one_campaign_of_a_tenant(store: Store) -> None:
    metadata = Metadata(external_ref="crm/4711 – Frühling")
    first = created(store, a_campaign(metadata=metadata))

    again = store.campaigns.create(a_campaign(metadata=metadata), actor="api", at=NOW)
    assert (again.created, again.campaign) == (False, first)

    with pytest.raises(IdempotencyMismatchError):
        store.campaigns.create(a_campaign(metadata=metadata, name="Other"), actor="api", at=NOW)
    assert store.campaigns.create(a_campaign(OTHER, metadata=metadata), actor="api", at=NOW).created


@pytest.mark.parametrize("ask", ["create", "repeated"])
def test_the_reference_of_a_campaign_that_is_being_deleted_is_free(
    store: Store, monkeypatch: pytest.MonkeyPatch, ask: str
) -> None:
    metadata = Metadata(external_ref="crm/4711")
    first = moved(store, created(store, a_campaign(metadata=metadata)), S.CANCELLED)
    key, read = keys.campaign(TENANT, first.id), store.table.get
    between = [lambda: store.campaigns.delete(TENANT, first.id, actor="u", at=NOW)]

    def interrupted(wanted: Key) -> Item | None:
        # The reference has been found; the campaign that it names is deleted before it is read.
        if wanted == key and between:
            between.pop()()
        return read(wanted)

    monkeypatch.setattr(store.table, "get", interrupted)
    again = a_campaign(metadata=metadata)
    if ask == "create":
        result = store.campaigns.create(again, actor="api", at=NOW)
        assert (result.created, result.campaign) == (True, again)
    else:
        found = store.campaigns.repeated(TENANT, again.id, again.brief_only(), idempotency=None, at=NOW)
        assert found is None
    assert between == []


def test_an_edited_external_reference_frees_the_old_one(store: Store) -> None:
    first = created(store, a_campaign(metadata=Metadata(external_ref="one")))
    other = created(store, a_campaign(metadata=Metadata(external_ref="two")))

    with pytest.raises(ConflictError):
        store.campaigns.update(TENANT, other.id, {"metadata": Metadata(external_ref="one")}, actor="u", at=NOW)
    store.campaigns.update(TENANT, first.id, {"metadata": Metadata(external_ref="three")}, actor="u", at=NOW)
    store.campaigns.update(TENANT, other.id, {"metadata": Metadata(external_ref="one")}, actor="u", at=NOW)

    assert store.campaigns.create(a_campaign(metadata=Metadata(external_ref="two")), actor="api", at=NOW).created


# --- read -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("identifier", ["", "nothing", "campaign_01", "../../etc", "a#b", "x" * 5000, "\ud800", "\0"])
def test_an_id_that_is_none_is_unknown(store: Store, identifier: str) -> None:
    with pytest.raises(NotFoundError):
        store.campaigns.get(TENANT, identifier)
    with pytest.raises(NotFoundError):
        store.campaigns.get(identifier, a_campaign().id)


def test_a_foreign_campaign_is_as_unknown_as_one_that_never_was(store: Store) -> None:
    foreign, never = created(store), a_campaign()

    with pytest.raises(NotFoundError) as of_foreign:
        store.campaigns.get(OTHER, foreign.id)
    with pytest.raises(NotFoundError) as of_never:
        store.campaigns.get(OTHER, never.id)

    assert str(of_foreign.value).replace(foreign.id, "…") == str(of_never.value).replace(never.id, "…")


def test_campaigns_are_listed_newest_first_in_pages(store: Store, eventually: Ask) -> None:
    made = [created(store, a_campaign(created_at=NOW + hours(number))) for number in range(7)]
    created(store, a_campaign(OTHER))
    assert eventually(lambda: len(store.campaigns.list(TENANT).items) == 7)

    found, cursor = [], None
    for _ in range(3):
        page = store.campaigns.list(TENANT, limit=3, cursor=cursor)
        found.append([campaign.id for campaign in page.items])
        cursor = page.cursor

    newest_first = [campaign.id for campaign in reversed(made)]
    assert found == [newest_first[:3], newest_first[3:6], newest_first[6:]]
    assert cursor is None


def test_a_list_is_filtered_by_status_and_brand(store: Store, eventually: Ask) -> None:
    brand = "brand_01JZ0K6V9Q4R8XW2B7NDHTM3CE"
    plain = created(store, a_campaign(brand_id=None))
    branded = [created(store, a_campaign(brand_id=brand, created_at=NOW + hours(n))) for n in range(4)]
    moved(store, branded[1], S.GENERATING)
    moved(store, plain, S.GENERATING)

    def ids(**filters: Any) -> list[str]:
        return sorted(campaign.id for campaign in store.campaigns.list(TENANT, **filters).items)

    assert eventually(lambda: ids(status=S.GENERATING) == sorted([plain.id, branded[1].id]))
    assert ids(brand_id=brand) == sorted(campaign.id for campaign in branded)
    assert ids(brand_id=brand, status=S.PLANNING, limit=2) == sorted([branded[3].id, branded[2].id])
    assert ids(brand_id=brand, status=S.GENERATING, limit=1) == [branded[1].id]
    assert ids(status=S.FAILED) == []


@pytest.mark.parametrize("cursor", ["", "x", "AAAA", "W10", "WyJhIiwiYiIsImMiXQ", "é", "[" * 9000])
def test_a_cursor_that_is_none_is_a_fault_of_the_input(store: Store, cursor: str) -> None:
    with pytest.raises(FaultsError):
        store.campaigns.list(TENANT, cursor=cursor)


def test_a_cursor_leads_on_in_its_own_list_only(store: Store, eventually: Ask) -> None:
    brand = "brand_01JZ0K6V9Q4R8XW2B7NDHTM3CE"
    for _ in range(3):
        created(store, a_campaign(brand_id=brand))
    lists: list[dict[str, Any]] = [
        {},
        {"status": S.PLANNING},
        {"brand_id": brand},
        {"brand_id": brand, "status": S.PLANNING},
    ]
    assert eventually(lambda: all(store.campaigns.list(TENANT, **one, limit=1).cursor for one in lists))

    for one in lists:
        cursor = store.campaigns.list(TENANT, **one, limit=1).cursor
        assert len(store.campaigns.list(TENANT, **one, cursor=cursor).items) == 2
        for other in (each for each in lists if each != one):
            with pytest.raises(FaultsError):
                store.campaigns.list(TENANT, **other, cursor=cursor)


def test_a_cursor_is_taken_only_as_it_was_given(store: Store, eventually: Ask) -> None:
    for _ in range(2):
        created(store, a_campaign())
    assert eventually(lambda: store.campaigns.list(TENANT, limit=1).cursor)
    cursor = store.campaigns.list(TENANT, limit=1).cursor or ""

    for at in range(len(cursor) - 1):  # the last letter has bits that mean nothing
        changed = cursor[:at] + ("A" if cursor[at] != "A" else "B") + cursor[at + 1 :]
        with pytest.raises(FaultsError):
            store.campaigns.list(TENANT, cursor=changed)


def test_a_cursor_of_another_tenant_is_refused(store: Store, eventually: Ask) -> None:
    for _ in range(2):
        created(store, a_campaign(OTHER))
    assert eventually(lambda: store.campaigns.list(OTHER, limit=1).cursor)

    with pytest.raises(FaultsError):
        store.campaigns.list(TENANT, cursor=store.campaigns.list(OTHER, limit=1).cursor)


# --- move -------------------------------------------------------------------------------------------


def test_a_move_changes_the_status_and_writes_one_audit_entry(store: Store) -> None:
    campaign = created(store)

    result = store.campaigns.move(
        TENANT,
        campaign.id,
        Move(S.GENERATING, "flow", "a plan is stored", NOW + hours(1), changes={"plan_version": "v1"}, round=2),
    )

    assert (result.status, result.version, result.plan_version) == (S.GENERATING, 2, "v1")
    assert store.campaigns.get(TENANT, campaign.id) == result
    entry = store.audit.entries(TENANT, campaign.id)[-1]
    assert (entry.actor, entry.action, entry.from_status, entry.to_status) == (
        "flow",
        "moved",
        "planning",
        "generating",
    )
    assert (entry.reason, entry.round) == ("a plan is stored", 2)


def test_a_move_that_the_status_machine_does_not_have_is_refused_and_leaves_no_trace(store: Store) -> None:
    campaign = created(store)

    with pytest.raises(IllegalTransitionError):
        moved(store, campaign, S.COMPLETED)
    with pytest.raises(IllegalTransitionError):
        moved(store, campaign, S.PLANNING)

    assert store.campaigns.get(TENANT, campaign.id) == campaign
    assert len(store.audit.entries(TENANT, campaign.id)) == 1


def test_a_move_repeated_is_harmless_only_when_it_says_so_and_is_the_same(store: Store) -> None:
    campaign = created(store)
    first = moved(store, campaign, S.GENERATING)

    def repeat(**changes: Any) -> Campaign:
        given = {"actor": "flow", "reason": "step 1", "at": NOW + hours(9), **changes}
        return store.campaigns.move(TENANT, campaign.id, Move(S.GENERATING, **given))

    assert repeat(idempotent=True) == first
    for different in ({}, {"idempotent": True, "actor": "user"}, {"idempotent": True, "reason": "other"}):
        with pytest.raises(IllegalTransitionError):
            repeat(**different)
    assert len(store.audit.entries(TENANT, campaign.id)) == 2

    edited = store.campaigns.update(TENANT, campaign.id, {"name": "Edited since"}, actor="user", at=NOW)
    assert repeat(idempotent=True) == edited


def test_a_move_of_a_stale_version_is_refused(store: Store) -> None:
    campaign = created(store)
    store.campaigns.update(TENANT, campaign.id, {"name": "New name"}, actor="user", at=NOW)

    with pytest.raises(VersionConflictError) as refused:
        store.campaigns.move(TENANT, campaign.id, Move(S.GENERATING, "flow", "r", NOW), expect_version=1)

    assert refused.value.details == {"currentVersion": 2, "currentStatus": "planning"}


@pytest.mark.parametrize(
    "changes", [{"status": S.COMPLETED}, {"id": "x"}, {"version": 9}, {"metadata": None}, {"nme": 1}]
)
def test_a_move_cannot_smuggle_in_what_is_not_its_own(store: Store, changes: dict[str, Any]) -> None:
    campaign = created(store)

    with pytest.raises(ValueError, match="not"):
        store.campaigns.move(TENANT, campaign.id, Move(S.GENERATING, "flow", "r", NOW, changes=changes))


def test_a_process_that_lost_its_lease_cannot_move_the_campaign(store: Store) -> None:
    campaign = created(store)
    old = store.leases.acquire(TENANT, campaign.id, owner="one", now=NOW, ttl=hours(1))
    new = store.leases.acquire(TENANT, campaign.id, owner="two", now=NOW + hours(2), ttl=hours(1))

    with pytest.raises(LeaseLostError):
        store.campaigns.move(TENANT, campaign.id, Move(S.GENERATING, "flow", "r", NOW), fence=old)
    assert store.campaigns.get(TENANT, campaign.id).status is S.PLANNING

    store.campaigns.move(TENANT, campaign.id, Move(S.GENERATING, "flow", "r", NOW), fence=new)


def test_completing_notes_when(store: Store) -> None:
    campaign = moved(store, created(store), S.GENERATING, S.AWAITING_REVIEW, S.APPROVED, S.COMPLETED)

    assert campaign.completed_at == NOW + hours(4)


# --- cancel -----------------------------------------------------------------------------------------


def test_cancelling_closes_the_open_round_with_it(store: Store) -> None:
    campaign = created(store)
    asked(store, campaign)

    moved(store, campaign, S.CANCELLED)

    assert store.approvals.round(TENANT, campaign.id, 1).status is RoundStatus.CANCELLED
    with pytest.raises(ConflictError):
        asked(store, campaign, 2)


def test_a_campaign_that_was_just_approved_cannot_be_cancelled(store: Store) -> None:
    campaign = created(store)
    round_ = asked(store, campaign)
    moved(store, campaign, S.GENERATING, S.AWAITING_REVIEW)
    decide(store, a_decision(round_))

    with pytest.raises(AlreadyDecidedError) as refused:
        moved(store, campaign, S.CANCELLED)

    assert refused.value.details["decision"] == "approved"


def test_a_campaign_whose_approvers_asked_for_changes_can_be_cancelled(store: Store) -> None:
    campaign = created(store)
    round_ = asked(store, campaign)
    moved(store, campaign, S.GENERATING, S.AWAITING_REVIEW)
    wish = a_decision(round_, decision=Decision.NEEDS_REVISION, comments="shorter, please")
    decide(store, wish)

    assert moved(store, campaign, S.CANCELLED).status is S.CANCELLED


# --- update, usage, delete --------------------------------------------------------------------------


def test_an_update_is_checked_versioned_and_audited_by_field(store: Store) -> None:
    campaign = created(store)

    updated = store.campaigns.update(
        TENANT, campaign.id, {"name": "New name"}, actor="user", at=NOW + hours(1), expect_version=1
    )

    assert (updated.name, updated.version, updated.updated_at) == ("New name", 2, NOW + hours(1))
    assert store.audit.entries(TENANT, campaign.id)[-1].details == {"fields": ["name"]}
    with pytest.raises(VersionConflictError):
        store.campaigns.update(TENANT, campaign.id, {"name": "x"}, actor="user", at=NOW, expect_version=1)
    with pytest.raises(ValueError, match="at least 1"):
        store.campaigns.update(TENANT, campaign.id, {"name": ""}, actor="user", at=NOW)


def test_costs_add_up_once_each_and_disturb_no_edit(store: Store) -> None:
    campaign = created(store)
    cost = ModelUsage(model="m", calls=1, input_tokens=10, output_tokens=5, cost_usd=0.01)

    for fact in ("post 1", "post 2", "post 1"):
        store.campaigns.add_usage(TENANT, campaign.id, cost, once=fact)
    updated = store.campaigns.update(
        TENANT, campaign.id, {"name": "Edited meanwhile"}, actor="user", at=NOW, expect_version=1
    )

    assert (updated.usage.calls, updated.usage.cost_usd) == (2, 0.02)


def test_only_a_campaign_at_rest_is_deleted_and_then_nobody_sees_it(store: Store, eventually: Ask) -> None:
    campaign = created(store, a_campaign(metadata=Metadata(external_ref="ref")))
    with pytest.raises(ConflictError):
        store.campaigns.delete(TENANT, campaign.id, actor="user", at=NOW)
    moved(store, campaign, S.CANCELLED)
    with pytest.raises(VersionConflictError):
        store.campaigns.delete(TENANT, campaign.id, actor="user", at=NOW, expect_version=1)

    store.campaigns.delete(TENANT, campaign.id, actor="user", at=NOW, expect_version=2)

    with pytest.raises(NotFoundError):
        store.campaigns.get(TENANT, campaign.id)
    with pytest.raises(NotFoundError):
        moved(store, campaign, S.PLANNING)
    assert eventually(lambda: store.campaigns.list(TENANT).items == [])
    assert store.campaigns.get(TENANT, campaign.id, deleted=True).deleted_at == NOW
    assert store.campaigns.create(a_campaign(metadata=Metadata(external_ref="ref")), actor="api", at=NOW).created


def test_campaigns_in_work_that_use_a_persona_or_brand_are_found(store: Store, eventually: Ask) -> None:
    brand = "brand_01JZ0K6V9Q4R8XW2B7NDHTM3CE"
    working, over = created(store, a_campaign(brand_id=brand)), created(store, a_campaign(brand_id=brand))
    moved(store, over, S.CANCELLED)
    persona = working.participants.persona_ids[0]

    assert eventually(lambda: store.campaigns.live_using(TENANT, persona_id=persona) == [working.id])
    assert store.campaigns.live_using(TENANT, brand_id=brand) == [working.id]
    assert store.campaigns.live_using(OTHER, persona_id=persona, brand_id=brand) == []
    assert store.campaigns.live_using(TENANT, brand_id="brand_01JZ0K6V9Q4R8XW2B7NDHTM3CF") == []


def test_ended_campaigns_are_found_until_their_checkpoints_are_gone(store: Store, eventually: Ask) -> None:
    early = moved(store, created(store), S.CANCELLED)
    late = moved(store, created(store, a_campaign(OTHER)), S.GENERATING, S.FAILED)
    created(store)

    def ended() -> list[str]:
        return [one.campaign_id for one in store.campaigns.ended_before(NOW + hours(48))]

    store.campaigns.update(TENANT, early.id, {"name": "Edited since"}, actor="user", at=NOW)
    store.campaigns.add_usage(TENANT, early.id, ModelUsage(calls=1), once="late answer")
    assert eventually(lambda: ended() == [early.id, late.id])
    assert [one.campaign_id for one in store.campaigns.ended_before(NOW + hours(1.5))] == [early.id]

    store.campaigns.forget_checkpoints(TENANT, early.id)
    assert eventually(lambda: ended() == [late.id])
    store.campaigns.update(TENANT, early.id, {"name": "Renamed"}, actor="user", at=NOW)
    moved(store, late, S.GENERATING)
    assert eventually(lambda: ended() == [])


def test_campaigns_in_work_are_found_across_tenants(store: Store, eventually: Ask) -> None:
    one, two = created(store), created(store, a_campaign(OTHER))
    over = moved(store, created(store), S.CANCELLED)
    one = moved(store, one, S.GENERATING)

    def found() -> set[str]:
        return {campaign.id for campaign in store.campaigns.in_work()}

    assert eventually(lambda: found() == {one.id, two.id})
    assert over.id not in found()


def test_a_campaign_is_looked_at_soon_after_whatever_brings_that_about(store: Store, eventually: Ask) -> None:
    campaign = created(store)

    def looked_at(after: timedelta) -> list[str]:
        return [look.campaign_id for look in store.looks.due(NOW + after)]

    assert looked_at(SOON - hours(0.001)) == []
    assert eventually(lambda: looked_at(SOON) == [campaign.id])
    [early] = store.looks.due(NOW + SOON)
    store.approvals.open_round(a_round(campaign, expires_at=NOW + hours(9)), actor="flow", at=NOW + hours(0.1))
    assert eventually(lambda: looked_at(hours(0.1)) == [])
    assert looked_at(hours(0.1) + SOON) == [campaign.id]  # its process may have died before its run waits

    store.looks.over(early)  # whoever has looked at what it was before
    store.looks.again(early, at=NOW)
    assert looked_at(hours(0.1)) == []
    decide(store, a_decision(store.approvals.round(TENANT, campaign.id, 1), at=NOW + hours(1)))
    assert eventually(lambda: looked_at(hours(1) + AFTER_A_ROUND) == [campaign.id])
    [now] = store.looks.due(NOW + hours(2))
    store.looks.over(now)
    assert eventually(lambda: looked_at(hours(99)) == [])


def test_campaigns_that_ended_lately_are_found_with_how_they_ended(store: Store, eventually: Ask) -> None:
    early = moved(store, created(store), S.CANCELLED)
    late = moved(store, created(store, a_campaign(OTHER)), S.GENERATING, S.FAILED)

    def ended(since: float) -> list[tuple[str, S]]:
        return [(one.campaign_id, one.status) for one in store.campaigns.ended_since(NOW + hours(since))]

    assert eventually(lambda: ended(0) == [(late.id, S.FAILED), (early.id, S.CANCELLED)])
    assert ended(1) == [(late.id, S.FAILED)]
    assert ended(2) == []


def test_an_opened_link_is_recorded_on_its_own(store: Store) -> None:
    campaign = created(store)

    store.record(TENANT, campaign.id, Fact("ap-1", "opened", NOW, round=1, details={"human": True}))

    assert store.audit.entries(TENANT, campaign.id)[-1].action == "opened"
    with pytest.raises(NotFoundError):
        store.record(OTHER, campaign.id, Fact("ap-1", "opened", NOW))
