"""Property 12, in the store and over HTTP: what a tenant sees does not depend on what other tenants do.

Non-interference: three tenants act, each with ids of its own and with the ids of the others. The same
acts of one tenant alone, in a store where the others never were, must give the very same answers.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest
from hypothesis import HealthCheck, event, example, given, settings
from hypothesis import strategies as st

from campaigns import wiring
from campaigns.approval.expiry import expire
from campaigns.approval.invitations import invitation
from campaigns.approval.renewing import revoke_link
from campaigns.errors import CampaignError
from campaigns.model.base import derived_id
from campaigns.model.brief import Metadata
from campaigns.model.campaign import Move
from campaigns.model.post import ModelUsage, Review
from campaigns.model.terms.participants import Participants
from campaigns.model.vocabulary import CampaignStatus, ReviewState
from campaigns.store import Fact, IdempotencyRecord, OutboxEntry, Store
from campaigns.store.tables.dynamodb import DynamoDBTable
from campaigns.store.tables.sqlite import SQLiteTable
from deployments.local.aws_local import AwsLocal
from tests.api.doors import Door, opened
from tests.dynamodb_table import create_table
from tests.store.samples import (
    NOW,
    a_brand,
    a_campaign,
    a_decision,
    a_persona,
    a_post,
    a_round,
    an_asset,
    an_example,
    an_occurrence,
    decide,
    hours,
    written,
)

WORLDS: Final = ("everybody", "first", "second", "third")


class Act(NamedTuple):
    """Tenant number `actor` does `name` with things numbered as `owner` would number its own."""

    actor: int
    name: str
    owner: int
    number: int
    choice: int


class Tenant:
    """One tenant of one store: does acts and says what it saw."""

    def __init__(self, store: Store, names: list[str], actor: int, run: int, door: Door | None = None) -> None:
        self._store = store
        self._door = door
        self._me = names[actor]
        self._names = names
        self._run = run

    def sees(self, act: Act) -> str:
        """Do it and return everything a caller could learn: the answer, or the error with its words and details."""
        try:
            return repr(getattr(self, f"_{act.name}")(act))
        except CampaignError as error:
            return f"refused: {type(error).__name__} {error} {getattr(error, 'details', None)}"

    def _id(self, kind: Any, act: Act) -> str:
        return derived_id(kind, self._run, act.owner, act.number)

    def _campaign(self, act: Act) -> Any:
        return a_campaign(
            self._me,
            id=self._id("campaign", act),
            brand_id=self._id("brand", act) if act.choice % 2 else None,
            created_at=NOW + hours(act.number),
            metadata=Metadata(external_ref=f"ref {act.choice}") if act.choice < 2 else Metadata(),
            participants=Participants(persona_ids=[self._id("persona", act)], platforms=["linkedin"]),
        )

    # --- campaigns and what lies below them ---

    def _create_campaign(self, act: Act) -> Any:
        key = IdempotencyRecord(f"key {act.choice}", f"print {act.number}", {"n": act.number}, NOW + hours(24))
        campaign = self._campaign(act)
        start = OutboxEntry.about("start_run", self._me, campaign.id, due_at=NOW)
        given = key if act.choice == 3 else None
        return self._store.campaigns.create(campaign, actor="api", at=NOW, idempotency=given, outbox=[start])

    def _get_campaign(self, act: Act) -> Any:
        return self._store.campaigns.get(self._me, self._id("campaign", act), deleted=act.choice == 0)

    def _list_campaigns(self, act: Act) -> Any:
        brands = [derived_id("brand", self._run, owner, act.number) for owner in range(3)]
        filters: list[dict[str, Any]] = [
            {},
            {"limit": 1},
            *({"status": status} for status in CampaignStatus),
            *({"brand_id": brand} for brand in brands),
        ]
        return [self._store.campaigns.list(self._me, **given) for given in filters]

    def _move_campaign(self, act: Act) -> Any:
        to = [
            CampaignStatus.GENERATING,
            CampaignStatus.AWAITING_REVIEW,
            CampaignStatus.CANCELLED,
            CampaignStatus.FAILED,
        ]
        return self._store.campaigns.move(
            self._me, self._id("campaign", act), Move(to[act.choice], actor="flow", reason="goes on", at=NOW)
        )

    def _update_campaign(self, act: Act) -> Any:
        changes = {"name": f"Name {act.choice}"}
        return self._store.campaigns.update(self._me, self._id("campaign", act), changes, actor="user", at=NOW)

    def _delete_campaign(self, act: Act) -> Any:
        return self._store.campaigns.delete(self._me, self._id("campaign", act), actor="user", at=NOW)

    def _add_usage(self, act: Act) -> Any:
        usage = ModelUsage(calls=1, cost_usd=0.5)
        return self._store.campaigns.add_usage(self._me, self._id("campaign", act), usage, once=f"fact {act.choice}")

    def _live_using(self, act: Act) -> Any:
        persona, brand = self._id("persona", act), self._id("brand", act)
        return sorted(self._store.campaigns.live_using(self._me, persona_id=persona, brand_id=brand))

    def _plan(self, act: Act) -> Any:
        campaign = self._campaign(act)
        return self._store.posts.put_planned([a_post(campaign, number) for number in range(1, act.choice + 2)])

    def _write(self, act: Act) -> Any:
        # The post of the owner's campaign, under the id it would have there.
        campaign = self._campaign(act)
        post = a_post(campaign, 1)
        return self._store.posts.save_revision(written(post, f"Words of {self._me}", act.choice))

    def _read_posts(self, act: Act) -> Any:
        campaign = self._campaign(act)
        post = a_post(campaign, 1)
        return (
            self._store.posts.list(self._me, campaign.id),
            self._store.posts.revisions(self._me, campaign.id, post.id),
            self._store.posts.revision(self._me, campaign.id, post.id, act.choice),
        )

    def _review(self, act: Act) -> Any:
        campaign = self._campaign(act)
        review = Review(state=ReviewState.PENDING, round=act.choice)
        return self._store.posts.review(self._me, campaign.id, {a_post(campaign, 1).id: review})

    def _open_round(self, act: Act) -> Any:
        return self._store.approvals.open_round(self._round(act), actor="flow", at=NOW)

    def _round(self, act: Act) -> Any:
        callback = self._callback(self._me, act)
        return a_round(self._campaign(act), act.choice + 1, approvers=2, callback_id=callback)

    def _callback(self, tenant: str, act: Act) -> str:
        # Callback ids are random secrets of one round, so that two tenants never have the same.
        return derived_id("round", "callback", tenant, self._run, act.owner, act.number, act.choice)

    def _knock(self, act: Act) -> Any:
        """Come with a link of ours in every part but one: it names the callback of the owner's round."""
        if self._door is None:
            return None
        named = self._round(act).model_copy(update={"callback_id": self._callback(self._names[act.owner], act)})
        signer, who = wiring.get_link_signer(), named.approvers[0].model_copy(update={"jti": "0123456789abcdef012345"})
        claims = signer.verify(signer.sign(named, who, now=NOW).token, now=NOW)
        found = invitation(self._store, claims, now=NOW)
        return found.standing, found.campaign, found.round

    def _decide(self, act: Act) -> Any:
        return decide(self._store, a_decision(self._round(act)))

    def _read_rounds(self, act: Act) -> Any:
        campaign_id = self._id("campaign", act)
        return (
            self._store.approvals.rounds(self._me, campaign_id),
            self._store.approvals.current_round(self._me, campaign_id),
            self._store.approvals.decisions(self._me, campaign_id, act.choice + 1),
            self._store.approvals.round(self._me, campaign_id, act.choice + 1),
        )

    def _time_out(self, act: Act) -> Any:
        return expire(self._store, self._round(act), NOW + hours(500))

    def _revoke(self, act: Act) -> Any:
        campaign_id = self._id("campaign", act)
        return revoke_link(
            self._store, self._me, campaign_id, act.choice + 1, "ap-1", actor="operator", now=NOW, reason="left"
        )

    def _record(self, act: Act) -> Any:
        fact = Fact("ap-1", "opened", NOW, details={"by": self._me})
        return self._store.record(self._me, self._id("campaign", act), fact)

    def _read_audit(self, act: Act) -> Any:
        campaign_id = self._id("campaign", act)
        return self._store.audit.entries(self._me, campaign_id), self._store.audit.verify(self._me, campaign_id)

    def _enqueue(self, act: Act) -> Any:
        entry = OutboxEntry.about("ring", self._me, self._id("campaign", act), act.choice, due_at=NOW)
        self._store.outbox.add([entry])
        return self._store.outbox.of(self._me, entry.subject_id)

    def _lease(self, act: Act) -> Any:
        at = NOW + hours(act.choice)
        lease = self._store.leases.acquire(
            self._me, self._id("campaign", act), owner=f"run {act.choice}", now=at, ttl=hours(1)
        )
        return lease, self._store.leases.current(self._me, lease.campaign_id, now=NOW)

    # --- personas and brands ---

    def _create_persona(self, act: Act) -> Any:
        persona = a_persona(self._me, id=self._id("persona", act), created_at=NOW + hours(act.number))
        return self._store.personas.create(persona)

    def _read_personas(self, act: Act) -> Any:
        return self._store.personas.list(self._me, limit=act.choice + 1), self._store.personas.get(
            self._me, self._id("persona", act)
        )

    def _update_persona(self, act: Act) -> Any:
        persona = a_persona(self._me, id=self._id("persona", act), role=f"Role of {self._me}")
        return self._store.personas.update(persona, expect_version=act.choice)

    def _delete_persona(self, act: Act) -> Any:
        return self._store.personas.delete(self._me, self._id("persona", act), at=NOW)

    def _add_example(self, act: Act) -> Any:
        persona = a_persona(self._me, id=self._id("persona", act))
        example = derived_id("example", self._run, act.owner, act.choice)
        self._store.examples.add(an_example(persona, act.choice, id=example))
        return self._store.examples.list(self._me, persona.id)

    def _delete_example(self, act: Act) -> Any:
        example = derived_id("example", self._run, act.owner, act.choice)
        return self._store.examples.delete(self._me, self._id("persona", act), example, at=NOW)

    def _create_brand(self, act: Act) -> Any:
        brand = a_brand(self._me, id=self._id("brand", act), name=f"Brand {act.choice}", created_at=NOW)
        return self._store.brands.create(brand)

    def _read_brands(self, act: Act) -> Any:
        return self._store.brands.list(self._me), self._store.brands.get(self._me, self._id("brand", act))

    def _rename_brand(self, act: Act) -> Any:
        brand = a_brand(self._me, id=self._id("brand", act), name=f"Brand {act.choice}")
        return self._store.brands.update(brand, expect_version=1)

    def _delete_brand(self, act: Act) -> Any:
        return self._store.brands.delete(self._me, self._id("brand", act), at=NOW)

    def _add_asset(self, act: Act) -> Any:
        brand = a_brand(self._me, id=self._id("brand", act))
        asset = derived_id("asset", self._run, act.owner, act.choice)
        self._store.assets.add(an_asset(brand, id=asset, storage_key=f"{self._me}/asset"))
        return self._store.assets.list(self._me, brand.id)

    # --- over HTTP ---

    def _ask(self, act: Act) -> Any:
        """GET everything of this number, and answer with what came; without a door there is nothing to ask."""
        if self._door is None:
            return None
        self._door.app.state.store = self._store
        campaign, persona, brand = (self._id(kind, act) for kind in ("campaign", "persona", "brand"))
        paths = [
            ["/campaigns", f"/campaigns/{campaign}", f"/campaigns/{campaign}/posts"],
            [f"/campaigns/{campaign}/audit", f"/campaigns/{campaign}/plan"],
            ["/personas", f"/personas/{persona}", f"/personas/{persona}/examples"],
            ["/brands", f"/brands/{brand}", f"/brands/{brand}/assets"],
        ][act.choice]
        headers = {"Authorization": f"Bearer {self._door.token(self._me)}"}
        answers = [self._door.client.get(path, headers=headers) for path in paths]
        assert all(answer.status_code in {200, 404} for answer in answers)
        return [(answer.status_code, _without_time(answer.json())) for answer in answers]

    # --- things said once ---

    def _idempotency(self, act: Act) -> Any:
        record = IdempotencyRecord(f"key {act.choice}", f"print {act.number}", {"by": self._me}, NOW + hours(1))
        return self._store.idempotency.put(self._me, record, now=NOW)

    def _occurrence(self, act: Act) -> Any:
        place = self._id("template", act), f"2027-W{act.choice + 10}"
        found = self._store.occurrences.find(self._me, *place)
        if found is None:
            found = self._store.occurrences.put(
                an_occurrence(self._me, *place, campaign_id=self._id("campaign", act)), before=None
            )
        return found, self._store.occurrences.list(self._me, place[0])


def _without_time(answer: dict[str, Any]) -> dict[str, Any]:
    """Leave out what names the request and not what is stored."""
    return {name: value for name, value in answer.items() if name not in {"errorId", "timestamp"}}


_NO_ACTS: Final = {"_id", "_campaign", "_round", "_callback"}
ACTS: Final = sorted(
    name[1:] for name in vars(Tenant) if name.startswith("_") and not name.startswith("__") and name not in _NO_ACTS
)
# Most of what can be seen hangs on a campaign: without one a run would only prove that nothing is nothing.
FOUNDATIONS: Final = ["create_campaign", "create_persona", "create_brand", "plan", "write", "open_round"]
LOOKS: Final = [
    "ask",
    "ask",
    "list_campaigns",
    "read_posts",
    "read_rounds",
    "read_audit",
    "read_personas",
    "read_brands",
]
SOME_ACT = st.builds(
    Act,
    actor=st.integers(0, 2),
    name=st.sampled_from(FOUNDATIONS) | st.sampled_from(LOOKS) | st.sampled_from(ACTS),
    owner=st.integers(0, 2),
    number=st.integers(0, 1),
    choice=st.integers(0, 3),
)
STORIES = st.lists(SOME_ACT, min_size=10, max_size=40)
SHORT_STORIES = st.lists(SOME_ACT, min_size=10, max_size=20)
RUNS = count(1)


def check_non_interference(stores: dict[str, Store], story: list[Act], door: Door | None = None) -> None:
    run = next(RUNS)
    # Names that begin alike: a key that is cut or joined carelessly would mix them up.
    names = [f"t{run}", f"t{run}-", f"t{run}-b"]
    together = [Tenant(stores["everybody"], names, actor, run, door) for actor in range(3)]
    alone = [Tenant(stores[world], names, actor, run, door) for actor, world in enumerate(WORLDS[1:])]

    for act in story:
        seen = together[act.actor].sees(act)
        expected = alone[act.actor].sees(act)

        assert seen == expected, f"{act} sees something of another tenant"
        event("an act on foreign ids" if act.actor != act.owner else "an act on own ids")
        event("refused" if seen.startswith("refused") else "done")


@pytest.fixture(scope="module")
def sqlite_stores(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Store]:
    place: Path = tmp_path_factory.mktemp("isolation")
    return {world: Store(SQLiteTable(place / f"{world}.db")) for world in WORLDS}


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    with opened(tmp_path_factory.mktemp("door")) as opened_door:
        yield opened_door


@pytest.fixture(scope="module")
def dynamodb_stores() -> Iterator[dict[str, Store]]:
    with ExitStack() as stack:
        aws = stack.enter_context(AwsLocal())
        client = aws.session("120000000012").client("dynamodb", endpoint_url=aws.endpoint_url)
        for world in WORLDS:
            create_table(client, world)
        yield {world: Store(DynamoDBTable(client, world)) for world in WORLDS}


_OWN: Final = [Act(0, "create_persona", 0, 0, 0), Act(0, "create_campaign", 0, 0, 0), Act(0, "plan", 0, 0, 2)]
_FOREIGN: Final = [Act(1, "create_persona", 0, 0, 0), Act(1, "create_campaign", 0, 0, 0)]


@pytest.mark.property(12, "no tenant sees or changes what another does")
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(story=STORIES)
@example(story=[*_OWN, Act(0, "ask", 0, 0, 0), *_FOREIGN, Act(1, "ask", 0, 0, 0)])
@example(story=[*_OWN, Act(0, "open_round", 0, 0, 0), Act(0, "knock", 0, 0, 0), Act(1, "knock", 0, 0, 0)])
def test_what_a_tenant_sees_does_not_depend_on_others_in_sqlite(
    sqlite_stores: dict[str, Store], door: Door, story: list[Act]
) -> None:
    """**Feature: campaign-orchestration-durable, Property 12: Security and tenant isolation consistency**"""
    check_non_interference(sqlite_stores, story, door)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(story=SHORT_STORIES)
def test_what_a_tenant_sees_does_not_depend_on_others_in_dynamodb(
    dynamodb_stores: dict[str, Store], story: list[Act]
) -> None:
    check_non_interference(dynamodb_stores, story)


LIFE: Final = [
    ("create_persona", 0), ("add_example", 0), ("delete_example", 0), ("update_persona", 1), ("read_personas", 0),
    ("create_brand", 0), ("add_asset", 0), ("rename_brand", 1), ("read_brands", 0),
    ("create_campaign", 1), ("get_campaign", 0), ("list_campaigns", 0), ("update_campaign", 0), ("add_usage", 0),
    ("live_using", 0), ("plan", 0), ("write", 1), ("read_posts", 1), ("review", 0), ("move_campaign", 0),
    ("open_round", 0), ("read_rounds", 0), ("revoke", 0), ("open_round", 1), ("decide", 1), ("open_round", 2),
    ("time_out", 2), ("record", 0), ("enqueue", 0), ("lease", 0), ("read_audit", 0),
    ("move_campaign", 2), ("delete_campaign", 0), ("delete_persona", 0), ("delete_brand", 0),
    ("idempotency", 0), ("occurrence", 0), ("ask", 0), ("knock", 0),
]  # fmt: skip


def test_every_act_of_a_story_can_succeed(sqlite_stores: dict[str, Store], door: Door) -> None:
    run = next(RUNS)
    tenant = Tenant(sqlite_stores["everybody"], [f"t{run}"], 0, run, door)

    refused = {
        name: seen for name, choice in LIFE if (seen := tenant.sees(Act(0, name, 0, 0, choice))).startswith("ref")
    }

    assert refused == {}
    assert {name for name, _ in LIFE} == set(ACTS)
