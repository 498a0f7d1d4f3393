"""Edits: what may change in which status (domain.md section 11); a mixed request is refused whole."""

from __future__ import annotations

import pytest

from campaigns.errors import ConflictError
from campaigns.model.brief import CampaignBrief
from campaigns.model.vocabulary import CampaignStatus
from campaigns.rules.approval.editing import WORDS, changed_fields, require_editable
from tests.model.wires import BRIEF, changed

PLAN_RELEVANT = [name for name in CampaignBrief.model_fields if name not in {"name", "metadata"}]
LATER = [status for status in CampaignStatus if status is not CampaignStatus.PLANNING]


def test_while_planning_everything_may_change() -> None:
    require_editable(CampaignStatus.PLANNING, list(CampaignBrief.model_fields), planned=False)


def test_everything_may_change_of_a_campaign_that_failed_before_it_was_planned() -> None:
    require_editable(CampaignStatus.FAILED, list(CampaignBrief.model_fields), planned=False)


def test_a_failed_campaign_gets_more_money_and_other_words_but_keeps_its_calendar() -> None:
    require_editable(CampaignStatus.FAILED, ["name", "brief", "messaging", "budget_usd", "metadata"], planned=True)
    with pytest.raises(ConflictError) as refusal:
        require_editable(CampaignStatus.FAILED, ["budget_usd", "schedule"], planned=True)

    assert str(refusal.value) == (
        "a campaign that is failed keeps its schedule: only name, brief, messaging, budgetUSD and metadata may change"
    )


def test_approvers_may_change_of_a_campaign_that_failed_because_none_of_them_may_decide() -> None:
    fields = ["approval", "metadata"]
    require_editable(CampaignStatus.FAILED, fields, planned=True, failed_with="NOBODY_MAY_DECIDE")
    for status, failed_with in ((CampaignStatus.FAILED, "NO_USABLE_POST"), (CampaignStatus.AWAITING_REVIEW, "")):
        with pytest.raises(ConflictError, match="keeps its approval"):
            require_editable(status, fields, planned=True, failed_with=failed_with)


@pytest.mark.parametrize("status", LATER)
def test_name_and_metadata_may_change_in_every_status(status: CampaignStatus) -> None:
    require_editable(status, ["name", "metadata"], planned=True)


@pytest.mark.parametrize("status", LATER)
@pytest.mark.parametrize("field", PLAN_RELEVANT)
def test_what_the_plan_is_made_from_is_fixed_after_planning(status: CampaignStatus, field: str) -> None:
    if status is CampaignStatus.FAILED and field in {"budget_usd", *WORDS}:
        require_editable(status, ["name", field], planned=True)
        return
    with pytest.raises(ConflictError) as refusal:
        require_editable(status, ["name", field], planned=True)

    assert refusal.value.details["currentStatus"] == status
    assert len(refusal.value.details["fields"]) == 1


def test_the_fixed_fields_are_named_as_on_the_wire() -> None:
    with pytest.raises(ConflictError, match="brandId, cadenceOverrides") as refusal:
        require_editable(CampaignStatus.APPROVED, ["brand_id", "cadence_overrides"], planned=True)

    assert refusal.value.details["fields"] == ["brandId", "cadenceOverrides"]


def test_only_fields_that_differ_count_as_changed() -> None:
    before = CampaignBrief.model_validate(BRIEF)
    after = CampaignBrief.model_validate(changed(BRIEF, ("name", "Summer"), ("schedule.endDate", "2027-04-05")))

    assert changed_fields(before, after) == ["name", "schedule"]
    assert changed_fields(before, CampaignBrief.model_validate(before.to_wire())) == []
