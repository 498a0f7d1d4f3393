"""One mail where several campaigns wait for the same approver at the same time.

Reminders that fall due in one sweep for one address become one digest. Each of them is kept in its own campaign as
told by that digest, in the transaction that leaves the digest in the outbox: so none goes out twice, or not at all.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import Final
from zoneinfo import ZoneInfo

from campaigns.approval.messages.notice_kinds import DIGEST, REMINDER
from campaigns.model.approval import ApprovalRound
from campaigns.rules.approval.identities import folded
from campaigns.store import OutboxEntry, Store

MOST_WRITES: Final = 90
"""Of one transaction, which takes 100."""


@dataclass(frozen=True, slots=True)
class Telling:
    """The notices that are due about one round."""

    round: ApprovalRound
    zone: ZoneInfo
    channels: tuple[str, ...]
    entries: tuple[OutboxEntry, ...]

    @property
    def tenant_id(self) -> str:
        return self.round.tenant_id


_Person = tuple[str, str, tuple[str, ...]]


def digested(store: Store, tellings: Sequence[Telling], *, now: datetime) -> Iterator[list[Telling]]:
    """Yield what is written at once: most rounds alone, and together those that share a digest."""
    shared = {index for found in _several(tellings).values() for index, _ in found}
    # Only of these it matters what was enqueued before.
    fresh = [
        replace(each, entries=tuple(store.approvals.unheard(each.round, each.entries))) if index in shared else each
        for index, each in enumerate(tellings)
    ]
    people = _several(fresh, among=shared)
    together: dict[int, list[OutboxEntry]] = {
        index: list(fresh[index].entries) for found in people.values() for index, _ in found
    }
    for found in people.values():
        lead = min(found, key=lambda each: (fresh[each[0]].round.expires_at, each[0]))
        together[lead[0]].append(_digest(lead[1], [entry for _, entry in found]))
        for index, entry in found:
            told = entry.model_copy(update={"done_at": now})
            together[index] = [told if each.id == entry.id else each for each in together[index]]
    yield from ([each] for index, each in enumerate(fresh) if index not in together)
    joined = [replace(fresh[index], entries=tuple(entries)) for index, entries in together.items()]
    for _, of_tenant in groupby(sorted(joined, key=attrgetter("tenant_id")), key=attrgetter("tenant_id")):
        yield from _in_bounds(of_tenant)


def _several(
    tellings: Sequence[Telling], *, among: Iterable[int] | None = None
) -> dict[_Person, list[tuple[int, OutboxEntry]]]:
    """Return the reminders by person, only for people with reminders of more than one round."""
    people: dict[_Person, list[tuple[int, OutboxEntry]]] = defaultdict(list)
    for index in range(len(tellings)) if among is None else sorted(among):
        telling = tellings[index]
        emails = {each.id: folded(each.email) for each in telling.round.approvers}
        for entry in telling.entries:
            if entry.kind == REMINDER:
                email = emails[entry.payload["approver"]]
                people[telling.tenant_id, email, tuple(sorted(telling.channels))].append((index, entry))
    return {person: found for person, found in people.items() if len({index for index, _ in found}) > 1}


def _digest(lead: OutboxEntry, reminders: Sequence[OutboxEntry]) -> OutboxEntry:
    return OutboxEntry.about(
        DIGEST, lead.tenant_id, lead.subject_id, *sorted(each.id for each in reminders),
        due_at=min(each.due_at for each in reminders),
        payload={
            "round": lead.payload["round"],
            "approver": lead.payload["approver"],
            "reminders": [
                {"campaign": each.subject_id, **{name: each.payload[name] for name in ("round", "approver", "ends")}}
                for each in reminders
            ],
        },
    )  # fmt: skip


def _in_bounds(tellings: Iterable[Telling]) -> Iterator[list[Telling]]:
    batch: list[Telling] = []
    for telling in tellings:
        if batch and sum(1 + len(each.entries) for each in [*batch, telling]) > MOST_WRITES:
            yield batch
            batch = []
        batch.append(telling)
    if batch:
        yield batch
