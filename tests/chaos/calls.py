"""Model calls, recounted from the effects log: which were made again, and which had to be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

Effect = dict[str, Any]
Heal = tuple[float, float, str]
"""Begin, end and name of an outage that struck everybody."""


@dataclass(frozen=True, slots=True)
class Calls:
    """Attributes:
    repeated: calls beyond one for each text.
    in_flight: calls that were under way, or answered and not yet stored, when something broke.
    needless: what was asked again although nothing had happened to the call before.
    """

    made: int
    repeated: int
    in_flight: int
    needless: list[str]


def count_calls(effects: Sequence[Effect], heals: Sequence[Heal]) -> Calls:
    """Count the calls of one campaign.

    A call may be made again only when the one before was in flight at a fault: its process was killed, an outage
    ended its process or kept the answer from being stored, or it had no answer. Once its words are stored,
    nothing excuses another.

    Args:
        effects: of one campaign and of its processes, in the order of time.
    """
    asked: dict[str, list[Effect]] = {}
    for effect in effects:
        if effect["kind"] == "asked":
            asked.setdefault(effect["name"], []).append(effect)
    in_flight, needless = 0, []
    for name, calls in asked.items():
        settled = [each["at"] for each in effects if _settles(each, name)]
        in_flight += sum(_broken(call, None, settled, effects, heals) for call in calls)
        for call, again in pairwise(calls):
            if not _broken(call, again, settled, effects, heals):
                needless.append(f"{name} was asked again {again['at'] - call['at']:.1f} s later for nothing")
    made = sum(len(calls) for calls in asked.values())
    return Calls(made, made - len(asked), in_flight, needless)


def _settles(effect: Effect, name: str) -> bool:
    if effect["kind"] == "stored":
        return name == f"{effect['campaign']}/{effect['post']}/{effect['revision']}"
    return effect["kind"] == "planned" and name == f"{effect['campaign']}/plan/0"


def _broken(
    call: Effect, again: Effect | None, settled: Sequence[float], effects: Sequence[Effect], heals: Sequence[Heal]
) -> bool:
    """Whether something befell a call before its words were stored, and before it was made again."""
    begin, pid = call["at"], call["pid"]
    end = again["at"] if again is not None else float("inf")
    stored = min((at for at in settled if at >= begin), default=float("inf"))
    if again is not None and stored <= end:
        return False
    until = min(stored, end)
    for each in effects:
        if begin <= each["at"] <= until and each["pid"] == pid:
            if each["kind"] in {"killed", "fault"}:
                return True
            if each["kind"] == "answered" and each["name"] == call["name"] and not each["success"]:
                return True
    # A process that lived through an outage keeps its answer; another one asks for those of a process that did not.
    other = again is None or again["pid"] != pid
    return other and any(start <= until and begin <= over for start, over, _ in heals)
