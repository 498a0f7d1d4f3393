"""A campaign that comes again: one occurrence for each template and period, whatever starts this flow."""

# No `from __future__ import annotations`: see `flows.operations`.

from prefect import flow, runtime
from prefect.client.schemas.objects import State

from campaigns.model.base import TenantId, excerpt
from tasks.complete import final_state
from tasks.engine.telling import telling
from tasks.forms.brief_form import RequestedBy
from tasks.forms.template_form import Period, TemplateName
from tasks.occur import make_occurrence


def _name() -> str:
    parameters = runtime.flow_run.parameters
    period = parameters.get("for_period") or f"{runtime.flow_run.scheduled_start_time:%Y-%m-%d %H:%M} UTC"
    return f"{excerpt(str(parameters.get('template')), at_most=100)} · {period} · {parameters.get('tenant_id')}"


@flow(name="recurring-campaign", flow_run_name=_name, persist_result=False)
def recurring_campaign(
    tenant_id: TenantId,
    template: TemplateName,
    for_period: Period = "",
    another: bool = False,
    requested_by: RequestedBy = "",
) -> State[None]:
    """Make the occurrence of a template that this run was scheduled for, and start its campaign.

    Args:
        tenant_id: Whose template it is.
        template: Its name or its id.
        for_period: Only by hand: a period such as 2027-W10, 2027-03 or 2027-03-09, also one that was missed or skipped.
        another: Only with a period: one more of it, where it has one already.
        requested_by: Who wants it, if it is done by hand; it stands with the occurrence.
    """
    with telling(tenant_id):
        return final_state(make_occurrence(tenant_id, template, for_period, another, requested_by))
