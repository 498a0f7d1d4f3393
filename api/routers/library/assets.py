"""Files of a brand over HTTP: uploaded in parts, known by their bytes and never by their name."""

import hashlib
import json
from collections import Counter
from typing import Annotated, Any, Final

from fastapi import Body, Depends, File, Form, Query, Request, UploadFile
from fastapi.responses import Response

from api.auth.identity import Caller, needs
from api.dependencies import AssetBytes, Cursor, Now, PageSize, TheStore, resource
from api.http.json_bodies import value_of
from api.http.problems import documented, problem
from api.schemas.examples import ASSET
from api.schemas.versions import IfMatch, based, guarded
from api.schemas.wire import AssetView, SchemaOf, body_of, checked, page_of, patch_of, patched, reply, sent_page
from campaigns.errors import ConflictError, Fault, FaultsError, NotFoundError
from campaigns.model.base import new_id
from campaigns.model.library.brand import MAX_ASSET_BYTES, BrandAsset, BrandAssetInput
from campaigns.model.vocabulary import BrandAssetType
from campaigns.rules.file_types import file_type

router = resource("brands", "/brands/{brand_id}/assets", also=(404,))

Reader = Annotated[Caller, Depends(needs("brands:read"))]
Writer = Annotated[Caller, Depends(needs("brands:write"))]

AssetPage = page_of(AssetView, "BrandAssetPage")
AssetPatch = patch_of(BrandAssetInput, "BrandAssetPatch")
_PARTS: Final = frozenset({"file", "asset"})
# A downloaded file opens no page of ours and runs nothing, whatever it pretends to be.
_DOWNLOAD: Final = {"Content-Security-Policy": "default-src 'none'; sandbox; frame-ancestors 'none'"}


async def whole_form(request: Request) -> None:
    """Refuse a part that comes twice, or that nobody asked for: FastAPI would drop it without a word."""
    form = await request.form()  # read already
    counts = Counter(name for name, _ in form.multi_items())
    faults = [Fault(name, f"must come once, not {n} times", "TOO_MANY") for name, n in counts.items() if n > 1]
    faults += [Fault(name, "is not a known field", "UNKNOWN_FIELD") for name in counts if name not in _PARTS]
    if faults:
        raise FaultsError(faults)


@router.post(
    "",
    status_code=201,
    response_model=AssetView,
    summary="Upload an asset",
    responses=documented(409),
    dependencies=[Depends(whole_form)],
)
def upload_asset(
    brand_id: str,
    caller: Writer,
    store: TheStore,
    files: AssetBytes,
    now: Now,
    file: Annotated[
        UploadFile, File(description="JPEG, PNG, WebP, GIF or PDF, at most 10 MiB", examples=["%PDF-1.7 a leaflet"])
    ],
    asset: Annotated[
        str,
        Form(
            max_length=20_000,
            description="What the file is: a BrandAssetInput as JSON",
            json_schema_extra={"contentMediaType": "application/json"},
            examples=[json.dumps(ASSET)],
        ),
    ],
) -> Response:
    """Store a file and what it is. Its type is what its first bytes say; 10 MiB at most."""
    said = _read(asset)
    brand = store.brands.get(caller.tenant_id, brand_id)
    content = file.file.read(MAX_ASSET_BYTES + 1)
    if len(content) > MAX_ASSET_BYTES:
        raise problem("BRAND_FILE_TOO_LARGE", f"the file is larger than {MAX_ASSET_BYTES} bytes")
    kind = file_type(content)
    if kind is None:
        raise problem("BRAND_INVALID_FILE_TYPE", "the file is not a whole JPEG, PNG, WebP, GIF or PDF")
    store.assets.require_room(brand.tenant_id, brand.id)  # before its bytes are kept; counted when the row is written
    asset_id = new_id("asset")
    # The bytes first: a row that can be listed always has its bytes.
    key = files.put(brand.tenant_id, brand.id, asset_id, content)
    row = BrandAsset.model_validate(
        {
            **said.to_wire(),
            "id": asset_id,
            "tenantId": brand.tenant_id,
            "brandId": brand.id,
            "contentType": kind,
            "fileSize": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
            "storageKey": key,
            "createdAt": now,
            "updatedAt": now,
        }
    )
    try:
        stored = store.assets.add(row)
    except (ConflictError, NotFoundError):  # another one took the last place, or the brand went: no row will have these
        files.delete(brand.tenant_id, brand.id, asset_id)
        raise
    return reply(stored, 201, Location=f"/brands/{brand.id}/assets/{stored.id}")


def _read(text: str) -> BrandAssetInput:
    return checked(BrandAssetInput, value_of(text.encode("utf-8", "surrogatepass")), under="asset")


@router.get("", response_model=AssetPage, summary="Its assets")
def list_assets(
    brand_id: str,
    caller: Reader,
    store: TheStore,
    type_: Annotated[BrandAssetType | None, Query(alias="type")] = None,
    limit: PageSize = 50,
    cursor: Cursor = None,
) -> Response:
    """Return one page of assets, oldest first; `cursor` of a page leads to the next."""
    page = store.assets.page(caller.tenant_id, brand_id, type_=type_, limit=limit, cursor=cursor)
    return sent_page(page, body_of)


@router.get("/{asset_id}", response_model=AssetView, summary="One asset")
def read_asset(brand_id: str, asset_id: str, caller: Reader, store: TheStore) -> Response:
    store.brands.get(caller.tenant_id, brand_id)
    return reply(store.assets.get(caller.tenant_id, brand_id, asset_id))


@router.get(
    "/{asset_id}/content",
    summary="Its bytes",
    response_class=Response,
    responses={
        200: {
            "description": "The file",
            "content": {
                kind: {"schema": {"type": "string", "contentMediaType": kind}}
                for kind in ("image/jpeg", "image/png", "image/webp", "image/gif", "application/pdf")
            },
        }
    },
)
def download_asset(brand_id: str, asset_id: str, caller: Reader, store: TheStore, files: AssetBytes) -> Response:
    """Return the file, as a download."""
    store.brands.get(caller.tenant_id, brand_id)
    asset = store.assets.get(caller.tenant_id, brand_id, asset_id)
    ending = asset.content_type.rsplit("/", 1)[1]
    headers = {**_DOWNLOAD, "Content-Disposition": f'attachment; filename="{asset.id}.{ending}"'}
    return Response(
        files.get(asset.tenant_id, asset.brand_id, asset.id), media_type=asset.content_type, headers=headers
    )


@router.patch(
    "/{asset_id}", response_model=AssetView, summary="Change what an asset is", responses=documented(409, 412, 428)
)
def change_asset(
    brand_id: str,
    asset_id: str,
    caller: Writer,
    store: TheStore,
    now: Now,
    based_on: IfMatch,
    wanted: Annotated[
        dict[str, Any],
        SchemaOf(AssetPatch),
        Body(title="AssetPatch", openapi_examples={"rename": {"value": {"name": "Logo, light", "version": 1}}}),
    ],
) -> Response:
    """Replace the fields that are given, whole; for other bytes upload another asset."""
    fields, version = based(wanted, based_on)
    store.brands.get(caller.tenant_id, brand_id)
    asset = store.assets.get(caller.tenant_id, brand_id, asset_id)
    changed = patched(asset, BrandAssetInput, fields, now=now)
    with guarded(based_on):
        return reply(store.assets.update(changed, expect_version=version))


@router.delete("/{asset_id}", status_code=204, summary="Delete an asset", responses=documented(412))
def delete_asset(
    brand_id: str, asset_id: str, caller: Writer, store: TheStore, now: Now, based_on: IfMatch
) -> Response:
    """Hide an asset; it is removed with its bytes after 7 days."""
    store.brands.get(caller.tenant_id, brand_id)
    with guarded(based_on):
        store.assets.delete(caller.tenant_id, brand_id, asset_id, at=now, expect_version=based_on)
    return Response(status_code=204)
