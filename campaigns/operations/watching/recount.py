"""The metrics counted again from what is stored: audit trails, notes of costs, receipts of steps.

What a process counted and did not write before it was killed is missing in the tallies; here nothing is.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime

from campaigns.model.approval import AuditEntry
from campaigns.model.campaign import Campaign
from campaigns.model.post import ModelUsage
from campaigns.store import Store
from campaigns.telemetry.instruments import Measure
from campaigns.telemetry.measures import (
    LAST_STEP,
    MAPPED,
    StepReceipt,
    measures_of,
    measures_of_map,
    measures_of_receipt,
    measures_of_usage,
    milliseconds,
)


def measures_of_trail(entries: Sequence[AuditEntry], *, created_at: datetime) -> Iterator[tuple[date, Measure]]:
    """Yield what a campaign's trail adds to the metrics, with the day (UTC) on which it does."""
    opened: dict[int | None, datetime] = {}
    for entry in entries:
        since: datetime | None = None
        if entry.action == "round_opened":
            opened[entry.round] = entry.at
            since = created_at
        elif entry.action == "moved":
            since = created_at
        elif entry.action == "decided":
            since = opened.get(entry.round)
        for measure in measures_of(
            entry.action,
            to_status=entry.to_status,
            outcome=entry.details.get("outcome"),
            reason=entry.reason,
            round_=entry.round,
            took=milliseconds(entry.at - since) if since is not None else None,
        ):
            yield entry.at.date(), measure


def measures_of_receipts(receipts: Iterable[StepReceipt]) -> Iterator[tuple[date, Measure]]:
    """Yield what the completed steps of a campaign add, with the day on which they do."""
    maps: dict[str, list[StepReceipt]] = defaultdict(list)
    kept, ended = 0, None
    for receipt in receipts:
        kept += 1
        for measure in measures_of_receipt(receipt):
            yield receipt.ended.date(), measure
        if receipt.step == MAPPED and receipt.together:
            maps[receipt.together].append(receipt)
        if receipt.step == LAST_STEP:
            ended = receipt.ended
    for together in maps.values():
        for measure in measures_of_map(together):
            yield max(each.ended for each in together).date(), measure
    if ended is not None:
        yield ended.date(), Measure("CheckpointsPerExecution", kept)


def measures_of_costs(notes: Iterable[ModelUsage]) -> Iterator[Measure]:
    """Yield what the notes of a campaign's costs add; a note does not say when it was written."""
    for usage in notes:
        yield from measures_of_usage(usage)


def recounted(
    store: Store, campaigns: Iterable[Campaign], receipts: Mapping[str, Sequence[StepReceipt]]
) -> Iterator[tuple[Campaign, list[tuple[date, Measure]]]]:
    """Yield each campaign with all that it adds to the metrics.

    Args:
        receipts: of the steps of each campaign, by its id.
    """
    for campaign in campaigns:
        entries = store.audit.entries(*campaign.ref)
        last = max((entry.at for entry in entries), default=campaign.created_at).date()
        yield (
            campaign,
            [
                *measures_of_trail(entries, created_at=campaign.created_at),
                *measures_of_receipts(receipts.get(campaign.id, [])),
                *((last, measure) for measure in measures_of_costs(store.campaigns.cost_notes(*campaign.ref))),
            ],
        )
