"""What may still be changed in which status (domain.md section 11)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from campaigns.errors import ConflictError
from campaigns.model.brief import CampaignBrief
from campaigns.model.vocabulary import CampaignStatus

ALWAYS_EDITABLE: Final = frozenset({"name", "metadata"})


def changed_fields(current: CampaignBrief, wanted: CampaignBrief) -> list[str]:
    """Return the top-level fields (Python names) in which two briefs differ, in the order of the form."""
    return [name for name in CampaignBrief.model_fields if getattr(current, name) != getattr(wanted, name)]


def require_editable(status: CampaignStatus, fields: Collection[str]) -> None:
    """Refuse a change of a brief, whole, when one of its fields may not change now.

    Raises:
        ConflictError: with `currentStatus` and the `fields` (camelCase) that are fixed.
    """
    if status is CampaignStatus.PLANNING:
        return
    fixed = [_wire_name(name) for name in fields if name not in ALWAYS_EDITABLE]
    if fixed:
        raise ConflictError(
            f"a campaign that is {status} keeps its {', '.join(fixed)}: only name and metadata may change",
            {"currentStatus": str(status), "fields": fixed},
        )


def _wire_name(name: str) -> str:
    return CampaignBrief.model_fields[name].alias or name
