"""How many calls of the model there may be at once, and whose: pure rules on counts.

The limit follows the model: one more while all of it is used and nothing is refused, less by half of the share that was
refused. A model that refuses all is asked half as much each time; one that refuses one call in three, one sixth less.

Who waits shares it by tenant: none gets a second permit before each that waits has one, so that 200 posts of one
tenant do not keep five of another waiting.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

_ENOUGH: Final = 4
"""Calls that a share is taken of at least: one that was refused of one asked says little."""


@dataclass(frozen=True, slots=True)
class Demand:
    """What one process wants for one tenant: `wants` permits, those in use included; it began a call at `served`."""

    owner: str
    tenant_id: str
    wants: int
    served: datetime


def shares(limit: int, demands: Sequence[Demand]) -> dict[str, int]:
    """Return how many permits each owner may have; together at most `limit`, and all of it while anybody wants more.

    One after the other goes to the tenant that has the fewest, and there to the process that has the fewest. Of
    equals, the one whose last call began earliest: where there are fewer permits than tenants, they come in turn.
    """
    given = {each.owner: 0 for each in demands}
    of_tenant = {each.tenant_id: 0 for each in demands}
    served: dict[str, datetime] = {}
    for each in demands:
        if each.wants > 0:
            served[each.tenant_id] = min(each.served, served.get(each.tenant_id, each.served))
    wanting = [each for each in demands if each.wants > 0]
    for _ in range(limit):
        if not wanting:
            break
        next_one = min(
            wanting,
            key=lambda each: (
                of_tenant[each.tenant_id], served[each.tenant_id], each.tenant_id, given[each.owner], each.served,
                each.owner,
            ),
        )  # fmt: skip
        given[next_one.owner] += 1
        of_tenant[next_one.tenant_id] += 1
        if given[next_one.owner] >= next_one.wants:
            wanting.remove(next_one)
    return given


def next_limit(current: int, *, most: int, answered: int, refused: int, wanted: int) -> int:
    """Return the limit after so many calls were answered and refused for their number: 1 to `most`.

    Args:
        wanted: permits that all processes want; a limit that nobody reaches is not raised.
    """
    limit = max(1, min(current, most))
    if refused:
        # Rounded to the nearest: what refuses one call in three whatever it is asked is still asked.
        asked = max(_ENOUGH, answered + refused)
        return max(1, int(limit * (1 - refused / (2 * asked)) + 0.5))
    if answered and wanted >= limit:
        return min(most, limit + max(1, most // 20))
    return limit
