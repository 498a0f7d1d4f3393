"""How hard the model is worked: the limit that all processes share, what each of them wants, and the switch.

Each process tells of itself in an item of its own, which nobody else writes: no two wait for each other. The limit is
one item, changed on condition that it is as it was read: of all who would change it, one does.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from campaigns.model.clocks import CLOCKS
from campaigns.rules.permits import Demand
from campaigns.store.items import keys
from campaigns.store.tables.table import ABSENT, Condition, Delete, Equals, Item, Put, Repository, wrote

_KEPT: Final = timedelta(hours=1)
"""What a process that was killed has left is removed after that, by whoever reads: an index entry would cost as much
as each word."""


@dataclass(frozen=True, slots=True)
class Use:
    """What one process says of its calls for one tenant.

    Attributes:
        holds: permits that it may use, or still uses.
        answered, refused: calls that ended so since it last spoke.
        version: of the limit that it knew.
        until: the end of its word, by its own clock: it begins no call later unless it has spoken again. Who is
            silent for longer is gone to the others, once no clock may be before that.
        rests_until: the model asked this process to wait until then; None: it did not.
    """

    demand: Demand
    holds: int
    answered: int
    refused: int
    version: int
    until: datetime
    rests_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Limit:
    """How many calls there may be at once; `version` counts its changes, 0: it was never changed."""

    calls: int
    version: int
    since: datetime


@dataclass(frozen=True, slots=True)
class Switch:
    """Whether new calls of the model are stopped, who said so, why, and since when. `changes` counts them."""

    stopped: bool
    by: str
    reason: str
    since: datetime
    changes: int


@dataclass(frozen=True, slots=True)
class Model:
    """All that is known of the use of the model, as of now."""

    uses: list[Use]
    limit: Limit | None
    switch: Switch | None

    @property
    def stopped(self) -> bool:
        return self.switch is not None and self.switch.stopped


class PermitRepository(Repository):
    """One partition: as many items as processes that call the model, the limit, and the switch with its past."""

    def read(self, now: datetime) -> Model:
        """Return the use of the model, without processes that are gone; those that are long gone are removed."""
        items = {item["sk"]: item for item in self._table.query(keys.MODEL, keys.MODEL_NOW)}
        limit, switch = items.get(keys.MODEL_LIMIT.sk), items.get(keys.MODEL_SWITCH.sk)
        uses = [_use(item) for sk, item in items.items() if sk.startswith(keys.MODEL_USES)]
        if gone := [use.demand.owner for use in uses if use.until + _KEPT < now]:
            self._table.delete([keys.model_use(owner) for owner in gone])
        return Model(
            [use for use in uses if use.until + CLOCKS > now],
            Limit(limit["calls"], limit["version"], _at(limit["since"])) if limit else None,
            _switch(switch) if switch else None,
        )

    def tell(self, use: Use) -> None:
        """Say what a process wants and uses; its last word counts."""
        self._table.write(Put(_use_item(use)))

    def leave(self, owner: str) -> None:
        """Say that a process wants nothing more."""
        self._table.write(Delete(keys.model_use(owner)))

    def change(self, calls: int, *, before: Limit | None, now: datetime) -> Limit | None:
        """Set the limit and return it; None: somebody else was faster."""
        changed = Limit(calls, 1 + (before.version if before else 0), now)
        unmoved: Condition = Equals({"version": before.version}) if before else ABSENT
        item = {"kind": "model-limit", "calls": calls, "version": changed.version, "since": keys.instant(now)}
        return changed if wrote(self._table, Put({**keys.MODEL_LIMIT._asdict(), **item}, unmoved)) else None

    def switch(self) -> Switch | None:
        """Return the switch as it is, None: it was never touched."""
        item = self._table.get(keys.MODEL_SWITCH)
        return _switch(item) if item else None

    def turn(self, *, stopped: bool, by: str, reason: str, now: datetime) -> Switch | None:
        """Stop new calls or let them begin again, with an entry of who and why; None: it was so already."""
        while True:
            before = self.switch()
            if (before is not None and before.stopped) is stopped:
                return None
            turned = Switch(stopped, by, reason, now, 1 + (before.changes if before else 0))
            unmoved: Condition = Equals({"changes": before.changes}) if before else ABSENT
            said = {
                "stopped": int(stopped), "by": by, "reason": reason, "since": keys.instant(now),
                "changes": turned.changes,
            }  # fmt: skip
            if wrote(
                self._table,
                Put({**keys.MODEL_SWITCH._asdict(), "kind": "model-switch", **said}, unmoved),
                Put({**keys.model_switched(turned.changes)._asdict(), "kind": "model-switched", **said}, ABSENT),
            ):
                return turned

    def turned(self) -> list[Switch]:
        """Return who stopped and resumed calls, and why, oldest first."""
        return [_switch(item) for item in self._table.query(keys.MODEL, keys.MODEL_SWITCHED)]


def _use_item(use: Use) -> Item:
    return {
        **keys.model_use(use.demand.owner)._asdict(),
        "kind": "model-use",
        "owner": use.demand.owner,
        "tenant": use.demand.tenant_id,
        "wants": use.demand.wants,
        "served": keys.instant(use.demand.served),
        "holds": use.holds,
        "answered": use.answered,
        "refused": use.refused,
        "version": use.version,
        "until": keys.instant(use.until),
        **({"rests": keys.instant(use.rests_until)} if use.rests_until else {}),
    }


def _use(item: Item) -> Use:
    return Use(
        Demand(item["owner"], item["tenant"], item["wants"], _at(item["served"])),
        holds=item["holds"],
        answered=item["answered"],
        refused=item["refused"],
        version=item["version"],
        until=_at(item["until"]),
        rests_until=_at(item["rests"]) if "rests" in item else None,
    )


def _switch(item: Item) -> Switch:
    return Switch(bool(item["stopped"]), item["by"], item["reason"], _at(item["since"]), item["changes"])


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text)
