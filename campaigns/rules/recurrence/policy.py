"""Whether an occurrence is made now: late, overtaken, in each other's way, or refused too often."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from campaigns.model.library.template import Policies
from campaigns.rules.recurrence.rule import Due

PUNCTUAL: Final = timedelta(minutes=15)
"""So late a run of a schedule may well begin without anybody being down."""

SUPERSEDED: Final = "SUPERSEDED"
"""The code of an occurrence that takes the place of the one before."""

Act = Literal["make", "skip", "queue", "supersede"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to do about an occurrence; `code` and `reason` say why it is not made now."""

    act: Act
    code: str = ""
    reason: str = ""


MAKE: Final = Verdict("make")


def by_the_clock(policies: Policies, due: Due, later: int, now: datetime) -> Verdict:
    """Return whether an occurrence is too late, by the policies.

    Args:
        later: how many were due since.
    """
    late = now - due.at
    missed = late > PUNCTUAL
    if policies.catch_up == "all" and missed:
        if later >= policies.catch_up_at_most:
            return Verdict("skip", "MISSED", f"{later} later ones are due: of those missed, the newest are made")
        return MAKE
    if later:
        return Verdict("skip", "OVERTAKEN", "a later one is due: of those missed only the latest is made")
    if policies.catch_up == "skip" and missed:
        return Verdict("skip", "MISSED", f"it was due {told(late)} ago, and what is missed is left out")
    if late > policies.lateness():
        return Verdict(
            "skip", "TOO_LATE", f"it was due {told(late)} ago; more than {told(policies.lateness())} is too late"
        )
    return MAKE


def by_the_others(policies: Policies, open_campaign: str | None, rejected: int) -> Verdict:
    """Return whether the occurrences before stand in the way.

    Args:
        open_campaign: the campaign of the one before, while nobody has decided on it.
        rejected: how many in a row were rejected last.
    """
    if 0 < policies.pause_after_rejections <= rejected:
        return Verdict("skip", "REJECTED", f"the last {rejected} were rejected: the template is paused for a look")
    if open_campaign is None or policies.overlap == "allow":
        return MAKE
    if policies.overlap == "skip":
        return Verdict("skip", "OVERLAP", f"the one before, {open_campaign}, still waits")
    if policies.overlap == "supersede_previous":
        return Verdict("supersede", SUPERSEDED, f"takes the place of {open_campaign}")
    return Verdict("queue", "QUEUED", f"begins when the one before, {open_campaign}, has ended")


def told(time: timedelta) -> str:
    """Return a length of time in words."""
    hours = time.total_seconds() / 3600
    if hours >= 72:
        return f"{hours / 24:.0f} days"
    return f"{hours:.0f} hours" if hours >= 2 else f"{time.total_seconds() / 60:.0f} minutes"
