"""What operators start by hand in Prefect: one small flow for each act. docs/runbook.md says when to use which.

Each asks for the operator's name and the reason: both stand in the campaign's audit. An act that cannot
be done ends Failed with the reason, and nothing was changed.
"""

# No `from __future__ import annotations`: `serve()` hands a flow on without the names that its annotations need.

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Concatenate, Literal, ParamSpec

from prefect import flow, get_run_logger, runtime
from prefect.artifacts import create_table_artifact
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed
from pydantic import Field, StringConstraints

from campaigns.errors import CampaignError, StoreUnavailableError
from campaigns.model.base import CampaignId, TenantId
from campaigns.model.campaign import Campaign
from campaigns.model.post import MAX_TEXT
from campaigns.model.vocabulary import Decision
from campaigns.operations import acts
from campaigns.operations.acts import By
from campaigns.operations.switching import resume_calls, stop_calls
from campaigns.rules.merge.defaults import MOST_POSTS_EVER
from campaigns.store import Store
from tasks.engine.telling import telling
from tasks.upkeep import operate
from tasks.upkeep.operate import carry_out

P = ParamSpec("P")

Operator = Annotated[
    str, StringConstraints(min_length=2, max_length=60, strip_whitespace=True), Field(title="Your name")
]
Reason = Annotated[str, StringConstraints(min_length=3, max_length=500, strip_whitespace=True), Field(title="Why")]
Comment = Annotated[
    str, StringConstraints(max_length=5000, strip_whitespace=True), Field(title="Comment for the writer or the record")
]
PostNumber = Annotated[int, Field(ge=1, le=MOST_POSTS_EVER, title="Post")]
PostNumbers = Annotated[str, StringConstraints(max_length=1000), Field(title="Posts")]
Name = Annotated[str, StringConstraints(max_length=100, strip_whitespace=True)]
Asked = Annotated[str, StringConstraints(max_length=254, strip_whitespace=True), Field(title="Approver")]
Dollars = Annotated[float, Field(gt=0, le=10_000, title="Budget in US dollars")]
Text = Annotated[str, StringConstraints(max_length=MAX_TEXT), Field(title="New text")]


def _name() -> str:
    parameters = runtime.flow_run.parameters
    what = runtime.flow_run.flow_name
    return f"{what} · {parameters.get('campaign_id') or 'all'} · {parameters.get('tenant_id')}"


def _ordered(
    act: Callable[Concatenate[Store, Campaign, By, datetime, P], str],
    tenant_id: str, campaign_id: str, operator: str, reason: str,
    /, *args: P.args, **kwargs: P.kwargs,
) -> State[None]:  # fmt: skip
    """Carry out one act under the operator's name. A wrong argument is a type error."""
    by = By(operator, reason)
    ordered = carry_out.with_options(task_run_name=act.__name__)
    return _ended(
        lambda: ordered(
            tenant_id, campaign_id, lambda store, campaign, now: act(store, campaign, by, now, *args, **kwargs)
        )
    )


def _ended(act: Callable[[], str]) -> State[None]:
    """Carry out an act, and return how the run ends."""
    try:
        given = runtime.flow_run.parameters
        with telling(given.get("tenant_id", ""), given.get("campaign_id", "")):
            done = act()
    except StoreUnavailableError as error:
        advice = "look at the campaign's audit trail before you repeat it"
        return Failed(name="Unknown", message=f"It is not known whether it was done: {error}; {advice}")
    except CampaignError as error:
        return Failed(name="Refused", message=f"Nothing was changed: {error}")
    return Completed(message=done)


@flow(name="retry-campaign", flow_run_name=_name, persist_result=False)
def retry(tenant_id: TenantId, campaign_id: CampaignId, operator: Operator, reason: Reason) -> State[None]:
    """Let a failed campaign go on where it stopped. What is written stays; posts that failed are written again."""
    return _ordered(operate.retry, tenant_id, campaign_id, operator, reason)


@flow(name="regenerate-posts", flow_run_name=_name, persist_result=False)
def regenerate(
    tenant_id: TenantId,
    campaign_id: CampaignId,
    posts: PostNumbers,
    comment: Comment,
    operator: Operator,
    reason: Reason,
) -> State[None]:
    """Have posts written again, of an open round or of a failed campaign.

    Args:
        posts: Their numbers, such as 3, 5-7.
        comment: What the writer should do differently; in an open round the approvers read it too.
    """
    return _ordered(operate.regenerate, tenant_id, campaign_id, operator, reason, posts=posts, comment=comment)


@flow(name="edit-post", flow_run_name=_name, persist_result=False)
def edit(
    tenant_id: TenantId, campaign_id: CampaignId, post: PostNumber, text: Text, operator: Operator, reason: Reason
) -> State[None]:
    """Give a post under review another text. Nobody may have decided yet; whoever reads it is shown the change.

    Args:
        post: Its number.
        text: The whole new text; it is checked like the writer's.
    """
    return _ordered(acts.edit, tenant_id, campaign_id, operator, reason, post=post, text=text)


@flow(name="resend-links", flow_run_name=_name, persist_result=False)
def resend(tenant_id: TenantId, campaign_id: CampaignId, operator: Operator, reason: Reason) -> State[None]:
    """Send the approval link again to everybody who has not decided."""
    return _ordered(acts.resend, tenant_id, campaign_id, operator, reason)


@flow(name="replace-approver", flow_run_name=_name, persist_result=False)
def replace(
    tenant_id: TenantId,
    campaign_id: CampaignId,
    approver: Asked,
    operator: Operator,
    reason: Reason,
    name: Name = "",
    email: Asked = "",
) -> State[None]:
    """Make an approver's link worthless and send a new one: a link was forwarded, an address is wrong, somebody left.

    Args:
        approver: Name or e-mail of whoever was asked.
        name: Who decides instead; empty: the same person.
        email: Where the new link goes; empty: the same address.
    """
    return _ordered(acts.replace, tenant_id, campaign_id, operator, reason, approver=approver, name=name, email=email)


@flow(name="revoke-link", flow_run_name=_name, persist_result=False)
def revoke(
    tenant_id: TenantId, campaign_id: CampaignId, approver: Asked, operator: Operator, reason: Reason
) -> State[None]:
    """Make an approver's link worthless; the others decide without that one.

    Args:
        approver: Name or e-mail of whoever was asked.
    """
    return _ordered(acts.revoke, tenant_id, campaign_id, operator, reason, approver=approver)


@flow(name="extend-approval", flow_run_name=_name, persist_result=False)
def extend(
    tenant_id: TenantId,
    campaign_id: CampaignId,
    operator: Operator,
    reason: Reason,
    hours: Annotated[int, Field(ge=1, le=720, title="Hours more")] = 24,
) -> State[None]:
    """Give the approvers more time; whoever has not decided gets a new link."""
    return _ordered(acts.extend, tenant_id, campaign_id, operator, reason, hours=hours)


@flow(name="cancel-campaign", flow_run_name=_name, persist_result=False)
def cancel(tenant_id: TenantId, campaign_id: CampaignId, operator: Operator, reason: Reason) -> State[None]:
    """End a campaign that is not decided yet; its links close at once."""
    return _ordered(acts.cancel, tenant_id, campaign_id, operator, reason)


@flow(name="raise-budget", flow_run_name=_name, persist_result=False)
def raise_budget(
    tenant_id: TenantId, campaign_id: CampaignId, dollars: Dollars, operator: Operator, reason: Reason
) -> State[None]:
    """Let more be spent on a campaign; one that failed for its budget is retried after that.

    Args:
        dollars: What may be spent in all, in US dollars.
    """
    return _ordered(acts.raise_budget, tenant_id, campaign_id, operator, reason, dollars=dollars)


@flow(name="reopen-campaign", flow_run_name=_name, persist_result=False)
def reopen(tenant_id: TenantId, campaign_id: CampaignId, operator: Operator, reason: Reason) -> State[None]:
    """Put a campaign that timed out to its approvers once more, with new links."""
    return _ordered(operate.reopen, tenant_id, campaign_id, operator, reason)


@flow(name="decide-on-behalf", flow_run_name=_name, persist_result=False)
def decide(
    tenant_id: TenantId,
    campaign_id: CampaignId,
    decision: Literal["approved", "needs_revision", "rejected"],
    operator: Operator,
    reason: Reason,
    approver: Asked = "",
    comment: Comment = "",
) -> State[None]:
    """Decide in place of an approver; your name and the reason stand in the audit.

    Args:
        approver: Name or e-mail of whom you decide for; empty: in place of all, whatever approvers have said.
        comment: Needed for needs_revision and rejected.
    """
    return _ordered(
        acts.decide_for, tenant_id, campaign_id, operator, reason,
        decision=Decision(decision), approver=approver, comment=comment,
    )  # fmt: skip


@flow(name="redeliver-outbox", flow_run_name=_name, persist_result=False)
def redeliver(tenant_id: TenantId, campaign_id: CampaignId, operator: Operator, reason: Reason) -> State[None]:
    """Try again what could not be delivered and was set aside: the cause is mended."""
    return _ordered(acts.redeliver, tenant_id, campaign_id, operator, reason)


@flow(name="roll-back-campaign", flow_run_name=_name, persist_result=False)
def roll_back(tenant_id: TenantId, campaign_id: CampaignId, operator: Operator, reason: Reason) -> State[None]:
    """Undo in a failed campaign what nobody has seen: posts get the words of the last round back. Then retry."""
    return _ordered(acts.roll_back, tenant_id, campaign_id, operator, reason)


@flow(name="stop-model", flow_run_name="{operator} stops calls of the model", persist_result=False)
def stop_model(operator: Operator, reason: Reason) -> State[None]:
    """Let no plan, post or style be begun, of any tenant, until resume-model: builds wait, and nothing fails by it."""
    return _ended(lambda: operate.turn.with_options(task_run_name="stop")(stop_calls, By(operator, reason)))


@flow(name="resume-model", flow_run_name="{operator} resumes calls of the model", persist_result=False)
def resume_model(operator: Operator, reason: Reason) -> State[None]:
    """Let everything go on that waits since stop-model."""
    return _ended(lambda: operate.turn.with_options(task_run_name="resume")(resume_calls, By(operator, reason)))


@flow(name="verify-consistency", flow_run_name=_name, persist_result=False)
def verify(tenant_id: TenantId, campaign_id: Name = "") -> State[None]:
    """Check whether what is stored agrees with itself: trail, posts, rounds, decisions, outbox. Changes nothing.

    Args:
        campaign_id: One campaign; empty: all of the tenant.
    """
    try:
        count, rows = operate.verify(tenant_id, campaign_id)
    except CampaignError as error:
        return Failed(name="Refused", message=str(error))
    if not rows:
        return Completed(name="Consistent", message=f"{count} campaigns checked, everything agrees")
    for row in rows:
        get_run_logger().error("%(campaign)s: %(code)s: %(found)s", row)
    create_table_artifact(rows, key=f"consistency-{tenant_id}", description=f"{count} campaigns checked")
    return Failed(name="Inconsistent", message=f"{len(rows)} findings in {count} campaigns; see the artifact and log")
