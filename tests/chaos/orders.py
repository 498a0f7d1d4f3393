"""What an operator does about a campaign that failed because the model was away: retries it when the model is back."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from tests.chaos.arena import TENANT, Arena

MOST_ORDERS: Final = 4
"""A few outages may meet one campaign; what fails more often has another reason."""
_ABSENT: Final = {"MODEL_UNAVAILABLE", "THROTTLED", "MODEL_TIMEOUT", "NO_USABLE_POST"}
"""What a campaign that rests as failed says of a model that was away (docs/runbook.md)."""


class Order(NamedTuple):
    """A run of `retry-campaign`, and when it was ordered."""

    run_id: str
    at: float


@dataclass
class Orders:
    """The orders to one campaign, by the version of the campaign that failed.

    A failure is left once, however often it was ordered: an order whose run came to nothing is given anew.
    """

    given: dict[int, list[Order]] = field(default_factory=dict)

    @property
    def passes(self) -> int:
        """How often the campaign may have gone on after a failure."""
        return len(self.given)

    def give(self, arena: Arena, name: str, campaign: dict[str, Any]) -> bool:
        """Order a failed campaign again as soon as the model is back; return whether there is something to wait for."""
        explained = (campaign.get("lastError") or {}).get("code") in _ABSENT
        if campaign["status"] != "failed" or not explained or not arena.model.faults[name] + arena.model.refused:
            return False
        if arena.model.is_away(name):
            return True
        mine = self.given.get(campaign["version"], [])
        if mine and not _came_to_nothing(arena, mine[-1]):
            return True
        number = 1 + sum(len(orders) for orders in self.given.values())
        if number > MOST_ORDERS:
            return False
        deployment = arena.prefect("GET", "/deployments/name/retry-campaign/retry-campaign")
        by = {"tenant_id": TENANT, "campaign_id": campaign["id"], "operator": "Olga", "reason": "it is back"}
        # Asked again after an answer that was lost, Prefect makes no second run of one order.
        ordered = {"parameters": by, "idempotency_key": f"{campaign['id']}-order-{number}"}
        run = arena.prefect("POST", f"/deployments/{deployment['id']}/create_flow_run", ordered)
        self.given[campaign["version"]] = [*mine, Order(run["id"], time.time())]
        return True


def _came_to_nothing(arena: Arena, order: Order) -> bool:
    """Whether the run of an order was refused or broke, or was begun by a worker that is dead."""
    state = arena.prefect("GET", f"/flow_runs/{order.run_id}")["state"]["type"]
    begun = state in {"PENDING", "RUNNING"} and arena.deaths_since(order.at, "worker")
    return state in {"FAILED", "CRASHED", "CANCELLED"} or bool(begun)
