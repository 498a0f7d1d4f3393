"""Remarks that claim nothing: with them two posts on the same sentence are not the same post."""

from __future__ import annotations

from typing import Final

REMARKS: Final = (
    "This deserves its own line",
    "There is more to say about it",
    "It helps to see it spelled out",
    "We keep coming back to this",
    "Between these lines there is room",
    "That much can be said today",
    "A few words are enough for this",
    "It is as simple as that",
    "Some things bear repeating",
    "No big words are needed here",
    "Now it gets concrete",
    "One sentence says most of it",
    "The rest follows from there",
    "It reads best without decoration",
    "What matters fits in one breath",
    "Half of it is in the wording",
    "Plain facts carry it well",
    "And that is the whole point",
    "Short, but it took some thought",
    "Every part of it has its place",
    "You may want to know this too",
    "The order of things matters",
    "Another step in the same direction",
    "Good to have it in writing",
    "Same subject, different window",
    "Let it stand as it is",
    "Nobody has to guess about it",
    "We say it the way it came",
    "Much of it speaks for itself",
)
"""A prime number of them: see `remarks_for`."""


def remarks_for(turn: int) -> list[str]:
    """Return three different remarks; the first differs from that of every turn fewer than 29 apart."""
    count = len(REMARKS)
    # Found by trial: of all pairs of turns below 120, 35 in 7140 share two remarks.
    step = 1 + 7 * turn % (count - 1)
    return [REMARKS[(turn + number * step) % count] for number in (0, 1, 5)]
