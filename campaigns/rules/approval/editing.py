"""What may still be changed in which status (domain.md section 11)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from campaigns.errors import ConflictError
from campaigns.model.brief import CampaignBrief
from campaigns.model.vocabulary import CampaignStatus

ALWAYS_EDITABLE: Final = frozenset({"name", "metadata"})
NOT_PLANNED_FROM: Final = ALWAYS_EDITABLE | {"budget_usd"}
"""What no plan depends on: a change of these alone is no reason to judge the brief again, or to plan anew."""
WORDS: Final = frozenset({"brief", "messaging"})
"""What the writer is told: posts that are written again follow it, and the calendar does not."""


def changed_fields(current: CampaignBrief, wanted: CampaignBrief) -> list[str]:
    """Return the top-level fields (Python names) in which two briefs differ, in the order of the form."""
    return [name for name in CampaignBrief.model_fields if getattr(current, name) != getattr(wanted, name)]


def editable_fields(status: CampaignStatus, *, planned: bool) -> frozenset[str]:
    """Return the fields (Python names) of a brief that may change: what a repair of a failed campaign needs, too.

    Args:
        planned: whether its posts are planned; until then nothing is built from the brief.
    """
    if status is CampaignStatus.PLANNING or (status is CampaignStatus.FAILED and not planned):
        return frozenset(CampaignBrief.model_fields)
    return NOT_PLANNED_FROM | WORDS if status is CampaignStatus.FAILED else ALWAYS_EDITABLE


def require_editable(status: CampaignStatus, fields: Collection[str], *, planned: bool) -> None:
    """Refuse a change of a brief, whole, when one of its fields may not change now.

    Raises:
        ConflictError: with `currentStatus` and the `fields` (camelCase) that are fixed.
    """
    editable = editable_fields(status, planned=planned)
    fixed = [_wire_name(name) for name in fields if name not in editable]
    if fixed:
        *others, last = [_wire_name(name) for name in CampaignBrief.model_fields if name in editable]
        raise ConflictError(
            f"a campaign that is {status} keeps its {', '.join(fixed)}: only {', '.join(others)} and {last} may change",
            {"currentStatus": str(status), "fields": fixed},
        )


def _wire_name(name: str) -> str:
    return CampaignBrief.model_fields[name].alias or name
