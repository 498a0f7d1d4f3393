"""Property 1: what was accepted is one campaign and, once everything works again, one run; nothing else is.

The marked property drives the whole product: requests of two tenants over HTTP, real runs on a real server, decisions,
and faults of store and Prefect on the way; each campaign ends as it was decided. Beside it a state machine of many more
requests, with a model of Prefect's idempotent creation of runs.
"""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, event, example, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterTags

from campaigns.errors import StoreUnavailableError
from campaigns.store import Store
from campaigns.store.tables.sqlite import SQLiteTable
from campaigns.store.tables.table import Operation
from tasks.delivery import deliver
from tasks.engine.server.runs import PrefectUnavailableError
from tests.api.doors import Door, Tenant, opened
from tests.properties.machine import OTHER_TENANT, TENANT, Fault, Machine

ACTS = ("start_run", "cancel_run", "cancel_runs_of")
FAULTS = ["none", "none", "none", "before", "after"]


class FaultyTable(SQLiteTable):
    """A real table whose next write is not done, or done without an answer."""

    fault = "none"

    def write(self, *operations: Operation) -> None:
        fault, self.fault = self.fault, "none"
        if fault == "before":
            raise StoreUnavailableError("the store is away")
        super().write(*operations)
        if fault == "after":
            raise StoreUnavailableError("the answer was lost")


class Motor:
    """Prefect as the outbox sees it: one run for each idempotency key."""

    def __init__(self) -> None:
        self.runs: dict[str, UUID] = {}
        self.cancelled: set[UUID] = set()
        self.fault = "none"

    def start_run(self, _: str, *, tenant_id: str, campaign_id: str, tags: list[str], attempt: str = "1") -> UUID:
        assert f"tenant:{tenant_id}" in tags
        if self.fault == "before":
            raise PrefectUnavailableError("away")
        run_id = self.runs.setdefault(f"{tenant_id}/{campaign_id}/{attempt}", uuid4())
        if self.fault == "after":
            raise PrefectUnavailableError("the answer was lost")
        return run_id

    def cancel_runs_of(self, tenant_id: str, campaign_id: str) -> None:
        if self.fault == "before":
            raise PrefectUnavailableError("away")
        prefix = f"{tenant_id}/{campaign_id}/"
        self.cancelled |= {run_id for key, run_id in self.runs.items() if key.startswith(prefix)}

    def cancel_run(self, run_id: UUID) -> None:
        if self.fault == "before":
            raise PrefectUnavailableError("away")
        self.cancelled.add(run_id)


class NoCourier:
    """Nobody delivers behind the back of the machine: the outbox keeps everything."""

    def deliver(self, *_: Any, **__: Any) -> None:
        pass

    def close(self) -> None:
        pass


@dataclass(eq=False)
class Stored:
    """A campaign that must be stored, and its id as soon as an answer told it."""

    tenant: Tenant
    said: str
    id: str | None = None


class Initiation(RuleBasedStateMachine):
    door: Door
    store: Store
    table: FaultyTable

    @initialize()
    def start(self) -> None:
        self.tenants: list[Tenant] = [self.door.tenant() for _ in range(2)]
        self.motor = Motor()
        for act in ACTS:
            setattr(deliver, act, getattr(self.motor, act))
        self.now = datetime.now(UTC)
        self.all: list[Stored] = []
        self.by_name: dict[tuple[str, str, str], Stored] = {}  # tenant, kind, name
        self.cancelled: set[str] = set()

    @rule(
        who=st.integers(0, 1),
        body=st.sampled_from(["a", "b"]),
        key=st.sampled_from([None, "k1", "k2"]),
        reference=st.sampled_from([None, None, "r1"]),
        fault=st.sampled_from(FAULTS),
    )
    def submit(self, who: int, body: str, key: str | None, reference: str | None, fault: str) -> None:
        tenant = self.tenants[who]
        brief = tenant.brief(name=body, **({"metadata": {"externalRef": reference}} if reference else {}))
        said = f"{body}/{reference}"
        names = [(tenant.name, kind, name) for kind, name in (("key", key), ("reference", reference)) if name]
        # The key speaks first; a reference answers for it only while the key is new.
        known = next((self.by_name[name] for name in names if name in self.by_name), None)
        writes = known is None or (known.said == said and any(name not in self.by_name for name in names))
        self.table.fault = fault
        answer = tenant.client.post("/campaigns", json=brief, headers={"Idempotency-Key": key} if key else {})
        unused, self.table.fault = self.table.fault, "none"
        event(f"answered {answer.status_code}")

        if known is not None and known.said != said:
            assert answer.status_code == 422
            assert answer.json()["errorCode"] == "IDEMPOTENCY_MISMATCH"
            return
        assert unused == ("none" if writes else fault)
        assert answer.status_code == (503 if writes and fault != "none" else 202)
        if answer.status_code == 503 and fault == "before":
            return
        if known is None:
            known = Stored(tenant, said)
            self.all.append(known)
        self.by_name.update(dict.fromkeys(names, known))
        if answer.status_code == 202:
            campaign_id = answer.json()["id"]
            assert known.id in {None, campaign_id}
            known.id = campaign_id

    def _stored(self, tenant: Tenant) -> list[Any]:
        return self.store.campaigns.list(tenant.name, limit=500).items

    @rule(who=st.integers(0, 1), data=st.data())
    def cancel(self, who: int, data: st.DataObject) -> None:
        mine = sorted(each.id for each in self.all if each.tenant is self.tenants[who] and each.id)
        if mine:
            campaign_id = data.draw(st.sampled_from(mine))
            assert self.tenants[who].client.post(f"/campaigns/{campaign_id}/cancel").status_code == 200
            self.cancelled.add(campaign_id)

    @rule(prefect=st.sampled_from(["none", "before", "after"]), fault=st.sampled_from(FAULTS))
    def deliver(self, prefect: str, fault: str) -> None:
        self.now += timedelta(minutes=10)
        self.motor.fault, self.table.fault = prefect, fault
        try:
            deliver.deliver_due(self.store, now=self.now)
        except StoreUnavailableError:
            pass  # whoever delivers dies here, and comes again
        finally:
            self.motor.fault = self.table.fault = "none"

    @invariant()
    def exactly_what_was_taken_is_stored(self) -> None:
        for tenant in getattr(self, "tenants", []):
            stored = {each.id for each in self._stored(tenant)}
            taken = [each.id for each in self.all if each.tenant is tenant]
            told = {each for each in taken if each}
            assert told <= stored
            assert len(told) == sum(each is not None for each in taken)
            assert len(stored) == len(taken)

    @invariant()
    def no_campaign_has_two_runs(self) -> None:
        if hasattr(self, "motor"):
            assert max(Counter(key.rsplit("/", 1)[0] for key in self.motor.runs).values(), default=0) <= 1

    def teardown(self) -> None:
        """Heal: with everything back, each campaign that is to be built has its one run, the others none that works."""
        if not hasattr(self, "motor"):
            return
        for _ in range(4):
            self.now += timedelta(minutes=10)
            deliver.deliver_due(self.store, now=self.now, limit=1000)
        for tenant in self.tenants:
            for campaign in self._stored(tenant):
                run = self.motor.runs.get(f"{tenant.name}/{campaign.id}/1")
                if campaign.id in self.cancelled:
                    assert run is None or run in self.motor.cancelled
                else:
                    assert campaign.execution_id == str(run)
                waiting = [each for each in self.store.outbox.of(tenant.name, campaign.id) if each.done_at is None]
                assert waiting == []


@pytest.fixture
def initiation() -> Iterator[type[Initiation]]:
    home = Path(tempfile.mkdtemp())
    originals = {act: getattr(deliver, act) for act in ACTS}
    with opened(home) as door:
        table = FaultyTable(home / "faulty.db")
        store = Store(table)
        door.app.state.courier.close()
        door.app.state.store, door.app.state.courier = store, NoCourier()
        yield type("Machine", (Initiation,), {"door": _with(door, store), "store": store, "table": table})
    for act, original in originals.items():
        setattr(deliver, act, original)
    shutil.rmtree(home)


def _with(door: Door, store: Store) -> Door:
    return Door(door.app, door.client, store, door.truth)


def test_many_requests_are_each_one_campaign_and_one_start(initiation: type[Initiation]) -> None:
    run_state_machine_as_test(
        initiation,
        settings=settings(
            max_examples=50, stateful_step_count=12, deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        ),
    )  # fmt: skip


# --- the whole product --------------------------------------------------------------------------------

End = Literal["approved", "rejected", "cancel"]
ENDS: dict[str, tuple[str, str]] = {
    # The status of the campaign, and how its run is called.
    "approved": ("completed", "Approved"),
    "rejected": ("rejected", "Rejected"),
    "cancel": ("cancelled", "Cancelled"),
}


@dataclass(frozen=True)
class Request:
    """One POST of a brief, and what fails while it is answered."""

    other_tenant: bool
    key: str | None
    fault: Fault | None


requests = st.builds(
    Request,
    other_tenant=st.booleans(),
    key=st.sampled_from([None, "k1", "k1"]),
    fault=st.none()
    | st.builds(Fault, st.just("store"), st.just(1), st.sampled_from(["away", "lost"]))
    | st.builds(Fault, st.just("prefect"), st.integers(1, 2), st.sampled_from(["away", "lost"])),
)


@pytest.mark.property(1, "every accepted request is one campaign and one run, whatever fails meanwhile")
@settings(max_examples=100, deadline=None)
@given(asked=st.lists(requests, min_size=1, max_size=2), end=st.sampled_from(["approved", "rejected", "cancel"]))
@example(asked=[Request(False, "k1", None), Request(True, "k1", None)], end="approved")
@example(asked=[Request(False, "k1", Fault("store", 1, "lost")), Request(False, "k1", None)], end="rejected")
@example(asked=[Request(False, None, Fault("prefect", 2, "lost"))], end="approved")
@example(asked=[Request(True, None, Fault("prefect", 1, "away"))], end="cancel")
def test_every_accepted_request_is_one_campaign_and_one_run_and_ends_as_it_was_decided(
    machine: Machine, asked: list[Request], end: End
) -> None:
    """**Feature: campaign-orchestration-durable, Property 1: Workflow initiation and completion consistency**

    *For any* campaign creation request, the system should invoke the durable function asynchronously, return
    immediately with status, and update final campaign status to reflect workflow completion state.
    """
    machine.fresh()
    brief = machine.brief(1)
    stored = 0
    by_key: dict[tuple[bool, str], str | None] = {}
    for request in asked:
        tenant = OTHER_TENANT if request.other_tenant else TENANT
        headers = {"Idempotency-Key": request.key} if request.key else {}
        faults = [request.fault] if request.fault else []
        known = (request.other_tenant, request.key) in by_key
        answer = machine.http("POST", "/campaigns", tenant=tenant, json=brief, headers=headers, faults=faults)
        broken = request.fault is not None and request.fault.place == "store" and not known
        assert answer.status_code == (503 if broken else 202), answer.text
        kept = not (broken and request.fault is not None and request.fault.kind == "away")
        stored += kept and not known
        if request.key and kept:
            told = answer.json()["id"] if answer.status_code == 202 else None
            assert by_key.get((request.other_tenant, request.key)) in {None, told}
            by_key[request.other_tenant, request.key] = told
        if answer.status_code == 202:
            assert answer.json()["status"] == "planning"
    assert machine.model.calls == []  # answered before anything is written
    campaigns = machine.raw.items("campaign")
    assert len(campaigns) == stored

    for each in campaigns:
        campaign, tenant = each["is"]["id"], each["is"]["tenantId"]
        assert machine.settle(campaign) == "awaiting_review"
        if end == "cancel":
            assert machine.http("POST", f"/campaigns/{campaign}/cancel", tenant=tenant).status_code == 200
        else:
            assert machine.decide(campaign, end, "read by me").status_code == 200
        machine.settle(campaign)
        status, run = ENDS[end]
        shown = machine.http("GET", f"/campaigns/{campaign}", tenant=tenant).json()
        assert (machine.status(campaign), shown["status"]) == (status, status)
        tags = FlowRunFilterTags(all_=[f"tenant:{tenant}", f"campaign:{campaign}"])
        [only] = machine.prefect.read_flow_runs(flow_run_filter=FlowRunFilter(tags=tags))
        assert str(only.id) == shown["executionId"]
        assert only.state is not None
        assert only.state.name == run
        assert len(machine.posts(campaign)) == 1
    assert len(machine.raw.items("campaign")) == stored
    event(f"{stored} campaigns, {end}")
