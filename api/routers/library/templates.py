"""Templates over HTTP: campaigns that come again, what their next occurrences will be, and what became of the last."""

from datetime import datetime
from functools import partial
from typing import Annotated, Any

from fastapi import Body, Depends, Query
from fastapi.responses import Response
from pydantic import Field, StrictBool

from api.auth.identity import Caller, needs
from api.dependencies import Cursor, Now, PageSize, TheCourier, TheStore, resource
from api.http.problems import documented
from api.schemas.examples import TEMPLATE
from api.schemas.versions import IfMatch, based, guarded
from api.schemas.wire import (
    OccurrenceView,
    SchemaOf,
    TemplateView,
    body_of,
    made,
    occurrence_body,
    page_of,
    patch_of,
    reply,
    sent,
    sent_page,
)
from campaigns import correlation
from campaigns.model.base import Maybe, Text500, Wire
from campaigns.model.library.template import Occurrence, OccurrenceStatus, Template, TemplateChange, TemplateInput
from campaigns.operations.forecasts import FORECASTS, Forecast, accepted, forecasts
from campaigns.operations.recurring import due_at, due_in, occur, one_more, paused, result_of, resumed, skip
from campaigns.rules.approval.identities import Requester
from campaigns.settings import get_settings
from campaigns.store import Store

router = resource("templates", "/templates")

Reader = Annotated[Caller, Depends(needs("templates:read"))]
Writer = Annotated[Caller, Depends(needs("templates:write"))]

TemplatePage = page_of(TemplateView, "TemplatePage")
OccurrencePage = page_of(OccurrenceView, "OccurrencePage")
TemplatePatch = patch_of(TemplateInput, "TemplatePatch")

Period = Annotated[str, Field(min_length=4, max_length=10, description="Such as 2027-W10, 2027-03 or 2027-03-09")]


class Forecasts(Wire):
    """The next occurrences of a template."""

    items: list[Forecast]


class Changes(Wire):
    """The log of a template, newest first."""

    items: list[TemplateChange]


class Pausing(Wire):
    """Why a template is paused."""

    reason: Maybe[Text500] = Field(default=None, description="Stands in the log of the template")


class Skipping(Wire):
    """What is left out."""

    period: Maybe[Period] = Field(default=None, description="Empty: the next one that is not begun")
    reason: Maybe[Text500] = Field(default=None, description="Stands with the occurrence")


class Running(Wire):
    """What is made now."""

    period: Maybe[Period] = Field(default=None, description="Empty: the period that it is now")
    another: StrictBool = Field(default=False, description="One more, where the period has one already")


DRY_RUN = "Store nothing; answer 200 with the next occurrences as they would be"


@router.post(
    "",
    status_code=201,
    response_model=TemplateView,
    summary="Create a template",
    responses={**documented(409), 200: {"model": Forecasts, "description": "What would come, with dryRun"}},
)
def create_template(
    caller: Writer,
    store: TheStore,
    now: Now,
    given: Annotated[
        dict[str, Any],
        SchemaOf(TemplateInput),
        Body(title="TemplateInput", openapi_examples={"weekly": {"value": TEMPLATE}}),
    ],
    dry_run: Annotated[bool, Query(alias="dryRun", description=DRY_RUN)] = False,
) -> Response:
    """Store a template; its name is the tenant's only one. Refused when none of its next occurrences could be made."""
    template, coming = _accepted(store, caller, given, now)
    if dry_run:
        return sent(Forecasts(items=coming).to_wire())
    requester = {"requestedBy": caller.sub, "requesterEmail": caller.email}
    new = made(Template, template, "template", tenant_id=caller.tenant_id, now=now, **requester)
    stored = store.templates.create(new, actor=caller.sub)
    return reply(stored, 201, Location=f"/templates/{stored.id}")


@router.get("", response_model=TemplatePage, summary="Templates, in the order they were created")
def list_templates(caller: Reader, store: TheStore, limit: PageSize = 50, cursor: Cursor = None) -> Response:
    return sent_page(store.templates.list(caller.tenant_id, limit=limit, cursor=cursor), body_of)


@router.get("/{template_id}", response_model=TemplateView, summary="One template", responses=documented(404))
def read_template(template_id: str, caller: Reader, store: TheStore) -> Response:
    return reply(store.templates.get(caller.tenant_id, template_id))


@router.patch(
    "/{template_id}", response_model=TemplateView, summary="Change a template", responses=documented(404, 409, 412, 428)
)
def change_template(
    template_id: str,
    caller: Writer,
    store: TheStore,
    now: Now,
    based_on: IfMatch,
    wanted: Annotated[
        dict[str, Any],
        SchemaOf(TemplatePatch),
        Body(
            title="TemplatePatch",
            openapi_examples={"later": {"value": {"window": {"anchor": "next_monday", "offset": "P1W"}, "version": 1}}},
        ),
    ],
) -> Response:
    """Replace the fields that are given, whole. Occurrences that exist stay as they are."""
    fields, version = based(wanted, based_on)
    template = store.templates.get(caller.tenant_id, template_id)
    given = template.model_dump(mode="json", by_alias=True, exclude_none=True, include=set(TemplateInput.model_fields))
    changed, _ = _accepted(store, caller, {**given, **fields}, now)
    kept = template.model_dump(mode="json", by_alias=True, exclude_none=True, exclude=set(TemplateInput.model_fields))
    mine = {"requestedBy": caller.sub, "requesterEmail": caller.email, "updatedAt": now}
    renewed = Template.model_validate({**kept, **changed.to_wire(), **mine})
    with guarded(based_on):
        stored = store.templates.update(renewed, expect_version=version, action="changed", actor=caller.sub)
    return reply(stored)


@router.delete("/{template_id}", status_code=204, summary="Delete a template", responses=documented(404, 409, 412))
def delete_template(template_id: str, caller: Writer, store: TheStore, now: Now, based_on: IfMatch) -> Response:
    """Hide the template and free its name; its campaigns stay. It is removed with its log after 30 days."""
    with guarded(based_on):
        store.templates.delete(caller.tenant_id, template_id, at=now, expect_version=based_on)
    return Response(status_code=204)


@router.get("/{template_id}/next", response_model=Forecasts, summary="Its next occurrences", responses=documented(404))
def read_next(
    template_id: str, caller: Reader, store: TheStore, now: Now, count: Annotated[int, Query(ge=1, le=12)] = FORECASTS
) -> Response:
    """Return windows, posts and warnings of the next occurrences, as things are now; nothing is paid for it."""
    template = store.templates.get(caller.tenant_id, template_id)
    coming = forecasts(store, template, default_approver=get_settings().default_approver(), now=now, count=count)
    return sent(Forecasts(items=coming).to_wire())


@router.get(
    "/{template_id}/occurrences", response_model=OccurrencePage, summary="Its occurrences", responses=documented(404)
)
def list_occurrences(
    template_id: str,
    caller: Reader,
    store: TheStore,
    limit: Annotated[int, Query(ge=1, le=50)] = 10,
    cursor: Cursor = None,
) -> Response:
    """Return what became of each time it came, the latest first: outcome, rounds, cost, and hours to the decision."""
    template = store.templates.get(caller.tenant_id, template_id)
    page = store.occurrences.list(caller.tenant_id, template.id, limit=limit, cursor=cursor)
    return sent_page(page, partial(_told, store))


@router.get("/{template_id}/changes", response_model=Changes, summary="Its log", responses=documented(404))
def read_changes(template_id: str, caller: Reader, store: TheStore) -> Response:
    """Return who changed what, the newest 100 changes first."""
    return sent(Changes(items=store.templates.changes(caller.tenant_id, template_id)).to_wire())


@router.post(
    "/{template_id}/pause", response_model=TemplateView, summary="Pause a template", responses=documented(404, 409)
)
def pause_template(
    template_id: str,
    caller: Writer,
    store: TheStore,
    now: Now,
    why: Annotated[Pausing | None, Body(openapi_examples={"summer": {"value": {"reason": "closed in August"}}})] = None,
) -> Response:
    """Let its schedules go on and make nothing, until it is resumed. A person can still have an occurrence made."""
    template = store.templates.get(caller.tenant_id, template_id)
    reason = (why.reason if why else None) or "paused by request"
    return reply(paused(store, template, actor=caller.sub, reason=reason, now=now))


@router.post(
    "/{template_id}/resume", response_model=TemplateView, summary="Resume a template", responses=documented(404, 409)
)
def resume_template(template_id: str, caller: Writer, store: TheStore, now: Now) -> Response:
    """Let a paused template go on; rejections so far count no more."""
    template = store.templates.get(caller.tenant_id, template_id)
    return reply(resumed(store, template, actor=caller.sub, now=now))


@router.post(
    "/{template_id}/skip", response_model=OccurrenceView, summary="Skip an occurrence", responses=documented(404, 409)
)
def skip_occurrence(
    template_id: str,
    caller: Writer,
    store: TheStore,
    now: Now,
    what: Annotated[Skipping | None, Body(openapi_examples={"next": {"value": {"reason": "the fair"}}})] = None,
) -> Response:
    """Leave out a period, or the next one; making it by hand later undoes it."""
    template = store.templates.get(caller.tenant_id, template_id)
    wanted = what or Skipping()
    reason = wanted.reason or "skipped by request"
    skipped = skip(store, template, period=wanted.period, actor=caller.sub, reason=reason, now=now)
    return sent(_told(store, skipped))


@router.post(
    "/{template_id}/run",
    status_code=202,
    response_model=OccurrenceView,
    summary="Make an occurrence now",
    responses=documented(404, 409),
)
def run_occurrence(
    template_id: str,
    caller: Writer,
    store: TheStore,
    courier: TheCourier,
    now: Now,
    what: Annotated[Running | None, Body(openapi_examples={"now": {"value": {"another": False}}})] = None,
) -> Response:
    """Make the occurrence of a period, also late, early, or after it was skipped; one that exists is answered as it is.

    With `overlap: queue` it may be `queued`: it is begun when the one before has ended.
    """
    template = store.templates.get(caller.tenant_id, template_id)
    wanted = what or Running()
    due = due_in(template, wanted.period) if wanted.period else due_at(template, now)
    approver, origin = get_settings().default_approver(), correlation.current.get()
    make = one_more if wanted.another else occur
    occurrence = make(
        store, template, due, by_hand=True, actor=caller.sub, default_approver=approver, correlation_id=origin, now=now
    )
    if occurrence.status is OccurrenceStatus.STARTED:
        courier.deliver(template.tenant_id, occurrence.campaign_id, wait=True)
    return sent(_told(store, occurrence), 202)


def _told(store: Store, occurrence: Occurrence) -> dict[str, Any]:
    return occurrence_body(occurrence, result_of(store, occurrence))


def _accepted(
    store: Store, caller: Caller, given: dict[str, Any], now: datetime
) -> tuple[TemplateInput, list[Forecast]]:
    return accepted(
        store,
        given,
        tenant_id=caller.tenant_id,
        requester=Requester.given(caller.sub, caller.email),
        default_approver=get_settings().default_approver(),
        now=now,
    )
