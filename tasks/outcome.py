"""Reads where the rounds are. No tasks: they are asked again at every wake-up, and cost one read."""

from datetime import UTC, datetime
from typing import Final

from campaigns.approval.rounds import Outcome, outcome, round_to_ask
from campaigns.patience import patiently
from campaigns.wiring import get_store
from tasks.showing.board import show
from tasks.showing.pages import waiting
from tasks.steps import AskedRound, SavedCampaign

GOES_ON: Final = frozenset({Outcome.NEEDS_REVISION, Outcome.PASSED_ON})
"""What a round comes to that another one follows from."""

__all__ = ["GOES_ON", "Outcome", "current_round", "read_outcome", "waits_for"]


def current_round(campaign: SavedCampaign) -> int:
    """Return the number of the round that the run is at: one that starts again goes on there."""
    return patiently(lambda: round_to_ask(get_store(), *campaign.ref))


def read_outcome(campaign: SavedCampaign, asked: AskedRound) -> Outcome | None:
    """Return what the round came to, or None while it is open."""
    found = patiently(lambda: outcome(get_store(), *campaign.ref, asked.n, now=datetime.now(UTC)))
    if found is not None:
        show(campaign, "review")
        show(campaign, "decision", n=asked.n)
    return found


def waits_for(campaign: SavedCampaign, asked: AskedRound) -> str:
    """Return who is waited for, how long and in which round, for people who look at the run."""

    def told() -> str:
        store = get_store()
        round_ = store.approvals.round(*campaign.ref, asked.n)
        said = store.approvals.decisions(*campaign.ref, asked.n)
        zone = store.campaigns.get(*campaign.ref).schedule.zone
        return waiting(round_, said, zone)

    return patiently(told)
