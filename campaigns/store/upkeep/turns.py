"""Whose turn it is: of all who could do a duty, one does it at a time, and any number stand by."""

from datetime import datetime, timedelta
from typing import Final

from campaigns.store.items import keys
from campaigns.store.tables.table import ABSENT, Condition, Delete, Equals, Put, Repository, wrote

LASTS: Final = timedelta(seconds=20)
"""The silence after which a turn is lost."""
RATES_WATCHED: Final = "watched"
"""The duty to watch the rates."""
_RENEWED_AFTER: Final = LASTS / 4
"""So that two hosts whose clocks differ as much as they may do not take it from each other."""


class TurnRepository(Repository):
    """One item per duty. Two who both believe that it is theirs, because a clock is wrong, do no harm."""

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
        return wrote(self._table, Put(taken, unmoved))

    def note(self, duty: str, *, now: datetime) -> None:
        """Note that a duty was done now, so that others can see that it still is."""
        key = keys.turn(f"{duty}_at")
        self._table.write(Put({**key._asdict(), "kind": "turn-done", "at": keys.instant(now)}))

    def last(self, duty: str) -> datetime | None:
        """Return when a duty was done last, None: never."""
        item = self._table.get(keys.turn(f"{duty}_at"))
        return datetime.fromisoformat(item["at"]) if item else None

    def runs(self, part: str, release: str, *, now: datetime) -> None:
        """Note that a part of the installation, such as `api`, runs this release now."""
        key = keys.running(part, release)
        self._table.write(Put({**key._asdict(), "kind": "running", "at": keys.instant(now)}))

    def running(self, *, since: datetime) -> list[tuple[str, str]]:
        """Return the parts that were seen since then, each with its release."""
        found = [item for item in self._table.query(keys.RUNNING) if datetime.fromisoformat(item["at"]) >= since]
        return [(part, release) for part, _, release in (item["sk"].partition("#") for item in found)]

    def give_back(self, duty: str, *, owner: str) -> None:
        """Let the next one do it at once; a turn that is another's stays theirs."""
        wrote(self._table, Delete(keys.turn(duty), Equals({"owner": owner})))
