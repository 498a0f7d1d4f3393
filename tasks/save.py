"""Save: the campaign is stored, or refused with every fault, before anything is paid for."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from prefect import get_run_logger, runtime

from campaigns.build.by_name import by_name
from campaigns.build.submission import Submission, plan_version_of, submit
from campaigns.model.base import derived_id, visible_text
from campaigns.settings import get_settings
from campaigns.store import Store
from campaigns.wiring import get_store
from tasks.checkpoints.cached import Scope
from tasks.engine.bound import require_own_tenant
from tasks.engine.policies import step
from tasks.forms.short_form import brief_of_short, is_short
from tasks.steps import SavedCampaign


def campaign_id_of(parameters: Mapping[str, Any]) -> str:
    """Return the id of a campaign started from the Prefect UI: it follows from the run, so a replay finds it."""
    return parameters["campaign_id"] or derived_id("campaign", runtime.flow_run.id)


def stored_name(tenant_id: str, campaign_id: str) -> str:
    """Return what a stored campaign is called, for the name of its run; empty when that cannot be said now, or here."""
    try:
        require_own_tenant(tenant_id)
        return get_store().campaigns.get(tenant_id, campaign_id).name
    except Exception:  # a name is worth no run: the first step meets the same fault, and says so
        return ""


def _brief(store: Store, tenant_id: str, given: Mapping[str, Any], now: datetime) -> Mapping[str, Any]:
    """Return the brief that a form means: of the short form the whole one, and ids where names were given."""
    whole = brief_of_short(given, now.date()) if is_short(given) else given
    return by_name(store, tenant_id, whole)


@step(
    "save",
    called="save the campaign",
    returns=SavedCampaign,
    scope=lambda parameters: Scope(parameters["tenant_id"], campaign_id_of(parameters), None),
)
def save_campaign(
    tenant_id: str, campaign_id: str, brief: Mapping[str, Any] | None, requested_by: str = ""
) -> SavedCampaign:
    """Store the brief as a campaign, or find the one that is stored already.

    Args:
        requested_by: who asks, as typed in the form: a name, an address, or `Ana <ana@example.com>`.

    Raises:
        FaultsError: the brief is faulty; the message lists every fault, as the API would.
        NotFoundError: `campaign_id` without a brief, and no such campaign of this tenant.
    """
    require_own_tenant(tenant_id)
    store, now = get_store(), datetime.now(UTC)
    if campaign_id and brief is None:
        campaign = store.campaigns.get(tenant_id, campaign_id)
    else:
        campaign = submit(
            store,
            _brief(store, tenant_id, brief or {}, now),
            Submission(
                tenant_id=tenant_id,
                campaign_id=campaign_id or derived_id("campaign", runtime.flow_run.id),
                requested_by=" ".join(visible_text(requested_by).split()) or "prefect-ui",
                execution_id=str(runtime.flow_run.id),
                correlation_id=str(runtime.flow_run.id),
            ),
            default_approver=get_settings().default_approver(),
            now=now,
        ).campaign
    get_run_logger().info("Campaign %s, correlation id %s", campaign.id, campaign.correlation_id)
    return SavedCampaign(
        tenant_id=tenant_id,
        id=campaign.id,
        name=campaign.name,
        plan_version=campaign.plan_version or plan_version_of(store, campaign),
    )
