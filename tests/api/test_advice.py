"""Advice that can be followed: what docs/errors.md tells people to do about a failed build works.

Each code of `lastError` says what to do. Here a campaign fails with the code, somebody does what the text says, and
the campaign goes on to its approvers. A code without a cure here is refused, so a new one comes with its test.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import pytest

from api import catalogue
from campaigns import wiring
from campaigns.approval.opening import open_round
from campaigns.build import planning, writing
from campaigns.build.planning import fail
from campaigns.model.campaign import Campaign
from campaigns.model.vocabulary import CampaignStatus, PostStatus
from campaigns.operations import acts as operations
from campaigns.operations.acts import By
from campaigns.operations.recovery import STOPPED
from tests.api.doors import Tenant
from tests.api.test_execution import ANA, changes_asked, in_review, planned

S = CampaignStatus
BY: Final = By("Olga", "the cause is mended")
Cure = Callable[[Tenant, str], None]


def campaign_of(tenant: Tenant, campaign_id: str) -> Campaign:
    return tenant.store.campaigns.get(tenant.name, campaign_id)


def built(tenant: Tenant, campaign_id: str) -> Campaign:
    """Do what a run does, from where the campaign stands to its approvers."""
    wiring.configure_agents()
    place, now = (tenant.name, campaign_id), datetime.now(UTC)
    for post in planning.plan(tenant.store, *place, now=now):
        revision = post.revision
        writing.write_post(tenant.store, *place, post.id, revision=revision, attempt=f"retry-{post.id}", now=now)
    n = campaign_of(tenant, campaign_id).round + 1
    open_round(tenant.store, *place, n, default_approver=ANA, now=now)
    return campaign_of(tenant, campaign_id)


def broken(tenant: Tenant, campaign_id: str, code: str) -> None:
    now = datetime.now(UTC)
    fail(tenant.store, campaign_of(tenant, campaign_id), code=code, message="it broke", retryable=False, now=now)


def patched(tenant: Tenant, campaign_id: str, **changes: Any) -> None:
    answer = tenant.client.patch(
        f"/campaigns/{campaign_id}", json=changes, headers={"If-Match": f'"{campaign_of(tenant, campaign_id).version}"'}
    )
    assert answer.status_code == 200, answer.text


def retried(tenant: Tenant, campaign_id: str) -> None:
    operations.retry(tenant.store, campaign_of(tenant, campaign_id), BY, now=datetime.now(UTC))


def retry(tenant: Tenant, campaign_id: str) -> None:
    """Retry the campaign, when what lies outside of it is mended."""
    retried(tenant, campaign_id)


def raise_the_budget(tenant: Tenant, campaign_id: str) -> None:
    patched(tenant, campaign_id, budgetUSD=500)
    retried(tenant, campaign_id)


def change_the_words(tenant: Tenant, campaign_id: str) -> None:
    brief = campaign_of(tenant, campaign_id).brief.to_wire()
    patched(tenant, campaign_id, brief={**brief, "description": "Something that no model minds to write about at all."})
    retried(tenant, campaign_id)


def change_the_brand(tenant: Tenant, campaign_id: str) -> None:
    patched(tenant, campaign_id, brandId=None)
    retried(tenant, campaign_id)


def change_the_participants(tenant: Tenant, campaign_id: str) -> None:
    patched(tenant, campaign_id, participants=campaign_of(tenant, campaign_id).participants.to_wire())
    retried(tenant, campaign_id)


def roll_back(tenant: Tenant, campaign_id: str) -> None:
    operations.roll_back(tenant.store, campaign_of(tenant, campaign_id), BY, now=datetime.now(UTC))
    retried(tenant, campaign_id)


def elsewhere(_tenant: Tenant, _campaign_id: str) -> None:
    """No cure of a campaign: a persona's analysis, or an alarm."""


CURES: Final[Mapping[str, tuple[str, Cure]]] = {
    "ACCESS_DENIED": ("retry the campaign", retry),
    "AGENT_ERROR": ("then retry it", retry),
    "BUILD_TIMEOUT": ("Retry the campaign: it goes on where it stopped", retry),
    "BRAND_NOT_FOUND": ("Change the campaign's brand and retry the campaign", change_the_brand),
    "BUDGET_EXCEEDED": ("Raise `budgetUSD` and retry the campaign", raise_the_budget),
    "CONTENT_FILTERED": ("change `brief` or `messaging` and retry the campaign", change_the_words),
    "INSUFFICIENT_EXAMPLES": ("Add writing examples and start the analysis again", elsewhere),
    "INTEGRITY": ("roll the campaign back, then retry it", roll_back),
    "INVALID_INPUT": ("then retry the campaign", retry),
    "INVALID_OUTPUT": ("When the campaign failed, retry it", retry),
    "MODEL_TIMEOUT": ("When the campaign failed, retry it later", retry),
    "MODEL_UNAVAILABLE": ("When the campaign failed, retry it later", retry),
    "MODEL_WITHDRAWN": ("Set another model and retry the campaign", retry),
    "NO_USABLE_POST": ("then retry the campaign", retry),
    "PERSONA_NOT_FOUND": ("Change the participants and retry the campaign", change_the_participants),
    "QUARANTINED": ("then retry the campaign", retry),
    "REFUSED": ("change `brief` or `messaging` and retry the campaign", change_the_words),
    "REQUEST_REJECTED": ("retry the campaign", retry),
    "REVISION_LIMIT": ("Retry the campaign: it gets one round more", retry),
    STOPPED: ("Retry the campaign.", retry),
    "TENANT_MISMATCH": ("the alarm `tampering` tells operators", elsewhere),
    "THROTTLED": ("When the campaign failed, retry it later", retry),
    "TRIED_TOO_OFTEN": ("When the campaign failed, retry it", retry),
}


def test_every_code_of_a_failed_build_has_a_cure_that_is_tried_here_and_no_other() -> None:
    told = catalogue.build_codes()

    assert CURES.keys() == told.keys()
    assert {code for code, (advice, _) in CURES.items() if advice not in told[code]} == set()


BEFORE_THE_PLAN: Final = {"BRAND_NOT_FOUND", "PERSONA_NOT_FOUND"}


@pytest.mark.parametrize(
    ("code", "while_planning"),
    [
        (code, while_planning)
        for code, (_, cure) in CURES.items()
        for while_planning in (True, False)
        if cure is not elsewhere and (while_planning or code not in BEFORE_THE_PLAN)
    ],
)
def test_who_does_what_the_code_says_gets_the_campaign_going(tenant: Tenant, code: str, while_planning: bool) -> None:
    campaign_id = tenant.campaign(budgetUSD=None) if while_planning else planned(tenant)
    broken(tenant, campaign_id, code)

    CURES[code][1](tenant, campaign_id)

    assert built(tenant, campaign_id).status is S.AWAITING_REVIEW
    assert {post.status for post in tenant.store.posts.list(tenant.name, campaign_id)} <= {
        PostStatus.COMPLETED,
        PostStatus.NEEDS_REVIEW,
    }


def test_a_campaign_whose_changes_ran_out_gets_one_round_more(tenant: Tenant) -> None:
    campaign_id = in_review(tenant)
    most = campaign_of(tenant, campaign_id).approval.max_revision_rounds
    changes_asked(tenant, campaign_id, 1, 1)
    broken(tenant, campaign_id, "REVISION_LIMIT")

    retried(tenant, campaign_id)

    assert campaign_of(tenant, campaign_id).approval.max_revision_rounds == most + 1


def test_a_failed_campaign_whose_start_has_passed_still_gets_more_money(tenant: Tenant) -> None:
    campaign_id = planned(tenant)
    broken(tenant, campaign_id, "BUDGET_EXCEEDED")
    version = campaign_of(tenant, campaign_id).plan_version

    raise_the_budget(tenant, campaign_id)

    after = campaign_of(tenant, campaign_id)
    assert (float(after.budget_usd or 0), after.plan_version) == (500, version)
