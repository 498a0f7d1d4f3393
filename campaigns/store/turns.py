"""Whose turn it is: of all who could do a duty, one does it at a time, and any number stand by."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from campaigns.store import keys
from campaigns.store.table import ABSENT, Condition, ConditionFailed, Delete, Equals, Put, Table

LASTS: Final = timedelta(seconds=20)
"""The silence after which a turn is lost."""
_RENEWED_AFTER: Final = LASTS / 4
"""So that two hosts whose clocks differ as much as they may do not take it from each other."""


class TurnRepository:
    """One item per duty. Two who both believe that it is theirs, because a clock is wrong, do no harm."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def take(self, duty: str, *, owner: str, now: datetime) -> bool:
        """Take or keep the turn; False: it is another's. Keeping it is written only now and then."""
        key = keys.turn(duty)
        item = self._table.get(key)
        until = datetime.fromisoformat(item["until"]) if item else None
        unmoved: Condition = ABSENT
        if item is not None and until is not None:
            if item["owner"] == owner and until - now > LASTS - _RENEWED_AFTER:
                return True
            if item["owner"] != owner and until > now:
                return False
            unmoved = Equals({name: item[name] for name in ("owner", "until")})
        taken = {**key._asdict(), "kind": "turn", "owner": owner, "until": keys.instant(now + LASTS)}
        try:
            self._table.write(Put(taken, unmoved))
        except ConditionFailed:
            return False
        return True

    def give_back(self, duty: str, *, owner: str) -> None:
        """Let the next one do it at once; a turn that is another's stays theirs."""
        try:
            self._table.write(Delete(keys.turn(duty), Equals({"owner": owner})))
        except ConditionFailed:
            return
