"""Entities as clients see them: without secrets, tenant or the addresses of approvers; and their schemas."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import copy
from typing import Annotated, Any, Optional, TypeVar

from fastapi.responses import JSONResponse
from pydantic import Field, GetJsonSchemaHandler, ValidationError, create_model
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from campaigns.errors import Fault, FaultsError
from campaigns.model.approval import AuditEntry
from campaigns.model.approval_terms import Approval
from campaigns.model.base import Maybe, Text100, Wire
from campaigns.model.brand import Brand, BrandAsset
from campaigns.model.campaign import Campaign
from campaigns.model.faults import faults_of
from campaigns.model.persona import Persona, WritingExample
from campaigns.model.post import Post
from campaigns.model.schedule import Zone
from campaigns.model.template import Occurrence, OccurrenceResult, Template, TemplateBrief
from campaigns.store.documents import Page

T = TypeVar("T")
W = TypeVar("W", bound=Wire)


def _view(model: type[Wire], name: str, *, without: set[str], **other: Any) -> type[Wire]:
    """Return the model of what a client sees of an entity."""
    kept = {key: field for key, field in model.model_fields.items() if key not in without}
    fields: dict[str, Any] = {key: (field.annotation, field) for key, field in kept.items()} | other
    return create_model(name, __base__=Wire, __doc__=model.__doc__, **fields)


class ApproverView(Wire):
    """Somebody who is asked; the address stays with us."""

    name: Text100
    locale: Maybe[str] = None
    timezone: Maybe[Zone] = None


ApprovalView = _view(Approval, "ApprovalView", without={"approvers"}, approvers=(list[ApproverView], []))
CampaignView = _view(
    Campaign,
    "CampaignView",
    without={"tenant_id", "approval", "deleted_at", "requester_email"},
    approval=(ApprovalView, ...),
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
AuditView = _view(AuditEntry, "AuditEntryView", without={"tenant_id", "campaign_id"})


def page_of(item: type[Wire], name: str) -> type[Wire]:
    """Return the model of one page of a list."""
    return create_model(name, __base__=Wire, items=(list[item], ...), cursor=(str | None, None))  # type: ignore[valid-type]  # made at run time


def campaign_body(campaign: Campaign) -> dict[str, Any]:
    body = _without(campaign.to_wire(), "tenantId", "deletedAt", "requesterEmail")
    for approver in body["approval"]["approvers"]:
        approver.pop("email", None)
    return body


def post_body(post: Post) -> dict[str, Any]:
    return {**_without(post.to_wire(), "tenantId"), "contentHash": post.content_hash()}


def persona_body(persona: Persona) -> dict[str, Any]:
    return _without(persona.to_wire(), "tenantId", "deletedAt")


def example_body(example: WritingExample) -> dict[str, Any]:
    return _without(example.to_wire(), "tenantId", "deletedAt")


def brand_body(brand: Brand) -> dict[str, Any]:
    return _without(brand.to_wire(), "tenantId", "deletedAt")


def asset_body(asset: BrandAsset) -> dict[str, Any]:
    return _without(asset.to_wire(), "tenantId", "storageKey", "deletedAt")


def template_body(template: Template) -> dict[str, Any]:
    body = _without(template.to_wire(), "tenantId", "deletedAt", "requesterEmail")
    for approver in body["brief"]["approval"]["approvers"]:
        approver.pop("email", None)
    return body


def occurrence_body(occurrence: Occurrence, result: OccurrenceResult | None) -> dict[str, Any]:
    body = _without(occurrence.to_wire(), "tenantId", "campaign", "earlier")
    if result is None:  # its campaign does not exist
        return _without(body, "campaignId")
    return {**body, "result": result.to_wire()}


def audit_body(entry: AuditEntry) -> dict[str, Any]:
    return _without(entry.to_wire(), "tenantId", "campaignId")


def sent(body: Mapping[str, Any], status: int = 200, *, version: int | None = None, **headers: str) -> JSONResponse:
    """Return an answer as it is: the schemas above are its documentation, and tests hold it to them.

    Args:
        version: of the entity in the body, for the ETag.
    """
    if version is not None:
        headers["ETag"] = f'"{version}"'
    return JSONResponse(dict(body), status_code=status, headers=headers)


def sent_page(page: Page[T], body: Callable[[T], dict[str, Any]]) -> JSONResponse:
    """Return a part of a listing; `cursor` leads to the next part, and is missing from the last one."""
    return sent({"items": [body(item) for item in page.items], **({"cursor": page.cursor} if page.cursor else {})})


def _without(body: dict[str, Any], *names: str) -> dict[str, Any]:
    for name in names:
        body.pop(name, None)
    return body


def checked(model: type[W], given: object, *, under: str = "") -> W:
    """Return what was sent as a value of the model; in the thread of a route, for large bodies take a while.

    Raises:
        FaultsError: every fault, its fields beginning with `under`.
    """
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise FaultsError(faults_of(error, under=under)) from None


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


def take_version(wanted: Mapping[str, Any]) -> tuple[dict[str, Any], int | None]:
    """Return the fields of a change without its `version`, and the version.

    Raises:
        FaultsError: it is not a version.
    """
    fields = dict(wanted)
    version = fields.pop("version", None)
    if version is not None and (isinstance(version, bool) or not isinstance(version, int) or version < 1):
        raise FaultsError([Fault("version", "must be a whole number from 1", "OUT_OF_RANGE")])
    return fields, version


def patched(entity: W, given: type[Wire], wanted: Mapping[str, Any]) -> W:
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
    return type(entity).model_validate({**kept, **said.to_wire()})
