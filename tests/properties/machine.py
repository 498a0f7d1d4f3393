"""The product as one machine that a property drives: over HTTP, by the engine, with faults by script and time by hand.

Real: the application, the Prefect server, Prefect's engine (in this process instead of a worker's), the table in
SQLite, the sealed checkpoints in a folder, the outbox and every duty of housekeeping. Made up: the model, which
answers as its script says and never twice the same, and the clock, which stands still for nobody: what would be
slept is skipped, and hours pass by `advance`. What is stored is read as raw items, not by the product's repositories.

    machine.fresh()                                     # an empty table, no checkpoints, no mail: one for each example
    campaign = machine.submit(machine.brief(posts=2))
    machine.run(campaign, Fault("store", 7, "killed after"))
    machine.settle(campaign)                            # housekeeping and runs, until nothing moves any more
    assert machine.status(campaign) == "awaiting_review"
"""

from __future__ import annotations

import email
import email.policy
import json
import logging
import os
import re
import shutil
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from contextvars import ContextVar, copy_context
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar, Literal, TypeVar
from uuid import UUID, uuid4

import httpx
import pytest
import time_machine
from fastapi.testclient import TestClient
from prefect.blocks.abstract import NotificationBlock
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import FlowRun, State
from prefect.context import SyncClientContext
from prefect.events.clients import NullEventsClient
from prefect.events.worker import EventsWorker
from prefect.exceptions import Abort, Pause
from prefect.flow_engine import run_flow
from prefect.settings import (
    PREFECT_DEFAULT_RESULT_STORAGE_BLOCK,
    PREFECT_LOGGING_TO_API_ENABLED,
    temporary_settings,
)
from prefect.states import Pending, Running

from api.auth.identity import SCOPES, mint
from campaigns import wiring
from campaigns.agents.failures import FailureCode, agent_error
from campaigns.agents.prompts import Prompt
from campaigns.agents.providers import models
from campaigns.agents.providers.offline import OfflineModel
from campaigns.agents.providers.text_model import Answer, ModelAnswer
from campaigns.checkpoints.faults import CheckpointFault
from campaigns.checkpoints.folder import FolderBlobs
from campaigns.checkpoints.vault import BlobsUnavailable, Patience
from campaigns.errors import StoreUnavailableError
from campaigns.keys.keyring import new_ring
from campaigns.model.library.brand import Brand
from campaigns.model.library.persona import Persona
from campaigns.settings import get_settings
from campaigns.store import Store
from campaigns.store.tables.sqlite import SQLiteTable
from campaigns.store.tables.table import Index, Item, Key, Operation, Position
from deployments.local.mail import newest_link
from tasks.checkpoints import storage as checkpoint_storage
from tasks.checkpoints.storage import _open_vault
from tasks.delivery import deliver
from tasks.engine.server import runs
from tasks.showing import board
from tasks.upkeep import housekeeping, recover
from tests.couriers import delivered_in_no_hurry
from tests.samples import sample
from tests.thrift import deployed_without_form, thrifty_runs

T = TypeVar("T")

Place = Literal["read", "store", "load", "keep", "model", "prefect"]
"""What a process touches: the table (read, store), the checkpoints (load, keep), the model, Prefect's API."""
Kind = Literal["away", "lost", "broken", "killed before", "killed after", "torn", "flipped", "dropped"]
"""What happens: nothing is done, or a library broke instead of saying so; it is done, the answer is lost; the process
dies; bytes that are kept are damaged."""
PLACES: tuple[Place, ...] = Place.__args__
CHECKPOINT_KEYS = "CAMPAIGNS_CHECKPOINT_KEYS"
LINK = re.compile(r"/approve/(?P<callback>[\w-]+)\?\S*token=(?P<token>[\w.~%-]+)")
TENANT = "fernwood"
OTHER_TENANT = "larkspur"
BRAND_ID = sample("brand.json")["id"]
PERSONA_IDS = [each["id"] for each in sample("personas.json")]
REFUSALS = {"throttled": FailureCode.THROTTLED, "refused": FailureCode.REFUSED, "timeout": FailureCode.MODEL_TIMEOUT}


class Killed(BaseException):
    """The process is gone. What it still does on its way out reaches nothing."""


@dataclass(frozen=True)
class Fault:
    """Happens to the `nth` touch (from 1) of a place by one process."""

    place: Place
    nth: int
    kind: Kind


@dataclass
class Process:
    """One process: what it touched, what is to happen to it, and whether it is dead."""

    faults: Sequence[Fault] = ()
    touched: Counter[str] = field(default_factory=Counter)
    met: list[Fault] = field(default_factory=list)
    dead: bool = False
    damaged: list[str] = field(default_factory=list)
    """Paths of checkpoints whose bytes were damaged while they were written."""
    _counting: threading.Lock = field(default_factory=threading.Lock)

    def fault(self, place: Place) -> Kind | None:
        """Count a touch, and return what happens to it."""
        with self._counting:
            if self.dead:
                raise Killed
            self.touched[place] += 1
            here = [each for each in self.faults if (each.place, each.nth) == (place, self.touched[place])]
            self.met += here
        return here[0].kind if here else None

    def die(self) -> None:
        self.dead = True
        raise Killed


NOBODY = Process()
ACTING: ContextVar[Process] = ContextVar("acting", default=NOBODY)


def touch(place: Place, act: Callable[[], T], away: Callable[[], Exception]) -> T:
    """Do `act` as the process that is acting, with what happens to it there."""
    process = ACTING.get()
    kind = process.fault(place)
    if kind == "killed before":
        process.die()
    if kind == "away":
        raise away()
    if kind == "broken":
        raise RuntimeError("a library broke")
    found = act()
    if kind == "killed after":
        process.die()
    if kind == "lost":
        raise away()
    return found


class Table:
    """The real table of the example under way; every touch may fail."""

    def __init__(self) -> None:
        self.real = SQLiteTable(":memory:")
        self.before_write: Callable[[tuple[Operation, ...]], bool] | None = None
        """Called before each write, by whichever process, until it says that it acted: a seam for acts in between."""

    def get(self, key: Key) -> Item | None:
        return touch("read", lambda: self.real.get(key), _store_away)

    def get_many(self, keys: Sequence[Key]) -> dict[Key, Item]:
        return touch("read", lambda: self.real.get_many(keys), _store_away)

    def query(
        self, pk: str, prefix: str = "", *, limit: int | None = None, after: str = "", reverse: bool = False
    ) -> list[Item]:
        asked = partial(self.real.query, pk, prefix, limit=limit, after=after, reverse=reverse)
        return touch("read", asked, _store_away)

    def query_index(
        self,
        index: Index,
        pk: str,
        *,
        low: str | None = None,
        high: str | None = None,
        limit: int | None = None,
        after: Position | None = None,
        reverse: bool = False,
    ) -> list[Item]:
        asked = partial(self.real.query_index, index, pk, low=low, high=high, limit=limit, after=after, reverse=reverse)
        return touch("read", asked, _store_away)

    def positions(
        self,
        index: Index,
        pk: str,
        *,
        low: str | None = None,
        high: str | None = None,
        limit: int | None = None,
        after: Position | None = None,
    ) -> list[Position]:
        asked = partial(self.real.positions, index, pk, low=low, high=high, limit=limit, after=after)
        return touch("read", asked, _store_away)

    def write(self, *operations: Operation) -> None:
        if (act := self.before_write) is not None and act(operations):
            self.before_write = None
        touch("store", lambda: self.real.write(*operations), _store_away)

    def delete(self, keys: Sequence[Key]) -> None:
        touch("store", lambda: self.real.delete(keys), _store_away)


def _store_away() -> Exception:
    return StoreUnavailableError("the store is away")


class Blobs(FolderBlobs):
    """The real folder of checkpoints; every touch may fail, or meet damaged bytes."""

    def get(self, path: str) -> bytes | None:
        return touch("load", lambda: super(Blobs, self).get(path), _blobs_away)

    def put(self, path: str, content: bytes) -> None:
        process = ACTING.get()
        real = super().put
        kind: list[Kind] = []

        def act() -> None:
            if "dropped" in kind:
                return
            if kind:
                process.damaged.append(path)
            damaged = content[:-3] if "torn" in kind else content[:-1] + bytes([content[-1] ^ 1])
            real(path, damaged if kind else content)

        nth = process.touched["keep"] + 1
        kind += [
            each.kind for each in process.faults if (each.place, each.nth) == ("keep", nth) and each.kind in DAMAGE
        ]
        touch("keep", act, _blobs_away)


DAMAGE = {"torn", "flipped", "dropped"}


def _blobs_away() -> Exception:
    return BlobsUnavailable("the storage is away", retryable=False)


class Prefect:
    """Prefect's API as API, housekeeping and outbox see it; the engine's own client is not touched."""

    def __init__(self, real: SyncPrefectClient) -> None:
        self._real = real

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._real, name)
        if not callable(found):
            return found
        return lambda *args, **kwargs: touch("prefect", partial(found, *args, **kwargs), _prefect_away)


def _prefect_away() -> Exception:
    return httpx.ConnectError("Prefect is away")


@dataclass(frozen=True)
class Call:
    """One call of the model: what for, the post's number (0: none), and what it was told."""

    task: str
    number: int
    given: Mapping[str, Any]


class Model:
    """Answers as its script says; words are the offline writer's, with a mark that no two calls share."""

    name = "offline"

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.script: dict[tuple[str, int], list[str]] = {}
        """By task and post: words, throttled, refused, timeout, broken. Where it ends, words."""
        self.at_once = self.most_at_once = 0
        self.gate: Callable[[Call], None] | None = None
        """Called while a call is under way; a schedule may hold it there."""
        self._counting = threading.Lock()
        self._offline = OfflineModel()

    def answer(self, prompt: Prompt, form: type[ModelAnswer]) -> Answer:
        from campaigns.agents.fence import unfenced

        told = unfenced(str(prompt))
        number = int(told.get("request", {}).get("post", {}).get("number", 0)) if prompt.task == "write" else 0
        call = Call(prompt.task, number, told)
        return touch(
            "model", lambda: self._answered(call, prompt, form), lambda: agent_error(FailureCode.MODEL_UNAVAILABLE)
        )

    def price(self, input_tokens: int, output_tokens: int) -> float:
        return (input_tokens + output_tokens) / 1_000_000

    def _answered(self, call: Call, prompt: Prompt, form: type[ModelAnswer]) -> Answer:
        with self._counting:
            self.calls.append(call)
            nth = len(self.calls)
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
            script = self.script.get((call.task, call.number), [])
            kind = script.pop(0) if script else "words"
        try:
            if self.gate is not None:
                self.gate(call)
            if kind == "broken":
                raise RuntimeError("the model's library itself broke")
            if kind in REFUSALS:
                raise agent_error(REFUSALS[kind])
            answer = self._offline.answer(prompt, form)
        finally:
            with self._counting:
                self.at_once -= 1
        said = json.loads(answer.text)
        if "text" in said:
            said["text"] += f" So said {_word(nth)}."
        return Answer(json.dumps(said), answer.usage)


def _model_away() -> Exception:
    return agent_error(FailureCode.MODEL_UNAVAILABLE)


def _word(nth: int) -> str:
    """Return another word for each number: a figure would be held to be a claim."""
    return "".join(chr(ord("a") + int(digit)) * 2 for digit in str(nth))


def said_of(text: str, calls: Sequence[Call]) -> int | None:
    """Return the number of the post for which the model said this text; None: it never did."""
    by_word = {_word(nth): call.number for nth, call in enumerate(calls, start=1)}
    return by_word.get(text.rsplit(" ", 1)[1].rstrip("."))


class Clock:
    """Time of this process and of nobody else's: it passes, and it is moved ahead. Nothing is slept."""

    def __init__(self, traveller: time_machine.Traveller) -> None:
        self._traveller = traveller
        self._ahead = 0.0
        self.slept: list[float] = []
        self._moving = threading.Lock()

    def advance(self, by: timedelta) -> None:
        with self._moving:
            self._ahead += by.total_seconds()
            self._traveller.shift(by)

    def come_back(self) -> None:
        """Be at everybody's time again."""
        with self._moving:
            self._traveller.shift(time_machine.escape_hatch.datetime.datetime.now(UTC) - datetime.now(UTC))
            self._ahead = 0.0

    @property
    def is_ahead(self) -> bool:
        return self._ahead > 0.5

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.advance(timedelta(seconds=max(0.0, seconds)))

    def monotonic(self) -> float:
        return time.monotonic() + self._ahead

    def stands_in_for_time(self) -> Any:
        """Return what a module knows as `time`."""
        return SimpleNamespace(**{**vars(time), "sleep": self.sleep, "monotonic": self.monotonic})

    def now(self) -> datetime:
        return datetime.now(UTC)


class Ear(NotificationBlock):
    """What operators chose to be told by; it hears subject and words."""

    _block_type_name = "Ear"
    _block_type_slug = "ear"
    heard: ClassVar[list[tuple[str, str]]] = []

    def notify(self, body: str, subject: str | None = None, **_sync: object) -> None:
        self.heard.append((subject or "", body))


class Raw:
    """What lies in the table, as JSON: nothing of the product reads it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def items(self, kind: str = "") -> list[dict[str, Any]]:
        """Return the items of this kind, or all, with what their body says under `is`."""
        database = sqlite3.connect(self._path)
        try:
            rows = database.execute("SELECT item FROM items ORDER BY pk, sk").fetchall()
        finally:
            database.close()
        found = [json.loads(row[0]) for row in rows]
        return [
            {**each, "is": json.loads(each["body"]) if "body" in each else {}}
            for each in found
            if not kind or each.get("kind") == kind
        ]

    def of(self, campaign_id: str, kind: str) -> list[dict[str, Any]]:
        """Return the documents of this kind of one campaign, in the order of their keys."""
        return [each["is"] for each in self.items(kind) if each["pk"].endswith(f"#{campaign_id}")]


@dataclass
class Machine:
    """The product in one folder. `fresh` empties it."""

    home: Path
    store: Store
    table: Table
    model: Model
    clock: Clock
    app: Any
    client: TestClient
    prefect: SyncPrefectClient
    _started: datetime
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))
    raw: Raw = field(init=False)

    def fresh(self) -> None:
        """Begin anew: nothing is stored but a brand and its personas, and it is now."""
        delivered_in_no_hurry(self.app.state.courier)
        path = self.home / f"store-{next(self._numbers)}.db"
        for old in self.home.glob("store-*"):
            old.unlink()
        for folder in ("mail", "checkpoints"):
            shutil.rmtree(self.home / folder, ignore_errors=True)
        FolderBlobs(self.home / "checkpoints").prepare()
        self.table.real, self.table.before_write, self.raw = SQLiteTable(path), None, Raw(path)
        self.model.calls.clear()
        self.model.script.clear()
        Ear.heard.clear()
        self.model.gate, self.model.most_at_once = None, 0
        self.clock.slept.clear()
        self.clock.come_back()
        if "," in os.environ[CHECKPOINT_KEYS]:
            self._use_checkpoint_keys(new_ring())
        deliver._BREAKERS.clear()
        recover._ASKED.clear()  # at an hour that has not come yet, in the example before
        self.app.state.approval_limits = None  # wrong links of the example before
        wiring._permits.cache_clear()
        wiring.get_signals.cache_clear()
        wiring.get_signals()  # what this process counted belongs to the example before
        for tenant in (TENANT, OTHER_TENANT):
            stamps = {"tenantId": tenant, "createdAt": self.clock.now(), "updatedAt": self.clock.now()}
            self.store.brands.create(Brand.model_validate({**sample("brand.json"), **stamps}))
            for each in sample("personas.json"):
                self.store.personas.create(Persona.model_validate({**each, **stamps}))

    def rotate_checkpoint_key(self) -> None:
        """Let what is kept from now on be sealed with a new key; those of before open what they have sealed."""
        before = [each.replace(":sign:", ":verify:") for each in os.environ[CHECKPOINT_KEYS].split(",")]
        self._use_checkpoint_keys(",".join([new_ring(f"k{len(before) + 1}"), *before]))

    def _use_checkpoint_keys(self, keys: str) -> None:
        os.environ[CHECKPOINT_KEYS] = keys  # put back when the machine is taken down
        get_settings.cache_clear()
        _open_vault.cache_clear()

    # --- over HTTP ---------------------------------------------------------------------------------------

    def brief(self, posts: int = 1, **changes: Any) -> dict[str, Any]:
        """Return an accepted brief of exactly so many posts (at most 7), about a month ahead."""
        first = (self.clock.now() + timedelta(days=30)).date()
        monday = first - timedelta(days=first.weekday())
        return {
            "name": "Huila spring harvest",
            "brandId": BRAND_ID,
            "brief": {
                "description": "The first bags from the Huila cooperative arrive in the second week. We paid the "
                "families before the harvest. We want people to know who grew it.",
                "objective": "awareness",
            },
            "participants": {"personaIds": PERSONA_IDS[:1], "platforms": ["linkedin"]},
            "schedule": {
                "timezone": "UTC",
                "startDate": monday.isoformat(),
                "endDate": (monday + timedelta(days=6)).isoformat(),
                "allowedDaysOfWeek": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"],
            },
            "cadenceOverrides": {"minPostsPerWeek": posts, "maxPostsPerWeek": posts, "maxPostsPerDay": 1},
            "approval": {"approvers": [{"name": "Ana Duarte", "email": "ana@fernwood.example"}], "expiresInHours": 72},
            **changes,
        }

    def token(self, tenant: str = TENANT, **claims: Any) -> str:
        now = self.clock.now()
        given = {"subject": "tests", "scopes": SCOPES, "ttl": timedelta(hours=1), "now": now, **claims}
        return mint(wiring.get_api_ring(), tenant_id=tenant, **given)

    def http(
        self, method: str, path: str, *, tenant: str = TENANT, faults: Sequence[Fault] = (), **request: Any
    ) -> Any:
        """Ask the application as a tenant; faults happen to the API's process, which cannot be killed this way."""
        headers = {"Authorization": f"Bearer {self.token(tenant)}", **request.pop("headers", {})}
        with self.as_process(*faults):
            answer = self.client.request(method, path, headers=headers, **request)
            delivered_in_no_hurry(self.app.state.courier)
        return answer

    def submit(self, brief: dict[str, Any] | None = None, **request: Any) -> str:
        """POST the brief and return the campaign's id."""
        answer = self.http("POST", "/campaigns", json=brief or self.brief(), **request)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    def link(self, campaign_id: str) -> tuple[str, str]:
        """Return callback id and token of the newest approval link in the mail."""
        link = newest_link(self.home / "mail", campaign_id)
        assert link is not None
        address = httpx.URL(link)
        return address.path.rsplit("/", 1)[1], address.params["token"]

    def mails(self, campaign_id: str) -> list[Mail]:
        """Return what was sent about a campaign, in order."""
        paths = sorted((self.home / "mail").glob(f"*{campaign_id}*.eml"), key=lambda path: path.stat().st_mtime_ns)
        return [_mail(path) for path in paths]

    def decide(
        self, campaign_id: str, decision: str, comments: str = "", *, correlation: str | None = None, **body: Any
    ) -> Any:
        """POST a decision with the newest link, and return the answer."""
        callback_id, token = self.link(campaign_id)
        said = {"decision": decision, "callbackId": callback_id, **({"comments": comments} if comments else {}), **body}
        path, headers = f"/campaigns/{campaign_id}/approve", {"Authorization": f"Bearer {token}"}
        headers |= {"X-Correlation-Id": correlation} if correlation else {}
        return self.http("POST", path, json=said, headers=headers)

    # --- as a worker, and as time ------------------------------------------------------------------------

    @contextmanager
    def as_process(self, *faults: Fault) -> Iterator[Process]:
        process = Process(faults)
        token = ACTING.set(process)
        try:
            yield process
        finally:
            ACTING.reset(token)

    def run(self, campaign_id: str, *faults: Fault) -> Process:
        """Execute the run of a campaign as a worker's process would: to its end, its pause, or its death."""
        run_id = self.run_id(campaign_id)
        assert run_id is not None, "no run was started for it"
        return self.execute(run_id, *faults)

    def execute(self, run_id: UUID, *faults: Fault) -> Process:
        """Execute a run. A killed one stays Running in Prefect, as nobody tells it."""
        from flows.build_campaign import build_campaign

        run = self.prefect.read_flow_run(run_id)
        if run.state is None or not run.state.is_scheduled() or self.clock.is_ahead:  # the server's clock stands back
            self.prefect.set_flow_run_state(run_id, Pending(), force=True)
            run = self.prefect.read_flow_run(run_id)

        def work() -> Process:
            with self.as_process(*faults) as process, suppress(Pause, Abort, Killed, CheckpointFault):
                run_flow(build_campaign, flow_run=run, parameters=run.parameters, return_type="state")
            return process

        # In a context of its own, as a process has: a killed one leaves Prefect's transaction open in it.
        process = copy_context().run(work)
        if process.dead:
            self.prefect.set_flow_run_state(run_id, Running(), force=True)
        return process

    def housekeeping(self, *faults: Fault, duties: Sequence[str] | None = None, now: datetime | None = None) -> Process:
        """Do the duties of housekeeping once, now or as if it were then; each stands on its own, as in the flow."""
        with self.as_process(*faults) as process:
            for name in housekeeping.DUTIES if duties is None else duties:
                try:
                    housekeeping.DUTIES[name](self.store, now or self.clock.now())
                except Killed:
                    break
                except Exception as error:  # as in the flow: the next duty has its turn, and the next minute
                    if not process.met:
                        raise AssertionError(f"{name} broke unprovoked") from error
        return process

    def settle(self, campaign_id: str, *, turns: int = 12, minutes: int = 2) -> str:
        """Let housekeeping and workers do their work until the campaign waits for people or is over; its status."""
        for _ in range(turns):
            state = self.run_state(campaign_id)
            if state is not None and (state.is_scheduled() or state.is_pending()):
                self.run(campaign_id)
                continue
            waits = state is not None and state.is_paused() and self.status(campaign_id) == "awaiting_review"
            over = state is not None and state.is_final() and self.status(campaign_id) in AT_REST
            if (waits or over) and not self.undelivered(campaign_id):
                break
            self.clock.advance(timedelta(minutes=minutes))
            self.housekeeping()
        return self.status(campaign_id)

    # --- what is there -----------------------------------------------------------------------------------

    def status(self, campaign_id: str) -> str:
        [campaign] = self.raw.of(campaign_id, "campaign")
        return str(campaign["status"])

    def run_id(self, campaign_id: str) -> UUID | None:
        [campaign] = self.raw.of(campaign_id, "campaign")
        return UUID(campaign["executionId"]) if "executionId" in campaign else None

    def flow_run(self, campaign_id: str) -> FlowRun | None:
        run_id = self.run_id(campaign_id)
        return None if run_id is None else self.prefect.read_flow_run(run_id)

    def run_state(self, campaign_id: str) -> State[Any] | None:
        run = self.flow_run(campaign_id)
        return None if run is None else run.state

    def undelivered(self, campaign_id: str) -> list[dict[str, Any]]:
        """Return what is still to be delivered about a campaign."""
        return [each for each in self.raw.of(campaign_id, "outbox") if "doneAt" not in each]

    def told_operators(self) -> dict[str, str]:
        """Return the words that operators got about alarms since the last look, by their subject."""
        told = dict(Ear.heard)
        assert len(told) == len(Ear.heard)
        Ear.heard.clear()
        return told

    def trail(self, campaign_id: str) -> list[dict[str, Any]]:
        """Return the audit trail, in order."""
        return self.raw.of(campaign_id, "audit")

    def checkpoints(self, campaign_id: str) -> dict[str, bytes]:
        """Return what lies in the folder of checkpoints of a campaign, as it lies there, by `step/digest`."""
        folder = self.home / "checkpoints" / "checkpoints" / TENANT / campaign_id
        return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.glob("*/*"))}

    def posts(self, campaign_id: str) -> list[dict[str, Any]]:
        """Return the posts by their number."""
        return sorted(self.raw.of(campaign_id, "post"), key=lambda post: int(post["number"]))

    def written_by_model(self) -> list[int]:
        """Return the numbers of the posts the model was asked to write, in order."""
        return [call.number for call in self.model.calls if call.task == "write"]


@dataclass(frozen=True)
class Mail:
    """One mail: whom it went to, what it is about, and the approval link in it (callback id and token), if any."""

    to: str
    subject: str
    callback_id: str
    token: str


def _mail(path: Path) -> Mail:
    message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
    body = message.get_body(("plain",))
    found = LINK.search(body.get_content()) if body is not None else None
    link = (found["callback"], found["token"]) if found else ("", "")
    return Mail(str(message["To"]), str(message["Subject"]), *link)


AT_REST = {"completed", "rejected", "cancelled", "approval_timeout", "failed"}


@contextmanager
def machine_on(home: Path) -> Iterator[Machine]:
    """Build the machine in a folder, on the Prefect server that PREFECT_API_URL names."""
    from api.app import create_app
    from deployments.engine.blocks import register_checkpoint_storage
    from flows.build_campaign import build_campaign

    deployment = f"machine-{uuid4().hex[:8]}"
    with ExitStack() as held:
        patch = held.enter_context(pytest.MonkeyPatch.context())
        environment = {
            "HOME": str(home),
            "API_BASE_URL": "http://testserver",
            "START_PATIENCE_SECONDS": "30",
            "SWEEP_SECONDS": "0",
            "METRICS": "emf",
            "ALERT_BLOCKS": f"ear/{deployment}",
            "DEPLOYMENT": f"build-campaign/{deployment}",
            "REQUESTS_PER_MINUTE": "1000000",
            "REQUESTS_BURST": "1000000",
            "TENANT_BACKLOG": "100000",
            "BACKLOG": "1000000",
            **{f"{ring}_KEYS": new_ring() for ring in ("CHECKPOINT", "APPROVAL", "API")},
        }
        for name, value in environment.items():
            patch.setenv(f"CAMPAIGNS_{name}", value)
        clock = Clock(held.enter_context(time_machine.travel(datetime.now(UTC), tick=True)))
        table, model = Table(), Model()
        patch.setattr(wiring, "_open_store", lambda: Store(table))
        patch.setattr(models, "build", lambda options: model)
        patch.setattr(checkpoint_storage, "FolderBlobs", Blobs)
        patch.setattr(checkpoint_storage, "Patience", partial(Patience, clock=clock.monotonic, sleep=clock.sleep))
        held.enter_context(thrifty_runs())
        # Pages in Prefect's UI, which no property looks at, cost more than all else that a run asks Prefect.
        patch.setattr(board, "_write", lambda *_: None)
        patch.setattr(housekeeping, "put", lambda *_: None)
        for name in ("prefect", "prefect.flow_runs", "prefect.task_runs"):
            logger = logging.getLogger(name)
            held.callback(logger.setLevel, logger.level)
            logger.setLevel(logging.CRITICAL)
        for module in ("prefect.task_engine", "campaigns.patience", "tasks.engine.lease"):
            patch.setattr(f"{module}.time", clock.stands_in_for_time())
        kept = runs._kept_client
        patch.setattr(runs, "_kept_client", lambda *args: Prefect(kept(*args)))
        _forget()
        held.callback(_forget)
        EventsWorker.set_client_override(NullEventsClient)
        held.callback(EventsWorker.set_client_override, None)
        Ear().save(deployment, _sync=True)
        block = f"machine-{uuid4().hex[:12]}"
        register_checkpoint_storage(get_settings()).save(block, _sync=True)
        held.enter_context(
            temporary_settings(
                {
                    PREFECT_DEFAULT_RESULT_STORAGE_BLOCK: f"sealed-checkpoints/{block}",
                    PREFECT_LOGGING_TO_API_ENABLED: False,
                }
            )
        )
        deployed_without_form(build_campaign.to_deployment(name=deployment, enforce_parameter_schema=False))
        prefect = held.enter_context(SyncClientContext.get_or_create()).client
        app = create_app()
        client = held.enter_context(TestClient(app))
        machine = Machine(home, wiring.get_store(), table, model, clock, app, client, prefect, clock.now())
        machine.fresh()
        yield machine


def _forget() -> None:
    get_settings.cache_clear()
    for opener in (
        wiring.get_store,
        wiring.get_link_signer,
        wiring.get_asset_files,
        wiring.get_signals,
        wiring.configure_agents,
    ):
        opener.cache_clear()
    models.configure(models.ModelOptions(name="none"))  # the next one builds its own
    models.configure(models.ModelOptions())
    _open_vault.cache_clear()
