"""The life of one campaign in the arena: sent, built, shown, decided, ended; with the faults it is to survive."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any

import httpx

from campaigns.rules.freshen import moved_ahead
from deployments.local.approver import LinkRefusedError, decide_by_link
from deployments.local.mail import newest_link
from tests.chaos.arena import Arena, eventually
from tests.chaos.calls import Heal
from tests.chaos.orders import Orders
from tests.chaos.outages import Outage, strike
from tests.chaos.points import BY_NAME, Phase, Point

AT_REST = {"completed", "rejected", "failed", "cancelled", "approval_timeout"}
FOR_A_KILL_SECONDS = 90.0
"""So much longer may it take to the next station for each kill on the way."""
_ANA = {"name": "Ana Reyes", "email": "ana@fernwood.example"}
_BEN = {"name": "Ben Sato", "email": "ben@fernwood.example"}
_BUILDING: frozenset[Phase] = frozenset({"create", "plan", "write", "finish", "ask"})


@dataclass
class Acknowledged:
    """A decision that somebody was told is recorded."""

    round: int
    decision: str
    heading: str
    at: float


@dataclass
class Story:
    """One campaign. `kills` are points in the order of a life; `path` says how its rounds are decided.

    `missed`: the kills that did not come about; `again`: it is told for what another story missed.
    """

    number: int
    seed: int
    path: str
    kills: list[str]
    outages: list[Outage] = field(default_factory=list)
    healed: list[Heal] = field(default_factory=list)
    campaign_id: str = ""
    run_id: str = ""
    posts: int = 3
    patience: float = 240.0
    shown: dict[int, dict[str, str]] = field(default_factory=dict)
    stations: list[tuple[float, str]] = field(default_factory=list)
    receipts: list[Acknowledged] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    stuck: str = ""
    orders: Orders = field(default_factory=Orders)
    again: bool = False
    missed: list[str] = field(default_factory=list)
    came_on: float = 0.0
    began: float = 0.0
    ended: float = 0.0

    def __post_init__(self) -> None:
        self.chance = random.Random(f"{self.seed}/{self.number}")
        self._armed: set[str] = set()
        self._struck: set[str] = set()

    @property
    def name(self) -> str:
        return f"Chaos {self.seed:03d}-{self.number:03d}"

    @property
    def tag(self) -> str:
        return f"{self.seed:03d}-{self.number:03d}"

    @property
    def correlation(self) -> str:
        """What the worker knows a campaign by before anybody knows its id."""
        return f"chaos-{self.tag}"

    def came_on_since(self, at: float) -> bool:
        """Whether it has come to a station since then, or to a place where its run was killed; an order is neither."""
        return self.came_on > at or any(
            reached > at for reached, station in self.stations if not station.startswith("ordered")
        )

    def tell(self, arena: Arena) -> None:
        """Live it through; whatever goes wrong stands in the story, for the checker."""
        self.began = time.time()
        try:
            self._live(arena)
        except Exception as late:  # one story that breaks must not hide the others
            self.stuck = str(late) if isinstance(late, TimeoutError) else repr(late)
        self.missed = [kill for kill in self.kills if not arena.fired(kill, self.tag)]
        self.ended = time.time()

    def _live(self, arena: Arena) -> None:
        arena.model.know(self.name)
        with arena.client() as client:
            self._arm(arena, _BUILDING)
            # The model knows a campaign by its name, and is asked as soon as it is accepted.
            self._strike(arena, "build", model=True)
            self._submit(client)
        self._strike(arena, "build", model=False)
        rounds = {"revise": ["needs_revision", "approved"], "stages": ["approved", "approved"]}
        decisions = rounds.get(self.path, [self.path])
        phases = _BUILDING
        for n, decision in enumerate(decisions, start=1):
            self._await(arena, f"round {n}", partial(self._open_round, arena, n), phases)
            self._note_shown(arena, n)
            self._wait_for_kills(arena, "ask" if n == 1 else "reask")
            phases = _until_next(n, last=n == len(decisions))
            self._arm(arena, phases)
            if n == len(decisions):
                self._strike(arena, "decide", model=False)
            self._decide(arena, n, decision)
        self._await(arena, "end", lambda: self._campaign(arena)["status"] in AT_REST, phases)
        self._await(arena, "run ended", lambda: self._agree(arena), phases)
        # What a killed process had in hand to send is sent once its claim has run out.
        self._await(arena, "run told", lambda: self._told(arena), phases)

    # --- acts --------------------------------------------------------------------------------------

    def _arm(self, arena: Arena, phases: frozenset[Phase]) -> None:
        """Arm what comes next of these stretches: the one after it is armed when that one has struck.

        A point of the API is armed beside it: that is another process.
        """
        waiting = [BY_NAME[kill] for kill in self.kills if BY_NAME[kill].phase in phases]
        struck = {point.name for point in waiting if arena.fired(point.name, self.tag)}
        if struck - self._struck:
            self._struck |= struck
            self.came_on = time.time()
        waiting = [point for point in waiting if point.name not in struck]
        mine = [point for point in waiting if point.role != "api"]
        for point in [each for each in waiting if each.role == "api"] + mine[:1]:
            # Until it is accepted a campaign has no id, and processes know it by another name.
            armed = f"{point.name} {self.campaign_id}"
            if armed not in self._armed and not (self.campaign_id and point.role == "api" and point.phase == "create"):
                self._armed.add(armed)
                names = [self.name, self.correlation, self.campaign_id, self.run_id]
                delay = self.chance.choice([0.0, 0.0, 0.1, 0.3])
                call = self._call(arena, point)
                arena.arm(point.name, self.tag, [name for name in names if name], call=call, delay=delay)

    def _wait_for_kills(self, arena: Arena, phase: Phase) -> None:
        """Give a run the time to come to where it is to be killed: it does not pause for what is decided already."""
        due = [kill for kill in self.kills if BY_NAME[kill].phase == phase]
        eventually(lambda: all(arena.fired(kill, self.tag) for kill in due), within=FOR_A_KILL_SECONDS)

    def _call(self, arena: Arena, point: Point) -> int:
        """Return which call in one process is meant; never more than there will be."""
        if point.spread == "first" or point.phase == "revise":
            return 1
        left = self.posts
        if self.campaign_id:
            items = arena.items(self.campaign_id).items()
            left -= sum(key.startswith("post#") and bool(item.get("content")) for key, item in items)
        return max(1, left if point.spread == "last" else self.chance.randint(1, max(1, left)))

    def _strike(self, arena: Arena, phase: str, *, model: bool) -> None:
        for outage in self.outages:
            if outage.phase == phase and (outage.component == "model") is model:
                strike(
                    arena, outage, self.tag, name=self.name, campaign=self.campaign_id,
                    healed=lambda began, outage=outage: self.healed.append((began, time.time(), outage.name)),
                )  # fmt: skip

    def _submit(self, client: httpx.Client) -> None:
        """Send the brief until somebody says 202, as a careful client does: the same key each time."""

        headers = {"Idempotency-Key": self.tag, "X-Correlation-Id": self.correlation}

        def sent() -> bool:
            answer = client.post("/campaigns", json=self.brief(), headers=headers)
            if answer.status_code == 422:
                raise AssertionError(answer.text)  # the brief is ours
            if answer.status_code != 202:
                return False
            self.campaign_id = answer.json()["id"]
            self.run_id = answer.json().get("executionId", "")
            return True

        if not eventually(sent, within=self.patience):
            raise TimeoutError("never accepted")
        self._station("accepted")

    def _decide(self, arena: Arena, n: int, decision: str) -> None:
        """Open the newest link and decide, again and again until there is a receipt, as a patient person does."""
        time.sleep(self.chance.choice([0.0, 0.0, 1.0, 3.0]))
        comment = "" if decision == "approved" else "Please name the 38 families in the first sentence."

        def decided() -> bool:
            link = newest_link(arena.home / "mail", self.campaign_id)
            if link is None:
                return False
            try:
                heading = decide_by_link(link, decision, comment=comment)
            except (LinkRefusedError, httpx.HTTPError) as error:
                self.refusals.append(f"round {n}: {str(error)[:120]}")
                return False
            self.receipts.append(Acknowledged(n, decision, heading, time.time()))
            return True

        if not eventually(decided, within=self.patience, every=1.0):
            raise TimeoutError(f"round {n}: nobody could decide: {self.refusals[-1:]}")
        self._station(f"decided {n}")

    def _ordered_again(self, arena: Arena, campaign: dict[str, Any]) -> bool:
        """Be the operator of a campaign that rests; return whether there is something to wait for."""
        before = self.orders.passes
        awaited = self.orders.give(arena, self.name, campaign)
        if self.orders.passes > before:
            self._station(f"ordered {self.orders.passes}")
        return awaited

    # --- looking -----------------------------------------------------------------------------------

    def _campaign(self, arena: Arena) -> dict[str, Any]:
        return arena.items(self.campaign_id)["campaign"]

    def _open_round(self, arena: Arena, n: int) -> bool:
        items = arena.items(self.campaign_id)
        self.run_id = items["campaign"].get("executionId", "")
        if items["campaign"]["status"] in AT_REST:
            if self._ordered_again(arena, items["campaign"]):
                return False
            raise TimeoutError(f"ended as {items['campaign']['status']} before round {n}")
        asked = items.get(f"round#{n:09d}")
        waits = items["campaign"]["status"] == "awaiting_review" and asked is not None and asked["status"] == "pending"
        return waits and any((arena.home / "mail").glob(f"*{self.campaign_id}-r{n}-*review_request*.eml"))

    def _note_shown(self, arena: Arena, n: int) -> None:
        items = arena.items(self.campaign_id)
        asked = items[f"round#{n:09d}"]["posts"]
        self.shown[n] = {key: items[f"post#{key}"]["content"]["text"] for key in asked}

    def _agree(self, arena: Arena) -> bool:
        """Whether Prefect says of the run what the store says of the campaign."""
        campaign = self._campaign(arena)
        self.run_id = campaign.get("executionId", "")
        state = arena.prefect("GET", f"/flow_runs/{self.run_id}")["state"]
        return bool(state["type"] == ("FAILED" if campaign["status"] == "failed" else "COMPLETED"))

    def _told(self, arena: Arena) -> bool:
        """Whether everybody was told what each round came to."""
        sent = [path.name for path in (arena.home / "mail").glob(f"*{self.campaign_id}-r*.eml")]
        due = [(f"-r{n}-", f"-{kind}-") for n in self.shown for kind in ("receipt", "result")]
        return all(any(round_ in name and kind in name for name in sent) for round_, kind in due)

    def _await(self, arena: Arena, station: str, reached: Any, phases: frozenset[Phase]) -> None:
        def looked() -> bool:
            self._arm(arena, phases)
            return bool(reached())

        kills = sum(BY_NAME[kill].phase in phases for kill in self.kills)
        before = -1
        while self.orders.passes > before:  # what was ordered meanwhile has its own time
            before = self.orders.passes
            if eventually(looked, within=self.patience + FOR_A_KILL_SECONDS * kills):
                return self._station(station)
        status = arena.items(self.campaign_id).get("campaign", {}).get("status", "not stored")
        raise TimeoutError(f"did not come to {station}: {status}")

    def _station(self, name: str) -> None:
        self.stations.append((time.time(), name))

    def brief(self) -> dict[str, Any]:
        brief = {
            "name": self.name,
            "brief": {
                "description": "The first bags from the Huila cooperative arrive in the second week. We paid the 38 "
                f"families in October. There are 900 bags. Internal number {self.name}.",
                "objective": "awareness",
            },
            "participants": {
                "personaIds": ["persona_01JZ0K7A3M5T9Y1C4GQVSB8WEX"],
                "platforms": ["twitter", "linkedin"],
            },
            "schedule": {
                "timezone": "Europe/Lisbon",
                "startDate": "2027-03-15",
                "endDate": "2027-03-21",
                "allowedDaysOfWeek": ["mon", "tue", "wed", "thu", "fri"],
            },
            "cadenceOverrides": {"minPostsPerWeek": self.posts, "maxPostsPerWeek": self.posts, "maxPostsPerDay": 2},
            "approval": {"approvers": [_ANA]},
        }
        if self.path == "stages":
            stages = [{"name": "Editor", "approvers": [_ANA]}, {"name": "Client", "approvers": [_BEN]}]
            brief["approval"] = {"stages": [{**stage, "expiresInHours": 12} for stage in stages]}
        return moved_ahead(brief, datetime.now(UTC).date())


def _until_next(n: int, *, last: bool) -> frozenset[Phase]:
    """Return the stretches between the decision of a round and the next station."""
    phases: set[Phase] = {"decide", "resume", "pass"} if n == 1 else set()
    return frozenset(phases | ({"close", "end"} if last else {"revise", "reask"}))
