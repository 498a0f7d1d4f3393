"""Rate limits of this process: a token bucket for each key, such as a tenant or an approval callback.

    limiter = RateLimiter(per_minute=30, burst=10)
    wait = limiter.take(f"callback:{callback_id}")        # 0.0: go on; else seconds until the next turn
    if wait: raise too_many(wait)                         # 429 with Retry-After, in the one error shape

The buckets live in memory: several processes allow several times as much, which a limit meant against
bursts can bear, and no request waits for a shared counter.
"""

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from api.http.problems import Problem

_MOST_KEYS: Final = 10_000


class RateLimiter:
    """Allows `burst` turns at once for each key, refilled at `per_minute`. Safe to share between threads."""

    def __init__(self, *, per_minute: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_second = per_minute / 60
        self._burst = burst
        self._clock = clock
        self._lock = threading.Lock()
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # key: (tokens, as of), oldest use first

    def take(self, key: str) -> float:
        """Take a turn and return 0.0, or return the seconds until there is one; a refused call takes nothing."""
        with self._lock:
            now = self._clock()
            tokens, then = self._buckets.pop(key, (float(self._burst), now))
            tokens = min(float(self._burst), tokens + max(0.0, now - then) * self._per_second)
            wait = 0.0 if tokens >= 1 else (1 - tokens) / self._per_second
            self._buckets[key] = (tokens if wait else tokens - 1, now)
            # Whoever is forgotten starts with a full bucket: bounded memory is worth that.
            while len(self._buckets) > _MOST_KEYS:
                self._buckets.popitem(last=False)
            return wait


def too_many(wait_seconds: float) -> Problem:
    """Return the answer to a caller who came too often."""
    seconds = max(1, math.ceil(wait_seconds))
    return Problem(429, "RATE_LIMITED", f"too many requests; try again in {seconds} s", retry_after=seconds)
