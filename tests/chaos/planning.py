"""Which campaign meets which faults: dealt out by the seed, so that each fault lies on its campaign's path."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Final, get_args

from tests.chaos.outages import Outage
from tests.chaos.points import BY_NAME, Phase, Point
from tests.chaos.story import Story

_PHASES: Final[tuple[Phase, ...]] = get_args(Phase)
_FROM_THE_END: Final = {"ask"}
"""A run that dies here has not got any further until the decision: it is not killed again right after that."""
_OF_STAGES: Final = "pass"
"""Killed here is only a campaign that is approved in stages, and does nothing else."""
_NEEDS_REVISION: Final = {"revise", "reask"}


def stories_of(points: Sequence[Point], outages: Sequence[Outage], seeds: Sequence[int]) -> list[Story]:
    """Deal out every point once for each seed, one for each stretch of a life; outages to campaigns without kills."""
    stories: list[Story] = []
    for seed in seeds:
        chance = random.Random(seed)
        building = [each for each in outages if each.phase == "build" and seed == seeds[0]]
        deciding = [each for each in outages if each.phase == "decide" and seed == seeds[0]]
        mine = [each for each in points if each.role != "housekeeping"]
        hands = {phase: [p for p in mine if p.phase == phase] for phase in _PHASES if phase != _OF_STAGES}
        for hand in hands.values():
            chance.shuffle(hand)
        late = max(len(hands[phase]) for phase in ("decide", "resume", "close")) if hands["ask"] else 0
        count = max(*(len(hand) for hand in hands.values()), len(hands["ask"]) + late)
        dealt: list[list[Point]] = [[] for _ in range(count)]
        for phase, hand in hands.items():
            for number, point in enumerate(hand):
                dealt[count - 1 - number if phase in _FROM_THE_END else number].append(point)
        for kills in dealt:
            stories.append(_story(len(stories), seed, [kill.name for kill in kills], chance))
        for point in (each for each in mine if each.phase == _OF_STAGES):
            stories.append(_story(len(stories), seed, [point.name], chance))
        for outage in (*building, *deciding):
            stories.append(_story(len(stories), seed, [], chance, [outage]))
    return sorted(stories, key=lambda story: -len(story.kills))  # the longest first: nobody waits for them in the end


def once_more(story: Story, number: int) -> Story | None:
    """Return a campaign for the faults that did not come about in this one, None: all did or it was tried already.

    What else happens at the time can keep a campaign off the path that leads to its fault: a decision that was
    already there needs no bell, a run that another outage ended is not paused.
    """
    if story.again or not story.missed:
        return None
    return _story(number, story.seed, story.missed, random.Random(f"again {story.tag}"), again=True)


def _story(
    number: int,
    seed: int,
    kills: list[str],
    chance: random.Random,
    outages: Sequence[Outage] = (),
    *,
    again: bool = False,
) -> Story:
    phases = {BY_NAME[kill].phase for kill in kills}
    path = chance.choice(["approved", "approved", "revise", "rejected"])
    # Before and after its second decision a run makes progress: it may be killed in both rounds.
    if _OF_STAGES in phases:
        path = "stages"
    elif phases & _NEEDS_REVISION or "revise:in" in kills or {"resume", "close"} <= phases:
        path = "revise"
    elif "complete:approved" in kills and path == "rejected":
        path = "approved"
    return Story(number, seed, path, kills, list(outages), again=again)
