"""The outbox: what must happen because of what was written, kept until it has happened."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Annotated, Any, Final, Self

from pydantic import Field

from campaigns import correlation
from campaigns.model.base import Instant, Maybe, SubjectId, TenantId, Wire, derived_id
from campaigns.store.items import keys
from campaigns.store.items.documents import item_of, readable, value_of
from campaigns.store.items.due import UNREADABLE, put_off, read_due, read_items, read_since
from campaigns.store.items.keys import Due
from campaigns.store.tables.table import ABSENT, Equals, Item, Put, Repository, key_of, wrote

KEPT_AFTER_DELIVERY: Final = timedelta(days=30)
"""A delivered entry stays that long, so that the same fact is not enqueued again by a late repetition."""


CARRIERS: Final = (Due.BELLS, Due.RUNS, Due.NOTICES)
_CARRIED_BY: Final = {
    "ring": Due.BELLS,
    **dict.fromkeys(("start_run", "restart_run", "cancel_run", "analyze", "tell"), Due.RUNS),
}


def carrier_of(kind: str) -> Due:
    """Return who carries entries of a kind: what is neither a bell nor for Prefect is told to people."""
    return _CARRIED_BY.get(kind, Due.NOTICES)


class OutboxEntry(Wire):
    """One thing to do about a campaign or persona: ring, notify, start a run. Never a link or another secret.

    `attempts` counts every delivery that did not end it, `failures` those for a reason that will not pass.
    `first_due_at` is when it was due before anything put it off.
    `correlation_id` names the story that it belongs to.
    """

    id: Annotated[str, Field(pattern=r"^outbox_[0-7][0-9A-HJKMNP-TV-Z]{25}$")]
    kind: Annotated[str, Field(min_length=1, max_length=50)]
    tenant_id: TenantId
    subject_id: SubjectId
    payload: dict[str, Any] = {}
    due_at: Instant
    first_due_at: Maybe[Instant] = None
    attempts: Annotated[int, Field(ge=0)] = 0
    failures: Annotated[int, Field(ge=0)] = 0
    last_error: Maybe[str] = None
    quarantined_at: Maybe[Instant] = None
    done_at: Maybe[Instant] = None
    correlation_id: Maybe[str] = None

    @property
    def due_since(self) -> datetime:
        """When it should have been delivered, however often it was tried or put off since."""
        return self.first_due_at or self.due_at

    @property
    def is_open(self) -> bool:
        """Whether it is still to be delivered."""
        return self.done_at is None and self.quarantined_at is None

    @property
    def is_quarantined(self) -> bool:
        """Whether it was set aside: kept with its reason, and not delivered before somebody puts it back."""
        return self.done_at is None and self.quarantined_at is not None

    @classmethod
    def about(
        cls,
        kind: str,
        tenant_id: str,
        subject_id: str,
        *fact: object,
        due_at: datetime,
        payload: Mapping[str, Any] | None = None,
    ) -> Self:
        """Return the entry for a fact, such as `about("remind", tenant, campaign, round_n, hours, due_at=…)`.

        The id follows from kind, subject and fact: the same fact enqueues once.
        """
        return cls(
            id=derived_id("outbox", kind, tenant_id, subject_id, *fact),
            kind=kind,
            tenant_id=tenant_id,
            subject_id=subject_id,
            payload=dict(payload or {}),
            due_at=due_at,
            correlation_id=correlation.current.get(),
        )

    def of_story(self, correlation_id: str | None) -> Self:
        """Return the entry as part of a story, unless it is of one already."""
        belongs = self.correlation_id is not None or correlation_id is None
        return self if belongs else self.model_copy(update={"correlation_id": correlation_id})


class OutboxRepository(Repository):
    """Entries by due time, across tenants. Delivery is at least once, so deliverers must make repeating harmless."""

    def add(self, entries: Sequence[OutboxEntry]) -> None:
        """Enqueue on their own; an entry that is there already, delivered or not, stays as it is."""
        for entry in entries:
            wrote(self._table, Put(outbox_item(entry), ABSENT))

    def due(self, now: datetime, *, limit: int = 1000, carriers: Iterable[Due] = CARRIERS) -> list[OutboxEntry]:
        """Return undelivered entries whose time has come, of these carriers; a new one may take a moment to appear.

        Of each carrier up to `limit`: the tenants take turns, and of each tenant the longest due comes first.
        """
        found: list[OutboxEntry] = []
        for carrier in carriers:
            for item in read_items(self._table, read_due(self._table, carrier, now, limit=limit)):
                entries = _readable(item)
                if not entries:
                    put_off(self._table, key_of(item), carrier, until=now + UNREADABLE)
                found += [entry for entry in entries if entry.due_at <= now]  # the others are claimed
        return found

    def of(self, tenant_id: str, subject_id: str) -> list[OutboxEntry]:
        """Return every entry of a campaign or persona, delivered and quarantined ones too, by id."""
        pk = keys.subject_partition(tenant_id, subject_id)
        return [entry_of(item) for item in self._table.query(pk, keys.OUTBOX)]

    def claim(self, entry: OutboxEntry, *, until: datetime) -> OutboxEntry | None:
        """Put the entry off to `until` and return it, or None when somebody else has it or has delivered it.

        A deliverer that dies leaves the entry to the next one, from `until` on. Its place in time stays: a claim is
        short, and moving there and back would cost more than the delivery.
        """
        return self._replace(entry, _later(entry, until), beside=_place(entry))

    def put_off(self, entry: OutboxEntry, *, until: datetime) -> OutboxEntry | None:
        """Let an entry be due at `until`, and take no turn of others before; None when somebody else changed it."""
        return self._replace(entry, _later(entry, until))

    def done(self, entry: OutboxEntry, *, at: datetime) -> None:
        """Mark as delivered. Somebody else's change to the entry is not an error: it was delivered all the same."""
        self._table.write(Put(outbox_item(entry.model_copy(update={"done_at": at}))))

    def retry(self, entry: OutboxEntry, *, at: datetime, error: str) -> OutboxEntry | None:
        """Count a failed attempt and try again from `at`; None when the entry has changed since it was read."""
        changes = {"attempts": entry.attempts + 1, "last_error": error[:500]}
        return self._replace(entry, _later(entry, at).model_copy(update=changes))

    def quarantine(self, entry: OutboxEntry, *, at: datetime, error: str) -> OutboxEntry | None:
        """Count a failed attempt and set the entry aside; None when it has changed since it was read."""
        changes = {"quarantined_at": at, "attempts": entry.attempts + 1, "last_error": error[:500]}
        return self._replace(entry, entry.model_copy(update=changes))

    def quarantined(self, *, since: datetime) -> list[OutboxEntry]:
        """Return entries of all tenants that were set aside after `since` and still are, latest first."""
        found = read_since(self._table, Due.ASIDE, since)
        return [entry for item in read_items(self._table, found[::-1]) for entry in _readable(item)]

    def _replace(
        self, entry: OutboxEntry, changed: OutboxEntry, *, beside: Mapping[str, str] = MappingProxyType({})
    ) -> OutboxEntry | None:
        put = Put({**outbox_item(changed), **beside}, _unchanged(entry))
        return changed if wrote(self._table, put) else None


def put_back(entry: OutboxEntry, *, at: datetime) -> Put:
    """Return the write that makes a quarantined entry due at `at`, as if it was new, unless somebody else did."""
    changes = {"quarantined_at": None, "due_at": at, "first_due_at": None, "attempts": 0, "failures": 0}
    return Put(outbox_item(entry.model_copy(update=changes)), _unchanged(entry))


def _later(entry: OutboxEntry, until: datetime) -> OutboxEntry:
    return entry.model_copy(update={"due_at": until, "first_due_at": entry.due_since})


def _unchanged(entry: OutboxEntry) -> Equals:
    return Equals({"due_at": keys.instant(entry.due_at), "attempts": entry.attempts, "done": 0})


def outbox_item(entry: OutboxEntry) -> Item:
    key = keys.outbox(entry.tenant_id, entry.subject_id, entry.id)
    state: dict[str, Any] = {
        "due_at": keys.instant(entry.due_at),
        "attempts": entry.attempts,
        "done": int(entry.done_at is not None),
    }
    document = entry.model_copy(update={"first_due_at": None, "correlation_id": None})
    return item_of(key, "outbox", document, **state, **_beside(entry), **_place(entry))


def entry_of(item: Item) -> OutboxEntry:
    return _with_beside(item, value_of(item, OutboxEntry))


def _readable(item: Item) -> list[OutboxEntry]:
    return [_with_beside(item, entry) for entry in readable([item], OutboxEntry)]


def _beside(entry: OutboxEntry) -> dict[str, str]:
    """Return what came after the first release, which refuses a document with anything that it does not know."""
    first_due_at = {"first_due_at": keys.instant(entry.first_due_at)} if entry.first_due_at else {}
    return {**first_due_at, **({"correlation_id": entry.correlation_id} if entry.correlation_id else {})}


def _with_beside(item: Item, entry: OutboxEntry) -> OutboxEntry:
    first = {"first_due_at": datetime.fromisoformat(item["first_due_at"])} if "first_due_at" in item else {}
    story = {"correlation_id": item["correlation_id"]} if "correlation_id" in item else {}
    return entry.model_copy(update={**first, **story})


def _place(entry: OutboxEntry) -> dict[str, str]:
    """Return where an entry stands in time: to be purged, set aside, or to be delivered."""
    key = keys.outbox(entry.tenant_id, entry.subject_id, entry.id)
    if entry.done_at is not None:
        return keys.purged_after(entry.done_at + KEPT_AFTER_DELIVERY, key)
    if entry.quarantined_at is not None:
        return keys.due(Due.ASIDE, entry.quarantined_at, key)
    return keys.due(carrier_of(entry.kind), entry.due_at, key)
