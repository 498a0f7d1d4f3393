"""Campaigns over HTTP: take a brief, change it while it may be changed, tell what became of it."""

from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import Body, Depends, Header, Query
from fastapi.responses import Response
from pydantic import Field

from api.auth.identity import Caller, needs
from api.courier import Courier
from api.dependencies import Now, PageSize, TheBacklog, TheCourier, TheStore, resource
from api.http.problems import documented
from api.motor import PrefectUnavailableError, RunFacts, run_facts
from api.routers.plan import PlanBody, plan_of
from api.schemas.examples import BRIEF
from api.schemas.execution import Execution, Known, execution_of
from api.schemas.stages import standing_of
from api.schemas.versions import IfMatch, based, guarded, require_version
from api.schemas.wire import (
    AuditView,
    CampaignView,
    PostView,
    SchemaOf,
    body_of,
    page_of,
    patch_of,
    reply,
    sent,
    sent_page,
)
from campaigns import correlation
from campaigns.approval.standing import stages_of
from campaigns.build.submission import Submission, changed, submit
from campaigns.model.base import BrandId, Maybe, PersonaId, Text500, Wire, new_id
from campaigns.model.brief import CampaignBrief
from campaigns.model.campaign import AT_REST
from campaigns.model.vocabulary import CampaignStatus, Platform
from campaigns.operations.cancelling import cancel
from campaigns.settings import get_settings

router = resource("campaigns", "/campaigns")

Reader = Annotated[Caller, Depends(needs("campaigns:read"))]
Writer = Annotated[Caller, Depends(needs("campaigns:write"))]

CampaignPage = page_of(CampaignView, "CampaignPage")
PostList = page_of(PostView, "PostList")
AuditPage = page_of(AuditView, "AuditPage")
CampaignPatch = patch_of(CampaignBrief, "CampaignPatch")

# Visible characters: a key is a name, and goes into logs of proxies.
KEY_PATTERN: Final = r"^[\x21-\x7e]{1,255}$"


class Accepted(Wire):
    """A campaign that is being built."""

    id: str
    status: CampaignStatus
    message: str
    execution_id: Maybe[str] = Field(
        default=None, description="The flow run that builds it; missing when Prefect has not taken it yet"
    )


class Cancelling(Wire):
    """Why it is cancelled."""

    reason: Maybe[Text500] = Field(default=None, description="Stands in the audit trail")


@router.post("", status_code=202, response_model=Accepted, summary="Submit a brief")
def create_campaign(
    caller: Writer,
    store: TheStore,
    courier: TheCourier,
    backlog: TheBacklog,
    now: Now,
    brief: Annotated[
        dict[str, Any],
        SchemaOf(CampaignBrief),
        Body(
            title="CampaignBrief",
            openapi_examples={"launch": {"summary": "A product launch on three platforms", "value": BRIEF}},
        ),
    ],
    idempotency_key: Annotated[
        str | None,
        Header(pattern=KEY_PATTERN, description="Your name for this request; repeating it answers the same for 7 days"),
    ] = None,
) -> Response:
    """Store the brief as a campaign and start building it.

    The same `Idempotency-Key`, or the same `metadata.externalRef`, with the same brief is the same campaign
    and answers as the first time; with another brief it is refused with 422 `IDEMPOTENCY_MISMATCH`. Once a
    campaign is deleted, its reference is free again. While too many campaigns wait to be built, a new one is refused
    with 429 `TENANT_BACKLOG_FULL` or 503 `BACKLOG_FULL`: send it again after `Retry-After`.
    """
    created = submit(
        store,
        brief,
        Submission(
            tenant_id=caller.tenant_id,
            campaign_id=new_id("campaign"),
            requested_by=caller.sub,
            requester_email=caller.email,
            idempotency_key=idempotency_key,
            correlation_id=correlation.current.get(),
        ),
        default_approver=get_settings().default_approver(),
        start_run=True,
        backlog=backlog,
        now=now,
    )
    campaign = created.campaign
    if campaign.execution_id is None and campaign.status not in AT_REST:
        # What is not delivered now, housekeeping delivers: the campaign is stored and will be built.
        courier.deliver(*campaign.ref, wait=True)
        campaign = store.campaigns.get(*campaign.ref, deleted=True)
    body = Accepted(
        id=campaign.id,
        status=campaign.status,
        message="the campaign is being built" if created.created else "this campaign was submitted before",
        execution_id=campaign.execution_id,
    )
    return sent(body.to_wire(), 202, Location=f"/campaigns/{campaign.id}")


@router.get("", response_model=CampaignPage, summary="Campaigns, newest first")
def list_campaigns(
    caller: Reader,
    store: TheStore,
    status: Annotated[CampaignStatus | None, Query()] = None,
    brand_id: Annotated[BrandId | None, Query(alias="brandId")] = None,
    limit: PageSize = 50,
    cursor: Annotated[str | None, Query(min_length=1, max_length=2000, description="From the page before")] = None,
) -> Response:
    """Return a page of campaigns; `cursor` in the answer leads to the next one."""
    page = store.campaigns.list(caller.tenant_id, status=status, brand_id=brand_id, limit=limit, cursor=cursor)
    return sent_page(page, body_of)


@router.get("/{campaign_id}", response_model=CampaignView, summary="One campaign", responses=documented(404))
def read_campaign(campaign_id: str, caller: Reader, store: TheStore) -> Response:
    """Return the campaign: its brief, its status and what was planned; of an approval in stages, where it is."""
    campaign = store.campaigns.get(caller.tenant_id, campaign_id)
    body = body_of(campaign)
    if campaign.approval.stages:
        round_ = store.approvals.current_round(*campaign.ref)
        standing = standing_of(campaign, round_, stages_of(store, round_) if round_ else [])
        body |= {"standing": standing.to_wire()} if standing else {}
    return sent(body, version=campaign.version)


@router.patch(
    "/{campaign_id}", response_model=CampaignView, summary="Change a brief", responses=documented(404, 409, 412, 428)
)
def change_campaign(
    campaign_id: str,
    caller: Writer,
    store: TheStore,
    now: Now,
    based_on: IfMatch,
    wanted: Annotated[
        dict[str, Any],
        SchemaOf(CampaignPatch),
        Body(
            title="CampaignPatch",
            openapi_examples={"rename": {"value": {"name": "Huila harvest, second lot", "version": 1}}},
        ),
    ],
) -> Response:
    """Replace the fields of the brief that are given, whole; null sets one back to its default.

    While the campaign is `planning`, or failed before it was planned, everything may change; of one that failed
    later `name`, `metadata`, `brief`, `messaging` and `budgetUSD`, and the approvers in `approval` where it failed with
    `NOBODY_MAY_DECIDE`; of any other `name` and `metadata`. A request with a field that may not change is refused
    whole.
    """
    fields, version = based(wanted, based_on)
    campaign = store.campaigns.get(caller.tenant_id, campaign_id)
    change = changed(store, campaign, fields, default_approver=get_settings().default_approver(), now=now)
    changes = {name: getattr(change.brief, name) for name in change.fields}
    if change.plan_version != campaign.plan_version:
        changes["plan_version"] = change.plan_version
    with guarded(based_on):
        if not changes:
            require_version(campaign.version, version)
            return reply(campaign)
        stored = store.campaigns.update(
            *campaign.ref, changes,
            actor=caller.sub, at=now, expect_version=version, rests_on=change.rests_on,
        )  # fmt: skip
    return reply(stored)


@router.delete("/{campaign_id}", status_code=204, summary="Delete a campaign", responses=documented(404, 409, 412))
def delete_campaign(campaign_id: str, caller: Writer, store: TheStore, now: Now, based_on: IfMatch) -> Response:
    """Hide a campaign that nobody works on; cancel one in work first. It is removed with its trail after 90 days."""
    with guarded(based_on):
        store.campaigns.delete(caller.tenant_id, campaign_id, actor=caller.sub, at=now, expect_version=based_on)
    return Response(status_code=204)


@router.post(
    "/{campaign_id}/cancel",
    response_model=CampaignView,
    summary="Cancel a campaign",
    responses=documented(404, 409, 412),
)
def cancel_campaign(
    campaign_id: str,
    caller: Writer,
    store: TheStore,
    courier: TheCourier,
    now: Now,
    based_on: IfMatch,
    why: Cancelling | None = None,
) -> Response:
    """End a campaign: its run is ended and its approval links answer 410. A cancelled one stays as it is."""
    reason = (why.reason if why else None) or "cancelled by request"
    with guarded(based_on):
        campaign = cancel(
            store, caller.tenant_id, campaign_id, actor=caller.sub, reason=reason, now=now, expect_version=based_on
        )
    courier.deliver(*campaign.ref, wait=True)
    return reply(campaign)


@router.get("/{campaign_id}/posts", response_model=PostList, summary="Its posts", responses=documented(404))
def read_posts(
    campaign_id: str,
    caller: Reader,
    store: TheStore,
    platform: Annotated[Platform | None, Query()] = None,
    persona_id: Annotated[PersonaId | None, Query(alias="personaId")] = None,
) -> Response:
    """Return all posts in calendar order."""
    campaign = store.campaigns.get(caller.tenant_id, campaign_id)
    posts = store.posts.list(*campaign.ref, platform=platform, persona_id=persona_id)
    return sent({"items": [body_of(post) for post in posts]})


@router.get("/{campaign_id}/plan", response_model=PlanBody, summary="Its plan", responses=documented(404))
def read_plan(campaign_id: str, caller: Reader, store: TheStore) -> Response:
    """Return the slots and the merged configuration, each value with where it came from."""
    return sent(plan_of(store, caller.tenant_id, campaign_id))


@router.get("/{campaign_id}/execution", response_model=Execution, summary="Its build", responses=documented(404))
def read_execution(campaign_id: str, caller: Reader, store: TheStore, courier: TheCourier) -> Response:
    """Return where the build is: steps done and to do, checkpoints with links into Prefect, open questions.

    When Prefect does not answer, `prefect.available` is false and the rest is what the store knows.
    """
    campaign = store.campaigns.get(caller.tenant_id, campaign_id)
    tenant_id = campaign.tenant_id
    round_ = store.approvals.current_round(tenant_id, campaign_id)
    known = Known(
        campaign=campaign,
        posts=store.posts.list(tenant_id, campaign_id),
        round=round_,
        decisions=store.approvals.decisions(tenant_id, campaign_id, round_.n) if round_ else [],
        stages=stages_of(store, round_) if round_ else [],
        audit=store.audit.entries(tenant_id, campaign_id),
    )
    run, answered = _run_of(campaign.execution_id, courier)
    return sent(execution_of(known, run, prefect_answered=answered))


def _run_of(execution_id: str | None, courier: Courier) -> tuple[RunFacts | None, bool]:
    if execution_id is None:
        return None, True
    ui_url = get_settings().prefect_ui_url
    try:
        return courier.ask(lambda: run_facts(UUID(execution_id), ui_url=ui_url)), True
    except PrefectUnavailableError:
        return None, False


@router.get("/{campaign_id}/audit", response_model=AuditPage, summary="Its audit trail", responses=documented(404))
def read_audit(
    campaign_id: str,
    caller: Reader,
    store: TheStore,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    cursor: Annotated[str | None, Query(min_length=1, max_length=2000, description="From the page before")] = None,
) -> Response:
    """Return who did what and when, oldest first; each entry names the hash of the one before."""
    campaign = store.campaigns.get(caller.tenant_id, campaign_id)
    page = store.audit.page(*campaign.ref, limit=limit, cursor=cursor)
    return sent_page(page, body_of)
