"""Brands over HTTP: whose campaigns they are, with which rules."""

from typing import Annotated, Any, Literal

from fastapi import Body, Depends
from fastapi.responses import Response

from api.auth.identity import Caller, needs
from api.dependencies import Cursor, Now, PageSize, TheStore, resource
from api.http.problems import documented
from api.schemas.examples import BRAND
from api.schemas.versions import IfMatch, based, guarded
from api.schemas.wire import BrandView, SchemaOf, body_of, checked, made, page_of, patch_of, patched, reply, sent_page
from campaigns.model.library.brand import Brand, BrandInput

router = resource("brands", "/brands")

Reader = Annotated[Caller, Depends(needs("brands:read"))]
Writer = Annotated[Caller, Depends(needs("brands:write"))]

BrandPage = page_of(BrandView, "BrandPage")


class BrandChange(BrandInput):
    """What a client may change; a brand is archived by deleting it."""

    status: Literal["active", "inactive"] = "active"


BrandPatch = patch_of(BrandChange, "BrandPatch")


@router.post("", status_code=201, response_model=BrandView, summary="Create a brand", responses=documented(409))
def create_brand(
    caller: Writer,
    store: TheStore,
    now: Now,
    given: Annotated[
        dict[str, Any], SchemaOf(BrandInput), Body(title="BrandInput", openapi_examples={"roastery": {"value": BRAND}})
    ],
) -> Response:
    """Store a brand; its name is the tenant's only one."""
    new = made(Brand, checked(BrandInput, given), "brand", tenant_id=caller.tenant_id, now=now)
    stored = store.brands.create(new)
    return reply(stored, 201, Location=f"/brands/{stored.id}")


@router.get("", response_model=BrandPage, summary="Brands, in the order they were created")
def list_brands(caller: Reader, store: TheStore, limit: PageSize = 50, cursor: Cursor = None) -> Response:
    return sent_page(store.brands.list(caller.tenant_id, limit=limit, cursor=cursor), body_of)


@router.get("/{brand_id}", response_model=BrandView, summary="One brand", responses=documented(404))
def read_brand(brand_id: str, caller: Reader, store: TheStore) -> Response:
    return reply(store.brands.get(caller.tenant_id, brand_id))


@router.patch(
    "/{brand_id}", response_model=BrandView, summary="Change a brand", responses=documented(404, 409, 412, 428)
)
def change_brand(
    brand_id: str,
    caller: Writer,
    store: TheStore,
    now: Now,
    based_on: IfMatch,
    wanted: Annotated[
        dict[str, Any],
        SchemaOf(BrandPatch),
        Body(title="BrandPatch", openapi_examples={"pause": {"value": {"status": "inactive", "version": 1}}}),
    ],
) -> Response:
    """Replace the fields that are given, whole. Campaigns that are planned already keep what they were planned with."""
    fields, version = based(wanted, based_on)
    changed = patched(store.brands.get(caller.tenant_id, brand_id), BrandChange, fields, now=now)
    with guarded(based_on):
        return reply(store.brands.update(changed, expect_version=version))


@router.delete("/{brand_id}", status_code=204, summary="Archive a brand", responses=documented(404, 409, 412))
def delete_brand(brand_id: str, caller: Writer, store: TheStore, now: Now, based_on: IfMatch) -> Response:
    """Archive a brand that no campaign needs any more and free its name; it is removed with its assets in 30 days."""
    with guarded(based_on):
        store.brands.delete(caller.tenant_id, brand_id, at=now, expect_version=based_on)
    return Response(status_code=204)
