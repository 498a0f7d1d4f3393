"""What may still be changed in which status (domain.md section 11)."""

from collections.abc import Collection
from typing import Final

from campaigns.errors import ConflictError, NobodyMayDecideError
from campaigns.model.brief import CampaignBrief
from campaigns.model.terms.approval_terms import Approval
from campaigns.model.vocabulary import CampaignStatus

ALWAYS_EDITABLE: Final = frozenset({"name", "metadata"})
NOT_PLANNED_FROM: Final = ALWAYS_EDITABLE | {"budget_usd"}
"""Fields on which no plan depends. A change of these alone neither judges the brief again nor plans anew."""
WORDS: Final = frozenset({"brief", "messaging"})
"""Fields that only the writer reads: posts that are written again follow a change, the calendar does not."""
APPROVERS: Final = frozenset({"approval"})
"""The field of which approvers may change, and nothing else, where none of them may decide."""


def changed_fields(current: CampaignBrief, wanted: CampaignBrief) -> list[str]:
    """Return the top-level fields (Python names) in which two briefs differ, in the order of the form."""
    return [name for name in CampaignBrief.model_fields if getattr(current, name) != getattr(wanted, name)]


def editable_fields(status: CampaignStatus, *, planned: bool, failed_with: str = "") -> frozenset[str]:
    """Return the fields (Python names) of a brief that may change: what a repair of a failed campaign needs, too.

    Args:
        planned: whether its posts are planned; until then nothing is built from the brief.
        failed_with: the code of the error that it failed with.
    """
    if status is CampaignStatus.PLANNING or (status is CampaignStatus.FAILED and not planned):
        return frozenset(CampaignBrief.model_fields)
    if status is not CampaignStatus.FAILED:
        return ALWAYS_EDITABLE
    return NOT_PLANNED_FROM | WORDS | (APPROVERS if failed_with == NobodyMayDecideError.code else frozenset())


def require_editable(status: CampaignStatus, fields: Collection[str], *, planned: bool, failed_with: str = "") -> None:
    """Refuse a change of a brief, whole, when one of its fields may not change now.

    Raises:
        ConflictError: with `currentStatus` and the `fields` (camelCase) that are fixed.
    """
    editable = editable_fields(status, planned=planned, failed_with=failed_with)
    fixed = [_wire_name(name) for name in fields if name not in editable]
    if fixed:
        *others, last = [_wire_name(name) for name in CampaignBrief.model_fields if name in editable]
        raise ConflictError(
            f"a campaign that is {status} keeps its {', '.join(fixed)}: only {', '.join(others)} and {last} may change",
            {"currentStatus": str(status), "fields": fixed},
        )


def require_terms_kept(before: Approval, after: Approval) -> None:
    """Refuse other terms than those that a campaign was planned with, but for the approvers.

    What its stages have approved, and how long each of them takes, stays.

    Raises:
        ConflictError.
    """
    if _but_for_approvers(before) != _but_for_approvers(after):
        raise ConflictError(
            "a campaign that is planned keeps its terms of approval: only the approvers may change",
            {"fields": ["approval"]},
        )


def _but_for_approvers(terms: Approval) -> Approval:
    stages = [stage.model_copy(update={"approvers": []}) for stage in terms.stages or []]
    return terms.model_copy(update={"approvers": [], "stages": stages})


def _wire_name(name: str) -> str:
    return CampaignBrief.model_fields[name].alias or name
