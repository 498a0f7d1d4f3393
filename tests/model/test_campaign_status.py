"""The status machine: the steps of domain.md section 10, and no others."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from campaigns.errors import IllegalTransitionError
from campaigns.model.base import derived_id
from campaigns.model.campaign import TRANSITIONS, Campaign
from campaigns.model.vocabulary import CampaignStatus
from tests.model.wires import BRIEF

NOW = datetime(2027, 3, 1, 9, tzinfo=UTC)

# The table of section 10 as text; a failed integrity check may end an awaited or an approved campaign too.
STEPS = {
    "planning": "generating failed cancelled",
    "generating": "awaiting_review failed cancelled",
    "awaiting_review": "approved rejected needs_revision approval_timeout failed cancelled",
    "needs_revision": "generating failed cancelled",
    "approved": "completed failed",
    "approval_timeout": "awaiting_review cancelled",
    "failed": "planning generating",
    "completed": "",
    "rejected": "",
    "cancelled": "",
}
PAIRS = [(before, after) for before in STEPS for after in STEPS]


def a_campaign(status: str) -> Campaign:
    system = {"id": derived_id("campaign", 1), "tenantId": "acme", "createdAt": NOW, "updatedAt": NOW}
    return Campaign.model_validate({**BRIEF, **system, "status": status})


@pytest.mark.parametrize(("before", "after"), PAIRS, ids=[f"{a}-{b}" for a, b in PAIRS])
def test_a_campaign_moves_exactly_as_the_table_says(before: str, after: str) -> None:
    campaign = a_campaign(before)
    later = NOW + timedelta(hours=1)

    if after in STEPS[before].split():
        moved = campaign.moved_to(CampaignStatus(after), at=later)
        assert (moved.status, moved.version, moved.updated_at) == (after, campaign.version + 1, later)
        assert (moved.completed_at is not None) == (after == "completed")
    else:
        with pytest.raises(IllegalTransitionError) as refusal:
            campaign.moved_to(CampaignStatus(after), at=later)
        assert refusal.value.details == {"currentStatus": before, "wantedStatus": after}


def test_every_status_has_its_steps() -> None:
    assert {str(status) for status in TRANSITIONS} == set(STEPS) == {str(status) for status in CampaignStatus}
