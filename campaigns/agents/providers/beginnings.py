"""Which beginnings of prompts the service of a model has in its cache, so that each is paid for once.

Writing to the cache costs more than asking without it. Of calls that begin alike and run at once one has the mark; the
others ask without it, and those that come after its answer read what it wrote.
"""

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

KEPT_SECONDS: Final = 300.0
"""How long a service keeps a beginning that nobody reads; each reading begins it anew."""
_MOST: Final = 256
_WRITING: Final = 0.0


class Beginnings:
    """The beginnings that this process has sent. Safe to share between threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._until: OrderedDict[str, float] = OrderedDict()

    def marked(self, text: str) -> bool:
        """Return whether a call with this beginning carries the mark: it writes it first, or reads what is there."""
        key, now = _key(text), self._clock()
        with self._lock:
            until = self._until.get(key)
            if until == _WRITING:
                return False
            if until is None or until <= now:
                self._until[key] = _WRITING
            while len(self._until) > _MOST:
                self._until.popitem(last=False)
            return True

    def answered(self, text: str, *, kept: bool) -> None:
        """Note that a call with the mark has ended: the beginning is in the cache, or is to be written by the next."""
        key = _key(text)
        with self._lock:
            self._until.pop(key, None)
            if kept:
                self._until[key] = self._clock() + KEPT_SECONDS


def _key(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
