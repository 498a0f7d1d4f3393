"""How often a link or the address of a feed may be used, and how often a wrong one.

By network, never by user agent: a scanner and its company's people come from the same one, so what is
counted against it are wrong links. A right one is always served. A feed is counted by its token: a calendar program
asks from many networks, and each time costs a reading of the whole calendar.
"""

import time
from collections.abc import Callable
from typing import Annotated

from fastapi import Depends, Request

from api.auth.limits import RateLimiter, too_many
from api.http.access_log import network_of
from api.http.problems import Problem, problem


class ApprovalLimits:
    """The counters of this process."""

    def __init__(
        self,
        *,
        uses_per_minute: int = 30,
        wrong_per_minute: int = 10,
        feed_per_minute: int = 12,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._uses = RateLimiter(per_minute=uses_per_minute, burst=uses_per_minute, clock=clock)
        self._wrong = RateLimiter(per_minute=wrong_per_minute, burst=wrong_per_minute, clock=clock)
        self._feeds = RateLimiter(per_minute=feed_per_minute, burst=feed_per_minute, clock=clock)
        self._opened = RateLimiter(per_minute=0.1, burst=1, clock=clock)

    def use(self, callback_id: str, network: str) -> float:
        """Count a use of a right link; return the seconds to wait, 0.0: none."""
        return self._uses.take(f"{callback_id} {network}")

    def wrong(self, network: str) -> float:
        """Count a wrong link; return the seconds to wait, 0.0: none."""
        return self._wrong.take(network)

    def feed(self, digest: str) -> float:
        """Count a reading of a feed, by the digest of its token; return the seconds to wait, 0.0: none."""
        return self._feeds.take(digest)

    def first_opening(self, callback_id: str, approver_id: str, network: str) -> bool:
        """Whether this is worth an entry in the audit: the first time in ten minutes from there."""
        return self._opened.take(f"{callback_id} {approver_id} {network}") == 0.0


async def approval_limits(request: Request) -> ApprovalLimits:
    found: ApprovalLimits | None = getattr(request.app.state, "approval_limits", None)
    if found is None:
        found = request.app.state.approval_limits = ApprovalLimits()
    return found


async def network(request: Request) -> str:
    return network_of(request.scope) or "unknown"


Limits = Annotated[ApprovalLimits, Depends(approval_limits)]
Network = Annotated[str, Depends(network)]


def wrong_token(limits: ApprovalLimits, network: str) -> Problem:
    """Return the answer to a token that is not ours. Many tries from one network are slowed down."""
    if wait := limits.wrong(network):
        return too_many(wait)
    return problem("INVALID_TOKEN", "the approval token is not valid")
