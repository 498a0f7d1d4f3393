"""What a run is called in Prefect: the distinguishing part first, phones cut names off."""

from collections.abc import Mapping

from prefect import runtime

from campaigns.model.base import excerpt
from tasks.save import stored_name


def run_name() -> str:
    """Return `Huila spring harvest · fernwood`; the id of a stored campaign where its name cannot be read."""
    parameters = runtime.flow_run.parameters
    tenant_id, campaign_id, brief = (parameters.get(each) for each in ("tenant_id", "campaign_id", "campaign"))
    name = brief.get("name") if isinstance(brief, Mapping) else None
    if not (isinstance(name, str) and name.strip()):
        name = (stored_name(str(tenant_id), campaign_id) or campaign_id) if campaign_id else "campaign"
    return f"{excerpt(name, at_most=120)} · {tenant_id}"
