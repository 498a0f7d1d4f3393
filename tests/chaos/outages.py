"""The outages: which part fails, how, and when in a campaign's life or over all campaigns at once.

Four parts fail in five ways. What is missing of the twenty does not exist: a model keeps nothing that could be
full, and SQLite answers no 5xx (its own "busy" is here; tests/store has DynamoDB's 5xx, throttling and lost
answers). Throttling and a server that is stopped in its tracks are more than was asked for.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Literal, cast

from deployments.local.fake_bedrock_script import BEHAVIOURS, Slow
from tests.chaos.arena import Arena, eventually
from tests.chaos.proxy import Mode

Component = Literal["model", "store", "checkpoints", "server"]


@dataclass(frozen=True, slots=True)
class Outage:
    """How one part fails.

    Attributes:
        phase: build or decide: only one campaign finds it so, at that time; all: every process does.
        seconds: how long it lasts, from the first fault on.
    """

    component: Component
    mode: str
    phase: Literal["build", "decide", "all"]
    seconds: float = 8.0

    @property
    def name(self) -> str:
        return f"{self.component} {self.mode}"


OUTAGES: Final = (
    Outage("model", "slow", "build"),
    Outage("model", "5xx", "build"),
    Outage("model", "drop", "build"),
    Outage("model", "throttle", "build"),
    Outage("store", "slow", "build"),
    Outage("store", "drop", "build"),
    Outage("store", "full", "build"),
    Outage("checkpoints", "refuse", "build"),
    Outage("checkpoints", "slow", "build"),
    Outage("checkpoints", "full", "build"),
    Outage("checkpoints", "5xx", "decide"),
    Outage("checkpoints", "drop", "decide"),
    Outage("model", "refuse", "all", 15),
    Outage("store", "refuse", "all", 20),
    Outage("server", "refuse", "all", 25),
    Outage("server", "slow", "all", 20),
    Outage("server", "drop", "all", 15),
    Outage("server", "5xx", "all", 20),
    Outage("server", "frozen", "all", 20),
    Outage("server", "full", "all", 15),
    Outage("store", "busy", "all", 15),
)
_ANSWERS: Final = {
    "slow": Slow(6.0),
    "5xx": BEHAVIOURS["unavailable"],
    "drop": BEHAVIOURS["cut_connection"],
    "throttle": BEHAVIOURS["throttle"],
}
_SLOW_SECONDS: Final = {"store": 1.0, "checkpoints": 2.0}
NEVER_SECONDS: Final = 120.0
"""An outage that nobody noticed in this time was none."""


def strike(
    arena: Arena, outage: Outage, tag: str, *, name: str, campaign: str, healed: Callable[[float], None]
) -> None:
    """Let a part fail for one campaign, in the background, until some seconds after the first fault.

    Args:
        healed: is called when it is over, with the time at which the first fault was felt.
    """

    def run() -> None:
        if outage.component == "model":
            arena.model.failing[name] = _ANSWERS[outage.mode]
            eventually(lambda: arena.model.faults[name], within=NEVER_SECONDS, every=0.1)
            began = time.time()
            time.sleep(outage.seconds)
            del arena.model.failing[name]
        else:
            with _injected(arena, outage, tag, [campaign]):
                eventually(lambda: _felt(arena, outage, tag), within=NEVER_SECONDS, every=0.3)
                began = time.time()
                time.sleep(outage.seconds)
        healed(began)

    threading.Thread(target=run, name=f"{outage.name} {tag}", daemon=True).start()


@contextmanager
def everywhere(arena: Arena, outage: Outage, tag: str) -> Iterator[None]:
    """Let a part fail for everybody during the block."""
    match outage.component, outage.mode:
        case "model", _:
            arena.model.refusing = True
            try:
                yield
            finally:
                arena.model.refusing = False
        case "server", "refuse":
            with arena.server_down():
                yield
        case "server", "frozen":
            with arena.server_frozen():
                yield
        case "server", "full":
            with arena.server_full():
                yield
        case "store", "busy":
            with arena.store_busy():
                yield
        case "server", mode:
            arena.proxy.set(cast("Mode", mode))
            try:
                yield
            finally:
                arena.proxy.set("ok")
        case _:
            with _injected(arena, outage, tag, []):
                yield


def faults(arena: Arena, outage: Outage, tag: str, name: str = "") -> int:
    """Return how many faults this outage really caused."""
    if outage.component == "model":
        return arena.model.faults[name] if name else arena.model.refused
    if outage.name in {"server refuse", "server frozen", "store busy"}:
        return 1  # the part itself was stopped
    if outage.name == "server full":
        return arena.full
    if outage.component == "server":
        return arena.proxy.faults[outage.mode]
    return sum(each["kind"] == "fault" and each["scenario"] == f"{outage.name} {tag}" for each in arena.effects())


@contextmanager
def _injected(arena: Arena, outage: Outage, tag: str, campaigns: list[str]) -> Iterator[None]:
    fault = {
        "name": outage.name,
        "mode": outage.mode,
        "scenario": f"{outage.name} {tag}",
        "campaigns": campaigns,
        "seconds": _SLOW_SECONDS[outage.component],
        "roles": ["flow"] if campaigns else ["flow", "api", "housekeeping"],
    }
    path = arena.chaos / "outage" / f"{outage.component}__{outage.mode}-{tag}.json"
    draft = arena.chaos / f"{path.name}.tmp"
    draft.write_text(json.dumps(fault))
    draft.replace(path)
    try:
        yield
    finally:
        path.unlink()


def _felt(arena: Arena, outage: Outage, tag: str) -> bool:
    return faults(arena, outage, tag) > 0
