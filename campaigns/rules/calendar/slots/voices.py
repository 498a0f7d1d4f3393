"""Who posts where, post by post: personas on platforms by their shares (domain.md section 14, rule 5)."""

from collections.abc import Sequence
from dataclasses import dataclass

from campaigns.model.vocabulary import Platform
from campaigns.rules.calendar.slots.placing import SPACING
from campaigns.rules.calendar.slots.shares import at_least_one, deal, joint_counts, largest_remainder
from campaigns.rules.calendar.slots.timeline import LocalDay
from campaigns.rules.merge.config import MergedConfig


@dataclass(frozen=True, slots=True)
class Voice:
    """A persona on a platform."""

    persona_id: str
    platform: Platform


def voice_counts(config: MergedConfig, total: int) -> list[tuple[Voice, int]]:
    """Return the posts of every voice with a share; no persona is tied to a platform."""
    people = [(rules.persona_id, rules.share.value) for rules in config.personas]
    places = [(rules.platform, rules.share.value) for rules in config.platforms]
    per_platform = posts_by_share(total, [weight for _, weight in places])
    per_persona = posts_by_share(total, [weight for _, weight in people])
    joint = joint_counts(per_persona, per_platform)
    return [
        (Voice(persona, platform), joint[row][column])
        for row, (persona, persona_weight) in enumerate(people)
        for column, (platform, platform_weight) in enumerate(places)
        if persona_weight > 0 and platform_weight > 0
    ]


def posts_by_share(total: int, weights: Sequence[float]) -> list[int]:
    """Return whole posts by largest remainder, at least one each as far as the total allows."""
    return at_least_one(largest_remainder(total, weights), weights)


def voices_by_share(config: MergedConfig, days: Sequence[LocalDay]) -> list[Voice]:
    """Return the voice of each post, exactly by share, even over time and within each day."""
    shares = voice_counts(config, len(days))
    traits = [(("persona", voice.persona_id), ("platform", voice.platform)) for voice, _ in shares]
    dealt = deal([count for _, count in shares], [(day.date,) for day in days], traits)
    return [shares[index][0] for index in dealt]


def rested_voices(config: MergedConfig, moments: Sequence[int]) -> list[Voice]:
    """Return for each moment (in seconds) the voice that lags most behind its share and has kept its distance.

    One always exists if every window of `len(voices)` consecutive posts is at least `distance` long.
    """
    shares = voice_counts(config, len(moments))
    free_at = [0.0] * len(shares)
    given = [0] * len(shares)
    chosen: list[Voice] = []
    for index, moment in enumerate(moments):
        rested = [number for number in range(len(shares)) if free_at[number] <= moment]
        best = max(rested, key=lambda number: (shares[number][1] * (index + 1) / len(moments) - given[number], -number))
        given[best] += 1
        free_at[best] = moment + SPACING.total_seconds()
        chosen.append(shares[best][0])
    return chosen


def same_before(voices: Sequence[Voice]) -> list[int | None]:
    """Return for each post the index of the last one of the same voice."""
    last: dict[Voice, int] = {}
    before: list[int | None] = []
    for index, voice in enumerate(voices):
        before.append(last.get(voice))
        last[voice] = index
    return before
