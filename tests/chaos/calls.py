"""Model calls, recounted from the effects log: which were made again, and which had to be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

Effect = dict[str, Any]
Heal = tuple[float, float, str]
"""Begin, end and name of an outage that struck everybody."""
_STRIKES = {"killed", "fault"}


@dataclass(frozen=True, slots=True)
class Calls:
    """What was asked of a model: a text or a plan, for which it is called once, and again for each repair.

    Attributes:
        made: calls of the model.
        owed: those of which the cost must be known: nothing befell their process until it was noted.
        repeated: texts and plans that were asked for beyond once.
        in_flight: those that were under way, or answered and not yet stored, when something broke.
        needless: what was asked again although nothing had happened to it before.
    """

    made: int
    owed: int
    repeated: int
    in_flight: int
    needless: list[str]


def count_calls(effects: Sequence[Effect], heals: Sequence[Heal]) -> Calls:
    """Count the calls of one campaign.

    A text may be asked for again only when it was in flight at a fault: its process was killed, an outage
    ended its process or kept the answer from being stored, or it had no answer. Once its words are stored,
    nothing excuses another.

    Args:
        effects: of one campaign and of its processes, in the order of time.
    """
    asked: dict[str, list[Effect]] = {}
    for effect in effects:
        if effect["kind"] == "asked":
            asked.setdefault(effect["name"], []).append(effect)
    in_flight, owed, needless = 0, 0, []
    for name, asks in asked.items():
        settled = [each["at"] for each in effects if _settles(each, name)]
        in_flight += sum(_broken(ask, None, settled, effects, heals) for ask in asks)
        for ask, again in zip(asks, [*asks[1:], None], strict=True):
            owed += _owed(ask, again, settled, effects, heals)
        for ask, again in pairwise(asks):
            if not _broken(ask, again, settled, effects, heals):
                needless.append(f"{name} was asked again {again['at'] - ask['at']:.1f} s later for nothing")
    made = sum(effect["kind"] == "called" for effect in effects)
    return Calls(made, owed, sum(map(len, asked.values())) - len(asked), in_flight, needless)


def _settles(effect: Effect, name: str) -> bool:
    if effect["kind"] == "stored":
        return name == f"{effect['campaign']}/{effect['post']}/{effect['revision']}"
    return effect["kind"] == "planned" and name == f"{effect['campaign']}/plan/0"


def _broken(
    ask: Effect, again: Effect | None, settled: Sequence[float], effects: Sequence[Effect], heals: Sequence[Heal]
) -> bool:
    """Whether something befell what was asked before its words were stored, and before it was asked again."""
    until = _until(ask, again, settled)
    if again is not None and until < again["at"]:
        return False
    mine = [each for each in effects if ask["at"] <= each["at"] <= until and each["pid"] == ask["pid"]]
    if any(each["kind"] in _STRIKES for each in mine):
        return True
    if any(each["kind"] == "answered" and each["name"] == ask["name"] and not each["success"] for each in mine):
        return True
    # A process that lived through an outage keeps its answer; another one asks for those of a process that did not.
    other = again is None or again["pid"] != ask["pid"]
    return other and any(begin <= until and ask["at"] <= over for begin, over, _ in heals)


def _owed(
    ask: Effect, again: Effect | None, settled: Sequence[float], effects: Sequence[Effect], heals: Sequence[Heal]
) -> int:
    """Return how many calls of a text must be in the product's books: none where its process may not have told."""
    until = _until(ask, again, settled)
    mine = [each for each in effects if ask["at"] <= each["at"] <= until and each["pid"] == ask["pid"]]
    if any(each["kind"] in _STRIKES for each in mine):
        return 0
    if any(begin <= until and ask["at"] <= over for begin, over, _ in heals):
        return 0
    return sum(each["kind"] == "called" and each["name"] == ask["name"] for each in mine)


def _until(ask: Effect, again: Effect | None, settled: Sequence[float]) -> float:
    """Return when it was over with what was asked: its words were stored, or it was asked again."""
    stored = (at for at in settled if at >= ask["at"])
    return min([*stored, again["at"] if again is not None else float("inf")])
