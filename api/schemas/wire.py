"""Entities as clients see them: without secrets, tenant or the addresses of approvers; and their schemas."""

from collections.abc import Callable, Mapping
from copy import copy
from datetime import datetime
from typing import Annotated, Any, Final, Optional, TypeVar

from fastapi.responses import JSONResponse
from pydantic import Field, GetJsonSchemaHandler, ValidationError, create_model
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from api.schemas.stages import ApprovalStanding
from campaigns.errors import FaultsError
from campaigns.model.approval import AuditEntry
from campaigns.model.base import BrandId, CampaignId, Kind, Maybe, Text100, Wire, new_id
from campaigns.model.campaign import Campaign
from campaigns.model.faults import faults_of
from campaigns.model.library.brand import Brand, BrandAsset
from campaigns.model.library.calendar_feed import CalendarFeed
from campaigns.model.library.persona import Persona, WritingExample
from campaigns.model.library.template import Occurrence, OccurrenceResult, Template, TemplateBrief
from campaigns.model.post import Post
from campaigns.model.terms.approval_terms import Approval, Stage
from campaigns.model.terms.schedule import Zone
from campaigns.store.campaign.calendar import Scheduled
from campaigns.store.items.documents import Page

T = TypeVar("T")
W = TypeVar("W", bound=Wire)
Versioned = Brand | BrandAsset | Campaign | Persona | Template


_VIEWS: Final[dict[type[Wire], type[Wire]]] = {}


def _view(model: type[Wire], name: str, *, without: set[str], **other: Any) -> type[Wire]:
    """Return the model of what a client sees of an entity, and let `body_of` show that."""
    kept = {key: field for key, field in model.model_fields.items() if key not in without}
    fields: dict[str, Any] = {key: (field.annotation, field) for key, field in kept.items()} | other
    _VIEWS[model] = create_model(name, __base__=Wire, __doc__=model.__doc__, **fields)
    return _VIEWS[model]


class ApproverView(Wire):
    """Somebody who is asked; the address stays with us."""

    name: Text100
    locale: Maybe[str] = None
    timezone: Maybe[Zone] = None


StageView = _view(Stage, "StageView", without={"approvers"}, approvers=(list[ApproverView], []))
ApprovalView = _view(
    Approval,
    "ApprovalView",
    without={"approvers", "stages"},
    approvers=(list[ApproverView], []),
    stages=(list[StageView], []),  # type: ignore[valid-type]  # made at run time
)
CampaignView = _view(
    Campaign,
    "CampaignView",
    without={"tenant_id", "approval", "deleted_at", "requester_email"},
    approval=(ApprovalView, ...),
    standing=(
        Optional[ApprovalStanding],  # noqa: UP045  # made at run time
        Field(default=None, description="Where an approval in stages is; only where one campaign is read"),
    ),
)
PostView = _view(Post, "PostView", without={"tenant_id"}, content_hash=(str, ...))
PersonaView = _view(Persona, "PersonaView", without={"tenant_id", "deleted_at"})
ExampleView = _view(WritingExample, "WritingExampleView", without={"tenant_id", "deleted_at"})
BrandView = _view(Brand, "BrandView", without={"tenant_id", "deleted_at"})
AssetView = _view(BrandAsset, "BrandAssetView", without={"tenant_id", "storage_key", "deleted_at"})
TemplateBriefView = _view(TemplateBrief, "TemplateBriefView", without={"approval"}, approval=(ApprovalView, ...))
TemplateView = _view(
    Template,
    "TemplateView",
    without={"tenant_id", "brief", "deleted_at", "requester_email"},
    brief=(TemplateBriefView, ...),
)
OccurrenceView = _view(
    Occurrence,
    "OccurrenceView",
    without={"tenant_id", "campaign", "earlier", "campaign_id"},
    campaign_id=(str | None, None),
    result=(OccurrenceResult | None, None),
)
FeedView = _view(CalendarFeed, "CalendarFeedView", without={"tenant_id", "token_digest"})
AuditView = _view(AuditEntry, "AuditEntryView", without={"tenant_id", "campaign_id"})


class CampaignOfEntry(Wire):
    """The campaign that a post of the calendar belongs to."""

    id: CampaignId
    name: str
    timezone: Zone
    brand_id: Maybe[BrandId] = None


class CalendarEntryView(Wire):
    """What goes out at a time, and for which campaign."""

    campaign: CampaignOfEntry
    post: PostView  # type: ignore[valid-type]  # made at run time


def page_of(item: type[Wire], name: str) -> type[Wire]:
    """Return the model of one page of a list."""
    return create_model(name, __base__=Wire, items=(list[item], ...), cursor=(str | None, None))  # type: ignore[valid-type]  # made at run time


def body_of(entity: Wire) -> dict[str, Any]:
    """Return of an entity what its view has."""
    shown = {field.alias for field in _VIEWS[type(entity)].model_fields.values()}
    body = {name: value for name, value in entity.to_wire().items() if name in shown}
    if isinstance(entity, Campaign):
        _hide_addresses(body["approval"])
    elif isinstance(entity, Template):
        _hide_addresses(body["brief"]["approval"])
    elif isinstance(entity, Post):
        body["contentHash"] = entity.content_hash()
    return body


def _hide_addresses(approval: dict[str, Any]) -> None:
    for asked in (approval, *approval.get("stages", [])):
        for approver in asked["approvers"]:
            approver.pop("email", None)


def occurrence_body(occurrence: Occurrence, result: OccurrenceResult | None) -> dict[str, Any]:
    body = body_of(occurrence)
    if result is None:
        del body["campaignId"]  # its campaign does not exist
        return body
    return {**body, "result": result.to_wire()}


def calendar_entry_body(entry: Scheduled) -> dict[str, Any]:
    campaign = entry.campaign
    of = CampaignOfEntry(
        id=campaign.id, name=campaign.name, timezone=campaign.schedule.timezone, brand_id=campaign.brand_id
    )
    return {"campaign": of.to_wire(), "post": body_of(entry.post)}


def sent(body: Mapping[str, Any], status: int = 200, *, version: int | None = None, **headers: str) -> JSONResponse:
    """Return an answer as it is: the schemas above are its documentation, and tests hold it to them.

    Args:
        version: of the entity in the body, for the ETag.
    """
    if version is not None:
        headers["ETag"] = f'"{version}"'
    return JSONResponse(dict(body), status_code=status, headers=headers)


def reply(entity: Versioned, status: int = 200, **headers: str) -> JSONResponse:
    """Return an entity as clients see it."""
    return sent(body_of(entity), status, version=entity.version, **headers)


def sent_page(page: Page[T], body: Callable[[T], dict[str, Any]]) -> JSONResponse:
    """Return a part of a listing; `cursor` leads to the next part, and is missing from the last one."""
    return sent({"items": [body(item) for item in page.items], **({"cursor": page.cursor} if page.cursor else {})})


def checked(model: type[W], given: object, *, under: str = "") -> W:
    """Return what was sent as a value of the model; in the thread of a route, for large bodies take a while.

    Raises:
        FaultsError: every fault, its fields beginning with `under`.
    """
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise FaultsError(faults_of(error, under=under)) from None


def made(model: type[W], said: Wire, kind: Kind, *, tenant_id: str, now: datetime, **other: Any) -> W:
    """Return a new entity: what a client said, and what the system knows; `other` by their names on the wire."""
    stamps = {"id": new_id(kind), "tenantId": tenant_id, "createdAt": now, "updatedAt": now}
    return model.model_validate({**said.to_wire(), **stamps, **other})


class SchemaOf:
    """Shows a raw body in OpenAPI as the model that it is checked with later, where all faults are gathered."""

    def __init__(self, model: type[Wire]) -> None:
        self._model = model

    def __get_pydantic_json_schema__(self, _: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return handler(self._model.__pydantic_core_schema__)


def patch_of(model: type[Wire], name: str, **other: Any) -> type[Wire]:
    """Return the model of a change: any of the fields, each whole, and the version that it is based on."""
    fields: dict[str, Any] = {}
    for key, field in model.model_fields.items():
        optional = copy(field)
        optional.default, optional.default_factory = None, None
        fields[key] = (Optional[field.annotation], optional)  # noqa: UP045 - the type is only known at run time
    version = Field(default=None, description="The version that was read; needed unless If-Match names it")
    fields["version"] = (Annotated[int, Field(ge=1)] | None, version)
    return create_model(name, __base__=Wire, __doc__="The fields to replace.", **fields, **other)


def patched(entity: W, given: type[Wire], wanted: Mapping[str, Any], *, now: datetime) -> W:
    """Return the entity with the given top-level fields replaced, checked as a whole; null sets one to its default.

    Args:
        given: the model of what a client may say of this entity; any other field is unknown to it.

    Raises:
        FaultsError: every fault of the entity as it would be.
    """
    names = set(given.model_fields)
    raw = {**entity.model_dump(mode="json", by_alias=True, exclude_none=True, include=names), **wanted}
    said = checked(given, raw)
    kept = entity.model_dump(mode="json", by_alias=True, exclude_none=True, exclude=names)
    return type(entity).model_validate({**kept, **said.to_wire()}).model_copy(update={"updated_at": now})
