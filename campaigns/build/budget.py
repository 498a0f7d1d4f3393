"""The budget of a campaign whose posts are written side by side: what one may spend, no other one may.

A campaign is built by one process at a time (its lease), so what is out lies in the memory of that process.
"""

import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_changed = threading.Condition()
_given: defaultdict[str, list[float]] = defaultdict(list)


@contextmanager
def share(campaign_id: str, left: Callable[[], float], wish: float) -> Iterator[float]:
    """Give the block a part of what is left of a budget, in US dollars, that nobody else has meanwhile.

    It gets what it wishes for; where that is not there, it waits until it is alone and gets all that is left.
    What was spent has to be counted before the block ends.

    Args:
        left: reads what is left of the budget, without what was given out and is not counted yet.
    """
    with _changed:
        while (free := left() - sum(_given[campaign_id])) < wish and _given[campaign_id]:
            _changed.wait()
        part = min(wish, max(0.0, free))
        _given[campaign_id].append(part)
    try:
        yield part
    finally:
        with _changed:
            _given[campaign_id].remove(part)
            if not _given[campaign_id]:
                del _given[campaign_id]
            _changed.notify_all()
