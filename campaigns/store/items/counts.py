"""How many there are of a thing: counted in the transaction that adds or removes one, so no race goes past a limit."""

from collections.abc import Callable
from typing import Final

from campaigns.errors import LimitReachedError
from campaigns.store.tables.table import ABSENT, Equals, Key, Put, Table

MAX_BRANDS: Final = 200
"""Of a tenant."""
MAX_PERSONAS: Final = 1000
"""Of a tenant."""
MAX_TEMPLATES: Final = 200
"""Of a tenant."""
MAX_FEEDS: Final = 50
"""Of a tenant, those that are not revoked."""
MAX_ASSETS: Final = 200
"""Of a brand: 2 GiB at most."""


def one_more(table: Table, key: Key, *, limit: int, what: str, present: Callable[[], int]) -> Put:
    """Return the write that counts one more; `present` counts those that there were before anybody counted.

    Raises:
        LimitReachedError: there are `limit` of them.
    """
    item = table.get(key)
    count = item["count"] if item else present()
    if count >= limit:
        raise LimitReachedError(what, limit)
    return _counted(key, count + 1, known=count if item else None)


def one_less(table: Table, key: Key) -> list[Put]:
    """Return the write that counts one less; none before anybody counted."""
    item = table.get(key)
    return [_counted(key, max(0, item["count"] - 1), known=item["count"])] if item else []


def _counted(key: Key, count: int, *, known: int | None) -> Put:
    condition = ABSENT if known is None else Equals({"count": known})
    return Put({**key._asdict(), "kind": "count", "count": count}, condition)
