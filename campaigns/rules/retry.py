"""When a failed step is tried again, and after how long.

    attempt   1      2          3
    pause        1 s      2 s        give up       each spread at random, to between 0.6 and 1.5 times

Permanent failures are never tried again. A failure of the planner is counted in the store: three of them end the
campaign, also when its run was started again between them. So is every attempt at a post: three at once, and three
when the rush is over, in whatever runs.

An attempt at a plan or a post has its time from when the model is asked; pauses between attempts, throttled or not, and
waiting for a free slot of the model are no part of it, but they are work of the build, which has its time in all.
"""

from typing import Final

MAX_ATTEMPTS: Final = 3
MAX_POST_ATTEMPTS: Final = 2 * MAX_ATTEMPTS
"""Attempts at one revision of a post, over all runs of its campaign."""
FIRST_DELAY: Final = 1.0
LONGEST_DELAY: Final = 30.0
DEADLINE: Final = 3600.0
"""Seconds from the start of the first attempt, after which no further one begins."""


def grown(attempt: int, *, first: float, longest: float) -> float:
    """Return the seconds of a pause that doubles with each attempt, counted from 0. The caller spreads it at random."""
    return min(first * 2.0 ** min(attempt, 30), longest)


def delay(attempt: int, jitter: float) -> float:
    """Return the seconds to wait after this failed attempt, counted from 1.

    Args:
        jitter: from 0 to 1, drawn for each wait: posts that failed together must not come back together.
    """
    return grown(attempt - 1, first=FIRST_DELAY, longest=LONGEST_DELAY) * (0.5 + 0.5 * jitter)


def pause_before_retry(
    attempt: int,
    *,
    retryable: bool,
    jitter: float,
    elapsed: float = 0.0,
    max_attempts: int = MAX_ATTEMPTS,
    deadline: float = DEADLINE,
) -> float | None:
    """Return the seconds to wait before the next attempt, None when there is none.

    Args:
        attempt: the one that failed, counted from 1.
        elapsed: seconds since the first attempt began.
    """
    if not retryable or attempt >= max_attempts:
        return None
    pause = delay(attempt, jitter)
    return pause if elapsed + pause < deadline else None
